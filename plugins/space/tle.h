/* SPDX-License-Identifier: Apache-2.0 */
/*
 * space/tle.h - two-line element sets: the form in which the orbits of satellites are published.
 */
#ifndef SPACE_TLE_H
#define SPACE_TLE_H

#include <stddef.h>

#include <otel/error.h>

/* Mean elements for SGP4, angles in radians as it wants them. */
struct tle {
	char name
		[25]; /* the line before the two, without blanks at its ends; "" when there is none */
	int satellite; /* catalogue number */
	double epoch;  /* Unix seconds, UTC */
	double bstar;  /* drag term, per Earth radius */
	double inclination, node, argument_of_perigee, mean_anomaly; /* rad */
	double eccentricity;
	double mean_motion; /* rad per minute */
};

/*
 * Reads one set from two lines of 69 characters; check digits and numbers of both must be right. 0, or
 * -EINVAL with what is wrong in *err. `name` may be NULL. [any]
 */
int tle_parse(const char *name, const char *line1, const char *line2, struct tle *out,
              struct otel_error *err);

/* Reads the first set of a text, with or without a name before it; lines end in LF or CRLF, `#` begins a comment. */
int tle_first(const char *text, struct tle *out, struct otel_error *err);

#endif
