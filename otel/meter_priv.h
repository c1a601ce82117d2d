/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/meter_priv.h - how the files of the metrics SDK see each other.
 *
 *	provider -- scopes -- streams -- series -- cells (one per shard, a cache line or more each)
 *	    |                    ^
 *	    +----- meters -- instruments (handles; freed when their meter is closed)
 *
 * Everything on the first line is only ever added to and dies with the provider, so that recorders and
 * collections walk it without a lock. The second line is what a generation of a service holds.
 *
 * Two locks, never taken in the other order:
 *	provider->collecting   serialises collections; guards what is marked so; observables run under it
 *	otelp_metrics_lock     of the process; guards every addition, the lists of meters, instruments and
 *	                       observables. Never held while a callback or the diagnostics run.
 */
#ifndef OTEL_METER_PRIV_H
#define OTEL_METER_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include <otel/sdk.h>

#define OTELP_CACHE_LINE    64
#define OTELP_MAX_SHARDS    8
#define OTELP_MAX_SET       128       /* attributes in one set */
#define OTELP_MAX_SET_BYTES (1 << 16) /* what a copy of one may take */
#define OTELP_MAX_STREAMS   4096      /* of one provider */
#define OTELP_MAX_BOUNDS    1024

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

enum otelp_kind {
	OTELP_COUNTER,
	OTELP_COUNTER_DOUBLE,
	OTELP_UP_DOWN_COUNTER,
	OTELP_HISTOGRAM,
	OTELP_GAUGE,
	OTELP_OBSERVABLE_COUNTER, /* these three in the order of enum otel_observable_kind */
	OTELP_OBSERVABLE_UP_DOWN_COUNTER,
	OTELP_OBSERVABLE_GAUGE
};

/* ---- attribute sets: meter-attributes.c ---- */

/* A set as it is looked up: hashes that do not depend on the order of the attributes. */
struct otelp_set {
	const struct otel_attribute
		*attributes; /* borrowed; clean: no bad key, no duplicate */
	size_t n;
	uint64_t hash;
	uint64_t of[OTELP_MAX_SET]; /* each attribute's own */
	uint32_t key_len[OTELP_MAX_SET];
};

/*
 * Fills *set. What is to be ignored (no key, no value) is left out and of a key given twice the last is
 * kept; only then `scratch`, of OTELP_MAX_SET attributes, is written. False: more than OTELP_MAX_SET. [any]
 */
bool otelp_set_init(struct otelp_set *set, const struct otel_attribute *attributes,
                    size_t n, struct otel_attribute *scratch);
/* Bytes that otelp_set_copy needs. */
size_t otelp_set_size(const struct otelp_set *set);
/* Writes a deep copy to `to`, aligned as malloc does. */
struct otel_attribute *otelp_set_copy(const struct otelp_set *set, void *to);
/* Whether they hold the same, in whatever order. */
bool otelp_set_equal(const struct otelp_set *a, const struct otelp_set *b);
bool otelp_set_value_equal(const struct otel_value *a, const struct otel_value *b);

static inline bool
otelp_bytes_equal(const void *a, const void *b, size_t n)
{
	const unsigned char *p = a, *q = b;
	uint64_t x, y;

	if (n < 8) {
		while (n--)
			if (*p++ != *q++)
				return false;
		return true;
	}
	for (; n > 8; p += 8, q += 8, n -= 8) {
		memcpy(&x, p, 8);
		memcpy(&y, q, 8);
		if (x != y)
			return false;
	}
	/* The last eight bytes may overlap those before. */
	memcpy(&x, p + n - 8, 8);
	memcpy(&y, q + n - 8, 8);
	return x == y;
}

/* ---- series: meter-series.c ---- */

/* What a shard of a sum holds, or the only cell of a gauge. */
struct otelp_cell {
	_Atomic uint64_t bits; /* an int64_t or a double */
	atomic_bool set;       /* gauges: there is a value */
};

/* What a shard of a histogram holds. The count is the sum of the buckets, so that it needs no cell. */
struct otelp_histogram_cell {
	_Atomic uint64_t sum, min, max; /* doubles */
	_Atomic uint64_t counts[];      /* n_bounds + 1 */
};

