/* SPDX-License-Identifier: Apache-2.0 */
#include "receive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "decode.h"
#include "mistakes.h"
#include "origin.h"
#include "otlp.h"
#include "query.h"

#define MAX_NAMES    8
#define OFFLOAD_FROM ((size_t)64 << 10) /* bytes worth a thread of their own to decode */

enum protocol { HTTP_PROTOBUF, HTTP_JSON, GRPC, N_PROTOCOLS };
static const char *const protocol_names[N_PROTOCOLS] = { "http/protobuf", "http/json",
	                                                 "grpc" };

/* google.rpc.Code */
enum {
	CODE_OK = 0,
	CODE_INVALID_ARGUMENT = 3,
	CODE_RESOURCE_EXHAUSTED = 8,
	CODE_UNIMPLEMENTED = 12
};

static const struct signal {
	const char *name, *path, *grpc_path;
	const ProtobufCMessageDescriptor *request;
} signals[STORE_N_SIGNALS] = {
	[STORE_SPANS] = { "traces", "/v1/traces",
	                  "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
	                  &otlp_traces_descriptor },
	[STORE_LOGS] = { "logs", "/v1/logs",
	                 "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
	                 &otlp_logs_descriptor },
	[STORE_METRICS] = { "metrics", "/v1/metrics",
	                    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
	                    &otlp_metrics_descriptor },
};

struct receiver {
	const struct svc_host *host;
	struct store *store;
	struct svc_event *arrived;
	struct forward *forward;
	struct {
		uint64_t requests, items, bytes, failed, last_unix_ns;
	} counts[STORE_N_SIGNALS][N_PROTOCOLS];
	struct mistakes mistakes;
	char names[MAX_NAMES][200]; /* host:port by which senders reach it, a ring */
	unsigned n_names;
};

int
receiver_new(const struct svc_host *host, struct store *store, struct svc_event *arrived,
             struct forward *forward, struct receiver **out)
{
	struct receiver *receiver = calloc(1, sizeof *receiver);

	if (!receiver)
		return -ENOMEM;
	receiver->host = host;
	receiver->store = store;
	receiver->arrived = arrived;
	receiver->forward = forward;
	*out = receiver;
	return 0;
}

void
receiver_free(struct receiver *receiver)
{
	free(receiver);
}

bool
receiver_is_named(const void *receiver, const char *authority)
{
	const struct receiver *r = receiver;

	for (size_t i = 0; i < MAX_NAMES; i++)
		if (!strcasecmp(r->names[i], authority))
			return true;
	return false;
}

/* ---- what went wrong, for people ---- */

static void
copy_text(char *out, size_t size, const char *text)
{
	size_t n = strlen(text);

	n = n < size ? n : size - 1;
	memcpy(out, text, n);
	out[n] = '\0';
}

static void
note_mistake(struct receiver *receiver, struct svc_request *req, const char *text)
{
	mistakes_note(&receiver->mistakes, req, false, text);
}

/* Notes what was wrong, and what is odd about something that was taken. */
static void
note_outcome(struct receiver *receiver, struct svc_request *req,
             const struct decode_job *job, long taken, uint64_t rejected)
{
	struct otel_error odd = OTEL_ERROR_INIT;

	if (taken < 0 || rejected)
		note_mistake(receiver, req, job->err.message);
	else if (mistake_of_message(job, taken, station_now(), &odd))
		mistakes_note(&receiver->mistakes, req, true, odd.message);
}

/* Keeps the name by which the sender knows this receiver. */
static void
note_name(struct receiver *receiver, struct svc_request *req)
{
	const char *name = svc_header(req, "host");

	if (name && !receiver_is_named(receiver, name))
		copy_text(receiver->names[receiver->n_names++ % MAX_NAMES],
		          sizeof receiver->names[0], name);
}

/* Decodes, stores and passes on. Items taken, or a negative errno with job->err; job is left to be finished. */
static long
take(struct receiver *receiver, struct decode_job *job, uint64_t *rejected)
{
	long taken;

	if (job->len < OFFLOAD_FROM || svc_offload(receiver->host, decode_run, job) < 0)
		decode_run(job);
	if (job->result < 0) {
		mistake_of_body(job);
		return job->result;
	}
	taken = store_add(receiver->store, job->signal, job->message, station_now(),
	                  rejected, &job->err);
	if (taken < 0) {
		job->err.code = 0;
		otel_error_set(&job->err, (int)taken, "the station is out of memory");
		return taken;
	}
	if (!job->forwarded)
		forward_add(receiver->forward, signals[job->signal].name,
		            job->json ? "application/json" : "application/x-protobuf",
		            job->body, job->len);
	svc_event_set(receiver->host, receiver->arrived);
	return taken;
}

