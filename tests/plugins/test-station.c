/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "check-main.h"
#include "otlp-guard.h"
#include "otlp-json.h"
#include "otlp.h"
#include "query.h"
#include "store.h"

#define ANY_VALUE opentelemetry__proto__common__v1__any_value__descriptor

/* ---- helpers ---- */

static ProtobufCMessage *
message_from_json(const ProtobufCMessageDescriptor *d, const char *text)
{
	struct otel_error err = OTEL_ERROR_INIT;
	json_t *json = json_loads(text, 0, NULL);
	ProtobufCMessage *message = NULL;

	ck_assert_ptr_nonnull(json);
	ck_assert_msg(otlp_json_read(d, json, &message, &err) == 0, "%s", err.message);
	json_decref(json);
	return message;
}

static long
add_span(struct store *store, const char *name, const char *trace_id, uint64_t *rejected,
         struct otel_error *why)
{
	ProtobufCMessage *message;
	char text[1024];
	long n;

	snprintf(
		text, sizeof text,
		"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\","
		"\"value\":{\"stringValue\":\"gateway\"}}]},\"scopeSpans\":[{\"scope\":{\"name\":\"s\"},"
		"\"spans\":[{\"traceId\":\"%s\",\"spanId\":\"0102030405060708\",\"name\":\"%s\","
		"\"startTimeUnixNano\":\"1000\",\"endTimeUnixNano\":\"3000\"}]}]}]}",
		trace_id, name);
	message = message_from_json(&otlp_traces_descriptor, text);
	n = store_add(store, STORE_SPANS, message, 5000, rejected, why);
	protobuf_c_message_free_unpacked(message, NULL);
	return n;
}

static char *
read_example(const char *name)
{
	char path[512], *text;
	FILE *f;
	long n;

	snprintf(path, sizeof path, "%s/otlp-examples/%s", TEST_DATA, name);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	fseek(f, 0, SEEK_END);
	n = ftell(f);
	rewind(f);
	text = calloc(1, (size_t)n + 1);
	ck_assert_uint_eq(fread(text, 1, (size_t)n, f), (size_t)n);
	fclose(f);
	return text;
}

/* `depth` times AnyValue{array_value = 5: ArrayValue{values = 1: ...}}, written from the inside out. */
static size_t
nested_protobuf(uint8_t *out, size_t size, int depth)
{
	static const uint8_t tags[] = { 0x0a, 0x2a };
	uint8_t *p = out + size;
	size_t len = 0;

	for (int i = 0; i < 2 * depth; i++) {
		uint8_t varint[5];
		size_t rest = len;
		int n = 0;

		do {
			varint[n++] = (uint8_t)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
			rest >>= 7;
		} while (rest);
		p -= n;
		memcpy(p, varint, (size_t)n);
		*--p = tags[i % 2];
		len += (size_t)n + 1;
	}
	memmove(out, p, len);
	return len;
}

/* ---- guard ---- */

START_TEST(depth_is_refused_before_anything_recurses)
{
	static uint8_t bytes[1 << 20];
	struct otel_error err = OTEL_ERROR_INIT;
	size_t len = nested_protobuf(bytes, sizeof bytes, 31);

	ck_assert_int_eq(otlp_guard_protobuf(&ANY_VALUE, bytes, len, &err), 0);
	len = nested_protobuf(bytes, sizeof bytes, 32);
	ck_assert_int_eq(otlp_guard_protobuf(&ANY_VALUE, bytes, len, &err), -ELOOP);
	ck_assert_str_eq(err.message, "nested deeper than 64 messages");
	len = nested_protobuf(bytes, sizeof bytes, 50000);
	ck_assert_int_eq(otlp_guard_protobuf(&ANY_VALUE, bytes, len, NULL), -ELOOP);
}
END_TEST

START_TEST(what_is_no_protobuf_is_refused_with_its_place)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *message;
	} cases[] = {
		{ "\x0a\x05zz", 4,
		  "not protobuf: a length beyond its message at byte 2" },
		{ "\x00\x01", 2, "not protobuf: a bad tag at byte 1" },
		{ "\x0b\x01", 2, "not OTLP: wire type 3 at byte 1" },
		{ "\x09\x01", 2, "not protobuf: cut off at byte 1" },
		{ "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12,
		  "not protobuf: a bad number at byte 11" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct otel_error err = OTEL_ERROR_INIT;

		ck_assert_int_eq(otlp_guard_protobuf(&otlp_traces_descriptor,
		                                     cases[i].bytes, cases[i].len, &err),
		                 -EINVAL);
		ck_assert_str_eq(err.message, cases[i].message);
	}
}
END_TEST

