/* SPDX-License-Identifier: Apache-2.0 */
#include "views.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "environment.h"
#include "filter.h"
#include "lifecycle.h"
#include "otlp.h"
#include "query.h"

#define TRACES_DEFAULT  200
#define TRACES_MAX      5000
#define NAMES_MAX       32     /* services of one trace that are named */
#define SPANS_READ_MAX  300000 /* while looking for a text, and then the search ends */
#define EVENTS_PAUSE_MS 200
#define EVENTS_BEAT_MS  15000 /* a comment now and then, so that a dead page is noticed */

int
views_reply(struct svc_request *req, struct buf *buf)
{
	int r = buf->failed
	                ? svc_reply_text(req, 503, "out of memory\n")
	                : svc_reply(req, 200, "application/json", buf->data, buf->len);

	buf_fini(buf);
	return r;
}

/* ---- traces ---- */

/* The span that stands for the trace: the one without parent, else the earliest. */
static const struct store_item *
trace_head(const struct store_trace *trace, bool *root)
{
	static const uint8_t none[8];
	const struct store_item *span, *first = NULL;

	TAILQ_FOREACH (span, &trace->spans, in_trace) {
		if (!memcmp(span->parent_id, none, 8)) {
			*root = true;
			return span;
		}
		if (!first || span->time_unix_ns < first->time_unix_ns)
			first = span;
	}
	*root = false;
	return first;
}

/* Each of its services once, the first to begin first. */
static size_t
trace_services(const struct store_trace *trace,
               const struct store_service *found[NAMES_MAX])
{
	uint64_t since[NAMES_MAX];
	const struct store_item *span;
	size_t n = 0;

	TAILQ_FOREACH (span, &trace->spans, in_trace) {
		size_t i = 0;

		while (i < n && found[i] != span->owner->service)
			i++;
		if (i == n) {
			if (n == NAMES_MAX)
				break;
			found[n] = span->owner->service;
			since[n++] = span->time_unix_ns;
		}
		if (span->time_unix_ns < since[i])
			since[i] = span->time_unix_ns;
		for (; i && since[i] < since[i - 1]; i--) {
			const struct store_service *service = found[i];
			uint64_t time = since[i];

			found[i] = found[i - 1];
			since[i] = since[i - 1];
			found[i - 1] = service;
			since[i - 1] = time;
		}
	}
	return n;
}

/* What was asked for, when the span's name is a method alone and says little; written as a key of JSON. */
static void
write_path(struct buf *buf, const struct store_item *head)
{
	static const char *const keys[] = { "http.route", "url.path" };
	otlp_span *span;
	const char *path = NULL;

	if (!*head->name ||
	    strspn(head->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(head->name))
		return;
	span = (otlp_span *)protobuf_c_message_unpack(&otlp_span_descriptor, NULL,
	                                              head->len, head->bytes);
	for (size_t k = 0; span && !path && k < sizeof keys / sizeof *keys; k++)
		for (size_t i = 0; i < span->n_attributes && !path; i++)
			if (!strcmp(span->attributes[i]->key, keys[k]) &&
			    span->attributes[i]->value &&
			    span->attributes[i]->value->value_case ==
			            OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE)
				path = span->attributes[i]->value->string_value;
	if (path) {
		buf_puts(buf, ",\"path\":");
		buf_json_string(buf, path, strlen(path));
	}
	if (span)
		protobuf_c_message_free_unpacked(&span->base, NULL);
}

static bool
has_service(const struct store_trace *trace, const struct store_service *service)
{
	const struct store_item *span;

	if (!(trace->services & UINT64_C(1) << service->bit))
		return false;
	TAILQ_FOREACH (span, &trace->spans, in_trace)
		if (span->owner->service == service)
			return true;
	return false;
}

struct wanted {
	const char *service_name, *text;
	const struct store_service *service; /* NULL: nothing is held by that name */
	bool errors;
	uint64_t min_ns, since;
	size_t limit;
	size_t n_read; /* spans, for their text */
};

static bool
is_filtered(const struct wanted *w)
{
	return w->service_name || w->text || w->errors || w->min_ns || w->since;
}

static bool
id_begins(const uint8_t id[16], const char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; text[i]; i++) {
		if (i == 32 || tolower((unsigned char)text[i]) !=
		                       digits[i % 2 ? id[i / 2] & 15 : id[i / 2] >> 4])
			return false;
	}
	return true;
}

