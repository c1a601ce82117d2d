/* SPDX-License-Identifier: Apache-2.0 */
/* What a service is called in its telemetry, where that goes, and who wins. */
#include <stdlib.h>
#include <string.h>

#include "check-main.h"
#include "conf.h"
#include "telemetry.h"
#include <otel/logs.h>
#include <otel/propagation.h>

static char type_s[] = "none", where[] = "test";
static char name_environment[] = "deployment.environment.name", value_dev[] = "dev";
static char name_version[] = "service.version", value_wrong[] = "wrong";
static char simple[] = "simple", two_s[] = "2000", endpoint[] = "http://127.0.0.1:4318";
static char console[] = "console";
static struct host_setting resource[] = { { name_environment, value_dev, where },
	                                  { name_version, value_wrong, where } };
static struct host_conf conf;
static struct telemetry *telemetry;
static struct otel_error err;

static void
set_up(void)
{
	static const char *const variables[] = {
		"OTEL_SERVICE_NAME",           "OTEL_RESOURCE_ATTRIBUTES",
		"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_METRIC_EXPORT_INTERVAL",
		"OTEL_SDK_DISABLED",           "OTEL_TRACES_EXPORTER"
	};

	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		unsetenv(variables[i]);
	memset(&conf, 0, sizeof conf);
	memset(&err, 0, sizeof err);
	conf.resource = resource;
	conf.n_resource = 2;
	conf.telemetry.value[HOST_T_TRACES] = type_s;
	conf.telemetry.value[HOST_T_METRICS] = type_s;
	conf.telemetry.value[HOST_T_LOGS] = type_s;
}

static void
start(void)
{
	ck_assert_msg(telemetry_new(&conf, &telemetry, &err) == 0, "%s", err.message);
}

static void
tear_down(void)
{
	telemetry_free(telemetry);
	telemetry = NULL;
}

START_TEST(the_file_names_the_propagators)
{
	static char b3[] = "b3";

	unsetenv("OTEL_PROPAGATORS");
	conf.telemetry.value[HOST_T_PROPAGATORS] = b3;
	start();
	ck_assert_str_eq(otel_propagator_global()->fields[0], "b3");
	conf.telemetry.value[HOST_T_PROPAGATORS] = NULL;
	telemetry_free(telemetry);
	start();
	ck_assert_str_eq(otel_propagator_global()->fields[0], "traceparent");
}
END_TEST

static struct voice *
voice_of(const char *name, const char *version, const struct host_telemetry *config)
{
	struct voice *voice;

	ck_assert_msg(telemetry_voice(telemetry, name, version, "id-1", config, &voice,
	                              &err) == 0,
	              "%s", err.message);
	return voice;
}

/* The text of an attribute of its Resource; NULL when it has none. */
static const char *
attribute(const struct voice *voice, const char *key)
{
	static char text[256];
	size_t n;
	const struct otel_attribute *list = otel_resource_attributes(voice->resource, &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].key, key) == 0) {
			ck_assert_uint_eq(list[i].value.type, OTEL_TYPE_STRING);
			ck_assert_uint_lt(list[i].value.len, sizeof text);
			memcpy(text, list[i].value.string, list[i].value.len);
			text[list[i].value.len] = '\0';
			return text;
		}
	return NULL;
}

START_TEST(a_service_has_the_name_of_its_section)
{
	struct voice *voice;

	setenv("OTEL_SERVICE_NAME", "one-name-for-all", 1);
	setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=another,team.name=orbit", 1);
	start();
	voice = voice_of("gateway", "1.2", &conf.telemetry);
	ck_assert_str_eq(attribute(voice, "service.name"), "gateway");
	ck_assert_str_eq(attribute(voice, "service.version"), "1.2");
	ck_assert_str_eq(attribute(voice, "service.instance.id"), "id-1");
	ck_assert_str_eq(attribute(voice, "team.name"), "orbit");
	ck_assert_str_eq(attribute(voice, "telemetry.sdk.language"), "c");
	ck_assert_str_eq(attribute(telemetry_host_voice(telemetry), "service.name"),
	                 "one-name-for-all");
	voice_unref(voice);
}
END_TEST

START_TEST(the_host_is_called_cupola_unless_told_otherwise)
{
	start();
	ck_assert_str_eq(attribute(telemetry_host_voice(telemetry), "service.name"),
	                 "cupola");
	ck_assert_str_eq(attribute(telemetry_host_voice(telemetry), "service.version"),
	                 PACKAGE_VERSION);
	ck_assert_uint_eq(
		strlen(attribute(telemetry_host_voice(telemetry), "service.instance.id")),
		36);
}
END_TEST

