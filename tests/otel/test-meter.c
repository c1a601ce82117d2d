/* SPDX-License-Identifier: Apache-2.0 */
/* Instruments, their streams and what a collection tells of them. */
#include <errno.h>
#include <math.h>

#include "meter-fixture.h"

static int
count_visits(const struct otel_metric_data *metric, void *userdata)
{
	int *left = userdata;

	return --*left ? 0 : -ECANCELED;
}

START_TEST(a_counter_adds_up)
{
	struct otel_counter *counter = otel_counter_new(meter, "requests", "{request}",
	                                                "requests seen");

	otel_counter_add(counter, 2);
	otel_counter_add(counter, 3);
	collect_cumulative();
	ck_assert_uint_eq(n_metrics, 1);
	ck_assert_str_eq(metrics[0].name, "requests");
	ck_assert_str_eq(metrics[0].unit, "{request}");
	ck_assert_str_eq(metrics[0].description, "requests seen");
	ck_assert_str_eq(metrics[0].scope->name, "test");
	ck_assert_str_eq(metrics[0].scope->version, "1.0");
	ck_assert_int_eq(metrics[0].type, OTEL_METRIC_SUM);
	ck_assert_int_eq(metrics[0].temporality, OTEL_TEMPORALITY_CUMULATIVE);
	ck_assert(metrics[0].monotonic);
	ck_assert(!point_of("requests")->is_double);
	ck_assert_int_eq(point_of("requests")->integer, 5);
	ck_assert_uint_eq(point_of("requests")->n_attributes, 0);
	ck_assert_uint_gt(point_of("requests")->start_unix_ns, 0);
	ck_assert_uint_ge(point_of("requests")->time_unix_ns,
	                  point_of("requests")->start_unix_ns);
}
END_TEST

START_TEST(an_unused_instrument_is_not_reported)
{
	otel_counter_new(meter, "requests", NULL, NULL);
	collect_cumulative();
	ck_assert_uint_eq(n_metrics, 0);
}
END_TEST

START_TEST(each_kind_reports_its_type)
{
	otel_counter_double_add(otel_counter_double_new(meter, "d", "s", NULL), 1.5);
	otel_up_down_counter_add(otel_up_down_counter_new(meter, "u", NULL, NULL), -4);
	otel_gauge_record(otel_gauge_new(meter, "g", NULL, NULL), 1);
	otel_gauge_record(otel_gauge_new(meter, "g", NULL, NULL), -2.5);
	otel_histogram_record(otel_histogram_new(meter, "h", "ms", NULL, NULL, 0), 7);
	collect_cumulative();
	ck_assert(metric_named("d")->monotonic);
	ck_assert_double_eq(point_of("d")->number, 1.5);
	ck_assert(!metric_named("u")->monotonic);
	ck_assert_int_eq(metric_named("u")->type, OTEL_METRIC_SUM);
	ck_assert_int_eq(point_of("u")->integer, -4);
	ck_assert_int_eq(metric_named("g")->type, OTEL_METRIC_GAUGE);
	ck_assert_double_eq(point_of("g")->number, -2.5);
	ck_assert_int_eq(metric_named("h")->type, OTEL_METRIC_HISTOGRAM);
}
END_TEST

START_TEST(a_histogram_has_count_sum_extremes_and_inclusive_bounds)
{
	static const double bounds[] = { 1, 2, 5 };
	static const double values[] = { 0, 1, 1.5, 2, 5, 5.5, 100 };
	struct otel_histogram *h = otel_histogram_new(meter, "h", "s", NULL, bounds, 3);
	const struct otel_point_data *p;

	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		otel_histogram_record(h, values[i]);
	collect_cumulative();
	p = point_of("h");
	ck_assert_uint_eq(p->count, 7);
	ck_assert_double_eq(p->sum, 115);
	ck_assert_double_eq(p->min, 0);
	ck_assert_double_eq(p->max, 100);
	ck_assert_uint_eq(p->n_bounds, 3);
	ck_assert_uint_eq(p->bucket_counts[0], 2);
	ck_assert_uint_eq(p->bucket_counts[1], 2);
	ck_assert_uint_eq(p->bucket_counts[2], 1);
	ck_assert_uint_eq(p->bucket_counts[3], 2);
}
END_TEST

