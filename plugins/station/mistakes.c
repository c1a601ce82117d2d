/* SPDX-License-Identifier: Apache-2.0 */
#include "mistakes.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "filter.h"
#include "otlp-guard.h"
#include "otlp.h"
#include "store.h"

#define SECOND_NS UINT64_C(1000000000)
#define DAY_NS    (86400 * SECOND_NS)

static const struct signal {
	const char *path, *key, *items;
	const ProtobufCMessageDescriptor *request;
} signals[STORE_N_SIGNALS] = {
	[STORE_SPANS] = { "/v1/traces", "resourceSpans", "spans",
	                  &otlp_traces_descriptor },
	[STORE_LOGS] = { "/v1/logs", "resourceLogs", "log records",
	                 &otlp_logs_descriptor },
	[STORE_METRICS] = { "/v1/metrics", "resourceMetrics", "metrics",
	                    &otlp_metrics_descriptor },
};

/* ---- keeping ---- */

static struct mistake *
place_for(struct mistakes *mistakes, const struct mistake *new)
{
	struct mistake *oldest = &mistakes->list[0];

	for (size_t i = 0; i < MISTAKES_KEPT; i++) {
		struct mistake *m = &mistakes->list[i];

		if (m->count && !strcmp(m->where, new->where) &&
		    !strcmp(m->agent, new->agent) && !strcmp(m->text, new->text))
			return m;
		if (m->unix_ns < oldest->unix_ns)
			oldest = m;
	}
	oldest->count = 0;
	return oldest;
}

void
mistakes_note(struct mistakes *mistakes, struct svc_request *req, bool is_taken,
              const char *text)
{
	const char *agent = svc_header(req, "user-agent");
	struct mistake new = { .unix_ns = station_now(), .is_taken = is_taken };
	struct mistake *place;

	snprintf(new.where, sizeof new.where, "%s %s", req->method, req->path);
	snprintf(new.agent, sizeof new.agent, "%s", agent ? agent : "");
	snprintf(new.text, sizeof new.text, "%s", text);
	place = place_for(mistakes, &new);
	new.count = place->count + 1;
	*place = new;
}

const struct mistake *
mistakes_newest(const struct mistakes *mistakes, uint64_t since_unix_ns)
{
	const struct mistake *newest = NULL;

	for (size_t i = 0; i < MISTAKES_KEPT; i++) {
		const struct mistake *m = &mistakes->list[i];

		if (m->count && !m->is_taken && m->unix_ns >= since_unix_ns &&
		    (!newest || m->unix_ns > newest->unix_ns))
			newest = m;
	}
	return newest;
}

void
mistakes_write(const struct mistakes *mistakes, struct buf *buf)
{
	bool written[MISTAKES_KEPT] = { false };

	buf_puts(buf, "[");
	for (size_t n = 0; n < MISTAKES_KEPT; n++) {
		const struct mistake *newest = NULL;

		for (size_t i = 0; i < MISTAKES_KEPT; i++)
			if (!written[i] && mistakes->list[i].count &&
			    (!newest || mistakes->list[i].unix_ns > newest->unix_ns))
				newest = &mistakes->list[i];
		if (!newest)
			break;
		written[newest - mistakes->list] = true;
		buf_printf(buf,
		           "%s{\"timeUnixNano\":\"%" PRIu64 "\",\"count\":%" PRIu64
		           ",\"taken\":%s,\"where\":",
		           n ? "," : "", newest->unix_ns, newest->count,
		           newest->is_taken ? "true" : "false");
		buf_json_string(buf, newest->where, strlen(newest->where));
		buf_puts(buf, ",\"userAgent\":");
		buf_json_string(buf, newest->agent, strlen(newest->agent));
		buf_puts(buf, ",\"text\":");
		buf_json_string(buf, newest->text, strlen(newest->text));
		buf_puts(buf, "}");
	}
	buf_puts(buf, "]");
}

/* ---- finding out ---- */

const char *
mistake_of_path(const char *path)
{
	static const struct {
		const char *path, *text;
	} known[] = {
		{ "/",
		  "the path is missing: /v1/traces, /v1/metrics or /v1/logs. OTEL_EXPORTER_OTLP_ENDPOINT "
		  "gets it added; OTEL_EXPORTER_OTLP_TRACES_ENDPOINT and its like are taken as they are" },
		{ "/api/v2/spans",
		  "this is Zipkin's path; the station takes OTLP: POST /v1/traces" },
		{ "/api/traces",
		  "this is Jaeger's path; the station takes OTLP: POST /v1/traces" },
		{ "/api/v1/write",
		  "this is remote write of Prometheus; the station takes OTLP: POST /v1/metrics" },
		{ "/loki/api/v1/push",
		  "this is Loki's path; the station takes OTLP: POST /v1/logs" },
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(path, known[i].path))
			return known[i].text;
	for (size_t i = 0; i < STORE_N_SIGNALS; i++) {
		const char *first = strstr(path, signals[i].path);

		if (first && strstr(first + 1, "/v1/"))
			return "the path is there twice: OTEL_EXPORTER_OTLP_ENDPOINT is the address "
			       "without /v1/...";
	}
	return "no such path; OTLP/HTTP is POST /v1/traces, /v1/metrics or /v1/logs";
}

