/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/receive.h - OTLP/HTTP (protobuf, JSON) and OTLP/gRPC requests into the store.
 *
 * Whatever is wrong with a request is said to its sender in the form that its protocol has for it, and
 * remembered, so that the page can say why nothing arrives.
 */
#ifndef STATION_RECEIVE_H
#define STATION_RECEIVE_H

#include "buf.h"
#include "forward.h"
#include "store.h"
#include <cupola/service.h>

struct receiver;

OTEL_MUST_USE int receiver_new(const struct svc_host *host, struct store *store,
                               struct svc_event *arrived, struct forward *forward,
                               struct receiver **out);
/* Whether something was sent to this host:port; an environment_is_here. */
bool receiver_is_named(const void *receiver, const char *authority);
void receiver_free(struct receiver *receiver); /* NULL is fine */

/* Whether this is a path of OTLP, by HTTP or gRPC. */
bool receiver_wants(const struct svc_request *req);
/* [fiber] */
int receiver_handle(struct receiver *receiver, struct svc_request *req);
/* Notes a request that is none of OTLP's, sent to a port of OTLP's, and answers what to do instead. */
int receiver_refuse(struct receiver *receiver, struct svc_request *req);

/* Writes "POST /v1/traces: why", of the newest request that was refused since; false when none was. */
bool receiver_refusal(const struct receiver *receiver, uint64_t since_unix_ns, char *out,
                      size_t size);
/* Appends {"reachedBy":[..],"signals":[..],"errors":[..]}: by which host:port, what came in which way, the last mistakes. */
void receiver_write(const struct receiver *receiver, struct buf *buf);

#endif
