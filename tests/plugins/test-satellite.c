/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "check-main.h"
#include "satellite.h"

static struct satellite iss;

static void
load(void)
{
	struct otel_error err = OTEL_ERROR_INIT;

	ck_assert_msg(satellite_load(ISS_TLE, &iss, &err) == 0, "%s", err.message);
}

START_TEST(ground_points_agree_with_the_reference)
{
	FILE *file = fopen(TEST_DATA "/sgp4/iss-26237-reference.tsv", "re");
	char line[512];
	int n = 0;

	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
	while (fgets(line, sizeof line, file)) {
		double at, latitude, longitude, altitude;
		struct ground_point point;

		ck_assert_int_eq(sscanf(line, "%lf %*s %lf %lf %lf", &at, &latitude,
		                        &longitude, &altitude),
		                 4);
		ck_assert_int_eq(satellite_at(&iss, at, &point), 0);
		ck_assert_double_eq_tol(point.latitude, latitude, 2e-6);
		ck_assert_double_eq_tol(point.longitude, longitude, 2e-6);
		ck_assert_double_eq_tol(point.altitude_km, altitude, 1e-3);
		n++;
	}
	fclose(file);
	ck_assert_int_eq(n, 10);
}
END_TEST

/* The clock of a machine may be anything; the map must still have an orbit to show. */
START_TEST(any_year_has_an_orbit_of_the_right_height)
{
	for (int year = -40; year <= 60; year++) {
		struct ground_point point;

		ck_assert_int_eq(satellite_at(&iss,
		                              iss.orbit.tle.epoch + year * 365.25 * 86400,
		                              &point),
		                 0);
		ck_assert_double_gt(point.altitude_km, 380);
		ck_assert_double_lt(point.altitude_km, 450);
		ck_assert_double_le(fabs(point.latitude), 51.9);
		ck_assert(point.longitude >= -180 && point.longitude < 180);
	}
}
END_TEST

START_TEST(no_time_gives_no_point)
{
	struct ground_point point;

	ck_assert_int_eq(satellite_at(&iss, NAN, &point), -EDOM);
	ck_assert_int_eq(satellite_at(&iss, INFINITY, &point), -EDOM);
}
END_TEST

START_TEST(the_age_of_the_elements_can_be_shown)
{
	char text[SATELLITE_TIME_SIZE];

	ck_assert_str_eq(satellite_time(iss.orbit.tle.epoch, text),
	                 "2026-08-25T15:51:11.984Z");
	ck_assert_str_eq(satellite_time(-0.5, text), "1969-12-31T23:59:59.500Z");
	ck_assert_double_eq_tol(satellite_period(&iss), 92.9 * 60, 10);
}
END_TEST

START_TEST(a_file_that_is_none_is_named)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct satellite none;

	ck_assert_int_eq(satellite_load("/nowhere/iss.tle", &none, &err), -ENOENT);
	ck_assert_str_eq(err.message, "/nowhere/iss.tle: No such file or directory");
	err = (struct otel_error)OTEL_ERROR_INIT;
	ck_assert_int_eq(satellite_load(TEST_DATA "/geodesic.tsv", &none, &err), -EINVAL);
	ck_assert_str_eq(err.message, TEST_DATA
	                 "/geodesic.tsv: element set: there is none in the text");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("satellite");
	TCase *tcase = tcase_create("ground");

	tcase_add_checked_fixture(tcase, load, NULL);
	tcase_add_test(tcase, ground_points_agree_with_the_reference);
	tcase_add_test(tcase, any_year_has_an_orbit_of_the_right_height);
	tcase_add_test(tcase, no_time_gives_no_point);
	tcase_add_test(tcase, the_age_of_the_elements_can_be_shown);
	tcase_add_test(tcase, a_file_that_is_none_is_named);
	suite_add_tcase(suite, tcase);
	return check_main(suite);
}
