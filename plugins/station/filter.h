/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/filter.h - which items a request asks for.
 *
 * Parameters: service, trace_id (32 hex digits), span_id, name, q (a text in any of its strings), severity
 * (the least severity of a log record, as a number or a name), since (a duration such as 5m, or Unix
 * seconds, milliseconds or nanoseconds; compared with the time of arrival), limit (1000 by default; the
 * newest), max_series (metrics with no more points than that at once), every (of cumulative metrics one point in
 * so long, such as 5s, and the newest), follow=true.
 */
#ifndef STATION_FILTER_H
#define STATION_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"
#include <cupola/service.h>

struct filter {
	int signal;
	bool whole_traces, follow;
	const char *service, *name, *text;
	unsigned min_severity;
	bool has_trace, has_span;
	uint8_t trace_id[16], span_id[8];
	uint64_t since;
	size_t limit, max_series; /* max_series 0: any number */
	uint64_t every_ns;        /* 0: all */
};

/* Reads the request's parameters; text is borrowed from it. Returns NULL, or the sentence that says what is wrong. */
const char *filter_read(struct svc_request *req, struct filter *f);
/* Whether a span has this attribute with this value, written as text, whatever the case. */
bool filter_span_has(const struct store_item *span, const char *key, size_t key_len,
                     const char *value);
bool filter_matches(const struct filter *f, const struct store_item *item);

/* Reads `since`; 0 and *unix_ns, or -EINVAL. */
OTEL_MUST_USE int query_since(const char *text, uint64_t now_unix_ns, uint64_t *unix_ns);
/* Reads `len` bytes of hexadecimal id. */
OTEL_MUST_USE bool query_id(const char *text, uint8_t *id, size_t len);

uint64_t station_now(void); /* Unix nanoseconds */

#endif
