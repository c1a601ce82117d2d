/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "activity.h"
#include "lifecycle.h"
#include "otlp.h"
#include "store-owner.h"

/* Of spans. */
#define STATUS_ERROR  2
#define KIND_SERVER   2
#define KIND_CONSUMER 5

#define MIN_BUCKETS 1024u /* of traces; a power of two, as all its successors */

LIST_HEAD(bucket, store_trace);

struct store {
	struct store_items items[STORE_N_SIGNALS];
	struct owners owners;
	struct bucket *buckets; /* grows with the traces */
	size_t n_buckets;
	struct store_traces traces;
	struct store_stats stats;
	struct lifecycle lifecycle;
	uint64_t seq;
};

struct store *
store_new(size_t budget)
{
	struct store *store = calloc(1, sizeof *store);

	if (!store)
		return NULL;
	store->buckets = calloc(MIN_BUCKETS, sizeof *store->buckets);
	if (!store->buckets) {
		free(store);
		return NULL;
	}
	store->n_buckets = MIN_BUCKETS;
	owners_init(&store->owners, &store->stats.bytes);
	for (int i = 0; i < STORE_N_SIGNALS; i++)
		TAILQ_INIT(&store->items[i]);
	TAILQ_INIT(&store->traces);
	store->stats.budget = budget;
	return store;
}

/* ---- traces ---- */

static struct bucket *
bucket_of(struct bucket *buckets, size_t n, const uint8_t id[16])
{
	uint64_t half[2], x;

	/* Ids should be random, and some are counted up: every bit of them counts. */
	memcpy(half, id, sizeof half);
	x = half[0] ^ half[1] * 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 33) * 0xff51afd7ed558ccdu;
	x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53u;
	return &buckets[(size_t)(x ^ x >> 33) & (n - 1)];
}

/* Doubles the index when there are as many traces as buckets. Without memory it stays, and gets slower. */
static void
index_grow(struct store *store)
{
	size_t n = 2 * store->n_buckets;
	struct bucket *buckets;
	struct store_trace *trace;

	if (store->stats.traces < store->n_buckets)
		return;
	buckets = calloc(n, sizeof *buckets);
	if (!buckets)
		return;
	TAILQ_FOREACH (trace, &store->traces, recent) {
		LIST_REMOVE(trace, bucket);
		LIST_INSERT_HEAD(bucket_of(buckets, n, trace->id), trace, bucket);
	}
	free(store->buckets);
	store->buckets = buckets;
	store->n_buckets = n;
}

static struct store_trace *
trace_find(const struct store *store, const uint8_t id[16])
{
	struct store_trace *trace;

	LIST_FOREACH (trace, bucket_of(store->buckets, store->n_buckets, id), bucket)
		if (!memcmp(trace->id, id, 16))
			return trace;
	return NULL;
}

struct store_trace *
store_trace(const struct store *store, const uint8_t id[16])
{
	struct store_trace *trace = trace_find(store, id);

	if (trace)
		store_trace_settle(trace);
	return trace;
}

/* With its share of the index: two pointers at most. */
static size_t
trace_cost(const struct store_trace *trace)
{
	return store_cost(trace) + 2 * sizeof(struct bucket);
}

static struct store_trace *
trace_make(struct store *store, const uint8_t id[16])
{
	struct store_trace *trace = trace_find(store, id);

	if (trace)
		return trace;
	trace = calloc(1, sizeof *trace);
	if (!trace)
		return NULL;
	memcpy(trace->id, id, 16);
	TAILQ_INIT(&trace->spans);
	TAILQ_INIT(&trace->logs);
	index_grow(store);
	LIST_INSERT_HEAD(bucket_of(store->buckets, store->n_buckets, id), trace, bucket);
	TAILQ_INSERT_HEAD(&store->traces, trace, recent);
	store->stats.bytes += trace_cost(trace);
	store->stats.traces++;
	return trace;
}

static void
trace_stretch(struct store_trace *trace, const struct store_item *span, bool first)
{
	if (first || span->time_unix_ns < trace->start_unix_ns)
		trace->start_unix_ns = span->time_unix_ns;
	if (first || span->end_unix_ns > trace->end_unix_ns)
		trace->end_unix_ns = span->end_unix_ns;
}

