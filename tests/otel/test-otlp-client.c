/* SPDX-License-Identifier: Apache-2.0 */
/* One test for each line of what the specification asks of an OTLP client. */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <zlib.h>

#include "check-main.h"
#include "lane_priv.h"
#include "metrics_service.pb-c.h"
#include "otlp-receiver.h"
#include "otlp_priv.h"
#include "pipeline_priv.h"
#include "rpc_status.pb-c.h"
#include "trace_service.pb-c.h"

static struct receiver receiver;
static struct otelp_otlp_client *client;
static struct otelp_otlp_answer answer;
static struct otel_otlp_config config;
static struct otel_error err;
static char diagnostics[4096];

static void
keep_diagnostics(int level, const char *message, void *userdata)
{
	if (level < OTEL_DIAG_WARN)
		return;
	strncat(diagnostics, message, sizeof diagnostics - strlen(diagnostics) - 2);
	strcat(diagnostics, "\n");
}

static void
setup(void)
{
	otel_set_diagnostics(keep_diagnostics, NULL);
	otelp_otlp_backoff_ms = 1;
}

static void
start_client(int port)
{
	snprintf(config.endpoint, sizeof config.endpoint, "http://127.0.0.1:%d", port);
	ck_assert_msg(otelp_otlp_client_new(&config, OTEL_SIGNAL_TRACES, &client, &err) ==
	                      0,
	              "%s", err.message);
}

static void
start(int protocol, const struct step *steps, size_t n_steps)
{
	receiver_start(&receiver, protocol == OTEL_PROTOCOL_GRPC, steps, n_steps);
	config.protocol = protocol;
	start_client(receiver.port);
}
#define START(protocol, ...)                                \
	static const struct step steps[] = { __VA_ARGS__ }; \
	start(protocol, steps, sizeof steps / sizeof *steps)
#define START_HTTP(...) START(OTEL_PROTOCOL_HTTP_PROTOBUF, __VA_ARGS__)
#define START_GRPC(...) START(OTEL_PROTOCOL_GRPC, __VA_ARGS__)

static void
finish(void)
{
	otelp_otlp_client_free(client);
	receiver_stop(&receiver);
}

static int
send_text(const char *text, int timeout_ms)
{
	err = (struct otel_error)OTEL_ERROR_INIT;
	return otelp_otlp_client_send(client, text, strlen(text), timeout_ms, &answer,
	                              &err);
}

#define ck_sent(text)  ck_assert_msg(send_text(text, 10000) == 0, "%s", err.message)
#define ck_requests(n) ck_assert_uint_eq(atomic_load(&receiver.requests), n)
#define ck_head(line) \
	ck_assert_msg(strstr(receiver.head, line), "%s not in:\n%s", line, receiver.head)
#define ck_no_head(line) \
	ck_assert_msg(!strcasestr(receiver.head, line), "%s in:\n%s", line, receiver.head)
#define ck_says(text) \
	ck_assert_msg(strstr(err.message, text), "%s not in: %s", text, err.message)

#define OK_REPLY \
	"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"
#define STATUS_REPLY(status, head) \
	"HTTP/1.1 " status " X\r\n" head "Content-Length: 0\r\n\r\n"
static const struct step ok_step = { REPLY, OK_REPLY };

/* ---- HTTP: the request ---- */

START_TEST(a_request_is_as_the_specification_has_it)
{
	strcpy(config.headers, "Api-Key=secret%20word,x-empty=");
	START_HTTP({ REPLY, OK_REPLY });
	ck_sent("body");
	ck_head("POST /v1/traces HTTP/1.1\r\n");
	ck_head("content-type: application/x-protobuf\r\n");
	ck_head("User-Agent: OTel-OTLP-Exporter-C/" PACKAGE_VERSION "\r\n");
	ck_head("Content-Length: 4\r\n");
	ck_head("api-key: secret word\r\n");
	ck_head("x-empty:\r\n");
	ck_no_head("expect");
	ck_no_head("content-encoding");
	ck_assert_uint_eq(receiver.body_len, 4);
	ck_assert_mem_eq(receiver.body, "body", 4);
	finish();
}
END_TEST

START_TEST(a_connection_is_kept)
{
	START_HTTP({ REPLY, OK_REPLY });
	for (int i = 0; i < 5; i++)
		ck_sent("body");
	ck_requests(5);
	ck_assert_uint_eq(atomic_load(&receiver.connections), 1);
	finish();
}
END_TEST

START_TEST(headers_of_ours_are_not_the_user_s)
{
	strcpy(config.headers, "content-type=text/plain,a=1");
	START_HTTP({ REPLY, OK_REPLY });
	ck_sent("body");
	ck_head("content-type: application/x-protobuf\r\n");
	ck_no_head("text/plain");
	ck_head("a: 1\r\n");
	ck_assert_ptr_nonnull(strstr(diagnostics, "content-type is set by the exporter"));
	finish();
}
END_TEST

