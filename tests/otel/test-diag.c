/* SPDX-License-Identifier: Apache-2.0 */
/* What the SDK says of itself, and where its memory comes from. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check-main.h"
#include "oom.h"
#include "pipeline_priv.h"

static char heard[200];
static int n_heard, last_level;

static void
hear(int level, const char *message, void *userdata)
{
	ck_assert_ptr_eq(userdata, heard);
	snprintf(heard, sizeof heard, "%s", message);
	last_level = level;
	n_heard++;
	errno = 0;
}

START_TEST(messages_go_to_who_asked_for_them)
{
	otel_set_diagnostics(hear, heard);
	errno = EIO;
	otelp_diag(OTEL_DIAG_DEBUG, "%d of %s", 3, "four");
	ck_assert_int_eq(errno, EIO);
	ck_assert_str_eq(heard, "3 of four");
	ck_assert_int_eq(last_level, OTEL_DIAG_DEBUG);
}
END_TEST

START_TEST(once_is_once)
{
	otel_set_diagnostics(hear, heard);
	for (int i = 0; i < 3; i++)
		otelp_diag_once(OTEL_DIAG_WARN, "number %d", i);
	ck_assert_int_eq(n_heard, 1);
	ck_assert_str_eq(heard, "number 0");
}
END_TEST

/* What the default function writes while all four levels are heard. */
static const char *
on_stderr(void)
{
	static const char *const texts[] = { "d", "i", "w", "e" };
	static char text[400];
	int fds[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	ck_assert_int_eq(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	for (int level = OTEL_DIAG_DEBUG; level <= OTEL_DIAG_ERROR; level++)
		otelp_diag(level, "%s", texts[level]);
	otelp_diag(OTEL_DIAG_ERROR, "end");
	dup2(saved, STDERR_FILENO);
	close(fds[1]);
	n = read(fds[0], text, sizeof text - 1);
	close(fds[0]);
	close(saved);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static const struct {
	const char *level, *text;
} thresholds[] = {
	{ NULL, "otel: warning: w\notel: error: e\notel: error: end\n" },
	{ "nonsense", "otel: warning: w\notel: error: e\notel: error: end\n" },
	{ "ERROR", "otel: error: e\notel: error: end\n" },
	{ "info", "otel: info: i\notel: warning: w\notel: error: e\notel: error: end\n" },
	{ "none", "" },
};

START_TEST(the_default_goes_to_stderr_from_the_threshold_on)
{
	if (thresholds[_i].level)
		setenv("OTEL_LOG_LEVEL", thresholds[_i].level, 1);
	else
		unsetenv("OTEL_LOG_LEVEL");
	ck_assert_str_eq(on_stderr(), thresholds[_i].text);
}
END_TEST

START_TEST(a_product_that_overflows_is_no_allocation)
{
	errno = 0;
	ck_assert_ptr_null(otelp_calloc(SIZE_MAX / 2, 3));
	ck_assert_int_eq(errno, ENOMEM);
}
END_TEST

START_TEST(all_memory_comes_from_the_allocator_that_was_set)
{
	char *text, *zeros;

	oom_install();
	text = otelp_strdup("text");
	zeros = otelp_calloc(4, 4);
	ck_assert_uint_eq(oom_live(), 2);
	ck_assert_str_eq(text, "text");
	ck_assert_mem_eq(zeros, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	text = otelp_realloc(text, 100);
	ck_assert_str_eq(text, "text");
	otelp_free(text);
	otelp_free(zeros);
	otelp_free(NULL);
	ck_assert_uint_eq(oom_live(), 0);
	oom_arm(0);
	ck_assert_ptr_null(otelp_strdup("text"));
	oom_disarm();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("diag");
	TCase *messages = tcase_create("messages"), *memory = tcase_create("memory");

	suite_add_tcase(suite, messages);
	suite_add_tcase(suite, memory);
	tcase_add_test(messages, messages_go_to_who_asked_for_them);
	tcase_add_test(messages, once_is_once);
	tcase_add_loop_test(messages, the_default_goes_to_stderr_from_the_threshold_on, 0,
	                    sizeof thresholds / sizeof *thresholds);
	tcase_add_test(memory, a_product_that_overflows_is_no_allocation);
	tcase_add_test(memory, all_memory_comes_from_the_allocator_that_was_set);
	return check_main(suite);
}
