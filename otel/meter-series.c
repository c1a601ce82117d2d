/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Series: one set of attributes of one stream, and the cells that recorders add to.
 *
 * Recorders find a series in an open-addressing table that is read without a lock. A set never seen is
 * put in under otelp_metrics_lock: hash first, then the series with release order, so that who sees the
 * series sees all of it. A table that is half full is replaced by one of twice the size; the old one
 * stays readable until the stream dies (all of them together are as large as the last). Who missed a
 * set in an old table looks again under the lock.
 *
 * Cells are sharded by thread, a cache line or more each, so that threads that count the same thing do
 * not pass a line to and fro.
 */
#include <errno.h>
#include <math.h>
#include <unistd.h>

#include "meter_priv.h"
#include "pipeline_priv.h"

#define FIRST_SLOTS 16

struct slot {
	_Atomic uint64_t hash;
	struct otelp_series *_Atomic series;
};

struct otelp_table {
	size_t mask;
	struct otelp_table *older;
	struct slot slots[];
};

/*
 * Threads take the shard that the fewest have, and give it back when they end. The model spares the
 * call that a shared object otherwise makes for every thread-local.
 */
static __thread unsigned my_shard
	__attribute__((tls_model("initial-exec"))); /* + 1; 0: none yet */
static pthread_once_t shard_once = PTHREAD_ONCE_INIT;
static pthread_key_t shard_key;
static atomic_uint shard_users[OTELP_MAX_SHARDS];
static unsigned n_shards; /* the same for all providers, as a thread has one shard */

static void
shard_release(void *shard)
{
	unsigned i = (unsigned)(uintptr_t)shard - 1;

	if (i < OTELP_MAX_SHARDS)
		atomic_fetch_sub_explicit(&shard_users[i], 1, memory_order_relaxed);
}

static void
shard_setup(void)
{
	n_shards = sysconf(_SC_NPROCESSORS_ONLN) <= 2 ? 4 : OTELP_MAX_SHARDS;
	pthread_key_create(&shard_key, shard_release);
}

unsigned
otelp_n_shards(void)
{
	pthread_once(&shard_once, shard_setup);
	return n_shards;
}

static __attribute__((noinline)) unsigned
shard_choose(void)
{
	unsigned best = 0, users, fewest = UINT32_MAX;
	int saved = errno;

	for (unsigned i = 0; i < n_shards; i++) {
		users = atomic_load_explicit(&shard_users[i], memory_order_relaxed);
		if (users < fewest) {
			fewest = users;
			best = i;
		}
	}
	atomic_fetch_add_explicit(&shard_users[best], 1, memory_order_relaxed);
	my_shard = best + 1;
	pthread_setspecific(shard_key, (void *)(uintptr_t)my_shard);
	errno = saved;
	return best;
}

unsigned
otelp_shard(void)
{
	unsigned mine = my_shard;

	return likely(mine) ? mine - 1 : shard_choose();
}

static inline bool
matches(const struct otelp_series *series, const struct otelp_set *set)
{
	const struct otel_attribute *a, *b;
	size_t j;

	if (series->n != set->n)
		return false;
	for (size_t i = 0; i < set->n; i++) {
		/* Written in the order of the first time, mostly. */
		j = i;
		if (unlikely(series->of[j] != set->of[i]))
			for (j = 0; j < set->n && series->of[j] != set->of[i];)
				j++;
		if (j == set->n)
			return false;
		a = &series->attributes[j];
		b = &set->attributes[i];
		if (series->key_len[j] != set->key_len[i] ||
		    !otelp_bytes_equal(a->key, b->key, set->key_len[i]) ||
		    !otelp_set_value_equal(&a->value, &b->value))
			return false;
	}
	return true;
}

static inline struct otelp_series *
find(const struct otelp_table *table, const struct otelp_set *set)
{
	struct otelp_series *series;
	const struct slot *slot;

	if (!table)
		return NULL;
	for (size_t i = set->hash & table->mask;; i = (i + 1) & table->mask) {
		slot = &table->slots[i];
		series = atomic_load_explicit(&slot->series, memory_order_acquire);
		if (!series)
			return NULL;
		if (atomic_load_explicit(&slot->hash, memory_order_relaxed) ==
		            set->hash &&
		    matches(series, set))
			return series;
	}
}

static void
put(struct otelp_table *table, uint64_t hash, struct otelp_series *series)
{
	size_t i = hash & table->mask;

	while (atomic_load_explicit(&table->slots[i].series, memory_order_relaxed))
		i = (i + 1) & table->mask;
	atomic_store_explicit(&table->slots[i].hash, hash, memory_order_relaxed);
	atomic_store_explicit(&table->slots[i].series, series, memory_order_release);
}