START_TEST(the_environment_wins_over_the_section_resource)
{
	struct voice *voice;

	start();
	voice = voice_of("gateway", "1", &conf.telemetry);
	ck_assert_str_eq(attribute(voice, "deployment.environment.name"), "dev");
	voice_unref(voice);
	telemetry_free(telemetry);
	setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=production", 1);
	start();
	voice = voice_of("gateway", "1", &conf.telemetry);
	ck_assert_str_eq(attribute(voice, "deployment.environment.name"), "production");
	voice_unref(voice);
}
END_TEST

START_TEST(a_service_without_a_version_has_none)
{
	struct voice *voice;

	conf.n_resource = 1;
	start();
	voice = voice_of("gateway", "", &conf.telemetry);
	ck_assert_ptr_null(attribute(voice, "service.version"));
	voice_unref(voice);
}
END_TEST

START_TEST(equal_configurations_share_a_pipeline_and_others_do_not)
{
	struct host_telemetry other = conf.telemetry;
	struct voice *a, *b, *c;

	start();
	other.value[HOST_T_METRICS_INTERVAL] = two_s;
	a = voice_of("a", "1", &conf.telemetry);
	b = voice_of("b", "1", &conf.telemetry);
	c = voice_of("c", "1", &other);
	ck_assert_ptr_eq(a->pipeline, b->pipeline);
	ck_assert_ptr_ne(a->pipeline, c->pipeline);
	voice_unref(a);
	voice_unref(b);
	voice_unref(c);
}
END_TEST

START_TEST(generations_of_one_version_share_a_voice)
{
	struct host_telemetry other = conf.telemetry;
	struct voice *one, *again, *next, *elsewhere;

	start();
	other.value[HOST_T_METRICS_INTERVAL] = two_s;
	one = voice_of("a", "1", &conf.telemetry);
	again = voice_of("a", "1", &conf.telemetry);
	next = voice_of("a", "2", &conf.telemetry);
	elsewhere = voice_of("a", "1", &other);
	ck_assert_ptr_eq(one, again);
	ck_assert_ptr_ne(one, next);
	ck_assert_ptr_ne(one, elsewhere);
	voice_unref(one);
	voice_unref(again);
	voice_unref(next);
	voice_unref(elsewhere);
}
END_TEST

START_TEST(the_file_says_and_the_environment_wins)
{
	struct otel_config config;

	conf.telemetry.value[HOST_T_ENDPOINT] = endpoint;
	conf.telemetry.value[HOST_T_METRICS_INTERVAL] = two_s;
	conf.telemetry.value[HOST_T_TRACES] = console;
	conf.telemetry.value[HOST_T_TRACES_PROCESSOR] = simple;
	telemetry_config(&conf.telemetry, &config);
	ck_assert_int_eq(config.metric_interval_ms, 2000);
	ck_assert_int_eq(config.signal[OTEL_SIGNAL_TRACES].exporter,
	                 OTEL_EXPORTER_CONSOLE);
	ck_assert_int_eq(config.signal[OTEL_SIGNAL_TRACES].processor,
	                 OTEL_PROCESSOR_SIMPLE);
	ck_assert_int_eq(config.signal[OTEL_SIGNAL_LOGS].processor, OTEL_PROCESSOR_BATCH);
	ck_assert_str_eq(config.signal[OTEL_SIGNAL_LOGS].otlp.endpoint, endpoint);
	setenv("OTEL_METRIC_EXPORT_INTERVAL", "1234", 1);
	setenv("OTEL_TRACES_EXPORTER", "none", 1);
	telemetry_config(&conf.telemetry, &config);
	ck_assert_int_eq(config.metric_interval_ms, 1234);
	ck_assert_int_eq(config.signal[OTEL_SIGNAL_TRACES].exporter, OTEL_EXPORTER_NONE);
}
END_TEST