void
store_trace_settle(struct store_trace *trace)
{
	const struct store_item *span;

	if (!trace->unsettled)
		return;
	trace->unsettled = false;
	trace->start_unix_ns = trace->end_unix_ns = 0;
	TAILQ_FOREACH (span, &trace->spans, in_trace)
		trace_stretch(trace, span, span == TAILQ_FIRST(&trace->spans));
}

static void
trace_add(struct store *store, struct store_trace *trace, struct store_item *item)
{
	item->trace = trace;
	if (item->signal == STORE_SPANS) {
		TAILQ_INSERT_TAIL(&trace->spans, item, in_trace);
		trace_stretch(trace, item, trace->n_spans == 0);
		store->stats.span_traces += trace->n_spans++ == 0;
		trace->n_errors += item->status == STATUS_ERROR;
		trace->services |= UINT64_C(1) << item->owner->service->bit;
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

	if (item->signal == STORE_LOGS) {
		TAILQ_REMOVE(&trace->logs, item, in_trace);
		trace->n_logs--;
	} else {
		TAILQ_REMOVE(&trace->spans, item, in_trace);
		store->stats.span_traces -= --trace->n_spans == 0;
		trace->n_errors -= item->status == STATUS_ERROR;
		trace->unsettled = true;
	}
	if (trace->n_spans || trace->n_logs)
		return;
	LIST_REMOVE(trace, bucket);
	TAILQ_REMOVE(&store->traces, trace, recent);
	store->stats.bytes -= trace_cost(trace);
	store->stats.traces--;
	free(trace);
}

/* ---- items ---- */

static void
item_drop(struct store *store, struct store_item *item)
{
	struct store_owner *owner = item->owner;

	TAILQ_REMOVE(&store->items[item->signal], item, all);
	if (item->trace)
		trace_remove(store, item);
	store->stats.bytes -= store_cost(item);
	store->stats.held[item->signal]--;
	owner->service->held[item->signal]--;
	owner->service->errors -= item->signal == STORE_SPANS &&
	                          item->status == STATUS_ERROR;
	owner->n_items--;
	owners_drop_if_unused(&store->owners, owner);
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

/* Whether it has that length and is not all zeros, which stands for none. */
static bool
is_id(const ProtobufCBinaryData *id, size_t len)
{
	static const uint8_t zeros[16];

	return id->len == len && memcmp(id->data, zeros, len) != 0;
}

/* Takes the item, on failure too. */
static int
item_add(struct store *store, struct store_item *item, struct store_owner *owner,
         const ProtobufCBinaryData *trace_id)
{
	struct store_trace *trace = NULL;

	if (trace_id && is_id(trace_id, 16)) {
		trace = trace_make(store, trace_id->data);
		if (!trace) {
			free(item);
			return -ENOMEM;
		}
	}
	item->owner = owner;
	owner->n_items++;
	owner->service->held[item->signal]++;
	owner->service->errors += item->signal == STORE_SPANS &&
	                          item->status == STATUS_ERROR;
	owner->service->last_unix_ns = item->arrived_unix_ns;
	owner->last_unix_ns = item->arrived_unix_ns;
	if (!owner->first_unix_ns)
		owner->first_unix_ns = item->arrived_unix_ns;
	TAILQ_INSERT_TAIL(&store->items[item->signal], item, all);
	if (trace)
		trace_add(store, trace, item);
	store->stats.bytes += store_cost(item);
	store->stats.held[item->signal]++;
	store->stats.received[item->signal]++;
	evict(store);
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

/* Requests that the service answered, for its activity; without memory they are not counted. */
static void
note_request(struct adding *a, const struct store_item *span)
{
	struct activity *activity;

	if (span->kind != KIND_SERVER && span->kind != KIND_CONSUMER)
		return;
	activity = owners_activity(&a->store->owners, a->owner->service);
	if (activity)
		activity_add(activity, a->now,
		             span->end_unix_ns > span->time_unix_ns
		                     ? span->end_unix_ns - span->time_unix_ns
		                     : 0,
		             span->status == STATUS_ERROR);
}

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
	if (!is_id(&span->trace_id, 16) || !is_id(&span->span_id, 8)) {
		a->rejected++;
		otel_error_set(a->why, -EINVAL, "span \"%.60s\": its %s id is all zeros",
		               span->name, is_id(&span->trace_id, 16) ? "span" : "trace");
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
	note_request(a, item);
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
	lifecycle_note(&a->store->lifecycle, a->owner, record, a->now);
	return item_add(a->store, item, a->owner, &record->trace_id);
}

#define TAKE_POINTS(item, data)                                                        \
	do {                                                                           \
		(item)->n_points = (uint32_t)(data)->n_data_points;                    \
		if ((data)->n_data_points && (data)->data_points[0]->time_unix_nano)   \
			(item)->time_unix_ns = (data)->data_points[0]->time_unix_nano; \
	} while (0)

/* How many points there are, of when, and whether they are differences. */
static void
take_points(struct store_item *item, const otlp_metric *metric)
{
	switch (metric->data_case) {
	case OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_GAUGE:
		TAKE_POINTS(item, metric->gauge);
		break;
	case OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_SUM:
		TAKE_POINTS(item, metric->sum);
		item->status = (uint8_t)metric->sum->aggregation_temporality;
		break;
	case OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_HISTOGRAM:
		TAKE_POINTS(item, metric->histogram);
		item->status = (uint8_t)metric->histogram->aggregation_temporality;
		break;
	case OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_EXPONENTIAL_HISTOGRAM:
		TAKE_POINTS(item, metric->exponential_histogram);
		item->status =
			(uint8_t)metric->exponential_histogram->aggregation_temporality;
		break;
	case OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_SUMMARY:
		TAKE_POINTS(item, metric->summary);
		break;
	default:
		break;
	}
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
	take_points(item, metric);
	return item_add(a->store, item, a->owner, NULL);
}

/*
 * The three requests have the same shape: resources, scopes in them, items in those. ADD_ALL walks it
 * for one signal. The owner is held while items come, as those before them may be evicted.
 */
#define ADD_ALL(a, request, resources, scopes, items, add)                               \
	do {                                                                             \
		for (size_t i_ = 0; i_ < (request)->n_##resources; i_++) {               \
			for (size_t j_ = 0; j_ < (request)->resources[i_]->n_##scopes;   \
			     j_++) {                                                     \
				size_t n_ =                                              \
					(request)->resources[i_]->scopes[j_]->n_##items; \
				int r_ = 0;                                              \
				if (!n_)                                                 \
					continue;                                        \
				(a)->owner = owners_get(                                 \
					&(a)->store->owners,                             \
					(request)->resources[i_]->resource,              \
					(request)->resources[i_]->schema_url,            \
					(request)->resources[i_]->scopes[j_]->scope,     \
					(request)                                        \
						->resources[i_]                          \
						->scopes[j_]                             \
						->schema_url);                           \
				if (!(a)->owner)                                         \
					return -ENOMEM;                                  \
				(a)->owner->n_items++;                                   \
				for (size_t k_ = 0; k_ < n_ && r_ == 0; k_++) {          \
					uint64_t before_ = (a)->rejected;                \
					r_ = add((a), (request)                          \
					                      ->resources[i_]            \
					                      ->scopes[j_]               \
					                      ->items[k_]);              \
					(a)->taken += r_ == 0 &&                         \
					              (a)->rejected == before_;          \
				}                                                        \
				(a)->owner->n_items--;                                   \
				owners_drop_if_unused(&(a)->store->owners, (a)->owner);  \
				if (r_ < 0)                                              \
					return r_;                                       \
			}                                                                \
		}                                                                        \
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

const struct store_services *
store_services(const struct store *store)
{
	return &store->owners.services;
}

const struct store_traces *
store_traces(const struct store *store)
{
	return &store->traces;
}

const struct lifecycle *
store_lifecycle(const struct store *store)
{
	return &store->lifecycle;
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
	lifecycle_clear(&store->lifecycle);
	malloc_trim(0); /* what was held may be most of the process */
}

void
store_free(struct store *store)
{
	if (!store)
		return;
	store_clear(store);
	free(store->buckets);
	free(store);
}
