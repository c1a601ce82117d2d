/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iss-distance-service/coordinates.h - a place on Earth: how it is asked for, and how it is answered.
 */
#ifndef ISS_COORDINATES_H
#define ISS_COORDINATES_H

#include <stddef.h>

struct json_t;
struct svc_request;

/* WGS-84, in degrees: north and east are positive. */
struct coordinates {
	double latitude, longitude;
};

/*
 * Reads `latitude` and `longitude` of the request's query. Returns NULL, or a sentence for the client
 * that says what is wrong with them; *out is then untouched.
 */
const char *coordinates_from_query(struct svc_request *req, struct coordinates *out);

/*
 * Reads the answer of a position service in the shape of open-notify's iss-now.json, its numbers as
 * numbers or as strings. 0, or -EBADMSG for anything else; *out is then untouched.
 */
int coordinates_from_json(const char *text, size_t len, struct coordinates *out);

/* {"distance": km, "location": {"latitude": n, "longitude": n}}; owned, NULL without memory. */
struct json_t *distance_as_json(double km, const struct coordinates *location);

#endif