/* Nothing is sent before there is a batch: with less than that of the queue, the rest would be lost. */
START_TEST(one_service_may_always_fill_a_batch)
{
	static char otlp[] = "otlp", nobody[] = "http://127.0.0.1:1";
	struct otel_pipeline_stats stats;
	struct voice *voice;

	setenv("OTEL_BLRP_MAX_QUEUE_SIZE", "8", 1);
	setenv("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "8", 1);
	setenv("OTEL_BLRP_SCHEDULE_DELAY", "3600000", 1);
	conf.telemetry.value[HOST_T_LOGS] = otlp;
	conf.telemetry.value[HOST_T_ENDPOINT] = nobody;
	start();
	voice = voice_of("gateway", "1", &conf.telemetry);
	for (int i = 0; i < 8; i++)
		otel_logger_emit(voice->http_logger,
		                 &(struct otel_log_record){ .severity = OTEL_INFO });
	telemetry_stats(telemetry, OTEL_SIGNAL_LOGS, &stats);
	ck_assert_uint_eq(stats.dropped_queue, 0);
	voice_unref(voice);
}
END_TEST

START_TEST(a_disabled_sdk_gives_handles_that_do_nothing)
{
	struct voice *voice;

	setenv("OTEL_SDK_DISABLED", "true", 1);
	start();
	voice = voice_of("gateway", "1", &conf.telemetry);
	ck_assert_ptr_null(voice_meter(voice, "gateway", "1"));
	ck_assert_ptr_null(voice_tracer(voice, "gateway", "1"));
	voice_tell(voice,
	           &(struct voice_event){ .severity = OTEL_INFO, .event = "loaded" },
	           "nobody hears it");
	voice_tell_crash(voice, NULL);
	voice_unref(voice);
}
END_TEST

static int
read_counter(const struct otel_metric_data *metric, void *arg)
{
	if (strcmp(metric->name, "served") == 0 && metric->n_points == 1)
		*(int64_t *)arg = metric->points[0].integer;
	return 0;
}

START_TEST(counters_go_on_when_their_meter_is_made_again)
{
	struct voice *voice;
	struct otel_meter *meter;
	int64_t value = -1;

	start();
	voice = voice_of("a", "1", &conf.telemetry);
	for (int generation = 0; generation < 3; generation++) {
		meter = voice_meter(voice, "a", "1");
		otel_counter_add(otel_counter_new(meter, "served", "{request}", ""), 5);
		otel_meter_quiet(meter);
		otel_meter_close(meter);
	}
	ck_assert_int_eq(otel_meter_provider_collect(voice->meters, read_counter, &value),
	                 0);
	ck_assert_int_eq(value, 15);
	voice_unref(voice);
}
END_TEST

static void
count_call(struct otel_observation *observation, void *userdata)
{
	++*(int *)userdata;
	otel_observe_int(observation, 1);
}

START_TEST(a_quiet_meter_calls_nobody_and_its_handles_stay)
{
	struct otel_observable *observable;
	struct otel_meter *meter;
	struct voice *voice;
	int64_t value;
	int calls = 0;

	start();
	voice = voice_of("a", "1", &conf.telemetry);
	meter = voice_meter(voice, "a", "1");
	observable = otel_observable_new(meter, OTEL_OBSERVABLE_GAUGE, "g", "", "",
	                                 count_call, &calls);
	ck_assert_int_eq(otel_meter_provider_collect(voice->meters, read_counter, &value),
	                 0);
	ck_assert_int_eq(calls, 1);
	otel_meter_quiet(meter);
	ck_assert_int_eq(otel_meter_provider_collect(voice->meters, read_counter, &value),
	                 0);
	ck_assert_int_eq(calls, 1);
	otel_observable_free(observable);
	otel_meter_close(meter);
	voice_unref(voice);
}
END_TEST

START_TEST(shutting_down_twice_is_harmless)
{
	start();
	telemetry_shutdown(telemetry, 1000);
	telemetry_shutdown(telemetry, 1000);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("telemetry");
	TCase *tcase = tcase_create("telemetry");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, the_file_names_the_propagators);
	tcase_add_test(tcase, a_service_has_the_name_of_its_section);
	tcase_add_test(tcase, the_host_is_called_cupola_unless_told_otherwise);
	tcase_add_test(tcase, the_environment_wins_over_the_section_resource);
	tcase_add_test(tcase, a_service_without_a_version_has_none);
	tcase_add_test(tcase, equal_configurations_share_a_pipeline_and_others_do_not);
	tcase_add_test(tcase, generations_of_one_version_share_a_voice);
	tcase_add_test(tcase, the_file_says_and_the_environment_wins);
	tcase_add_test(tcase, one_service_may_always_fill_a_batch);
	tcase_add_test(tcase, a_disabled_sdk_gives_handles_that_do_nothing);
	tcase_add_test(tcase, counters_go_on_when_their_meter_is_made_again);
	tcase_add_test(tcase, a_quiet_meter_calls_nobody_and_its_handles_stay);
	tcase_add_test(tcase, shutting_down_twice_is_harmless);
	suite_add_tcase(suite, tcase);
	return check_main(suite);
}
