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
