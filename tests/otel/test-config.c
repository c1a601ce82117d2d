/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check-main.h"
#include "otlp_priv.h"
#include "pipeline_priv.h"

static struct otel_config config;
static struct otel_error err;
static char diagnostics[4096];

static void
keep_diagnostics(int level, const char *message, void *userdata)
{
	strncat(diagnostics, message, sizeof diagnostics - strlen(diagnostics) - 2);
	strcat(diagnostics, "\n");
}

static void
setup(void)
{
	otel_set_diagnostics(keep_diagnostics, NULL);
	otel_config_init(&config);
	err = (struct otel_error)OTEL_ERROR_INIT;
	*diagnostics = '\0';
}

static int
set(const char *variable, const char *value)
{
	err = (struct otel_error)OTEL_ERROR_INIT;
	return otel_config_set(&config, variable, value, &err);
}

#define ck_set(variable, value) \
	ck_assert_msg(set(variable, value) == 0, "%s", err.message)
#define ck_refused(variable, value, message_)                    \
	do {                                                     \
		ck_assert_int_eq(set(variable, value), -EINVAL); \
		ck_assert_str_eq(err.message, message_);         \
	} while (0)

START_TEST(defaults_are_the_specification_s)
{
	const struct otel_signal_config *traces = &config.signal[OTEL_SIGNAL_TRACES];

	ck_assert(!config.disabled);
	ck_assert_int_eq(traces->exporter, OTEL_EXPORTER_OTLP);
	ck_assert_int_eq(traces->otlp.protocol, OTEL_PROTOCOL_HTTP_PROTOBUF);
	ck_assert_int_eq(traces->otlp.timeout_ms, 10000);
	ck_assert_int_eq(traces->processor, OTEL_PROCESSOR_BATCH);
	ck_assert_int_eq(traces->schedule_delay_ms, 5000);
	ck_assert_int_eq(config.signal[OTEL_SIGNAL_LOGS].schedule_delay_ms, 1000);
	ck_assert_int_eq(traces->export_timeout_ms, 30000);
	ck_assert_int_eq(traces->max_queue, 2048);
	ck_assert_int_eq(traces->max_batch, 512);
	ck_assert_int_eq(config.metric_interval_ms, 60000);
	ck_assert_int_eq(config.metric_timeout_ms, 30000);
	ck_assert_int_eq(config.limits.attribute_count, 128);
	ck_assert_int_eq(config.limits.attribute_value_length, -1);
	ck_assert_int_eq(config.temporality, OTEL_TEMPORALITY_CUMULATIVE);
}
END_TEST

START_TEST(a_name_that_is_not_ours_is_told)
{
	ck_assert_int_eq(set("OTEL_PYTHON_LOG_LEVEL", "x"), OTEL_CONFIG_UNKNOWN);
	ck_assert_int_eq(set("OTEL_BSP_SCHEDULE_DELA", "1"), OTEL_CONFIG_UNKNOWN);
}
END_TEST

START_TEST(an_empty_value_changes_nothing)
{
	ck_set("OTEL_BSP_SCHEDULE_DELAY", "7");
	ck_set("OTEL_BSP_SCHEDULE_DELAY", "");
	ck_set("OTEL_BSP_SCHEDULE_DELAY", "  ");
	ck_assert_int_eq(config.signal[OTEL_SIGNAL_TRACES].schedule_delay_ms, 7);
}
END_TEST

START_TEST(booleans_are_true_in_any_case_and_nothing_else_is)
{
	ck_set("OTEL_SDK_DISABLED", "TrUe");
	ck_assert(config.disabled);
	ck_set("OTEL_SDK_DISABLED", "FALSE");
	ck_assert(!config.disabled);
	ck_set("OTEL_SDK_DISABLED", "true");
	ck_refused("OTEL_SDK_DISABLED", "1",
	           "OTEL_SDK_DISABLED: \"1\" is not true or false, and counts as false");
	ck_assert(!config.disabled);
}
END_TEST

