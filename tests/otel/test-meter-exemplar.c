/* SPDX-License-Identifier: Apache-2.0 */
/* Exemplars: which measurements become one, how many are kept, and that they are told once. */
#include <errno.h>
#include <pthread.h>

#include "meter-fixture.h"
#include "meter_priv.h"
#include <otel/context.h>

static const double bounds[] = { 1, 10 };

/* Makes a span with that last byte in its ids current; the old context is returned. */
static struct otel_span *span;

static struct otel_context *
enter(uint8_t id, uint8_t flags)
{
	struct otel_span_context context = { .flags = flags };

	context.trace_id[15] = context.span_id[7] = id;
	span = otel_span_wrap(&context);
	ck_assert_ptr_nonnull(span);
	return otel_context_swap(otel_span_as_context(span));
}

static void
leave(struct otel_context *old)
{
	otel_context_swap(old);
	otel_span_unref(span);
}

static struct otel_histogram *
duration(void)
{
	struct otel_histogram *histogram = otel_histogram_new(meter, "duration", "s", "",
	                                                      bounds, 2);

	ck_assert_ptr_nonnull(histogram);
	return histogram;
}

START_TEST(a_measurement_in_a_sampled_span_names_it)
{
	struct otel_context *old = enter(7, OTEL_TRACE_FLAG_SAMPLED);
	const struct otel_point_data *point;

	otel_histogram_record(duration(), 0.5);
	leave(old);
	collect_cumulative();
	point = point_of("duration");
	ck_assert_uint_eq(point->n_exemplars, 1);
	ck_assert(point->exemplars[0].is_double);
	ck_assert_double_eq(point->exemplars[0].number, 0.5);
	ck_assert_uint_eq(point->exemplars[0].trace_id[15], 7);
	ck_assert_uint_eq(point->exemplars[0].span_id[7], 7);
	ck_assert_uint_ge(point->exemplars[0].time_unix_ns, point->start_unix_ns);
	ck_assert_uint_le(point->exemplars[0].time_unix_ns, point->time_unix_ns);
}
END_TEST

START_TEST(without_a_sampled_span_there_is_none)
{
	struct otel_context *old;

	otel_histogram_record(duration(), 0.5);
	old = enter(7, 0);
	otel_histogram_record(duration(), 0.5);
	leave(old);
	collect_cumulative();
	ck_assert_uint_eq(point_of("duration")->count, 2);
	ck_assert_uint_eq(point_of("duration")->n_exemplars, 0);
}
END_TEST

START_TEST(each_bucket_keeps_its_first)
{
	static const double values[] = { 0.5, 0.6, 5, 50, 60 };
	const struct otel_point_data *point;

	for (uint8_t i = 0; i < 5; i++) {
		struct otel_context *old = enter((uint8_t)(i + 1),
		                                 OTEL_TRACE_FLAG_SAMPLED);

		otel_histogram_record(duration(), values[i]);
		leave(old);
	}
	collect_cumulative();
	point = point_of("duration");
	ck_assert_uint_eq(point->n_exemplars, 3);
	ck_assert_double_eq(point->exemplars[0].number, 0.5);
	ck_assert_double_eq(point->exemplars[1].number, 5);
	ck_assert_double_eq(point->exemplars[2].number, 50);
	ck_assert_uint_eq(point->exemplars[2].trace_id[15], 4);
}
END_TEST

START_TEST(they_are_told_once_and_the_place_is_free_again)
{
	struct otel_context *old = enter(1, OTEL_TRACE_FLAG_SAMPLED);

	otel_histogram_record(duration(), 0.5);
	collect_cumulative();
	ck_assert_uint_eq(point_of("duration")->n_exemplars, 1);
	collect_cumulative();
	ck_assert_uint_eq(point_of("duration")->count, 1);
	ck_assert_uint_eq(point_of("duration")->n_exemplars, 0);
	otel_histogram_record(duration(), 0.75);
	collect_delta();
	ck_assert_uint_eq(point_of("duration")->n_exemplars, 1);
	ck_assert_double_eq(point_of("duration")->exemplars[0].number, 0.75);
	leave(old);
}
END_TEST

static int
count_exemplars(const struct otel_metric_data *metric, void *n)
{
	*(size_t *)n += metric->points[0].n_exemplars;
	return 0;
}

START_TEST(who_looks_takes_none_away)
{
	struct otel_context *old = enter(1, OTEL_TRACE_FLAG_SAMPLED);
	size_t seen = 0;

	otel_histogram_record(duration(), 0.5);
	leave(old);
	ck_assert_int_eq(otel_meter_provider_collect(provider, count_exemplars, &seen),
	                 0);
	ck_assert_uint_eq(seen, 1);
	collect_cumulative();
	ck_assert_uint_eq(point_of("duration")->n_exemplars, 1);
}
END_TEST