START_TEST(the_default_bounds_are_the_specifications)
{
	static const double bounds[] = { 0,   5,   10,   25,   50,   75,   100,  250,
		                         500, 750, 1000, 2500, 5000, 7500, 10000 };
	struct otel_histogram *h = otel_histogram_new(meter, "h", "ms", NULL, NULL, 0);
	const struct otel_point_data *p;

	for (size_t i = 0; i < 15; i++) {
		otel_histogram_record(h, bounds[i]);
		otel_histogram_record(h, nextafter(bounds[i], 1e9));
	}
	collect_cumulative();
	p = point_of("h");
	ck_assert_uint_eq(p->n_bounds, 15);
	ck_assert_mem_eq(p->bounds, bounds, sizeof bounds);
	ck_assert_uint_eq(p->bucket_counts[0], 1);
	for (size_t i = 1; i < 15; i++)
		ck_assert_uint_eq(p->bucket_counts[i], 2);
	ck_assert_uint_eq(p->bucket_counts[15], 1);
}
END_TEST

START_TEST(a_histogram_without_bounds_has_one_bucket)
{
	static const double none[1];

	otel_histogram_record(otel_histogram_new(meter, "h", NULL, NULL, none, 0), 3);
	collect_cumulative();
	ck_assert_uint_eq(point_of("h")->n_bounds, 0);
	ck_assert_uint_eq(point_of("h")->bucket_counts[0], 1);
}
END_TEST

START_TEST(bounds_that_do_not_increase_are_replaced_by_the_default)
{
	static const double bounds[] = { 1, 1 };

	otel_histogram_record(otel_histogram_new(meter, "h", NULL, NULL, bounds, 2), 3);
	collect_cumulative();
	ck_assert_uint_eq(point_of("h")->n_bounds, 15);
	ck_assert_int_eq(n_said, 1);
}
END_TEST

START_TEST(sets_are_told_apart_by_content)
{
	struct otel_counter *c = otel_counter_new(meter, "c", NULL, NULL);
	char key[8] = "key", value[8] = "a";

	otel_counter_add(c, 1, OTEL_STR(key, value));
	strcpy(value, "b"); /* the same address, another content */
	otel_counter_add(c, 10, OTEL_STR(key, value));
	otel_counter_add(c, 100, OTEL_STR("key", "a"));
	otel_counter_add(c, 1000, OTEL_INT("key", 1));
	otel_counter_add(c, 10000, OTEL_BOOL("key", true));
	otel_counter_add(c, 100000);
	strcpy(key, "xxx");
	collect_cumulative();
	ck_assert_uint_eq(metric_named("c")->n_points, 5);
	ck_assert_int_eq(point_with("c", "key", "a")->integer, 101);
	ck_assert_int_eq(point_with("c", "key", "b")->integer, 10);
}
END_TEST

START_TEST(the_order_of_attributes_does_not_matter)
{
	struct otel_counter *c = otel_counter_new(meter, "c", NULL, NULL);

	otel_counter_add(c, 1, OTEL_STR("a", "1"), OTEL_INT("b", 2), OTEL_DOUBLE("c", 3));
	otel_counter_add(c, 1, OTEL_DOUBLE("c", 3), OTEL_STR("a", "1"), OTEL_INT("b", 2));
	otel_counter_add(c, 1, OTEL_INT("b", 2), OTEL_DOUBLE("c", 3), OTEL_STR("a", "1"));
	collect_cumulative();
	ck_assert_int_eq(point_of("c")->integer, 3);
	ck_assert_uint_eq(point_of("c")->n_attributes, 3);
}
END_TEST