START_TEST(loopback_does_not_go_through_a_proxy)
{
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	START_HTTP({ REPLY, OK_REPLY });
	ck_sent("body");
	finish();
}
END_TEST

START_TEST(a_missing_certificate_is_a_mistake)
{
	strcpy(config.certificate, "/nonexistent/ca.pem");
	strcpy(config.endpoint, "https://127.0.0.1");
	ck_assert_int_eq(
		otelp_otlp_client_new(&config, OTEL_SIGNAL_TRACES, &client, &err),
		-ENOENT);
	ck_assert_str_eq(
		err.message,
		"OTLP certificate /nonexistent/ca.pem: No such file or directory");
}
END_TEST

/* ---- HTTP: the answer ---- */

static const char *const passing[] = { "429", "502", "503", "504" };

START_TEST(a_passing_status_is_tried_again)
{
	char reply[100];
	struct step steps[] = { { REPLY, reply }, { REPLY, reply }, { REPLY, OK_REPLY } };

	snprintf(reply, sizeof reply, STATUS_REPLY("%s", ""), passing[_i]);
	start(OTEL_PROTOCOL_HTTP_PROTOBUF, steps, 3);
	ck_sent("body");
	ck_requests(3);
	ck_assert_uint_eq(otelp_otlp_client_retries(client), 2);
	finish();
}
END_TEST

static const char *const final[] = { "307", "400", "401", "403", "404", "408",
	                             "413", "422", "500", "501", "505", "507" };

START_TEST(any_other_status_is_final)
{
	char reply[100], says[100];
	struct step steps[] = { { REPLY, reply }, { REPLY, OK_REPLY } };

	snprintf(reply, sizeof reply,
	         STATUS_REPLY("%s", "Location: /elsewhere\r\nRetry-After: 0\r\n"),
	         final[_i]);
	snprintf(says, sizeof says, "HTTP status %s", final[_i]);
	start(OTEL_PROTOCOL_HTTP_PROTOBUF, steps, 2);
	ck_assert_int_eq(send_text("body", 10000), -EIO);
	ck_says(says);
	ck_requests(1);
	finish();
}
END_TEST

/* With a back-off that no test could wait for, only Retry-After explains a success. */
START_TEST(retry_after_takes_the_place_of_back_off)
{
	otelp_otlp_backoff_ms = 3600 * 1000;
	START_HTTP(
		{ REPLY, STATUS_REPLY("503", "Retry-After: 0\r\n") },
		{ REPLY,
	          STATUS_REPLY("429", "retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n") },
		{ REPLY, OK_REPLY });
	ck_sent("body");
	ck_requests(3);
	finish();
}
END_TEST

START_TEST(retry_after_is_waited_for)
{
	int64_t began = otelp_monotonic_ms();

	START_HTTP({ REPLY, STATUS_REPLY("503", "Retry-After: 1\r\n") },
	           { REPLY, OK_REPLY });
	ck_sent("body");
	ck_assert_int_ge(otelp_monotonic_ms() - began, 1000);
	finish();
}
END_TEST

/* As is said with 0, or by a receiver whose clock is behind. */
START_TEST(a_receiver_that_says_at_once_is_not_asked_without_end)
{
	otelp_otlp_backoff_ms = 3600 * 1000;
	START_HTTP({ REPLY, STATUS_REPLY("503", "Retry-After: 0\r\n") });
	ck_assert_int_eq(send_text("body", 1000), -EIO);
	ck_assert_uint_ge(atomic_load(&receiver.requests), 2);
	ck_assert_uint_le(atomic_load(&receiver.requests), 8);
	finish();
}
END_TEST

START_TEST(a_wait_past_the_deadline_is_not_begun_and_holds_for_the_next)
{
	int64_t began = otelp_monotonic_ms();

	START_HTTP({ REPLY, STATUS_REPLY("503", "Retry-After: 100\r\n") },
	           { REPLY, OK_REPLY });
	ck_assert_int_eq(send_text("body", 20000), -EIO);
	ck_assert_int_lt(otelp_monotonic_ms() - began, 5000);
	ck_assert_int_eq(send_text("body", 50), -ETIMEDOUT);
	ck_requests(1);
	finish();
}
END_TEST

