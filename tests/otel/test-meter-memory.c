/* SPDX-License-Identifier: Apache-2.0 */
/* What metrics do without memory, and that recording asks for none. */
#include <errno.h>
#include <pthread.h>

#include "meter-fixture.h"
#include "oom.h"

static void
must_not_run(struct otel_observation *observation, void *userdata)
{
	ck_abort_msg("the observable of a closed meter was called");
}

/* Whatever is missing, the program goes on, the sums that are told are true, and all is given back. */
static int
record_something(void)
{
	static const double bounds[] = { 1, 2, 3 }, others[] = { 4 };
	struct otel_attribute scope_attribute = OTEL_STR("k", "v");
	struct otel_scope_data scope = { "scope", "1", "url", &scope_attribute, 1 };
	struct otel_resource *resource = NULL;
	struct otel_meter *again;
	int r;

	provider = NULL;
	r = otel_resource_new(&scope_attribute, 1, NULL, &resource, NULL);
	if (r < 0)
		return r;
	r = otel_meter_provider_new(NULL, resource, &provider, NULL);
	otel_resource_unref(resource);
	if (r < 0)
		return r;
	meter = otel_meter_provider_meter(provider, &scope);
	for (int i = 0; i < 40; i++)
		otel_counter_add(otel_counter_new(meter, "c", "1", "a"), 1,
		                 OTEL_INT("i", i));
	otel_histogram_record(otel_histogram_new(meter, "h", "s", "b", bounds, 3), 1);
	otel_observable_new(meter, OTEL_OBSERVABLE_GAUGE, "o", NULL, NULL, must_not_run,
	                    NULL);
	again = otel_meter_provider_meter(provider, &scope);
	otel_meter_close(meter);
	otel_histogram_record(otel_histogram_new(again, "h", "s", "other", others, 1), 1);
	otel_counter_add(otel_counter_new(again, "c", "1", "other"), 1);
	r = otelp_meter_provider_collect(provider, OTEL_TEMPORALITY_DELTA, &metrics,
	                                 &n_metrics);
	return r;
}

START_TEST(every_allocation_may_fail)
{
	unsigned long before;
	const struct otel_metric_data *m;
	int r;

	otel_set_diagnostics(note_diagnostic, NULL);
	oom_install();
	before = oom_live();
	for (long n = 0;; n++) {
		oom_arm(n);
		r = record_something();
		oom_disarm();
		ck_assert_msg(r == 0 || (r == -ENOMEM && oom_fired()),
		              "allocation %ld: %d", n, r);
		if (!r && !oom_fired()) {
			ck_assert_uint_eq(n_metrics, 2);
			m = metric_named("c");
			ck_assert_uint_eq(m->n_points, 41);
			ck_assert_str_eq(m->description, "other");
			ck_assert_double_eq(point_of("h")->bounds[0], 4);
		}
		otel_meter_provider_free(provider);
		ck_assert_msg(oom_live() == before, "allocation %ld: %lu blocks are left",
		              n, oom_live() - before);
		if (!oom_fired())
			break;
	}
}
END_TEST

START_TEST(a_collection_that_fails_loses_nothing)
{
	struct otel_counter *c;
	struct otel_histogram *h;
	bool failed = false;

	oom_install();
	setup();
	c = otel_counter_new(meter, "c", NULL, NULL);
	h = otel_histogram_new(meter, "h", NULL, NULL, NULL, 0);
	for (int i = 0; i < 1000; i++)
		otel_counter_add(c, 1, OTEL_INT("i", i));
	otel_histogram_record(h, 1);
	for (long n = 0;; n++) {
		oom_arm(n);
		int r = otelp_meter_provider_collect(provider, OTEL_TEMPORALITY_DELTA,
		                                     &metrics, &n_metrics);

		oom_disarm();
		if (!r)
			break;
		ck_assert_int_eq(r, -ENOMEM);
		failed = true;
	}
	ck_assert(failed);
	ck_assert_uint_eq(metric_named("c")->n_points, 1000);
	ck_assert_uint_eq(point_of("h")->count, 1);
	teardown();
}
END_TEST

