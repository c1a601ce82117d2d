/* SPDX-License-Identifier: Apache-2.0 */
#include "check-main.h"
#include <cupola/url.h>

START_TEST(a_query_is_begun_and_continued)
{
	char url[128];

	ck_assert_int_eq(svc_url(url, sizeof url, "http://x/"), 0);
	ck_assert_int_eq(svc_url_add(url, sizeof url, "q", "a b&c=d/é"), 0);
	ck_assert_int_eq(svc_url_add(url, sizeof url, "limit", "1"), 0);
	ck_assert_str_eq(url, "http://x/?q=a%20b%26c%3Dd%2F%C3%A9&limit=1");
}
END_TEST

START_TEST(a_base_may_have_a_query_of_its_own)
{
	char url[128];

	ck_assert_int_eq(svc_url(url, sizeof url, "http://x/?key=1"), 0);
	ck_assert_int_eq(svc_url_add(url, sizeof url, "~a_b-c.d", ""), 0);
	ck_assert_str_eq(url, "http://x/?key=1&~a_b-c.d=");
}
END_TEST

START_TEST(too_little_room_leaves_the_url_as_it_was)
{
	char guarded[64];

	for (size_t size = 0; size < 32; size++) {
		int r;

		memset(guarded, '!', sizeof guarded);
		r = svc_url(guarded, size, "http://x/");
		ck_assert_int_eq(r, size > 9 ? 0 : -ENAMETOOLONG);
		if (r == 0) {
			r = svc_url_add(guarded, size, "q", "\xff-\xff");
			ck_assert(r == 0 || r == -ENAMETOOLONG);
			ck_assert_str_eq(guarded,
			                 r == 0 ? "http://x/?q=%FF-%FF" : "http://x/");
			ck_assert(r != 0 || size > 19);
			ck_assert(r == 0 || size < 23);
		}
		ck_assert_int_eq(guarded[size], '!');
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("url");
	TCase *tcase = tcase_create("query");

	tcase_add_test(tcase, a_query_is_begun_and_continued);
	tcase_add_test(tcase, a_base_may_have_a_query_of_its_own);
	tcase_add_test(tcase, too_little_room_leaves_the_url_as_it_was);
	suite_add_tcase(suite, tcase);
	return check_main(suite);
}