/* A histogram's values outside of the cells. */
struct otelp_distribution {
	uint64_t count;
	double sum, min, max;
	uint64_t *counts; /* n_bounds + 1 */
};

union otelp_number {
	int64_t integer;
	double number;
};

/* A place for one exemplar; meter-exemplar.c. */
struct otelp_exemplar {
	atomic_uint state; /* 0: empty */
	uint64_t time_unix_ns, bits;
	uint8_t trace_id[16], span_id[8];
};

struct otelp_series {
	struct otelp_series *_Atomic next; /* of the stream, oldest first */
	uint64_t hash;
	uint32_t n;
	const struct otel_attribute *attributes;
	const uint64_t *of; /* each attribute's hash */
	const uint32_t *key_len;
	unsigned char *cells; /* on a cache line; shard i is at i * stream->stride */
	struct otelp_exemplar *exemplars; /* stream->n_exemplars */
	_Atomic uint64_t start_unix_ns;

	/* guarded by provider->collecting: what has been taken out of the cells, and of it what the next
	 * delta collection has yet to report */
	union otelp_number total, pending;
	struct otelp_distribution all, recent;
	/* guarded likewise; observables: */
	union otelp_number seen; /* as the callback said it */
	bool is_double;          /* which it is */
	bool was_double;         /* which the totals are */
	uint64_t collected_unix_ns;
	uint64_t observed; /* number of the collection that observed it last; 0: never */
};

struct otelp_table;

/* How many cells a series has on this machine, and which is the calling thread's. [any] */
unsigned otelp_n_shards(void);
unsigned otelp_shard(void);

struct otelp_stream;
/* The series of this set, made when it is new; NULL without memory. Keeps errno. [any] */
struct otelp_series *otelp_stream_series_n(struct otelp_stream *stream,
                                           const struct otel_attribute *attributes,
                                           size_t n);
/* The series without attributes, made when it is new. */
struct otelp_series *otelp_stream_bare(struct otelp_stream *stream);
/* Sets cells and totals back to nothing, from `now` on. No recorder may run. */
void otelp_series_reset(struct otelp_stream *stream, struct otelp_series *series,
                        uint64_t now);
void otelp_stream_free_series(struct otelp_stream *stream);

/* ---- exemplars: meter-exemplar.c ---- */

/* Takes the place, when the filter lets this measurement pass and nobody was first. [any] */
void otelp_exemplar_offer(const struct otelp_stream *stream, struct otelp_exemplar *place,
                          uint64_t bits);
/* What is there, at most stream->n_exemplars; the places are free afterwards unless `keep`. Under collecting. */
size_t otelp_exemplars_take(const struct otelp_stream *stream,
                            struct otelp_series *series, bool keep,
                            struct otel_exemplar_data *out);
/* No recorder may run. */
void otelp_exemplars_reset(const struct otelp_stream *stream,
                           struct otelp_series *series);

/* ---- streams: meter-stream.c ---- */

struct otelp_scope {
	struct otelp_scope *_Atomic next;
	struct otel_scope_data data; /* its strings and attributes are the scope's own */
	struct otelp_stream *_Atomic streams, *last;
};

struct otelp_text { /* replaced, never changed; older ones stay readable */
	struct otelp_text *older;
	char text[];
};

struct otelp_stream {
	/* read by recorders */
	struct otelp_series *_Atomic bare;
	struct otelp_table *_Atomic table;
	struct otelp_series *_Atomic overflow;
	const double *bounds;
	uint32_t n_bounds;
	uint32_t stride;
	uint32_t n_shards;
	uint32_t n_exemplars; /* places of each series: 0, 1, or n_bounds + 1 */
	int kind;
	int exemplar_filter;

