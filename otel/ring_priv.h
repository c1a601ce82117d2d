/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/ring_priv.h - a bounded queue of pointers for any number of producers and consumers.
 *
 * Each slot has a turn: `position` when it may be written in that round, `position + 1` when it may be
 * read. A thread wins a position by one compare-and-swap; nobody waits for anybody. (Vyukov's bounded
 * queue.)
 */
#ifndef OTEL_RING_PRIV_H
#define OTEL_RING_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct otelp_ring_slot {
	atomic_size_t turn;
	void *item;
};

struct otelp_ring {
	struct otelp_ring_slot *slots; /* borrowed */
	size_t mask;
	_Alignas(64) atomic_size_t head; /* next position to write */
	_Alignas(64) atomic_size_t tail; /* next position to read */
};

/* `n` is a power of two. Not thread-safe. */
static inline void
otelp_ring_init(struct otelp_ring *ring, struct otelp_ring_slot *slots, size_t n)
{
	ring->slots = slots;
	ring->mask = n - 1;
	for (size_t i = 0; i < n; i++)
		atomic_init(&slots[i].turn, i);
	atomic_init(&ring->head, 0);
	atomic_init(&ring->tail, 0);
}

/* False when it is full. */
static inline bool
otelp_ring_push(struct otelp_ring *ring, void *item)
{
	size_t at = atomic_load_explicit(&ring->head, memory_order_relaxed);

	for (;;) {
		struct otelp_ring_slot *slot = &ring->slots[at & ring->mask];
		size_t turn = atomic_load_explicit(&slot->turn, memory_order_acquire);

		if (turn == at) {
			if (atomic_compare_exchange_weak_explicit(
				    &ring->head, &at, at + 1, memory_order_relaxed,
				    memory_order_relaxed)) {
				slot->item = item;
				atomic_store_explicit(&slot->turn, at + 1,
				                      memory_order_release);
				return true;
			}
		} else if ((ptrdiff_t)(turn - at) < 0) {
			return false;
		} else {
			at = atomic_load_explicit(&ring->head, memory_order_relaxed);
		}
	}
}

/* NULL when it is empty. */
static inline void *
otelp_ring_pop(struct otelp_ring *ring)
{
	size_t at = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	for (;;) {
		struct otelp_ring_slot *slot = &ring->slots[at & ring->mask];
		size_t turn = atomic_load_explicit(&slot->turn, memory_order_acquire);

		if (turn == at + 1) {
			if (atomic_compare_exchange_weak_explicit(
				    &ring->tail, &at, at + 1, memory_order_relaxed,
				    memory_order_relaxed)) {
				void *item = slot->item;

				atomic_store_explicit(&slot->turn, at + ring->mask + 1,
				                      memory_order_release);
				return item;
			}
		} else if ((ptrdiff_t)(turn - (at + 1)) < 0) {
			return NULL;
		} else {
			at = atomic_load_explicit(&ring->tail, memory_order_relaxed);
		}
	}
}

#endif
