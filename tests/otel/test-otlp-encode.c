/* SPDX-License-Identifier: Apache-2.0 */
/* What the encoders write, read by the decoder that protoc-c generates from the schema, and by jansson. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check-main.h"
#include "logs_service.pb-c.h"
#include "metrics_service.pb-c.h"
#include "oom.h"
#include "otlp_priv.h"
#include "pipeline_priv.h"
#include "trace_service.pb-c.h"

typedef Opentelemetry__Proto__Common__V1__KeyValue KeyValue;
typedef Opentelemetry__Proto__Common__V1__AnyValue AnyValue;
typedef Opentelemetry__Proto__Trace__V1__Span Span;
typedef Opentelemetry__Proto__Trace__V1__ResourceSpans ResourceSpans;
typedef Opentelemetry__Proto__Logs__V1__LogRecord LogRecord;
typedef Opentelemetry__Proto__Metrics__V1__Metric Metric;
typedef Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceRequest
	TraceRequest;
typedef Opentelemetry__Proto__Collector__Logs__V1__ExportLogsServiceRequest LogsRequest;
typedef Opentelemetry__Proto__Collector__Metrics__V1__ExportMetricsServiceRequest
	MetricsRequest;

#define ANY(name) OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_##name
#define trace_unpack(n, bytes)                                                            \
	opentelemetry__proto__collector__trace__v1__export_trace_service_request__unpack( \
		NULL, n, bytes)
#define trace_size \
	opentelemetry__proto__collector__trace__v1__export_trace_service_request__get_packed_size
#define logs_unpack(n, bytes)                                                           \
	opentelemetry__proto__collector__logs__v1__export_logs_service_request__unpack( \
		NULL, n, bytes)
#define metrics_unpack(n, bytes)                                                              \
	opentelemetry__proto__collector__metrics__v1__export_metrics_service_request__unpack( \
		NULL, n, bytes)

static struct otelp_encoder encoder;
static struct otel_resource *resources[3];
static struct otel_scope_data scopes[2] = {
	{ .name = "scope.a", .version = "1.2", .schema_url = "https://scope/1" },
	{ .name = "scope.b", .version = "", .schema_url = "" },
};

static void
setup(void)
{
	static const struct otel_attribute scope_attributes[] = {
		{ "scope.key", { OTEL_TYPE_BOOL, 0, { NULL } } }
	};

	scopes[0].attributes = scope_attributes;
	scopes[0].n_attributes = 1;
	for (int i = 0; i < 3; i++) {
		char name[20];
		struct otel_attribute service[1];

		snprintf(name, sizeof name, "service-%d", i);
		service[0] = OTEL_STR("service.name", name);
		ck_assert_int_eq(otel_resource_new(service, 1,
		                                   i ? NULL : "https://resource/1",
		                                   &resources[i], NULL),
		                 0);
	}
}

static void
teardown(void)
{
	otelp_encoder_fini(&encoder);
	for (int i = 0; i < 3; i++)
		otel_resource_unref(resources[i]);
}

static void
fill(uint8_t *id, size_t len, uint8_t first)
{
	for (size_t i = 0; i < len; i++)
		id[i] = (uint8_t)(first + i);
}

static struct otel_span_data
small_span(int resource, int scope, const char *name)
{
	struct otel_span_data span = {
		.resource = resources[resource],
		.scope = &scopes[scope],
		.kind = OTEL_SPAN_KIND_SERVER,
		.name = name,
		.status_message = "",
		.start_unix_ns = 1000,
		.end_unix_ns = 2000,
	};

	fill(span.context.trace_id, 16, 1);
	fill(span.context.span_id, 8, 0x21);
	return span;
}

static int
encode_spans(const struct otel_span_data *const *spans, size_t n)
{
	return otelp_encode(&encoder, OTEL_SIGNAL_TRACES,
	                    &(struct otelp_items){ spans, true, sizeof *spans, n });
}

static TraceRequest *
round_trip(const struct otel_span_data *const *spans, size_t n)
{
	TraceRequest *request;
	const uint8_t *bytes;
	size_t len;

	ck_assert_int_eq(encode_spans(spans, n), 0);
	bytes = otelp_encoder_bytes(&encoder, &len);
	request = trace_unpack(len, bytes);
	ck_assert_ptr_nonnull(request);
	ck_assert_uint_eq(trace_size(request),
	                  len); /* no byte too many: nothing unknown, nothing twice */
	return request;
}

#define free_trace(request)                                                                      \
	opentelemetry__proto__collector__trace__v1__export_trace_service_request__free_unpacked( \
		request, NULL)

static const AnyValue *
attribute(KeyValue *const *attributes, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(attributes[i]->key, key) == 0)
			return attributes[i]->value;
	ck_abort_msg("no attribute %s", key);
	return NULL;
}

#define ck_id(field, first, len_)                                              \
	do {                                                                   \
		ck_assert_uint_eq((field).len, len_);                          \
		ck_assert_uint_eq((field).data[0], first);                     \
		ck_assert_uint_eq((field).data[(len_)-1], (first) + (len_)-1); \
	} while (0)