/* Makes sure that one more set fits. */
static int
make_room(struct otelp_stream *stream)
{
	struct otelp_table *table = atomic_load_explicit(&stream->table,
	                                                 memory_order_relaxed);
	struct otelp_table *larger;
	struct otelp_series *series;
	size_t slots = table ? table->mask + 1 : 0;

	if (slots && stream->n_sets < slots / 2)
		return 0;
	slots = slots ? slots * 2 : FIRST_SLOTS;
	larger = otelp_calloc(1, sizeof *larger + slots * sizeof *larger->slots);
	if (!larger)
		return -ENOMEM;
	larger->mask = slots - 1;
	larger->older = table;
	for (size_t i = 0; table && i <= table->mask; i++) {
		series = atomic_load_explicit(&table->slots[i].series,
		                              memory_order_relaxed);
		if (series)
			put(larger, series->hash, series);
	}
	atomic_store_explicit(&stream->table, larger, memory_order_release);
	return 0;
}

static size_t
align_to(size_t n, size_t alignment)
{
	return (n + alignment - 1) & ~(alignment - 1);
}

static void
clear_cells(struct otelp_stream *stream, struct otelp_series *series)
{
	struct otelp_histogram_cell *cell;
	uint64_t infinity;
	double d = INFINITY;

	memset(series->cells, 0, (size_t)stream->stride * stream->n_shards);
	if (stream->kind != OTELP_HISTOGRAM)
		return;
	memcpy(&infinity, &d, sizeof d);
	for (unsigned i = 0; i < stream->n_shards; i++) {
		/* Nothing recorded is negative, so 0 stands for no maximum yet. */
		cell = (void *)(series->cells + (size_t)i * stream->stride);
		atomic_store_explicit(&cell->min, infinity, memory_order_relaxed);
	}
}

static void
clear_distribution(struct otelp_distribution *distribution, unsigned n_counts)
{
	distribution->count = 0;
	distribution->sum = distribution->max = 0;
	distribution->min = INFINITY;
	memset(distribution->counts, 0, n_counts * sizeof *distribution->counts);
}

void
otelp_series_reset(struct otelp_stream *stream, struct otelp_series *series, uint64_t now)
{
	clear_cells(stream, series);
	memset(&series->total, 0, sizeof series->total);
	memset(&series->pending, 0, sizeof series->pending);
	series->observed = 0;
	if (stream->kind == OTELP_HISTOGRAM) {
		clear_distribution(&series->all, stream->n_bounds + 1);
		clear_distribution(&series->recent, stream->n_bounds + 1);
	}
	otelp_exemplars_reset(stream, series);
	atomic_store_explicit(&series->start_unix_ns, now, memory_order_relaxed);
}

/* One block: the series, its attributes and their hashes, a histogram's counts, exemplars, then the cells. */
static struct otelp_series *
series_new(struct otelp_stream *stream, const struct otelp_set *set)
{
	size_t counts = stream->kind == OTELP_HISTOGRAM ? stream->n_bounds + 1 : 0;
	size_t copy = align_to(otelp_set_size(set), 8), hashes = set->n * sizeof *set->of;
	size_t lens = align_to(set->n * sizeof *set->key_len, 8);
	size_t cells = (size_t)stream->stride * stream->n_shards;
	size_t exemplars = stream->n_exemplars * sizeof(struct otelp_exemplar);
	size_t head = align_to(sizeof(struct otelp_series), 16);
	struct otelp_series *series;
	unsigned char *at;

	series = otelp_malloc(head + copy + hashes + lens +
	                      2 * counts * sizeof(uint64_t) + exemplars + cells +
	                      OTELP_CACHE_LINE);
	if (!series)
		return NULL;
	memset(series, 0, sizeof *series);
	at = (unsigned char *)series + head;
	series->hash = set->hash;
	series->n = (uint32_t)set->n;
	series->attributes = otelp_set_copy(set, at);
	at += copy;
	series->of = memcpy(at, set->of, hashes);
	at += hashes;
	series->key_len = memcpy(at, set->key_len, set->n * sizeof *set->key_len);
	at += lens;
	series->all.counts = (uint64_t *)(void *)at;
	at += counts * sizeof(uint64_t);
	series->recent.counts = (uint64_t *)(void *)at;
	at += counts * sizeof(uint64_t);
	series->exemplars = (struct otelp_exemplar *)(void *)at;
	at += exemplars;
	series->cells = (unsigned char *)align_to((uintptr_t)at, OTELP_CACHE_LINE);
	otelp_series_reset(stream, series, otelp_now_unix_ns());
	return series;
}

static void
link_series(struct otelp_stream *stream, struct otelp_series *series)
{
	if (stream->last_series)
		atomic_store_explicit(&stream->last_series->next, series,
		                      memory_order_release);
	else
		atomic_store_explicit(&stream->series, series, memory_order_release);
	stream->last_series = series;
	atomic_fetch_add_explicit(&stream->n_series, 1, memory_order_release);
}

/* One that is not in the table: the set without attributes, or the one for all that is too many. */
static struct otelp_series *
single(struct otelp_stream *stream, struct otelp_series *_Atomic *where,
       const struct otelp_set *set)
{
	struct otelp_series *series = atomic_load_explicit(where, memory_order_acquire);

	if (series)
		return series;
	series = series_new(stream, set);
	if (!series)
		return NULL;
	link_series(stream, series);
	atomic_store_explicit(where, series, memory_order_release);
	return series;
}