START_TEST(an_error_s_message_is_told)
{
	static char reply[300];
	struct step steps[] = { { REPLY, reply } };
	Google__Rpc__Status status;
	char text[] = "spans are\nnot for us";
	int n;

	google__rpc__status__init(&status);
	status.message = text;
	n = snprintf(
		reply, sizeof reply,
		"HTTP/1.1 400 X\r\nContent-Type: application/x-protobuf\r\nContent-Length: %zu\r\n\r\n",
		google__rpc__status__get_packed_size(&status));
	steps[0].reply_len = (size_t)n +
	                     google__rpc__status__pack(&status, (uint8_t *)reply + n);
	start(OTEL_PROTOCOL_HTTP_PROTOBUF, steps, 1);
	ck_assert_int_eq(send_text("body", 10000), -EIO);
	ck_says("/v1/traces: HTTP status 400: spans are not for us");
	finish();
}
END_TEST

START_TEST(a_partial_success_is_no_failure_and_not_tried_again)
{
	static char reply[300];
	struct step steps[] = { { REPLY, reply } };
	Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceResponse rsp;
	Opentelemetry__Proto__Collector__Trace__V1__ExportTracePartialSuccess partial;
	char text[] = "too old";
	int n;

	opentelemetry__proto__collector__trace__v1__export_trace_service_response__init(
		&rsp);
	opentelemetry__proto__collector__trace__v1__export_trace_partial_success__init(
		&partial);
	partial.rejected_spans = 3;
	partial.error_message = text;
	rsp.partial_success = &partial;
	n = snprintf(
		reply, sizeof reply,
		"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: %zu\r\n\r\n",
		opentelemetry__proto__collector__trace__v1__export_trace_service_response__get_packed_size(
			&rsp));
	steps[0].reply_len =
		(size_t)n +
		opentelemetry__proto__collector__trace__v1__export_trace_service_response__pack(
			&rsp, (uint8_t *)reply + n);
	start(OTEL_PROTOCOL_HTTP_PROTOBUF, steps, 1);
	ck_sent("body");
	ck_assert_uint_eq(answer.rejected, 3);
	ck_assert_str_eq(answer.message, "too old");
	ck_requests(1);
	finish();
}
END_TEST

START_TEST(an_answer_that_makes_no_sense_is_said_once)
{
	START_HTTP(
		{ REPLY,
	          "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 3\r\n\r\n\xff\xff\xff" },
		{ REPLY,
	          "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<p>!" });
	ck_sent("body");
	ck_sent("body");
	ck_assert_ptr_nonnull(strstr(diagnostics, "is that an OTLP receiver?"));
	ck_assert_ptr_eq(strchr(diagnostics, '\n') + 1,
	                 diagnostics + strlen(diagnostics));
	finish();
}
END_TEST

START_TEST(what_was_taken_is_not_sent_again_when_the_answer_breaks_off)
{
	START_HTTP({ REPLY_THEN_CLOSE,
	             "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789" },
	           { REPLY, OK_REPLY });
	ck_sent("body");
	ck_requests(1);
	finish();
}
END_TEST

START_TEST(an_answer_past_the_limit_is_a_failure_that_is_final)
{
	static char reply[5 << 20];
	struct step steps[] = { { REPLY_THEN_CLOSE, reply, sizeof reply } };
	int n = snprintf(reply, sizeof reply,
	                 "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n");

	memset(reply + n, 'x', sizeof reply - (size_t)n);
	start(OTEL_PROTOCOL_HTTP_PROTOBUF, steps, 1);
	ck_assert_int_eq(send_text("body", 10000), -EMSGSIZE);
	ck_says("the answer is larger than 4194304 bytes");
	ck_requests(1);
	finish();
}
END_TEST

/* A few kilobytes that become eight megabytes. */
START_TEST(the_limit_holds_after_decompression)
{
	static char zeros[8 << 20], reply[64 << 10];
	struct step steps[] = { { REPLY_THEN_CLOSE, reply } };
	struct otelp_gzip *gzip;
	uint8_t *zipped;
	size_t len;
	int n;

	ck_assert_int_eq(otelp_gzip_new(&gzip), 0);
	ck_assert_int_eq(
		otelp_gzip_run(gzip, 0, (uint8_t *)zeros, sizeof zeros, &zipped, &len),
		0);
	n = snprintf(
		reply, sizeof reply,
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
		len);
	ck_assert_uint_lt((size_t)n + len, sizeof reply);
	memcpy(reply + n, zipped, len);
	steps[0].reply_len = (size_t)n + len;
	otelp_gzip_free(gzip);
	start(OTEL_PROTOCOL_HTTP_PROTOBUF, steps, 1);
	ck_assert_int_eq(send_text("body", 10000), -EMSGSIZE);
	finish();
}
END_TEST

/* ---- HTTP: no answer ---- */