START_TEST(a_span_arrives_with_every_field)
{
	struct otel_attribute attributes[] = { OTEL_STR("a", "1"), OTEL_INT("b", -2) };
	struct otel_attribute inner[] = { OTEL_DOUBLE("c", 0.5) };
	struct otel_event_data events[] = { { 1500, "first", inner, 1, 3 },
		                            { 1600, "second", NULL, 0, 0 } };
	struct otel_link_data links[] = {
		{ .attributes = inner, .n_attributes = 1, .dropped_attributes = 4 }
	};
	struct otel_span_data span = small_span(0, 0, "a name");
	const struct otel_span_data *spans[] = { &span };
	TraceRequest *request;
	ResourceSpans *rs;
	Span *s;

	span.context.flags = 1;
	span.context.trace_state = "k=v";
	span.parent_remote = true;
	fill(span.parent_span_id, 8, 0x31);
	span.status = OTEL_STATUS_ERROR;
	span.status_message = "broken";
	span.attributes = attributes;
	span.n_attributes = 2;
	span.dropped_attributes = 5;
	span.events = events;
	span.n_events = 2;
	span.dropped_events = 6;
	fill(links[0].context.trace_id, 16, 0x41);
	fill(links[0].context.span_id, 8, 0x61);
	links[0].context.trace_state = "l=w";
	links[0].context.flags = 1;
	span.links = links;
	span.n_links = 1;
	span.dropped_links = 300;

	request = round_trip(spans, 1);
	ck_assert_uint_eq(request->n_resource_spans, 1);
	rs = request->resource_spans[0];
	ck_assert_str_eq(rs->schema_url, "https://resource/1");
	ck_assert_str_eq(attribute(rs->resource->attributes, rs->resource->n_attributes,
	                           "service.name")
	                         ->string_value,
	                 "service-0");
	ck_assert_uint_eq(rs->n_scope_spans, 1);
	ck_assert_str_eq(rs->scope_spans[0]->schema_url, "https://scope/1");
	ck_assert_str_eq(rs->scope_spans[0]->scope->name, "scope.a");
	ck_assert_str_eq(rs->scope_spans[0]->scope->version, "1.2");
	ck_assert_int_eq(attribute(rs->scope_spans[0]->scope->attributes, 1, "scope.key")
	                         ->value_case,
	                 ANY(BOOL_VALUE));
	ck_assert_uint_eq(rs->scope_spans[0]->n_spans, 1);
	s = rs->scope_spans[0]->spans[0];
	ck_id(s->trace_id, 1u, 16u);
	ck_id(s->span_id, 0x21u, 8u);
	ck_id(s->parent_span_id, 0x31u, 8u);
	ck_assert_str_eq(s->trace_state, "k=v");
	ck_assert_str_eq(s->name, "a name");
	ck_assert_int_eq(s->kind, 2);
	ck_assert_uint_eq(s->start_time_unix_nano, 1000);
	ck_assert_uint_eq(s->end_time_unix_nano, 2000);
	ck_assert_uint_eq(s->flags, 0x301);
	ck_assert_int_eq(s->status->code, 2);
	ck_assert_str_eq(s->status->message, "broken");
	ck_assert_uint_eq(s->n_attributes, 2);
	ck_assert_str_eq(s->attributes[0]->key, "a"); /* order is kept */
	ck_assert_str_eq(s->attributes[0]->value->string_value, "1");
	ck_assert_int_eq(s->attributes[1]->value->int_value, -2);
	ck_assert_uint_eq(s->dropped_attributes_count, 5);
	ck_assert_uint_eq(s->n_events, 2);
	ck_assert_str_eq(s->events[0]->name, "first");
	ck_assert_uint_eq(s->events[0]->time_unix_nano, 1500);
	ck_assert_uint_eq(s->events[0]->dropped_attributes_count, 3);
	ck_assert_double_eq(s->events[0]->attributes[0]->value->double_value, 0.5);
	ck_assert_str_eq(s->events[1]->name, "second");
	ck_assert_uint_eq(s->dropped_events_count, 6);
	ck_assert_uint_eq(s->n_links, 1);
	ck_id(s->links[0]->trace_id, 0x41u, 16u);
	ck_id(s->links[0]->span_id, 0x61u, 8u);
	ck_assert_str_eq(s->links[0]->trace_state, "l=w");
	ck_assert_uint_eq(s->links[0]->flags, 0x101);
	ck_assert_uint_eq(s->links[0]->dropped_attributes_count, 4);
	ck_assert_str_eq(s->links[0]->attributes[0]->key, "c");
	ck_assert_uint_eq(s->dropped_links_count, 300);
	free_trace(request);
}
END_TEST

START_TEST(what_a_span_has_not_is_not_written)
{
	struct otel_span_data span = small_span(1, 1, "n");
	const struct otel_span_data *spans[] = { &span };
	TraceRequest *request = round_trip(spans, 1);
	Span *s = request->resource_spans[0]->scope_spans[0]->spans[0];

	ck_assert_uint_eq(s->parent_span_id.len, 0);
	ck_assert_ptr_null(s->status);
	ck_assert_uint_eq(s->flags, 0x100);
	ck_assert_str_eq(request->resource_spans[0]->schema_url, "");
	free_trace(request);
}
END_TEST