/* A large message has many blocks, and to free them takes about as long as it took to make them. */
static void
job_fini(struct receiver *receiver, struct decode_job *job)
{
	if (job->len < OFFLOAD_FROM || svc_offload(receiver->host, decode_fini, job) < 0)
		decode_fini(job);
}

static void
count(struct receiver *receiver, int signal, int protocol, long taken, size_t bytes)
{
	receiver->counts[signal][protocol].requests++;
	receiver->counts[signal][protocol].bytes += bytes;
	receiver->counts[signal][protocol].last_unix_ns = station_now();
	if (taken < 0)
		receiver->counts[signal][protocol].failed++;
	else
		receiver->counts[signal][protocol].items += (uint64_t)taken;
}

/* ---- answers ---- */

static bool
was_forwarded(struct svc_request *req)
{
	const char *via = svc_header(req, "via");

	return via && strstr(via, FORWARD_VIA);
}

/* Whether the browser's page that asks, if it is one, may; says so in the reply. */
static bool
allow_origin(struct receiver *receiver, struct svc_request *req)
{
	const char *origin = svc_header(req, "origin");
	char text[300];

	if (!origin)
		return true;
	svc_reply_header(req, "Vary", "Origin");
	if (!web_origin_is_allowed(origin, svc_config(receiver->host, "cors"))) {
		snprintf(
			text, sizeof text,
			"a page of %.120s wants to send; allow it by cors in [plugin station]",
			origin);
		note_mistake(receiver, req, text);
		return false;
	}
	svc_reply_header(req, "Access-Control-Allow-Origin", origin);
	return true;
}

/* What a browser asks before it lets a page send. */
static int
reply_preflight(struct svc_request *req)
{
	const char *headers = svc_header(req, "access-control-request-headers");

	svc_reply_header(req, "Access-Control-Allow-Methods", "POST");
	svc_reply_header(req, "Access-Control-Allow-Headers",
	                 headers ? headers : "content-type, content-encoding");
	svc_reply_header(req, "Access-Control-Max-Age", "3600");
	return svc_reply(req, 204, NULL, NULL, 0);
}

/*
 * Export{Trace,Logs,Metrics}ServiceResponse. The three have the same fields under different names:
 * partial_success = 1 with rejected_... = 1 and error_message = 2.
 */
static void
write_response(struct buf *buf, int signal, bool json, uint64_t rejected,
               const char *message)
{
	static const char *const rejected_names[] = { "rejectedSpans",
		                                      "rejectedLogRecords",
		                                      "rejectedDataPoints" };
	otlp_partial_success partial;
	otlp_response response;
	uint8_t packed[512];

	if (json) {
		buf_puts(buf, "{");
		if (rejected) {
			buf_printf(buf,
			           "\"partialSuccess\":{\"%s\":\"%" PRIu64
			           "\",\"errorMessage\":",
			           rejected_names[signal], rejected);
			buf_json_string(buf, message, strlen(message));
			buf_puts(buf, "}");
		}
		buf_puts(buf, "}");
		return;
	}
	buf_add(buf, "", 0);
	if (!rejected)
		return;
	otlp_partial_success_init(&partial);
	otlp_response_init(&response);
	partial.rejected_spans = (int64_t)rejected;
	partial.error_message = (char *)(uintptr_t)message;
	response.partial_success = &partial;
	buf_add(buf, packed, protobuf_c_message_pack(&response.base, packed));
}

/* google.rpc.Status in the request's own encoding, as OTLP/HTTP has it for 4xx and 5xx. */
static int
reply_status(struct svc_request *req, int status, bool json, const char *message)
{
	Google__Rpc__Status body;
	uint8_t packed[512];
	struct buf buf = { 0 };
	int r;

	if (json) {
		buf_puts(&buf, "{\"code\":3,\"message\":");
		buf_json_string(&buf, message, strlen(message));
		buf_puts(&buf, "}");
		r = svc_reply(req, status, "application/json", buf.data, buf.len);
		buf_fini(&buf);
		return r;
	}
	google__rpc__status__init(&body);
	body.code = CODE_INVALID_ARGUMENT;
	body.message = (char *)(uintptr_t)message;
	return svc_reply(req, status, "application/x-protobuf", packed,
	                 protobuf_c_message_pack(&body.base, packed));
}

