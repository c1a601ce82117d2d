/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream - stands in for the two services on the internet that the application asks, so that it runs
 * without any: open-notify's position of the ISS, and Nominatim's search for places.
 *
 *	GET /iss-now.json[?at=UNIX]
 *	GET /search?q=Darmstadt[&format=json|jsonv2][&limit=10]
 *	POST /fail?mode=503|slow|garbage|empty|none[&of=iss|places]      from this machine only
 *
 * The position is computed from published orbital elements, the places come from GeoNames. Both answer
 * in the shapes of the originals; how old the elements are stands in the headers X-Elements-Epoch and
 * X-Elements-Age-Days. /fail makes one of them misbehave, or both, until it is told otherwise.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gazetteer.h"
#include "satellite.h"
#include <cupola/service.h>

#define DEFAULT_LIMIT 10
#define MAX_LIMIT     40
/* Unix seconds of the years 1957 and 2100: before the first satellite and after this one. */
#define MIN_AT (-410227200.0)
#define MAX_AT 4102444800.0

enum mode { MODE_NONE, MODE_503, MODE_SLOW, MODE_GARBAGE, MODE_EMPTY };
static const char *const modes[] = { "none", "503", "slow", "garbage", "empty" };

enum half { ISS, PLACES, N_HALVES }; /* which of the two services that it stands in for */
static const char *const halves[] = { "iss", "places" };

struct upstream {
	const struct svc_host *host;
	struct satellite iss;
	struct gazetteer *places;
	int slow_ms;
	_Atomic int mode[N_HALVES]; /* enum mode; all loops read it */
};

/* ---- misbehaving ---- */

static bool
is_loopback(const char *peer)
{
	return strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0 ||
	       strncmp(peer, "::ffff:127.", 11) == 0;
}

static int
handle_fail(struct upstream *upstream, struct svc_request *req)
{
	const char *mode = svc_query(req, "mode"), *of = svc_query(req, "of");

	if (strcmp(req->method, "POST") != 0) {
		svc_reply_header(req, "Allow", "POST");
		return svc_reply_text(req, 405, "the mode is set by POST\n");
	}
	/* No page in a browser may do this either. */
	if (!is_loopback(req->peer) || svc_header(req, "Origin"))
		return svc_reply_text(req, 403, "only from this machine\n");
	if (of && strcmp(of, halves[ISS]) != 0 && strcmp(of, halves[PLACES]) != 0)
		return svc_reply_text(req, 400,
		                      "of is iss or places; without it, both\n");
	for (size_t i = 0; mode && i < sizeof modes / sizeof modes[0]; i++) {
		char text[64];

		if (strcmp(mode, modes[i]) != 0)
			continue;
		for (int half = 0; half < N_HALVES; half++)
			if (!of || strcmp(of, halves[half]) == 0)
				atomic_store(&upstream->mode[half], (int)i);
		svc_log(upstream->host, SVC_WARN, "told to misbehave: %s%s%s", modes[i],
		        of ? ", of " : "", of ? of : "");
		snprintf(text, sizeof text, "mode is %s\n", modes[i]);
		return svc_reply_text(req, 200, text);
	}
	return svc_reply_text(req, 400, "mode is 503, slow, garbage, empty or none\n");
}

/* Whether the request has had its answer, wrong as it was asked for. */
static bool
misbehaves(struct upstream *upstream, enum half half, struct svc_request *req)
{
	switch ((enum mode)atomic_load(&upstream->mode[half])) {
	case MODE_NONE:
		return false;
	case MODE_503:
		svc_reply_text(req, 503, "told to fail\n");
		return true;
	case MODE_SLOW:
		return svc_sleep(upstream->host, upstream->slow_ms) < 0;
	case MODE_GARBAGE:
		svc_reply(req, 200, "application/json",
		          "{\"iss_position\": {\"latitude\": \"5", 32);
		return true;
	case MODE_EMPTY:
		svc_reply(req, 200, "application/json", "", 0);
		return true;
	}
	return false;
}

/* ---- the position ---- */

/* A parameter that is a number between two others; false when it is there and is not. */
static bool
number_from_query(struct svc_request *req, const char *name, double low, double high,
                  double *out)
{
	const char *text = svc_query(req, name);
	char *end;
	double value;

	if (!text)
		return true;
	if (!*text || text[strspn(text, "-.0123456789")] != '\0')
		return false;
	value = strtod(text, &end);
	if (*end != '\0' || !(value >= low && value <= high))
		return false;
	*out = value;
	return true;
}

static int
handle_position(struct upstream *upstream, struct svc_request *req)
{
	double at = (double)time(NULL), epoch = upstream->iss.orbit.tle.epoch;
	char time_text[SATELLITE_TIME_SIZE], age[32], latitude[16], longitude[16];
	struct ground_point point;

	if (!number_from_query(req, "at", MIN_AT, MAX_AT, &at))
		return svc_reply_text(req, 400, "at is a Unix time, in seconds\n");
	if (satellite_at(&upstream->iss, at, &point) < 0)
		return svc_reply_text(req, 500,
		                      "the elements have no position for that time\n");

	snprintf(age, sizeof age, "%.1f", (at - epoch) / 86400);
	svc_reply_header(req, "X-Elements-Epoch", satellite_time(epoch, time_text));
	svc_reply_header(req, "X-Elements-Age-Days", age);
	snprintf(latitude, sizeof latitude, "%.4f", point.latitude);
	snprintf(longitude, sizeof longitude, "%.4f", point.longitude);
	return svc_reply_json(req, 200,
	                      json_pack("{s:s, s:I, s:{s:s, s:s}}", "message", "success",
	                                "timestamp", (json_int_t)floor(at),
	                                "iss_position", "latitude", latitude, "longitude",
	                                longitude));
}