START_TEST(values_of_every_type_arrive)
{
	struct otel_value list[] = { otel_value_int(0),
		                     otel_value_string("x"),
		                     { OTEL_TYPE_NONE, 0, { NULL } } };
	struct otel_attribute map[] = {
		OTEL_BOOL("t", true), otel_attribute("list", otel_value_array(list, 3))
	};
	struct otel_attribute attributes[] = {
		OTEL_STR("string", "t\xc3\xa4xt"),
		OTEL_STR("empty", ""),
		OTEL_BOOL("false", false),
		OTEL_INT("min", INT64_MIN),
		OTEL_INT("max", INT64_MAX),
		OTEL_INT("zero", 0),
		OTEL_DOUBLE("double", -0.0),
		OTEL_DOUBLE("nan", NAN),
		OTEL_BYTES("bytes", "\0\xff", 2),
		otel_attribute("map", otel_value_map(map, 2)),
		{ NULL, { OTEL_TYPE_BOOL, 0, { NULL } } },
		OTEL_STR("", "no key"),
	};
	struct otel_span_data span = small_span(0, 0, "n");
	const struct otel_span_data *spans[] = { &span };
	TraceRequest *request;
	const AnyValue *v;
	Span *s;

	span.attributes = attributes;
	span.n_attributes = sizeof attributes / sizeof *attributes;
	request = round_trip(spans, 1);
	s = request->resource_spans[0]->scope_spans[0]->spans[0];
	ck_assert_uint_eq(s->n_attributes, 10); /* without those that have no key */
#define VALUE(key) (v = attribute(s->attributes, s->n_attributes, key))
	ck_assert_str_eq(VALUE("string")->string_value, "t\xc3\xa4xt");
	ck_assert_int_eq(VALUE("empty")->value_case, ANY(STRING_VALUE));
	ck_assert_int_eq(VALUE("false")->value_case, ANY(BOOL_VALUE));
	ck_assert_int_eq(v->bool_value, 0);
	ck_assert(VALUE("min")->int_value == INT64_MIN);
	ck_assert(VALUE("max")->int_value == INT64_MAX);
	ck_assert_int_eq(VALUE("zero")->value_case, ANY(INT_VALUE));
	ck_assert(signbit(VALUE("double")->double_value));
	ck_assert(isnan(VALUE("nan")->double_value));
	ck_assert_uint_eq(VALUE("bytes")->bytes_value.len, 2);
	ck_assert_mem_eq(v->bytes_value.data, "\0\xff", 2);
	ck_assert_uint_eq(VALUE("map")->kvlist_value->n_values, 2);
	ck_assert_int_eq(v->kvlist_value->values[0]->value->bool_value, 1);
	v = v->kvlist_value->values[1]->value;
	ck_assert_uint_eq(v->array_value->n_values, 3);
	ck_assert_int_eq(v->array_value->values[0]->value_case, ANY(INT_VALUE));
	ck_assert_str_eq(v->array_value->values[1]->string_value, "x");
	ck_assert_int_eq(v->array_value->values[2]->value_case, ANY(_NOT_SET));
	free_trace(request);
}
END_TEST

START_TEST(nesting_ends_somewhere)
{
	static struct otel_value nested[100];
	struct otel_attribute attributes[1];
	struct otel_span_data span = small_span(0, 0, "n");
	const struct otel_span_data *spans[] = { &span };
	const AnyValue *v;
	TraceRequest *request;
	int depth = 0;

	nested[99] = otel_value_int(1);
	for (int i = 98; i >= 0; i--)
		nested[i] = otel_value_array(&nested[i + 1], 1);
	attributes[0] = otel_attribute("deep", nested[0]);
	span.attributes = attributes;
	span.n_attributes = 1;
	request = round_trip(spans, 1);
	for (v = request->resource_spans[0]
	                 ->scope_spans[0]
	                 ->spans[0]
	                 ->attributes[0]
	                 ->value;
	     v->value_case == ANY(ARRAY_VALUE); v = v->array_value->values[0])
		depth++;
	ck_assert_int_eq(depth, 32);
	free_trace(request);
}
END_TEST

static const struct {
	const char *text;
	size_t len;
	const char *mended;
} texts[] = {
#define TEXT(text, mended)                    \
	{                                     \
		text, sizeof text - 1, mended \
	}
	TEXT("plain", "plain"),
	TEXT("exactly8", "exactly8"),
	TEXT("gr\xc3\xbc\xc3\x9f dich, \xe4\xb8\x96\xe7\x95\x8c \xf0\x9f\x9b\xb0",
	     "gr\xc3\xbc\xc3\x9f dich, \xe4\xb8\x96\xe7\x95\x8c \xf0\x9f\x9b\xb0"),
	TEXT("a\xff"
	     "b",
	     "a\xef\xbf\xbd"
	     "b"),
	TEXT("12345678\xc3", "12345678\xef\xbf\xbd"),
	TEXT("\x80", "\xef\xbf\xbd"),
	TEXT("\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"),                 /* overlong NUL */
	TEXT("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"), /* a surrogate */
	TEXT("\xf4\x90\x80\x80",
	     "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"), /* too high */
	TEXT("\xe4\xb8", "\xef\xbf\xbd\xef\xbf\xbd"),             /* cut off */
};

