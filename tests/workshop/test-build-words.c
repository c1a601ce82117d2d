/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What make and the compiler say, as file, line and sentence.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "build.h"
#include "check-main.h"
#include "files.h"
#include "memory.h"
#include "ports.h"

static struct build build;

static void
teardown(void)
{
	build_fini(&build);
}

static void
read_words(const char *text)
{
	build_fini(&build);
	build_parse("gateway", "/home/ada/copy", text, &build);
}

#define EXPECT_ERROR(i, its_file, its_line, its_text)             \
	do {                                                      \
		ck_assert_uint_gt(build.n_errors, i);             \
		ck_assert_str_eq(build.errors[i].file, its_file); \
		ck_assert_int_eq(build.errors[i].line, its_line); \
		ck_assert_str_eq(build.errors[i].text, its_text); \
	} while (0)

START_TEST(gcc_and_clang_name_file_line_and_column)
{
	read_words(
		"app.c: In function 'api':\n"
		"app.c:12:5: error: expected ';' before 'return'\n"
		"   12 |     return 0\n"
		"      |     ^~~~~~\n"
		"app.c:14:1: warning: unused variable 'x' [-Wunused-variable]\n"
		"app.c:13:2: note: declared here\n"
		"app.c:20: error: old compilers name no column\n"
		"../lib/space.h:3:10: fatal error: nothing.h: No such file or directory\n"
		"./app.c:1:1: error: dotted\n"
		"/home/ada/copy/gateway/app.c:7:1: error: absolute\n"
		"/usr/include/jansson.h:9:1: error: not ours\n");
	ck_assert_uint_eq(build.n_errors, 6);
	EXPECT_ERROR(0, "gateway/app.c", 12, "expected ';' before 'return'");
	EXPECT_ERROR(1, "gateway/app.c", 20, "old compilers name no column");
	EXPECT_ERROR(2, "lib/space.h", 3, "nothing.h: No such file or directory");
	EXPECT_ERROR(3, "gateway/app.c", 1, "dotted");
	EXPECT_ERROR(4, "gateway/app.c", 7, "absolute");
	EXPECT_ERROR(5, "/usr/include/jansson.h", 9, "not ours");
	ck_assert_uint_eq(build.n_warnings, 1);
	ck_assert_int_eq(build.warnings[0].line, 14);
}
END_TEST

START_TEST(what_is_wrong_in_a_macro_is_told_where_it_is_used)
{
	read_words(
		"app.c:50:1: error: before\n"
		"/opt/include/otel/value.h:157:9: warning: missing braces around initializer\n"
		"/opt/include/otel/logs.h:90:46: note: in expansion of macro 'OTEL_ATTRIBUTES'\n"
		"app.c:54:17: note: in expansion of macro 'otel_log'\n"
		"/opt/include/otel/value.h:158:9: error: no such member\n"
		"app.c:60:1: note: in expansion of macro 'otel_log'\n"
		"app.c:61:1: note: in expansion of macro 'another'\n");
	ck_assert_uint_eq(build.n_warnings, 1);
	ck_assert_str_eq(build.warnings[0].file, "gateway/app.c");
	ck_assert_int_eq(build.warnings[0].line, 54);
	ck_assert_uint_eq(build.n_errors, 2);
	EXPECT_ERROR(0, "gateway/app.c", 50, "before");
	EXPECT_ERROR(1, "gateway/app.c", 60, "no such member");
}
END_TEST

START_TEST(the_linker_names_a_place_when_it_knows_one)
{
	read_words(
		"/usr/bin/ld: app.o: in function `api':\n"
		"/home/ada/copy/gateway/app.c:31: undefined reference to `answer'\n"
		"/usr/bin/ld: app.o: in function `api': app.c:32: undefined reference to `other'\n"
		"/usr/bin/ld: app.o:(.text+0x5): undefined reference to `third'\n"
		"collect2: error: ld returned 1 exit status\n");
	ck_assert_uint_eq(build.n_errors, 3);
	EXPECT_ERROR(0, "gateway/app.c", 31, "undefined reference to `answer'");
	EXPECT_ERROR(1, "gateway/app.c", 32, "undefined reference to `other'");
	EXPECT_ERROR(2, "", 0, "undefined reference to `third'");
}
END_TEST