static struct otelp_series *
overflow(struct otelp_stream *stream)
{
	const struct otel_attribute attribute = OTEL_BOOL("otel.metric.overflow", true);
	struct otel_attribute scratch[1];
	struct otelp_set set;

	otelp_set_init(&set, &attribute, 1, scratch);
	return single(stream, &stream->overflow, &set);
}

static struct otelp_series *
insert(struct otelp_stream *stream, const struct otelp_set *set)
{
	struct otelp_series *series = find(
		atomic_load_explicit(&stream->table, memory_order_relaxed), set);

	if (series)
		return series;
	/* The overflow series is one of the limit. */
	if (stream->n_sets +
	                    (atomic_load_explicit(&stream->bare, memory_order_relaxed) !=
	                     NULL) +
	                    1 >=
	            stream->provider->limit ||
	    otelp_set_size(set) > OTELP_MAX_SET_BYTES)
		return overflow(stream);
	if (make_room(stream) < 0)
		return NULL;
	series = series_new(stream, set);
	if (!series)
		return NULL;
	link_series(stream, series);
	put(atomic_load_explicit(&stream->table, memory_order_relaxed), set->hash,
	    series);
	stream->n_sets++;
	return series;
}

static __attribute__((noinline)) struct otelp_series *
insert_locked(struct otelp_stream *stream, const struct otelp_set *set)
{
	struct otelp_series *series;
	int saved = errno;

	pthread_mutex_lock(&otelp_metrics_lock);
	series = insert(stream, set);
	pthread_mutex_unlock(&otelp_metrics_lock);
	if (!series)
		otelp_diag_once(OTEL_DIAG_WARN,
		                "metrics: out of memory, measurements are lost");
	else if (series ==
	                 atomic_load_explicit(&stream->overflow, memory_order_relaxed) &&
	         !atomic_flag_test_and_set(&stream->said_overflow))
		otelp_diag(
			OTEL_DIAG_WARN,
			"metrics: %s has more than %u sets of attributes; further ones are counted "
			"together under otel.metric.overflow=true",
			stream->name, stream->provider->limit - 1);
	errno = saved;
	return series;
}

struct otelp_series *
otelp_stream_bare(struct otelp_stream *stream)
{
	struct otelp_series *series = atomic_load_explicit(&stream->bare,
	                                                   memory_order_acquire);
	struct otelp_set empty;
	int saved = errno;

	if (likely(series != NULL))
		return series;
	otelp_set_init(&empty, NULL, 0, NULL);
	pthread_mutex_lock(&otelp_metrics_lock);
	series = atomic_load_explicit(&stream->bare, memory_order_relaxed);
	if (!series && stream->n_sets + 1 >= stream->provider->limit) {
		series = overflow(stream);
		atomic_store_explicit(&stream->bare, series, memory_order_release);
	} else if (!series) {
		series = single(stream, &stream->bare, &empty);
	}
	pthread_mutex_unlock(&otelp_metrics_lock);
	if (!series)
		otelp_diag_once(OTEL_DIAG_WARN,
		                "metrics: out of memory, measurements are lost");
	errno = saved;
	return series;
}

struct otelp_series *
otelp_stream_series_n(struct otelp_stream *stream,
                      const struct otel_attribute *attributes, size_t n)
{
	struct otel_attribute scratch[OTELP_MAX_SET];
	struct otelp_series *series;
	struct otelp_set set;

	if (unlikely(!otelp_set_init(&set, attributes, n, scratch))) {
		if (!atomic_flag_test_and_set(&stream->said_set))
			otelp_diag(OTEL_DIAG_WARN,
			           "metrics: %s: a set of more than %d attributes is cut",
			           stream->name, OTELP_MAX_SET);
		if (!otelp_set_init(&set, scratch, OTELP_MAX_SET, scratch))
			return NULL;
	}
	if (unlikely(!set.n)) /* all were to be ignored */
		return otelp_stream_bare(stream);
	series = find(atomic_load_explicit(&stream->table, memory_order_acquire), &set);
	if (likely(series != NULL))
		return series;
	/* Past the limit no set is new, and nobody need wait for the lock. */
	series = atomic_load_explicit(&stream->overflow, memory_order_acquire);
	if (series && otelp_set_size(&set) <= OTELP_MAX_SET_BYTES &&
	    atomic_load_explicit(&stream->n_series, memory_order_acquire) <
	            stream->provider->limit)
		series = NULL; /* the overflow came of a set that was too large */
	return series ? series : insert_locked(stream, &set);
}

void
otelp_stream_free_series(struct otelp_stream *stream)
{
	struct otelp_series *series = atomic_load(&stream->series), *next;
	struct otelp_table *table = atomic_load(&stream->table), *older;

	for (; series; series = next) {
		next = atomic_load(&series->next);
		otelp_free(series);
	}
	for (; table; table = older) {
		older = table->older;
		otelp_free(table);
	}
}
