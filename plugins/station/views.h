/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/views.h - summaries for the page: traces, services, what is arriving, and the push channel.
 */
#ifndef STATION_VIEWS_H
#define STATION_VIEWS_H

#include "buf.h"
#include "forward.h"
#include "receive.h"
#include "store.h"
#include <cupola/service.h>

/* Answers with the JSON, or 503 when its making failed. Takes what buf holds. */
int views_reply(struct svc_request *req, struct buf *buf);

/*
 * GET /api/traces?service=&q=&errors=true&min_ms=&since=&limit=: one line a trace, the last touched first:
 * {"traces":[{"traceId","name","path"?,"service","services":[..],"startUnixNano","durationNano","spans","errors",
 * "logs","complete"}],"more","held"}. `complete` is whether a root span has arrived. The search ends
 * once `limit` traces are found: `more` is whether there may be others, `held` how many there are in all.
 */
int views_traces(struct svc_request *req, struct store *store);
/*
 * GET /api/services: {"services":[{"name","spans","errors","logs","metrics","lastUnixNano","about","requests":[..],
 * "failed":[..],"p95Nano":[..]}],"slotSeconds"}: the lists are of the server spans of the last ten
 * minutes, the oldest slot first, and empty for a service that has none. `about` has the attributes of its newest
 * resource that tell version, environment, instance and SDK.
 */
int views_services(struct svc_request *req, const struct store *store);
/*
 * GET /api/resources?service=: {"resources":[{"resource":{..},"schemaUrl"?,"scopes":[{..}],"items","firstUnixNano",
 * "lastUnixNano"}]}: each resource with which something of the service is held.
 */
int views_resources(struct svc_request *req, const struct store *store);
/*
 * GET /api/lifecycle?service=: {"events":[{"service","arrivedUnixNano","record":{..}}]}: what the host told of its
 * plugins, as OTLP log records, the newest first.
 */
int views_lifecycle(struct svc_request *req, const struct store *store);
/*
 * GET /api/logs/counts, with the filters of /api/telemetry/logs: {"fromUnixNano","slotSeconds","debug":[..],
 * "info":[..],"warn":[..],"error":[..]}: log records by time and severity, over 15 minutes or from `since` on.
 */
int views_log_counts(struct svc_request *req, const struct store *store);
/*
 * GET /api/metrics, with the filters of /api/telemetry/metrics: {"metrics":[{"name","service","type","series",
 * "lastUnixNano","everyNano"?,"widest"?:{"key","values"}}]}: a line for each metric of each resource and scope.
 * `series` is how many points came last; `widest` names the attribute with most values when they are many.
 */
int views_metrics(struct svc_request *req, const struct store *store);
/* GET /api/status */
int views_status(struct svc_request *req, const struct store *store,
                 const struct receiver *receiver, const struct forward *forward);
/* GET /api/events: server-sent events, {"seq","spans","logs","metrics","lifecycle"}, at most five a second. [fiber] */
int views_events(struct svc_request *req, const struct store *store,
                 struct svc_event *arrived);

#endif
