/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "otlp-json.h"
#include "otlp.h"

#define BUCKETS 16384u /* of traces; a power of two */

struct store {
	struct store_items items[STORE_N_SIGNALS];
	LIST_HEAD(, store_owner) owners;
	LIST_HEAD(, store_trace) buckets[BUCKETS];
	struct store_traces traces;
	struct store_stats stats;
	uint64_t seq;
};

struct store *
store_new(size_t budget)
{
	struct store *store = calloc(1, sizeof *store);

	if (!store)
		return NULL;
	for (int i = 0; i < STORE_N_SIGNALS; i++)
		TAILQ_INIT(&store->items[i]);
	TAILQ_INIT(&store->traces);
	store->stats.budget = budget;
	return store;
}

/* ---- owners ---- */

static uint64_t
hash_bytes(const char *bytes, size_t len, uint64_t hash)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)bytes[i]) * 0x100000001b3u; /* FNV-1a */
	return hash;
}

static const char *
service_name(const otlp_resource *resource)
{
	for (size_t i = 0; resource && i < resource->n_attributes; i++) {
		const otlp_key_value *kv = resource->attributes[i];

		if (!strcmp(kv->key, "service.name") && kv->value &&
		    kv->value->value_case ==
		            OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE)
			return kv->value->string_value;
	}
	return "";
}

static void
write_part(struct buf *buf, const char *name, const ProtobufCMessage *message,
           const char *schema_url)
{
	buf_printf(buf, "\"%s\":", name);
	if (message)
		otlp_json_write(buf, message);
	else
		buf_puts(buf, "{}");
	if (schema_url && *schema_url) {
		buf_puts(buf, ",\"schemaUrl\":");
		buf_json_string(buf, schema_url, strlen(schema_url));
	}
}

static struct store_owner *
owner_find(struct store *store, const otlp_resource *resource, const char *resource_url,
           const otlp_scope *scope, const char *scope_url)
{
	struct buf r = { 0 }, s = { 0 };
	struct store_owner *owner = NULL;
	uint64_t hash;

	write_part(&r, "resource", resource ? &resource->base : NULL, resource_url);
	write_part(&s, "scope", scope ? &scope->base : NULL, scope_url);
	if (r.failed || s.failed)
		goto out;
	hash = hash_bytes(s.data, s.len, hash_bytes(r.data, r.len, 0xcbf29ce484222325u));
	LIST_FOREACH (owner, &store->owners, link)
		if (owner->hash == hash && !strcmp(owner->resource_json, r.data) &&
		    !strcmp(owner->scope_json, s.data))
			goto out;
	owner = calloc(1, sizeof *owner);
	if (!owner)
		goto out;
	owner->service = strdup(service_name(resource));
	if (!owner->service) {
		free(owner);
		owner = NULL;
		goto out;
	}
	owner->hash = hash;
	owner->bytes = sizeof *owner + r.len + s.len;
	owner->resource_json = r.data;
	owner->scope_json = s.data;
	r.data = s.data = NULL;
	store->stats.bytes += owner->bytes;
	LIST_INSERT_HEAD(&store->owners, owner, link);
out:
	buf_fini(&r);
	buf_fini(&s);
	return owner;
}

static void
owner_drop_if_unused(struct store *store, struct store_owner *owner)
{
	if (owner->n_items)
		return;
	LIST_REMOVE(owner, link);
	store->stats.bytes -= owner->bytes;
	free(owner->service);
	free(owner->resource_json);
	free(owner->scope_json);
	free(owner);
}

/* ---- traces ---- */

static size_t
bucket_of(const uint8_t id[16])
{
	uint64_t low;

	memcpy(&low, id + 8, sizeof low);
	return (size_t)(low * 0x9e3779b97f4a7c15u >> 32) & (BUCKETS - 1);
}

struct store_trace *
store_trace(const struct store *store, const uint8_t id[16])
{
	struct store_trace *trace;

	LIST_FOREACH (trace, &store->buckets[bucket_of(id)], bucket)
		if (!memcmp(trace->id, id, 16))
			return trace;
	return NULL;
}

static struct store_trace *
trace_make(struct store *store, const uint8_t id[16])
{
	struct store_trace *trace = store_trace(store, id);

	if (trace)
		return trace;
	trace = calloc(1, sizeof *trace);
	if (!trace)
		return NULL;
	memcpy(trace->id, id, 16);
	TAILQ_INIT(&trace->spans);
	TAILQ_INIT(&trace->logs);
	LIST_INSERT_HEAD(&store->buckets[bucket_of(id)], trace, bucket);
	TAILQ_INSERT_HEAD(&store->traces, trace, recent);
	store->stats.bytes += sizeof *trace;
	store->stats.traces++;
	return trace;
}

static void
trace_note_span(struct store_trace *trace, const struct store_item *span)
{
	if (!trace->n_spans || span->time_unix_ns < trace->start_unix_ns)
		trace->start_unix_ns = span->time_unix_ns;
	if (span->end_unix_ns > trace->end_unix_ns)
		trace->end_unix_ns = span->end_unix_ns;
	trace->n_spans++;
	trace->n_errors += span->status == 2;
}

