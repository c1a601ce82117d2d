/* SPDX-License-Identifier: Apache-2.0 */
/* The page that Prometheus scrapes. */
#include <errno.h>

#include "meter-fixture.h"
#include "oom.h"
#include <otel/prometheus.h>

static char page[65536];
static size_t page_len;

static int
append(void *userdata, const char *bytes, size_t len)
{
	if (page_len + len >= sizeof page)
		return -ENOBUFS;
	memcpy(page + page_len, bytes, len);
	page_len += len;
	page[page_len] = '\0';
	return 0;
}

static const char *
page_of(uint32_t flags)
{
	page_len = 0;
	page[0] = '\0';
	ck_assert_int_eq(otel_prometheus_write(&provider, 1, flags, append, NULL), 0);
	return page;
}

#define PLAIN (OTEL_PROMETHEUS_NO_SCOPE)

START_TEST(a_counter_has_help_type_and_total)
{
	otel_counter_add(otel_counter_new(meter, "http.requests", "{request}",
	                                  "Requests\nseen, with \\"),
	                 3, OTEL_STR("http.route", "/"));
	ck_assert_str_eq(page_of(0),
	                 "# HELP http_requests_total Requests\\nseen, with \\\\\n"
	                 "# TYPE http_requests_total counter\n"
	                 "http_requests_total{http_route=\"/\",otel_scope_name=\"test\","
	                 "otel_scope_version=\"1.0\"} 3\n");
}
END_TEST

START_TEST(open_metrics_names_families_without_total_and_ends)
{
	otel_counter_double_add(
		otel_counter_double_new(meter, "cpu.time", "s", "time \"used\""), 1.5);
	ck_assert_str_eq(page_of(PLAIN | OTEL_PROMETHEUS_OPENMETRICS),
	                 "# HELP cpu_time_seconds time \\\"used\\\"\n"
	                 "# TYPE cpu_time_seconds counter\n"
	                 "# UNIT cpu_time_seconds seconds\n"
	                 "cpu_time_seconds_total 1.5\n"
	                 "# EOF\n");
}
END_TEST

START_TEST(sums_that_fall_and_gauges_are_gauges)
{
	otel_up_down_counter_add(
		otel_up_down_counter_new(meter, "in.flight", "{request}", NULL), -2);
	otel_gauge_record(otel_gauge_new(meter, "load", "1", NULL), 0.1);
	ck_assert_str_eq(page_of(PLAIN), "# TYPE in_flight gauge\n"
	                                 "in_flight -2\n"
	                                 "# TYPE load_ratio gauge\n"
	                                 "load_ratio 0.1\n");
}
END_TEST

START_TEST(a_histogram_has_cumulative_buckets)
{
	static const double bounds[] = { 0.005, 1, 10 };
	struct otel_histogram *h = otel_histogram_new(
		meter, "http.server.request.duration", "s", NULL, bounds, 3);

	otel_histogram_record(h, 0.001, OTEL_STR("m", "GET"));
	otel_histogram_record(h, 0.5, OTEL_STR("m", "GET"));
	otel_histogram_record(h, 100, OTEL_STR("m", "GET"));
	ck_assert_str_eq(
		page_of(PLAIN),
		"# TYPE http_server_request_duration_seconds histogram\n"
		"http_server_request_duration_seconds_bucket{m=\"GET\",le=\"0.005\"} 1\n"
		"http_server_request_duration_seconds_bucket{m=\"GET\",le=\"1\"} 2\n"
		"http_server_request_duration_seconds_bucket{m=\"GET\",le=\"10\"} 2\n"
		"http_server_request_duration_seconds_bucket{m=\"GET\",le=\"+Inf\"} 3\n"
		"http_server_request_duration_seconds_sum{m=\"GET\"} 100.501\n"
		"http_server_request_duration_seconds_count{m=\"GET\"} 3\n");
	ck_assert_ptr_nonnull(
		strstr(page_of(PLAIN | OTEL_PROMETHEUS_OPENMETRICS), "le=\"10.0\""));
}
END_TEST

