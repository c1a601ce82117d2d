/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinates.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cupola/service.h>

#define MAX_LATITUDE  90
#define MAX_LONGITUDE 180

/* A decimal number and nothing else: strtod alone takes blanks, hexadecimal, "nan" and "inf" as well. */
static bool
decimal(const char *text, double *out)
{
	char *end;

	if (!*text || text[strspn(text, "+-.0123456789eE")] != '\0')
		return false;
	*out = strtod(text, &end);
	return *end == '\0' && isfinite(*out);
}

const char *
coordinates_from_query(struct svc_request *req, struct coordinates *out)
{
	const char *latitude = svc_query(req, "latitude");
	const char *longitude = svc_query(req, "longitude");
	struct coordinates c;

	if (!latitude || !longitude)
		return "latitude and longitude are needed, in degrees\n";
	if (!decimal(latitude, &c.latitude) || fabs(c.latitude) > MAX_LATITUDE)
		return "latitude must be a number from -90 to 90\n";
	if (!decimal(longitude, &c.longitude) || fabs(c.longitude) > MAX_LONGITUDE)
		return "longitude must be a number from -180 to 180\n";
	*out = c;
	return NULL;
}

/* open-notify writes its coordinates as strings; others have taken over its shape with numbers. */
static bool
number(const json_t *json, double *out)
{
	if (json_is_string(json))
		return decimal(json_string_value(json), out);
	if (!json_is_number(json))
		return false;
	*out = json_number_value(json);
	return isfinite(*out);
}

static bool
read_position(const json_t *root, struct coordinates *out)
{
	const json_t *position = json_object_get(root, "iss_position");
	const json_t *message = json_object_get(root, "message");
	const json_t *timestamp = json_object_get(root, "timestamp");
	double when;

	if (message && (!json_is_string(message) ||
	                strcmp(json_string_value(message), "success") != 0))
		return false;
	if (timestamp && !number(timestamp, &when))
		return false;
	return number(json_object_get(position, "latitude"), &out->latitude) &&
	       number(json_object_get(position, "longitude"), &out->longitude) &&
	       fabs(out->latitude) <= MAX_LATITUDE &&
	       fabs(out->longitude) <= MAX_LONGITUDE;
}

int
coordinates_from_json(const char *text, size_t len, struct coordinates *out)
{
	json_t *root = json_loadb(text, len, 0, NULL);
	struct coordinates c;
	bool ok = read_position(root, &c);

	json_decref(root);
	if (!ok)
		return -EBADMSG;
	*out = c;
	return 0;
}

json_t *
distance_as_json(double km, const struct coordinates *location)
{
	return json_pack("{s:f, s:{s:f, s:f}}", "distance", km, "location", "latitude",
	                 location->latitude, "longitude", location->longitude);
}
