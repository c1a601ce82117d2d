/* SPDX-License-Identifier: Apache-2.0 */
/*
 * space/satellite.h - a satellite over the ground: read from a file of elements, asked for by the clock.
 */
#ifndef SPACE_SATELLITE_H
#define SPACE_SATELLITE_H

#include <stddef.h>

#include "sgp4.h"

/* Immutable once loaded, so threads may share it. */
struct satellite {
	struct sgp4 orbit;
	struct sgp4 lasting; /* the same without drag, for times far from the epoch */
};

/* The point of the ground right below, on WGS-84, and the height above it. */
struct ground_point {
	double latitude, longitude; /* degrees; longitude in [-180, 180) */
	double altitude_km;
};

/* Reads the first element set of the file. 0, or -errno with the file and the cause in *err. [any] */
int satellite_load(const char *path, struct satellite *out, struct otel_error *err);

/*
 * Where it is at a Unix time. Within a year of the epoch by the elements as they are, beyond it by the
 * same without drag, so that old elements still give an orbit (and no longer say where on it the
 * satellite is). 0, or -EDOM where even that has no answer; *out is then untouched. [any]
 */
int satellite_at(const struct satellite *satellite, double unix_seconds,
                 struct ground_point *out);

/* One turn, in seconds. [any] */
double satellite_period(const struct satellite *satellite);

/* Writes a Unix time as 2026-08-25T15:51:11.984Z, cut to milliseconds. [any] */
#define SATELLITE_TIME_SIZE 32
const char *satellite_time(double unix_seconds, char out[SATELLITE_TIME_SIZE]);

#endif
