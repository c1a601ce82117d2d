/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads, swaps and refusals of one plugin on two loops, without sockets. Trials are made by the program
 * itself. tests/integration/test-reload.py does the same under load.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check-main.h"
#include "conf.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "mount.h"

/* What hangs is waited for shortly, and what does not for as long as a busy machine may need. */
#define PATIENCE_MS 20000
#define SHORT_MS    300

static char dir[] = "/tmp/test-mount.XXXXXX";
static struct host_loop *loops[2];
static struct site site;
static struct mount *mount;
static struct otel_error err;
static struct load_report report;
static unsigned n_loaded, last_loaded;

static char *
fixture(const char *name)
{
	return xasprintf("%s/%s.so", FIXTURES, name);
}

/* A section as a file says it. */
static struct host_plugin *
section(const char *name)
{
	char *file = xasprintf("%s/host.conf", dir), *path = fixture(name);
	struct host_problems problems = { NULL, 0 };
	FILE *to = fopen(file, "w");
	struct host_plugin *plugin;
	struct host_conf *conf;
	json_t *json;

	fprintf(to,
	        "[plugin good]\nenabled = yes\npath = %s\nlisten = 127.0.0.1:0\n"
	        "request_timeout = 1s\n",
	        path);
	fclose(to);
	ck_assert_msg(host_conf_read(file, NULL, 0, &conf, &problems) == 0, "%s",
	              problems.n ? problems.lines[0] : "");
	json = host_plugin_to_json(host_conf_plugin(conf, "good"));
	ck_assert_int_eq(host_plugin_from_json(json, &plugin, &err), 0);
	json_decref(json);
	host_conf_free(conf);
	host_problems_fini(&problems);
	free(file);
	free(path);
	return plugin;
}

static void
on_loaded(void *arg, const char *plugin, const struct load_report *loaded,
          const char *copy, const char *source)
{
	n_loaded++;
	last_loaded = loaded->generation;
	ck_assert_str_eq(plugin, "good");
	ck_assert_int_eq(access(copy, R_OK), 0);
}

static void
keep_report(void *arg, const struct load_report *values)
{
	report = *values;
}

static int
load(const char *name)
{
	struct load_order order = { .conf = section(name) };

	site.start_ms = strstr(name, "hangs") ? SHORT_MS : PATIENCE_MS;
	memset(&err, 0, sizeof err);
	return mount_load(mount, &order, keep_report, NULL, &err);
}

static void
set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	host_log_setup("test", HOST_ERROR + 1, HOST_LOG_TEXT);
	ck_assert_int_eq(host_loops_init(&err), 0);
	for (int i = 0; i < 2; i++) {
		const struct host_loop_config config = { .name = "test", .index = i };

		ck_assert_int_eq(host_loop_new(&config, &loops[i], &err), 0);
		ck_assert_int_eq(host_loop_start(loops[i], &err), 0);
	}
	site = (struct site){ .loops = loops,
		              .n_loops = 2,
		              .folder = "/",
		              .data_dir = "/",
		              .copies_dir = dir,
		              .program = PROGRAM,
		              .start_ms = PATIENCE_MS,
		              .drain_ms = 2000,
		              .loaded = on_loaded };
	ck_assert_int_eq(mount_new(&site, section("good"), "id", loops[0], &mount), 0);
}

static void
tear_down(void)
{
	char *command = xasprintf("rm -rf %s", dir);

	mount_stop(mount, 100);
	/* What was abandoned in start() still uses its things; check ends this process anyway. */
	if (atomic_load(&mount->n_parked) == 0) {
		for (int i = 0; i < 2; i++) {
			host_loop_stop(loops[i]);
			host_loop_join(loops[i]);
			host_loop_free(loops[i]);
		}
		mount_free(mount);
	}
	ck_assert_int_eq(system(command), 0);
	free(command);
}

static struct mount_status
status(void)
{
	struct mount_status st;

	mount_status(mount, &st);
	return st;
}

static bool
has_copy(unsigned generation)
{
	char *path = xasprintf("%s/good.%u.so", dir, generation);
	bool is_there = access(path, F_OK) == 0;

	free(path);
	return is_there;
}