START_TEST(a_connection_that_closes_is_tried_again)
{
	START_HTTP({ CLOSE }, { CLOSE }, { REPLY, OK_REPLY });
	ck_sent("body");
	ck_requests(3);
	finish();
}
END_TEST

START_TEST(a_receiver_that_is_not_there_is_tried_until_the_deadline)
{
	int64_t began;

	receiver_start(&receiver, false, &ok_step, 1);
	receiver_stop(&receiver); /* now nobody listens on that port */
	otelp_otlp_backoff_ms = 10;
	start_client(receiver.port);
	began = otelp_monotonic_ms();
	ck_assert_int_eq(send_text("body", 300), -EIO);
	ck_assert_int_lt(otelp_monotonic_ms() - began, 2000);
	ck_assert_uint_gt(otelp_otlp_client_retries(client), 2);
	ck_says("connect");
	otelp_otlp_client_free(client);
}
END_TEST

static void *
finish_after_a_retry(void *arg)
{
	while (!otelp_otlp_client_retries(client))
		sched_yield();
	otelp_otlp_client_finish(client);
	return NULL;
}

/* Without a deadline, so that nothing but the end ends it. */
START_TEST(a_receiver_that_is_not_there_does_not_hold_up_the_end)
{
	pthread_t thread;

	receiver_start(&receiver, false, &ok_step, 1);
	receiver_stop(&receiver);
	otelp_otlp_backoff_ms = 3600 * 1000;
	start_client(receiver.port);
	ck_assert_int_eq(pthread_create(&thread, NULL, finish_after_a_retry, NULL), 0);
	ck_assert_int_eq(send_text("body", INT_MAX), -EIO);
	pthread_join(thread, NULL);
	ck_says("connect");
	ck_assert_int_eq(send_text("body", INT_MAX),
	                 -EIO); /* and once is enough for all that follow */
	otelp_otlp_client_free(client);
}
END_TEST

START_TEST(a_receiver_that_hangs_is_left_at_the_deadline)
{
	int64_t began;

	START_HTTP({ HANG });
	began = otelp_monotonic_ms();
	ck_assert_int_eq(send_text("body", 50), -ETIMEDOUT);
	ck_assert_int_lt(otelp_monotonic_ms() - began, 2000);
	ck_says("no answer in time");
	finish();
}
END_TEST

static void *
interrupt_after_request(void *arg)
{
	receiver_await(&receiver, 1);
	otelp_otlp_client_interrupt(client);
	return NULL;
}

/* A receiver that hangs, and one that asks for patience. */
static const struct step endless[] = {
	{ HANG }, { REPLY, STATUS_REPLY("503", "Retry-After: 1000\r\n") }
};

START_TEST(an_interrupt_ends_a_send_at_once)
{
	pthread_t thread;
	int64_t began = otelp_monotonic_ms();

	start(OTEL_PROTOCOL_HTTP_PROTOBUF, &endless[_i], 1);
	ck_assert_int_eq(pthread_create(&thread, NULL, interrupt_after_request, NULL), 0);
	ck_assert_int_eq(send_text("body", INT_MAX), -ECANCELED);
	pthread_join(thread, NULL);
	ck_assert_int_eq(send_text("body", INT_MAX),
	                 -ECANCELED); /* and all that follow */
	ck_assert_int_lt(otelp_monotonic_ms() - began, 3000);
	ck_requests(1);
	finish();
}
END_TEST

START_TEST(back_off_grows_and_jitters)
{
	int64_t began = otelp_monotonic_ms();

	otelp_otlp_backoff_ms = 40;
	START_HTTP({ CLOSE }, { CLOSE }, { CLOSE }, { REPLY, OK_REPLY });
	ck_sent("body");
	/* 40, 60, 90, each a fifth less at least */
	ck_assert_int_ge(otelp_monotonic_ms() - began, (40 + 60 + 90) * 4 / 5 - 3);
	finish();
}
END_TEST

