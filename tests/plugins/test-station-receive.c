/* SPDX-License-Identifier: Apache-2.0 */
/* The station as a service: OTLP goes in by each of its doors, and what is wrong is said at that door. */
#include <zlib.h>

#include "../../plugins/station/app.c"
#include "check-main.h"
#include "fake/svc-host.h"
#include "otlp-json.h"
#include "otlp.h"

#define ID     "0102030405060708090a0b0c0d0e0f10"
#define SPAN_A SPAN(ID, "0102030405060708")
#define SPAN(trace, span)                                                                         \
	"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":" \
	"{\"stringValue\":\"gateway\"}}]},\"scopeSpans\":[{\"spans\":[{\"traceId\":\"" trace      \
	"\",\"spanId\":\"" span                                                                   \
	"\",\"name\":\"GET\",\"kind\":2,\"startTimeUnixNano\":\"1000\","                          \
	"\"endTimeUnixNano\":\"3001000\"}]}]}]}"
#define TRACES_GRPC  "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
#define LOGS_GRPC    "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
#define METRICS_GRPC "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"

static struct fake_host fake;

/* ---- helpers ---- */

static void
setup(void)
{
	fake_init(&fake, &svc_plugin);
	fake.host.data_dir = SRCDIR;
	fake.listener = "otlp";
}

static void
start(void)
{
	setup();
	fake_start(&fake);
}

static void
stop(void)
{
	fake_fini(&fake);
}

static struct fake_request *
post_as(const char *path, const char *type, const char *encoding, const void *body,
        size_t len)
{
	struct svc_header headers[] = { { "Content-Type", type },
		                        { "Content-Encoding", encoding } };
	struct fake_request *rq = fake_send(&fake, "POST", path, body, len, headers,
	                                    encoding ? 2 : 1);

	ck_assert(rq->done);
	ck_assert_int_ge(rq->returned, 0);
	return rq;
}

static struct fake_request *
post_json(const char *path, const char *body)
{
	return post_as(path, "application/json", NULL, body, strlen(body));
}

static struct fake_request *
ask_page(const char *target)
{
	struct fake_request *rq;

	fake.listener = "page";
	rq = fake_get(&fake, target);
	fake.listener = "otlp";
	return rq;
}

/* The bytes of a span as protobuf; its length in *len. */
static uint8_t *
span_bytes(size_t *len)
{
	json_t *json = json_loads(SPAN_A, 0, NULL);
	ProtobufCMessage *message = NULL;
	uint8_t *bytes;

	ck_assert_int_eq(otlp_json_read(&otlp_traces_descriptor, json, &message, NULL),
	                 0);
	json_decref(json);
	*len = protobuf_c_message_get_packed_size(message);
	bytes = malloc(*len);
	protobuf_c_message_pack(message, bytes);
	protobuf_c_message_free_unpacked(message, NULL);
	return bytes;
}

static uint8_t *
gzip(const void *bytes, size_t len, size_t *out_len)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)len };
	size_t size = len / 500 + 1024;
	uint8_t *out;

	ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY),
	                 Z_OK);
	size += deflateBound(&z, 0);
	out = malloc(size);
	z.next_out = out;
	z.avail_out = (uInt)size;
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	*out_len = z.total_out;
	deflateEnd(&z);
	return out;
}

static uint8_t *
framed(int compressed, const void *bytes, size_t len)
{
	uint8_t *out = malloc(len + 5);

	out[0] = (uint8_t)compressed;
	for (int i = 0; i < 4; i++)
		out[1 + i] = (uint8_t)(len >> (24 - 8 * i));
	if (len)
		memcpy(out + 5, bytes, len);
	return out;
}

