/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iss-distance-service - how far a place on the ground is from the International Space Station.
 *
 *	GET /?latitude=49.87&longitude=8.65
 *	200 {"distance": 5432.1, "location": {"latitude": -12.3, "longitude": 45.6}}
 *
 * The distance is in kilometres, over the ground, to the point below the station; location is that
 * point, and comes from a service in the shape of http://api.open-notify.org/iss-now.json. When that
 * fails, so does the answer: a position is never made up.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "coordinates.h"
#include "geodesic.h"
#include <cupola/service.h>
#include <otel/semconv.h>

struct iss {
	const struct svc_host *host;
	const char *position_url; /* borrowed from the host */
	int timeout_ms;
	struct otel_counter *incoming_requests, *iss_requests;
	struct otel_histogram *iss_request_duration;
};

/* Seconds of a clock that only goes forward. */
static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What came of a call, as the attribute that the semantic conventions have for it. */
static struct otel_attribute
outcome(const struct svc_response *rsp)
{
	if (rsp->status)
		return OTEL_INT(OTEL_HTTP_RESPONSE_STATUS_CODE, rsp->status);
	return OTEL_STR(OTEL_ERROR_TYPE, rsp->error == -ETIMEDOUT ? "timeout" : "_OTHER");
}

/* Asks where the station is. 0, -ETIMEDOUT, or another negative errno: then there is no position. */
static int
get_iss_coordinates(struct iss *iss, struct coordinates *out)
{
	OTEL_SPAN(span, iss->host->tracer, "getting-iss-coordinates");
	struct svc_call call = { .url = iss->position_url,
		                 .timeout_ms = iss->timeout_ms };
	double begun = seconds();
	/* Suspends this request, not the thread: others are served meanwhile. */
	SVC_RESPONSE(rsp, svc_http(iss->host, &call));
	int r = rsp->error;

	otel_counter_add(iss->iss_requests, 1, outcome(rsp));
	otel_histogram_record(iss->iss_request_duration, seconds() - begun, outcome(rsp));
	otel_span_set(span, OTEL_STR(OTEL_HTTP_REQUEST_METHOD, "GET"),
	              OTEL_STR(OTEL_URL_FULL, iss->position_url), outcome(rsp));

	if (r == 0 && rsp->status != 200)
		r = -EBADMSG;
	if (r == 0)
		r = coordinates_from_json(rsp->body, rsp->len, out);
	if (r < 0) {
		otel_log(iss->host->logger, OTEL_ERROR, "no position of the ISS",
		         outcome(rsp));
		return otel_span_fail(span, r, "no position of the ISS");
	}
	otel_span_set(span, OTEL_STRF("iss.position", "%.4f,%.4f", out->latitude,
	                              out->longitude));
	return 0;
}

/* Answers one request: how far is the station from the place that it names? */
static int
api(struct iss *iss, struct svc_request *req)
{
	struct coordinates here, station;
	const char *problem = coordinates_from_query(req, &here);
	double km;
	int r;

	if (problem) {
		otel_log(iss->host->logger, OTEL_WARN, "bad latitude or longitude");
		return svc_reply_text(req, 400, problem);
	}

	r = get_iss_coordinates(iss, &station);
	if (r < 0)
		otel_span_fail(otel_span_current(), r, "no position of the ISS");
	if (r == -ETIMEDOUT)
		return svc_reply_text(req, 504,
		                      "the ISS position service took too long\n");
	if (r < 0)
		return svc_reply_text(req, 502,
		                      "the ISS position service gave no position\n");

	km = geodesic_km(&here, &station);
	otel_span_set(otel_span_current(), OTEL_DOUBLE("iss.distance", km));
	otel_log(iss->host->logger, OTEL_INFO, "calculated the distance of the ISS",
	         OTEL_DOUBLE("iss.distance", km));
	return svc_reply_json(req, 200, distance_as_json(km, &station));
}

/* The host calls this for each request, in a fiber of its own. */
static int
iss_handle(void *self, struct svc_request *req)
{
	struct iss *iss = self;

	OTEL_SPAN(span, iss->host->tracer, "calculating-iss-distance");
	otel_counter_add(iss->incoming_requests, 1);
	return api(iss, req);
}

/* Upper bounds of the buckets, in seconds: next door it takes less than a millisecond, far away a second. */
static const double iss_request_bounds[] = { 0.0001, 0.00025, 0.0005, 0.001, 0.0025,
	                                     0.005,  0.01,    0.1,    1,     5 };

/* The host calls this once, before the first request: the place for what is kept between requests. */
static int
iss_start(const struct svc_host *host, void **self, struct svc_error *err)
{
	struct iss *iss = calloc(1, sizeof *iss);

	if (!iss)
		return svc_error_set(err, -ENOMEM, "out of memory");
	iss->host = host;
	iss->position_url = svc_config(host, "position_url");
	iss->timeout_ms = (int)svc_config_int(host, "timeout");
	iss->incoming_requests = otel_counter_new(host->meter, "incoming.requests",
	                                          "{request}", "requests received");
	iss->iss_requests = otel_counter_new(host->meter, "iss.requests", "{request}",
	                                     "requests to the ISS position service");
	iss->iss_request_duration = otel_histogram_new(
		host->meter, "iss.request.duration", "s",
		"how long the ISS position service took", iss_request_bounds,
		sizeof iss_request_bounds / sizeof iss_request_bounds[0]);
	*self = iss;
	return 0;
}

/* And this once, after the last. */
static void
iss_stop(void *self)
{
	free(self);
}

/* What host.conf may say in [plugin iss-distance-service]. */
static const struct svc_key iss_keys[] = {
	{ "position_url", SVC_URL, "http://127.0.0.1:5004/iss-now.json",
	  "where the ISS is: a service in the shape of open-notify's" },
	{ "timeout", SVC_DURATION, "3s", "how long to wait for it" },
	{ .name = NULL },
};

SVC_PLUGIN = { SVC_ABI,
	       .name = "iss-distance-service",
	       .version = "1.0.0",
	       .keys = iss_keys,
	       .start = iss_start,
	       .handle = iss_handle,
	       .stop = iss_stop };
