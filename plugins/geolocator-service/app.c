/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geolocator-service - where a place is, by its name.
 *
 *	GET /?location=Darmstadt
 *	200 {"latitude": 49.87, "longitude": 8.65}
 *
 * Asks a search service in the shape of Nominatim's, and remembers what it said. Requests for a place
 * that is being asked for already wait for that answer:
 *
 *	request ──► cache ──► somebody asks? ──► wait ──► their answer
 *	                 └──► ask ──► cache, and all who waited
 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "search.h"
#include <cupola/service.h>
#include <otel/semconv.h>

/* In bytes, as asked for; no place has a longer name. */
#define MAX_LOCATION 512

/* One question that is on its way. Counted: whoever waits for it may be the last to leave. */
struct flight {
	struct flight *next;
	unsigned refs;
	struct svc_event *landed;
	bool done;
	int result; /* once done: 0 and location, or why not */
	struct location location;
	char place[];
};

struct geolocator {
	const struct svc_host *host;
	struct search search;
	struct cache *cache;
	int64_t found_ms, missing_ms; /* how long answers are kept */
	struct flight *flights;
	struct otel_counter *incoming_requests, *geocoder_requests;
};

/* ---- one question at a time for each place ---- */

static struct flight *
flight_find(struct geolocator *geo, const char *place)
{
	struct flight *flight = geo->flights;

	while (flight && strcmp(flight->place, place) != 0)
		flight = flight->next;
	return flight;
}

static struct flight *
flight_new(struct geolocator *geo, const char *place)
{
	struct flight *flight = calloc(1, sizeof *flight + strlen(place) + 1);

	if (!flight)
		return NULL;
	flight->landed = svc_event_new(geo->host);
	if (!flight->landed) {
		free(flight);
		return NULL;
	}
	strcpy(flight->place, place);
	flight->refs = 1;
	flight->next = geo->flights;
	geo->flights = flight;
	return flight;
}

static void
flight_unref(struct geolocator *geo, struct flight *flight)
{
	if (--flight->refs > 0)
		return;
	svc_event_free(geo->host, flight->landed);
	free(flight);
}

/* Takes the flight out of the list, so that who comes now asks anew, and tells those who wait. */
static void
flight_land(struct geolocator *geo, struct flight *flight)
{
	struct flight **at = &geo->flights;

	while (*at != flight)
		at = &(*at)->next;
	*at = flight->next;
	flight->done = true;
	svc_event_set(geo->host, flight->landed);
	flight_unref(geo, flight);
}

/* 0, why the question failed, -ECANCELED when this request ends first, or -EAGAIN when the asking one did. */
static int
flight_wait(struct geolocator *geo, struct flight *flight, struct location *out)
{
	int r = 0;

	flight->refs++;
	while (r == 0 && !flight->done)
		r = svc_event_wait(geo->host, flight->landed, -1);
	if (r == 0) {
		r = flight->result == -ECANCELED ? -EAGAIN : flight->result;
		*out = flight->location;
	}
	flight_unref(geo, flight);
	return r;
}

/* What came of a search, as the attribute that the semantic conventions have for it. */
static struct otel_attribute
outcome(int status, int r)
{
	if (status)
		return OTEL_INT(OTEL_HTTP_RESPONSE_STATUS_CODE, status);
	return OTEL_STR(OTEL_ERROR_TYPE, r == -ETIMEDOUT ? "timeout" : "_OTHER");
}

/* As search_place, in a span of its own. */
static int
ask_geocoder(struct geolocator *geo, const char *place, struct location *out)
{
	OTEL_SPAN(span, geo->host->tracer, "asking-geocoder");
	int status, r = search_place(&geo->search, place, out, &status);

	if (r != -EBUSY) /* then nobody was asked */
		otel_counter_add(geo->geocoder_requests, 1, outcome(status, r));
	otel_span_set(span, outcome(status, r));
	return r < 0 ? otel_span_fail(span, r, "the geocoder gave no answer") : 0;
}

static int
flight_ask(struct geolocator *geo, const char *place, struct location *out)
{
	struct flight *flight = flight_new(geo, place);
	int r;

	if (!flight)
		return -ENOMEM;
	r = ask_geocoder(geo, place, &flight->location);
	if (r == 0) {
		int64_t keep_ms = flight->location.exists ? geo->found_ms
		                                          : geo->missing_ms;

		cache_put(geo->cache, place, search_now_ms() + keep_ms,
		          &flight->location);
		*out = flight->location;
	}
	flight->result = r;
	flight_land(geo, flight);
	return r;
}

/* Finds `place` in the cache, with somebody's question, or with one of our own. As search_place. */
static int
locate(struct geolocator *geo, const char *place, struct location *out, bool *cached)
{
	*cached = false;
	for (;;) {
		struct flight *flight;
		int r;

		if (cache_get(geo->cache, place, search_now_ms(), out)) {
			*cached = true;
			return 0;
		}
		flight = flight_find(geo, place);
		if (!flight)
			return flight_ask(geo, place, out);
		r = flight_wait(geo, flight, out);
		if (r != -EAGAIN)
			return r;
	}
}

/* ---- the service ---- */