static struct otel_counter *counter;
static struct otel_counter_double *sum;
static struct otel_up_down_counter *level;
static struct otel_histogram *histogram;
static struct otel_gauge *gauge;

static void *
record_all(void *userdata)
{
	for (int i = 0; i < 100; i++) {
		otel_counter_add(counter, 1);
		otel_counter_add(counter, 1, OTEL_STR("a", "b"), OTEL_INT("c", 1),
		                 OTEL_STRF("d", "%d", 5));
		otel_counter_add(counter, 1, OTEL_INT("c", 1), OTEL_STR("a", "b"),
		                 OTEL_STRF("d", "%d", 5));
		otel_counter_add(counter, 1, OTEL_INT("over", i & 1));
		otel_counter_double_add(sum, 1, OTEL_BOOL("a", true));
		otel_up_down_counter_add(level, -1, OTEL_DOUBLE("a", 1));
		otel_histogram_record(histogram, i);
		otel_histogram_record(histogram, i, OTEL_STR("a", "b"));
		otel_gauge_record(gauge, i, OTEL_STR("k", "old"), OTEL_STR("k", "new"));
		otel_counter_add(counter, -1);
	}
	return NULL;
}

START_TEST(recording_known_sets_allocates_nothing)
{
	unsigned long before;
	pthread_t thread;

	oom_install();
	setup();
	counter = otel_counter_new(meter, "c", NULL, NULL);
	sum = otel_counter_double_new(meter, "d", NULL, NULL);
	level = otel_up_down_counter_new(meter, "u", NULL, NULL);
	histogram = otel_histogram_new(meter, "h", NULL, NULL, NULL, 0);
	gauge = otel_gauge_new(meter, "g", NULL, NULL);
	record_all(NULL);
	before = oom_count();
	record_all(NULL);
	ck_assert_uint_eq(oom_count(), before);
	pthread_create(&thread, NULL, record_all, NULL);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(oom_count(), before);
	/* and so do sets that are one too many */
	for (int i = 0; i < 3000; i++)
		otel_counter_add(counter, 1, OTEL_INT("i", i));
	before = oom_count();
	for (int i = 0; i < 3000; i++)
		otel_counter_add(counter, 1, OTEL_INT("other", i));
	ck_assert_uint_eq(oom_count(), before);
	teardown();
}
END_TEST

START_TEST(making_known_instruments_does_not_grow)
{
	unsigned long live;

	oom_install();
	setup();
	otel_histogram_new(meter, "h", "s", "d", NULL, 0);
	otel_counter_new(meter, "c", "s", "d");
	live = oom_live();
	for (int i = 0; i < 100; i++) {
		otel_histogram_new(meter, "h", "s", "d", NULL, 0);
		otel_counter_new(meter, "c", "s", "d");
	}
	ck_assert_uint_eq(oom_live(), live);
	otel_meter_close(meter);
	live = oom_live();
	for (int i = 0; i < 100; i++) {
		meter = meter_named("test");
		otel_counter_add(otel_counter_new(meter, "c", "s", "d"), 1);
		collect_cumulative();
		otel_meter_close(meter);
		if (!i)
			live = oom_live();
	}
	ck_assert_uint_eq(oom_live(), live);
	teardown();
}
END_TEST

START_TEST(instruments_past_the_bound_record_nothing)
{
	struct otel_counter *c = NULL;
	char name[32];

	setup();
	for (int i = 0; i <= 4096; i++) {
		snprintf(name, sizeof name, "c%d", i);
		c = otel_counter_new(meter, name, NULL, NULL);
		ck_assert_ptr_nonnull(c);
	}
	otel_counter_add(c, 1);
	collect_cumulative();
	ck_assert_uint_eq(n_metrics, 0);
	ck_assert_int_eq(n_said, 1);
	teardown();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("meter-memory");
	TCase *tc = tcase_create("memory");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, every_allocation_may_fail);
	tcase_add_test(tc, a_collection_that_fails_loses_nothing);
	tcase_add_test(tc, recording_known_sets_allocates_nothing);
	tcase_add_test(tc, making_known_instruments_does_not_grow);
	tcase_add_test(tc, instruments_past_the_bound_record_nothing);
	suite_add_tcase(suite, tc);
	return check_main(suite);
}