START_TEST(a_child_has_a_connection_of_its_own)
{
	int status;
	pid_t pid;

	START_HTTP({ REPLY_THEN_CLOSE, OK_REPLY });
	ck_sent("body");
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(send_text("child", 5000) != 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_requests(2);
	ck_assert_mem_eq(receiver.body, "child", 5);
	ck_sent("body");
	finish();
}
END_TEST

/* ---- gRPC ---- */

#define EMPTY_MESSAGE "\0\0\0\0\0", 5
#define GRPC_OK                                                      \
	{                                                            \
		REPLY, NULL, 0, NULL, "0", NULL, NULL, EMPTY_MESSAGE \
	}

START_TEST(a_grpc_request_is_as_the_specification_has_it)
{
	strcpy(config.headers, "Api-Key=secret");
	START_GRPC(GRPC_OK);
	ck_sent("frame");
	ck_head(":method: POST\n");
	ck_head(":scheme: http\n");
	ck_head(":path: /opentelemetry.proto.collector.trace.v1.TraceService/Export\n");
	ck_head("content-type: application/grpc\n");
	ck_head("te: trailers\n");
	ck_head("user-agent: OTel-OTLP-Exporter-C/" PACKAGE_VERSION "\n");
	ck_head("api-key: secret\n");
	ck_head("grpc-timeout: ");
	ck_assert_uint_eq(receiver.body_len, 5);
	finish();
}
END_TEST

START_TEST(a_grpc_connection_is_kept)
{
	START_GRPC(GRPC_OK);
	for (int i = 0; i < 5; i++)
		ck_sent("frame");
	ck_assert_uint_eq(atomic_load(&receiver.connections), 1);
	finish();
}
END_TEST

START_TEST(a_grpc_connection_that_has_gone_is_made_anew)
{
	START_GRPC({ REPLY_THEN_CLOSE, NULL, 0, NULL, "0", NULL, NULL, EMPTY_MESSAGE },
	           GRPC_OK);
	ck_sent("frame");
	ck_sent("frame");
	ck_assert_uint_eq(atomic_load(&receiver.connections), 2);
	finish();
}
END_TEST

/* Each status by itself, once with the headers and once in trailers. */
START_TEST(each_grpc_status_is_tried_again_or_not)
{
	static const bool again[17] = {
		[1] = true, [4] = true, [10] = true, [11] = true, [14] = true, [15] = true
	};
	int status = _i / 2;
	char text[12];
	struct step steps[] = {
		{ REPLY, .grpc_status = text, .message = "no%20%e2%82%ac" }, GRPC_OK
	};

	if (status == 0)
		return;
	snprintf(text, sizeof text, "%d", status);
	if (_i & 1) {
		steps[0].body = "\0\0\0\0\0";
		steps[0].body_len = 5;
	}
	start(OTEL_PROTOCOL_GRPC, steps, 2);
	if (again[status]) {
		ck_sent("frame");
		ck_requests(2);
	} else {
		ck_assert_int_eq(send_text("frame", 10000), -EIO);
		ck_says(": no ???");
		ck_requests(1);
	}
	finish();
}
END_TEST

static void
base64(const uint8_t *bytes, size_t len, char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	int n = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | bytes[i];
		for (n += 8; n >= 6; n -= 6)
			*out++ = digits[bits >> (n - 6) & 63];
	}
	if (n)
		*out++ = digits[bits << (6 - n) & 63];
	*out = '\0'; /* without padding, as gRPC sends it */
}

static void
retry_info(char *out, int64_t seconds, const char *type)
{
	Google__Rpc__Duration delay;
	Google__Rpc__RetryInfo info;
	Google__Rpc__Detail detail, *details[] = { &detail };
	Google__Rpc__Status status;
	uint8_t packed[200], inner[50];
	char text[] = "slow down", url[100];

	google__rpc__duration__init(&delay);
	google__rpc__retry_info__init(&info);
	google__rpc__detail__init(&detail);
	google__rpc__status__init(&status);
	delay.seconds = seconds;
	info.retry_delay = &delay;
	snprintf(url, sizeof url, "type.googleapis.com/google.rpc.%s", type);
	detail.type_url = url;
	detail.value.data = inner;
	detail.value.len = google__rpc__retry_info__pack(&info, inner);
	status.code = 8;
	status.message = text;
	status.n_details = 1;
	status.details = details;
	base64(packed, google__rpc__status__pack(&status, packed), out);
}

START_TEST(exhausted_resources_are_tried_again_if_the_receiver_says_when)
{
	char details[400];
	struct step steps[] = { { REPLY, .grpc_status = "8", .details = details },
		                GRPC_OK };

	otelp_otlp_backoff_ms = 3600 * 1000; /* only RetryInfo explains a success */
	retry_info(details, 0, "RetryInfo");
	start(OTEL_PROTOCOL_GRPC, steps, 2);
	ck_sent("frame");
	ck_requests(2);
	finish();
}
END_TEST

START_TEST(exhausted_resources_without_a_time_are_final)
{
	char details[400];
	struct step steps[] = { { REPLY, .grpc_status = "8", .details = details },
		                GRPC_OK };

	retry_info(details, 0, "QuotaFailure");
	start(OTEL_PROTOCOL_GRPC, steps, 2);
	ck_assert_int_eq(send_text("frame", 10000), -EIO);
	ck_says("gRPC status 8 RESOURCE_EXHAUSTED: slow down");
	ck_requests(1);
	finish();
}
END_TEST

