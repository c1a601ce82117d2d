/* SPDX-License-Identifier: Apache-2.0 */
/* What the station's page is told: who is heard and as what, what the host said, how much of everything. */
#include <jansson.h>

#include "../../plugins/station/app.c"
#include "check-main.h"
#include "environment.h"
#include "fake/svc-host.h"
#include "lifecycle.h"

#define ATTRIBUTE(key, value) \
	"{\"key\":\"" key "\",\"value\":{\"stringValue\":\"" value "\"}}"
#define RESOURCE(name, version)                                                                        \
	"\"resource\":{\"attributes\":[" ATTRIBUTE("service.name", name) "," ATTRIBUTE(                \
		"service.version",                                                                     \
		version) "," ATTRIBUTE("service.instance.id",                                          \
	                               "i-1") "," ATTRIBUTE("deployment.environment.name",             \
	                                                    "dev") "," ATTRIBUTE("telemetry.sdk.name", \
	                                                                         "sdk") "]}"
static struct fake_host fake;

static void
start(void)
{
	fake_init(&fake, &svc_plugin);
	fake.host.data_dir = SRCDIR;
	fake.listener = "otlp";
	fake_start(&fake);
}

static void
stop(void)
{
	fake_fini(&fake);
}

static void
post(const char *path, const char *body)
{
	struct svc_header headers[] = { { "Content-Type", "application/json" },
		                        { "Host", "127.0.0.1:4318" } };
	struct fake_request *rq = fake_send(&fake, "POST", path, body, strlen(body),
	                                    headers, 2);

	ck_assert_int_eq(rq->status, 200);
	ck_assert_str_eq(rq->body, "{}");
}

/* A record of now. */
static void
post_log(const char *name, const char *version, const char *event, int severity,
         const char *text)
{
	char body[2048];

	snprintf(
		body, sizeof body,
		"{\"resourceLogs\":[{" RESOURCE(
			"%s",
			"%s") ",\"scopeLogs\":[{\"scope\":{\"name\":\"cupola\"},\"logRecords\":[{\"timeUnixNano\":\"%llu\","
			      "\"severityNumber\":%d,\"eventName\":\"%s\",\"body\":{\"stringValue\":\"%s\"}}]}]}]}",
		name, version, (unsigned long long)station_now(), severity, event, text);
	post("/v1/logs", body);
}

static json_t *
ask(const char *target)
{
	struct fake_request *rq;
	json_t *json;

	fake.listener = "page";
	rq = fake_get(&fake, target);
	fake.listener = "otlp";
	ck_assert_msg(rq->status == 200, "%s: %d %s", target, rq->status, rq->body);
	json = json_loads(rq->body, 0, NULL);
	ck_assert_msg(json != NULL, "%s: no JSON: %s", target, rq->body);
	return json;
}

/* "a.b.0.c" of it, borrowed. */
static json_t *
at(json_t *json, const char *path)
{
	char text[200], *rest = text;

	snprintf(text, sizeof text, "%s", path);
	for (char *part; json && (part = strsep(&rest, "/"));)
		json = json_is_array(json) ? json_array_get(json, (size_t)atoi(part))
		                           : json_object_get(json, part);
	return json;
}

static void
assert_text(json_t *json, const char *path, const char *expected)
{
	const char *found = json_string_value(at(json, path));

	ck_assert_msg(found && !strcmp(found, expected), "%s: expected \"%s\", found %s",
	              path, expected, found ? found : "none");
}

/* ---- services ---- */

START_TEST(a_service_is_known_by_its_lifecycle_record_alone)
{
	json_t *json;

	post_log("iss", "1.0.0", "cupola.service.loaded", 9, "loaded");
	json = ask("/api/services");
	ck_assert_uint_eq(json_array_size(at(json, "services")), 1);
	assert_text(json, "services/0/name", "iss");
	assert_text(json, "services/0/about/service.version", "1.0.0");
	assert_text(json, "services/0/about/deployment.environment.name", "dev");
	assert_text(json, "services/0/about/service.instance.id", "i-1");
	assert_text(json, "services/0/about/telemetry.sdk.name", "sdk");
	ck_assert_ptr_null(at(json, "services/0/about/telemetry.sdk.version"));
	json_decref(json);
}
END_TEST