/* Writes the name in lower case (ASCII), blanks as one space and none at the ends: one key for one place. */
static int
normalise(const char *text, char *out, size_t size)
{
	size_t n = 0;

	for (; *text; text++) {
		bool blank = isspace((unsigned char)*text);

		if (blank && (n == 0 || out[n - 1] == ' '))
			continue;
		if (n + 1 >= size)
			return -ENAMETOOLONG;
		out[n++] = blank ? ' ' : (char)tolower((unsigned char)*text);
	}
	if (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	return 0;
}

static int
reply_failure(struct svc_request *req, int r)
{
	otel_log(req->host->logger, OTEL_ERROR, "the place could not be searched",
	         OTEL_STR(OTEL_EXCEPTION_MESSAGE, strerror(-r)));
	otel_span_fail(otel_span_current(), r, "the place could not be searched");
	switch (r) {
	case -ETIMEDOUT:
		return svc_reply_text(req, 504,
		                      "the place search did not answer in time\n");
	case -EBUSY:
		svc_reply_header(req, "Retry-After", "5");
		return svc_reply_text(
			req, 503, "too many places are being searched; try again soon\n");
	default:
		return svc_reply_text(req, 502,
		                      "the place search did not give an answer\n");
	}
}

/* Answers one request: where is the place? */
static int
answer(struct geolocator *geo, struct svc_request *req)
{
	const char *text = svc_query(req, "location");
	char place[MAX_LOCATION];
	struct location at;
	bool cached;
	int r;

	if (text && normalise(text, place, sizeof place) < 0) {
		otel_log(geo->host->logger, OTEL_WARN, "the location is too long");
		return svc_reply_text(req, 400, "The location is too long\n");
	}
	if (!text || !*place) {
		otel_log(geo->host->logger, OTEL_WARN, "no location given");
		return svc_reply_text(req, 400, "No location given");
	}

	r = locate(geo, place, &at, &cached);
	if (r < 0)
		return reply_failure(req, r);
	otel_span_set(otel_span_current(), OTEL_STR("geolocator.location", place),
	              OTEL_BOOL("geolocator.cache.hit", cached));
	if (!at.exists) {
		otel_log(geo->host->logger, OTEL_WARN, "there is no such place",
		         OTEL_STR("geolocator.location", place));
		return svc_reply_text(req, 404, "There is no place of that name\n");
	}
	otel_log(geo->host->logger, OTEL_INFO, "found the place",
	         OTEL_STR("geolocator.location", place),
	         OTEL_BOOL("geolocator.cache.hit", cached));
	return svc_reply_json(req, 200,
	                      json_pack("{s:f, s:f}", "latitude", at.latitude,
	                                "longitude", at.longitude));
}

static int
geolocator_handle(void *self, struct svc_request *req)
{
	struct geolocator *geo = self;

	OTEL_SPAN(span, geo->host->tracer, "finding-place");
	otel_counter_add(geo->incoming_requests, 1);
	return answer(geo, req);
}

static void
geolocator_stop(void *self)
{
	struct geolocator *geo = self;

	cache_free(geo->cache);
	free(geo);
}

static int
geolocator_start(const struct svc_host *host, void **self, struct svc_error *err)
{
	struct geolocator *geo = calloc(1, sizeof *geo);
	int64_t entries = svc_config_int(host, "cache_entries");
	int r;

	if (!geo)
		return svc_error_set(err, -ENOMEM, "out of memory");
	geo->host = host;
	geo->found_ms = svc_config_int(host, "cache_ttl");
	geo->missing_ms = svc_config_int(host, "cache_missing_ttl");
	geo->incoming_requests = otel_counter_new(host->meter, "incoming.requests",
	                                          "{request}", "requests received");
	geo->geocoder_requests = otel_counter_new(host->meter, "geocoder.requests",
	                                          "{request}",
	                                          "requests to the place search");
	r = search_init(&geo->search, host, err);
	if (r == 0 && (entries < 0 || entries > 1000000))
		r = svc_error_set(err, -EINVAL,
		                  "cache_entries is a number from 0 to 1000000");
	if (r == 0) {
		geo->cache = cache_new((size_t)entries);
		if (!geo->cache)
			r = svc_error_set(err, -ENOMEM, "out of memory");
	}
	if (r < 0) {
		geolocator_stop(geo);
		return r;
	}
	*self = geo;
	return 0;
}

static const struct svc_key geolocator_keys[] = {
	{ "search_url", SVC_URL, "http://127.0.0.1:5004/search",
	  "where places are searched: a service in the shape of Nominatim's" },
	{ "user_agent", SVC_STRING, "cupola-geolocator-service/1.0.0",
	  "what that service is told about us" },
	{ "language", SVC_STRING, "en", "Accept-Language of the search" },
	{ "timeout", SVC_DURATION, "5s", "how long to wait for it" },
	{ "rate_limit", SVC_NUMBER, "0",
	  "searches a second at most; 0: no limit, but 1 for OpenStreetMap's public service" },
	{ "queue", SVC_INT, "4",
	  "how many may wait for their turn before others get a 503" },
	{ "cache_entries", SVC_INT, "1000", "how many places are remembered" },
	{ "cache_ttl", SVC_DURATION, "24h",
	  "for how long a place that was found is remembered" },
	{ "cache_missing_ttl", SVC_DURATION, "5m",
	  "for how long it is that one was not" },
	{ .name = NULL },
};

SVC_PLUGIN = { SVC_ABI,
	       .name = "geolocator-service",
	       .version = "1.0.0",
	       .keys = geolocator_keys,
	       .start = geolocator_start,
	       .handle = geolocator_handle,
	       .stop = geolocator_stop };
