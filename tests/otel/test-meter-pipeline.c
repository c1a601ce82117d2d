/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics on their way out: flush, shutdown, and what a provider that has been freed still has to say. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "check-main.h"
#include <otel/sdk.h>

static struct otel_pipeline *pipeline;
static struct otel_meter_provider *provider;
static struct otel_config config;

/* What was exported, one line per point. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char exported[4096];
static int answer;

static int
export_metrics(struct otel_exporter *self, const struct otel_metric_data *metrics,
               size_t n, int timeout_ms, struct otel_error *err)
{
	size_t used;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n; i++)
		for (size_t p = 0; p < metrics[i].n_points; p++) {
			used = strlen(exported);
			snprintf(exported + used, sizeof exported - used,
			         "%s%s %s %lld\n", metrics[i].name,
			         metrics[i].temporality == OTEL_TEMPORALITY_DELTA ? "+"
			                                                          : "",
			         metrics[i].scope->name,
			         (long long)metrics[i].points[p].integer);
		}
	pthread_mutex_unlock(&lock);
	return answer;
}

static void
keep(struct otel_exporter *self)
{
}

static struct otel_exporter exporter = { .name = "test",
	                                 .export_metrics = export_metrics,
	                                 .free = keep };

static const char *
take_exported(void)
{
	static char taken[sizeof exported];

	pthread_mutex_lock(&lock);
	memcpy(taken, exported, sizeof taken);
	exported[0] = '\0';
	pthread_mutex_unlock(&lock);
	return taken;
}

static void
setup(void)
{
	otel_config_init(&config);
	for (int i = 0; i < OTEL_N_SIGNALS; i++)
		config.signal[i].exporter = OTEL_EXPORTER_NONE;
	config.signal[OTEL_SIGNAL_METRICS].exporter = OTEL_EXPORTER_CUSTOM;
	config.signal[OTEL_SIGNAL_METRICS].custom = &exporter;
	config.metric_interval_ms = 3600 * 1000; /* only what the test provokes */
	config.temporality = OTEL_TEMPORALITY_DELTA;
}

static void
start(void)
{
	ck_assert_int_eq(otel_pipeline_new(&config, &pipeline, NULL), 0);
	ck_assert_int_eq(otel_meter_provider_new(pipeline, NULL, &provider, NULL), 0);
}

static void
count(const char *scope, int64_t value)
{
	struct otel_scope_data data = { .name = scope };
	struct otel_meter *meter = otel_meter_provider_meter(provider, &data);

	otel_counter_add(otel_counter_new(meter, "c", NULL, NULL), value);
	otel_meter_close(meter);
}

START_TEST(a_flush_exports_and_a_shutdown_the_rest)
{
	start();
	count("a", 1);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	ck_assert_str_eq(take_exported(), "c+ a 1\n");
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	ck_assert_str_eq(take_exported(), "");
	count("a", 2);
	ck_assert_int_eq(otel_pipeline_shutdown(pipeline, 5000), 0);
	ck_assert_str_eq(take_exported(), "c+ a 2\n");
	count("a", 4); /* does nothing, and no harm */
	otel_meter_provider_free(provider);
	otel_pipeline_free(pipeline);
	ck_assert_str_eq(take_exported(), "");
}
END_TEST

START_TEST(a_freed_provider_is_exported_a_last_time)
{
	start();
	count("a", 1);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	take_exported();
	count("a", 2);
	otel_meter_provider_free(provider);
	ck_assert_int_eq(otel_meter_provider_new(pipeline, NULL, &provider, NULL), 0);
	count("b", 3);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	ck_assert_str_eq(take_exported(), "c+ a 2\nc+ b 3\n");
	otel_meter_provider_free(provider);
	ck_assert_int_eq(otel_pipeline_shutdown(pipeline, 5000), 0);
	ck_assert_str_eq(take_exported(), "");
	otel_pipeline_free(pipeline);
}
END_TEST