START_TEST(brackets_in_json_are_counted_outside_strings)
{
	struct otel_error err = OTEL_ERROR_INIT;
	char text[400] = "\"";

	memset(text + 1, '[', 300);
	strcpy(text + 301, "\\\"\"");
	ck_assert_int_eq(otlp_guard_json(text, strlen(text), &err), 0);
	memset(text, '[', 129);
	ck_assert_int_eq(otlp_guard_json(text, 128, &err), 0);
	ck_assert_int_eq(otlp_guard_json(text, 129, &err), -ELOOP);
}
END_TEST

/* ---- JSON ---- */

START_TEST(official_examples_survive_json_protobuf_json)
{
	static const struct {
		const char *file;
		const ProtobufCMessageDescriptor *descriptor;
	} cases[] = {
		{ "trace.json", &otlp_traces_descriptor },
		{ "metrics.json", &otlp_metrics_descriptor },
		{ "logs.json", &otlp_logs_descriptor },
		{ "events.json", &otlp_logs_descriptor },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *text = read_example(cases[i].file);
		ProtobufCMessage *first = message_from_json(cases[i].descriptor, text),
				 *second, *third;
		struct buf a = { 0 }, b = { 0 };
		uint8_t *packed;
		size_t len;

		otlp_json_write(&a, first);
		ck_assert(!a.failed && a.len > 100);
		second = message_from_json(cases[i].descriptor, a.data);
		len = protobuf_c_message_get_packed_size(second);
		packed = malloc(len);
		protobuf_c_message_pack(second, packed);
		ck_assert_int_eq(
			otlp_guard_protobuf(cases[i].descriptor, packed, len, NULL), 0);
		third = protobuf_c_message_unpack(cases[i].descriptor, NULL, len, packed);
		ck_assert_ptr_nonnull(third);
		otlp_json_write(&b, third);
		ck_assert_str_eq(a.data, b.data);
		free(packed);
		protobuf_c_message_free_unpacked(first, NULL);
		protobuf_c_message_free_unpacked(second, NULL);
		protobuf_c_message_free_unpacked(third, NULL);
		buf_fini(&a);
		buf_fini(&b);
		free(text);
	}
}
END_TEST

