/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway - one question in, two questions out: where is the place, how far is the ISS from there.
 *
 *	GET /?location=Darmstadt
 *	200 {"distance": 5432.1, "location": {"latitude": -12.3, "longitude": 45.6},
 *	     "place": {"latitude": 49.87, "longitude": 8.65}}
 *
 * location is the point below the ISS, place is what geolocator-service said. When one of the two
 * services fails, its status and its words are the answer.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cupola/service.h>
#include <cupola/url.h>
#include <otel/semconv.h>

/* Longer than any name of a place, percent-encoded; what is longer gets a 400. */
#define MAX_URL 4096

struct gateway {
	const struct svc_host *host;
	const char *geolocator_url, *iss_distance_url; /* borrowed from the host */
	int timeout_ms;
	struct otel_counter *incoming_requests;
};

/* What came of a call, as the attribute that the semantic conventions have for it. */
static struct otel_attribute
outcome(const struct svc_response *rsp)
{
	if (rsp->status)
		return OTEL_INT(OTEL_HTTP_RESPONSE_STATUS_CODE, rsp->status);
	return OTEL_STR(OTEL_ERROR_TYPE, rsp->error == -ETIMEDOUT ? "timeout" : "_OTHER");
}

/* Asks another service, in a span of its own. */
static struct svc_response *
ask(const struct gateway *gateway, const char *asking, const char *url)
{
	OTEL_SPAN(span, gateway->host->tracer, asking);
	struct svc_call call = { .url = url, .timeout_ms = gateway->timeout_ms };
	struct svc_response *rsp = svc_http(gateway->host, &call);

	otel_span_set(span, outcome(rsp));
	if (rsp->status != 200)
		otel_span_set_status(span, OTEL_STATUS_ERROR, rsp->message);
	return rsp;
}

/* Passes on what a service said that did not say 200. */
static int
reply_failure(struct svc_request *req, const char *service,
              const struct svc_response *rsp)
{
	char text[128];
	bool refused = rsp->status >= 400 && rsp->status <= 499; /* the asker's mistake */

	otel_log(req->host->logger, refused ? OTEL_WARN : OTEL_ERROR,
	         "a service that the answer needs gave none",
	         OTEL_STR(OTEL_SERVICE_PEER_NAME, service), outcome(rsp));
	if (!refused)
		otel_span_set_status(otel_span_current(), OTEL_STATUS_ERROR,
		                     "a service that the answer needs gave none");
	if (rsp->status >= 400 && rsp->status <= 599)
		return svc_reply(req, rsp->status, "text/plain; charset=utf-8", rsp->body,
		                 rsp->len);
	snprintf(text, sizeof text, "%s did not answer%s\n", service,
	         rsp->error == -ETIMEDOUT ? " in time"
	         : rsp->status            ? " with a result"
	                                  : "");
	return svc_reply_text(req, rsp->error == -ETIMEDOUT ? 504 : 502, text);
}

static int
reply_garbage(struct svc_request *req, const char *service)
{
	char text[128];

	otel_log(req->host->logger, OTEL_ERROR, "an answer could not be understood",
	         OTEL_STR(OTEL_SERVICE_PEER_NAME, service));
	otel_span_set_status(otel_span_current(), OTEL_STATUS_ERROR,
	                     "an answer could not be understood");
	snprintf(text, sizeof text, "%s gave an answer that could not be understood\n",
	         service);
	return svc_reply_text(req, 502, text);
}

/* Borrows nothing: {"latitude": n, "longitude": n} taken out of `json`, or NULL when it is not that. */
static json_t *
coordinates(const json_t *json)
{
	const json_t *latitude = json_object_get(json, "latitude");
	const json_t *longitude = json_object_get(json, "longitude");

	if (!json_is_number(latitude) || !json_is_number(longitude))
		return NULL;
	return json_pack("{s:f, s:f}", "latitude", json_number_value(latitude),
	                 "longitude", json_number_value(longitude));
}

/* Adds one number of a place to the query of `url`. */
static int
add_degrees(char *url, const char *name, const json_t *place)
{
	char text[64];

	snprintf(text, sizeof text, "%.9f",
	         json_number_value(json_object_get(place, name)));
	return svc_url_add(url, MAX_URL, name, text);
}

