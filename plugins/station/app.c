/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugins/station/app.c - the station: receives OTLP, keeps a bounded store, shows it.
 *
 *	4317, 4318 (label otlp) ── receive.c ──► store.c ──► query.c   /api/telemetry, OTLP/JSON
 *	                               │            ├──────► views.c   summaries and events for the page
 *	                               │            └──────► check*.c  assertions over what arrives
 *	                               └──► forward.c  to a Collector, when told
 *	5050 (label page) ── the page's files, and the API
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check-api.h"
#include "files.h"
#include "forward.h"
#include "origin.h"
#include "query.h"
#include "receive.h"
#include "store.h"
#include "views.h"
#include <cupola/service.h>

struct station {
	const struct svc_host *host;
	struct store *store;
	struct svc_event *arrived;
	struct forward *forward; /* NULL: nothing is passed on */
	struct receiver *receiver;
	struct files *files;
	struct checks checks;
};

static void
station_stop(void *self)
{
	struct station *station = self;

	files_free(station->files);
	receiver_free(station->receiver);
	forward_free(station->forward);
	if (station->arrived)
		svc_event_free(station->host, station->arrived);
	store_free(station->store);
	free(station);
}

static int
station_start(const struct svc_host *host, void **self, struct otel_error *err)
{
	struct station *station = calloc(1, sizeof *station);
	const char *forward = svc_config(host, "forward");
	char dir[4096];
	int r = -ENOMEM;

	if (!station)
		return otel_error_set(err, -ENOMEM, "out of memory");
	station->host = host;
	station->store = store_new((size_t)svc_config_int(host, "budget"));
	station->arrived = svc_event_new(host);
	if (!station->store || !station->arrived)
		goto fail;
	if (*forward) {
		r = forward_new(host, forward, &station->forward, err);
		if (r < 0)
			goto fail;
	}
	snprintf(dir, sizeof dir, "%s/frontend/station", host->data_dir);
	r = files_new(dir, &station->files, err);
	if (r < 0)
		goto fail;
	r = receiver_new(host, station->store, station->arrived, station->forward,
	                 &station->receiver);
	if (r < 0)
		goto fail;
	station->checks = (struct checks){ .store = station->store,
		                           .arrived = station->arrived,
		                           .receiver = station->receiver };
	*self = station;
	return 0;
fail:
	station_stop(station);
	return otel_error_set(err, r, "out of memory");
}

static int
clear(struct station *station, struct svc_request *req)
{
	if (strcmp(req->method, "POST") != 0) {
		svc_reply_header(req, "Allow", "POST");
		return svc_reply_text(req, 405, "clearing is done by POST\n");
	}
	if (!web_is_same_origin(req))
		return svc_reply_text(req, 403,
		                      "only the station's own page may clear it\n");
	store_clear(station->store);
	svc_event_set(station->host, station->arrived);
	return svc_reply(req, 204, NULL, NULL, 0);
}

static int
page(struct station *station, struct svc_request *req)
{
	const char *path = req->path;

	if (!web_host_is_ours(req, svc_config(station->host, "hosts")))
		return svc_reply_text(
			req, 403,
			"This station does not answer to that name in the address. Use localhost or\n"
			"an IP address, or add the name to `hosts` in [plugin station].\n");
	if (!strcmp(path, "/api/clear"))
		return clear(station, req);
	if (!strcmp(path, "/api/check"))
		return check_handle(&station->checks, req);
	if (!strncmp(path, "/api/", 5) && strcmp(req->method, "GET") != 0 &&
	    strcmp(req->method, "HEAD") != 0) {
		svc_reply_header(req, "Allow", "GET, HEAD");
		return svc_reply_text(req, 405, "the API is asked by GET\n");
	}
	if (!strncmp(path, "/api/telemetry/", 15))
		return query_handle(req, station->store, station->arrived);
	if (!strcmp(path, "/api/traces"))
		return views_traces(req, station->store);
	if (!strcmp(path, "/api/services"))
		return views_services(req, station->store);
	if (!strcmp(path, "/api/resources"))
		return views_resources(req, station->store);
	if (!strcmp(path, "/api/lifecycle"))
		return views_lifecycle(req, station->store);
	if (!strcmp(path, "/api/logs/counts"))
		return views_log_counts(req, station->store);
	if (!strcmp(path, "/api/metrics"))
		return views_metrics(req, station->store);
	if (!strcmp(path, "/api/status"))
		return views_status(req, station->store, station->receiver,
		                    station->forward);
	if (!strcmp(path, "/api/events"))
		return views_events(req, station->store, station->arrived);
	if (!strncmp(path, "/api/", 5))
		return svc_reply_text(req, 404, "no such call\n");
	return files_reply(station->files, req);
}

static int
station_handle(void *self, struct svc_request *req)
{
	struct station *station = self;

	if (receiver_wants(req))
		return receiver_handle(station->receiver, req);
	if (!strcmp(req->listener, "otlp"))
		return receiver_refuse(station->receiver, req);
	return page(station, req);
}

static const struct svc_key keys[] = {
	{ "budget", SVC_SIZE, "256M",
	  "memory for what has arrived; the oldest goes first" },
	{ "forward", SVC_STRING, "",
	  "base URL of an OTLP/HTTP receiver that gets everything too" },
	{ "cors", SVC_STRING, "",
	  "origins whose pages may send OTLP, besides this machine's; * for all" },
	{ "hosts", SVC_STRING, "",
	  "names by which the page is reached, besides addresses and localhost" },
	{ .name = NULL },
};

SVC_PLUGIN = {
	SVC_ABI,
	.name = "station",
	.version = PACKAGE_VERSION,
	.flags = SVC_STATEFUL, /* what it has received */
	.keys = keys,
	.start = station_start,
	.handle = station_handle,
	.stop = station_stop,
};