START_TEST(of_a_key_given_twice_the_last_value_counts)
{
	struct otel_counter *c = otel_counter_new(meter, "c", NULL, NULL);

	otel_counter_add(c, 1, OTEL_STR("k", "old"), OTEL_STR("k", "new"));
	otel_counter_add(c, 1, OTEL_STR("k", "new"));
	collect_cumulative();
	ck_assert_int_eq(point_with("c", "k", "new")->integer, 2);
}
END_TEST

START_TEST(attributes_without_key_or_value_are_left_out)
{
	struct otel_counter *c = otel_counter_new(meter, "c", NULL, NULL);

	otel_counter_add(c, 1, OTEL_STR(NULL, "x"), OTEL_STR("", "x"),
	                 OTEL_STR("k", NULL));
	otel_counter_add(c, 1);
	collect_cumulative();
	ck_assert_int_eq(point_of("c")->integer, 2);
	ck_assert_uint_eq(point_of("c")->n_attributes, 0);
}
END_TEST

START_TEST(arrays_and_maps_are_compared_whole)
{
	struct otel_value one[] = { otel_value_int(1), otel_value_int(2) };
	struct otel_value two[] = { otel_value_int(1), otel_value_int(3) };
	struct otel_attribute map[] = { OTEL_STR("in", "side") };
	struct otel_counter *c = otel_counter_new(meter, "c", NULL, NULL);

	otel_counter_add(c, 1, otel_attribute("k", otel_value_array(one, 2)));
	otel_counter_add(c, 1, otel_attribute("k", otel_value_array(two, 2)));
	otel_counter_add(c, 1, otel_attribute("k", otel_value_array(one, 2)));
	otel_counter_add(c, 1, otel_attribute("k", otel_value_map(map, 1)));
	otel_counter_add(c, 1, otel_attribute("k", otel_value_map(map, 1)));
	memset(one, 0, sizeof one);
	memset(map, 0, sizeof map);
	collect_cumulative();
	ck_assert_uint_eq(metric_named("c")->n_points, 3);
	ck_assert_int_eq(metric_named("c")->points[0].integer, 2);
	ck_assert_int_eq(metric_named("c")->points[0].attributes->value.values[1].integer,
	                 2);
	ck_assert_int_eq(metric_named("c")->points[2].integer, 2);
	ck_assert_str_eq(
		metric_named("c")->points[2].attributes->value.entries[0].value.string,
		"side");
}
END_TEST

START_TEST(a_hundred_sets_are_a_hundred_series)
{
	struct otel_counter *c = otel_counter_new(meter, "c", NULL, NULL);
	const struct otel_metric_data *m;

	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 100; i++)
			otel_counter_add(c, i + 1, OTEL_INT("i", i), OTEL_STR("k", "v"));
	collect_cumulative();
	m = metric_named("c");
	ck_assert_uint_eq(m->n_points, 100);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(m->points[i].integer,
		                 3 * (m->points[i].attributes[0].value.integer + 1));
}
END_TEST

START_TEST(more_attributes_than_a_set_holds_are_cut)
{
	struct otel_attribute attributes[200];
	struct otel_counter *c = otel_counter_new(meter, "c", NULL, NULL);
	char keys[200][8];

	for (int i = 0; i < 200; i++) {
		snprintf(keys[i], sizeof keys[i], "k%d", i);
		attributes[i] = OTEL_INT(keys[i], i);
	}
	otel_counter_add_n(c, 1, attributes, 200);
	otel_counter_add_n(c, 1, attributes, 199);
	collect_cumulative();
	ck_assert_int_eq(point_of("c")->integer, 2);
	ck_assert_uint_eq(point_of("c")->n_attributes, 128);
	ck_assert_int_eq(n_said, 1);
}
END_TEST