/* The signal whose request this is, if it is one of another signal with something in it; else -1. */
static int
other_signal(const struct decode_job *job)
{
	for (int i = 0; i < STORE_N_SIGNALS; i++) {
		ProtobufCMessage *message;
		char quoted[40];

		if (i == job->signal)
			continue;
		snprintf(quoted, sizeof quoted, "\"%s\"", signals[i].key);
		if (job->json) {
			if (memmem(job->body, job->len, quoted, strlen(quoted)))
				return i;
			continue;
		}
		if (otlp_guard_protobuf(signals[i].request, job->body, job->len, NULL) <
		    0)
			continue;
		message = protobuf_c_message_unpack(signals[i].request, NULL, job->len,
		                                    job->body);
		if (!message)
			continue;
		protobuf_c_message_free_unpacked(message, NULL);
		return i;
	}
	return -1;
}

static void
instead(struct decode_job *job, const char *text)
{
	struct otel_error before = job->err;

	job->err = (struct otel_error)OTEL_ERROR_INIT;
	otel_error_set(&job->err, before.code, "%s (%.80s)", text, before.message);
}

void
mistake_of_body(struct decode_job *job)
{
	const uint8_t *body = job->body;
	size_t space = 0;
	int other;

	if (job->result != -EINVAL || job->len < 2)
		return;
	while (space < job->len && isspace(body[space]))
		space++;
	if (!job->gzip && body[0] == 0x1f && body[1] == 0x8b)
		instead(job,
		        "the body is compressed by gzip, and Content-Encoding does not say so");
	else if (!job->json && space < job->len && body[space] == '{')
		instead(job, "the body is JSON, and Content-Type says it is protobuf");
	else if (job->json && body[0] == 0x0a && space < job->len && body[space] != '{' &&
	         body[space] != '[')
		instead(job,
		        "the body looks like protobuf, and Content-Type says it is JSON");
	else if (!job->json && (other = other_signal(job)) >= 0) {
		job->err = (struct otel_error)OTEL_ERROR_INIT;
		otel_error_set(&job->err, -EINVAL, "these are %s, which belong to %s",
		               signals[other].items, signals[other].path);
	}
}

/* ---- times ---- */

/* The unit in which this would be a time of about now; NULL when it is one of none. */
static const char *
unit_of(uint64_t time, uint64_t now)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = { { SECOND_NS, "seconds" },
		      { SECOND_NS / 1000, "milliseconds" },
		      { 1000, "microseconds" } };

	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (time > (now - DAY_NS) / units[i].ns &&
		    time < (now + DAY_NS) / units[i].ns)
			return units[i].name;
	return NULL;
}

static bool
is_odd(uint64_t time, uint64_t now, const char *what, const char *name,
       struct otel_error *out)
{
	uint64_t off = time > now ? time - now : now - time;
	const char *unit;

	if (!time || off <= DAY_NS)
		return false;
	unit = unit_of(time, now);
	if (unit)
		otel_error_set(
			out, -EINVAL,
			"%s \"%.40s\": its time is in %s, and OTLP has nanoseconds", what,
			name, unit);
	else
		otel_error_set(out, -EINVAL,
		               "%s \"%.40s\": its time is %" PRIu64
		               " days in the %s; is a clock wrong?",
		               what, name, off / DAY_NS, time > now ? "future" : "past");
	return true;
}

static bool
odd_span(const otlp_traces *m, uint64_t now, struct otel_error *out)
{
	for (size_t i = 0; i < m->n_resource_spans; i++)
		for (size_t j = 0; j < m->resource_spans[i]->n_scope_spans; j++)
			for (size_t k = 0;
			     k < m->resource_spans[i]->scope_spans[j]->n_spans; k++) {
				const otlp_span *span =
					m->resource_spans[i]->scope_spans[j]->spans[k];

				if (is_odd(span->start_time_unix_nano, now, "span",
				           span->name, out))
					return true;
			}
	return false;
}

static bool
odd_log(const otlp_logs *m, uint64_t now, struct otel_error *out)
{
	for (size_t i = 0; i < m->n_resource_logs; i++)
		for (size_t j = 0; j < m->resource_logs[i]->n_scope_logs; j++)
			for (size_t k = 0;
			     k < m->resource_logs[i]->scope_logs[j]->n_log_records; k++) {
				const otlp_log *record = m->resource_logs[i]
				                                 ->scope_logs[j]
				                                 ->log_records[k];

				if (is_odd(record->time_unix_nano, now, "log record",
				           record->event_name, out))
					return true;
			}
	return false;
}

bool
mistake_of_message(const struct decode_job *job, long taken, uint64_t now_unix_ns,
                   struct otel_error *out)
{
	const void *message = job->message;
	int other;

	if (taken == 0) {
		other = job->json ? other_signal(job) : -1;
		if (other >= 0)
			otel_error_set(out, -EINVAL, "these are %s, which belong to %s",
			               signals[other].items, signals[other].path);
		else
			otel_error_set(out, -EINVAL,
			               "an empty batch: there are no %s in it",
			               signals[job->signal].items);
		return true;
	}
	if (job->signal == STORE_SPANS)
		return odd_span(message, now_unix_ns, out);
	return job->signal == STORE_LOGS && odd_log(message, now_unix_ns, out);
}