static const struct {
	const char *name, *unit, *expected;
} names[] = {
	{ "a.b-c/d", "", "a_b_c_d_total" },
	{ "a..b__c", "", "a_b_c_total" },
	{ "9lives", "", "_9lives_total" },
	{ "a:b", "", "a:b_total" },
	{ "io", "By", "io_bytes_total" },
	{ "io.bytes", "By", "io_bytes_total" },
	{ "bytes", "By", "bytes_total" },
	{ "kbytes", "By", "kbytes_bytes_total" },
	{ "io.total", "By", "io_bytes_total" },
	{ "total", "", "total_total" },
	{ "flow", "By/s", "flow_bytes_per_second_total" },
	{ "flow", "{packet}/s", "flow_per_second_total" },
	{ "flow", "m/h", "flow_meters_per_hour_total" },
	{ "n", "{x}", "n_total" },
	{ "n", "1", "n_total" },
	{ "n", "%", "n_percent_total" },
	{ "n", "By{annotated}", "n_bytes_total" },
	{ "n", "furlong", "n_furlong_total" },
	{ "caf\xc3\xa9", "ms", "caf_milliseconds_total" },
};

START_TEST(names_and_units_are_made_fit)
{
	char line[100];

	otel_counter_add(otel_counter_new(meter, names[_i].name, names[_i].unit, NULL),
	                 1);
	snprintf(line, sizeof line, "\n%s 1\n", names[_i].expected);
	ck_assert_msg(strstr(page_of(PLAIN), line) != NULL, "%s in %s: %s",
	              names[_i].name, names[_i].unit, page);
}
END_TEST

START_TEST(units_and_total_can_be_left_out)
{
	otel_counter_add(otel_counter_new(meter, "io", "By", NULL), 1);
	ck_assert_ptr_nonnull(
		strstr(page_of(PLAIN | OTEL_PROMETHEUS_NO_UNITS), "\nio_total 1\n"));
	ck_assert_ptr_nonnull(
		strstr(page_of(PLAIN | OTEL_PROMETHEUS_NO_TOTAL), "\nio_bytes 1\n"));
}
END_TEST

START_TEST(label_values_are_escaped_and_utf8)
{
	otel_counter_add(
		otel_counter_new(meter, "c", NULL, NULL), 1,
		OTEL_STR(
			"k",
			"a\"b\\c\nd\xff\xc3\xa9\xe2\x82\xac\xed\xa0\x80\xf0\x9f\x98\x80"));
	ck_assert_ptr_nonnull(
		strstr(page_of(PLAIN),
	               "{k=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\xc3\xa9\xe2\x82\xac"
	               "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x98\x80\"}"));
}
END_TEST

START_TEST(values_of_every_type_are_text)
{
	struct otel_value array[] = { otel_value_int(1), otel_value_string("x\"y"),
		                      otel_value_bool(false) };
	struct otel_attribute map[] = { OTEL_DOUBLE("d", 0.5), OTEL_BYTES("b", "ab", 2) };

	otel_counter_add(otel_counter_new(meter, "c", NULL, NULL), 1,
	                 OTEL_BOOL("a", true), OTEL_INT("b", -5), OTEL_DOUBLE("c", 0.1),
	                 OTEL_BYTES("d", "\0\1\2\3", 4),
	                 otel_attribute("e", otel_value_array(array, 3)),
	                 otel_attribute("f", otel_value_map(map, 2)));
	ck_assert_ptr_nonnull(strstr(page_of(PLAIN),
	                             "{a=\"true\",b=\"-5\",c=\"0.1\",d=\"AAECAw==\","
	                             "e=\"[1,\\\"x\\\\\\\"y\\\",false]\","
	                             "f=\"{\\\"d\\\":0.5,\\\"b\\\":\\\"YWI=\\\"}\"}"));
}
END_TEST

START_TEST(keys_that_collide_are_merged_in_order)
{
	otel_counter_add(otel_counter_new(meter, "c", NULL, NULL), 1,
	                 OTEL_STR("a_b", "3"), OTEL_STR("a.b", "2"), OTEL_STR("a-b", "1"),
	                 OTEL_STR("9", "n"));
	ck_assert_ptr_nonnull(strstr(page_of(PLAIN), "{_9=\"n\",a_b=\"1;2;3\"}"));
}
END_TEST

START_TEST(reserved_labels_are_renamed)
{
	otel_histogram_record(otel_histogram_new(meter, "h", NULL, NULL, NULL, 0), 1,
	                      OTEL_STR("le", "x"), OTEL_STR("otel.scope.name", "y"));
	ck_assert_ptr_nonnull(strstr(
		page_of(0), "h_count{exported_le=\"x\",exported_otel_scope_name=\"y\","
			    "otel_scope_name=\"test\""));
}
END_TEST