START_TEST(past_the_cardinality_limit_sets_overflow)
{
	struct otel_counter *c = otel_counter_new(meter, "c", NULL, NULL);
	const struct otel_point_data *overflow = NULL;
	const struct otel_metric_data *m;
	int64_t sum = 0;

	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 3000; i++)
			otel_counter_add(c, 1, OTEL_INT("i", i));
	otel_counter_add(c, 1); /* one more set that is new */
	collect_cumulative();
	m = metric_named("c");
	ck_assert_uint_eq(m->n_points, 2000);
	for (size_t i = 0; i < m->n_points; i++) {
		sum += m->points[i].integer;
		if (!strcmp(m->points[i].attributes[0].key, "otel.metric.overflow"))
			overflow = &m->points[i];
	}
	ck_assert_int_eq(sum, 6001);
	ck_assert_ptr_nonnull(overflow);
	ck_assert_int_eq(overflow->attributes[0].value.type, OTEL_TYPE_BOOL);
	ck_assert(overflow->attributes[0].value.boolean);
	ck_assert_int_eq(overflow->integer, 2 * 1001 + 1);
	ck_assert_int_eq(n_said, 1);
}
END_TEST

START_TEST(a_set_too_large_to_keep_overflows_alone)
{
	struct otel_counter *c = otel_counter_new(meter, "c", NULL, NULL);
	static char text[100000];

	memset(text, 'x', sizeof text - 1);
	otel_counter_add(c, 1, OTEL_STR("k", text));
	otel_counter_add(c, 1, OTEL_STR("k", "small"));
	otel_counter_add(c, 1, OTEL_STR("k", text));
	collect_cumulative();
	ck_assert_uint_eq(metric_named("c")->n_points, 2);
	ck_assert_int_eq(metric_named("c")->points[0].integer, 2);
	ck_assert_int_eq(point_with("c", "k", "small")->integer, 1);
}
END_TEST

START_TEST(bad_values_are_ignored_and_said_once)
{
	struct otel_counter *c = otel_counter_new(meter, "c", NULL, NULL);
	struct otel_counter_double *d = otel_counter_double_new(meter, "d", NULL, NULL);
	struct otel_histogram *h = otel_histogram_new(meter, "h", NULL, NULL, NULL, 0);
	struct otel_gauge *g = otel_gauge_new(meter, "g", NULL, NULL);

	for (int i = 0; i < 3; i++) {
		otel_counter_add(c, -1);
		otel_counter_double_add(d, -0.5);
		otel_counter_double_add(d, (double)NAN);
		otel_counter_double_add(d, (double)INFINITY);
		otel_histogram_record(h, -1);
		otel_histogram_record(h, (double)NAN);
		otel_histogram_record(h, (double)INFINITY);
		otel_gauge_record(g, (double)NAN);
	}
	collect_cumulative();
	ck_assert_uint_eq(n_metrics, 0);
	ck_assert_int_eq(n_said, 4);
}
END_TEST

START_TEST(null_instruments_do_nothing)
{
	otel_counter_add(otel_counter_new(NULL, "c", NULL, NULL), 1);
	otel_counter_double_add(NULL, 1);
	otel_up_down_counter_add(NULL, 1);
	otel_histogram_record(NULL, 1, OTEL_INT("k", 1));
	otel_gauge_record(NULL, 1);
	otel_observable_free(otel_observable_new(NULL, 0, "o", NULL, NULL, NULL, NULL));
	otel_observe_int(NULL, 1);
	otel_observe_double(NULL, 1);
	otel_meter_close(otel_meter_provider_meter(NULL, NULL));
	otel_meter_provider_free(NULL);
}
END_TEST

START_TEST(a_counter_made_again_goes_on)
{
	struct otel_counter *c = otel_counter_new(meter, "c", "1", "first");
	uint64_t start;

	otel_counter_add(c, 3, OTEL_STR("k", "v"));
	collect_cumulative();
	start = point_of("c")->start_unix_ns;
	otel_meter_close(meter);
	collect_cumulative();
	ck_assert_int_eq(point_of("c")->integer, 3);
	meter = meter_named("test");
	c = otel_counter_new(meter, "c", "1", "second");
	otel_counter_add(c, 4, OTEL_STR("k", "v"));
	collect_cumulative();
	ck_assert_uint_eq(n_metrics, 1);
	ck_assert_int_eq(point_of("c")->integer, 7);
	ck_assert_uint_eq(point_of("c")->start_unix_ns, start);
	ck_assert_str_eq(metric_named("c")->description, "second");
	ck_assert_int_eq(n_said, 0);
}
END_TEST