START_TEST(a_first_load_serves)
{
	ck_assert_int_eq(status().state, MOUNT_EMPTY);
	ck_assert_msg(load("good") == 0, "%s", err.message);
	ck_assert_int_eq(status().state, MOUNT_SERVING);
	ck_assert_uint_eq(status().generation, 1);
	ck_assert_str_eq(status().version, "1.0");
	ck_assert_uint_eq(report.generation, 1);
	ck_assert(report.copy_ms >= 0 && report.try_ms > 0 && report.start_ms > 0);
	ck_assert_uint_eq(n_loaded, 1);
}
END_TEST

START_TEST(reloads_follow_each_other_and_keep_two_copies)
{
	for (unsigned i = 1; i <= 6; i++) {
		ck_assert_msg(load("good") == 0, "%s", err.message);
		ck_assert_uint_eq(status().generation, i);
		ck_assert_uint_eq(last_loaded, i);
		ck_assert(has_copy(i));
		ck_assert(i == 1 || has_copy(i - 1));
		ck_assert(i <= 2 || !has_copy(i - 2));
		ck_assert(!report.is_parked);
	}
	ck_assert_uint_eq(status().reloads, 5);
	ck_assert_uint_eq(status().parked, 0);
}
END_TEST

START_TEST(a_kept_copy_is_loaded_as_it_is_and_numbers_go_on)
{
	struct load_order order = { .number = 4 };
	char *copy = xasprintf("%s/good.4.so", dir), *path = fixture("good");
	char *command = xasprintf("cp %s %s", path, copy);

	ck_assert_int_eq(system(command), 0);
	order.copy = copy;
	mount->last_number = 5;
	ck_assert_msg(mount_load(mount, &order, keep_report, NULL, &err) == 0, "%s",
	              err.message);
	ck_assert_uint_eq(status().generation, 4);
	ck_assert(report.try_ms == 0);
	ck_assert_int_eq(load("good"), 0);
	ck_assert_uint_eq(status().generation, 6);
	free(copy);
	free(path);
	free(command);
}
END_TEST

static const struct {
	const char *fixture, *words;
} wrong[] = {
	{ "other-major", "built for major version 7" },
	{ "short-table", "its table says that it has 16 bytes" },
	{ "null-function", "its table has no function handle" },
	{ "missing-symbol", "has no symbol svc_plugin" },
	{ "unresolved-symbol", "uses the symbol no_such_function" },
	{ "other-name", "is the service \"someone-else\" and not \"good\"" },
	{ "static-tls", "needs static TLS" },
	{ "bad-keys", "the default of key patience" },
	{ "start-fails", "the catalogue is empty" },
	{ "start-crashes", "start() crashed in a trial run: SIGSEGV at " },
	{ "start-exits", "start() ended the process with status 3 in a trial run" },
	{ "start-hangs", "start()" },
	{ "concurrent", "SVC_CONCURRENT is set in it and not set in what serves" },
	{ "no-such-file", "cannot be opened: No such file or directory" },
};

START_TEST(what_is_wrong_is_refused_and_what_was_running_goes_on)
{
	char *path = fixture(wrong[_i].fixture);

	ck_assert_int_eq(load("good"), 0);
	ck_assert_int_lt(load(wrong[_i].fixture), 0);
	ck_assert_msg(strncmp(err.message, path, strlen(path)) == 0, "%s", err.message);
	ck_assert_msg(strstr(err.message, wrong[_i].words) != NULL, "%s", err.message);
	ck_assert_int_eq(status().state, MOUNT_SERVING);
	ck_assert_uint_eq(status().generation, 1);
	ck_assert_uint_eq(status().refused_loads, 1);
	ck_assert_uint_eq(status().parked, 0);
	ck_assert(!has_copy(2));
	ck_assert_msg(load("good") == 0, "%s", err.message);
	free(path);
}
END_TEST