/* A label twice makes Prometheus refuse the whole page. */
START_TEST(a_renamed_label_meets_one_of_that_name)
{
	otel_histogram_record(otel_histogram_new(meter, "h", NULL, NULL, NULL, 0), 1,
	                      OTEL_STR("le", "x"), OTEL_STR("exported_le", "y"));
	ck_assert_ptr_nonnull(strstr(page_of(0), "h_count{exported_le=\"y;x\",otel_"));
}
END_TEST

START_TEST(one_name_in_two_scopes_is_one_family)
{
	struct otel_attribute attribute = OTEL_STR("part.of", "x");
	struct otel_scope_data scope = { "other", "", "http://schema", &attribute, 1 };

	otel_counter_add(otel_counter_new(meter, "c", NULL, "first"), 1);
	otel_counter_add(otel_counter_new(meter, "d", NULL, NULL), 1);
	otel_counter_add(otel_counter_new(otel_meter_provider_meter(provider, &scope),
	                                  "c", NULL, "second"),
	                 2);
	ck_assert_str_eq(
		page_of(0),
		"# HELP c_total first\n"
		"# TYPE c_total counter\n"
		"c_total{otel_scope_name=\"test\",otel_scope_version=\"1.0\"} 1\n"
		"c_total{otel_scope_name=\"other\",otel_scope_schema_url=\"http://schema\","
		"otel_scope_part_of=\"x\"} 2\n"
		"# TYPE d_total counter\n"
		"d_total{otel_scope_name=\"test\",otel_scope_version=\"1.0\"} 1\n");
}
END_TEST

START_TEST(what_cannot_stand_together_is_left_out)
{
	otel_counter_add(otel_counter_new(meter, "a.b", NULL, NULL), 1);
	otel_counter_add(otel_counter_new(meter, "a_b", NULL, NULL), 2);
	otel_gauge_record(otel_gauge_new(meter, "a_b_total", NULL, NULL), 3);
	ck_assert_str_eq(page_of(PLAIN), "# TYPE a_b_total counter\na_b_total 1\n");
	ck_assert_int_eq(n_said, 1);
}
END_TEST

static struct otel_meter_provider *
provider_of(const char *service, const char *instance)
{
	struct otel_attribute attributes[] = { OTEL_STR("service.name", service),
		                               OTEL_STR("service.instance.id", instance),
		                               OTEL_STR("service.namespace", "shop") };
	struct otel_meter_provider *made;
	struct otel_resource *resource;

	ck_assert_int_eq(otel_resource_new(attributes, 3, NULL, &resource, NULL), 0);
	ck_assert_int_eq(otel_meter_provider_new(NULL, resource, &made, NULL), 0);
	otel_resource_unref(resource);
	return made;
}

START_TEST(a_resource_is_target_info)
{
	struct otel_scope_data scope = { .name = "s" };
	struct otel_meter_provider *one = provider_of("gateway", "1");

	otel_counter_add(
		otel_counter_new(otel_meter_provider_meter(one, &scope), "c", NULL, NULL),
		1);
	page_len = 0;
	ck_assert_int_eq(otel_prometheus_write(&one, 1, PLAIN, append, NULL), 0);
	ck_assert_str_eq(page,
	                 "# HELP target_info Target metadata\n"
	                 "# TYPE target_info gauge\n"
	                 "target_info{service_instance_id=\"1\",service_name=\"gateway\","
	                 "service_namespace=\"shop\"} 1\n"
	                 "# TYPE c_total counter\n"
	                 "c_total 1\n");
	page_len = 0;
	ck_assert_int_eq(otel_prometheus_write(&one, 1,
	                                       PLAIN | OTEL_PROMETHEUS_NO_TARGET_INFO,
	                                       append, NULL),
	                 0);
	ck_assert_str_eq(page, "# TYPE c_total counter\nc_total 1\n");
	page_len = 0;
	ck_assert_int_eq(otel_prometheus_write(&one, 1,
	                                       PLAIN | OTEL_PROMETHEUS_OPENMETRICS,
	                                       append, NULL),
	                 0);
	ck_assert_ptr_nonnull(strstr(page, "# TYPE target info\ntarget_info{"));
	otel_meter_provider_free(one);
}
END_TEST