START_TEST(what_nobody_feeds_any_more_is_told_once_and_rests)
{
	struct otel_meter *next;
	int left = 10;

	otel_counter_add(otel_counter_new(meter, "old.name", NULL, NULL), 1);
	otel_counter_add(otel_counter_new(meter, "kept", NULL, NULL), 1);
	next = meter_named("test");
	otel_counter_add(otel_counter_new(next, "new.name", NULL, NULL), 1);
	otel_counter_new(next, "kept", NULL, NULL);
	collect_cumulative();
	ck_assert_uint_eq(n_metrics, 3);
	otel_meter_close(meter);
	ck_assert_int_eq(otel_meter_provider_collect(provider, count_visits, &left), 0);
	ck_assert_int_eq(left, 7); /* who only looks does not take it from the reader */
	collect_cumulative();
	ck_assert_int_eq(point_of("old.name")->integer, 1);
	collect_cumulative();
	ck_assert_uint_eq(n_metrics, 2);
	ck_assert_ptr_null(metric_named("old.name"));
	otel_counter_add(otel_counter_new(next, "old.name", NULL, NULL), 1);
	collect_cumulative();
	ck_assert_int_eq(point_of("old.name")->integer, 2);
}
END_TEST

START_TEST(two_generations_record_into_one_stream)
{
	struct otel_meter *next = meter_named("test");
	struct otel_counter *old = otel_counter_new(meter, "c", NULL, NULL);
	struct otel_counter *new = otel_counter_new(next, "c", NULL, NULL);

	otel_counter_add(old, 1);
	otel_counter_add(new, 10);
	otel_meter_close(meter);
	otel_counter_add(new, 100);
	collect_cumulative();
	ck_assert_int_eq(point_of("c")->integer, 111);
}
END_TEST

START_TEST(asked_twice_a_meter_gives_the_same_handle)
{
	ck_assert_ptr_eq(otel_counter_new(meter, "c", "1", "a"),
	                 otel_counter_new(meter, "c", "1", "a"));
	ck_assert_ptr_ne(otel_counter_new(meter, "c", "1", "a"),
	                 otel_counter_new(meter, "d", "1", "a"));
}
END_TEST

START_TEST(names_differ_by_more_than_case)
{
	otel_counter_add(otel_counter_new(meter, "Requests", NULL, NULL), 1);
	otel_counter_add(otel_counter_new(meter, "requests", NULL, NULL), 2);
	otel_counter_add(otel_counter_new(meter, "REQUESTS", NULL, NULL), 4);
	collect_cumulative();
	ck_assert_uint_eq(n_metrics, 1);
	ck_assert_int_eq(point_of("Requests")->integer, 7);
	ck_assert_int_eq(n_said, 1);
}
END_TEST

START_TEST(a_conflict_is_said_once_and_gets_its_own_stream)
{
	for (int i = 0; i < 3; i++) {
		otel_counter_add(otel_counter_new(meter, "c", "s", NULL), 1);
		otel_counter_add(otel_counter_new(meter, "c", "ms", NULL), 10);
		otel_histogram_record(otel_histogram_new(meter, "c", "s", NULL, NULL, 0),
		                      1);
	}
	collect_cumulative();
	ck_assert_uint_eq(n_metrics, 3);
	ck_assert_int_eq(metrics[0].points[0].integer, 3);
	ck_assert_int_eq(metrics[1].points[0].integer, 30);
	ck_assert_str_eq(metrics[1].unit, "ms");
	ck_assert_uint_eq(metrics[2].points[0].count, 3);
	ck_assert_int_eq(n_said, 2);
	ck_assert_ptr_nonnull(
		strstr(said, "'c' is made as histogram in 's', but is counter in 's'"));
}
END_TEST