static bool
media_type_is(const char *header, const char *type)
{
	size_t n = strlen(type);

	return header && !strncasecmp(header, type, n) &&
	       (!header[n] || header[n] == ';' || header[n] == ' ');
}

static int
handle_http(struct receiver *receiver, struct svc_request *req, int signal)
{
	const char *type = svc_header(req, "content-type"), *encoding;
	struct decode_job job = { .signal = signal,
		                  .descriptor = signals[signal].request,
		                  .body = req->body,
		                  .len = req->len };
	uint64_t rejected = 0;
	struct buf buf = { 0 };
	long taken;
	int r;

	job.json = media_type_is(type, "application/json");
	job.forwarded = was_forwarded(req);
	if (!allow_origin(receiver, req))
		return svc_reply_text(req, 403,
		                      "pages of this origin may not send here\n");
	if (!strcmp(req->method, "OPTIONS"))
		return reply_preflight(req);
	if (strcmp(req->method, "POST") != 0) {
		note_mistake(receiver, req, "OTLP is sent by POST");
		svc_reply_header(req, "Allow", "POST");
		return svc_reply_text(req, 405, "OTLP is sent by POST\n");
	}
	if (!job.json && !media_type_is(type, "application/x-protobuf")) {
		note_mistake(
			receiver, req,
			"Content-Type: expected application/x-protobuf or application/json");
		return svc_reply_text(
			req, 415,
			"Content-Type: expected application/x-protobuf or application/json\n");
	}
	encoding = svc_header(req, "content-encoding");
	job.gzip = encoding && !strcasecmp(encoding, "gzip");
	if (encoding && !job.gzip && strcasecmp(encoding, "identity") != 0) {
		note_mistake(receiver, req, "Content-Encoding: expected gzip or none");
		return svc_reply_text(req, 415,
		                      "Content-Encoding: expected gzip or none\n");
	}
	taken = take(receiver, &job, &rejected);
	count(receiver, signal, job.json ? HTTP_JSON : HTTP_PROTOBUF, taken, req->len);
	note_outcome(receiver, req, &job, taken, rejected);
	if (taken < 0) {
		r = reply_status(req,
		                 taken == -ENOMEM     ? 503
		                 : taken == -EMSGSIZE ? 413
		                                      : 400,
		                 job.json, job.err.message);
	} else {
		write_response(&buf, signal, job.json, rejected, job.err.message);
		r = svc_reply(req, 200,
		              job.json ? "application/json" : "application/x-protobuf",
		              buf.data, buf.len);
	}
	buf_fini(&buf);
	job_fini(receiver, &job);
	return r;
}

/* A unary answer: one message when it went well, then the status as trailers. */
static int
reply_grpc(struct svc_request *req, int code, const char *message, const struct buf *body)
{
	uint8_t head[5] = { 0, (uint8_t)(body->len >> 24), (uint8_t)(body->len >> 16),
		            (uint8_t)(body->len >> 8), (uint8_t)body->len };
	char number[4] = { (char)('0' + code / 10), (char)('0' + code % 10), '\0' };
	int r = svc_reply_begin(req, 200, "application/grpc");

	if (r == 0 && code == CODE_OK)
		r = svc_reply_write(req, head, sizeof head);
	if (r == 0 && code == CODE_OK && body->len)
		r = svc_reply_write(req, body->data, body->len);
	if (r < 0)
		return r;
	svc_reply_trailer(req, "grpc-status", code < 10 ? number + 1 : number);
	if (code != CODE_OK) {
		struct buf text = { 0 };

		/* Percent-encoded, as gRPC over HTTP/2 has it. */
		for (const char *c = message; *c; c++) {
			if (*c >= ' ' && *c <= '~' && *c != '%')
				buf_add(&text, c, 1);
			else
				buf_printf(&text, "%%%02X", (unsigned char)*c);
		}
		svc_reply_trailer(req, "grpc-message", text.data ? text.data : "");
		buf_fini(&text);
	}
	return svc_reply_end(req);
}