START_TEST(the_resource_that_came_last_is_the_one_that_counts)
{
	json_t *json;

	post_log("iss", "1.0.0", "cupola.service.loaded", 9, "loaded");
	post_log("iss", "1.1.0", "cupola.service.reloaded", 9, "reloaded");
	json = ask("/api/services");
	assert_text(json, "services/0/about/service.version", "1.1.0");
	json_decref(json);
	post_log("iss", "1.0.0", "cupola.service.reloaded", 9, "and back");
	json = ask("/api/services");
	assert_text(json, "services/0/about/service.version", "1.0.0");
	json_decref(json);

	json = ask("/api/resources?service=iss");
	ck_assert_uint_eq(json_array_size(at(json, "resources")), 2);
	ck_assert_uint_eq(json_array_size(at(json, "resources/0/scopes")), 1);
	assert_text(json, "resources/0/scopes/0/scope/name", "cupola");
	ck_assert_uint_eq(json_array_size(at(json, "resources/0/resource/attributes")),
	                  5);
	ck_assert_int_eq(json_integer_value(at(json, "resources/0/items")) +
	                         json_integer_value(at(json, "resources/1/items")),
	                 3);
	json_decref(json);
	json = ask("/api/resources?service=nobody");
	ck_assert_uint_eq(json_array_size(at(json, "resources")), 0);
	json_decref(json);
}
END_TEST

START_TEST(a_resource_with_two_scopes_is_one_resource)
{
	json_t *json;

	post("/v1/logs",
	     "{\"resourceLogs\":[{" RESOURCE(
		     "iss",
		     "1") ",\"scopeLogs\":["
	                  "{\"scope\":{\"name\":\"a\"},\"logRecords\":[{}]},"
	                  "{\"scope\":{\"name\":\"b\"},\"logRecords\":[{},{}]}]}]}");
	json = ask("/api/resources?service=iss");
	ck_assert_uint_eq(json_array_size(at(json, "resources")), 1);
	ck_assert_uint_eq(json_array_size(at(json, "resources/0/scopes")), 2);
	ck_assert_int_eq(json_integer_value(at(json, "resources/0/items")), 3);
	json_decref(json);
}
END_TEST

/* ---- lifecycle ---- */

START_TEST(lifecycle_records_are_told_up_to_a_bound)
{
	static char many[64 * LIFECYCLE_EVENTS];
	char *p = many +
	          sprintf(many, "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[");
	json_t *json;

	post_log("iss", "1", "cupola.service.loaded", 9, "loaded");
	post_log("iss", "1", "", 9, "an ordinary record");
	post_log("gateway", "1", "cupola.service.crashed", 21, "SIGSEGV");
	json = ask("/api/lifecycle");
	ck_assert_uint_eq(json_array_size(at(json, "events")), 2);
	assert_text(json, "events/0/service", "gateway");
	assert_text(json, "events/0/record/eventName", "cupola.service.crashed");
	assert_text(json, "events/1/record/body/stringValue", "loaded");
	json_decref(json);
	json = ask("/api/lifecycle?service=iss");
	ck_assert_uint_eq(json_array_size(at(json, "events")), 1);
	json_decref(json);
	for (int i = 0; i < LIFECYCLE_EVENTS + 10; i++)
		p += sprintf(p, "%s{\"eventName\":\"cupola.service.reloaded\"}",
		             i ? "," : "");
	strcpy(p, "]}]}]}");
	post("/v1/logs", many);
	json = ask("/api/lifecycle");
	ck_assert_uint_eq(json_array_size(at(json, "events")), LIFECYCLE_EVENTS);
	json_decref(json);
}
END_TEST

START_TEST(forgetting_everything_forgets_the_lifecycle)
{
	struct store *store = store_new(1 << 20);
	struct lifecycle lifecycle = { 0 };
	struct store_service service = { .name = (char[]){ "iss" } };
	struct store_owner owner = { .service = &service };
	otlp_log record;

	opentelemetry__proto__logs__v1__log_record__init(&record);
	record.event_name = (char[]){ "cupola.service.loaded" };
	ck_assert_ptr_null(lifecycle_get(store_lifecycle(store), 0));
	lifecycle_note(&lifecycle, &owner, &record, 5);
	ck_assert_str_eq(lifecycle_get(&lifecycle, 0)->service, "iss");
	ck_assert_ptr_null(lifecycle_get(&lifecycle, 1));
	lifecycle_clear(&lifecycle);
	ck_assert_ptr_null(lifecycle_get(&lifecycle, 0));
	store_free(store);
}
END_TEST

/* ---- logs and metrics ---- */

static int
sum(json_t *list)
{
	int n = 0;

	for (size_t i = 0; i < json_array_size(list); i++)
		n += (int)json_integer_value(json_array_get(list, i));
	return n;
}