START_TEST(the_same_name_in_another_scope_is_no_conflict)
{
	struct otel_attribute attribute = OTEL_STR("k", "v");
	struct otel_scope_data with = { "test", "1.0", "", &attribute, 1 };
	struct otel_scope_data version = { "test", "2.0", NULL, NULL, 0 };

	otel_counter_add(otel_counter_new(meter, "c", NULL, NULL), 1);
	otel_gauge_record(otel_gauge_new(meter_named("other"), "c", NULL, NULL), 1);
	otel_gauge_record(otel_gauge_new(otel_meter_provider_meter(provider, &with), "c",
	                                 NULL, NULL),
	                  1);
	otel_gauge_record(otel_gauge_new(otel_meter_provider_meter(provider, &with), "c",
	                                 NULL, NULL),
	                  1);
	otel_gauge_record(otel_gauge_new(otel_meter_provider_meter(provider, &version),
	                                 "c", NULL, NULL),
	                  1);
	collect_cumulative();
	ck_assert_uint_eq(n_metrics, 4);
	ck_assert_uint_eq(metrics[2].scope->n_attributes, 1);
	ck_assert_str_eq(metrics[3].scope->version, "2.0");
	ck_assert_int_eq(n_said, 0);
}
END_TEST

START_TEST(names_that_do_not_conform_are_said_once_and_work)
{
	static const char *const bad[] = { "",           "1st", "_x",
		                           "with space", "a:b", "caf\xc3\xa9" };
	static const char *const good[] = { "a", "A.b_c-d/e1" };
	char name[258];

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		otel_counter_new(meter, good[i], NULL, NULL);
	memset(name, 'a', 255);
	name[255] = '\0';
	otel_counter_new(meter, name, NULL, NULL);
	ck_assert_int_eq(n_said, 0);
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
			otel_counter_add(otel_counter_new(meter, bad[i], NULL, NULL), 1);
	ck_assert_int_eq(n_said, 6);
	memset(name, 'a', 256);
	name[256] = '\0';
	otel_counter_new(meter, name, NULL, NULL);
	ck_assert_int_eq(n_said, 7);
	collect_cumulative();
	ck_assert_uint_eq(n_metrics, 6);
}
END_TEST

START_TEST(units_are_short_ascii)
{
	char unit[65];

	memset(unit, 'u', 64);
	unit[63] = '\0';
	otel_counter_new(meter, "a", unit, NULL);
	ck_assert_int_eq(n_said, 0);
	unit[63] = 'u';
	unit[64] = '\0';
	otel_counter_new(meter, "b", unit, NULL);
	otel_counter_new(meter, "c", "\xc2\xb5s", NULL);
	ck_assert_int_eq(n_said, 2);
}
END_TEST

START_TEST(within_a_meter_the_first_bounds_hold)
{
	static const double one[] = { 1 }, two[] = { 2 };

	otel_histogram_record(otel_histogram_new(meter, "h", NULL, NULL, one, 1), 5);
	otel_histogram_record(otel_histogram_new(meter, "h", NULL, NULL, two, 1), 5);
	otel_histogram_record(otel_histogram_new(meter, "h", NULL, NULL, two, 1), 5);
	collect_cumulative();
	ck_assert_uint_eq(point_of("h")->count, 3);
	ck_assert_double_eq(point_of("h")->bounds[0], 1);
	ck_assert_int_eq(n_said, 1);
}
END_TEST

START_TEST(the_next_generation_brings_its_own_bounds)
{
	static const double one[] = { 1 }, two[] = { 2 };
	struct otel_histogram *old = otel_histogram_new(meter, "h", NULL, NULL, one, 1),
			      *new;

	otel_histogram_record(old, 5);
	new = otel_histogram_new(meter_named("test"), "h", NULL, NULL, two, 1);
	otel_histogram_record(new, 1.5);
	otel_histogram_record(old, 1.5);
	collect_cumulative();
	ck_assert_uint_eq(n_metrics, 1);
	ck_assert_double_eq(point_of("h")->bounds[0], 2);
	ck_assert_uint_eq(point_of("h")->bucket_counts[0], 2);
}
END_TEST