START_TEST(bytes_that_are_not_utf8_are_replaced)
{
	struct otel_attribute attributes[] = { OTEL_STRN("k", texts[_i].text,
		                                         texts[_i].len) };
	struct otel_span_data span = small_span(0, 0, texts[_i].text);
	const struct otel_span_data *spans[] = { &span };
	TraceRequest *request;
	Span *s;

	span.attributes = attributes;
	span.n_attributes = 1;
	request = round_trip(spans, 1);
	s = request->resource_spans[0]->scope_spans[0]->spans[0];
	ck_assert_str_eq(s->name, texts[_i].mended);
	ck_assert_str_eq(s->attributes[0]->value->string_value, texts[_i].mended);
	free_trace(request);
}
END_TEST

START_TEST(items_are_grouped_by_resource_and_scope_in_order)
{
	static const struct {
		int resource, scope;
		const char *name;
	} in[] = { { 0, 0, "a" }, { 1, 0, "b" }, { 0, 1, "c" },
		   { 0, 0, "d" }, { 2, 1, "e" }, { 1, 0, "f" } };
	struct otel_span_data data[6];
	const struct otel_span_data *spans[6];
	char out[200] = "";
	TraceRequest *request;

	for (int i = 0; i < 6; i++) {
		data[i] = small_span(in[i].resource, in[i].scope, in[i].name);
		spans[i] = &data[i];
	}
	request = round_trip(spans, 6);
	for (size_t r = 0; r < request->n_resource_spans; r++) {
		ResourceSpans *rs = request->resource_spans[r];

		strcat(out, attribute(rs->resource->attributes,
		                      rs->resource->n_attributes, "service.name")
		                            ->string_value +
		                    8);
		for (size_t g = 0; g < rs->n_scope_spans; g++) {
			strcat(out, rs->scope_spans[g]->scope->name + 6);
			for (size_t i = 0; i < rs->scope_spans[g]->n_spans; i++)
				strcat(out, rs->scope_spans[g]->spans[i]->name);
		}
		strcat(out, " ");
	}
	ck_assert_str_eq(out, "0aadbc 1abf 2be ");
	free_trace(request);
}
END_TEST

START_TEST(a_log_record_arrives_with_every_field)
{
	struct otel_attribute attributes[] = { OTEL_STR("a", "1") },
			      map[] = { OTEL_INT("x", 1) };
	struct otel_log_data log = {
		.resource = resources[0],
		.scope = &scopes[0],
		.time_unix_ns = 1,
		.observed_unix_ns = 2,
		.severity = 13,
		.severity_text = "WARN",
		.event_name = "an.event",
		.body = otel_value_map(map, 1),
		.attributes = attributes,
		.n_attributes = 1,
		.dropped_attributes = 9,
		.flags = 1,
	};
	struct otel_log_data bare = { .resource = resources[0],
		                      .scope = &scopes[0],
		                      .observed_unix_ns = 3,
		                      .severity_text = "",
		                      .event_name = "" };
	const struct otel_log_data *logs[] = { &log, &bare };
	LogsRequest *request;
	LogRecord *l;
	const uint8_t *bytes;
	size_t len;

	fill(log.trace_id, 16, 1);
	fill(log.span_id, 8, 0x21);
	ck_assert_int_eq(
		otelp_encode(&encoder, OTEL_SIGNAL_LOGS,
	                     &(struct otelp_items){ logs, true, sizeof *logs, 2 }),
		0);
	bytes = otelp_encoder_bytes(&encoder, &len);
	request = logs_unpack(len, bytes);
	ck_assert_ptr_nonnull(request);
	ck_assert_uint_eq(
		opentelemetry__proto__collector__logs__v1__export_logs_service_request__get_packed_size(
			request),
		len);
	l = request->resource_logs[0]->scope_logs[0]->log_records[0];
	ck_assert_uint_eq(l->time_unix_nano, 1);
	ck_assert_uint_eq(l->observed_time_unix_nano, 2);
	ck_assert_int_eq(l->severity_number, 13);
	ck_assert_str_eq(l->severity_text, "WARN");
	ck_assert_str_eq(l->event_name, "an.event");
	ck_assert_int_eq(l->body->kvlist_value->values[0]->value->int_value, 1);
	ck_assert_str_eq(l->attributes[0]->key, "a");
	ck_assert_uint_eq(l->dropped_attributes_count, 9);
	ck_assert_uint_eq(l->flags, 1);
	ck_id(l->trace_id, 1u, 16u);
	ck_id(l->span_id, 0x21u, 8u);
	l = request->resource_logs[0]->scope_logs[0]->log_records[1];
	ck_assert_uint_eq(l->time_unix_nano, 0);
	ck_assert_ptr_null(l->body);
	ck_assert_uint_eq(l->trace_id.len, 0);
	opentelemetry__proto__collector__logs__v1__export_logs_service_request__free_unpacked(
		request, NULL);
}
END_TEST