START_TEST(a_service_that_ends_before_the_first_interval_is_exported_at_shutdown)
{
	config.temporality = OTEL_TEMPORALITY_CUMULATIVE;
	start();
	count("a", 1);
	otel_meter_provider_free(provider);
	ck_assert_int_eq(otel_pipeline_shutdown(pipeline, 5000), 0);
	ck_assert_str_eq(take_exported(), "c a 1\n");
	otel_pipeline_free(pipeline);
}
END_TEST

START_TEST(a_freed_provider_does_not_outlive_a_failing_receiver)
{
	answer = -EIO;
	start();
	count("a", 1);
	otel_meter_provider_free(provider);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), -EIO);
	ck_assert_str_eq(take_exported(), "c+ a 1\n");
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	ck_assert_str_eq(take_exported(), "");
	otel_pipeline_free(pipeline);
}
END_TEST

START_TEST(without_an_exporter_a_provider_ends_at_once)
{
	config.signal[OTEL_SIGNAL_METRICS].exporter = OTEL_EXPORTER_NONE;
	start();
	count("a", 1);
	otel_meter_provider_free(provider);
	otel_pipeline_free(pipeline);
	ck_assert_str_eq(take_exported(), "");
}
END_TEST

START_TEST(a_pipeline_that_goes_takes_freed_providers_with_it)
{
	start();
	count("a", 1);
	otel_meter_provider_free(provider);
	otel_pipeline_free(pipeline); /* leaks are what the sanitizers look for */
}
END_TEST

static void
observe(struct otel_observation *observation, void *userdata)
{
	otel_observe_int(observation, 5);
}

START_TEST(observables_run_on_the_pipelines_thread)
{
	struct otel_scope_data data = { .name = "a" };
	struct otel_meter *meter;

	start();
	meter = otel_meter_provider_meter(provider, &data);
	otel_observable_new(meter, OTEL_OBSERVABLE_COUNTER, "o", NULL, NULL, observe,
	                    NULL);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	ck_assert_str_eq(take_exported(), "o+ a 5\n");
	otel_meter_quiet(meter);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	ck_assert_str_eq(take_exported(), "");
	otel_meter_provider_free(provider);
	otel_pipeline_free(pipeline);
}
END_TEST

START_TEST(a_disabled_sdk_counts_nothing_and_works)
{
	struct otel_scope_data data = { .name = "a" };
	struct otel_meter *meter;
	struct otel_counter *counter;

	config.disabled = true;
	start();
	meter = otel_meter_provider_meter(provider, &data);
	counter = otel_counter_new(meter, "c", NULL, NULL);
	ck_assert_ptr_nonnull(counter);
	otel_counter_add(counter, 1, OTEL_INT("k", 1));
	otel_gauge_record(otel_gauge_new(meter, "g", NULL, NULL), 1);
	otel_histogram_record(otel_histogram_new(meter, "h", NULL, NULL, NULL, 0), 1);
	ck_assert_ptr_nonnull(otel_observable_new(meter, OTEL_OBSERVABLE_GAUGE, "o", NULL,
	                                          NULL, observe, NULL));
	otel_pipeline_flush(pipeline, 5000);
	ck_assert_str_eq(take_exported(), "");
	otel_meter_provider_free(provider);
	otel_pipeline_free(pipeline);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("meter-pipeline");
	TCase *tc = tcase_create("export");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_flush_exports_and_a_shutdown_the_rest);
	tcase_add_test(tc, a_freed_provider_is_exported_a_last_time);
	tcase_add_test(
		tc,
		a_service_that_ends_before_the_first_interval_is_exported_at_shutdown);
	tcase_add_test(tc, a_freed_provider_does_not_outlive_a_failing_receiver);
	tcase_add_test(tc, without_an_exporter_a_provider_ends_at_once);
	tcase_add_test(tc, a_pipeline_that_goes_takes_freed_providers_with_it);
	tcase_add_test(tc, observables_run_on_the_pipelines_thread);
	tcase_add_test(tc, a_disabled_sdk_counts_nothing_and_works);
	suite_add_tcase(suite, tc);
	return check_main(suite);
}