START_TEST(make_names_its_own_file)
{
	read_words("Makefile:8: *** missing separator.  Stop.\n");
	ck_assert_uint_eq(build.n_errors, 1);
	EXPECT_ERROR(0, "gateway/Makefile", 8, "missing separator.  Stop.");
}
END_TEST

START_TEST(other_words_are_nobodys_mistake)
{
	static const char *const texts[] = {
		"",
		"\n\n",
		":",
		"a:b:c\n",
		"12:13: error",
		"app.c:x: error: y\n",
		"make: *** [Makefile:9: gateway.so] Error 1\n",
		"compiling app.c:12 now\n"
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		read_words(texts[i]);
		ck_assert_uint_eq(build.n_errors, 0);
		ck_assert_uint_eq(build.n_warnings, 0);
	}
}
END_TEST

START_TEST(a_flood_of_mistakes_is_recorded_by_its_beginning)
{
	struct tool tool = { .dir = (char[]){ "/tmp/cupola-build-XXXXXX" } };
	json_t *recorded, *unit;
	char *words = NULL, *path;
	size_t len;
	FILE *out = open_memstream(&words, &len);

	for (int i = 1; i <= 5000; i++)
		fprintf(out, "app.c:%d:1: error: stray '\\' in program\n", i);
	fclose(out);
	read_words(words);
	free(words);
	ck_assert_uint_eq(build.n_errors, 5000);
	build.unit = "gateway";
	ck_assert_ptr_nonnull(mkdtemp(tool.dir));
	path = xasprintf("%s/.workshop", tool.dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	build_record(&tool, &build, 1, 0, 0);
	recorded = build_recorded(&tool);
	unit = json_object_get(json_object_get(recorded, "units"), "gateway");
	ck_assert_uint_eq(json_array_size(json_object_get(unit, "errors")), 100);
	json_decref(recorded);
	dir_remove(tool.dir);
	free(path);
}
END_TEST

START_TEST(sources_are_what_make_builds_from)
{
	ck_assert(build_is_source("app.c") && build_is_source("geodesic.h") &&
	          build_is_source("Makefile") && build_is_source("rules.mk"));
	ck_assert(!build_is_source("app.o") && !build_is_source("app.c~") &&
	          !build_is_source(".app.c.swp") && !build_is_source(".app.c") &&
	          !build_is_source("gateway.so") && !build_is_source("README.md") &&
	          !build_is_source("app.c.cupola-new") && !build_is_source("4913"));
}
END_TEST

START_TEST(a_url_follows_its_port)
{
	char station[] = "station", address[] = "127.0.0.1";
	struct port_move move = { station, address, 4318, 14318, NULL };
	struct ports ports = { &move, 1, NULL, 0 };
	static const struct {
		const char *url, *moved;
	} cases[] = {
		{ "http://127.0.0.1:4318", "http://127.0.0.1:14318" },
		{ "http://localhost:4318/v1/traces", "http://localhost:14318/v1/traces" },
		{ "http://[::1]:4318/?a=b:4318", "http://[::1]:14318/?a=b:4318" },
		{ "http://127.0.0.1:43180", NULL },
		{ "http://127.0.0.1:5000/", NULL },
		{ "http://collector:4318", NULL },
		{ "http://127.0.0.1", NULL },
		{ "127.0.0.1:4318", NULL },
		{ "", NULL },
		{ NULL, NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *moved = ports_move_url(&ports, cases[i].url);

		ck_assert_pstr_eq(moved, cases[i].moved);
		free(moved);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("workshop");
	TCase *tcase = tcase_create("words");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, gcc_and_clang_name_file_line_and_column);
	tcase_add_test(tcase, what_is_wrong_in_a_macro_is_told_where_it_is_used);
	tcase_add_test(tcase, the_linker_names_a_place_when_it_knows_one);
	tcase_add_test(tcase, make_names_its_own_file);
	tcase_add_test(tcase, other_words_are_nobodys_mistake);
	tcase_add_test(tcase, a_flood_of_mistakes_is_recorded_by_its_beginning);
	tcase_add_test(tcase, sources_are_what_make_builds_from);
	tcase_add_test(tcase, a_url_follows_its_port);
	suite_add_tcase(suite, tcase);
	return check_main(suite);
}