START_TEST(a_grpc_partial_success_is_read_from_the_frame)
{
	/* partial_success (1) of 5 bytes: rejected_spans (1) = 2, error_message (2) = "x" */
	START_GRPC({ REPLY, .grpc_status = "0", .body = "\0\0\0\0\7\x0a\5\x08\2\x12\1x",
	             .body_len = 12 });
	ck_sent("frame");
	ck_assert_uint_eq(answer.rejected, 2);
	ck_assert_str_eq(answer.message, "x");
	finish();
}
END_TEST

START_TEST(a_stream_that_is_reset_is_tried_again)
{
	START_GRPC({ RESET_STREAM }, { CLOSE }, GRPC_OK);
	ck_sent("frame");
	ck_requests(3);
	finish();
}
END_TEST

START_TEST(a_proxy_s_status_stands_in_for_a_grpc_status)
{
	START_GRPC({ REPLY, .http_status = "503" }, { REPLY, .http_status = "404" },
	           GRPC_OK);
	ck_assert_int_eq(send_text("frame", 10000), -EIO);
	ck_says("HTTP status 404 without a grpc-status");
	ck_requests(2);
	finish();
}
END_TEST

START_TEST(a_grpc_receiver_that_hangs_is_left_at_the_deadline)
{
	START_GRPC({ HANG }, GRPC_OK);
	ck_assert_int_eq(send_text("frame", 50), -ETIMEDOUT);
	otelp_otlp_client_interrupt(client);
	ck_assert_int_eq(send_text("frame", 50), -ECANCELED);
	finish();
}
END_TEST

START_TEST(a_receiver_without_http2_is_a_failure)
{
	receiver_start(&receiver, false, &(struct step){ REPLY, OK_REPLY }, 1);
	config.protocol = OTEL_PROTOCOL_GRPC;
	start_client(receiver.port);
	ck_assert_int_lt(send_text("frame", 50), 0);
	otelp_otlp_client_free(client);
	receiver_stop(&receiver);
}
END_TEST

/* ---- the exporter around it ---- */

static int
export_one_span(struct otel_exporter **exporter)
{
	static const struct otel_scope_data scope = { .name = "s",
		                                      .version = "",
		                                      .schema_url = "" };
	struct otel_span_data span = { .scope = &scope,
		                       .name = "a name",
		                       .status_message = "" };
	const struct otel_span_data *spans[] = { &span };

	snprintf(config.endpoint, sizeof config.endpoint, "http://127.0.0.1:%d",
	         receiver.port);
	ck_assert_int_eq(
		otelp_exporter_otlp_new(&config, OTEL_SIGNAL_TRACES, exporter, &err), 0);
	return (*exporter)->export_spans(*exporter, spans, 1, 10000, &err);
}

/* Reads a request as a receiver does: frame, gzip, protobuf. */
static void
ck_one_span(const uint8_t *body, size_t len, bool zipped)
{
	Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceRequest *request;
	uint8_t plain[4096];

	if (zipped) {
		z_stream stream = { 0 };

		ck_assert_int_eq(inflateInit2(&stream, 15 + 16), Z_OK);
		stream.next_in = (Bytef *)(uintptr_t)body;
		stream.avail_in = (unsigned)len;
		stream.next_out = plain;
		stream.avail_out = sizeof plain;
		ck_assert_int_eq(inflate(&stream, Z_FINISH), Z_STREAM_END);
		len = stream.total_out;
		body = plain;
		inflateEnd(&stream);
	}
	request =
		opentelemetry__proto__collector__trace__v1__export_trace_service_request__unpack(
			NULL, len, body);
	ck_assert_ptr_nonnull(request);
	ck_assert_str_eq(request->resource_spans[0]->scope_spans[0]->spans[0]->name,
	                 "a name");
	opentelemetry__proto__collector__trace__v1__export_trace_service_request__free_unpacked(
		request, NULL);
}

START_TEST(the_exporter_posts_what_a_receiver_reads)
{
	static const struct step grpc_ok = GRPC_OK;
	struct otel_exporter *exporter;
	bool grpc = _i & 1, zipped = _i & 2;

	config.protocol = grpc ? OTEL_PROTOCOL_GRPC : OTEL_PROTOCOL_HTTP_PROTOBUF;
	config.gzip = zipped;
	receiver_start(&receiver, grpc, grpc ? &grpc_ok : &ok_step, 1);
	ck_assert_msg(export_one_span(&exporter) == 0, "%s", err.message);
	if (grpc) {
		const uint8_t *head = (const uint8_t *)receiver.body;

		ck_assert_uint_eq(head[0], zipped);
		ck_assert_uint_eq((head[3] << 8 | head[4]) + 5u, receiver.body_len);
		ck_one_span(head + 5, receiver.body_len - 5, zipped);
		if (zipped)
			ck_head("grpc-encoding: gzip\n");
	} else {
		ck_one_span((const uint8_t *)receiver.body, receiver.body_len, zipped);
		if (zipped)
			ck_head("content-encoding: gzip\r\n");
	}
	exporter->free(exporter);
	receiver_stop(&receiver);
}
END_TEST