START_TEST(delta_reports_what_is_new)
{
	struct otel_counter *c = otel_counter_new(meter, "c", NULL, NULL);
	struct otel_counter_double *d = otel_counter_double_new(meter, "d", NULL, NULL);
	struct otel_up_down_counter *u = otel_up_down_counter_new(meter, "u", NULL, NULL);
	struct otel_histogram *h = otel_histogram_new(meter, "h", NULL, NULL, NULL, 0);
	uint64_t time;

	otel_counter_add(c, 5);
	otel_counter_double_add(d, 0.5);
	otel_up_down_counter_add(u, 5);
	otel_histogram_record(h, 3);
	collect_delta();
	ck_assert_int_eq(metric_named("c")->temporality, OTEL_TEMPORALITY_DELTA);
	ck_assert_int_eq(metric_named("h")->temporality, OTEL_TEMPORALITY_DELTA);
	ck_assert_int_eq(metric_named("u")->temporality, OTEL_TEMPORALITY_CUMULATIVE);
	ck_assert_int_eq(point_of("c")->integer, 5);
	time = point_of("c")->time_unix_ns;

	otel_counter_add(c, 2);
	otel_histogram_record(h, 1);
	otel_histogram_record(h, 2);
	otel_up_down_counter_add(u, -1);
	collect_delta();
	ck_assert_int_eq(point_of("c")->integer, 2);
	ck_assert_uint_eq(point_of("c")->start_unix_ns, time);
	ck_assert_int_eq(point_of("u")->integer, 4);
	ck_assert_uint_eq(point_of("h")->count, 2);
	ck_assert_double_eq(point_of("h")->sum, 3);
	ck_assert_double_eq(point_of("h")->min, 1);
	ck_assert_double_eq(point_of("h")->max, 2);
	ck_assert_ptr_null(metric_named("d"));

	collect_delta();
	ck_assert_uint_eq(n_metrics, 1);
	collect_cumulative();
	ck_assert_int_eq(point_of("c")->integer, 7);
	ck_assert_uint_eq(point_of("h")->count, 3);
	ck_assert_double_eq(point_of("h")->max, 3);
	ck_assert_double_eq(point_of("d")->number, 0.5);
}
END_TEST

START_TEST(looking_does_not_disturb_delta)
{
	struct otel_counter *c = otel_counter_new(meter, "c", NULL, NULL);
	struct otel_histogram *h = otel_histogram_new(meter, "h", NULL, NULL, NULL, 0);

	otel_counter_add(c, 5);
	otel_histogram_record(h, 5);
	collect_cumulative();
	otel_counter_add(c, 1);
	collect_delta();
	ck_assert_int_eq(point_of("c")->integer, 6);
	ck_assert_uint_eq(point_of("h")->count, 1);
	ck_assert_double_eq(point_of("h")->min, 5);
}
END_TEST

START_TEST(delta_goes_on_over_a_reload)
{
	otel_counter_add(otel_counter_new(meter, "c", NULL, NULL), 1);
	otel_meter_close(meter);
	meter = meter_named("test");
	otel_counter_add(otel_counter_new(meter, "c", NULL, NULL), 1);
	collect_delta();
	ck_assert_int_eq(point_of("c")->integer, 2);
	otel_counter_add(otel_counter_new(meter, "c", NULL, NULL), 1);
	otel_meter_close(meter);
	collect_delta(); /* as the flush at shutdown does, after the service has gone */
	ck_assert_int_eq(point_of("c")->integer, 1);
}
END_TEST

START_TEST(a_visit_is_cumulative_and_can_be_ended)
{
	int left = 10;

	otel_counter_add(otel_counter_new(meter, "a", NULL, NULL), 1);
	otel_counter_add(otel_counter_new(meter, "b", NULL, NULL), 1);
	ck_assert_int_eq(otel_meter_provider_collect(provider, count_visits, &left), 0);
	ck_assert_int_eq(left, 8);
	left = 1;
	ck_assert_int_eq(otel_meter_provider_collect(provider, count_visits, &left),
	                 -ECANCELED);
}
END_TEST