START_TEST(a_start_that_hangs_in_earnest_is_left_behind)
{
	ck_assert_int_eq(load("good"), 0);
	ck_assert_int_eq(load("start-hangs-live"), -ETIMEDOUT);
	ck_assert_uint_eq(status().generation, 1);
	ck_assert_uint_eq(status().parked, 1);
	ck_assert_msg(load("good") == 0, "%s", err.message);
	ck_assert_uint_eq(status().generation, 3);
}
END_TEST

START_TEST(a_plugin_with_threads_of_its_own_is_parked)
{
	ck_assert_int_eq(load("own-threads"), 0);
	ck_assert_int_eq(load("good"), 0);
	ck_assert(report.is_parked);
	ck_assert_uint_eq(status().parked, 1);
	ck_assert_int_eq(load("good"), 0);
	ck_assert_int_eq(load("good"), 0);
	ck_assert(has_copy(1)); /* its code is still mapped, so its symbols are kept */
}
END_TEST

START_TEST(a_failed_first_load_says_why)
{
	ck_assert_int_lt(load("start-fails"), 0);
	ck_assert_int_eq(status().state, MOUNT_FAILED);
	ck_assert_ptr_nonnull(strstr(status().why, "this service could not be loaded: "));
	ck_assert_ptr_nonnull(strstr(status().why, "the catalogue is empty"));
	ck_assert_int_eq(load("good"), 0);
	ck_assert_int_eq(status().state, MOUNT_SERVING);
}
END_TEST

START_TEST(a_plugin_that_must_not_be_loaded_says_why)
{
	mount_fail(mount, "it crashed three times");
	ck_assert_int_eq(status().state, MOUNT_FAILED);
	ck_assert_str_eq(status().why, "it crashed three times");
}
END_TEST

START_TEST(a_new_section_is_taken_with_the_load_and_only_then)
{
	ck_assert_int_eq(load("good"), 0);
	ck_assert_ptr_nonnull(strstr(mount->conf->path, "good.so"));
	ck_assert_int_lt(load("start-fails"), 0);
	ck_assert_ptr_nonnull(strstr(mount->conf->path, "/good.so"));
	ck_assert_int_eq(load("longer-table"), 0);
	ck_assert_ptr_nonnull(strstr(mount->conf->path, "longer-table.so"));
}
END_TEST

START_TEST(the_status_is_json)
{
	json_t *json;

	ck_assert_int_eq(load("good"), 0);
	json = mount_status_json(mount);
	ck_assert_str_eq(json_string_value(json_object_get(json, "state")), "serving");
	ck_assert_int_eq(json_integer_value(json_object_get(json, "generation")), 1);
	json_decref(json);
}
END_TEST

START_TEST(a_concurrent_service_is_on_all_loops_from_its_first_load)
{
	ck_assert_int_eq(load("concurrent"), 0);
	ck_assert(atomic_load(&mount->is_on_all_loops));
	ck_assert_int_lt(load("good"), 0);
	ck_assert_ptr_nonnull(
		strstr(err.message, "SVC_CONCURRENT is not set in it and set in"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mount");
	TCase *tcase = tcase_create("mount");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_first_load_serves);
	tcase_add_test(tcase, reloads_follow_each_other_and_keep_two_copies);
	tcase_add_test(tcase, a_kept_copy_is_loaded_as_it_is_and_numbers_go_on);
	tcase_add_loop_test(tcase, what_is_wrong_is_refused_and_what_was_running_goes_on,
	                    0, sizeof wrong / sizeof *wrong);
	tcase_add_test(tcase, a_start_that_hangs_in_earnest_is_left_behind);
	tcase_add_test(tcase, a_plugin_with_threads_of_its_own_is_parked);
	tcase_add_test(tcase, a_failed_first_load_says_why);
	tcase_add_test(tcase, a_plugin_that_must_not_be_loaded_says_why);
	tcase_add_test(tcase, a_new_section_is_taken_with_the_load_and_only_then);
	tcase_add_test(tcase, the_status_is_json);
	tcase_add_test(tcase, a_concurrent_service_is_on_all_loops_from_its_first_load);
	suite_add_tcase(suite, tcase);
	return check_main(suite);
}
