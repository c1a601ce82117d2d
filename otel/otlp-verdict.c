/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an attempt came to: the tables of the specification.
 *
 *	nothing came                      RETRY, unless it cannot get better (a certificate, say)
 *	HTTP 2xx                          TAKEN
 *	HTTP 429, 502, 503, 504           RETRY, when the receiver says
 *	gRPC 0                            TAKEN
 *	gRPC 1, 4, 10, 11, 14, 15         RETRY
 *	gRPC 8                            RETRY if it says when
 *	everything else                   REFUSED
 *
 * Specification: protocol/otlp.md (OTLP/gRPC and OTLP/HTTP: response, retry, throttling).
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "otlp_priv.h"
#include "otlp_transfer_priv.h"
#include "pipeline_priv.h"

enum { GRPC_HEAD = 5 };

static bool
is_passing(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return true;
	default:
		return false;
	}
}

static enum otelp_verdict
judge_transport(const struct otelp_transfer *t, CURLcode code, struct otel_error *why)
{
	if (code == CURLE_OPERATION_TIMEDOUT) {
		otel_error_set(why, -ETIMEDOUT, "no answer in time");
	} else if (t->too_big) {
		otel_error_set(why, -EMSGSIZE, "the answer is larger than %d bytes",
		               OTELP_MAX_RESPONSE);
	} else {
		otel_error_set(why, code == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EIO, "%s",
		               *t->error ? t->error : curl_easy_strerror(code));
	}
	return is_passing(code) ? OTELP_RETRY : OTELP_REFUSED;
}

static bool
is_type(const struct otelp_transfer *t, const char *type)
{
	return strncasecmp(t->content_type, type, strlen(type)) == 0;
}

static enum otelp_verdict
judge_http(const struct otelp_transfer *t, int signal, CURLcode code,
           struct otelp_otlp_answer *answer, struct otel_error *why)
{
	bool json = t->config.protocol == OTEL_PROTOCOL_HTTP_JSON;
	long status = 0;

	if (t->answered)
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	/* Once it has said 200 it has the items; sending them again would only double them. */
	if (code != CURLE_OK && (status < 200 || status > 299 || t->too_big))
		return judge_transport(t, code, why);
	if (status >= 200 && status <= 299) {
		if (code != CURLE_OK ||
		    (*t->content_type && t->body_len &&
		     !is_type(t, json ? "application/json" : "application/x-protobuf")))
			answer->odd = "answered, but not as a receiver does";
		else if (!otelp_otlp_answer_parse(signal, json, t->body, t->body_len,
		                                  answer))
			answer->odd = "the answer cannot be decoded";
		return OTELP_TAKEN;
	}
	if (is_type(t, "application/json"))
		otelp_otlp_status_parse_json(t->body, t->body_len, answer);
	else if (is_type(t, "application/x-protobuf"))
		otelp_otlp_status_parse(t->body, t->body_len, answer);
	else
		otelp_otlp_printable(answer->message, 100, (const char *)t->body,
		                     t->body_len);
	answer->retry_after_ms = t->retry_after_ms;
	otel_error_set(why, -EIO, "HTTP status %ld%s%s", status,
	               *answer->message ? ": " : "", answer->message);
	return status == 429 || (status >= 502 && status <= 504) ? OTELP_RETRY
	                                                         : OTELP_REFUSED;
}

enum grpc_status {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_ABORTED = 10,
	GRPC_OUT_OF_RANGE = 11,
	GRPC_UNAVAILABLE = 14,
	GRPC_DATA_LOSS = 15
};

static bool
is_passing_grpc(int status, const struct otelp_otlp_answer *answer)
{
	switch (status) {
	case GRPC_CANCELLED:
	case GRPC_DEADLINE_EXCEEDED:
	case GRPC_ABORTED:
	case GRPC_OUT_OF_RANGE:
	case GRPC_UNAVAILABLE:
	case GRPC_DATA_LOSS:
		return true;
	case GRPC_RESOURCE_EXHAUSTED:
		return answer->retry_after_ms >= 0;
	default:
		return false;
	}
}

