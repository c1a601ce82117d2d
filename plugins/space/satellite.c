/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From SGP4's inertial frame (TEME: true equator, mean equinox) to the ground in two steps: the Earth
 * has turned by Greenwich mean sidereal time (IAU 1982; UT1 is taken as UTC, polar motion as none: up
 * to 0.4 km at the equator), and from there to latitude and height above the WGS-84 ellipsoid.
 */
#include "satellite.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define J2000_UNIX 946728000.0 /* 2000-01-01T12:00:00Z */
#define DAY        86400.0
#define YEAR       (365 * DAY)

#define WGS84_A_KM 6378.137
#define WGS84_E2   (1 / 298.257223563 * (2 - 1 / 298.257223563))

/* More is no element file. */
#define MAX_FILE 4096

int
satellite_load(const char *path, struct satellite *out, struct otel_error *err)
{
	char text[MAX_FILE];
	struct satellite s;
	struct tle tle;
	FILE *file = fopen(path, "re");
	size_t n;
	int r;

	if (!file)
		return otel_error_set(err, -errno, "%s: %s", path, strerror(errno));
	n = fread(text, 1, sizeof text - 1, file);
	r = ferror(file) ? -EIO : 0;
	fclose(file);
	if (r < 0)
		return otel_error_set(err, r, "%s: cannot be read", path);
	text[n] = '\0';
	r = tle_first(text, &tle, err);
	if (r < 0)
		return otel_error_prefix(err, "%s", path);
	r = sgp4_init(&s.orbit, &tle);
	tle.bstar = 0;
	if (r < 0 || sgp4_init(&s.lasting, &tle) < 0)
		return otel_error_set(
			err, r, "%s: an orbit of more than 225 minutes is not supported",
			path);
	*out = s;
	return 0;
}

/* Radians, in [0, 2 pi). */
static double
sidereal_time(double unix_seconds)
{
	double days = (unix_seconds - J2000_UNIX) / DAY, t = days / 36525;
	/* Whole turns are taken out of the large term first: it keeps six digits that matter. */
	double seconds = 67310.54841 + 8640184.812866 * t + 0.093104 * t * t -
	                 6.2e-6 * t * t * t + fmod(days, 1) * DAY;
	double turned = fmod(seconds, DAY) / DAY * 2 * M_PI;

	return turned < 0 ? turned + 2 * M_PI : turned;
}

static struct ground_point
to_ground(const double teme[3], double sidereal)
{
	double east = remainder(atan2(teme[1], teme[0]) - sidereal, 2 * M_PI);
	double p = hypot(teme[0], teme[1]), z = teme[2];
	double latitude = atan2(z, p * (1 - WGS84_E2)), n = WGS84_A_KM;
	struct ground_point at;

	/* A fixed point that gains two digits or more a round; at 400 km four rounds are plenty. */
	for (int i = 0; i < 8; i++) {
		n = WGS84_A_KM / sqrt(1 - WGS84_E2 * sin(latitude) * sin(latitude));
		latitude = atan2(z + WGS84_E2 * n * sin(latitude), p);
	}
	at.latitude = latitude * 180 / M_PI;
	at.longitude = east * 180 / M_PI;
	if (at.longitude >= 180)
		at.longitude -= 360;
	/* This form of the height holds at the poles and the equator alike. */
	at.altitude_km = p * cos(latitude) + z * sin(latitude) -
	                 WGS84_A_KM * WGS84_A_KM / n;
	return at;
}

int
satellite_at(const struct satellite *s, double unix_seconds, struct ground_point *out)
{
	double age = unix_seconds - s->orbit.tle.epoch;
	const struct sgp4 *orbit = fabs(age) <= YEAR ? &s->orbit : &s->lasting;
	double position[3], velocity[3];

	if (!isfinite(unix_seconds) ||
	    sgp4_propagate(orbit, age / 60, position, velocity) != 0)
		return -EDOM;
	*out = to_ground(position, sidereal_time(unix_seconds));
	return 0;
}

double
satellite_period(const struct satellite *s)
{
	return 2 * M_PI / s->orbit.mean_motion * 60;
}

const char *
satellite_time(double unix_seconds, char out[SATELLITE_TIME_SIZE])
{
	long long ms = (long long)floor(unix_seconds * 1000);
	long long second = ms / 1000 - (ms % 1000 < 0);
	time_t t = (time_t)second;
	struct tm tm;
	char text[24];

	gmtime_r(&t, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, SATELLITE_TIME_SIZE, "%s.%03lldZ", text, ms - second * 1000);
	return out;
}
