/* SPDX-License-Identifier: Apache-2.0 */
#include "views.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "query.h"

#define TRACES_DEFAULT 200
#define TRACES_MAX     5000
#define NAMES_MAX \
	32 /* services of one trace that are named; the rest is counted by the page itself */
#define EVENTS_PAUSE_MS 200
#define EVENTS_BEAT_MS  15000 /* a comment now and then, so that a dead page is noticed */

static int
reply_json(struct svc_request *req, struct buf *buf)
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

static size_t
trace_services(const struct store_trace *trace, const char *names[NAMES_MAX])
{
	const struct store_item *span;
	size_t n = 0;

	TAILQ_FOREACH (span, &trace->spans, in_trace) {
		size_t i = 0;

		while (i < n && strcmp(names[i], span->owner->service) != 0)
			i++;
		if (i == n && n < NAMES_MAX)
			names[n++] = span->owner->service;
	}
	return n;
}

struct wanted {
	const char *service, *text;
	bool errors;
	uint64_t min_ns, since;
};

/* Whether the text is in a span's name or is the beginning of the trace's id. */
static bool
has_text(const struct store_trace *trace, const char *text)
{
	const struct store_item *span;
	struct buf id = { 0 };
	bool found;

	buf_hex(&id, trace->id, sizeof trace->id);
	found = id.data && !strncasecmp(id.data, text, strlen(text));
	buf_fini(&id);
	TAILQ_FOREACH (span, &trace->spans, in_trace) {
		if (found)
			break;
		found = strcasestr(span->name, text) != NULL;
	}
	return found;
}

static bool
is_wanted(const struct wanted *w, const struct store_trace *trace)
{
	const char *names[NAMES_MAX];
	size_t n;

	if (!trace->n_spans || (w->errors && !trace->n_errors))
		return false;
	if (trace->end_unix_ns < w->since ||
	    trace->end_unix_ns - trace->start_unix_ns < w->min_ns)
		return false;
	if (w->service && *w->service) {
		n = trace_services(trace, names);
		while (n && strcmp(names[n - 1], w->service) != 0)
			n--;
		if (!n)
			return false;
	}
	return !w->text || !*w->text || has_text(trace, w->text);
}

static void
write_trace(struct buf *buf, const struct store_trace *trace)
{
	const char *names[NAMES_MAX];
	size_t n = trace_services(trace, names);
	bool root;
	const struct store_item *head = trace_head(trace, &root);

	buf_puts(buf, "{\"traceId\":\"");
	buf_hex(buf, trace->id, sizeof trace->id);
	buf_puts(buf, "\",\"name\":");
	buf_json_string(buf, head->name, strlen(head->name));
	buf_puts(buf, ",\"service\":");
	buf_json_string(buf, head->owner->service, strlen(head->owner->service));
	buf_puts(buf, ",\"services\":[");
	for (size_t i = 0; i < n; i++) {
		buf_puts(buf, i ? "," : "");
		buf_json_string(buf, names[i], strlen(names[i]));
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

int
views_traces(struct svc_request *req, const struct store *store)
{
	const char *errors = svc_query(req, "errors"), *min_ms = svc_query(req, "min_ms"),
		   *since = svc_query(req, "since"),
		   *limit_text = svc_query(req, "limit");
	struct wanted w = { .service = svc_query(req, "service"),
		            .text = svc_query(req, "q") };
	size_t limit = TRACES_DEFAULT, n = 0, total = 0;
	const struct store_trace *trace;
	struct buf buf = { 0 };

	w.errors = errors && !strcmp(errors, "true");
	if (min_ms && *min_ms) {
		double ms = strtod(min_ms, NULL);

		if (!(ms >= 0 && ms < 1e12))
			return svc_reply_text(req, 400,
			                      "min_ms: expected milliseconds\n");
		w.min_ns = (uint64_t)(ms * 1e6);
	}
	if (since && *since && query_since(since, station_now(), &w.since) < 0)
		return svc_reply_text(
			req, 400,
			"since: expected a duration such as 5m, or a Unix time\n");
	if (limit_text && *limit_text)
		limit = strtoul(limit_text, NULL, 10);
	if (!limit || limit > TRACES_MAX)
		return svc_reply_text(req, 400,
		                      "limit: expected a number from 1 to 5000\n");
	buf_puts(&buf, "{\"traces\":[");
	TAILQ_FOREACH (trace, store_traces(store), recent) {
		if (!is_wanted(&w, trace))
			continue;
		if (total++ >= limit)
			continue;
		buf_puts(&buf, n++ ? "," : "");
		write_trace(&buf, trace);
	}
	buf_printf(&buf, "],\"total\":%zu,\"seq\":%" PRIu64 "}", total, store_seq(store));
	return reply_json(req, &buf);
}

/* ---- services ---- */

struct service {
	const char *name;
	uint64_t counts[STORE_N_SIGNALS], errors, last;
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct service *)a)->name,
	              ((const struct service *)b)->name);
}

static struct service *
service_of(struct service **services, size_t *n, const char *name)
{
	struct service *more;

	for (size_t i = 0; i < *n; i++)
		if (!strcmp((*services)[i].name, name))
			return &(*services)[i];
	more = realloc(*services, (*n + 1) * sizeof *more);
	if (!more)
		return NULL;
	*services = more;
	more[*n] = (struct service){ .name = name };
	return &more[(*n)++];
}

int
views_services(struct svc_request *req, const struct store *store)
{
	struct service *services = NULL;
	struct buf buf = { 0 };
	size_t n = 0;

	for (int signal = 0; signal < STORE_N_SIGNALS; signal++) {
		const struct store_item *item;

		TAILQ_FOREACH (item, store_items(store, signal), all) {
			struct service *s = service_of(&services, &n,
			                               item->owner->service);

			if (!s)
				break;
			s->counts[signal]++;
			s->errors += signal == STORE_SPANS && item->status == 2;
			s->last = item->arrived_unix_ns > s->last ? item->arrived_unix_ns
			                                          : s->last;
		}
	}
	if (n)
		qsort(services, n, sizeof *services, by_name);
	buf_puts(&buf, "{\"services\":[");
	for (size_t i = 0; i < n; i++) {
		buf_puts(&buf, i ? ",{\"name\":" : "{\"name\":");
		buf_json_string(&buf, services[i].name, strlen(services[i].name));
		buf_printf(&buf,
		           ",\"spans\":%" PRIu64 ",\"errors\":%" PRIu64
		           ",\"logs\":%" PRIu64 ",\"metrics\":%" PRIu64
		           ",\"lastUnixNano\":\"%" PRIu64 "\"}",
		           services[i].counts[STORE_SPANS], services[i].errors,
		           services[i].counts[STORE_LOGS],
		           services[i].counts[STORE_METRICS], services[i].last);
	}
	buf_puts(&buf, "]}");
	free(services);
	return reply_json(req, &buf);
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
	return reply_json(req, &buf);
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
	           ",\"metrics\":%" PRIu64 "}\n\n",
	           store_seq(store), s.received[STORE_SPANS], s.received[STORE_LOGS],
	           s.received[STORE_METRICS]);
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
