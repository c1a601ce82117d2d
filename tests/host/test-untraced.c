/* SPDX-License-Identifier: Apache-2.0 */
#include "check-main.h"
#include "instrument.h"

static const struct {
	const char *list, *path;
	bool untraced;
} cases[] = {
	{ NULL, "/", false },
	{ "", "/", false },
	{ " \t ", "/", false },
	{ "/api/iss", "/api/iss", true },
	{ "/api/iss", "/api/issues", true }, /* beginnings, as said */
	{ "/api/iss", "/api", false },
	{ "/static /api/iss", "/static/x.js", true },
	{ "/ !/api/distance", "/", true },
	{ "/ !/api/distance", "/js/main.js", true },
	{ "/ !/api/distance", "/api/distance", false },
	{ "!/api/distance /", "/api/distance", false },
	{ "/api !/api/x /api/x/y", "/api/x/y", true },
	{ "/api !/api/x /api/x/y", "/api/x", false },
	{ "!/", "/x", false },
};

START_TEST(the_longest_fitting_entry_decides)
{
	ck_assert_msg(host_instrument_untraced(cases[_i].list, cases[_i].path) ==
	                      cases[_i].untraced,
	              "\"%s\" for %s", cases[_i].list, cases[_i].path);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("untraced");
	TCase *tcase = tcase_create("list");

	tcase_add_loop_test(tcase, the_longest_fitting_entry_decides, 0,
	                    sizeof cases / sizeof cases[0]);
	suite_add_tcase(suite, tcase);
	return check_main(suite);
}
