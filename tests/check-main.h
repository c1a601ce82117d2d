/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/check-main.h - runs one Check suite and says its results as TAP on stdout.
 *
 * CK_RUN_CASE, CK_FORK and CK_EXCLUDE_TAGS work as Check documents them.
 */
#ifndef TESTS_CHECK_MAIN_H
#define TESTS_CHECK_MAIN_H

#include <check.h>
#include <stdlib.h>

static inline int
check_main(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