START_TEST(what_was_collected_outlives_a_visit)
{
	int left = 10;

	otel_counter_add(otel_counter_new(meter, "a", NULL, NULL), 1);
	collect_delta();
	otel_counter_add(otel_counter_new(meter, "a", NULL, NULL), 1);
	ck_assert_int_eq(otel_meter_provider_collect(provider, count_visits, &left), 0);
	ck_assert_int_eq(point_of("a")->integer, 1);
}
END_TEST

START_TEST(a_scope_without_a_name_works_and_is_warned_of)
{
	otel_counter_add(otel_counter_new(otel_meter_provider_meter(provider, NULL), "c",
	                                  NULL, NULL),
	                 1);
	ck_assert_int_eq(n_said, 1);
	collect_cumulative();
	ck_assert_str_eq(metrics[0].scope->name, "");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("meter");
	TCase *tc = tcase_create("instruments");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_counter_adds_up);
	tcase_add_test(tc, an_unused_instrument_is_not_reported);
	tcase_add_test(tc, each_kind_reports_its_type);
	tcase_add_test(tc, a_histogram_has_count_sum_extremes_and_inclusive_bounds);
	tcase_add_test(tc, the_default_bounds_are_the_specifications);
	tcase_add_test(tc, a_histogram_without_bounds_has_one_bucket);
	tcase_add_test(tc, bounds_that_do_not_increase_are_replaced_by_the_default);
	tcase_add_test(tc, bad_values_are_ignored_and_said_once);
	tcase_add_test(tc, null_instruments_do_nothing);
	suite_add_tcase(suite, tc);

	tc = tcase_create("sets");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, sets_are_told_apart_by_content);
	tcase_add_test(tc, the_order_of_attributes_does_not_matter);
	tcase_add_test(tc, of_a_key_given_twice_the_last_value_counts);
	tcase_add_test(tc, attributes_without_key_or_value_are_left_out);
	tcase_add_test(tc, arrays_and_maps_are_compared_whole);
	tcase_add_test(tc, a_hundred_sets_are_a_hundred_series);
	tcase_add_test(tc, more_attributes_than_a_set_holds_are_cut);
	tcase_add_test(tc, past_the_cardinality_limit_sets_overflow);
	tcase_add_test(tc, a_set_too_large_to_keep_overflows_alone);
	suite_add_tcase(suite, tc);

	tc = tcase_create("streams");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_counter_made_again_goes_on);
	tcase_add_test(tc, what_nobody_feeds_any_more_is_told_once_and_rests);
	tcase_add_test(tc, two_generations_record_into_one_stream);
	tcase_add_test(tc, asked_twice_a_meter_gives_the_same_handle);
	tcase_add_test(tc, names_differ_by_more_than_case);
	tcase_add_test(tc, a_conflict_is_said_once_and_gets_its_own_stream);
	tcase_add_test(tc, the_same_name_in_another_scope_is_no_conflict);
	tcase_add_test(tc, names_that_do_not_conform_are_said_once_and_work);
	tcase_add_test(tc, units_are_short_ascii);
	tcase_add_test(tc, within_a_meter_the_first_bounds_hold);
	tcase_add_test(tc, the_next_generation_brings_its_own_bounds);
	tcase_add_test(tc, a_scope_without_a_name_works_and_is_warned_of);
	suite_add_tcase(suite, tc);

	tc = tcase_create("collection");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, delta_reports_what_is_new);
	tcase_add_test(tc, looking_does_not_disturb_delta);
	tcase_add_test(tc, delta_goes_on_over_a_reload);
	tcase_add_test(tc, a_visit_is_cumulative_and_can_be_ended);
	tcase_add_test(tc, what_was_collected_outlives_a_visit);
	suite_add_tcase(suite, tc);
	return check_main(suite);
}