/* The exporter's thread stops where it has given a large buffer back and not yet forgotten it. */
static atomic_int gate; /* 1: closed, 2: it waits there, 3: open again */
static void *_Atomic given_back;

static void
gated_free(void *ptr)
{
	if (ptr && ptr == atomic_load(&given_back))
		abort();
	if (!ptr || atomic_load(&gate) != 1 || malloc_usable_size(ptr) < 16384) {
		free(ptr);
		return;
	}
	atomic_store(&given_back, ptr);
	atomic_store(&gate, 2);
	while (atomic_load(&gate) == 2)
		sched_yield();
}

static int
export_a_large_span(struct otel_exporter *exporter)
{
	static const struct otel_scope_data scope = { .name = "s",
		                                      .version = "",
		                                      .schema_url = "" };
	static char text[20000];
	struct otel_attribute large = OTEL_STRN("k", text, sizeof text);
	struct otel_span_data span = { .scope = &scope,
		                       .name = "n",
		                       .status_message = "",
		                       .attributes = &large,
		                       .n_attributes = 1 };
	const struct otel_span_data *spans[] = { &span };

	return exporter->export_spans(exporter, spans, 1, 10000, NULL);
}

static void *
exporting(void *exporter)
{
	return (void *)(intptr_t)export_a_large_span(exporter);
}

