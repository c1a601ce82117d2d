/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a receiver answers: a partial success, or a google.rpc.Status that says what was wrong and when
 * to come back. Decoded by the generated code (protobuf) or jansson (JSON); an answer that cannot be
 * decoded is as if it were empty, since the status line has said what matters.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logs_service.pb-c.h"
#include "metrics_service.pb-c.h"
#include "otlp_priv.h"
#include "pipeline_priv.h"
#include "rpc_status.pb-c.h"
#include "trace_service.pb-c.h"

static void *
allocate(void *data, size_t size)
{
	return otelp_malloc(size);
}

static void
release(void *data, void *ptr)
{
	otelp_free(ptr);
}

static ProtobufCAllocator allocator = { allocate, release, NULL };

/* Strangers' text on its way to a log: printable ASCII, cut to fit. */
void
otelp_otlp_printable(char *out, size_t size, const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < size; i++) {
		unsigned char c = (unsigned char)text[i];

		out[n++] = c >= ' ' && c < 0x7f     ? (char)c
		           : c == '\n' || c == '\t' ? ' '
		                                    : '?';
	}
	out[n] = '\0';
}

static void
take_partial(struct otelp_otlp_answer *answer, int64_t rejected, const char *message)
{
	answer->rejected = rejected > 0 ? (uint64_t)rejected : 0;
	otelp_otlp_printable(answer->message, sizeof answer->message, message,
	                     strlen(message));
}

/* One for each signal, since the generated types differ though the fields don't. */
#define UNPACK(name, Name, lower, upper, rejected_)                                                                      \
	static bool unpack_##name(const uint8_t *bytes, size_t len,                                                      \
	                          struct otelp_otlp_answer *answer)                                                      \
	{                                                                                                                \
		Opentelemetry__Proto__Collector__##Name##__V1__Export##upper##ServiceResponse                            \
			*rsp = opentelemetry__proto__collector__##name##__v1__export_##lower##_service_response__unpack( \
				&allocator, len, bytes);                                                                 \
                                                                                                                         \
		if (!rsp)                                                                                                \
			return false;                                                                                    \
		if (rsp->partial_success)                                                                                \
			take_partial(answer, rsp->partial_success->rejected_,                                            \
			             rsp->partial_success->error_message);                                               \
		opentelemetry__proto__collector__##name##__v1__export_##lower##_service_response__free_unpacked(         \
			rsp, &allocator);                                                                                \
		return true;                                                                                             \
	}
UNPACK(trace, Trace, trace, Trace, rejected_spans)
UNPACK(metrics, Metrics, metrics, Metrics, rejected_data_points)
UNPACK(logs, Logs, logs, Logs, rejected_log_records)

/* int64 is a string in OTLP/JSON; a number is let pass. */
static int64_t
json_int64(const json_t *value)
{
	return json_is_string(value) ? strtoll(json_string_value(value), NULL, 10)
	                             : json_integer_value(value);
}

static bool
parse_json(int signal, const uint8_t *bytes, size_t len, struct otelp_otlp_answer *answer)
{
	static const char *const rejected[] = { "rejectedSpans", "rejectedDataPoints",
		                                "rejectedLogRecords" };
	json_t *root = json_loadb((const char *)bytes, len, 0, NULL), *partial;
	const char *message;

	if (!json_is_object(root)) {
		json_decref(root);
		return false;
	}
	partial = json_object_get(root, "partialSuccess");
	if (partial) {
		message = json_string_value(json_object_get(partial, "errorMessage"));
		take_partial(answer,
		             json_int64(json_object_get(partial, rejected[signal])),
		             message ? message : "");
	}
	json_decref(root);
	return true;
}

bool
otelp_otlp_answer_parse(int signal, bool json, const uint8_t *bytes, size_t len,
                        struct otelp_otlp_answer *answer)
{
	if (!len)
		return true;
	if (json)
		return parse_json(signal, bytes, len, answer);
	switch (signal) {
	case OTEL_SIGNAL_TRACES:
		return unpack_trace(bytes, len, answer);
	case OTEL_SIGNAL_METRICS:
		return unpack_metrics(bytes, len, answer);
	default:
		return unpack_logs(bytes, len, answer);
	}
}

/* ---- google.rpc.Status ---- */

static int64_t
retry_delay_ms(const Google__Rpc__Detail *detail)
{
	Google__Rpc__RetryInfo *info;
	int64_t ms = -1;

	if (strcmp(detail->type_url, "type.googleapis.com/google.rpc.RetryInfo") != 0)
		return -1;
	info = google__rpc__retry_info__unpack(&allocator, detail->value.len,
	                                       detail->value.data);
	if (info && !info->retry_delay)
		ms = 0;
	else if (info && info->retry_delay->seconds >= 0 &&
	         info->retry_delay->seconds < INT32_MAX)
		ms = info->retry_delay->seconds * 1000 +
		     info->retry_delay->nanos / 1000000;
	if (info)
		google__rpc__retry_info__free_unpacked(info, &allocator);
	return ms;
}

void
otelp_otlp_status_parse(const uint8_t *bytes, size_t len,
                        struct otelp_otlp_answer *answer)
{
	Google__Rpc__Status *status = google__rpc__status__unpack(&allocator, len, bytes);

	if (!status)
		return;
	if (*status->message && !*answer->message)
		otelp_otlp_printable(answer->message, sizeof answer->message,
		                     status->message, strlen(status->message));
	for (size_t i = 0; i < status->n_details; i++) {
		int64_t ms = retry_delay_ms(status->details[i]);

		if (ms >= 0)
			answer->retry_after_ms = ms;
	}
	google__rpc__status__free_unpacked(status, &allocator);
}

void
otelp_otlp_status_parse_json(const uint8_t *bytes, size_t len,
                             struct otelp_otlp_answer *answer)
{
	json_t *root = json_loadb((const char *)bytes, len, 0, NULL);
	const char *message = json_string_value(json_object_get(root, "message"));

	if (message)
		otelp_otlp_printable(answer->message, sizeof answer->message, message,
		                     strlen(message));
	json_decref(root);
}

uint8_t *
otelp_otlp_base64(const char *text, size_t *len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = strcspn(text, "=");
	uint8_t *bytes = n % 4 == 1 ? NULL : otelp_malloc(n / 4 * 3 + 3);
	uint32_t bits = 0;

	*len = 0;
	for (size_t i = 0; bytes && i < n; i++) {
		const char *digit = strchr(digits, text[i]);

		if (!digit) {
			otelp_free(bytes);
			return NULL;
		}
		bits = bits << 6 | (uint32_t)(digit - digits);
		if (i % 4)
			bytes[(*len)++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	return bytes;
}
