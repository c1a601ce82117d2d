/* SPDX-License-Identifier: Apache-2.0 */
#include "query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "filter.h"
#include "otlp-json.h"
#include "otlp.h"

#define FOLLOW_STEP 10000 /* items in one line of JSON at most */

/* ---- writing OTLP/JSON ---- */

static const struct shape {
	const char *resources, *scopes, *items;
	const ProtobufCMessageDescriptor *descriptor;
} shapes[STORE_N_SIGNALS] = {
	[STORE_SPANS] = { "resourceSpans", "scopeSpans", "spans", &otlp_span_descriptor },
	[STORE_LOGS] = { "resourceLogs", "scopeLogs", "logRecords",
	                 &otlp_log_descriptor },
	[STORE_METRICS] = { "resourceMetrics", "scopeMetrics", "metrics",
	                    &otlp_metric_descriptor },
};

static void
write_item(struct buf *buf, const struct store_item *item)
{
	ProtobufCMessage *message = protobuf_c_message_unpack(
		shapes[item->signal].descriptor, NULL, item->len, item->bytes);

	if (!message) {
		buf->failed =
			true; /* the bytes are our own, so it is memory that lacks */
		return;
	}
	otlp_json_write(buf, message);
	protobuf_c_message_free_unpacked(message, NULL);
}

