/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check-main.h"
#include "sgp4.h"

/* The element set of a satellite in the verification file. */
static struct sgp4
of_satellite(int number)
{
	FILE *file = fopen(TEST_DATA "/sgp4/sgp4-ver-near.tle", "re");
	char line1[128], line2[128];
	struct sgp4 s;
	struct tle tle;

	ck_assert_ptr_nonnull(file);
	while (fgets(line1, sizeof line1, file)) {
		struct otel_error err = OTEL_ERROR_INIT;

		if (strncmp(line1, "1 ", 2) != 0)
			continue;
		ck_assert_ptr_nonnull(fgets(line2, sizeof line2, file));
		ck_assert_msg(tle_parse(NULL, line1, line2, &tle, &err) == 0, "%s",
		              err.message);
		if (tle.satellite == number)
			break;
	}
	fclose(file);
	ck_assert_int_eq(tle.satellite, number);
	ck_assert_int_eq(sgp4_init(&s, &tle), 0);
	return s;
}

START_TEST(every_verification_vector_agrees)
{
	FILE *file = fopen(TEST_DATA "/sgp4/sgp4-ver-near.tsv", "re");
	char line[256];
	int n = 0;

	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
	while (fgets(line, sizeof line, file)) {
		double t, r[3], v[3], position[3], velocity[3];
		int satellite;
		struct sgp4 s;

		ck_assert_int_eq(sscanf(line, "%d %*d %lf %lf %lf %lf %lf %lf %lf",
		                        &satellite, &t, r, r + 1, r + 2, v, v + 1, v + 2),
		                 8);
		s = of_satellite(satellite);
		ck_assert_int_eq(sgp4_propagate(&s, t, position, velocity), 0);
		for (int i = 0; i < 3; i++) {
			ck_assert_double_eq_tol(position[i], r[i], 1e-6);
			ck_assert_double_eq_tol(velocity[i], v[i], 1e-8);
		}
		n++;
	}
	fclose(file);
	ck_assert_int_eq(n, 84);
}
END_TEST

START_TEST(orbits_that_end_say_how)
{
	static const struct {
		int satellite;
		double minutes;
		int outcome;
		const char *text;
	} ends[] = {
		{ 22312, 494.2029, SGP4_ECCENTRICITY, "mean eccentricity out of range" },
		{ 28350, 1560, SGP4_ECCENTRICITY, "mean eccentricity out of range" },
		{ 29141, 440, SGP4_DECAYED, "satellite has decayed" },
	};

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		struct sgp4 s = of_satellite(ends[i].satellite);
		double position[3] = { 1, 2, 3 }, velocity[3];
		int outcome = sgp4_propagate(&s, ends[i].minutes, position, velocity);

		ck_assert_int_eq(outcome, ends[i].outcome);
		ck_assert_str_eq(sgp4_outcome_text(outcome), ends[i].text);
		ck_assert_double_eq(position[0], 1);
	}
}
END_TEST

START_TEST(deep_space_is_refused)
{
	struct sgp4 s = of_satellite(5);
	struct tle slow = s.tle;

	slow.mean_motion = 2 * M_PI / 226;
	ck_assert_int_eq(sgp4_init(&s, &slow), -EDOM);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sgp4");
	TCase *tcase = tcase_create("near earth");

	tcase_add_test(tcase, every_verification_vector_agrees);
	tcase_add_test(tcase, orbits_that_end_say_how);
	tcase_add_test(tcase, deep_space_is_refused);
	suite_add_tcase(suite, tcase);
	return check_main(suite);
}
