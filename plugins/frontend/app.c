/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frontend - the application's page, and what the page asks for.
 *
 *	GET /                            the page, from data_dir/frontend/app
 *	GET /api/distance?location=P     what gateway says, and in `traceresponse` which trace it was
 *	GET /api/iss, /api/suggest?q=    for the live map and while typing (api.h)
 *	GET /api/trace?trace_id=         what the station has of a trace
 *	GET /api/about                   where the station is, and whose data this is
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "files.h"
#include <cupola/service.h>
#include <cupola/url.h>
#include <otel/semconv.h>

#define MAX_URL 4096

struct frontend {
	const struct svc_host *host;
	const char *gateway_url, *station_url; /* borrowed from the host */
	int timeout_ms;
	struct satellite iss;
	struct gazetteer *places;
	struct files *files; /* NULL: no page was installed */
	struct otel_counter *incoming_requests;
};

/* Tells the caller which trace the answer came of: W3C Trace Context level 2 draft, `traceresponse`. */
static void
add_traceresponse(struct svc_request *req)
{
	const struct otel_span_context *context = otel_span_context(otel_span_current());
	char trace_id[33], span_id[17], value[64];

	if (!(context->flags & OTEL_TRACE_FLAG_SAMPLED))
		return; /* no span, or one that nobody keeps */
	otel_trace_id_format(context->trace_id, trace_id);
	otel_span_id_format(context->span_id, span_id);
	snprintf(value, sizeof value, "00-%s-%s-%02x", trace_id, span_id, context->flags);
	svc_reply_header(req, "traceresponse", value);
}

/* What came of a call, as the attribute that the semantic conventions have for it. */
static struct otel_attribute
outcome(const struct svc_response *rsp)
{
	if (rsp->status)
		return OTEL_INT(OTEL_HTTP_RESPONSE_STATUS_CODE, rsp->status);
	return OTEL_STR(OTEL_ERROR_TYPE, rsp->error == -ETIMEDOUT ? "timeout" : "_OTHER");
}

/* Says in the telemetry what gateway answered. */
static void
note_outcome(const struct frontend *frontend, const struct svc_response *rsp)
{
	bool refused = rsp->status >= 400 && rsp->status <= 499; /* the asker's mistake */

	otel_span_set(otel_span_current(), outcome(rsp));
	if (rsp->status == 200) {
		otel_log(frontend->host->logger, OTEL_INFO, "gateway gave an answer");
		return;
	}
	otel_log(frontend->host->logger, refused ? OTEL_WARN : OTEL_ERROR,
	         "gateway gave no answer", outcome(rsp));
	otel_span_set_status(otel_span_current(), OTEL_STATUS_ERROR, rsp->message);
}

static int
reply_distance(const struct frontend *frontend, struct svc_request *req)
{
	const char *location = svc_query(req, "location");
	char url[MAX_URL];
	struct svc_call call = { .url = url, .timeout_ms = frontend->timeout_ms };
	const char *type;

	OTEL_SPAN(span, frontend->host->tracer, "asking-gateway");
	otel_counter_add(frontend->incoming_requests, 1);
	add_traceresponse(req);
	svc_reply_header(req, "Cache-Control", "no-store");
	if (svc_url(url, sizeof url, frontend->gateway_url) < 0 ||
	    svc_url_add(url, sizeof url, "location", location ? location : "") < 0) {
		otel_log(frontend->host->logger, OTEL_WARN, "the location is too long");
		return svc_reply_text(req, 400, "The location is too long\n");
	}

	SVC_RESPONSE(rsp, svc_http(frontend->host, &call));
	note_outcome(frontend, rsp);
	if (rsp->status >= 200) {
		type = svc_response_header(rsp, "content-type");
		return svc_reply(req, rsp->status,
		                 type ? type : "application/octet-stream", rsp->body,
		                 rsp->len);
	}
	if (rsp->error == -ETIMEDOUT)
		return svc_reply_text(req, 504, "gateway did not answer in time\n");
	return svc_reply_text(req, 502, "gateway did not answer\n");
}

/*
 * Spans of one trace, in OTLP/JSON. Asked for here and not by the page, so that a page asks its own service
 * alone, whatever the station's address is for the browser.
 */
static int
reply_trace(const struct frontend *frontend, struct svc_request *req)
{
	const char *trace_id = svc_query(req, "trace_id");
	char url[MAX_URL];
	struct svc_call call = { .url = url, .timeout_ms = 2000, .max_body = 4 << 20 };

	if (!trace_id || strlen(trace_id) != 32 ||
	    strspn(trace_id, "0123456789abcdef") != 32)
		return svc_reply_text(req, 400, "trace_id is 32 hexadecimal digits\n");
	if ((size_t)snprintf(url, sizeof url, "%s%s", frontend->station_url,
	                     "/api/telemetry/spans") >= sizeof url ||
	    svc_url_add(url, sizeof url, "trace_id", trace_id) < 0)
		return svc_reply_text(req, 500, "station_url is too long\n");
	SVC_RESPONSE(rsp, svc_http(frontend->host, &call));
	svc_reply_header(req, "Cache-Control", "no-store");
	if (rsp->status != 200)
		return svc_reply_text(req, 502, "the station did not answer\n");
	return svc_reply(req, 200, "application/json", rsp->body, rsp->len);
}

