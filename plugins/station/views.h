/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/views.h - summaries for the page: traces, services, what is arriving, and the push channel.
 */
#ifndef STATION_VIEWS_H
#define STATION_VIEWS_H

#include "forward.h"
#include "receive.h"
#include "store.h"
#include <cupola/service.h>

/*
 * GET /api/traces?service=&q=&errors=true&min_ms=&since=&limit=: one line a trace, the last touched first:
 * {"traces":[{"traceId","name","path"?,"service","services":[..],"startUnixNano","durationNano","spans","errors",
 * "logs","complete"}],"more","held"}. `complete` is whether a root span has arrived. The search ends
 * once `limit` traces are found: `more` is whether there may be others, `held` how many there are in all.
 */
int views_traces(struct svc_request *req, struct store *store);
/*
 * GET /api/services: {"services":[{"name","spans","errors","logs","metrics","lastUnixNano","requests":[..],
 * "failed":[..],"p95Nano":[..]}],"slotSeconds"}: the lists are of the server spans of the last ten
 * minutes, the oldest slot first, and empty for a service that has none.
 */
int views_services(struct svc_request *req, const struct store *store);
/* GET /api/status */
int views_status(struct svc_request *req, const struct store *store,
                 const struct receiver *receiver, const struct forward *forward);
/* GET /api/events: server-sent events, {"seq","spans","logs","metrics"}, at most five a second. [fiber] */
int views_events(struct svc_request *req, const struct store *store,
                 struct svc_event *arrived);

#endif
