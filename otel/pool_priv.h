/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/pool_priv.h - records that are used again and again: spans and log records.
 *
 *	producer: get ---> fills the record ---> queue ---> exporter thread: put
 *	   ^                                                      |
 *	   '--- magazine of the thread <--- depot (a ring) <------'
 *
 * Each thread keeps two magazines, lists of up to 32 idle records; only full or empty ones are exchanged
 * with the depot, so that the shared ring is touched once in 32 records. No lock; the heap is asked only
 * when depot and magazines are empty, up to a bound on the records alive.
 */
#ifndef OTEL_POOL_PRIV_H
#define OTEL_POOL_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "arena_priv.h"
#include "thread_priv.h"

/* The first member of whatever is pooled. */
struct otelp_record {
	struct otelp_record *next;
	uint32_t
		chained; /* in a magazine's first record, while in the depot: how many there are */
};

#define OTELP_MAGAZINE 32
#define OTELP_FETCHED \
	1344 /* bytes: what ten attributes of 20 + 20 bytes need of a record */

void *otelp_pool_get_slow(enum otelp_pool pool);
void otelp_pool_put_slow(enum otelp_pool pool, struct otelp_record *record);

/* A record as it was put or as `init` made it; NULL without memory or past the bound. [any] */
static inline void *
otelp_pool_get(enum otelp_pool pool)
{
	struct otelp_magazine *loaded = &otelp_thread.pools[pool].loaded;
	struct otelp_record *record = loaded->first;

	if (__builtin_expect(!record, 0))
		return otelp_pool_get_slow(pool);
	loaded->first = record->next;
	loaded->n--;
	return record;
}

/*
 * Asks for the memory of the record that the next call will get. It was last used by the exporter's core,
 * which has its cache lines; having them come over one by one as they are written is most of what a span
 * costs then (10 attributes, exporter on another core: 580 ns without this, 210 ns with it).
 */
static inline void
otelp_pool_fetch_next(enum otelp_pool pool)
{
	const char *bytes = (const char *)otelp_thread.pools[pool].loaded.first;

	if (!bytes)
		return;
	for (size_t i = 0; i < OTELP_FETCHED; i += 64) {
#if defined(__x86_64__)
		__asm__ volatile(
			"prefetchw %0"
			:
			: "m"(bytes[i])); /* for writing; harmless where unknown */
#else
		__builtin_prefetch(bytes + i, 1);
#endif
	}
}

/* Takes a record back. [any] */
static inline void
otelp_pool_put(enum otelp_pool pool, void *idle)
{
	struct otelp_magazine *loaded = &otelp_thread.pools[pool].loaded;
	struct otelp_record *record = idle;

	if (__builtin_expect(loaded->n >= OTELP_MAGAZINE || !otelp_thread.ready, 0)) {
		otelp_pool_put_slow(pool, record);
		return;
	}
	record->next = loaded->first;
	loaded->first = record;
	loaded->n++;
}

/* What records may take of the heap beyond their own size, all of them together. */
extern struct otelp_budget otelp_pool_budget;

/* Frees what is idle in this thread's magazines and in the depots. */
void otelp_pool_drain(void);
/* Records that exist, idle ones too. */
int otelp_pool_alive(enum otelp_pool pool);

/* Called by thread.c, when a thread exits and in a forked child. */
void otelp_pool_thread_exits(void);
void otelp_pool_forked_child(void);

/* What a pool holds; span.c and log.c define theirs. */
struct otelp_pool_type {
	size_t size;
	int max_alive;
	void (*init)(void *record); /* of zeroed memory */
	void (*fini)(void *record);
};
extern const struct otelp_pool_type otelp_span_pool_type, otelp_log_pool_type;

#endif