START_TEST(metrics_arrive_with_every_field)
{
	const Opentelemetry__Proto__Metrics__V1__Exemplar *x;
	struct otel_attribute attributes[] = { OTEL_STR("a", "1") };
	static const double bounds[] = { 1, 2.5 };
	static const uint64_t counts[] = { 1, 0, 300 };
	struct otel_point_data ints[] = { { .attributes = attributes,
		                            .n_attributes = 1,
		                            .start_unix_ns = 1,
		                            .time_unix_ns = 2,
		                            .integer = -7 },
		                          { .time_unix_ns = 2, .integer = 0 } };
	struct otel_exemplar_data exemplars[] = {
		{ .time_unix_ns = 3,
		  .is_double = true,
		  .number = 0.25,
		  .trace_id = { 1, 2 },
		  .span_id = { 3 } },
		{ .time_unix_ns = 4, .integer = 0 },
	};
	struct otel_point_data doubles[] = { { .time_unix_ns = 2,
		                               .is_double = true,
		                               .number = 0,
		                               .exemplars = &exemplars[1],
		                               .n_exemplars = 1 } };
	struct otel_point_data histograms[] = {
		{ .start_unix_ns = 1,
		  .time_unix_ns = 2,
		  .count = 301,
		  .sum = 9.5,
		  .min = 0,
		  .max = 3,
		  .bucket_counts = counts,
		  .bounds = bounds,
		  .n_bounds = 2,
		  .attributes = attributes,
		  .n_attributes = 1,
		  .exemplars = exemplars,
		  .n_exemplars = 2 },
		{ .start_unix_ns = 1, .time_unix_ns = 2 },
		/* counted after a collection had taken its minimum and its maximum */
		{ .time_unix_ns = 2, .count = 1, .min = INFINITY, .max = 0 },
	};
	struct otel_metric_data metrics[] = {
		{ resources[0], &scopes[0], "sum", "1", "a sum", OTEL_METRIC_SUM,
		  OTEL_TEMPORALITY_DELTA, true, ints, 2 },
		{ resources[0], &scopes[0], "gauge", "", "", OTEL_METRIC_GAUGE, 0, false,
		  doubles, 1 },
		{ resources[0], &scopes[0], "histogram", "s", "", OTEL_METRIC_HISTOGRAM,
		  OTEL_TEMPORALITY_CUMULATIVE, false, histograms, 3 },
	};
	MetricsRequest *request;
	const uint8_t *bytes;
	Metric **m;
	size_t len;

	ck_assert_int_eq(
		otelp_encode(&encoder, OTEL_SIGNAL_METRICS,
	                     &(struct otelp_items){ metrics, false, sizeof *metrics, 3 }),
		0);
	bytes = otelp_encoder_bytes(&encoder, &len);
	request = metrics_unpack(len, bytes);
	ck_assert_ptr_nonnull(request);
	ck_assert_uint_eq(
		opentelemetry__proto__collector__metrics__v1__export_metrics_service_request__get_packed_size(
			request),
		len);
	ck_assert_uint_eq(request->resource_metrics[0]->scope_metrics[0]->n_metrics, 3);
	m = request->resource_metrics[0]->scope_metrics[0]->metrics;
	ck_assert_str_eq(m[0]->name, "sum");
	ck_assert_str_eq(m[0]->unit, "1");
	ck_assert_str_eq(m[0]->description, "a sum");
	ck_assert_int_eq(m[0]->sum->aggregation_temporality, 1);
	ck_assert_int_eq(m[0]->sum->is_monotonic, 1);
	ck_assert_uint_eq(m[0]->sum->n_data_points, 2);
	ck_assert_int_eq(m[0]->sum->data_points[0]->as_int, -7);
	ck_assert_uint_eq(m[0]->sum->data_points[0]->start_time_unix_nano, 1);
	ck_assert_uint_eq(m[0]->sum->data_points[0]->time_unix_nano, 2);
	ck_assert_str_eq(m[0]->sum->data_points[0]->attributes[0]->key, "a");
	ck_assert_int_eq(
		m[0]->sum->data_points[1]->value_case,
		OPENTELEMETRY__PROTO__METRICS__V1__NUMBER_DATA_POINT__VALUE_AS_INT);
	ck_assert_int_eq(
		m[1]->gauge->data_points[0]->value_case,
		OPENTELEMETRY__PROTO__METRICS__V1__NUMBER_DATA_POINT__VALUE_AS_DOUBLE);
	ck_assert_int_eq(m[2]->histogram->aggregation_temporality, 2);
	ck_assert_uint_eq(m[2]->histogram->data_points[0]->count, 301);
	ck_assert_double_eq(m[2]->histogram->data_points[0]->sum, 9.5);
	ck_assert_uint_eq(m[2]->histogram->data_points[0]->n_bucket_counts, 3);
	ck_assert_uint_eq(m[2]->histogram->data_points[0]->bucket_counts[0], 1);
	ck_assert_uint_eq(m[2]->histogram->data_points[0]->bucket_counts[2], 300);
	ck_assert_uint_eq(m[2]->histogram->data_points[0]->n_explicit_bounds, 2);
	ck_assert_uint_eq(m[2]->histogram->data_points[0]->n_exemplars, 2);
	x = m[2]->histogram->data_points[0]->exemplars[0];
	ck_assert_uint_eq(x->time_unix_nano, 3);
	ck_assert_double_eq(x->as_double, 0.25);
	ck_assert_uint_eq(x->trace_id.len, 16);
	ck_assert_uint_eq(x->trace_id.data[1], 2);
	ck_assert_uint_eq(x->span_id.len, 8);
	x = m[2]->histogram->data_points[0]->exemplars[1];
	ck_assert_int_eq(x->value_case,
	                 OPENTELEMETRY__PROTO__METRICS__V1__EXEMPLAR__VALUE_AS_INT);
	ck_assert_uint_eq(x->trace_id.len, 0);
	ck_assert_uint_eq(m[1]->gauge->data_points[0]->n_exemplars, 1);
	ck_assert_double_eq(m[2]->histogram->data_points[0]->explicit_bounds[1], 2.5);
	ck_assert_int_ne(m[2]->histogram->data_points[0]->optional_min_case, 0);
	ck_assert_double_eq(m[2]->histogram->data_points[0]->max, 3);
	ck_assert_str_eq(m[2]->histogram->data_points[0]->attributes[0]->key, "a");
	ck_assert_int_eq(m[2]->histogram->data_points[1]->optional_min_case, 0);
	ck_assert_int_ne(m[2]->histogram->data_points[1]->optional_sum_case, 0);
	ck_assert_int_eq(m[2]->histogram->data_points[2]->optional_min_case, 0);
	ck_assert_int_eq(m[2]->histogram->data_points[2]->optional_max_case, 0);
	opentelemetry__proto__collector__metrics__v1__export_metrics_service_request__free_unpacked(
		request, NULL);
}
END_TEST