/* The answer, when both services have given theirs; takes `place`. */
static int
reply_distance(struct svc_request *req, json_t *place, const struct svc_response *rsp)
{
	json_t *answer = json_loadb(rsp->body, rsp->len, 0, NULL);
	json_t *location = coordinates(json_object_get(answer, "location"));
	const json_t *distance = json_object_get(answer, "distance");
	int r;

	if (!location || !json_is_number(distance)) {
		json_decref(location);
		json_decref(place);
		json_decref(answer);
		return reply_garbage(req, "iss-distance-service");
	}
	otel_log(req->host->logger, OTEL_INFO, "answered the question",
	         OTEL_DOUBLE("iss.distance", json_number_value(distance)));
	r = svc_reply_json(req, 200,
	                   json_pack("{s:f, s:o, s:o}", "distance",
	                             round(json_number_value(distance) * 100) / 100,
	                             "location", location, "place", place));
	json_decref(answer);
	return r;
}

/* The second half: how far the ISS is from `place`, which it takes. */
static int
answer_for(const struct gateway *gateway, struct svc_request *req, json_t *place)
{
	char url[MAX_URL];

	if (svc_url(url, sizeof url, gateway->iss_distance_url) < 0 ||
	    add_degrees(url, "latitude", place) < 0 ||
	    add_degrees(url, "longitude", place) < 0) {
		json_decref(place);
		return svc_reply_text(req, 500, "iss_distance_url is too long\n");
	}
	SVC_RESPONSE(rsp, ask(gateway, "asking-iss-distance-service", url));
	if (rsp->status != 200) {
		json_decref(place);
		return reply_failure(req, "iss-distance-service", rsp);
	}
	return reply_distance(req, place, rsp);
}

/* Answers one request: where is the place, and how far is the ISS from it? */
static int
answer(const struct gateway *gateway, struct svc_request *req)
{
	const char *location = svc_query(req, "location");
	char url[MAX_URL];
	json_t *said, *place;

	if (!location || location[strspn(location, " \t\r\n")] == '\0') {
		otel_log(gateway->host->logger, OTEL_WARN, "no location given");
		return svc_reply_text(req, 400, "No location given");
	}
	if (svc_url(url, sizeof url, gateway->geolocator_url) < 0 ||
	    svc_url_add(url, sizeof url, "location", location) < 0) {
		otel_log(gateway->host->logger, OTEL_WARN, "the location is too long");
		return svc_reply_text(req, 400, "The location is too long\n");
	}

	SVC_RESPONSE(rsp, ask(gateway, "asking-geolocator-service", url));
	if (rsp->status != 200)
		return reply_failure(req, "geolocator-service", rsp);
	said = json_loadb(rsp->body, rsp->len, 0, NULL);
	place = coordinates(said);
	json_decref(said);
	if (!place)
		return reply_garbage(req, "geolocator-service");
	return answer_for(gateway, req, place);
}

static int
gateway_handle(void *self, struct svc_request *req)
{
	struct gateway *gateway = self;

	OTEL_SPAN(span, gateway->host->tracer, "answering-question");
	otel_counter_add(gateway->incoming_requests, 1);
	return answer(gateway, req);
}

static int
gateway_start(const struct svc_host *host, void **self, struct svc_error *err)
{
	struct gateway *gateway = calloc(1, sizeof *gateway);

	if (!gateway)
		return svc_error_set(err, -ENOMEM, "out of memory");
	gateway->host = host;
	gateway->geolocator_url = svc_config(host, "geolocator_url");
	gateway->iss_distance_url = svc_config(host, "iss_distance_url");
	gateway->timeout_ms = (int)svc_config_int(host, "timeout");
	gateway->incoming_requests = otel_counter_new(host->meter, "incoming.requests",
	                                              "{request}", "requests received");
	*self = gateway;
	return 0;
}

static void
gateway_stop(void *self)
{
	free(self);
}

static const struct svc_key gateway_keys[] = {
	{ "geolocator_url", SVC_URL, "http://127.0.0.1:5002/",
	  "where geolocator-service is" },
	{ "iss_distance_url", SVC_URL, "http://127.0.0.1:5003/",
	  "where iss-distance-service is" },
	{ "timeout", SVC_DURATION, "8s", "how long to wait for each of them" },
	{ .name = NULL },
};

SVC_PLUGIN = { SVC_ABI,
	       .name = "gateway",
	       .version = "1.0.0",
	       .flags = SVC_CONCURRENT,
	       .keys = gateway_keys,
	       .start = gateway_start,
	       .handle = gateway_handle,
	       .stop = gateway_stop };