/* Whether the text is in a span's name, or is the beginning of the trace's id, or a span's attribute=value. */
static bool
has_text(struct wanted *w, const struct store_trace *trace)
{
	const char *is = strchr(w->text, '=');
	const struct store_item *span;

	if (id_begins(trace->id, w->text))
		return true;
	TAILQ_FOREACH (span, &trace->spans, in_trace) {
		w->n_read++;
		if (strcasestr(span->name, w->text))
			return true;
		if (is && is > w->text &&
		    filter_span_has(span, w->text, (size_t)(is - w->text), is + 1))
			return true;
	}
	return false;
}

static bool
is_wanted(struct wanted *w, struct store_trace *trace)
{
	uint64_t took;

	if (!trace->n_spans || (w->errors && !trace->n_errors))
		return false;
	store_trace_settle(trace);
	took = trace->end_unix_ns > trace->start_unix_ns
	               ? trace->end_unix_ns - trace->start_unix_ns
	               : 0;
	if (trace->end_unix_ns < w->since || took < w->min_ns)
		return false;
	if (w->service_name && (!w->service || !has_service(trace, w->service)))
		return false;
	return !w->text || has_text(w, trace);
}

static void
write_trace(struct buf *buf, const struct store_trace *trace)
{
	const struct store_service *services[NAMES_MAX];
	size_t n = trace_services(trace, services);
	bool root;
	const struct store_item *head = trace_head(trace, &root);

	buf_puts(buf, "{\"traceId\":\"");
	buf_hex(buf, trace->id, sizeof trace->id);
	buf_puts(buf, "\",\"name\":");
	buf_json_string(buf, head->name, strlen(head->name));
	write_path(buf, head);
	buf_puts(buf, ",\"service\":");
	buf_json_string(buf, head->owner->service->name,
	                strlen(head->owner->service->name));
	buf_puts(buf, ",\"services\":[");
	for (size_t i = 0; i < n; i++) {
		buf_puts(buf, i ? "," : "");
		buf_json_string(buf, services[i]->name, strlen(services[i]->name));
	}
	buf_printf(
		buf,
		"],\"startUnixNano\":\"%" PRIu64 "\",\"durationNano\":\"%" PRIu64
		"\",\"spans\":%zu,\"errors\":%zu,\"logs\":%zu,\"complete\":%s,\"seq\":%" PRIu64
		"}",
		trace->start_unix_ns,
		trace->end_unix_ns > trace->start_unix_ns
			? trace->end_unix_ns - trace->start_unix_ns
			: 0,
		trace->n_spans, trace->n_errors, trace->n_logs, root ? "true" : "false",
		trace->seq);
}

static const char *
text_of(struct svc_request *req, const char *name)
{
	const char *text = svc_query(req, name);

	return text && *text ? text : NULL;
}

static bool
number_of(const char *text, double max, double *out)
{
	char *end;

	*out = strtod(text, &end);
	return end != text && !*end && *out >= 0 && *out <= max;
}

