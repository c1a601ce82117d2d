/* SPDX-License-Identifier: Apache-2.0 */
#include "check-main.h"
#include "fake/svc-host.h"
#include "hello/app.c"

static struct fake_host fake;

START_TEST(it_greets_the_world)
{
	fake_init(&fake, &svc_plugin);
	fake_start(&fake);
	ck_assert_str_eq(fake_get(&fake, "/")->body, "Hello, world\n");
	ck_assert_str_eq(fake_get(&fake, "/?name=")->body, "Hello, world\n");
	fake_fini(&fake);
}
END_TEST

START_TEST(it_greets_who_asks_as_configured)
{
	fake_init(&fake, &svc_plugin);
	fake_set(&fake, "greeting", "Good morning");
	fake_start(&fake);
	ck_assert_str_eq(fake_get(&fake, "/?name=Ada+L%2E")->body,
	                 "Good morning, Ada L.\n");
	fake_fini(&fake);
}
END_TEST

START_TEST(a_huge_name_is_cut)
{
	char target[4096] = "/?name=";

	memset(target + 7, 'x', sizeof target - 8);
	fake_init(&fake, &svc_plugin);
	fake_start(&fake);
	ck_assert_uint_eq(fake_get(&fake, target)->len, 511);
	fake_fini(&fake);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("hello");
	TCase *tcase = tcase_create("hello");

	tcase_add_test(tcase, it_greets_the_world);
	tcase_add_test(tcase, it_greets_who_asks_as_configured);
	tcase_add_test(tcase, a_huge_name_is_cut);
	suite_add_tcase(suite, tcase);
	return check_main(suite);
}