START_TEST(on_a_page_of_several_each_series_says_whose_it_is)
{
	struct otel_meter_provider *both[] = { provider_of("gateway", "1"),
		                               provider_of("frontend", "2") };
	struct otel_scope_data scope = { .name = "s" };

	for (int i = 0; i < 2; i++)
		otel_counter_add(
			otel_counter_new(otel_meter_provider_meter(both[i], &scope), "c",
		                         NULL, NULL),
			1, OTEL_STR("job", "mine"));
	page_len = 0;
	ck_assert_int_eq(otel_prometheus_write(both, 2,
	                                       PLAIN | OTEL_PROMETHEUS_NO_TARGET_INFO,
	                                       append, NULL),
	                 0);
	ck_assert_str_eq(
		page,
		"# TYPE c_total counter\n"
		"c_total{job=\"shop/gateway\",instance=\"1\",exported_job=\"mine\"} 1\n"
		"c_total{job=\"shop/frontend\",instance=\"2\",exported_job=\"mine\"} 1\n");
	page_len = 0;
	ck_assert_int_eq(otel_prometheus_write(both, 2, PLAIN, append, NULL), 0);
	ck_assert_ptr_nonnull(
		strstr(page, "target_info{job=\"shop/frontend\",instance=\"2\","));
	otel_meter_provider_free(both[0]);
	otel_meter_provider_free(both[1]);
}
END_TEST

static int
refuse(void *userdata, const char *bytes, size_t len)
{
	return -EPIPE;
}

START_TEST(what_the_writer_says_is_returned)
{
	otel_counter_add(otel_counter_new(meter, "c", NULL, NULL), 1);
	ck_assert_int_eq(otel_prometheus_write(&provider, 1, 0, refuse, NULL), -EPIPE);
	ck_assert_int_eq(otel_prometheus_write(NULL, 0, 0, refuse, NULL), 0);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
	struct otel_scope_data scope = { .name = "s", .version = "1" };
	struct otel_meter_provider *one;
	struct otel_meter *m;
	unsigned long before;
	int r;

	oom_install();
	one = provider_of("gateway", "1");
	m = otel_meter_provider_meter(one, &scope);
	otel_counter_add(otel_counter_new(m, "c", "By", "help"), 1, OTEL_STR("a", "b"),
	                 OTEL_STR("c", "d"));
	otel_histogram_record(otel_histogram_new(m, "h", "s", NULL, NULL, 0), 1);
	before = oom_live();
	for (long n = 0;; n++) {
		page_len = 0;
		oom_arm(n);
		r = otel_prometheus_write(&one, 1, 0, append, NULL);
		oom_disarm();
		ck_assert_uint_eq(oom_live(), before);
		if (!oom_fired())
			break;
		ck_assert_int_eq(r, -ENOMEM);
	}
	ck_assert_int_eq(r, 0);
	otel_meter_provider_free(one);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("prometheus");
	TCase *tc = tcase_create("page");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_counter_has_help_type_and_total);
	tcase_add_test(tc, open_metrics_names_families_without_total_and_ends);
	tcase_add_test(tc, sums_that_fall_and_gauges_are_gauges);
	tcase_add_test(tc, a_histogram_has_cumulative_buckets);
	tcase_add_loop_test(tc, names_and_units_are_made_fit, 0,
	                    sizeof names / sizeof *names);
	tcase_add_test(tc, units_and_total_can_be_left_out);
	tcase_add_test(tc, label_values_are_escaped_and_utf8);
	tcase_add_test(tc, values_of_every_type_are_text);
	tcase_add_test(tc, keys_that_collide_are_merged_in_order);
	tcase_add_test(tc, reserved_labels_are_renamed);
	tcase_add_test(tc, a_renamed_label_meets_one_of_that_name);
	tcase_add_test(tc, one_name_in_two_scopes_is_one_family);
	tcase_add_test(tc, what_cannot_stand_together_is_left_out);
	tcase_add_test(tc, a_resource_is_target_info);
	tcase_add_test(tc, on_a_page_of_several_each_series_says_whose_it_is);
	tcase_add_test(tc, what_the_writer_says_is_returned);
	suite_add_tcase(suite, tc);

	tc = tcase_create("memory");
	tcase_add_test(tc, every_allocation_may_fail);
	suite_add_tcase(suite, tc);
	return check_main(suite);
}
