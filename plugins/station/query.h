/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/query.h - GET /api/telemetry/{traces,spans,logs,metrics}: what is held, as OTLP/JSON.
 *
 * Parameters: service, trace_id (32 hex digits), span_id, name, q (a text in any of its strings), severity
 * (the least severity number of a log record), since (a duration such as 5m, or Unix
 * seconds, milliseconds or nanoseconds; compared with the time of arrival), limit (1000 by default; the
 * newest), follow=true (JSON lines: what is there, then what arrives).
 */
#ifndef STATION_QUERY_H
#define STATION_QUERY_H

#include "buf.h"
#include "store.h"
#include <cupola/service.h>

/* Answers a request below /api/telemetry/. `arrived` is set by whoever adds to the store. [fiber] */
int query_handle(struct svc_request *req, struct store *store, struct svc_event *arrived);

/* Appends {"resourceSpans":[...]} or its like of `n` items of one signal; sorts them by their owners. */
void query_write(struct buf *buf, int signal, const struct store_item **items, size_t n);

/* Reads `since`; 0 and *unix_ns, or -EINVAL. */
OTEL_MUST_USE int query_since(const char *text, uint64_t now_unix_ns, uint64_t *unix_ns);
/* Reads `len` bytes of hexadecimal id. */
OTEL_MUST_USE bool query_id(const char *text, uint8_t *id, size_t len);

uint64_t station_now(void); /* Unix nanoseconds */

#endif
