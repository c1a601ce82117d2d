/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "check-main.h"
#include "geodesic.h"

static double
km(double lat1, double lon1, double lat2, double lon2)
{
	return geodesic_km(&(struct coordinates){ lat1, lon1 },
	                   &(struct coordinates){ lat2, lon2 });
}

START_TEST(every_reference_pair_agrees_to_a_micrometre)
{
	FILE *file = fopen(TEST_DATA "/geodesic.tsv", "re");
	char line[512];
	int n = 0;

	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
	while (fgets(line, sizeof line, file)) {
		double lat1, lon1, lat2, lon2, expected;

		ck_assert_int_eq(sscanf(line, "%lf %lf %lf %lf %lf", &lat1, &lon1, &lat2,
		                        &lon2, &expected),
		                 5);
		ck_assert_msg(fabs(km(lat1, lon1, lat2, lon2) - expected) < 1e-9,
		              "%s: %.12f km", line, km(lat1, lon1, lat2, lon2));
		n++;
	}
	fclose(file);
	ck_assert_int_eq(n, 15);
}
END_TEST

START_TEST(direction_mirror_and_turn_make_no_difference)
{
	srand48(1);
	for (int i = 0; i < 2000; i++) {
		double lat1 = drand48() * 180 - 90, lat2 = drand48() * 180 - 90;
		double lon1 = drand48() * 360 - 180, lon2 = drand48() * 360 - 180;
		double d = km(lat1, lon1, lat2, lon2);

		ck_assert_double_eq_tol(km(lat2, lon2, lat1, lon1), d, 1e-9);
		ck_assert_double_eq_tol(km(-lat1, lon1, -lat2, lon2), d, 1e-9);
		ck_assert_double_eq_tol(km(lat1, -lon1, lat2, -lon2), d, 1e-9);
		ck_assert_double_eq_tol(km(lat1, lon1 + 360, lat2, lon2 - 720), d, 1e-8);
	}
}
END_TEST

/* What Vincenty's iteration cannot do: within half a degree of the antipode, on a fine grid. */
START_TEST(near_the_antipode_the_distance_stays_smooth)
{
	static const double latitudes[] = { 0, 1e-9, 0.1, 10, 45, 89.9, 90 };

	for (size_t i = 0; i < sizeof latitudes / sizeof latitudes[0]; i++) {
		double before = -1;

		for (double off = -0.6; off <= 0.6; off += 0.003) {
			double d = km(latitudes[i], 0,
			              -latitudes[i] + (latitudes[i] > 45 ? 0.3 : -0.3),
			              180 + off);

			ck_assert(isfinite(d));
			ck_assert_double_gt(d, 19900);
			ck_assert_double_le(d, 20003.931458626);
			/* 0.003 degrees of longitude are at most 0.34 km. */
			if (before >= 0)
				ck_assert_double_le(fabs(d - before), 0.34);
			before = d;
		}
	}
}
END_TEST

START_TEST(a_detour_is_never_shorter)
{
	srand48(2);
	for (int i = 0; i < 2000; i++) {
		double a[2] = { drand48() * 180 - 90, drand48() * 360 };
		double b[2] = { -a[0] + drand48() - 0.5, a[1] + 180 + drand48() - 0.5 };
		double c[2] = { drand48() * 180 - 90, drand48() * 360 };

		if (fabs(b[0]) > 90)
			continue;
		ck_assert_double_le(km(a[0], a[1], b[0], b[1]),
		                    km(a[0], a[1], c[0], c[1]) +
		                            km(c[0], c[1], b[0], b[1]) + 1e-9);
	}
}
END_TEST

START_TEST(small_distances_keep_their_digits)
{
	/* A millionth of a degree east on the equator is a times the angle. */
	ck_assert_double_eq_tol(km(0, 0, 0, 1e-6), 6378.137 * 1e-6 * M_PI / 180, 1e-10);
	ck_assert_double_eq_tol(km(50, 8, 50, 8), 0, 1e-10);
	ck_assert_double_eq_tol(km(0, 179.5, 0, -179.5), 6378.137 * M_PI / 180, 1e-9);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("geodesic");
	TCase *tcase = tcase_create("inverse");

	tcase_add_test(tcase, every_reference_pair_agrees_to_a_micrometre);
	tcase_add_test(tcase, direction_mirror_and_turn_make_no_difference);
	tcase_add_test(tcase, near_the_antipode_the_distance_stays_smooth);
	tcase_add_test(tcase, a_detour_is_never_shorter);
	tcase_add_test(tcase, small_distances_keep_their_digits);
	suite_add_tcase(suite, tcase);
	return check_main(suite);
}