static size_t
count_of(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

static size_t
spans_held(void)
{
	return count_of(ask_page("/api/telemetry/spans")->body, "\"spanId\"");
}

/* That the last mistake on the Receiver page is this one. */
static void
assert_told(const char *text)
{
	json_t *status = json_loads(ask_page("/api/status")->body, 0, NULL);
	const char *first;

	ck_assert_ptr_nonnull(status);
	first = json_string_value(json_object_get(
		json_array_get(
			json_object_get(json_object_get(status, "receiver"), "errors"),
			0),
		"text"));
	ck_assert_ptr_nonnull(first);
	ck_assert_msg(strstr(first, text) != NULL, "expected \"%s\", found \"%s\"", text,
	              first);
	json_decref(status);
}

/* ---- OTLP over HTTP ---- */

START_TEST(protobuf_and_json_are_stored_alike)
{
	struct fake_request *rq;
	size_t len;
	uint8_t *bytes = span_bytes(&len);

	rq = post_as("/v1/traces", "application/x-protobuf", NULL, bytes, len);
	ck_assert_int_eq(rq->status, 200);
	ck_assert_str_eq(rq->type, "application/x-protobuf");
	ck_assert_uint_eq(rq->len, 0);
	rq = post_json("/v1/traces", SPAN(ID, "0102030405060709"));
	ck_assert_int_eq(rq->status, 200);
	ck_assert_str_eq(rq->type, "application/json");
	ck_assert_str_eq(rq->body, "{}");
	ck_assert_uint_eq(spans_held(), 2);
	free(bytes);
}
END_TEST

START_TEST(an_empty_body_is_an_empty_batch)
{
	ck_assert_int_eq(
		post_as("/v1/logs", "application/x-protobuf", NULL, "", 0)->status, 200);
	ck_assert_int_eq(post_json("/v1/metrics", "{}")->status, 200);
}
END_TEST

START_TEST(a_charset_beside_the_type_is_no_other_type)
{
	ck_assert_int_eq(post_as("/v1/traces", "Application/JSON; charset=utf-8", NULL,
	                         SPAN_A, strlen(SPAN_A))
	                         ->status,
	                 200);
	ck_assert_uint_eq(spans_held(), 1);
}
END_TEST

START_TEST(gzip_is_unpacked_and_its_tricks_are_refused)
{
	size_t len, zipped_len, bomb_len, big = (size_t)65 << 20;
	uint8_t *bytes = span_bytes(&len), *zipped = gzip(bytes, len, &zipped_len), *bomb;
	char *zeros = calloc(1, big);
	struct fake_request *rq;

	rq = post_as("/v1/traces", "application/x-protobuf", "gzip", zipped, zipped_len);
	ck_assert_int_eq(rq->status, 200);
	ck_assert_uint_eq(spans_held(), 1);

	rq = post_as("/v1/traces", "application/x-protobuf", "gzip", zipped,
	             zipped_len - 9);
	ck_assert_int_eq(rq->status, 400);
	assert_told("(cut off)");
	rq = post_as("/v1/traces", "application/x-protobuf", "gzip", bytes, len);
	ck_assert_int_eq(rq->status, 400);
	assert_told("Content-Encoding says gzip, and the body is not");
	rq = post_as("/v1/traces", "application/x-protobuf", "gzip", "", 0);
	ck_assert_int_eq(rq->status, 400);

	bomb = gzip(zeros, big, &bomb_len);
	ck_assert_uint_lt(bomb_len, 100000);
	rq = post_as("/v1/traces", "application/x-protobuf", "gzip", bomb, bomb_len);
	ck_assert_int_eq(rq->status, 413);
	assert_told("more than 64 MiB once decompressed");

	zipped = realloc(zipped, zipped_len + 3);
	memcpy(zipped + zipped_len, "abc", 3);
	rq = post_as("/v1/traces", "application/x-protobuf", "gzip", zipped,
	             zipped_len + 3);
	ck_assert_int_eq(rq->status, 400);
	assert_told("3 bytes follow the end of the gzip body");
	ck_assert_uint_eq(spans_held(), 1);
	free(zeros);
	free(bomb);
	free(zipped);
	free(bytes);
}
END_TEST

START_TEST(depth_and_size_are_refused_before_anything_is_built)
{
	size_t n = 34000, big = (size_t)12 << 20;
	char *deep = malloc(n), *wide = malloc(big);
	struct fake_request *rq;

	memset(deep, '[', n);
	rq = post_as("/v1/traces", "application/json", NULL, deep, n);
	ck_assert_int_eq(rq->status, 400);
	assert_told("nested deeper than 128 brackets");

	/* Empty messages in the field resource_spans: two bytes of body, a hundred of memory each. */
	for (size_t i = 0; i < big; i += 2)
		memcpy(wide + i, "\x0a\x00", 2);
	rq = post_as("/v1/traces", "application/x-protobuf", NULL, wide, big);
	ck_assert_int_eq(rq->status, 413);
	assert_told("more than 384 MiB once decoded");

	memset(wide, ',', big);
	rq = post_as("/v1/traces", "application/json", NULL, wide, big);
	ck_assert_int_eq(rq->status, 413);
	assert_told("values in one body");
	free(deep);
	free(wide);
}
END_TEST

START_TEST(each_wrong_request_is_told_in_words)
{
	static const struct {
		const char *method, *path, *type, *encoding, *body;
		int status;
		const char *told;
	} cases[] = {
		{ "GET", "/v1/traces", "application/json", NULL, "", 405,
		  "OTLP is sent by POST" },
		{ "POST", "/v1/traces", "text/plain", NULL, "x", 415,
		  "Content-Type: expected application/x-protobuf or application/json" },
		{ "POST", "/v1/traces", "application/jsonp", NULL, "x", 415,
		  "Content-Type: expected" },
		{ "POST", "/v1/traces", "application/json", "br", "x", 415,
		  "Content-Encoding: expected gzip or none" },
		{ "POST", "/v1/traces", "application/json", NULL, "{", 400,
		  "not JSON: line 1" },
		{ "POST", "/v1/traces", "application/json", "identity", "[]", 400,
		  "expected an object" },
		{ "POST", "/v1/traces", "application/x-protobuf", NULL, SPAN_A, 400,
		  "not OTLP: wire type 3 at byte 1" },
		{ "POST", "/v1/logs", "application/json", NULL,
		  "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"traceId\":\"AQID\"}]}]}]}",
		  400, "traceId: expected a hexadecimal id" },
		{ "POST", "/", "application/json", NULL, "{}", 404,
		  "the path is missing: /v1/traces, /v1/metrics or /v1/logs" },
		{ "POST", "/v1/trace", "application/json", NULL, "{}", 404,
		  "no such path" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct svc_header headers[] = { { "Content-Type", cases[i].type },
			                        { "Content-Encoding",
			                          cases[i].encoding } };
		struct fake_request *rq = fake_begin(&fake, cases[i].method,
		                                     cases[i].path, cases[i].body,
		                                     headers, cases[i].encoding ? 2 : 1);

		ck_assert_msg(rq->status == cases[i].status, "case %zu: %d", i,
		              rq->status);
		assert_told(cases[i].told);
	}
	ck_assert_uint_eq(spans_held(), 0);
}
END_TEST

/* Twelve ways in which newcomers get it wrong, and what the Receiver page says of each. */
START_TEST(each_mistake_of_a_newcomer_has_a_sentence_of_its_own)
{
	static char milliseconds[1024];
	static const struct {
		const char *method, *path, *type, *body;
		bool is_taken;
		const char *told;
	} cases[] = {
		{ "POST", "/", "application/json", SPAN_A, false,
		  "the path is missing: /v1/traces" },
		{ "POST", "/v1/traces/v1/traces", "application/json", SPAN_A, false,
		  "the path is there twice: OTEL_EXPORTER_OTLP_ENDPOINT is the address without" },
		{ "POST", "/api/v2/spans", "application/json", "[]", false,
		  "this is Zipkin's path" },
		{ "GET", "/v1/traces", "application/json", "", false,
		  "OTLP is sent by POST" },
		{ "POST", "/v1/traces", "text/plain", SPAN_A, false,
		  "Content-Type: expected application/x-protobuf or application/json" },
		{ "POST", "/v1/traces", "application/x-protobuf", SPAN_A, false,
		  "the body is JSON, and Content-Type says it is protobuf" },
		{ "POST", "/v1/traces", "application/x-protobuf", "\x1f\x8b\x08zzzz",
		  false,
		  "the body is compressed by gzip, and Content-Encoding does not say so" },
		{ "POST", "/v1/traces", "application/json",
		  SPAN("AQIDBAUGBwgJCgsMDQ4PEA==", "AQIDBAUGBwg="), false,
		  "traceId: expected a hexadecimal id (OTLP has no base64 there)" },
		{ "POST", "/v1/traces", "application/json",
		  SPAN("00000000000000000000000000000000", "0102030405060708"), false,
		  "span \"GET\": its trace id is all zeros" },
		{ "POST", "/v1/traces", "application/json", milliseconds, true,
		  "span \"GET\": its time is in milliseconds, and OTLP has nanoseconds" },
		{ "POST", "/v1/logs", "application/json", "{}", true,
		  "an empty batch: there are no log records in it" },
		{ "POST", "/v1/logs", "application/json", SPAN_A, true,
		  "these are spans, which belong to /v1/traces" },
	};
	size_t n = sizeof cases / sizeof *cases;
	json_t *status, *errors;

	snprintf(milliseconds, sizeof milliseconds,
	         "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"" ID
	         "\",\"spanId\":\"0102030405060708\",\"name\":\"GET\","
	         "\"startTimeUnixNano\":\"%llu\",\"endTimeUnixNano\":\"%llu\"}]}]}]}",
	         (unsigned long long)(station_now() / 1000000),
	         (unsigned long long)(station_now() / 1000000 + 5));
	for (size_t i = 0; i < n; i++) {
		struct svc_header type = { "Content-Type", cases[i].type };
		struct fake_request *rq = fake_begin(
			&fake, cases[i].method, cases[i].path, cases[i].body, &type, 1);

		ck_assert_msg(!cases[i].is_taken || rq->status == 200, "case %zu: %d", i,
		              rq->status);
		assert_told(cases[i].told);
	}
	status = json_loads(ask_page("/api/status")->body, 0, NULL);
	errors = json_object_get(json_object_get(status, "receiver"), "errors");
	ck_assert_uint_eq(json_array_size(errors), n); /* none is another's */
	for (size_t i = 0; i < n; i++) {
		json_t *error = json_array_get(errors, n - 1 - i);

		ck_assert_int_eq(json_is_true(json_object_get(error, "taken")),
		                 cases[i].is_taken);
		ck_assert_int_eq(json_integer_value(json_object_get(error, "count")), 1);
	}
	json_decref(status);
}
END_TEST

START_TEST(a_mistake_made_again_is_counted)
{
	json_t *status, *errors;

	for (int i = 0; i < 3; i++)
		post_json("/v1/logs", "{}");
	post_json("/v1/metrics", "{}");
	post_json("/v1/logs", "{}");
	status = json_loads(ask_page("/api/status")->body, 0, NULL);
	errors = json_object_get(json_object_get(status, "receiver"), "errors");
	ck_assert_uint_eq(json_array_size(errors), 2);
	ck_assert_int_eq(
		json_integer_value(json_object_get(json_array_get(errors, 0), "count")),
		4);
	json_decref(status);
}
END_TEST

START_TEST(an_error_comes_back_in_the_encoding_of_the_request)
{
	struct fake_request *rq = post_json("/v1/traces", "[]");
	Google__Rpc__Status *status;

	ck_assert_str_eq(rq->type, "application/json");
	ck_assert_str_eq(rq->body, "{\"code\":3,\"message\":\"expected an object\"}");
	rq = post_as("/v1/traces", "application/x-protobuf", NULL, "\x0b", 1);
	ck_assert_str_eq(rq->type, "application/x-protobuf");
	status = google__rpc__status__unpack(NULL, rq->len, (const uint8_t *)rq->body);
	ck_assert_ptr_nonnull(status);
	ck_assert_str_eq(status->message, "not OTLP: wire type 3 at byte 1");
	google__rpc__status__free_unpacked(status, NULL);
}
END_TEST

START_TEST(spans_without_ids_are_a_partial_success)
{
	struct fake_request *rq = post_json(
		"/v1/traces",
		"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":["
		"{\"traceId\":\"" ID
		"\",\"spanId\":\"0102030405060708\",\"name\":\"good\"},"
		"{\"traceId\":\"0102\",\"spanId\":\"0102030405060708\",\"name\":\"short\"},"
		"{\"traceId\":\"00000000000000000000000000000000\",\"spanId\":\"0102030405060708\","
		"\"name\":\"zero\"}]}]}]}");

	ck_assert_int_eq(rq->status, 200);
	ck_assert_str_eq(
		rq->body,
		"{\"partialSuccess\":{\"rejectedSpans\":\"2\",\"errorMessage\":\"span \\\"short\\\": "
		"expected a trace id of 16 bytes and a span id of 8, found 2 and 8\"}}");
	ck_assert_uint_eq(spans_held(), 1);
	rq = post_json("/v1/traces",
	               SPAN("00000000000000000000000000000000", "0102030405060708"));
	ck_assert_ptr_nonnull(strstr(rq->body, "its trace id is all zeros"));
}
END_TEST

/* ---- gRPC ---- */

static struct fake_request *
grpc(const char *path, const char *encoding, const void *body, size_t len)
{
	struct svc_header headers[] = { { "Content-Type", "application/grpc" },
		                        { "grpc-encoding", encoding } };
	struct fake_request *rq = fake_send(&fake, "POST", path, body, len, headers,
	                                    encoding ? 2 : 1);

	ck_assert(rq->done);
	ck_assert(rq->in_pieces && rq->ended);
	ck_assert_int_eq(rq->status, 200);
	return rq;
}

START_TEST(a_grpc_message_is_taken_whole_and_compressed)
{
	size_t len, zipped_len;
	uint8_t *bytes = span_bytes(&len), *zipped = gzip(bytes, len, &zipped_len),
		*frame = framed(0, bytes, len), *small = framed(1, zipped, zipped_len);
	struct fake_request *rq = grpc(TRACES_GRPC, NULL, frame, len + 5);

	ck_assert_str_eq(rq->type, "application/grpc");
	ck_assert_str_eq(fake_reply_trailer(rq, "grpc-status"), "0");
	ck_assert_uint_eq(rq->len, 5);
	ck_assert_int_eq(memcmp(rq->body, "\0\0\0\0\0", 5), 0);
	rq = grpc(TRACES_GRPC, "gzip", small, zipped_len + 5);
	ck_assert_str_eq(fake_reply_trailer(rq, "grpc-status"), "0");
	ck_assert_uint_eq(spans_held(), 2);
	ck_assert_str_eq(
		fake_reply_trailer(grpc(LOGS_GRPC, NULL, "\0\0\0\0\0", 5), "grpc-status"),
		"0");
	ck_assert_str_eq(fake_reply_trailer(grpc(METRICS_GRPC, NULL, "\0\0\0\0\0", 5),
	                                    "grpc-status"),
	                 "0");
	free(bytes);
	free(zipped);
	free(frame);
	free(small);
}
END_TEST

START_TEST(wrong_grpc_gets_its_status)
{
	static const struct {
		const char *path, *encoding, *body;
		size_t len;
		const char *status, *told;
	} cases[] = {
		{ TRACES_GRPC, NULL, "", 0, "3", "expected one whole message" },
		{ TRACES_GRPC, NULL, "\0\0\0", 3, "3", "expected one whole message" },
		{ TRACES_GRPC, NULL, "\0\0\0\0\x05zz", 7, "3",
		  "expected one whole message" },
		{ TRACES_GRPC, NULL, "\0\0\0\0\0\0\0\0\0\0", 10, "3",
		  "expected one whole message" },
		{ TRACES_GRPC, NULL, "\1\0\0\0\0", 5, "12",
		  "grpc-encoding: expected gzip or identity" },
		{ TRACES_GRPC, "snappy", "\1\0\0\0\0", 5, "12",
		  "grpc-encoding: expected gzip or identity" },
		{ TRACES_GRPC, "gzip", "\2\0\0\0\0", 5, "12",
		  "grpc-encoding: expected gzip or identity" },
		{ TRACES_GRPC, "gzip", "\1\0\0\0\1z", 6, "3", "the body is not" },
		{ TRACES_GRPC, NULL, "\0\0\0\0\1\x0b", 6, "3",
		  "not OTLP: wire type 3 at byte 1" },
		{ "/opentelemetry.proto.collector.trace.v1.TraceService/Import", NULL,
		  "\0\0\0\0\0", 5, "12", "no such path" },
		{ "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
		  NULL, "\0\0\0\0\0", 5, "12", "no such path" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fake_request *rq = grpc(cases[i].path, cases[i].encoding,
		                               cases[i].body, cases[i].len);

		ck_assert_msg(
			!strcmp(fake_reply_trailer(rq, "grpc-status"), cases[i].status),
			"case %zu: %s", i, fake_reply_trailer(rq, "grpc-status"));
		ck_assert_str_ne(fake_reply_trailer(rq, "grpc-message"), "");
		assert_told(cases[i].told);
	}
}
END_TEST

/* ---- who may ask ---- */

static struct fake_request *
clear_with(const char *name, const char *value)
{
	struct svc_header headers[] = { { "Host", "localhost:5050" }, { name, value } };
	struct fake_request *rq;

	fake.listener = "page";
	rq = fake_begin(&fake, "POST", "/api/clear", "", headers, name ? 2 : 1);
	fake.listener = "otlp";
	return rq;
}

START_TEST(only_its_own_page_may_clear_the_station)
{
	post_json("/v1/traces", SPAN_A);
	ck_assert_int_eq(clear_with("Sec-Fetch-Site", "cross-site")->status, 403);
	ck_assert_int_eq(clear_with("Sec-Fetch-Site", "same-site")->status, 403);
	ck_assert_int_eq(clear_with("Origin", "https://evil.example")->status, 403);
	ck_assert_int_eq(clear_with("Origin", "null")->status, 403);
	ck_assert_int_eq(clear_with("Origin", "http://localhost:5000")->status, 403);
	ck_assert_int_eq(ask_page("/api/clear")->status, 405);
	ck_assert_uint_eq(spans_held(), 1);
	ck_assert_int_eq(clear_with("Origin", "http://localhost:5050")->status, 204);
	ck_assert_uint_eq(spans_held(), 0);
	post_json("/v1/traces", SPAN_A);
	ck_assert_int_eq(clear_with(NULL, NULL)->status, 204); /* curl */
	ck_assert_uint_eq(spans_held(), 0);
}
END_TEST

START_TEST(a_name_that_is_not_ours_gets_no_page)
{
	static const struct {
		const char *host;
		int status;
	} cases[] = {
		{ "127.0.0.1:5050", 200 }, { "[::1]:5050", 200 },
		{ "localhost:5050", 200 }, { "LOCALHOST", 200 },
		{ "a.localhost:1", 200 },  { "192.168.1.20:5050", 200 },
		{ "rebind.example", 403 }, { "localhost.evil.example:5050", 403 },
		{ "1.2.3.4.nip.io", 403 }, { "station.lan:5050", 200 },
		{ "evillocalhost", 403 },
	};

	fake_fini(&fake);
	setup();
	fake_set(&fake, "hosts", "other.lan, station.lan");
	fake_start(&fake);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct svc_header host = { "Host", cases[i].host };
		struct fake_request *rq;

		fake.listener = "page";
		rq = fake_begin(&fake, "GET", "/api/status", NULL, &host, 1);
		ck_assert_msg(rq->status == cases[i].status, "%s: %d", cases[i].host,
		              rq->status);
	}
}
END_TEST

START_TEST(pages_of_this_machine_may_send_and_others_must_be_allowed)
{
	static const struct {
		const char *origin;
		bool may;
	} cases[] = {
		{ "http://localhost:3000", true },     { "http://127.0.0.1:8080", true },
		{ "https://shop.example", true },      { "https://evil.example", false },
		{ "http://localhost.example", false }, { "null", false },
	};

	fake_fini(&fake);
	setup();
	fake_set(&fake, "cors", "https://shop.example");
	fake_start(&fake);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct svc_header headers[] = { { "Origin", cases[i].origin },
			                        { "Content-Type", "application/json" },
			                        { "Access-Control-Request-Headers",
			                          "content-type" } };
		struct fake_request *ask = fake_begin(&fake, "OPTIONS", "/v1/traces", "",
		                                      headers, 3),
				    *post = fake_begin(&fake, "POST", "/v1/traces", "{}",
		                                       headers, 2);

		ck_assert_int_eq(ask->status, cases[i].may ? 204 : 403);
		ck_assert_int_eq(post->status, cases[i].may ? 200 : 403);
		if (!cases[i].may) {
			ck_assert_ptr_null(
				fake_reply_header(ask, "Access-Control-Allow-Origin"));
			assert_told("wants to send; allow it by cors");
			continue;
		}
		ck_assert_str_eq(fake_reply_header(ask, "Access-Control-Allow-Origin"),
		                 cases[i].origin);
		ck_assert_str_eq(fake_reply_header(post, "Access-Control-Allow-Origin"),
		                 cases[i].origin);
		ck_assert_str_eq(fake_reply_header(ask, "Access-Control-Allow-Headers"),
		                 "content-type");
	}
}
END_TEST

/* ---- forward ---- */

static void
start_forwarding(void)
{
	fake_fini(&fake);
	setup();
	fake_set(&fake, "forward", "http://collector:4318/");
	fake_start(&fake);
}

START_TEST(what_arrives_is_passed_on_as_it_came)
{
	size_t len, zipped_len;
	uint8_t *bytes = span_bytes(&len), *zipped = gzip(bytes, len, &zipped_len);

	start_forwarding();
	fake_answer(&fake, "http://collector:4318/v1/", 200, "{}");
	post_json("/v1/traces", SPAN_A);
	ck_assert_uint_eq(fake.n_calls, 1);
	ck_assert_str_eq(fake.calls[0].method, "POST");
	ck_assert_str_eq(fake.calls[0].url, "http://collector:4318/v1/traces");
	ck_assert_str_eq(fake.calls[0].body, SPAN_A);
	ck_assert_str_eq(fake_call_header(&fake.calls[0], "Content-Type"),
	                 "application/json");
	post_as("/v1/traces", "application/x-protobuf", "gzip", zipped, zipped_len);
	ck_assert_str_eq(fake_call_header(&fake.calls[1], "Content-Type"),
	                 "application/x-protobuf");
	ck_assert_int_eq(memcmp(fake.calls[1].body, bytes, 20), 0);
	post_json("/v1/traces", "[]"); /* what is refused is not passed on */
	ck_assert_uint_eq(fake.n_calls, 2);
	free(bytes);
	free(zipped);
}
END_TEST

START_TEST(what_was_forwarded_is_not_forwarded_again)
{
	struct svc_header headers[] = { { "Content-Type", "application/json" },
		                        { "Via", NULL } };

	start_forwarding();
	fake_answer(&fake, "http://collector:4318/v1/", 200, "{}");
	post_json("/v1/traces", SPAN_A);
	headers[1].value = fake_call_header(&fake.calls[0], "Via");
	ck_assert_ptr_nonnull(headers[1].value);
	ck_assert_int_eq(
		fake_begin(&fake, "POST", "/v1/traces", SPAN_A, headers, 2)->status, 200);
	ck_assert_uint_eq(fake.n_calls, 1);
	ck_assert_uint_eq(spans_held(), 2);
}
END_TEST

START_TEST(a_busy_collector_is_tried_again_and_a_refusing_one_is_not)
{
	struct fake_request *status;

	start_forwarding();
	fake_answer(&fake, "http://collector:4318/v1/", 503, "busy");
	post_json("/v1/traces", SPAN_A);
	ck_assert_uint_eq(fake.n_calls, 4);
	ck_assert_uint_eq(fake.n_slept, 3);
	ck_assert_int_eq(fake.slept_ms[0], 250);
	ck_assert_int_eq(fake.slept_ms[2], 1000);
	status = ask_page("/api/status");
	ck_assert_ptr_nonnull(strstr(status->body, "\"failed\":1"));
	ck_assert_ptr_nonnull(
		strstr(status->body, "http://collector:4318/v1/traces: 503 busy"));
	fake_answer(&fake, "http://collector:4318/v1/logs", 400, "no");
	post_json("/v1/logs", "{}");
	ck_assert_uint_eq(fake.n_calls, 5);
	fake_answer(&fake, "http://collector:4318/v1/metrics", 200, "{}");
	post_json("/v1/metrics", "{}");
	ck_assert_ptr_nonnull(
		strstr(ask_page("/api/status")->body, "\"lastError\":\"\""));
}
END_TEST

START_TEST(a_collector_that_hangs_costs_a_bounded_queue)
{
	char target[64];

	start_forwarding();
	fake.hold_http = true;
	for (int i = 0; i < 200; i++)
		post_json("/v1/logs", "{}");
	snprintf(target, sizeof target, "\"queued\":%d", 199);
	ck_assert_ptr_nonnull(strstr(ask_page("/api/status")->body, target));
}
END_TEST

START_TEST(a_forward_that_is_no_url_is_refused_at_start)
{
	struct otel_error err = OTEL_ERROR_INIT;

	fake_fini(&fake);
	setup();
	fake_set(&fake, "forward", "collector:4318");
	ck_assert_int_eq(fake_start_fails(&fake, &err), -EINVAL);
	ck_assert_str_eq(
		err.message,
		"forward = collector:4318: expected a URL, such as http://127.0.0.1:4318");
}
END_TEST

/* ---- asking ---- */

#define LOG(severity, text, id)                                                             \
	"{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"severityNumber\":" severity \
	",\"traceId\":\"" id "\",\"body\":{\"stringValue\":\"" text "\"}}]}]}]}"

START_TEST(filters_choose_and_wrong_ones_are_told)
{
	static const struct {
		const char *target, *part;
		size_t n;
	} cases[] = {
		{ "/api/telemetry/spans", "\"spanId\"", 3 },
		{ "/api/telemetry/spans?limit=2", "\"spanId\"", 2 },
		{ "/api/telemetry/spans?service=gateway", "\"spanId\"", 3 },
		{ "/api/telemetry/spans?service=other", "\"spanId\"", 0 },
		{ "/api/telemetry/spans?name=GET", "\"spanId\"", 3 },
		{ "/api/telemetry/spans?name=POST", "\"spanId\"", 0 },
		{ "/api/telemetry/spans?trace_id=" ID, "\"spanId\"", 2 },
		{ "/api/telemetry/spans?span_id=0102030405060709", "\"spanId\"", 1 },
		{ "/api/telemetry/spans?since=1h", "\"spanId\"", 3 },
		{ "/api/telemetry/spans?since=4102444800", "\"spanId\"", 0 },
		{ "/api/telemetry/traces?limit=1", "\"spanId\"", 2 },
		{ "/api/telemetry/traces?trace_id=" ID, "\"spanId\"", 2 },
		{ "/api/telemetry/logs", "\"body\"", 2 },
		{ "/api/telemetry/logs?severity=13", "\"body\"", 1 },
		{ "/api/telemetry/logs?severity=warn", "\"body\"", 1 },
		{ "/api/telemetry/logs?severity=info", "\"body\"", 2 },
		{ "/api/telemetry/logs?q=KNOWN", "\"body\"", 1 },
		{ "/api/telemetry/logs?q=nowhere", "\"body\"", 0 },
		{ "/api/telemetry/logs?trace_id=" ID, "\"body\"", 1 },
		{ "/api/traces", "\"traceId\"", 2 },
		{ "/api/traces?limit=1", "\"traceId\"", 1 },
		{ "/api/traces?limit=1", "\"more\":true", 1 },
		{ "/api/traces?q=0102030405", "\"traceId\"", 1 },
		{ "/api/traces?q=get", "\"traceId\"", 2 },
		{ "/api/traces?service=gateway", "\"traceId\"", 2 },
		{ "/api/traces?q=status%3D503", "\"traceId\"", 1 },
		{ "/api/traces?q=status%3D50", "\"traceId\"", 0 },
		{ "/api/traces?q=ok%3Dtrue", "\"traceId\"", 1 },
		{ "/api/traces?q=share%3D0.5", "\"traceId\"", 1 },
		{ "/api/traces?q=where%3Dlima", "\"traceId\"", 1 },
		{ "/api/traces?q=tus%3D503", "\"traceId\"", 0 },
		{ "/api/traces?service=none", "\"traceId\"", 0 },
		{ "/api/traces?min_ms=2.5", "\"traceId\"", 2 },
		{ "/api/traces?min_ms=3.5", "\"traceId\"", 0 },
		{ "/api/traces?errors=true", "\"traceId\"", 0 },
		{ "/api/services", "\"name\":\"gateway\"", 1 },
	};
	static const char *const wrong[][2] = {
		{ "/api/telemetry/spans?trace_id=12", "trace_id: expected 32 hex" },
		{ "/api/telemetry/spans?span_id=12", "span_id: expected 16 hex" },
		{ "/api/telemetry/spans?since=soon", "since: expected a duration" },
		{ "/api/telemetry/spans?limit=0", "limit: expected a number from 1" },
		{ "/api/telemetry/spans?limit=1e3", "limit: expected a number from 1" },
		{ "/api/telemetry/spans?follow=yes", "follow: expected true or false" },
		{ "/api/telemetry/logs?severity=loud", "severity: expected a severity" },
		{ "/api/traces?limit=9000", "limit: expected a number from 1 to 5000" },
		{ "/api/traces?min_ms=x", "min_ms: expected a number" },
		{ "/api/traces?errors=maybe", "errors: expected true or false" },
		{ "/api/traces?since=x", "since: expected a duration" },
	};

	post_json("/v1/traces", SPAN_A);
	post_json("/v1/traces", SPAN(ID, "0102030405060709"));
	post_json(
		"/v1/traces",
		"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
		"{\"stringValue\":\"gateway\"}}]},\"scopeSpans\":[{\"spans\":[{\"traceId\":\"ff02030405060708"
		"090a0b0c0d0e0f10\",\"spanId\":\"0102030405060708\",\"name\":\"GET\",\"kind\":2,"
		"\"startTimeUnixNano\":\"1000\",\"endTimeUnixNano\":\"3001000\",\"attributes\":["
		"{\"key\":\"status\",\"value\":{\"intValue\":\"503\"}},{\"key\":\"ok\",\"value\":{\"boolValue\":true}},"
		"{\"key\":\"share\",\"value\":{\"doubleValue\":0.5}},{\"key\":\"where\",\"value\":{\"stringValue\":\"Lima\"}}]}]}]}]}");
	post_json("/v1/logs", LOG("9", "known", ID));
	post_json("/v1/logs", LOG("17", "failed", "00000000000000000000000000000000"));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fake_request *rq = ask_page(cases[i].target);

		ck_assert_int_eq(rq->status, 200);
		ck_assert_msg(count_of(rq->body, cases[i].part) == cases[i].n, "%s: %s",
		              cases[i].target, rq->body);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct fake_request *rq = ask_page(wrong[i][0]);

		ck_assert_msg(rq->status == 400, "%s: %d", wrong[i][0], rq->status);
		ck_assert_ptr_nonnull(strstr(rq->body, wrong[i][1]));
	}
	ck_assert_int_eq(ask_page("/api/telemetry/profiles")->status, 404);
	ck_assert_int_eq(ask_page("/api/nothing")->status, 404);
}
END_TEST

START_TEST(a_trace_is_named_by_its_root_and_lists_services_by_time)
{
	struct fake_request *rq;

	post_json(
		"/v1/traces",
		"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
		"{\"stringValue\":\"late\"}}]},\"scopeSpans\":[{\"spans\":[{\"traceId\":\"" ID
		"\",\"spanId\":\"0102030405060702\",\"parentSpanId\":\"0102030405060701\",\"name\":\"inner\","
		"\"startTimeUnixNano\":\"2000\",\"endTimeUnixNano\":\"2500\"}]}]}]}");
	ck_assert_ptr_nonnull(
		strstr(ask_page("/api/traces")->body, "\"complete\":false"));
	post_json(
		"/v1/traces",
		"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
		"{\"stringValue\":\"early\"}}]},\"scopeSpans\":[{\"spans\":[{\"traceId\":\"" ID
		"\",\"spanId\":\"0102030405060701\",\"name\":\"GET\",\"startTimeUnixNano\":\"1000\","
		"\"endTimeUnixNano\":\"3000\",\"attributes\":[{\"key\":\"url.path\",\"value\":"
		"{\"stringValue\":\"/cart\"}}]}]}]}]}");
	rq = ask_page("/api/traces");
	ck_assert_msg(strstr(rq->body,
	                     "\"name\":\"GET\",\"path\":\"/cart\",\"service\":\"early\","
	                     "\"services\":[\"early\",\"late\"]") != NULL,
	              "%s", rq->body);
	ck_assert_ptr_nonnull(strstr(rq->body, "\"durationNano\":\"2000\""));
	ck_assert_ptr_nonnull(strstr(rq->body, "\"complete\":true"));
}
END_TEST

START_TEST(follow_tells_what_is_there_and_then_what_comes)
{
	struct fake_request *rq;

	post_json("/v1/traces", SPAN_A);
	fake.listener = "page";
	rq = fake_begin(&fake, "GET", "/api/telemetry/spans?follow=true&service=gateway",
	                NULL, NULL, 0);
	fake.listener = "otlp";
	ck_assert(!rq->done);
	ck_assert_str_eq(rq->type, "application/x-ndjson");
	ck_assert_uint_eq(count_of(rq->body, "\n"), 1);
	post_json("/v1/logs", LOG("9", "no span", ID));
	ck_assert_uint_eq(count_of(rq->body, "\n"), 1);
	post_json("/v1/traces", SPAN(ID, "0102030405060709"));
	ck_assert_uint_eq(count_of(rq->body, "\n"), 2);
	ck_assert_uint_eq(count_of(rq->body, "\"spanId\":\"0102030405060708\""), 1);
	ck_assert_uint_eq(count_of(rq->body, "\"spanId\":\"0102030405060709\""), 1);
	fake_cancel(rq);
	ck_assert(rq->done);
	ck_assert_int_eq(rq->returned, 0);
}
END_TEST

START_TEST(events_tell_that_something_arrived)
{
	struct fake_request *rq;

	fake.listener = "page";
	rq = fake_begin(&fake, "GET", "/api/events", NULL, NULL, 0);
	fake.listener = "otlp";
	ck_assert(!rq->done);
	ck_assert_str_eq(rq->type, "text/event-stream");
	ck_assert_str_eq(
		rq->body,
		"data: {\"seq\":0,\"spans\":0,\"logs\":0,\"metrics\":0,\"lifecycle\":0}\n\n");
	post_json("/v1/traces", SPAN_A);
	ck_assert_ptr_nonnull(strstr(
		rq->body,
		"data: {\"seq\":1,\"spans\":1,\"logs\":0,\"metrics\":0,\"lifecycle\":0}\n\n"));
	ck_assert_uint_gt(fake.n_slept,
	                  0); /* so that a storm is told five times a second */
	fake_cancel(rq);
	ck_assert_int_eq(rq->returned, 0);
}
END_TEST

START_TEST(the_page_is_served_beside_the_api)
{
	struct fake_request *rq = ask_page("/");

	ck_assert_int_eq(rq->status, 200);
	ck_assert_str_eq(rq->type, "text/html; charset=utf-8");
	ck_assert_ptr_nonnull(fake_reply_header(rq, "Content-Security-Policy"));
	ck_assert_int_eq(ask_page("/nothing")->status, 404);
	ck_assert_int_eq(fake_get(&fake, "/")->status, 404); /* by the port of OTLP */
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("station");
	TCase *tc = tcase_create("http");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, protobuf_and_json_are_stored_alike);
	tcase_add_test(tc, an_empty_body_is_an_empty_batch);
	tcase_add_test(tc, a_charset_beside_the_type_is_no_other_type);
	tcase_add_test(tc, gzip_is_unpacked_and_its_tricks_are_refused);
	tcase_add_test(tc, depth_and_size_are_refused_before_anything_is_built);
	tcase_add_test(tc, each_wrong_request_is_told_in_words);
	tcase_add_test(tc, each_mistake_of_a_newcomer_has_a_sentence_of_its_own);
	tcase_add_test(tc, a_mistake_made_again_is_counted);
	tcase_add_test(tc, an_error_comes_back_in_the_encoding_of_the_request);
	tcase_add_test(tc, spans_without_ids_are_a_partial_success);
	suite_add_tcase(suite, tc);
	tc = tcase_create("grpc");
	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, a_grpc_message_is_taken_whole_and_compressed);
	tcase_add_test(tc, wrong_grpc_gets_its_status);
	suite_add_tcase(suite, tc);
	tc = tcase_create("origin");
	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, only_its_own_page_may_clear_the_station);
	tcase_add_test(tc, a_name_that_is_not_ours_gets_no_page);
	tcase_add_test(tc, pages_of_this_machine_may_send_and_others_must_be_allowed);
	suite_add_tcase(suite, tc);
	tc = tcase_create("forward");
	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, what_arrives_is_passed_on_as_it_came);
	tcase_add_test(tc, what_was_forwarded_is_not_forwarded_again);
	tcase_add_test(tc, a_busy_collector_is_tried_again_and_a_refusing_one_is_not);
	tcase_add_test(tc, a_collector_that_hangs_costs_a_bounded_queue);
	tcase_add_test(tc, a_forward_that_is_no_url_is_refused_at_start);
	suite_add_tcase(suite, tc);
	tc = tcase_create("asking");
	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, filters_choose_and_wrong_ones_are_told);
	tcase_add_test(tc, a_trace_is_named_by_its_root_and_lists_services_by_time);
	tcase_add_test(tc, follow_tells_what_is_there_and_then_what_comes);
	tcase_add_test(tc, events_tell_that_something_arrived);
	tcase_add_test(tc, the_page_is_served_beside_the_api);
	suite_add_tcase(suite, tc);
	return check_main(suite);
}