START_TEST(wrong_json_is_refused_by_the_name_of_its_key)
{
#define IN_SPAN(text) "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" text "}]}]}]}"
#define AT_SPAN       "resourceSpans: scopeSpans: spans: "
	static const char *const cases[][2] = {
		{ "{\"resourceSpans\":{}}", "resourceSpans: expected an array" },
		{ IN_SPAN("\"traceId\":\"xyz\""),
		  AT_SPAN "traceId: expected a hexadecimal id (OTLP has no base64 there)" },
		{ IN_SPAN("\"kind\":\"SERVER\""),
		  AT_SPAN "kind: expected an enum as an integer" },
		{ IN_SPAN("\"startTimeUnixNano\":\"soon\""), AT_SPAN
		  "startTimeUnixNano: expected an unsigned 64-bit integer as a decimal string" },
		{ "[]", "expected an object" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct otel_error err = OTEL_ERROR_INIT;
		json_t *json = json_loads(cases[i][0], 0, NULL);
		ProtobufCMessage *message = NULL;

		ck_assert_int_eq(
			otlp_json_read(&otlp_traces_descriptor, json, &message, &err),
			-EINVAL);
		ck_assert_ptr_null(message);
		ck_assert_str_eq(err.message, cases[i][1]);
		json_decref(json);
	}
}
END_TEST

START_TEST(bad_utf8_becomes_the_replacement_character)
{
	struct buf buf = { 0 };

	buf_json_string(&buf, "a\xff\"\n\xc3\xa9\xed\xa0\x80", 9);
	ck_assert_str_eq(
		buf.data,
		"\"a\xef\xbf\xbd\\\"\\u000a\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	buf_fini(&buf);
}
END_TEST

/* ---- store ---- */

START_TEST(spans_come_back_by_trace_as_they_came)
{
	struct store *store = store_new(1 << 20);
	struct otel_error why = OTEL_ERROR_INIT;
	const struct store_item *items[1];
	const struct store_trace *trace;
	struct buf buf = { 0 };
	uint64_t rejected = 0;
	uint8_t id[16];

	ck_assert_int_eq(add_span(store, "GET", "0102030405060708090a0b0c0d0e0f10",
	                          &rejected, &why),
	                 1);
	ck_assert(query_id("0102030405060708090a0b0c0d0e0f10", id, 16));
	trace = store_trace(store, id);
	ck_assert_ptr_nonnull(trace);
	ck_assert_uint_eq(trace->n_spans, 1);
	ck_assert_uint_eq(trace->end_unix_ns - trace->start_unix_ns, 2000);
	items[0] = TAILQ_FIRST(&trace->spans);
	ck_assert_str_eq(items[0]->owner->service->name, "gateway");
	query_write(&buf, STORE_SPANS, items, 1);
	ck_assert_str_eq(
		buf.data,
		"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\","
		"\"value\":{\"stringValue\":\"gateway\"}}]},\"scopeSpans\":[{\"scope\":"
		"{\"name\":\"s\"},\"spans\":[{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\","
		"\"spanId\":\"0102030405060708\",\"name\":\"GET\",\"startTimeUnixNano\":\"1000\","
		"\"endTimeUnixNano\":\"3000\"}]}]}]}");
	buf_fini(&buf);
	store_free(store);
}
END_TEST

START_TEST(a_span_without_proper_ids_is_rejected_and_said)
{
	struct store *store = store_new(1 << 20);
	struct otel_error why = OTEL_ERROR_INIT;
	uint64_t rejected = 0;

	ck_assert_int_eq(add_span(store, "short", "0102", &rejected, &why), 0);
	ck_assert_uint_eq(rejected, 1);
	ck_assert_str_eq(
		why.message,
		"span \"short\": expected a trace id of 16 bytes and a span id of 8, "
		"found 2 and 8");
	store_free(store);
}
END_TEST

START_TEST(the_oldest_goes_when_the_budget_is_full)
{
	struct store *store = store_new(64 << 10);
	struct otel_error why = OTEL_ERROR_INIT;
	struct store_stats stats;
	uint64_t rejected = 0;
	uint8_t id[16];

	for (int i = 1; i <= 2000; i++) {
		char trace_id[33];

		snprintf(trace_id, sizeof trace_id, "%032d", i);
		ck_assert_int_eq(add_span(store, "n", trace_id, &rejected, &why), 1);
		store_get_stats(store, &stats);
		ck_assert_uint_le(stats.bytes, stats.budget);
	}
	ck_assert_uint_eq(stats.received[STORE_SPANS], 2000);
	ck_assert_uint_eq(stats.held[STORE_SPANS] + stats.evicted[STORE_SPANS], 2000);
	ck_assert_uint_gt(stats.evicted[STORE_SPANS], 0);
	ck_assert(query_id("00000000000000000000000000000001", id, 16));
	ck_assert_ptr_null(store_trace(store, id));
	ck_assert(query_id("00000000000000000000000000002000", id, 16));
	ck_assert_ptr_nonnull(store_trace(store, id));
	store_clear(store);
	store_get_stats(store, &stats);
	ck_assert_uint_eq(stats.bytes, 0);
	store_free(store);
}
END_TEST

START_TEST(since_takes_durations_and_unix_times)
{
	static const char *const wrong[] = { "yesterday", "5 parsecs", "-1", "nan", "" };
	uint64_t now = 1700000000000000000u, t;

	ck_assert_int_eq(query_since("90s", now, &t), 0);
	ck_assert_uint_eq(t, now - 90000000000u);
	ck_assert_int_eq(query_since("1700000000", now, &t), 0);
	ck_assert_uint_eq(t, now);
	ck_assert_int_eq(query_since("1700000000000", now, &t), 0);
	ck_assert_uint_eq(t, now);
	ck_assert_int_eq(query_since("1700000000000000000", now, &t), 0);
	ck_assert_uint_eq(t, now);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_int_eq(query_since(wrong[i], now, &t), -EINVAL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("station");
	TCase *tc = tcase_create("guard");

	tcase_add_test(tc, depth_is_refused_before_anything_recurses);
	tcase_add_test(tc, what_is_no_protobuf_is_refused_with_its_place);
	tcase_add_test(tc, brackets_in_json_are_counted_outside_strings);
	suite_add_tcase(suite, tc);
	tc = tcase_create("json");
	tcase_add_test(tc, official_examples_survive_json_protobuf_json);
	tcase_add_test(tc, wrong_json_is_refused_by_the_name_of_its_key);
	tcase_add_test(tc, bad_utf8_becomes_the_replacement_character);
	suite_add_tcase(suite, tc);
	tc = tcase_create("store");
	tcase_add_test(tc, spans_come_back_by_trace_as_they_came);
	tcase_add_test(tc, a_span_without_proper_ids_is_rejected_and_said);
	tcase_add_test(tc, the_oldest_goes_when_the_budget_is_full);
	tcase_add_test(tc, since_takes_durations_and_unix_times);
	suite_add_tcase(suite, tc);
	return check_main(suite);
}
