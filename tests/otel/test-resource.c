/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check-main.h"
#include "oom.h"
#include "resource_priv.h"

static char said[1000];

static void
hear(int level, const char *message, void *userdata)
{
	snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", message);
}

static void
set_up(void)
{
	said[0] = '\0';
	otel_set_diagnostics(hear, NULL);
	unsetenv("OTEL_RESOURCE_ATTRIBUTES");
	unsetenv("OTEL_SERVICE_NAME");
}

static const struct otel_value *
value(const struct otel_resource *resource, const char *key)
{
	const struct otel_attribute *attributes;
	size_t n;

	attributes = otel_resource_attributes(resource, &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(attributes[i].key, key) == 0)
			return &attributes[i].value;
	return NULL;
}

static const char *
text(const struct otel_resource *resource, const char *key)
{
	const struct otel_value *found = value(resource, key);

	return found && found->type == OTEL_TYPE_STRING ? found->string : NULL;
}

static struct otel_resource *
detect(void)
{
	struct otel_resource *resource;

	ck_assert_int_eq(otel_resource_detect(&resource, NULL), 0);
	return resource;
}

START_TEST(in_a_merge_the_second_wins)
{
	struct otel_attribute a[] = { OTEL_STR("x", "1"), OTEL_STR("y", "1") };
	struct otel_attribute b[] = { OTEL_STR("y", "2"), OTEL_STR("z", "2") };
	struct otel_resource *first, *second, *both;

	ck_assert_int_eq(otel_resource_new(a, 2, "", &first, NULL), 0);
	ck_assert_int_eq(otel_resource_new(b, 2, "url", &second, NULL), 0);
	ck_assert_int_eq(otel_resource_merge(first, second, &both), 0);
	otel_resource_unref(first);
	otel_resource_unref(second);
	ck_assert_str_eq(text(both, "x"), "1");
	ck_assert_str_eq(text(both, "y"), "2");
	ck_assert_str_eq(text(both, "z"), "2");
	ck_assert_str_eq(otel_resource_schema_url(both), "url");
	otel_resource_unref(both);
}
END_TEST

START_TEST(either_side_of_a_merge_may_be_missing)
{
	struct otel_attribute a = OTEL_STR("x", "1");
	struct otel_resource *one, *merged;

	ck_assert_int_eq(otel_resource_new(&a, 1, "url", &one, NULL), 0);
	ck_assert_int_eq(otel_resource_merge(NULL, one, &merged), 0);
	ck_assert_str_eq(text(merged, "x"), "1");
	ck_assert_str_eq(otel_resource_schema_url(merged), "url");
	otel_resource_unref(merged);
	ck_assert_int_eq(otel_resource_merge(one, NULL, &merged), 0);
	ck_assert_str_eq(text(merged, "x"), "1");
	otel_resource_unref(merged);
	otel_resource_unref(one);
	ck_assert_int_eq(otel_resource_merge(NULL, NULL, &merged), 0);
	otel_resource_unref(merged);
}
END_TEST

START_TEST(schemas_that_differ_leave_none)
{
	struct otel_resource *a, *b, *both;

	ck_assert_int_eq(otel_resource_new(NULL, 0, "one", &a, NULL), 0);
	ck_assert_int_eq(otel_resource_new(NULL, 0, "two", &b, NULL), 0);
	ck_assert_int_eq(otel_resource_merge(a, b, &both), 0);
	ck_assert_str_eq(otel_resource_schema_url(both), "");
	ck_assert_ptr_nonnull(strstr(said, "one and two"));
	otel_resource_unref(a);
	otel_resource_unref(b);
	otel_resource_unref(both);
}
END_TEST

START_TEST(detection_finds_the_process_and_its_host)
{
	struct otel_resource *resource = detect();
	char host[256];

	gethostname(host, sizeof host);
	ck_assert_int_eq(value(resource, "process.pid")->integer, getpid());
	ck_assert_ptr_nonnull(
		strstr(text(resource, "process.executable.path"), "test-resource"));
	ck_assert_str_eq(text(resource, "host.name"), host);
	ck_assert_str_eq(text(resource, "os.type"), "linux");
	ck_assert_str_eq(text(resource, "telemetry.sdk.language"), "c");
	ck_assert_str_eq(text(resource, "telemetry.sdk.version"), PACKAGE_VERSION);
	ck_assert(strncmp(text(resource, "service.name"), "unknown_service:", 16) == 0);
	ck_assert_str_eq(otel_resource_schema_url(resource), OTELP_SCHEMA_URL);
	ck_assert_ptr_null(value(resource, "process.command_args"));
	otel_resource_unref(resource);
}
END_TEST