START_TEST(a_fork_in_the_middle_of_an_export_leaves_the_child_a_whole_exporter)
{
	struct otel_exporter *exporter;
	pthread_t thread;
	void *result;
	int status;
	pid_t pid;

	otel_set_allocator(NULL, NULL, gated_free);
	receiver_start(&receiver, false, &ok_step, 1);
	config.protocol = OTEL_PROTOCOL_HTTP_PROTOBUF;
	config.gzip = _i;
	snprintf(config.endpoint, sizeof config.endpoint, "http://127.0.0.1:%d",
	         receiver.port);
	ck_assert_int_eq(
		otelp_exporter_otlp_new(&config, OTEL_SIGNAL_TRACES, &exporter, &err), 0);
	atomic_store(&gate, 1);
	ck_assert_int_eq(pthread_create(&thread, NULL, exporting, exporter), 0);
	while (atomic_load(&gate) != 2)
		sched_yield();
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		status = export_a_large_span(exporter);
		exporter->free(exporter);
		_exit(status != 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) { /* one that only ends */
		exporter->free(exporter);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	atomic_store(&gate, 3);
	pthread_join(thread, &result);
	ck_assert_ptr_null(result);
	ck_requests(2);
	exporter->free(exporter);
	receiver_stop(&receiver);
}
END_TEST

/* Twenty spans of 100 bytes and more, of which no request can carry more than a few. */
START_TEST(a_batch_too_large_for_one_request_is_sent_in_several)
{
	static const struct otel_scope_data scope = { .name = "s",
		                                      .version = "",
		                                      .schema_url = "" };
	static char text[20000];
	struct otel_attribute large[] = { OTEL_STRN("k", text, 3000) },
			      huge[] = { OTEL_STRN("k", text, 20000) };
	struct otel_span_data span = { .scope = &scope,
		                       .name = "n",
		                       .status_message = "",
		                       .attributes = large,
		                       .n_attributes = 1 };
	struct otel_span_data whale = span;
	const struct otel_span_data *spans[20];
	struct otel_exporter *exporter;

	memset(text, 'x', sizeof text);
	whale.attributes = huge;
	for (int i = 0; i < 20; i++)
		spans[i] = &span;
	otelp_otlp_max_request =
		17000; /* the buffer is not checked before it has to grow past 16 KiB */
	config.protocol = _i ? OTEL_PROTOCOL_HTTP_JSON : OTEL_PROTOCOL_HTTP_PROTOBUF;
	receiver_start(&receiver, false, &ok_step, 1);
	snprintf(config.endpoint, sizeof config.endpoint, "http://127.0.0.1:%d",
	         receiver.port);
	ck_assert_int_eq(
		otelp_exporter_otlp_new(&config, OTEL_SIGNAL_TRACES, &exporter, &err), 0);
	ck_assert_int_eq(exporter->export_spans(exporter, spans, 20, 10000, &err), 0);
	ck_requests(4);    /* 20 are halved twice */
	spans[3] = &whale; /* one that fits nowhere takes only itself along */
	ck_assert_int_eq(exporter->export_spans(exporter, spans, 4, 10000, &err), 1);
	ck_assert_ptr_nonnull(strstr(diagnostics, "larger than a request may be"));
	ck_requests(6);
	exporter->free(exporter);
	receiver_stop(&receiver);
}
END_TEST

#define N(array) ((int)(sizeof(array) / sizeof *(array)))

int
main(void)
{
	Suite *suite = suite_create("otlp-client");
	TCase *request = tcase_create("request"), *reply = tcase_create("answer"),
	      *none = tcase_create("silence");
	TCase *grpc = tcase_create("grpc"), *exporter = tcase_create("exporter");

	tcase_add_checked_fixture(request, setup, NULL);
	tcase_add_test(request, a_request_is_as_the_specification_has_it);
	tcase_add_test(request, a_connection_is_kept);
	tcase_add_test(request, headers_of_ours_are_not_the_user_s);
	tcase_add_test(request, loopback_does_not_go_through_a_proxy);
	tcase_add_test(request, a_missing_certificate_is_a_mistake);
	suite_add_tcase(suite, request);
	tcase_add_checked_fixture(reply, setup, NULL);
	tcase_add_loop_test(reply, a_passing_status_is_tried_again, 0, N(passing));
	tcase_add_loop_test(reply, any_other_status_is_final, 0, N(final));
	tcase_add_test(reply, retry_after_takes_the_place_of_back_off);
	tcase_add_test(reply, retry_after_is_waited_for);
	tcase_add_test(reply, a_receiver_that_says_at_once_is_not_asked_without_end);
	tcase_add_test(reply,
	               a_wait_past_the_deadline_is_not_begun_and_holds_for_the_next);
	tcase_add_test(reply, an_error_s_message_is_told);
	tcase_add_test(reply, a_partial_success_is_no_failure_and_not_tried_again);
	tcase_add_test(reply, an_answer_that_makes_no_sense_is_said_once);
	tcase_add_test(reply,
	               what_was_taken_is_not_sent_again_when_the_answer_breaks_off);
	tcase_add_test(reply, an_answer_past_the_limit_is_a_failure_that_is_final);
	tcase_add_test(reply, the_limit_holds_after_decompression);
	suite_add_tcase(suite, reply);
	tcase_add_checked_fixture(none, setup, NULL);
	tcase_add_test(none, a_connection_that_closes_is_tried_again);
	tcase_add_test(none, a_receiver_that_is_not_there_is_tried_until_the_deadline);
	tcase_add_test(none, a_receiver_that_is_not_there_does_not_hold_up_the_end);
	tcase_add_test(none, a_receiver_that_hangs_is_left_at_the_deadline);
	tcase_add_loop_test(none, an_interrupt_ends_a_send_at_once, 0, N(endless));
	tcase_add_test(none, back_off_grows_and_jitters);
	tcase_add_test(none, a_child_has_a_connection_of_its_own);
	suite_add_tcase(suite, none);
	tcase_add_checked_fixture(grpc, setup, NULL);
	tcase_add_test(grpc, a_grpc_request_is_as_the_specification_has_it);
	tcase_add_test(grpc, a_grpc_connection_is_kept);
	tcase_add_test(grpc, a_grpc_connection_that_has_gone_is_made_anew);
	tcase_add_loop_test(grpc, each_grpc_status_is_tried_again_or_not, 2, 34);
	tcase_add_test(grpc,
	               exhausted_resources_are_tried_again_if_the_receiver_says_when);
	tcase_add_test(grpc, exhausted_resources_without_a_time_are_final);
	tcase_add_test(grpc, a_grpc_partial_success_is_read_from_the_frame);
	tcase_add_test(grpc, a_stream_that_is_reset_is_tried_again);
	tcase_add_test(grpc, a_proxy_s_status_stands_in_for_a_grpc_status);
	tcase_add_test(grpc, a_grpc_receiver_that_hangs_is_left_at_the_deadline);
	tcase_add_test(grpc, a_receiver_without_http2_is_a_failure);
	suite_add_tcase(suite, grpc);
	tcase_add_checked_fixture(exporter, setup, NULL);
	tcase_add_loop_test(exporter, the_exporter_posts_what_a_receiver_reads, 0, 4);
#ifndef __SANITIZE_THREAD__ /* which has its own ideas of a fork with threads */
	tcase_add_loop_test(
		exporter,
		a_fork_in_the_middle_of_an_export_leaves_the_child_a_whole_exporter, 0,
		2);
#endif
	tcase_add_loop_test(exporter,
	                    a_batch_too_large_for_one_request_is_sent_in_several, 0, 2);
	suite_add_tcase(suite, exporter);
	return check_main(suite);
}