START_TEST(log_records_are_counted_by_severity_and_time)
{
	json_t *json;

	post_log("iss", "1", "", 9, "info");
	post_log("iss", "1", "", 10, "info2");
	post_log("iss", "1", "", 13, "warn");
	post_log("gateway", "1", "", 17, "error");
	post_log("gateway", "1", "", 5, "debug");
	json = ask("/api/logs/counts");
	ck_assert_int_eq(sum(at(json, "info")), 2);
	ck_assert_int_eq(sum(at(json, "warn")), 1);
	ck_assert_int_eq(sum(at(json, "error")), 1);
	ck_assert_int_eq(sum(at(json, "debug")), 1);
	ck_assert_uint_eq(json_array_size(at(json, "info")), 61);
	ck_assert_int_eq(json_integer_value(at(json, "slotSeconds")), 15);
	json_decref(json);
	json = ask("/api/logs/counts?service=iss&severity=warn&since=1m");
	ck_assert_int_eq(sum(at(json, "info")), 0);
	ck_assert_int_eq(sum(at(json, "warn")), 1);
	ck_assert_int_eq(sum(at(json, "error")), 0);
	ck_assert_int_eq(json_integer_value(at(json, "slotSeconds")), 1);
	json_decref(json);
	json = ask("/api/logs/counts?since=4102444800"); /* of the future: the default */
	ck_assert_int_eq(sum(at(json, "info")), 2);
	json_decref(json);
}
END_TEST

/* A counter with `n` series, whose attribute `place` has another value in each. */
static void
post_sum(const char *name, int n, int temporality)
{
	char *body = malloc((size_t)n * 200 + 1000), *p = body;

	p += sprintf(
		p,
		"{\"resourceMetrics\":[{" RESOURCE(
			"iss",
			"1") ",\"scopeMetrics\":[{\"metrics\":[{"
			     "\"name\":\"%s\",\"unit\":\"1\",\"sum\":{\"isMonotonic\":true,\"aggregationTemporality\":%d,"
			     "\"dataPoints\":[",
		name, temporality);
	for (int i = 0; i < n; i++)
		p += sprintf(
			p,
			"%s{\"asInt\":\"1\",\"attributes\":[" ATTRIBUTE(
				"method",
				"GET") ",{\"key\":\"place\",\"value\":{\"intValue\":\"%d\"}}]}",
			i ? "," : "", i);
	strcpy(p, "]}}]}]}]}");
	post("/v1/metrics", body);
	free(body);
}

static void
post_counter(const char *name, int n)
{
	post_sum(name, n, 2);
}

START_TEST(a_metric_with_many_series_says_which_attribute_makes_them)
{
	json_t *json;

	post_counter("requests", 3);
	post_counter("places", 80);
	post_counter("places", 120);
	json = ask("/api/metrics?service=iss");
	ck_assert_uint_eq(json_array_size(at(json, "metrics")), 2);
	assert_text(json, "metrics/0/name", "places"); /* the newest first */
	assert_text(json, "metrics/0/type", "sum");
	ck_assert_int_eq(json_integer_value(at(json, "metrics/0/series")), 120);
	assert_text(json, "metrics/0/widest/key", "place");
	ck_assert_int_eq(json_integer_value(at(json, "metrics/0/widest/values")), 120);
	ck_assert_ptr_nonnull(at(json, "metrics/0/everyNano"));
	ck_assert_int_eq(json_integer_value(at(json, "metrics/1/series")), 3);
	ck_assert_ptr_null(at(json, "metrics/1/widest"));
	ck_assert_ptr_null(at(json, "metrics/1/everyNano"));
	json_decref(json);
	json = ask("/api/telemetry/metrics?max_series=60");
	assert_text(json, "resourceMetrics/0/scopeMetrics/0/metrics/0/name", "requests");
	ck_assert_uint_eq(
		json_array_size(at(json, "resourceMetrics/0/scopeMetrics/0/metrics")), 1);
	json_decref(json);
}
END_TEST

static size_t
points_held(const char *target)
{
	struct fake_request *rq;
	size_t n = 0;

	fake.listener = "page";
	rq = fake_get(&fake, target);
	fake.listener = "otlp";
	ck_assert_int_eq(rq->status, 200);
	for (const char *p = rq->body; (p = strstr(p, "\"asInt\"")); p++)
		n++;
	return n;
}

START_TEST(totals_of_the_past_may_be_thinned_and_differences_not)
{
	for (int i = 0; i < 3; i++) {
		post_sum("total", 1, 2);
		post_sum("other", 1, 2);
		post_sum("difference", 1, 1);
	}
	ck_assert_uint_eq(points_held("/api/telemetry/metrics"), 9);
	ck_assert_uint_eq(points_held("/api/telemetry/metrics?every=1h"), 5);
	ck_assert_uint_eq(points_held("/api/telemetry/metrics?every=1h&name=other"), 1);
	ck_assert_uint_eq(points_held("/api/telemetry/metrics?every=0.000001ms"), 9);
	fake.listener = "page";
	ck_assert_int_eq(fake_get(&fake, "/api/telemetry/metrics?every=5")->status, 400);
	ck_assert_int_eq(fake_get(&fake, "/api/telemetry/metrics?every=0s")->status, 400);
}
END_TEST