/* ---- JSON ---- */

static void
ck_json(int signal, const struct otelp_items *items, const char *expected)
{
	const uint8_t *bytes;
	json_error_t error;
	json_t *got, *want;
	char text[4096];
	size_t len;

	/* The expectation is written with ' for ". */
	strcpy(text, expected);
	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	want = json_loads(text, 0, &error);

	ck_assert_msg(want, "%s at %d", error.text, error.position);
	ck_assert_int_eq(otelp_encode_json(&encoder, signal, items), 0);
	bytes = otelp_encoder_bytes(&encoder, &len);
	got = json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(got, "%s at %d of %.*s", error.text, error.position, (int)len,
	              (const char *)bytes);
	ck_assert_msg(json_equal(got, want), "%.*s", (int)len, (const char *)bytes);
	json_decref(got);
	json_decref(want);
}

START_TEST(a_span_is_written_as_json)
{
	struct otel_value list[] = { otel_value_int(0), { OTEL_TYPE_NONE, 0, { NULL } } };
	struct otel_attribute attributes[] = {
		OTEL_STR("s", "q\"\\\n\x01\xff\xe2\x82\xac"),
		OTEL_INT("i", INT64_MIN),
		OTEL_DOUBLE("d", 0.5),
		OTEL_DOUBLE("nan", NAN),
		OTEL_DOUBLE("inf", -INFINITY),
		OTEL_BOOL("b", false),
		OTEL_BYTES("y", "\0\xff\x10\x20", 4),
		otel_attribute("l", otel_value_array(list, 2)),
	};
	struct otel_attribute map[] = { OTEL_STR("k", "") };
	struct otel_event_data events[] = { { 7, "ev", map, 1, 0 } };
	struct otel_link_data links[] = { { .dropped_attributes = 1 } };
	struct otel_span_data span = small_span(0, 0, "n");
	const struct otel_span_data *spans[] = { &span };

	fill(span.parent_span_id, 8, 0x31);
	fill(links[0].context.trace_id, 16, 0x41);
	fill(links[0].context.span_id, 8, 0x61);
	span.context.trace_state = "a=b";
	span.attributes = attributes;
	span.n_attributes = 8;
	span.events = events;
	span.n_events = 1;
	span.links = links;
	span.n_links = 1;
	span.dropped_links = 2;
	span.status = OTEL_STATUS_ERROR;
	span.status_message = "broken";
	span.parent_remote = true;
	ck_json(OTEL_SIGNAL_TRACES,
	        &(struct otelp_items){ spans, true, sizeof *spans, 1 },
	        "{'resourceSpans': [{'resource': {'attributes': [{'key': 'service.name', 'value': {'stringValue': 'service-0'}}]},"
	        " 'schemaUrl': 'https://resource/1', 'scopeSpans': [{'schemaUrl': 'https://scope/1',"
	        "  'scope': {'name': 'scope.a', 'version': '1.2', 'attributes': [{'key': 'scope.key', 'value': {'boolValue': false}}]},"
	        "  'spans': [{'traceId': '0102030405060708090a0b0c0d0e0f10', 'spanId': '2122232425262728', 'traceState': 'a=b',"
	        "   'parentSpanId': '3132333435363738', 'name': 'n', 'kind': 2, 'startTimeUnixNano': '1000',"
	        "   'endTimeUnixNano': '2000', 'flags': 768, 'droppedLinksCount': 2, 'status': {'message': 'broken', 'code': 2},"
	        "   'events': [{'timeUnixNano': '7', 'name': 'ev', 'attributes': [{'key': 'k', 'value': {'stringValue': ''}}]}],"
	        "   'links': [{'traceId': '4142434445464748494a4b4c4d4e4f50', 'spanId': '6162636465666768',"
	        "     'droppedAttributesCount': 1, 'flags': 256}],"
	        "   'attributes': ["
	        "    {'key': 's', 'value': {'stringValue': 'q\\\"\\\\\\n\\u0001\xef\xbf\xbd\xe2\x82\xac'}},"
	        "    {'key': 'i', 'value': {'intValue': '-9223372036854775808'}},"
	        "    {'key': 'd', 'value': {'doubleValue': 0.5}}, {'key': 'nan', 'value': {'doubleValue': 'NaN'}},"
	        "    {'key': 'inf', 'value': {'doubleValue': '-Infinity'}}, {'key': 'b', 'value': {'boolValue': false}},"
	        "    {'key': 'y', 'value': {'bytesValue': 'AP8QIA=='}},"
	        "    {'key': 'l', 'value': {'arrayValue': {'values': [{'intValue': '0'}, {}]}}}]}]}]}]}");
}
END_TEST