static int
reply_about(const struct frontend *frontend, struct svc_request *req)
{
	return svc_reply_json(
		req, 200,
		json_pack(
			"{s:s, s:s}", "station_url", frontend->station_url, "attribution",
			"Place names and coordinates: GeoNames (https://www.geonames.org), licensed "
			"under CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/); selection "
			"and format changed."));
}

static bool
is_get(struct svc_request *req)
{
	return strcmp(req->method, "GET") == 0 || strcmp(req->method, "HEAD") == 0;
}

static int
frontend_handle(void *self, struct svc_request *req)
{
	struct frontend *frontend = self;

	if (strncmp(req->path, "/api/", 5) == 0 && !is_get(req)) {
		svc_reply_header(req, "Allow", "GET, HEAD");
		return svc_reply_text(req, 405, "answers are asked for by GET\n");
	}
	if (strcmp(req->path, "/api/distance") == 0)
		return reply_distance(frontend, req);
	if (strcmp(req->path, "/api/iss") == 0)
		return api_iss(req, &frontend->iss);
	if (strcmp(req->path, "/api/suggest") == 0)
		return api_suggest(req, frontend->places);
	if (strcmp(req->path, "/api/trace") == 0)
		return reply_trace(frontend, req);
	if (strcmp(req->path, "/api/about") == 0)
		return reply_about(frontend, req);
	if (!frontend->files)
		return svc_reply_text(
			req, 404,
			"the page is not installed; the answers are under /api\n");
	return files_reply(frontend->files, req);
}

static void
frontend_stop(void *self)
{
	struct frontend *frontend = self;

	files_free(frontend->files);
	gazetteer_free(frontend->places);
	free(frontend);
}

/* The setting, or what was installed when it is empty. */
static const char *
data_file(const struct svc_host *host, const char *key, const char *name, char *path,
          size_t size)
{
	const char *setting = svc_config(host, key);

	if (*setting)
		return setting;
	snprintf(path, size, "%s/%s", host->data_dir, name);
	return path;
}

/* A page that is missing is no reason not to answer questions. */
static int
load_page(struct frontend *frontend, struct svc_error *err)
{
	struct svc_error page_err = { 0 };
	char dir[4096];
	int r;

	snprintf(dir, sizeof dir, "%s/frontend/app", frontend->host->data_dir);
	r = files_new(dir, &frontend->files, &page_err);
	if (r == -ENOENT) {
		svc_log(frontend->host, SVC_WARN, "no page: %s", page_err.message);
		return 0;
	}
	if (r < 0)
		return svc_error_set(err, r, "%s", page_err.message);
	return 0;
}

static int
frontend_start(const struct svc_host *host, void **self, struct svc_error *err)
{
	struct frontend *frontend = calloc(1, sizeof *frontend);
	char path[4096];
	int r;

	if (!frontend)
		return svc_error_set(err, -ENOMEM, "out of memory");
	frontend->host = host;
	frontend->gateway_url = svc_config(host, "gateway_url");
	frontend->station_url = svc_config(host, "station_url");
	frontend->timeout_ms = (int)svc_config_int(host, "timeout");
	frontend->incoming_requests = otel_counter_new(host->meter, "incoming.requests",
	                                               "{request}", "requests received");
	r = satellite_load(data_file(host, "elements", "iss.tle", path, sizeof path),
	                   &frontend->iss, err);
	if (r == 0)
		r = gazetteer_load(
			data_file(host, "places", "cities.tsv", path, sizeof path),
			&frontend->places, err);
	if (r == 0)
		r = load_page(frontend, err);
	if (r < 0) {
		frontend_stop(frontend);
		return r;
	}
	*self = frontend;
	return 0;
}

static const struct svc_key frontend_keys[] = {
	{ "gateway_url", SVC_URL, "http://127.0.0.1:5001/", "where gateway is" },
	{ "station_url", SVC_URL, "http://127.0.0.1:5050",
	  "where the page finds traces" },
	{ "timeout", SVC_DURATION, "10s", "how long to wait for gateway" },
	{ "elements", SVC_STRING, "",
	  "file of orbital elements for the map; empty: those that came along" },
	{ "places", SVC_STRING, "",
	  "file of places for suggestions; empty: those that came along" },
	{ .name = NULL },
};

SVC_PLUGIN = { SVC_ABI,
	       .name = "frontend",
	       .version = "1.0.0",
	       .flags = SVC_CONCURRENT,
	       .keys = frontend_keys,
	       .start = frontend_start,
	       .handle = frontend_handle,
	       .stop = frontend_stop };
