/* SPDX-License-Identifier: Apache-2.0 */
#include "check-main.h"
#include "fake/svc-host.h"
#include "propagation_probe/app.c"

static struct fake_host fake;

static void
setup(void)
{
	fake_init(&fake, &svc_plugin);
	fake_answer(&fake, "http://a/", 200, "");
	fake_answer(&fake, "http://b/", 500, "");
	fake_start(&fake);
}

static void
teardown(void)
{
	fake_fini(&fake);
}

START_TEST(each_call_is_made_in_order_before_the_answer)
{
	struct fake_request *rq = fake_post(
		&fake, "/",
		"[{\"url\": \"http://a/1\", \"arguments\": [{\"x\": \"]\"}]},"
		" {\"url\": \"http://b/2\", \"arguments\": []}]");

	ck_assert_int_eq(rq->status, 200);
	ck_assert_uint_eq(fake.n_calls, 2);
	ck_assert_str_eq(fake.calls[0].method, "POST");
	ck_assert_str_eq(fake.calls[0].url, "http://a/1");
	ck_assert_str_eq(fake.calls[0].body, "[{\"x\":\"]\"}]");
	ck_assert_str_eq(fake_call_header(&fake.calls[0], "content-type"),
	                 "application/json");
	ck_assert_str_eq(fake.calls[1].body, "[]");
}
END_TEST

START_TEST(a_call_that_cannot_be_made_is_told)
{
	struct fake_request *rq;

	fake_no_answer(&fake, "http://a/", -ECONNREFUSED, "connection refused");
	rq = fake_post(&fake, "/", "[{\"url\": \"http://a/1\", \"arguments\": []}]");
	ck_assert_int_eq(rq->status, 502);
	ck_assert_str_eq(rq->body, "http://a/1: connection refused\n");
	fake_no_answer(&fake, "http://a/", -ETIMEDOUT, "timed out");
	ck_assert_int_eq(
		fake_post(&fake, "/", "[{\"url\": \"http://a/1\", \"arguments\": []}]")
			->status,
		504);
}
END_TEST

static const char *const wrong[] = { "",
	                             "{}",
	                             "[",
	                             "1",
	                             "[1]",
	                             "[{}]",
	                             "[{\"url\": \"http://a/\"}]",
	                             "[{\"url\": 1, \"arguments\": []}]" };

START_TEST(what_is_no_list_of_calls_is_a_400)
{
	ck_assert_int_eq(fake_post(&fake, "/", wrong[_i])->status, 400);
	ck_assert_uint_eq(fake.n_calls, 0);
}
END_TEST

START_TEST(deep_nesting_is_a_400)
{
	char body[4096];

	memset(body, '[', sizeof body - 1);
	body[sizeof body - 1] = '\0';
	ck_assert_int_eq(fake_post(&fake, "/", body)->status, 400);
	ck_assert_int_eq(nesting("[\"[[[\\\"[\", {}]", 14), 2);
}
END_TEST

START_TEST(other_methods_are_405)
{
	ck_assert_int_eq(fake_get(&fake, "/")->status, 405);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("propagation-probe");
	TCase *tcase = tcase_create("handle");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, each_call_is_made_in_order_before_the_answer);
	tcase_add_test(tcase, a_call_that_cannot_be_made_is_told);
	tcase_add_loop_test(tcase, what_is_no_list_of_calls_is_a_400, 0,
	                    sizeof wrong / sizeof wrong[0]);
	tcase_add_test(tcase, deep_nesting_is_a_400);
	tcase_add_test(tcase, other_methods_are_405);
	suite_add_tcase(suite, tcase);
	return check_main(suite);
}