START_TEST(a_log_record_is_written_as_json)
{
	struct otel_attribute map[] = { OTEL_INT("x", 1) };
	struct otel_log_data log = {
		.resource = resources[1],
		.scope = &scopes[1],
		.time_unix_ns = 1,
		.observed_unix_ns = 2,
		.severity = 13,
		.severity_text = "WARN",
		.event_name = "an.event",
		.body = otel_value_map(map, 1),
		.flags = 1,
	};
	const struct otel_log_data *logs[] = { &log };

	fill(log.trace_id, 16, 1);
	fill(log.span_id, 8, 0x21);
	ck_json(OTEL_SIGNAL_LOGS, &(struct otelp_items){ logs, true, sizeof *logs, 1 },
	        "{'resourceLogs': [{'resource': {'attributes': [{'key': 'service.name', 'value': {'stringValue': 'service-1'}}]},"
	        " 'scopeLogs': [{'scope': {'name': 'scope.b'}, 'logRecords': [{'timeUnixNano': '1',"
	        "  'observedTimeUnixNano': '2', 'severityNumber': 13, 'severityText': 'WARN', 'flags': 1,"
	        "  'traceId': '0102030405060708090a0b0c0d0e0f10', 'spanId': '2122232425262728', 'eventName': 'an.event',"
	        "  'body': {'kvlistValue': {'values': [{'key': 'x', 'value': {'intValue': '1'}}]}}}]}]}]}");
}
END_TEST

START_TEST(metrics_are_written_as_json)
{
	static const double bounds[] = { 1, 2.5 };
	static const uint64_t counts[] = { 1, 0, 300 };
	struct otel_point_data ints[] = {
		{ .start_unix_ns = 1, .time_unix_ns = 2, .integer = 0 }
	};
	struct otel_point_data doubles[] = {
		{ .time_unix_ns = 2, .is_double = true, .number = -1.5 }
	};
	struct otel_point_data histograms[] = { { .time_unix_ns = 2,
		                                  .count = 301,
		                                  .sum = 9.5,
		                                  .min = 0,
		                                  .max = 3,
		                                  .bucket_counts = counts,
		                                  .bounds = bounds,
		                                  .n_bounds = 2 } };
	struct otel_metric_data metrics[] = {
		{ resources[1], &scopes[1], "sum", "1", "a sum", OTEL_METRIC_SUM,
		  OTEL_TEMPORALITY_DELTA, true, ints, 1 },
		{ resources[1], &scopes[1], "gauge", "", "", OTEL_METRIC_GAUGE, 0, false,
		  doubles, 1 },
		{ resources[1], &scopes[1], "histogram", "s", "", OTEL_METRIC_HISTOGRAM,
		  OTEL_TEMPORALITY_CUMULATIVE, false, histograms, 1 },
	};

	ck_json(OTEL_SIGNAL_METRICS,
	        &(struct otelp_items){ metrics, false, sizeof *metrics, 3 },
	        "{'resourceMetrics': [{'resource': {'attributes': [{'key': 'service.name', 'value': {'stringValue': 'service-1'}}]},"
	        " 'scopeMetrics': [{'scope': {'name': 'scope.b'}, 'metrics': ["
	        "  {'name': 'sum', 'unit': '1', 'description': 'a sum', 'sum': {'aggregationTemporality': 1, 'isMonotonic': true,"
	        "   'dataPoints': [{'startTimeUnixNano': '1', 'timeUnixNano': '2', 'asInt': '0'}]}},"
	        "  {'name': 'gauge', 'gauge': {'dataPoints': [{'timeUnixNano': '2', 'asDouble': -1.5}]}},"
	        "  {'name': 'histogram', 'unit': 's', 'histogram': {'aggregationTemporality': 2, 'dataPoints': ["
	        "   {'timeUnixNano': '2', 'count': '301', 'sum': 9.5, 'min': 0, 'max': 3,"
	        "    'bucketCounts': ['1', '0', '300'], 'explicitBounds': [1, 2.5]}]}}]}]}]}");
}
END_TEST