START_TEST(choices_are_taken_in_any_case)
{
	ck_set("OTEL_EXPORTER_OTLP_PROTOCOL", "GRPC");
	for (int i = 0; i < OTEL_N_SIGNALS; i++)
		ck_assert_int_eq(config.signal[i].otlp.protocol, OTEL_PROTOCOL_GRPC);
	ck_set("OTEL_TRACES_EXPORTER", "Console");
	ck_assert_int_eq(config.signal[OTEL_SIGNAL_TRACES].exporter,
	                 OTEL_EXPORTER_CONSOLE);
	ck_assert_int_eq(config.signal[OTEL_SIGNAL_LOGS].exporter, OTEL_EXPORTER_OTLP);
	ck_set("OTEL_TRACES_SAMPLER", "ParentBased_TraceIdRatio");
	ck_assert_int_eq(config.sampler.kind, OTEL_SAMPLER_PARENTBASED_TRACEIDRATIO);
	ck_set("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "DELTA");
	ck_assert_int_eq(config.temporality, OTEL_TEMPORALITY_DELTA);
}
END_TEST

START_TEST(an_unknown_choice_is_refused_and_names_the_known_ones)
{
	ck_refused("OTEL_TRACES_EXPORTER", "zipkin",
	           "OTEL_TRACES_EXPORTER: \"zipkin\" is not otlp, console or none");
	ck_assert_int_eq(config.signal[OTEL_SIGNAL_TRACES].exporter, OTEL_EXPORTER_OTLP);
	ck_refused("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd",
	           "OTEL_EXPORTER_OTLP_COMPRESSION: \"zstd\" is not none or gzip");
}
END_TEST

START_TEST(numbers_are_whole_and_in_range)
{
	ck_set("OTEL_BLRP_MAX_QUEUE_SIZE", " 17 ");
	ck_assert_int_eq(config.signal[OTEL_SIGNAL_LOGS].max_queue, 17);
	ck_refused("OTEL_BSP_MAX_QUEUE_SIZE", "0",
	           "OTEL_BSP_MAX_QUEUE_SIZE: \"0\" is not a whole number above 0");
	ck_refused("OTEL_BSP_EXPORT_TIMEOUT", "-1",
	           "OTEL_BSP_EXPORT_TIMEOUT: \"-1\" is not a whole number from 0");
	ck_assert_int_eq(set("OTEL_BSP_EXPORT_TIMEOUT", "5s"), -EINVAL);
	ck_assert_int_eq(set("OTEL_BSP_EXPORT_TIMEOUT", "99999999999999999999"), -EINVAL);
	ck_assert_int_eq(set("OTEL_BSP_EXPORT_TIMEOUT", "2147483648"), -EINVAL);
	ck_assert_int_eq(config.signal[OTEL_SIGNAL_TRACES].export_timeout_ms, 30000);
	ck_set("OTEL_BSP_EXPORT_TIMEOUT", "0");
	ck_assert_int_eq(config.signal[OTEL_SIGNAL_TRACES].export_timeout_ms, 0);
}
END_TEST

START_TEST(a_ratio_is_from_0_to_1)
{
	ck_set("OTEL_TRACES_SAMPLER_ARG", "0.25");
	ck_assert_double_eq(config.sampler.ratio, 0.25);
	ck_assert_int_eq(set("OTEL_TRACES_SAMPLER_ARG", "1.5"), -EINVAL);
	ck_assert_int_eq(set("OTEL_TRACES_SAMPLER_ARG", "nan"), -EINVAL);
	ck_assert_int_eq(set("OTEL_TRACES_SAMPLER_ARG", "0,5"), -EINVAL);
	ck_assert_double_eq(config.sampler.ratio, 0.25);
}
END_TEST

START_TEST(general_limits_set_those_of_spans_and_of_log_records)
{
	ck_set("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "10");
	ck_set("OTEL_ATTRIBUTE_COUNT_LIMIT", "5");
	ck_set("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "6");
	ck_assert_int_eq(config.limits.attribute_value_length, 10);
	ck_assert_int_eq(config.limits.log_attribute_value_length, 10);
	ck_assert_int_eq(config.limits.attribute_count, 6);
	ck_assert_int_eq(config.limits.log_attribute_count, 5);
	ck_set("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "3");
	ck_assert_int_eq(config.limits.event_attributes, 3);
	ck_assert_int_eq(config.limits.link_attributes, 128);
}
END_TEST

START_TEST(a_signal_s_own_variable_wins_in_the_environment)
{
	setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1", 1);
	setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2", 1);
	setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://logs:1/x", 1);
	setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:2", 1);
	setenv("OTEL_EXPORTER_OTLP_INSECURE", "true", 1);
	setenv("OTEL_EXPORTER_OTLP_SPAN_INSECURE", "false", 1);
	otel_config_from_env(&config);
	ck_assert_int_eq(config.signal[OTEL_SIGNAL_TRACES].otlp.timeout_ms, 1);
	ck_assert_int_eq(config.signal[OTEL_SIGNAL_METRICS].otlp.timeout_ms, 2);
	ck_assert_str_eq(config.signal[OTEL_SIGNAL_LOGS].otlp.endpoint,
	                 "http://logs:1/x");
	ck_assert(config.signal[OTEL_SIGNAL_LOGS].otlp.endpoint_is_signal);
	ck_assert_str_eq(config.signal[OTEL_SIGNAL_TRACES].otlp.endpoint, "http://all:2");
	ck_assert(!config.signal[OTEL_SIGNAL_TRACES].otlp.endpoint_is_signal);
	ck_assert(!config.signal[OTEL_SIGNAL_TRACES].otlp.insecure);
	ck_assert(config.signal[OTEL_SIGNAL_METRICS].otlp.insecure);
	ck_assert_str_eq(diagnostics, "");
}
END_TEST

START_TEST(a_mistake_in_the_environment_is_told_and_ignored)
{
	setenv("OTEL_BSP_SCHEDULE_DELAY", "soon", 1);
	setenv("OTEL_BSP_MAX_QUEUE_SIZE", "99", 1);
	setenv("OTEL_CONFIG_FILE", "x.yaml", 1);
	otel_config_from_env(&config);
	ck_assert_int_eq(config.signal[OTEL_SIGNAL_TRACES].schedule_delay_ms, 5000);
	ck_assert_int_eq(config.signal[OTEL_SIGNAL_TRACES].max_queue, 99);
	ck_assert_str_eq(
		diagnostics,
		"environment: OTEL_CONFIG_FILE: configuration files are not read; the other "
		"variables apply\n"
		"environment: OTEL_BSP_SCHEDULE_DELAY: \"soon\" is not a whole number from 0\n");
}
END_TEST

/* It would keep the pipeline, and so all of telemetry, from starting. */
START_TEST(a_queue_past_reason_is_refused)
{
	ck_set("OTEL_BSP_MAX_QUEUE_SIZE", "16777216");
	ck_refused(
		"OTEL_BSP_MAX_QUEUE_SIZE", "16777217",
		"OTEL_BSP_MAX_QUEUE_SIZE: \"16777217\" is not a whole number up to 16777216");
	ck_assert_int_eq(config.signal[OTEL_SIGNAL_TRACES].max_queue, 16777216);
}
END_TEST

START_TEST(a_text_that_does_not_fit_is_refused)
{
	char text[600];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	ck_refused("OTEL_EXPORTER_OTLP_ENDPOINT", text,
	           "OTEL_EXPORTER_OTLP_ENDPOINT: 599 bytes, at most 511 are taken");
	ck_assert_str_eq(config.signal[0].otlp.endpoint, "");
	text[511] = '\0';
	ck_set("OTEL_EXPORTER_OTLP_ENDPOINT", text);
	ck_assert_str_eq(config.signal[2].otlp.endpoint, text);
}
END_TEST

/* ---- URLs ---- */

static const struct url_case {
	int protocol;
	const char *endpoint;
	bool is_signal, insecure;
	const char *url; /* NULL: refused */
	bool loopback;
} url_cases[] = {
	{ OTEL_PROTOCOL_HTTP_PROTOBUF, "", false, false, "http://localhost:4318/v1/logs",
	  true },
	{ OTEL_PROTOCOL_HTTP_PROTOBUF, "http://a", false, false, "http://a/v1/logs",
	  false },
	{ OTEL_PROTOCOL_HTTP_PROTOBUF, "http://a/", false, false, "http://a/v1/logs",
	  false },
	{ OTEL_PROTOCOL_HTTP_PROTOBUF, "HTTP://a:8/b", false, false,
	  "HTTP://a:8/b/v1/logs", false },
	{ OTEL_PROTOCOL_HTTP_PROTOBUF, "https://a/b/", false, false,
	  "https://a/b/v1/logs", false },
	{ OTEL_PROTOCOL_HTTP_JSON, "https://127.0.0.2:1", false, false,
	  "https://127.0.0.2:1/v1/logs", true },
	{ OTEL_PROTOCOL_HTTP_PROTOBUF, "http://a:1", true, false, "http://a:1/", false },
	{ OTEL_PROTOCOL_HTTP_PROTOBUF, "http://[::1]:1/v1/logs", true, false,
	  "http://[::1]:1/v1/logs", true },
	{ OTEL_PROTOCOL_HTTP_PROTOBUF, "http://a?x=1", true, false, "http://a/?x=1",
	  false },
	{ OTEL_PROTOCOL_HTTP_PROTOBUF, "http://a/b?x=1", true, false, "http://a/b?x=1",
	  false },
	{ OTEL_PROTOCOL_HTTP_PROTOBUF, "http://a/b?x=1", false, false, NULL, false },
	{ OTEL_PROTOCOL_HTTP_PROTOBUF, "a:4318", false, false, NULL, false },
	{ OTEL_PROTOCOL_HTTP_PROTOBUF, "ftp://a", true, false, NULL, false },
	{ OTEL_PROTOCOL_HTTP_PROTOBUF, "http://", false, false, NULL, false },
	{ OTEL_PROTOCOL_HTTP_PROTOBUF, "http://a:99999", false, false, NULL, false },
	{ OTEL_PROTOCOL_HTTP_PROTOBUF, "http://a b", false, false, NULL, false },
#define METHOD "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
	{ OTEL_PROTOCOL_GRPC, "", false, false, "http://localhost:4317" METHOD, true },
	{ OTEL_PROTOCOL_GRPC, "http://a:1", false, false, "http://a:1" METHOD, false },
	{ OTEL_PROTOCOL_GRPC, "https://a:1/", true, true, "https://a:1" METHOD, false },
	{ OTEL_PROTOCOL_GRPC, "http://a:1/path?q", false, false, "http://a:1" METHOD,
	  false },
	{ OTEL_PROTOCOL_GRPC, "a:1", false, false, "https://a:1" METHOD, false },
	{ OTEL_PROTOCOL_GRPC, "localhost:1", false, true, "http://localhost:1" METHOD,
	  true },
};

START_TEST(an_endpoint_becomes_a_url_by_the_rules)
{
	const struct url_case *c = &url_cases[_i];
	struct otel_otlp_config otlp = { .protocol = c->protocol,
		                         .endpoint_is_signal = c->is_signal,
		                         .insecure = c->insecure };
	bool loopback = false;
	char url[700];
	int r;

	strcpy(otlp.endpoint, c->endpoint);
	r = otelp_otlp_url(&otlp, OTEL_SIGNAL_LOGS, url, sizeof url, &loopback, &err);
	if (!c->url) {
		ck_assert_int_eq(r, -EINVAL);
		ck_assert_ptr_nonnull(strstr(err.message, c->endpoint));
		return;
	}
	ck_assert_msg(r == 0, "%s", err.message);
	ck_assert_str_eq(url, c->url);
	ck_assert_int_eq(loopback, c->loopback);
}
END_TEST

/* ---- headers ---- */

static char seen[500];

static int
see(const char *name, const char *value, void *userdata)
{
	sprintf(seen + strlen(seen), "[%s: %s]", name, value);
	return 0;
}

static const struct header_case {
	const char *text, *seen;
} header_cases[] = {
	{ "a=1", "[a: 1]" },
	{ " Api-Key = secret , b=2", "[api-key: secret][b: 2]" },
	{ "authorization=Basic%20dTpw%3D%3D", "[authorization: Basic dTpw==]" },
	{ "a=b=c,", "[a: b=c]" },
	{ "a=,b=%zz", "[a: ][b: %zz]" },
	{ ",,a=1", "[a: 1]" },
	{ "a", NULL },
	{ "=1", NULL },
	{ "a b=1", NULL },
	{ "a=1%0d%0aInjected: 2", NULL },
	{ "a=1%00", NULL },
};

START_TEST(headers_are_read_as_the_specification_has_them)
{
	const struct header_case *c = &header_cases[_i];
	int r;

	*seen = '\0';
	r = otelp_otlp_headers_each(c->text, see, NULL, &err);
	ck_assert_int_eq(r, c->seen ? 0 : -EINVAL);
	ck_assert_int_eq(otelp_otlp_headers_check(c->text, NULL), r);
	if (c->seen)
		ck_assert_str_eq(seen, c->seen);
	else
		ck_assert_str_ne(err.message, "");
}
END_TEST

#define N(array) ((int)(sizeof(array) / sizeof *(array)))

int
main(void)
{
	Suite *suite = suite_create("config");
	TCase *values = tcase_create("values"), *env = tcase_create("env"),
	      *url = tcase_create("url");

	tcase_add_checked_fixture(values, setup, NULL);
	tcase_add_test(values, defaults_are_the_specification_s);
	tcase_add_test(values, a_name_that_is_not_ours_is_told);
	tcase_add_test(values, an_empty_value_changes_nothing);
	tcase_add_test(values, booleans_are_true_in_any_case_and_nothing_else_is);
	tcase_add_test(values, choices_are_taken_in_any_case);
	tcase_add_test(values, an_unknown_choice_is_refused_and_names_the_known_ones);
	tcase_add_test(values, numbers_are_whole_and_in_range);
	tcase_add_test(values, a_ratio_is_from_0_to_1);
	tcase_add_test(values, general_limits_set_those_of_spans_and_of_log_records);
	tcase_add_test(values, a_queue_past_reason_is_refused);
	tcase_add_test(values, a_text_that_does_not_fit_is_refused);
	suite_add_tcase(suite, values);
	tcase_add_checked_fixture(env, setup, NULL);
	tcase_add_test(env, a_signal_s_own_variable_wins_in_the_environment);
	tcase_add_test(env, a_mistake_in_the_environment_is_told_and_ignored);
	suite_add_tcase(suite, env);
	tcase_add_checked_fixture(url, setup, NULL);
	tcase_add_loop_test(url, an_endpoint_becomes_a_url_by_the_rules, 0, N(url_cases));
	tcase_add_loop_test(url, headers_are_read_as_the_specification_has_them, 0,
	                    N(header_cases));
	suite_add_tcase(suite, url);
	return check_main(suite);
}