static int
handle_grpc(struct receiver *receiver, struct svc_request *req, int signal)
{
	const uint8_t *body = req->body;
	const char *encoding = svc_header(req, "grpc-encoding");
	struct decode_job job = { .signal = signal,
		                  .descriptor = signals[signal].request };
	uint64_t rejected = 0;
	struct buf buf = { 0 };
	long taken;
	int r;

	if (req->len < 5 ||
	    req->len - 5 != ((size_t)body[1] << 24 | (size_t)body[2] << 16 |
	                     (size_t)body[3] << 8 | body[4])) {
		note_mistake(receiver, req, "gRPC: expected one whole message");
		return reply_grpc(req, CODE_INVALID_ARGUMENT,
		                  "expected one whole message", &buf);
	}
	if (body[0] > 1 ||
	    (body[0] && (!encoding || strcasecmp(encoding, "gzip") != 0))) {
		note_mistake(receiver, req, "grpc-encoding: expected gzip or identity");
		svc_reply_header(req, "grpc-accept-encoding", "identity,gzip");
		return reply_grpc(req, CODE_UNIMPLEMENTED,
		                  "grpc-encoding: expected gzip or identity", &buf);
	}
	job.gzip = body[0] == 1;
	job.forwarded = was_forwarded(req);
	job.body = body + 5;
	job.len = req->len - 5;
	taken = take(receiver, &job, &rejected);
	count(receiver, signal, GRPC, taken, req->len);
	note_outcome(receiver, req, &job, taken, rejected);
	if (taken >= 0)
		write_response(&buf, signal, false, rejected, job.err.message);
	r = reply_grpc(req,
	               taken >= 0                               ? CODE_OK
	               : taken == -ENOMEM || taken == -EMSGSIZE ? CODE_RESOURCE_EXHAUSTED
	                                                        : CODE_INVALID_ARGUMENT,
	               job.err.message, &buf);
	buf_fini(&buf);
	job_fini(receiver, &job);
	return r;
}

static int
signal_of(const struct svc_request *req, bool *grpc)
{
	for (int i = 0; i < STORE_N_SIGNALS; i++) {
		*grpc = !strcmp(req->path, signals[i].grpc_path);
		if (*grpc || !strcmp(req->path, signals[i].path))
			return i;
	}
	return -1;
}

bool
receiver_wants(const struct svc_request *req)
{
	bool grpc;

	return signal_of(req, &grpc) >= 0;
}

int
receiver_handle(struct receiver *receiver, struct svc_request *req)
{
	bool grpc;
	int signal = signal_of(req, &grpc);

	note_name(receiver, req);
	return grpc ? handle_grpc(receiver, req, signal)
	            : handle_http(receiver, req, signal);
}

int
receiver_refuse(struct receiver *receiver, struct svc_request *req)
{
	struct buf none = { 0 };

	note_mistake(receiver, req, mistake_of_path(req->path));
	if (media_type_is(svc_header(req, "content-type"), "application/grpc"))
		return reply_grpc(req, CODE_UNIMPLEMENTED, "no such method", &none);
	return svc_reply_text(
		req, 404,
		"This port takes OTLP: POST /v1/traces, /v1/metrics or /v1/logs, or gRPC.\n"
		"The station's page is on another one, 5050 unless it was changed.\n");
}

bool
receiver_refusal(const struct receiver *receiver, uint64_t since_unix_ns, char *out,
                 size_t size)
{
	const struct mistake *mistake =
		mistakes_newest(&receiver->mistakes, since_unix_ns);

	if (mistake)
		snprintf(out, size, "%s: %s", mistake->where, mistake->text);
	return mistake != NULL;
}

void
receiver_write(const struct receiver *receiver, struct buf *buf)
{
	bool first = true;

	buf_puts(buf, "{\"reachedBy\":[");
	for (unsigned i = 0; i < receiver->n_names && i < MAX_NAMES; i++) {
		buf_puts(buf, i ? "," : "");
		buf_json_string(buf, receiver->names[i], strlen(receiver->names[i]));
	}
	buf_puts(buf, "],\"signals\":[");
	for (int s = 0; s < STORE_N_SIGNALS; s++) {
		for (int p = 0; p < N_PROTOCOLS; p++) {
			if (!receiver->counts[s][p].requests)
				continue;
			buf_printf(
				buf,
				"%s{\"signal\":\"%s\",\"protocol\":\"%s\",\"requests\":%" PRIu64
				",\"items\":%" PRIu64 ",\"bytes\":%" PRIu64
				",\"failed\":%" PRIu64 ",\"lastUnixNano\":\"%" PRIu64
				"\"}",
				first ? "" : ",", signals[s].name, protocol_names[p],
				receiver->counts[s][p].requests,
				receiver->counts[s][p].items,
				receiver->counts[s][p].bytes,
				receiver->counts[s][p].failed,
				receiver->counts[s][p].last_unix_ns);
			first = false;
		}
	}
	buf_puts(buf, "],\"errors\":");
	mistakes_write(&receiver->mistakes, buf);
	buf_puts(buf, "}");
}