/* ---- places ---- */

/* Degrees as Nominatim writes them: as text. */
static json_t *
degrees(double value)
{
	return json_sprintf("%.5f", value);
}

/* One result in Nominatim's shape; what only OpenStreetMap has (osm_id, osm_type) is left out. */
static json_t *
place_as_json(const struct place *place, bool v2)
{
	static const char licence[] = "GeoNames, https://www.geonames.org, CC BY 4.0";
	char label[256];
	/* Nominatim's importance is from 0 to 1; the logarithm of a population looks like it. */
	double importance = fmin(1, log10((double)place->population + 1) / 8);
	json_t *box = json_pack("[o, o, o, o]", degrees(fmax(-90, place->latitude - 0.1)),
	                        degrees(fmin(90, place->latitude + 0.1)),
	                        degrees(place->longitude - 0.1),
	                        degrees(place->longitude + 0.1));
	json_t *json = json_pack(
		"{s:I, s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:f, s:o}", "place_id",
		(json_int_t)place->id, "licence", licence, "lat",
		degrees(place->latitude), "lon", degrees(place->longitude),
		v2 ? "category" : "class", "place", "type", "city", "name", place->name,
		"display_name", place_label(place, label, sizeof label), "importance",
		round(importance * 1000) / 1000, "boundingbox", box);

	if (json && v2) {
		json_object_set_new(json, "addresstype", json_string("city"));
		json_object_set_new(json, "place_rank", json_integer(16));
	}
	return json;
}

static int
handle_search(struct upstream *upstream, struct svc_request *req)
{
	const char *q = svc_query(req, "q"), *format = svc_query(req, "format");
	const struct place *found[MAX_LIMIT];
	double limit = DEFAULT_LIMIT;
	json_t *list;
	size_t n;

	if (!q || q[strspn(q, " ")] == '\0')
		return svc_reply_text(req, 400, "q is needed: what to search for\n");
	if (format && strcmp(format, "json") != 0 && strcmp(format, "jsonv2") != 0)
		return svc_reply_text(req, 400, "format is json or jsonv2\n");
	if (!number_from_query(req, "limit", 1, 1e9, &limit))
		return svc_reply_text(req, 400, "limit is a number from 1\n");

	n = gazetteer_find(upstream->places, q, GAZETTEER_WORDS, found,
	                   (size_t)fmin(limit, MAX_LIMIT));
	list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			list,
			place_as_json(found[i], format && !strcmp(format, "jsonv2")));
	return svc_reply_json(req, 200, list);
}

/* ---- the service ---- */

static int
upstream_handle(void *self, struct svc_request *req)
{
	struct upstream *upstream = self;

	if (strcmp(req->path, "/fail") == 0)
		return handle_fail(upstream, req);
	if (strcmp(req->path, "/iss-now.json") == 0)
		return misbehaves(upstream, ISS, req) ? 0
		                                      : handle_position(upstream, req);
	if (strcmp(req->path, "/search") == 0)
		return misbehaves(upstream, PLACES, req) ? 0
		                                         : handle_search(upstream, req);
	return svc_reply_text(req, 404, "there are /iss-now.json and /search\n");
}

static void
upstream_stop(void *self)
{
	struct upstream *upstream = self;

	gazetteer_free(upstream->places);
	free(upstream);
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

static int
upstream_start(const struct svc_host *host, void **self, struct svc_error *err)
{
	struct upstream *upstream = calloc(1, sizeof *upstream);
	char path[4096];
	int r;

	if (!upstream)
		return svc_error_set(err, -ENOMEM, "out of memory");
	upstream->host = host;
	upstream->slow_ms = (int)svc_config_int(host, "slow");
	r = satellite_load(data_file(host, "elements", "iss.tle", path, sizeof path),
	                   &upstream->iss, err);
	if (r == 0)
		r = gazetteer_load(
			data_file(host, "places", "cities.tsv", path, sizeof path),
			&upstream->places, err);
	if (r < 0) {
		upstream_stop(upstream);
		return r;
	}
	*self = upstream;
	return 0;
}

static const struct svc_key upstream_keys[] = {
	{ "elements", SVC_STRING, "",
	  "file of orbital elements; empty: those that came along" },
	{ "places", SVC_STRING, "", "file of places; empty: those that came along" },
	{ "slow", SVC_DURATION, "20s", "how long an answer takes in the mode slow" },
	{ .name = NULL },
};

SVC_PLUGIN = { SVC_ABI,
	       .name = "upstream",
	       .version = "1.0.0",
	       .flags = SVC_CONCURRENT | SVC_STATEFUL, /* how it was told to fail */
	       .keys = upstream_keys,
	       .start = upstream_start,
	       .handle = upstream_handle,
	       .stop = upstream_stop };