	struct otelp_stream *_Atomic next; /* of the scope, oldest first */
	struct otel_meter_provider *provider;
	struct otelp_scope *scope;
	char *name, *unit;
	struct otelp_text *_Atomic description;
	struct otelp_series *_Atomic series, *last_series;
	atomic_uint n_series;   /* linked, overflow included */
	unsigned n_sets;        /* guarded by otelp_metrics_lock: those in the table */
	atomic_bool superseded; /* by one with other bounds */
	atomic_flag said_value, said_overflow, said_set;
	bool said_case, said_bounds; /* guarded by otelp_metrics_lock */
	atomic_uint n_handles;       /* instruments and observables that feed it */
	atomic_uint n_attached;      /* how many there have ever been */
	unsigned
		told_last; /* guarded by collecting: n_attached when it was reported without any */
};

/* Another handle. What was recorded by earlier ones is told again from now on. Locked. */
static inline void
otelp_stream_attached(struct otelp_stream *stream)
{
	atomic_fetch_add(&stream->n_attached, 1);
	atomic_fetch_add(&stream->n_handles, 1);
}

struct otelp_stream_want {
	int kind;
	const char *name, *unit, *description;
	const double *bounds; /* histograms */
	size_t n_bounds;
};

/* Things to be said once the lock has been given back. */
struct otelp_notes {
	const struct otelp_stream *conflict, *case_of, *bounds_of;
	bool bad_name, bad_unit, bad_bounds, replaced_bounds, too_many;
};

/* The stream of that identity, made when it is new. NULL without memory or past the bound. Locked. */
struct otelp_stream *otelp_stream_attach(struct otel_meter *meter,
                                         const struct otelp_stream_want *want,
                                         struct otelp_notes *notes);
void otelp_notes_say(const struct otelp_notes *notes, const struct otel_meter *meter,
                     const struct otelp_stream_want *want);
void otelp_stream_free(struct otelp_stream *stream);
const char *otelp_kind_name(int kind);

/* ---- handles: instrument.c, instrument-observable.c ---- */

struct otelp_instrument {
	struct otelp_stream *_Atomic stream; /* NULL: records nothing */
	struct otelp_instrument *next;
};

struct otel_observable {
	struct otel_observable *next, **prev; /* of the provider */
	struct otel_meter_provider *provider;
	struct otel_meter *meter;    /* compared only */
	struct otelp_stream *stream; /* NULL: never called */
	otel_observe_fn *observe;
	void *userdata;
	bool ending;    /* not to be called any more */
	bool abandoned; /* by its own callback: freed when that returns */
};

/* Ends the observables of a meter, or all of a provider (meter NULL). Waits for one that runs. Unlocked. */
void otelp_observables_end(struct otel_meter_provider *provider,
                           struct otel_meter *meter);
/* Whether the calling thread is in a callback of this provider. */
bool otelp_observables_run_here(struct otel_meter_provider *provider);
/* Runs all callbacks. Under provider->collecting. */
void otelp_observables_run(struct otel_meter_provider *provider);

/* ---- providers: meter.c, meter-collect.c ---- */

struct otelp_collection_chunk;
struct otelp_collection { /* memory of one collection */
	struct otelp_collection_chunk *chunks;
};
void otelp_collection_reset(struct otelp_collection *collection);

struct otel_meter {
	struct otel_meter *next, **prev; /* of the provider */
	struct otel_meter_provider *provider;
	struct otelp_scope *scope;
	struct otelp_instrument *instruments;
};

struct otel_meter_provider {
	struct otel_meter_provider *next,
		**prev; /* of the process; guarded by otelp_metrics_lock */
	struct otel_pipeline *pipeline; /* borrowed */
	struct otel_resource *resource;
	unsigned limit; /* series of a stream, overflow included */
	int exemplar_filter;
	unsigned n_shards;
	bool disabled;

	struct otelp_scope *_Atomic scopes, *last_scope;
	/* guarded by otelp_metrics_lock: */
	struct otel_meter *meters;
	struct otel_observable *observables;
	unsigned n_streams;
	struct otel_observable *running; /* the callback that runs */
	pthread_t running_thread;        /* its thread */

	pthread_mutex_t collecting;
	/* guarded by collecting: */
	uint64_t collections;
	uint64_t last_delta_unix_ns;
	struct otelp_collection
		reader; /* what otelp_meter_provider_collect handed out last */
};

extern pthread_mutex_t otelp_metrics_lock;
extern pthread_cond_t otelp_metrics_observed; /* a callback has returned */

#endif
