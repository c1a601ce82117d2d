/* SPDX-License-Identifier: Apache-2.0 */
#include "api.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRACK_STEP_S  60
#define DEFAULT_LIMIT 8
#define MAX_LIMIT     20
/* Unix seconds of the years 1957 and 2100: before the first satellite and after this one. */
#define MIN_AT (-410227200.0)
#define MAX_AT 4102444800.0

/* Five digits are a metre; more would only make the answer longer. */
static json_t *
rounded(double value, double steps)
{
	return json_real(round(value * steps) / steps);
}

static json_t *
degrees(double value)
{
	return rounded(value, 1e5);
}

/* A parameter that is a number between two others; false when it is there and is not. */
static bool
number_from_query(struct svc_request *req, const char *name, double low, double high,
                  double *out)
{
	const char *text = svc_query(req, name);
	double value;
	char *end;

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

/* Points from one time to another, both included. */
static json_t *
track(const struct satellite *iss, double from, double to)
{
	json_t *points = json_array();
	int steps = (int)ceil((to - from) / TRACK_STEP_S);

	for (int i = 0; i <= steps; i++) {
		double at = i == steps ? to : from + i * TRACK_STEP_S;
		struct ground_point point;

		if (satellite_at(iss, at, &point) < 0)
			continue;
		json_array_append_new(points, json_pack("[o, o, o]", rounded(at, 1e3),
		                                        degrees(point.latitude),
		                                        degrees(point.longitude)));
	}
	return points;
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (double)ts.tv_sec + round((double)ts.tv_nsec / 1e6) / 1e3;
}

int
api_iss(struct svc_request *req, const struct satellite *iss)
{
	double at = now(), period = satellite_period(iss), epoch = iss->orbit.tle.epoch;
	const char *with_track = svc_query(req, "track");
	char time_text[SATELLITE_TIME_SIZE];
	struct ground_point point;
	json_t *json;

	if (!number_from_query(req, "at", MIN_AT, MAX_AT, &at))
		return svc_reply_text(req, 400, "at is a Unix time, in seconds\n");
	if (satellite_at(iss, at, &point) < 0)
		return svc_reply_text(req, 500,
		                      "the elements have no position for that time\n");
	json = json_pack(
		"{s:o, s:o, s:o, s:o, s:b, s:{s:s, s:s, s:o}, s:o}", "timestamp",
		rounded(at, 1e3), "latitude", degrees(point.latitude), "longitude",
		degrees(point.longitude), "altitude_km", rounded(point.altitude_km, 10),
		"simulated", 1, "elements", "name", iss->orbit.tle.name, "epoch",
		satellite_time(epoch, time_text), "age_days",
		rounded((at - epoch) / 86400, 10), "period_s", rounded(period, 10));
	if (json && !(with_track && strcmp(with_track, "no") == 0))
		json_object_set_new(json, "track",
		                    json_pack("{s:o, s:o}", "past",
		                              track(iss, at - period, at), "ahead",
		                              track(iss, at, at + period)));
	svc_reply_header(req, "Cache-Control", "no-store");
	return svc_reply_json(req, 200, json);
}

int
api_suggest(struct svc_request *req, const struct gazetteer *places)
{
	const struct place *found[MAX_LIMIT];
	const char *q = svc_query(req, "q");
	double limit = DEFAULT_LIMIT;
	json_t *list;
	size_t n;

	if (!number_from_query(req, "limit", 1, 1e9, &limit))
		return svc_reply_text(req, 400, "limit is a number from 1\n");
	n = gazetteer_find(places, q ? q : "", GAZETTEER_PREFIX, found,
	                   (size_t)fmin(limit, MAX_LIMIT));
	list = json_array();
	for (size_t i = 0; i < n; i++) {
		char label[256];

		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:o, s:o, s:I}", "name", found[i]->name,
		                  "label", place_label(found[i], label, sizeof label),
		                  "latitude", degrees(found[i]->latitude), "longitude",
		                  degrees(found[i]->longitude), "population",
		                  (json_int_t)found[i]->population));
	}
	svc_reply_header(req, "Cache-Control", "max-age=60");
	return svc_reply_json(req, 200, json_pack("{s:o}", "suggestions", list));
}
