/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check-main.h"
#include "tle.h"

static const char line1[] =
	"1 25544U 98067A   26237.66055538  .00007716  00000+0  14485-3 0  9993";
static const char line2[] =
	"2 25544  51.6329 316.2335 0007673  83.1052 277.0809 15.49625410582525";

START_TEST(fields_are_read)
{
	struct tle tle;

	ck_assert_int_eq(tle_parse("ISS (ZARYA)     \r\n", line1, line2, &tle, NULL), 0);
	ck_assert_str_eq(tle.name, "ISS (ZARYA)");
	ck_assert_int_eq(tle.satellite, 25544);
	ck_assert_double_eq_tol(tle.epoch, 1787673071.984832, 1e-5);
	ck_assert_double_eq_tol(tle.bstar, 0.14485e-3, 1e-12);
	ck_assert_double_eq_tol(tle.inclination * 180 / M_PI, 51.6329, 1e-12);
	ck_assert_double_eq_tol(tle.eccentricity, 0.0007673, 1e-15);
	ck_assert_double_eq_tol(tle.mean_motion * 1440 / (2 * M_PI), 15.49625410, 1e-12);
}
END_TEST

START_TEST(a_negative_drag_term_is_read)
{
	struct tle tle;
	/* The sign adds one to the check digit. */
	const char *negative =
		"1 25544U 98067A   26237.66055538  .00007716  00000+0 -14485-3 0  9994";

	ck_assert_int_eq(tle_parse(NULL, negative, line2, &tle, NULL), 0);
	ck_assert_double_eq_tol(tle.bstar, -0.14485e-3, 1e-12);
	ck_assert_str_eq(tle.name, "");
}
END_TEST

/* Line 1 with one byte changed, and its check digit made right when `fix`. */
static int
with_byte(int column, char c, int fix, struct otel_error *err)
{
	char changed[sizeof line1];
	struct tle tle;
	int sum = 0;

	memcpy(changed, line1, sizeof line1);
	changed[column - 1] = c;
	for (int i = 0; i < 68; i++)
		sum += changed[i] >= '0' && changed[i] <= '9' ? changed[i] - '0'
		                                              : changed[i] == '-';
	if (fix)
		changed[68] = (char)('0' + sum % 10);
	return tle_parse(NULL, changed, line2, &tle, err);
}

START_TEST(every_single_wrong_digit_is_noticed)
{
	for (int column = 1; column <= 69; column++) {
		struct otel_error err = OTEL_ERROR_INIT;

		if (line1[column - 1] < '0' || line1[column - 1] > '9')
			continue;
		ck_assert_int_eq(
			with_byte(column,
		                  line1[column - 1] == '9' ? '0' : line1[column - 1] + 1,
		                  0, &err),
			-EINVAL);
		ck_assert_str_ne(err.message, "");
	}
}
END_TEST

START_TEST(wrong_sets_are_refused_with_the_reason)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct tle tle;

	ck_assert_int_eq(tle_parse(NULL, line1, line1, &tle, &err), -EINVAL);
	ck_assert_str_eq(err.message, "element set: line 2 begins with \"1 \"");
	err = (struct otel_error)OTEL_ERROR_INIT;
	ck_assert_int_eq(tle_parse(NULL, "1 25544U", line2, &tle, &err), -EINVAL);
	ck_assert_str_eq(err.message, "element set: line 1 has 8 characters, not 69");
	err = (struct otel_error)OTEL_ERROR_INIT;
	ck_assert_int_eq(with_byte(69, '4', 0, &err), -EINVAL);
	ck_assert_str_eq(err.message, "element set: line 1 has check digit 4, counted 3");
	err = (struct otel_error)OTEL_ERROR_INIT;
	ck_assert_int_eq(with_byte(3, '3', 1, &err), -EINVAL);
	ck_assert_str_eq(err.message, "element set: its lines are of 35544 and 25544");
	err = (struct otel_error)OTEL_ERROR_INIT;
	ck_assert_int_eq(with_byte(22, 'x', 1, &err), -EINVAL);
	ck_assert_str_eq(err.message, "element set: a field of 25544 is not a number");
	err = (struct otel_error)OTEL_ERROR_INIT;
	ck_assert_int_eq(with_byte(21, '9', 1, &err), -EINVAL);
	ck_assert_str_eq(err.message, "element set: a field of 25544 is out of range");
}
END_TEST

START_TEST(the_first_set_of_a_text_is_taken)
{
	char text[512];
	struct tle tle;

	snprintf(text, sizeof text,
	         "# comment\r\nISS (ZARYA)\r\n%s\r\n%s\r\nOTHER\nrubbish\n", line1,
	         line2);
	ck_assert_int_eq(tle_first(text, &tle, NULL), 0);
	ck_assert_str_eq(tle.name, "ISS (ZARYA)");
	ck_assert_int_eq(tle_first("", &tle, NULL), -EINVAL);
	ck_assert_int_eq(tle_first("nothing\nof the kind\n", &tle, NULL), -EINVAL);
	ck_assert_int_eq(tle_first(line1, &tle, NULL), -EINVAL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("tle");
	TCase *tcase = tcase_create("parse");

	tcase_add_test(tcase, fields_are_read);
	tcase_add_test(tcase, a_negative_drag_term_is_read);
	tcase_add_test(tcase, every_single_wrong_digit_is_noticed);
	tcase_add_test(tcase, wrong_sets_are_refused_with_the_reason);
	tcase_add_test(tcase, the_first_set_of_a_text_is_taken);
	suite_add_tcase(suite, tcase);
	return check_main(suite);
}
