/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "pipeline_priv.h"
#include "pool_priv.h"
#include "ring_priv.h"

#define DEPOT_MAGAZINES 256
#define MAX_HEAP        (64u << 20)

struct otelp_budget otelp_pool_budget = { .max = MAX_HEAP };

static struct pool {
	const struct otelp_pool_type *type;
	atomic_int alive;
	struct otelp_ring depot; /* of magazines, each by its first record */
	struct otelp_ring_slot slots[DEPOT_MAGAZINES];
} pools[OTELP_N_POOLS] = {
	[OTELP_POOL_SPANS] = { .type = &otelp_span_pool_type },
	[OTELP_POOL_LOGS] = { .type = &otelp_log_pool_type },
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
depots_init(void)
{
	for (int i = 0; i < OTELP_N_POOLS; i++)
		otelp_ring_init(&pools[i].depot, pools[i].slots, DEPOT_MAGAZINES);
}

static void
destroy(struct pool *pool, struct otelp_record *record)
{
	pool->type->fini(record);
	otelp_free(record);
	atomic_fetch_sub_explicit(&pool->alive, 1, memory_order_relaxed);
}

static void
destroy_all(struct pool *pool, struct otelp_record *record)
{
	while (record) {
		struct otelp_record *next = record->next;

		destroy(pool, record);
		record = next;
	}
}

static struct otelp_record *
make(struct pool *pool)
{
	struct otelp_record *record;

	if (atomic_fetch_add_explicit(&pool->alive, 1, memory_order_relaxed) <
	    pool->type->max_alive) {
		record = otelp_calloc(1, pool->type->size);
		if (record) {
			pool->type->init(record);
			return record;
		}
	}
	atomic_fetch_sub_explicit(&pool->alive, 1, memory_order_relaxed);
	return NULL;
}

static void
deposit(struct pool *pool, struct otelp_magazine *magazine)
{
	if (!magazine->first)
		return;
	magazine->first->chained = magazine->n;
	if (!otelp_ring_push(&pool->depot, magazine->first))
		destroy_all(pool, magazine->first);
	*magazine = (struct otelp_magazine){ NULL, 0 };
}

void *
otelp_pool_get_slow(enum otelp_pool which)
{
	struct otelp_magazine *loaded = &otelp_thread.pools[which].loaded;
	struct otelp_magazine *spare = &otelp_thread.pools[which].spare;
	struct pool *pool = &pools[which];

	pthread_once(&once, depots_init);
	otelp_thread_prepare();
	if (spare->first) {
		*loaded = *spare;
		*spare = (struct otelp_magazine){ NULL, 0 };
	} else if (
		otelp_thread
			.ready) { /* an exiting thread would lose what it did not use */
		loaded->first = otelp_ring_pop(&pool->depot);
		loaded->n = loaded->first ? loaded->first->chained : 0;
	}
	return loaded->first ? otelp_pool_get(which) : make(pool);
}

void
otelp_pool_put_slow(enum otelp_pool which, struct otelp_record *record)
{
	struct otelp_magazine *loaded = &otelp_thread.pools[which].loaded;
	struct otelp_magazine *spare = &otelp_thread.pools[which].spare;
	struct pool *pool = &pools[which];

	pthread_once(&once, depots_init);
	otelp_thread_prepare();
	if (!otelp_thread.ready) {
		destroy(pool, record);
		return;
	}
	if (loaded->n >= OTELP_MAGAZINE) {
		deposit(pool, spare);
		*spare = *loaded;
		*loaded = (struct otelp_magazine){ NULL, 0 };
	}
	otelp_pool_put(which, record);
}

void
otelp_pool_thread_exits(void)
{
	for (int i = 0; i < OTELP_N_POOLS; i++) {
		deposit(&pools[i], &otelp_thread.pools[i].loaded);
		deposit(&pools[i], &otelp_thread.pools[i].spare);
	}
}

/*
 * Another thread may have been half-way through a push when the process was cloned; its slot would
 * stay blocked. What lies in the depot is given up: the child makes its own, and the pages are shared.
 */
void
otelp_pool_forked_child(void)
{
	for (int i = 0; i < OTELP_N_POOLS; i++)
		if (pools[i].depot.slots)
			otelp_ring_init(&pools[i].depot, pools[i].slots, DEPOT_MAGAZINES);
}

void
otelp_pool_drain(void)
{
	pthread_once(&once, depots_init);
	for (int i = 0; i < OTELP_N_POOLS; i++) {
		struct otelp_record *magazine;

		deposit(&pools[i], &otelp_thread.pools[i].loaded);
		deposit(&pools[i], &otelp_thread.pools[i].spare);
		while ((magazine = otelp_ring_pop(&pools[i].depot)) != NULL)
			destroy_all(&pools[i], magazine);
	}
}

int
otelp_pool_alive(enum otelp_pool pool)
{
	return atomic_load_explicit(&pools[pool].alive, memory_order_relaxed);
}
