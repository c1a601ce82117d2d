/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check-main.h"
#include "oom.h"
#include <otel/baggage.h>

static struct otel_baggage *
parse(const char *text)
{
	struct otel_baggage *baggage = NULL;
	struct otel_error err = OTEL_ERROR_INIT;

	ck_assert_msg(otel_baggage_parse(text, strlen(text), &baggage, &err) == 0, "%s",
	              err.message);
	return baggage;
}

START_TEST(members_are_decoded)
{
	struct otel_baggage *baggage = parse(
		" a = 1 , b=two%20words;p1;p2 = x ,c=%E2%82%AC,d=");
	const char *name, *value, *metadata;

	ck_assert_uint_eq(otel_baggage_count(baggage), 4);
	ck_assert_str_eq(otel_baggage_get(baggage, "a"), "1");
	ck_assert_str_eq(otel_baggage_get(baggage, "b"), "two words");
	ck_assert_str_eq(otel_baggage_get(baggage, "c"), "\xe2\x82\xac");
	ck_assert_str_eq(otel_baggage_get(baggage, "d"), "");
	ck_assert_ptr_null(otel_baggage_get(baggage, "A"));
	ck_assert(otel_baggage_at(baggage, 1, &name, &value, &metadata));
	ck_assert_str_eq(name, "b");
	ck_assert_str_eq(metadata, "p1;p2 = x");
	ck_assert(!otel_baggage_at(baggage, 4, NULL, NULL, NULL));
	otel_baggage_unref(baggage);
}
END_TEST

START_TEST(of_equal_names_the_last_wins)
{
	struct otel_baggage *baggage = parse("a=1,b=2,a=3");

	ck_assert_uint_eq(otel_baggage_count(baggage), 2);
	ck_assert_str_eq(otel_baggage_get(baggage, "a"), "3");
	otel_baggage_unref(baggage);
}
END_TEST

START_TEST(nothing_makes_no_baggage)
{
	ck_assert_ptr_null(parse(""));
	ck_assert_ptr_null(parse(" , ,"));
}
END_TEST

static const char *const bad[] = {
	"a",     "=1",    "a b=1",       "a=1 2",    "a=\"x\"",    "a=1;p=\"q\"",
	"a=%2",  "a=%zz", "a=%ff",       "a=%00",    "\xc3\xa4=1", "a=\xc3\xa4",
	"a=1,b", "a;b=1", "a=%ed%a0%80", "a=%c0%80",
};

START_TEST(what_is_not_as_specified_is_refused)
{
	struct otel_baggage *baggage = (struct otel_baggage *)1;
	struct otel_error err = OTEL_ERROR_INIT;

	ck_assert_int_eq(otel_baggage_parse(bad[_i], strlen(bad[_i]), &baggage, &err),
	                 -EINVAL);
	ck_assert_ptr_eq(baggage, (struct otel_baggage *)1);
	ck_assert(strncmp(err.message, "baggage: ", 9) == 0);
}
END_TEST

START_TEST(limits_are_met_exactly_and_not_exceeded)
{
	static char text[9000];
	struct otel_baggage *baggage = NULL;
	size_t len = 0;

	for (int i = 0; i < 64; i++)
		len += (size_t)sprintf(text + len, "%sk%d=v", i ? "," : "", i);
	baggage = parse(text);
	ck_assert_uint_eq(otel_baggage_count(baggage), 64);
	ck_assert_ptr_null(otel_baggage_with(baggage, "one-more", "x", NULL));
	otel_baggage_unref(baggage);
	strcpy(text + len, ",one-more=x");
	ck_assert_int_eq(otel_baggage_parse(text, strlen(text), &baggage, NULL), -EINVAL);

	memset(text, 'x', sizeof text);
	memcpy(text, "a=", 2);
	ck_assert_int_eq(otel_baggage_parse(text, 8192, &baggage, NULL), 0);
	ck_assert_ptr_null(otel_baggage_with(baggage, "b", "", NULL));
	otel_baggage_unref(baggage);
	ck_assert_int_eq(otel_baggage_parse(text, 8193, &baggage, NULL), -EINVAL);
}
END_TEST

START_TEST(a_change_makes_another_one)
{
	struct otel_baggage *a = otel_baggage_with(NULL, "k", "1", NULL);
	struct otel_baggage *b = otel_baggage_with(a, "k", "2", "p");
	struct otel_baggage *c = otel_baggage_with(b, "k", NULL, NULL);

	ck_assert_str_eq(otel_baggage_get(a, "k"), "1");
	ck_assert_str_eq(otel_baggage_get(b, "k"), "2");
	ck_assert_uint_eq(otel_baggage_count(c), 0);
	ck_assert_ptr_null(otel_baggage_with(a, "no token", "x", NULL));
	ck_assert_ptr_null(otel_baggage_with(a, "", "x", NULL));
	ck_assert_ptr_null(otel_baggage_with(a, "k", "\xff", NULL));
	ck_assert_ptr_null(otel_baggage_with(a, "k", "x", "a\r\nb"));
	otel_baggage_unref(a);
	otel_baggage_unref(b);
	otel_baggage_unref(c);
}
END_TEST

START_TEST(the_header_is_encoded_and_read_back)
{
	struct otel_baggage *a = otel_baggage_with(NULL, "k",
	                                           "a b,c;d=e%\"\\\xe2\x82\xac", "p=1");
	struct otel_baggage *b = otel_baggage_with(a, "l", "plain", NULL), *back;
	char text[200], small[6];
	size_t len = otel_baggage_format(b, text, sizeof text);

	ck_assert_str_eq(text, "k=a%20b%2Cc%3Bd=e%25%22%5C%E2%82%AC;p=1,l=plain");
	ck_assert_uint_eq(len, strlen(text));
	ck_assert_uint_eq(otel_baggage_format(b, small, sizeof small), len);
	ck_assert_str_eq(small, "k=a%2");
	ck_assert_uint_eq(otel_baggage_format(b, NULL, 0), len);
	back = parse(text);
	ck_assert_str_eq(otel_baggage_get(back, "k"), otel_baggage_get(a, "k"));
	otel_baggage_unref(a);
	otel_baggage_unref(b);
	otel_baggage_unref(back);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
	for (long n = 0;; n++) {
		struct otel_baggage *baggage = NULL;
		int r;

		oom_arm(n);
		r = otel_baggage_parse("a=1,b=2", 7, &baggage, NULL);
		oom_disarm();
		otel_baggage_unref(baggage);
		ck_assert_uint_eq(oom_live(), 0);
		if (!oom_fired())
			break;
		ck_assert_int_eq(r, -ENOMEM);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("baggage");
	TCase *parsing = tcase_create("parsing"), *making = tcase_create("making");

	oom_install();
	suite_add_tcase(suite, parsing);
	suite_add_tcase(suite, making);
	tcase_add_test(parsing, members_are_decoded);
	tcase_add_test(parsing, of_equal_names_the_last_wins);
	tcase_add_test(parsing, nothing_makes_no_baggage);
	tcase_add_loop_test(parsing, what_is_not_as_specified_is_refused, 0,
	                    sizeof bad / sizeof *bad);
	tcase_add_test(parsing, limits_are_met_exactly_and_not_exceeded);
	tcase_add_test(parsing, every_allocation_may_fail);
	tcase_add_test(making, a_change_makes_another_one);
	tcase_add_test(making, the_header_is_encoded_and_read_back);
	return check_main(suite);
}