/* Longer than the buffer is at first, so that it grows while a span is half written. */
START_TEST(a_large_request_grows_its_buffer)
{
	static char text[40000];
	struct otel_attribute attributes[] = { OTEL_STR("first", "1"),
		                               OTEL_STRN("big", text, sizeof text),
		                               OTEL_STR("last", "3") };
	struct otel_span_data span = small_span(0, 0, "n");
	const struct otel_span_data *spans[50];
	TraceRequest *request;
	Span *s;

	memset(text, 'x', sizeof text);
	span.attributes = attributes;
	span.n_attributes = 3;
	for (int i = 0; i < 50; i++)
		spans[i] = &span;
	request = round_trip(spans, 50);
	ck_assert_uint_eq(request->resource_spans[0]->scope_spans[0]->n_spans, 50);
	s = request->resource_spans[0]->scope_spans[0]->spans[49];
	ck_assert_str_eq(s->attributes[0]->key, "first");
	ck_assert_uint_eq(strlen(s->attributes[1]->value->string_value), sizeof text);
	ck_assert_str_eq(s->attributes[2]->value->string_value, "3");
	free_trace(request);
	otelp_encoder_trim(&encoder);
	ck_assert_uint_eq(encoder.size, 0); /* it was unusually large */
}
END_TEST

START_TEST(a_request_past_the_limit_is_refused)
{
	static char text[1 << 20];
	struct otel_attribute attributes[] = { OTEL_STRN("big", text, sizeof text) };
	struct otel_span_data span = small_span(0, 0, "n");
	const struct otel_span_data *spans[65];

	memset(text, 'x', sizeof text);
	span.attributes = attributes;
	span.n_attributes = 1;
	for (int i = 0; i < 65; i++)
		spans[i] = &span;
	ck_assert_int_eq(encode_spans(spans, 65), -EMSGSIZE);
	ck_assert_int_eq(encode_spans(spans, 60), 0);
	ck_assert_uint_le(encoder.size, 2 * otelp_otlp_max_request);
}
END_TEST

START_TEST(encoding_survives_every_allocation_failure)
{
	static char text[40000];
	struct otel_attribute attributes[] = { OTEL_STRN("big", text, sizeof text),
		                               OTEL_STR("bad", "\xff") };
	struct otel_span_data span[3];
	const struct otel_span_data *spans[3];
	const struct otelp_items items = { spans, true, sizeof *spans, 3 };
	long n;

	memset(text, 'x', sizeof text);
	for (int i = 0; i < 3; i++) {
		span[i] = small_span(i, i & 1, "n");
		span[i].attributes = attributes;
		span[i].n_attributes = 2;
		spans[i] = &span[i];
	}
	oom_install();
	for (n = 0;; n++) {
		int r;

		oom_arm(n);
		r = _i ? otelp_encode_json(&encoder, OTEL_SIGNAL_TRACES, &items)
		       : encode_spans(spans, 3);
		oom_disarm();
		otelp_encoder_fini(&encoder);
		if (!oom_fired()) {
			ck_assert_int_eq(r, 0);
			break;
		}
		ck_assert_int_eq(r, -ENOMEM);
	}
	ck_assert_int_gt(n, 4);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("otlp-encode");
	TCase *spans = tcase_create("spans"), *others = tcase_create("others"),
	      *limits = tcase_create("limits");

	tcase_add_checked_fixture(spans, setup, teardown);
	tcase_add_test(spans, a_span_arrives_with_every_field);
	tcase_add_test(spans, what_a_span_has_not_is_not_written);
	tcase_add_test(spans, values_of_every_type_arrive);
	tcase_add_test(spans, nesting_ends_somewhere);
	tcase_add_loop_test(spans, bytes_that_are_not_utf8_are_replaced, 0,
	                    (int)(sizeof texts / sizeof *texts));
	tcase_add_test(spans, items_are_grouped_by_resource_and_scope_in_order);
	suite_add_tcase(suite, spans);
	tcase_add_checked_fixture(others, setup, teardown);
	tcase_add_test(others, a_log_record_arrives_with_every_field);
	tcase_add_test(others, metrics_arrive_with_every_field);
	tcase_add_test(others, a_span_is_written_as_json);
	tcase_add_test(others, a_log_record_is_written_as_json);
	tcase_add_test(others, metrics_are_written_as_json);
	suite_add_tcase(suite, others);
	tcase_add_checked_fixture(limits, setup, teardown);
	tcase_add_test(limits, a_large_request_grows_its_buffer);
	tcase_add_test(limits, a_request_past_the_limit_is_refused);
	tcase_add_loop_test(limits, encoding_survives_every_allocation_failure, 0, 2);
	suite_add_tcase(suite, limits);
	return check_main(suite);
}