static void
trace_add(struct store *store, struct store_trace *trace, struct store_item *item)
{
	item->trace = trace;
	if (item->signal == STORE_SPANS) {
		TAILQ_INSERT_TAIL(&trace->spans, item, in_trace);
		trace_note_span(trace, item);
	} else {
		TAILQ_INSERT_TAIL(&trace->logs, item, in_trace);
		trace->n_logs++;
	}
	trace->seq = item->seq;
	TAILQ_REMOVE(&store->traces, trace, recent);
	TAILQ_INSERT_HEAD(&store->traces, trace, recent);
}

static void
trace_remove(struct store *store, struct store_item *item)
{
	struct store_trace *trace = item->trace;
	struct store_item *span;

	if (item->signal == STORE_LOGS) {
		TAILQ_REMOVE(&trace->logs, item, in_trace);
		trace->n_logs--;
	} else {
		TAILQ_REMOVE(&trace->spans, item, in_trace);
		trace->n_spans = trace->n_errors = 0;
		trace->start_unix_ns = trace->end_unix_ns = 0;
		TAILQ_FOREACH (span, &trace->spans, in_trace)
			trace_note_span(trace, span);
	}
	if (trace->n_spans || trace->n_logs)
		return;
	LIST_REMOVE(trace, bucket);
	TAILQ_REMOVE(&store->traces, trace, recent);
	store->stats.bytes -= sizeof *trace;
	store->stats.traces--;
	free(trace);
}

/* ---- items ---- */

static size_t
item_bytes(const struct store_item *item)
{
	return sizeof *item + item->len + strlen(item->name) + 1;
}

static void
item_drop(struct store *store, struct store_item *item)
{
	struct store_owner *owner = item->owner;

	TAILQ_REMOVE(&store->items[item->signal], item, all);
	if (item->trace)
		trace_remove(store, item);
	store->stats.bytes -= item_bytes(item);
	store->stats.held[item->signal]--;
	owner->n_items--;
	owner_drop_if_unused(store, owner);
	free(item);
}

/* Makes room by dropping the oldest item of all signals, again and again. */
static void
evict(struct store *store)
{
	while (store->stats.bytes > store->stats.budget) {
		struct store_item *oldest = NULL;

		for (int i = 0; i < STORE_N_SIGNALS; i++) {
			struct store_item *first = TAILQ_FIRST(&store->items[i]);

			if (first && (!oldest || first->seq < oldest->seq))
				oldest = first;
		}
		if (!oldest)
			return;
		store->stats.evicted[oldest->signal]++;
		item_drop(store, oldest);
	}
}

/* An item of `signal` that holds the packed message and a copy of the name. */
static struct store_item *
item_new(struct store *store, int signal, const ProtobufCMessage *message,
         const char *name)
{
	size_t len = protobuf_c_message_get_packed_size(message), name_len = strlen(name);
	struct store_item *item;

	if (len > UINT32_MAX)
		return NULL;
	item = calloc(1, sizeof *item + len + name_len + 1);
	if (!item)
		return NULL;
	item->signal = (uint8_t)signal;
	item->len = (uint32_t)len;
	protobuf_c_message_pack(message, item->bytes);
	item->name = (char *)item->bytes + len;
	memcpy(item->name, name, name_len + 1);
	item->seq = ++store->seq;
	return item;
}

static int
item_add(struct store *store, struct store_item *item, struct store_owner *owner,
         const ProtobufCBinaryData *trace_id)
{
	struct store_trace *trace = NULL;

	if (trace_id && trace_id->len == 16) {
		trace = trace_make(store, trace_id->data);
		if (!trace) {
			free(item);
			return -ENOMEM;
		}
	}
	item->owner = owner;
	owner->n_items++;
	TAILQ_INSERT_TAIL(&store->items[item->signal], item, all);
	if (trace)
		trace_add(store, trace, item);
	store->stats.bytes += item_bytes(item);
	store->stats.held[item->signal]++;
	store->stats.received[item->signal]++;
	return 0;
}

/* ---- the three signals ---- */

struct adding {
	struct store *store;
	struct store_owner *owner;
	uint64_t now, rejected;
	struct otel_error *why;
	long taken;
};

static int
add_span(struct adding *a, const otlp_span *span)
{
	struct store_item *item;

	if (span->trace_id.len != 16 || span->span_id.len != 8 ||
	    (span->parent_span_id.len && span->parent_span_id.len != 8)) {
		a->rejected++;
		otel_error_set(
			a->why, -EINVAL,
			"span \"%.60s\": expected a trace id of 16 bytes and a span id of 8, found %zu and %zu",
			span->name, span->trace_id.len, span->span_id.len);
		return 0;
	}
	item = item_new(a->store, STORE_SPANS, &span->base, span->name);
	if (!item)
		return -ENOMEM;
	item->arrived_unix_ns = a->now;
	item->time_unix_ns = span->start_time_unix_nano;
	item->end_unix_ns = span->end_time_unix_nano;
	item->kind = (uint8_t)span->kind;
	item->status = span->status ? (uint8_t)span->status->code : 0;
	memcpy(item->span_id, span->span_id.data, 8);
	if (span->parent_span_id.len)
		memcpy(item->parent_id, span->parent_span_id.data, 8);
	a->taken++;
	return item_add(a->store, item, a->owner, &span->trace_id);
}