/* Returns NULL, or the sentence that says what is wrong. */
static const char *
wanted_read(struct svc_request *req, const struct store *store, struct wanted *w)
{
	const struct store_service *service;
	const char *text = text_of(req, "errors");
	double number;

	w->service_name = text_of(req, "service");
	w->text = text_of(req, "q");
	TAILQ_FOREACH (service, store_services(store), all)
		if (w->service_name && !strcmp(service->name, w->service_name))
			w->service = service;
	if (text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return "errors: expected true or false\n";
	w->errors = text && !strcmp(text, "true");
	text = text_of(req, "min_ms");
	if (text && !number_of(text, 1e12, &number))
		return "min_ms: expected a number of milliseconds\n";
	w->min_ns = text ? (uint64_t)(number * 1e6) : 0;
	text = text_of(req, "since");
	if (text && query_since(text, station_now(), &w->since) < 0)
		return "since: expected a duration such as 90s, 5m or 1h, or a Unix time\n";
	text = text_of(req, "limit");
	w->limit = TRACES_DEFAULT;
	if (text && (!number_of(text, TRACES_MAX, &number) || number < 1))
		return "limit: expected a number from 1 to 5000\n";
	if (text)
		w->limit = (size_t)number;
	return NULL;
}

int
views_traces(struct svc_request *req, struct store *store)
{
	struct wanted w = { 0 };
	const char *wrong = wanted_read(req, store, &w);
	struct store_trace *trace;
	struct store_stats stats;
	struct buf buf = { 0 };
	bool more = false;
	size_t n = 0;

	if (wrong)
		return svc_reply_text(req, 400, wrong);
	store_get_stats(store, &stats);
	buf_puts(&buf, "{\"traces\":[");
	TAILQ_FOREACH (trace, store_traces(store), recent) {
		more = n == w.limit || w.n_read > SPANS_READ_MAX;
		if (more)
			break;
		if (!is_wanted(&w, trace))
			continue;
		buf_puts(&buf, n++ ? "," : "");
		write_trace(&buf, trace);
	}
	if (!is_filtered(&w))
		more = n < stats.span_traces;
	buf_printf(&buf, "],\"more\":%s,\"held\":%zu,\"seq\":%" PRIu64 "}",
	           more ? "true" : "false", stats.span_traces, store_seq(store));
	return views_reply(req, &buf);
}

/* ---- status and events ---- */

int
views_status(struct svc_request *req, const struct store *store,
             const struct receiver *receiver, const struct forward *forward)
{
	static const char *const names[STORE_N_SIGNALS] = { "spans", "logs", "metrics" };
	struct forward_stats f;
	struct store_stats s;
	struct buf buf = { 0 };

	store_get_stats(store, &s);
	forward_get_stats(forward, &f);
	buf_printf(&buf,
	           "{\"seq\":%" PRIu64
	           ",\"store\":{\"bytes\":%zu,\"budget\":%zu,\"traces\":%zu",
	           store_seq(store), s.bytes, s.budget, s.traces);
	for (int i = 0; i < STORE_N_SIGNALS; i++)
		buf_printf(&buf,
		           ",\"%s\":{\"held\":%" PRIu64 ",\"received\":%" PRIu64
		           ",\"evicted\":%" PRIu64 "}",
		           names[i], s.held[i], s.received[i], s.evicted[i]);
	buf_puts(&buf, "},\"receiver\":");
	receiver_write(receiver, &buf);
	buf_puts(&buf, ",\"environment\":");
	environment_write(&buf, receiver_is_named, receiver);
	buf_puts(&buf, ",\"forward\":");
	if (forward) {
		buf_printf(&buf,
		           "{\"sent\":%" PRIu64 ",\"dropped\":%" PRIu64
		           ",\"failed\":%" PRIu64 ",\"queued\":%zu,\"lastError\":",
		           f.sent, f.dropped, f.failed, f.queued);
		buf_json_string(&buf, f.last_error, strlen(f.last_error));
		buf_puts(&buf, "}");
	} else {
		buf_puts(&buf, "null");
	}
	buf_puts(&buf, "}");
	return views_reply(req, &buf);
}

static int
send_event(struct svc_request *req, const struct store *store)
{
	struct store_stats s;
	struct buf buf = { 0 };
	int r;

	store_get_stats(store, &s);
	buf_printf(&buf,
	           "data: {\"seq\":%" PRIu64 ",\"spans\":%" PRIu64 ",\"logs\":%" PRIu64
	           ",\"metrics\":%" PRIu64 ",\"lifecycle\":%" PRIu64 "}\n\n",
	           store_seq(store), s.received[STORE_SPANS], s.received[STORE_LOGS],
	           s.received[STORE_METRICS], store_lifecycle(store)->n);
	r = buf.failed ? -ENOMEM : svc_reply_write(req, buf.data, buf.len);
	buf_fini(&buf);
	return r;
}

int
views_events(struct svc_request *req, const struct store *store,
             struct svc_event *arrived)
{
	uint64_t seen;
	int r;

	svc_reply_header(req, "Cache-Control", "no-store");
	r = svc_reply_begin(req, 200, "text/event-stream");
	while (r == 0) {
		seen = store_seq(store);
		r = send_event(req, store);
		while (r == 0 && store_seq(store) == seen) {
			r = svc_event_wait(req->host, arrived, EVENTS_BEAT_MS);
			if (r == -ETIMEDOUT)
				r = svc_reply_write(req, ":\n\n", 3);
		}
		if (r == 0)
			r = svc_sleep(req->host, EVENTS_PAUSE_MS);
	}
	return r == -ECANCELED ? 0 : r;
}
