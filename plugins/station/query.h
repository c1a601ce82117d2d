/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/query.h - GET /api/telemetry/{traces,spans,logs,metrics}: what is held, as OTLP/JSON.
 *
 * Parameters: see filter.h. With follow=true the answer is JSON lines: what is there, then what arrives.
 */
#ifndef STATION_QUERY_H
#define STATION_QUERY_H

#include "buf.h"
#include "filter.h"
#include "store.h"
#include <cupola/service.h>

/* Answers a request below /api/telemetry/. `arrived` is set by whoever adds to the store. [fiber] */
int query_handle(struct svc_request *req, struct store *store, struct svc_event *arrived);

/* Appends {"resourceSpans":[...]} or its like of `n` items of one signal; sorts them by their owners. */
void query_write(struct buf *buf, int signal, const struct store_item **items, size_t n);

#endif