/* By owner, the first known first, and then in the order of arrival. */
static int
by_owner(const void *a, const void *b)
{
	const struct store_item *x = *(const struct store_item *const *)a,
				*y = *(const struct store_item *const *)b;

	if (x->owner != y->owner)
		return x->owner->serial < y->owner->serial ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

void
query_write(struct buf *buf, int signal, const struct store_item **items, size_t n)
{
	const struct shape *shape = &shapes[signal];

	if (n)
		qsort(items, n, sizeof *items, by_owner);
	buf_printf(buf, "{\"%s\":[", shape->resources);
	for (size_t i = 0; i < n && !buf->failed; i++) {
		const struct store_owner *owner = items[i]->owner;

		if (i && items[i - 1]->owner == owner)
			buf_puts(buf, ",");
		else
			buf_printf(buf, "%s{%s,\"%s\":[{%s,\"%s\":[", i ? "]}]}," : "",
			           owner->resource_json, shape->scopes, owner->scope_json,
			           shape->items);
		write_item(buf, items[i]);
	}
	buf_puts(buf, n ? "]}]}]}" : "]}");
}

/* ---- choosing ---- */

struct chosen {
	const struct store_item **items;
	size_t n, size;
	bool failed;
};

static void
choose(struct chosen *c, const struct store_item *item)
{
	if (c->n == c->size) {
		size_t size = c->size ? 2 * c->size : 64;
		const struct store_item **items = realloc(c->items, size * sizeof *items);

		if (!items) {
			c->failed = true;
			return;
		}
		c->items = items;
		c->size = size;
	}
	c->items[c->n++] = item;
}

static bool
any_matches(const struct filter *f, const struct store_trace *trace)
{
	const struct store_item *span;

	TAILQ_FOREACH (span, &trace->spans, in_trace)
		if (filter_matches(f, span))
			return true;
	return false;
}

/* ---- thinning: charts have fewer pixels than there are points ---- */

#define TELLS_DELTA 1
#define SERIES_MAX  2000

/* The last of a metric that was chosen. */
struct thinned {
	const struct store_item *items[SERIES_MAX];
	size_t n;
};

/* Whether a newer one of the same metric is near enough to stand for it; from the newest to the oldest. */
static bool
is_between(struct thinned *thinned, const struct store_item *item, uint64_t every_ns)
{
	if (item->status == TELLS_DELTA) /* each of them counts */
		return false;
	for (size_t i = 0; i < thinned->n; i++) {
		const struct store_item *newer = thinned->items[i];

		if (newer->owner != item->owner || strcmp(newer->name, item->name) != 0)
			continue;
		if (newer->time_unix_ns >= item->time_unix_ns &&
		    newer->time_unix_ns - item->time_unix_ns < every_ns)
			return true;
		thinned->items[i] = item;
		return false;
	}
	if (thinned->n < SERIES_MAX)
		thinned->items[thinned->n++] = item;
	return false;
}

/* The newest `limit` items, oldest first; whole traces for `traces`. */
static void
choose_newest(const struct filter *f, const struct store *store, struct chosen *c)
{
	const struct store_trace *trace;
	const struct store_item *item;
	struct thinned *thinned = NULL; /* without memory, nothing is left out */
	size_t n = 0;

	if (f->whole_traces && f->has_trace) {
		trace = store_trace(store, f->trace_id);
		if (trace && any_matches(f, trace))
			TAILQ_FOREACH (item, &trace->spans, in_trace)
				choose(c, item);
		return;
	}
	if (f->whole_traces) {
		TAILQ_FOREACH (trace, store_traces(store), recent) {
			if (n == f->limit)
				break;
			if (!any_matches(f, trace))
				continue;
			TAILQ_FOREACH (item, &trace->spans, in_trace)
				choose(c, item);
			n++;
		}
		return;
	}
	if (f->has_trace && f->signal != STORE_METRICS) {
		trace = store_trace(store, f->trace_id);
		if (!trace)
			return;
		const struct store_items *in = f->signal == STORE_SPANS ? &trace->spans
		                                                        : &trace->logs;

		TAILQ_FOREACH_REVERSE(item, in, store_items, in_trace)
		if (c->n < f->limit && filter_matches(f, item))
			choose(c, item);
		return;
	}
	if (f->every_ns && f->signal == STORE_METRICS)
		thinned = calloc(1, sizeof *thinned);
	TAILQ_FOREACH_REVERSE(item, store_items(store, f->signal), store_items, all)
	{
		if (c->n == f->limit || item->arrived_unix_ns < f->since)
			break;
		if (filter_matches(f, item) &&
		    !(thinned && is_between(thinned, item, f->every_ns)))
			choose(c, item);
	}
	free(thinned);
}

/* At most FOLLOW_STEP of what came after *after, which becomes the last one that was looked at. */
static void
choose_next(const struct filter *f, const struct store *store, uint64_t *after,
            struct chosen *c)
{
	const struct store_items *all = store_items(store, f->signal);
	const struct store_item *item = TAILQ_LAST(all, store_items), *before;

	while (item && (before = TAILQ_PREV(item, store_items, all)) &&
	       before->seq > *after)
		item = before;
	for (; item && c->n < FOLLOW_STEP; item = TAILQ_NEXT(item, all)) {
		if (item->seq <= *after)
			continue;
		*after = item->seq;
		if (filter_matches(f, item))
			choose(c, item);
	}
}

/* ---- answering ---- */

/* Nothing of the store is held while the client takes its time: it may be evicted meanwhile. */
static int
follow(struct svc_request *req, const struct filter *f, const struct store *store,
       struct svc_event *arrived)
{
	struct chosen c = { 0 };
	uint64_t after, seen;
	int r;

	svc_reply_header(req, "Cache-Control", "no-store");
	r = svc_reply_begin(req, 200, "application/x-ndjson");
	after = store_seq(store);
	choose_newest(f, store, &c);
	while (r == 0) {
		struct buf buf = { 0 };

		if (c.n && !c.failed) {
			query_write(&buf, f->signal, c.items, c.n);
			buf_puts(&buf, "\n");
			r = buf.failed ? -ENOMEM
			               : svc_reply_write(req, buf.data, buf.len);
		}
		r = c.failed ? -ENOMEM : r;
		buf_fini(&buf);
		free(c.items);
		c = (struct chosen){ 0 };
		while (r == 0 && !c.n && !c.failed) {
			seen = store_seq(store);
			choose_next(f, store, &after, &c);
			if (!c.n && store_seq(store) == seen)
				r = svc_event_wait(req->host, arrived, -1);
		}
	}
	free(c.items);
	return r == -ECANCELED ? 0 : r;
}

static int
once(struct svc_request *req, const struct filter *f, const struct store *store)
{
	struct chosen c = { 0 };
	struct buf buf = { 0 };
	int r;

	choose_newest(f, store, &c);
	query_write(&buf, f->signal, c.items, c.n);
	if (c.failed || buf.failed)
		r = svc_reply_text(req, 503,
		                   "out of memory; ask for less, by limit or since\n");
	else
		r = svc_reply(req, 200, "application/json", buf.data, buf.len);
	buf_fini(&buf);
	free(c.items);
	return r;
}

int
query_handle(struct svc_request *req, struct store *store, struct svc_event *arrived)
{
	static const struct {
		const char *path;
		int signal;
		bool whole_traces;
	} kinds[] = {
		{ "/api/telemetry/traces", STORE_SPANS, true },
		{ "/api/telemetry/spans", STORE_SPANS, false },
		{ "/api/telemetry/logs", STORE_LOGS, false },
		{ "/api/telemetry/metrics", STORE_METRICS, false },
	};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct filter f = { .signal = kinds[i].signal,
			            .whole_traces = kinds[i].whole_traces };
		const char *wrong;

		if (strcmp(req->path, kinds[i].path) != 0)
			continue;
		wrong = filter_read(req, &f);
		if (wrong)
			return svc_reply_text(req, 400, wrong);
		return f.follow ? follow(req, &f, store, arrived) : once(req, &f, store);
	}
	return svc_reply_text(
		req, 404, "there are /api/telemetry/traces, spans, logs and metrics\n");
}