START_TEST(the_environment_wins_and_the_service_name_over_it)
{
	struct otel_resource *resource;

	setenv("OTEL_RESOURCE_ATTRIBUTES",
	       " a = x%20y ,service.name=from-list, os.type=plan9,b=", 1);
	setenv("OTEL_SERVICE_NAME", "from-name", 1);
	resource = detect();
	ck_assert_str_eq(text(resource, "a"), "x y");
	ck_assert_str_eq(text(resource, "b"), "");
	ck_assert_str_eq(text(resource, "os.type"), "plan9");
	ck_assert_str_eq(text(resource, "service.name"), "from-name");
	otel_resource_unref(resource);
	ck_assert_str_eq(said, "");
}
END_TEST

/* However many attributes the list has: it is not to crowd out the name. */
START_TEST(the_service_name_has_its_place)
{
	for (int n = 120; n < 165; n++) {
		struct otel_resource *resource;
		char list[2000] = "";

		for (int i = 0; i < n; i++)
			snprintf(list + strlen(list), sizeof list - strlen(list),
			         "k%d=v,", i);
		setenv("OTEL_RESOURCE_ATTRIBUTES", list, 1);
		setenv("OTEL_SERVICE_NAME", "from-name", 1);
		resource = detect();
		ck_assert_str_eq(text(resource, "service.name"), "from-name");
		otel_resource_unref(resource);
	}
}
END_TEST

static const char *const bad[] = { "a=1,b", "=1", "a=%zz", "a=%2" };

START_TEST(a_list_with_a_mistake_is_not_used_and_said)
{
	struct otel_resource *resource;

	setenv("OTEL_RESOURCE_ATTRIBUTES", bad[_i], 1);
	resource = detect();
	ck_assert_ptr_null(value(resource, "a"));
	ck_assert(strncmp(said, "OTEL_RESOURCE_ATTRIBUTES is ignored: ", 37) == 0);
	otel_resource_unref(resource);
}
END_TEST

START_TEST(detectors_can_be_had_one_by_one)
{
	static const char *const names[] = { "sdk", "process", "host", "os", "env" };
	struct otel_error err = OTEL_ERROR_INIT;
	struct otel_resource *resource;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		ck_assert_int_eq(otel_resource_detect_one(names[i], &resource, NULL), 0);
		otel_resource_unref(resource);
	}
	ck_assert_int_eq(otel_resource_detect_one("cloud", &resource, &err), -ENOENT);
	ck_assert_str_eq(err.message, "resource: there is no detector 'cloud'");
}
END_TEST

/* resource/sdk.md: what the user gives has priority over OTEL_RESOURCE_ATTRIBUTES. */
START_TEST(what_the_program_says_wins_over_what_is_detected)
{
	struct otel_resource *resource;

	setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=from-outside,a=1", 1);
	ck_assert_int_eq(
		otel_resource_create(OTEL_ATTRIBUTES(OTEL_STR("service.name", "mine")),
	                             &resource, NULL),
		0);
	ck_assert_str_eq(text(resource, "service.name"), "mine");
	ck_assert_str_eq(text(resource, "a"), "1");
	ck_assert_str_eq(text(resource, "telemetry.sdk.language"), "c");
	ck_assert_ptr_nonnull(otel_resource_schema_url(resource));
	otel_resource_unref(resource);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
	setenv("OTEL_RESOURCE_ATTRIBUTES", "a=1,b=2", 1);
	for (long n = 0;; n++) {
		struct otel_resource *resource = NULL, *merged = NULL;
		int r;

		oom_arm(n);
		r = otel_resource_detect(&resource, NULL);
		if (r == 0)
			r = otel_resource_create(OTEL_ATTRIBUTES(OTEL_INT("c", 3)),
			                         &merged, NULL);
		oom_disarm();
		otel_resource_unref(resource);
		otel_resource_unref(merged);
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
	Suite *suite = suite_create("resource");
	TCase *merging = tcase_create("merging"), *detecting = tcase_create("detecting");

	oom_install();
	tcase_add_checked_fixture(merging, set_up, NULL);
	tcase_add_checked_fixture(detecting, set_up, NULL);
	suite_add_tcase(suite, merging);
	suite_add_tcase(suite, detecting);
	tcase_add_test(merging, in_a_merge_the_second_wins);
	tcase_add_test(merging, either_side_of_a_merge_may_be_missing);
	tcase_add_test(merging, schemas_that_differ_leave_none);
	tcase_add_test(detecting, detection_finds_the_process_and_its_host);
	tcase_add_test(detecting, the_environment_wins_and_the_service_name_over_it);
	tcase_add_test(detecting, the_service_name_has_its_place);
	tcase_add_loop_test(detecting, a_list_with_a_mistake_is_not_used_and_said, 0,
	                    sizeof bad / sizeof *bad);
	tcase_add_test(detecting, detectors_can_be_had_one_by_one);
	tcase_add_test(detecting, what_the_program_says_wins_over_what_is_detected);
	tcase_add_test(detecting, every_allocation_may_fail);
	return check_main(suite);
}