static void
read_details(const struct otelp_transfer *t, struct otelp_otlp_answer *answer)
{
	uint8_t *bytes;
	size_t len;

	if (!t->grpc_details)
		return;
	bytes = otelp_otlp_base64(t->grpc_details, &len);
	if (bytes)
		otelp_otlp_status_parse(bytes, len, answer);
	otelp_free(bytes);
}

static bool
is_whole_frame(const struct otelp_transfer *t)
{
	const uint8_t *b = t->body;

	return t->body_len >= GRPC_HEAD &&
	       t->body_len - GRPC_HEAD == ((size_t)b[1] << 24 | (size_t)b[2] << 16 |
	                                   (size_t)b[3] << 8 | b[4]);
}

/*
 * Without a grpc-status it is somebody else, a proxy perhaps, that speaks for the receiver; or the
 * connection ended with the answer, and libcurl 7.88 lost the trailers or what was before them and
 * takes it for the end of the answer. A whole message comes with success only.
 */
static enum otelp_verdict
judge_without_status(const struct otelp_transfer *t, struct otelp_otlp_answer *answer,
                     struct otel_error *why)
{
	long status = 0, version = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200 && is_type(t, "application/grpc")) {
		if (is_whole_frame(t))
			return OTELP_TAKEN;
		otel_error_set(why, -EIO, "the answer broke off");
		return OTELP_RETRY;
	}
	curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &version);
	otel_error_set(why, -EIO, "HTTP status %ld without a grpc-status%s", status,
	               version >= CURL_HTTP_VERSION_2_0 ? ""
	                                                : "; it does not speak HTTP/2");
	answer->retry_after_ms = t->retry_after_ms;
	return status == 429 || (status >= 502 && status <= 504) ? OTELP_RETRY
	                                                         : OTELP_REFUSED;
}

static enum otelp_verdict
judge_grpc(const struct otelp_transfer *t, int signal, CURLcode code,
           struct otelp_otlp_answer *answer, struct otel_error *why)
{
	static const char *const names[] = {
		"OK",
		"CANCELLED",
		"UNKNOWN",
		"INVALID_ARGUMENT",
		"DEADLINE_EXCEEDED",
		"NOT_FOUND",
		"ALREADY_EXISTS",
		"PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED",
		"FAILED_PRECONDITION",
		"ABORTED",
		"OUT_OF_RANGE",
		"UNIMPLEMENTED",
		"INTERNAL",
		"UNAVAILABLE",
		"DATA_LOSS",
		"UNAUTHENTICATED",
	};
	if (t->grpc_status < 0 && code != CURLE_OK)
		return judge_transport(t, code, why);
	if (t->grpc_status < 0)
		return judge_without_status(t, answer, why);
	if (t->too_big)
		return judge_transport(t, code, why);
	if (t->grpc_status == GRPC_OK) {
		if (t->body_len &&
		    (t->body_len < GRPC_HEAD || t->body[0] != 0 ||
		     !otelp_otlp_answer_parse(signal, false, t->body + GRPC_HEAD,
		                              t->body_len - GRPC_HEAD, answer)))
			answer->odd = "the answer cannot be decoded";
		return OTELP_TAKEN;
	}
	memcpy(answer->message, t->grpc_message, sizeof answer->message);
	answer->message[sizeof answer->message - 1] = '\0';
	read_details(t, answer);
	otel_error_set(why, -EIO, "gRPC status %d %s%s%s", t->grpc_status,
	               t->grpc_status <= 16 ? names[t->grpc_status] : "",
	               *answer->message ? ": " : "", answer->message);
	return is_passing_grpc(t->grpc_status, answer) ? OTELP_RETRY : OTELP_REFUSED;
}

enum otelp_verdict
otelp_otlp_judge(const struct otelp_transfer *t, int signal, CURLcode code,
                 struct otelp_otlp_answer *answer, struct otel_error *why)
{
	return t->grpc ? judge_grpc(t, signal, code, answer, why)
	               : judge_http(t, signal, code, answer, why);
}
