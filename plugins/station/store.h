/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/store.h - what has arrived, within one budget of bytes; the oldest goes first.
 *
 * An item is one span, log record or metric, kept as its OTLP protobuf bytes beside the few fields that
 * are searched. Its owner is the resource and scope that it came with, kept once however many items
 * share it, and each owner belongs to a service. Everything is [loop]: one service, one thread, no lock. Pointers that are handed out are
 * borrowed until the next call that adds.
 */
#ifndef STATION_STORE_H
#define STATION_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <otel/error.h>

struct activity;
struct lifecycle;
struct store;

enum store_signal { STORE_SPANS, STORE_LOGS, STORE_METRICS, STORE_N_SIGNALS };

/* Everything that came with one service.name; counts are kept as items come and go. */
struct store_service {
	TAILQ_ENTRY(store_service) all;
	LIST_ENTRY(store_service) bucket;
	LIST_HEAD(, store_owner) owners;
	char *name; /* "" when the resource has none */
	size_t n_owners;
	uint64_t held[STORE_N_SIGNALS];
	uint64_t errors;           /* spans held */
	uint64_t last_unix_ns;     /* of the newest arrival */
	struct activity *activity; /* of its server and consumer spans; NULL: none yet */
	unsigned bit;              /* see store_trace.services */
};

TAILQ_HEAD(store_services, store_service);

struct store_owner {
	LIST_ENTRY(store_owner) bucket;
	LIST_ENTRY(store_owner) of_service;
	uint64_t hash, serial; /* serial: in the order in which they first came */
	size_t n_items;
	struct store_service *service;
	char *resource_json; /* {"resource":{...},"schemaUrl":"..."} without the braces */
	char *scope_json;    /* {"scope":{...},"schemaUrl":"..."} without the braces */
	char *about_json; /* of the resource's attributes those that a list shows: {"service.version":"1.0.0",...} */
	uint64_t first_unix_ns, last_unix_ns; /* of its arrivals */
};

struct store_trace;

struct store_item {
	TAILQ_ENTRY(store_item) all;      /* of its signal, in the order of arrival */
	TAILQ_ENTRY(store_item) in_trace; /* of its trace, when it has one */
	struct store_owner *owner;
	struct store_trace *trace; /* NULL: belongs to none */
	uint64_t seq;              /* of arrival, over all signals, from 1 */
	uint64_t arrived_unix_ns;
	uint64_t
		time_unix_ns; /* start of a span, time of a record, of the first point of a metric */
	uint64_t end_unix_ns; /* spans */
	uint8_t span_id[8], parent_id[8];
	uint8_t signal;
	uint8_t kind; /* span kind */
	uint8_t status; /* status code of a span, severity number of a record, temporality of a metric */
	uint32_t n_points; /* of a metric: series that are in it */
	char *name; /* of a span or metric, the event's name of a log; points behind the bytes */
	uint32_t len;
	uint8_t bytes[]; /* the message */
};

TAILQ_HEAD(store_items, store_item);

struct store_trace {
	LIST_ENTRY(store_trace) bucket;
	TAILQ_ENTRY(store_trace) recent; /* last touched first */
	uint8_t id[16];
	struct store_items spans, logs;
	size_t n_spans, n_errors, n_logs;
	uint64_t start_unix_ns, end_unix_ns; /* over its spans; see store_trace_settle */
	bool unsettled;
	uint64_t
		services; /* a bit for each service that is in it; bits are shared past 64 */
	uint64_t seq;     /* of its newest item */
};

TAILQ_HEAD(store_traces, store_trace);

struct store_stats {
	uint64_t received[STORE_N_SIGNALS]; /* items, ever */
	uint64_t evicted[STORE_N_SIGNALS];
	uint64_t held[STORE_N_SIGNALS];
	size_t bytes,
		budget; /* what the allocator gives out for it, its own overhead included */
	size_t traces, span_traces; /* all; those that have spans */
};

struct store *store_new(size_t budget);
void store_free(struct store *store); /* NULL is fine */

/*
 * Adds the items of an unpacked Export{Trace,Logs,Metrics}ServiceRequest (a ProtobufCMessage). How many
 * items it took, or -ENOMEM, and then those before stay. `rejected` counts items refused and `why` the
 * first reason (ids of a wrong length).
 */
struct ProtobufCMessage;
long store_add(struct store *store, int signal, const struct ProtobufCMessage *request,
               uint64_t now_unix_ns, uint64_t *rejected, struct otel_error *why);

/* All items of a signal, in the order of arrival. */
const struct store_items *store_items(const struct store *store, int signal);
/* Services by which something is held, in the order in which they first came. */
const struct store_services *store_services(const struct store *store);
/* Traces, the last touched first. */
const struct store_traces *store_traces(const struct store *store);
struct store_trace *store_trace(const struct store *store, const uint8_t id[16]);
/* Makes start and end right again after evictions; eviction itself leaves them, for the time it would take. */
void store_trace_settle(struct store_trace *trace);
/* What the host told of its plugins: loaded, reloaded, crashed. */
const struct lifecycle *store_lifecycle(const struct store *store);
/* The number of the newest item; 0 when nothing has arrived. */
uint64_t store_seq(const struct store *store);
void store_get_stats(const struct store *store, struct store_stats *out);
/* Forgets everything that is held. */
void store_clear(struct store *store);

#endif
