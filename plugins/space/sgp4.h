/* SPDX-License-Identifier: Apache-2.0 */
/*
 * space/sgp4.h - where a satellite is, from its mean elements: SGP4 for periods below 225 minutes.
 *
 * After D. Vallado, P. Crawford, R. Hujsak, T. S. Kelso, "Revisiting Spacetrack Report #3", AIAA
 * 2006-6753, with the constants of WGS-72, which are what element sets are fitted with.
 */
#ifndef SPACE_SGP4_H
#define SPACE_SGP4_H

#include "tle.h"

/* What that report calls errors; the numbers are its own (3 and 5 belong to deep space). */
enum sgp4_outcome {
	SGP4_ECCENTRICITY = 1,      /* mean eccentricity out of range */
	SGP4_MEAN_MOTION = 2,       /* mean motion below zero */
	SGP4_SEMI_LATUS_RECTUM = 4, /* below zero */
	SGP4_DECAYED = 6            /* the orbit has come down to the ground */
};

/* A propagator that has been made ready; immutable, so threads may share it. */
struct sgp4 {
	struct tle tle;
	double mean_motion; /* rad per minute, without the secular effects of Kozai's theory */
	double semi_major; /* Earth radii */
	/* Secular rates, rad per minute. */
	double anomaly_rate, perigee_rate, node_rate;
	double node_drag;
	/* Drag: powers of time. */
	int simple; /* perigee below 220 km: only the first ones matter */
	double c1, c4, c5, d2, d3, d4, t2, t3, t4, t5;
	double perigee_drag, anomaly_drag, eta, delta_anomaly, sin_anomaly;
	/* Of the inclination. */
	double sin_i, cos_i, x3thm1, x1mth2, x7thm1, long_period_l, long_period_y;
};

/* 0, or -EDOM: a period of 225 minutes or more needs the deep-space theory, which is not here. [any] */
int sgp4_init(struct sgp4 *sgp4, const struct tle *tle);

/*
 * Position in km and velocity in km/s, `minutes` after the epoch, in the TEME frame. 0, or one of enum
 * sgp4_outcome: the orbit is not meaningful then; position and velocity are untouched. [any]
 */
int sgp4_propagate(const struct sgp4 *sgp4, double minutes, double position[3],
                   double velocity[3]);

const char *sgp4_outcome_text(int outcome);

#endif