/* ---- why there is no data ---- */

static const char *const variables[] = {
	"OTEL_SDK_DISABLED",
	"OTEL_EXPORTER_OTLP_ENDPOINT",
	"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
	"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
	"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
	"OTEL_TRACES_EXPORTER",
	"OTEL_METRICS_EXPORTER",
	"OTEL_LOGS_EXPORTER",
};

static void
clear_environment(void)
{
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		unsetenv(variables[i]);
	start();
}

START_TEST(without_a_variable_nothing_is_said)
{
	json_t *json = ask("/api/status");

	ck_assert(json_is_array(at(json, "environment")));
	ck_assert_uint_eq(json_array_size(at(json, "environment")), 0);
	json_decref(json);
}
END_TEST

START_TEST(a_variable_that_sends_elsewhere_is_told_with_its_place)
{
	const char *text;
	json_t *json;

	setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:word@collector:4318/", 1);
	setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://logs:4318/v1/logs", 1);
	setenv("OTEL_METRICS_EXPORTER", "none", 1);
	json = ask("/api/status");
	ck_assert_uint_eq(json_array_size(at(json, "environment")), 3);
	assert_text(json, "environment/0/variable", "OTEL_METRICS_EXPORTER");
	assert_text(json, "environment/0/effect", "off");
	assert_text(json, "environment/1/variable", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT");
	assert_text(json, "environment/2/variable", "OTEL_EXPORTER_OTLP_ENDPOINT");
	assert_text(json, "environment/2/value", "http://collector:4318/");
	assert_text(json, "environment/2/effect", "elsewhere");
	ck_assert_uint_eq(json_array_size(at(json, "environment/2/signals")), 1);
	assert_text(json, "environment/2/signals/0", "traces");
	text = json_string_value(at(json, "environment/2/text"));
	ck_assert_ptr_nonnull(
		strstr(text, "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318/"));
	ck_assert_ptr_nonnull(
		strstr(text, "wins over host.conf: the traces of every service"));
	ck_assert_ptr_null(strstr(text, "word"));
	json_decref(json);
}
END_TEST

START_TEST(a_variable_that_leads_here_is_no_reason)
{
	json_t *json;

	setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318", 1);
	json = ask("/api/status");
	assert_text(json, "environment/0/effect",
	            "elsewhere"); /* as far as is known yet */
	json_decref(json);
	post_log("iss", "1", "", 9, "it arrives by that address");
	json = ask("/api/status");
	assert_text(json, "environment/0/effect", "here");
	json_decref(json);
}
END_TEST

START_TEST(a_disabled_sdk_is_the_only_reason_that_is_told)
{
	json_t *json;

	setenv("OTEL_SDK_DISABLED", "TRUE", 1);
	setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318", 1);
	json = ask("/api/status");
	ck_assert_uint_eq(json_array_size(at(json, "environment")), 1);
	assert_text(json, "environment/0/variable", "OTEL_SDK_DISABLED");
	ck_assert_uint_eq(json_array_size(at(json, "environment/0/signals")), 3);
	json_decref(json);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("station-views");
	TCase *tc = tcase_create("services");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, a_service_is_known_by_its_lifecycle_record_alone);
	tcase_add_test(tc, the_resource_that_came_last_is_the_one_that_counts);
	tcase_add_test(tc, a_resource_with_two_scopes_is_one_resource);
	suite_add_tcase(s, tc);
	tc = tcase_create("lifecycle");
	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, lifecycle_records_are_told_up_to_a_bound);
	tcase_add_test(tc, forgetting_everything_forgets_the_lifecycle);
	suite_add_tcase(s, tc);
	tc = tcase_create("signals");
	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, log_records_are_counted_by_severity_and_time);
	tcase_add_test(tc, a_metric_with_many_series_says_which_attribute_makes_them);
	tcase_add_test(tc, totals_of_the_past_may_be_thinned_and_differences_not);
	suite_add_tcase(s, tc);
	tc = tcase_create("environment");
	tcase_add_checked_fixture(tc, clear_environment, stop);
	tcase_add_test(tc, without_a_variable_nothing_is_said);
	tcase_add_test(tc, a_variable_that_sends_elsewhere_is_told_with_its_place);
	tcase_add_test(tc, a_variable_that_leads_here_is_no_reason);
	tcase_add_test(tc, a_disabled_sdk_is_the_only_reason_that_is_told);
	suite_add_tcase(s, tc);
	return check_main(s);
}
