/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/plugins/check-fixture.h - a store that is filled with OTLP/JSON, and assertions held against it.
 *
 *	arrived("gateway", STORE_SPANS, SPAN("a", "GET /", "1", "", ""));
 *	ck_assert_str_eq(judge("{\"select\": ...}"), "pass");
 *
 * SINGLE quotes stand for double ones in assertions, so that they can be read.
 */
#ifndef TESTS_CHECK_FIXTURE_H
#define TESTS_CHECK_FIXTURE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "check-judge.h"
#include "check-miss.h"
#include "otlp-json.h"
#include "otlp.h"

#define SECOND UINT64_C(1000000000)

static struct store *store;
static struct check_file *file;
static struct check_judge judge_of;
static char said[4096];
static uint64_t since, begun_unix_ns;
static bool driven;

static void
setup(void)
{
	store = store_new(64 << 20);
	since = begun_unix_ns = 0;
	driven = false;
}

static void
teardown(void)
{
	store_free(store);
}

/* The text with ' for ". */
static char *
quoted(const char *text)
{
	char *out = strdup(text);

	for (char *c = out; *c; c++)
		if (*c == '\'')
			*c = '"';
	return out;
}

static const ProtobufCMessageDescriptor *
request_of(int signal)
{
	return signal == STORE_SPANS  ? &otlp_traces_descriptor
	       : signal == STORE_LOGS ? &otlp_logs_descriptor
	                              : &otlp_metrics_descriptor;
}

/* One item, in JSON with ' for ", of a service with more attributes of its Resource. */
static void
arrived_from(const char *service, const char *resource, int signal, const char *item)
{
	static const char *const names[][3] = {
		{ "resourceSpans", "scopeSpans", "spans" },
		{ "resourceLogs", "scopeLogs", "logRecords" },
		{ "resourceMetrics", "scopeMetrics", "metrics" },
	};
	struct otel_error err = OTEL_ERROR_INIT;
	ProtobufCMessage *message = NULL;
	uint64_t rejected;
	char *text, *json;
	json_t *parsed;

	ck_assert_int_ge(
		asprintf(&text,
	                 "{'%s':[{'resource':{'attributes':[%s%s%s%s%s]},'%s':[{'scope':{"
	                 "'name':'lib','version':'1.0'},'%s':[%s]}]}]}",
	                 names[signal][0],
	                 *service ? "{'key':'service.name','value':{'stringValue':'" : "",
	                 service, *service ? "'}}" : "", *service && *resource ? "," : "",
	                 resource, names[signal][1], names[signal][2], item),
		0);
	json = quoted(text);
	parsed = json_loads(json, 0, NULL);
	ck_assert_msg(parsed != NULL, "no JSON: %s", json);
	ck_assert_int_eq(otlp_json_read(request_of(signal), parsed, &message, &err), 0);
	ck_assert_int_eq(store_add(store, signal, message, 5 * SECOND, &rejected, &err),
	                 1);
	protobuf_c_message_free_unpacked(message, NULL);
	json_decref(parsed);
	free(json);
	free(text);
}

static inline void
arrived(const char *service, int signal, const char *item)
{
	arrived_from(service, "", signal, item);
}

/* A trace is a letter, a span a digit. */
#define SPAN_FULL(trace, name, id, parent, start, end, more)                           \
	"{'traceId':'0000000000000000000000000000000" trace                            \
	"','spanId':'000000000000000" id "','parentSpanId':'" parent "','name':'" name \
	"','startTimeUnixNano':'" start "','endTimeUnixNano':'" end "'" more "}"
#define PARENT(id) "000000000000000" id
#define SPAN(trace, name, id, parent, more) \
	SPAN_FULL(trace, name, id, parent, "1000000000", "1005000000", more)
#define ATTRIBUTES(list)    ",'attributes':[" list "]"
#define STRING(key, value)  "{'key':'" key "','value':{'stringValue':'" value "'}}"
#define INTEGER(key, value) "{'key':'" key "','value':{'intValue':'" value "'}}"
#define DOUBLE(key, value)  "{'key':'" key "','value':{'doubleValue':" value "}}"
#define BOOLEAN(key, value) "{'key':'" key "','value':{'boolValue':" value "}}"
#define LOG(severity, body, more)                                 \
	"{'timeUnixNano':'1002000000','severityNumber':" severity \
	",'body':{'stringValue':'" body "'}" more "}"
#define IN_SPAN(trace, id)                                       \
	",'traceId':'0000000000000000000000000000000" trace "'," \
	"'spanId':'000000000000000" id "'"

/* A counter's report: value, start and time in seconds. */
static inline void
counted(const char *service, const char *metric, const char *attributes, int value,
        int start, int time)
{
	char text[1024];

	snprintf(
		text, sizeof text,
		"{'name':'%s','unit':'{request}','description':'How many.','sum':{"
		"'aggregationTemporality':2,'isMonotonic':true,'dataPoints':[{"
		"'startTimeUnixNano':'%d000000000','timeUnixNano':'%d000000000','asInt':'%d',"
		"'attributes':[%s]}]}}",
		metric, start, time, value, attributes);
	arrived(service, STORE_METRICS, text);
}

/* Reads a whole file. "" when it is right; else its mistakes, "PATH: MESSAGE" each, with newlines between. */
static const char *
read_file(const char *text)
{
	char *json = quoted(text);
	json_t *mistakes = NULL, *mistake;
	size_t i, len = 0;
	int r = check_file_read(json, strlen(json), &file, &mistakes);

	*said = '\0';
	json_array_foreach(mistakes, i, mistake) len += (size_t)snprintf(
		said + len, sizeof said - len, "%s%s%s%s", i ? "\n" : "",
		json_string_value(json_object_get(mistake, "path")),
		*json_string_value(json_object_get(mistake, "path")) ? ": " : "",
		json_string_value(json_object_get(mistake, "message")));
	ck_assert_int_eq(r, mistakes ? -EINVAL : 0);
	json_decref(mistakes);
	free(json);
	return said;
}

/* Begins to judge a file of one assertion, given without its id. */
static inline void
begin(const char *assertion)
{
	char *text;
	const char *mistakes;

	ck_assert_int_ge(asprintf(&text, "{'expect':[{'id':'x',%s]}", assertion + 1), 0);
	mistakes = read_file(text);
	ck_assert_str_eq(mistakes, "");
	file->since = since;
	file->driven = driven;
	ck_assert_int_eq(check_judge_init(&judge_of, file, store, 0, begun_unix_ns), 0);
	free(text);
}

static inline enum check_state_kind
evaluate(uint64_t now_ns)
{
	ck_assert_int_eq(check_judge_evaluate(&judge_of, now_ns), 0);
	return judge_of.states[0].kind;
}

static inline void
end(void)
{
	check_judge_fini(&judge_of);
	check_file_free(file);
	file = NULL;
}

/* "pass", or the sentence that says why not. */
static inline const char *
judge(const char *assertion)
{
	struct buf miss = { 0 };
	enum check_state_kind kind;

	begin(assertion);
	kind = evaluate(0);
	snprintf(said, sizeof said, "pass");
	if (kind == CHECK_FAILED || kind == CHECK_FAILING) {
		ck_assert_int_eq(check_miss_write(&judge_of, 0, &miss), 0);
		snprintf(said, sizeof said, "%s", miss.data);
		buf_fini(&miss);
	}
	end();
	return said;
}

#define assert_pass(assertion)           ck_assert_str_eq(judge(assertion), "pass")
#define assert_miss(assertion, sentence) ck_assert_str_eq(judge(assertion), sentence)

#endif