static int
add_log(struct adding *a, const otlp_log *record)
{
	struct store_item *item = item_new(a->store, STORE_LOGS, &record->base,
	                                   record->event_name);

	if (!item)
		return -ENOMEM;
	item->arrived_unix_ns = a->now;
	item->time_unix_ns = record->time_unix_nano ? record->time_unix_nano
	                                            : record->observed_time_unix_nano;
	item->status = (uint8_t)record->severity_number;
	if (record->span_id.len == 8)
		memcpy(item->span_id, record->span_id.data, 8);
	a->taken++;
	return item_add(a->store, item, a->owner, &record->trace_id);
}

static int
add_metric(struct adding *a, const otlp_metric *metric)
{
	struct store_item *item = item_new(a->store, STORE_METRICS, &metric->base,
	                                   metric->name);

	if (!item)
		return -ENOMEM;
	item->arrived_unix_ns = item->time_unix_ns = a->now;
	item->kind = (uint8_t)metric->data_case;
	a->taken++;
	return item_add(a->store, item, a->owner, NULL);
}

/*
 * The three requests have the same shape: resources, scopes in them, items in those. ADD_ALL walks it
 * for one signal.
 */
#define ADD_ALL(a, request, resources, scopes, items, add)                                  \
	do {                                                                                \
		for (size_t i_ = 0; i_ < (request)->n_##resources; i_++) {                  \
			for (size_t j_ = 0; j_ < (request)->resources[i_]->n_##scopes;      \
			     j_++) {                                                        \
				const otlp_scope *scope_ =                                  \
					(request)->resources[i_]->scopes[j_]->scope;        \
				size_t n_ =                                                 \
					(request)->resources[i_]->scopes[j_]->n_##items;    \
				if (!n_)                                                    \
					continue;                                           \
				(a)->owner = owner_find(                                    \
					(a)->store, (request)->resources[i_]->resource,     \
					(request)->resources[i_]->schema_url, scope_,       \
					(request)                                           \
						->resources[i_]                             \
						->scopes[j_]                                \
						->schema_url);                              \
				if (!(a)->owner)                                            \
					return -ENOMEM;                                     \
				(a)->owner                                                  \
					->n_items++; /* holds it while items come and go */ \
				for (size_t k_ = 0; k_ < n_; k_++) {                        \
					int r_ = add((a), (request)                         \
					                          ->resources[i_]           \
					                          ->scopes[j_]              \
					                          ->items[k_]);             \
					if (r_ < 0) {                                       \
						(a)->owner->n_items--;                      \
						return r_;                                  \
					}                                                   \
				}                                                           \
				(a)->owner->n_items--;                                      \
				owner_drop_if_unused((a)->store, (a)->owner);               \
			}                                                                   \
		}                                                                           \
	} while (0)

static int
add_all(struct adding *a, int signal, const ProtobufCMessage *request)
{
	const void *message = request;

	switch (signal) {
	case STORE_SPANS: {
		const otlp_traces *traces = message;

		ADD_ALL(a, traces, resource_spans, scope_spans, spans, add_span);
		return 0;
	}
	case STORE_LOGS: {
		const otlp_logs *logs = message;

		ADD_ALL(a, logs, resource_logs, scope_logs, log_records, add_log);
		return 0;
	}
	default: {
		const otlp_metrics *metrics = message;

		ADD_ALL(a, metrics, resource_metrics, scope_metrics, metrics, add_metric);
		return 0;
	}
	}
}

long
store_add(struct store *store, int signal, const ProtobufCMessage *request,
          uint64_t now_unix_ns, uint64_t *rejected, struct otel_error *why)
{
	struct adding a = { .store = store, .now = now_unix_ns, .why = why };
	int r = add_all(&a, signal, request);

	evict(store);
	*rejected = a.rejected;
	return r < 0 ? r : a.taken;
}

/* ---- looking ---- */

const struct store_items *
store_items(const struct store *store, int signal)
{
	return &store->items[signal];
}

const struct store_traces *
store_traces(const struct store *store)
{
	return &store->traces;
}

uint64_t
store_seq(const struct store *store)
{
	return store->seq;
}

void
store_get_stats(const struct store *store, struct store_stats *out)
{
	*out = store->stats;
}

void
store_clear(struct store *store)
{
	for (int i = 0; i < STORE_N_SIGNALS; i++)
		while (!TAILQ_EMPTY(&store->items[i]))
			item_drop(store, TAILQ_FIRST(&store->items[i]));
}

void
store_free(struct store *store)
{
	if (!store)
		return;
	store_clear(store);
	free(store);
}