START_TEST(sums_and_gauges_have_one)
{
	struct otel_context *old = enter(3, OTEL_TRACE_FLAG_SAMPLED);

	otel_counter_add(otel_counter_new(meter, "counter", "", ""), 5);
	otel_counter_add(otel_counter_new(meter, "counter", "", ""), 6);
	otel_gauge_record(otel_gauge_new(meter, "gauge", "", ""), 1.5);
	leave(old);
	collect_cumulative();
	ck_assert_uint_eq(point_of("counter")->n_exemplars, 1);
	ck_assert(!point_of("counter")->exemplars[0].is_double);
	ck_assert_int_eq(point_of("counter")->exemplars[0].integer, 5);
	ck_assert_int_eq(point_of("counter")->integer, 11);
	ck_assert_uint_eq(point_of("gauge")->n_exemplars, 1);
	ck_assert_double_eq(point_of("gauge")->exemplars[0].number, 1.5);
}
END_TEST

START_TEST(the_filter_decides)
{
	struct otel_config config;
	struct otel_error err = OTEL_ERROR_INIT;
	struct otel_context *old;

	otel_config_init(&config);
	ck_assert_int_eq(config.exemplar_filter, OTEL_EXEMPLAR_FILTER_TRACE_BASED);
	ck_assert_int_eq(otel_config_set(&config, "OTEL_METRICS_EXEMPLAR_FILTER",
	                                 "always_on", &err),
	                 0);
	ck_assert_int_eq(config.exemplar_filter, OTEL_EXEMPLAR_FILTER_ALWAYS_ON);
	ck_assert_int_eq(
		otel_config_set(&config, "OTEL_METRICS_EXEMPLAR_FILTER", "some", &err),
		-EINVAL);
	ck_assert_ptr_nonnull(strstr(err.message, "trace_based"));

	provider->exemplar_filter = OTEL_EXEMPLAR_FILTER_ALWAYS_ON;
	otel_histogram_record(duration(), 0.5);
	collect_cumulative();
	ck_assert_uint_eq(point_of("duration")->n_exemplars, 1);
	ck_assert_uint_eq(point_of("duration")->exemplars[0].trace_id[15], 0);

	provider->exemplar_filter = OTEL_EXEMPLAR_FILTER_ALWAYS_OFF;
	old = enter(1, OTEL_TRACE_FLAG_SAMPLED);
	otel_counter_add(otel_counter_new(meter, "counter", "", ""), 1);
	leave(old);
	collect_cumulative();
	ck_assert_uint_eq(point_of("counter")->n_exemplars, 0);
}
END_TEST

#define ROUNDS 20000

static void *
record_for_long(void *histogram)
{
	struct otel_span_context context = { .flags = OTEL_TRACE_FLAG_SAMPLED };
	struct otel_span *own;
	struct otel_context *old;

	for (int i = 0; i < ROUNDS; i++) {
		memset(context.trace_id, 1 + i % 200, sizeof context.trace_id);
		memset(context.span_id, 1 + i % 200, sizeof context.span_id);
		own = otel_span_wrap(&context);
		old = otel_context_swap(otel_span_as_context(own));
		otel_histogram_record(histogram, 1 + i % 200);
		otel_context_swap(old);
		otel_span_unref(own);
	}
	return NULL;
}

START_TEST(an_exemplar_is_whole_whoever_records)
{
	struct otel_histogram *histogram = duration();
	pthread_t threads[3];
	const struct otel_point_data *point;
	size_t seen = 0;

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, record_for_long, histogram), 0);
	do {
		collect_cumulative();
		point = n_metrics ? point_of("duration") : NULL;
		for (size_t i = 0; point && i < point->n_exemplars; i++, seen++) {
			const struct otel_exemplar_data *exemplar = &point->exemplars[i];

			for (int b = 0; b < 16; b++)
				ck_assert_uint_eq(exemplar->trace_id[b],
				                  (uint8_t)exemplar->number);
			for (int b = 0; b < 8; b++)
				ck_assert_uint_eq(exemplar->span_id[b],
				                  (uint8_t)exemplar->number);
		}
	} while (!point || point->count < 3 * ROUNDS);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_gt(seen, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("exemplars");
	TCase *tc = tcase_create("exemplars");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_measurement_in_a_sampled_span_names_it);
	tcase_add_test(tc, without_a_sampled_span_there_is_none);
	tcase_add_test(tc, each_bucket_keeps_its_first);
	tcase_add_test(tc, they_are_told_once_and_the_place_is_free_again);
	tcase_add_test(tc, who_looks_takes_none_away);
	tcase_add_test(tc, sums_and_gauges_have_one);
	tcase_add_test(tc, the_filter_decides);
	tcase_add_test(tc, an_exemplar_is_whole_whoever_records);
	suite_add_tcase(suite, tc);
	return check_main(suite);
}
