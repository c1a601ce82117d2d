/* SPDX-License-Identifier: Apache-2.0 */
#include "query.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "otlp-json.h"
#include "otlp.h"

#define LIMIT_DEFAULT 1000
#define LIMIT_MAX     100000
#define FOLLOW_STEP   10000 /* items in one line of JSON at most */

uint64_t
station_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

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

/* ---- parameters ---- */

bool
query_id(const char *text, uint8_t *id, size_t len)
{
	if (strlen(text) != 2 * len || strspn(text, "0123456789abcdefABCDEF") != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		char pair[3] = { text[2 * i], text[2 * i + 1], '\0' };

		id[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return true;
}

int
query_since(const char *text, uint64_t now_unix_ns, uint64_t *unix_ns)
{
	double number, back;
	char *unit;

	errno = 0;
	number = strtod(text, &unit);
	if (unit == text || errno || number < 0 || !(number < 1e19))
		return -EINVAL;
	if (!*unit) { /* seconds, milliseconds or nanoseconds, told apart by their size */
		*unix_ns = number < 1e11   ? (uint64_t)(number * 1e9)
		           : number < 1e15 ? (uint64_t)(number * 1e6)
		                           : strtoull(text, NULL, 10);
		return 0;
	}
	if (!strcmp(unit, "ms"))
		back = number * 1e6;
	else if (!strcmp(unit, "s"))
		back = number * 1e9;
	else if (!strcmp(unit, "m"))
		back = number * 60e9;
	else if (!strcmp(unit, "h"))
		back = number * 3600e9;
	else
		return -EINVAL;
	*unix_ns = back < (double)now_unix_ns ? now_unix_ns - (uint64_t)back : 0;
	return 0;
}

struct filter {
	int signal;
	bool whole_traces, follow;
	const char *service, *name, *text;
	unsigned min_severity;
	bool has_trace, has_span;
	uint8_t trace_id[16], span_id[8];
	uint64_t since;
	size_t limit;
};

/* Returns NULL, or the sentence that says what is wrong. */
static const char *
filter_read(struct svc_request *req, struct filter *f)
{
	const char *text;
	char *end;

	f->limit = LIMIT_DEFAULT;
	f->service = svc_query(req, "service");
	f->name = svc_query(req, "name");
	f->text = svc_query(req, "q");
	text = svc_query(req, "severity");
	f->min_severity = text ? (unsigned)strtoul(text, &end, 10) : 0;
	if (text && (!*text || *end || f->min_severity > 24))
		return "severity: expected a severity number from 0 to 24\n";
	text = svc_query(req, "trace_id");
	f->has_trace = text != NULL;
	if (text && !query_id(text, f->trace_id, 16))
		return "trace_id: expected 32 hexadecimal digits\n";
	text = svc_query(req, "span_id");
	f->has_span = text != NULL;
	if (text && !query_id(text, f->span_id, 8))
		return "span_id: expected 16 hexadecimal digits\n";
	text = svc_query(req, "since");
	if (text && query_since(text, station_now(), &f->since) < 0)
		return "since: expected a duration such as 90s, 5m or 1h, or a Unix time\n";
	text = svc_query(req, "limit");
	if (text) {
		f->limit = strtoul(text, &end, 10);
		if (!*text || *end || !f->limit || f->limit > LIMIT_MAX)
			return "limit: expected a number from 1 to 100000\n";
	}
	text = svc_query(req, "follow");
	if (text && strcmp(text, "true") && strcmp(text, "false"))
		return "follow: expected true or false\n";
	f->follow = text && !strcmp(text, "true");
	return NULL;
}

/*
 * Whether the text is in a string of the message, whatever the case. Protobuf keeps strings as they are,
 * so its bytes are searched without unpacking them.
 */
static bool
has_text(const struct store_item *item, const char *text)
{
	const char *bytes = (const char *)item->bytes;
	int low = tolower((unsigned char)*text), high = toupper((unsigned char)*text);
	size_t n = strlen(text);

	for (size_t i = 0; n && i + n <= item->len; i++)
		if ((item->bytes[i] == low || item->bytes[i] == high) &&
		    !strncasecmp(bytes + i, text, n))
			return true;
	return !n;
}

static bool
matches(const struct filter *f, const struct store_item *item)
{
	if (item->signal == STORE_LOGS && item->status < f->min_severity)
		return false;
	if (item->arrived_unix_ns < f->since)
		return false;
	if (f->service && strcmp(item->owner->service->name, f->service) != 0)
		return false;
	if (f->name && strcmp(item->name, f->name) != 0)
		return false;
	if (f->has_trace &&
	    (!item->trace || memcmp(item->trace->id, f->trace_id, 16) != 0))
		return false;
	if (f->has_span && memcmp(item->span_id, f->span_id, 8) != 0)
		return false;
	return !f->text || has_text(item, f->text);
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
		if (matches(f, span))
			return true;
	return false;
}

/* The newest `limit` items, oldest first; whole traces for `traces`. */
static void
choose_newest(const struct filter *f, const struct store *store, struct chosen *c)
{
	const struct store_trace *trace;
	const struct store_item *item;
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
		if (c->n < f->limit && matches(f, item))
			choose(c, item);
		return;
	}
	TAILQ_FOREACH_REVERSE(item, store_items(store, f->signal), store_items, all)
	{
		if (c->n == f->limit || item->arrived_unix_ns < f->since)
			break;
		if (matches(f, item))
			choose(c, item);
	}
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
		if (matches(f, item))
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
