/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/forward.h - passes on what was received, to a Collector for instance.
 *
 * Bodies are queued as they came (decompressed) and posted one after the other by OTLP/HTTP. The queue is
 * bounded: what does not fit or is refused is dropped and counted, and the sender is not kept waiting.
 */
#ifndef STATION_FORWARD_H
#define STATION_FORWARD_H

#include <cupola/service.h>

/* In the Via header of what is passed on; what bears it is not passed on again. */
#define FORWARD_VIA "cupola-station"

struct forward;

struct forward_stats {
	uint64_t sent, dropped, failed;
	size_t queued, queued_bytes;
	char last_error[200]; /* "" while all goes well */
};

/* `url` is the base, http:// or https://: URL/v1/traces and so on. Starts a fiber. */
OTEL_MUST_USE int forward_new(const struct svc_host *host, const char *url,
                              struct forward **out, struct otel_error *err);
/* Once nothing runs any more; NULL is fine. */
void forward_free(struct forward *forward);

/* Queues a copy of a request of `signal` ("traces", "metrics", "logs"). NULL is fine and does nothing. */
void forward_add(struct forward *forward, const char *signal, const char *content_type,
                 const void *body, size_t len);
void forward_get_stats(const struct forward *forward, struct forward_stats *out);

#endif
