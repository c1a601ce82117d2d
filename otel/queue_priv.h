/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/queue_priv.h - a bounded ring of record pointers: many threads push, one pops.
 *
 * Pushing takes no lock and makes no system call. A push claims a place by moving `tail`, then fills it;
 * between the two the consumer finds the place empty and waits for it. A place is free again before
 * `head` passes it, so a claimed place never holds anything.
 */
#ifndef OTEL_QUEUE_PRIV_H
#define OTEL_QUEUE_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otelp_queue {
	_Atomic(void *) *places;
	uint64_t mask;     /* of places, a power of two */
	uint64_t capacity; /* as asked for, at most mask + 1 */
	/* On cache lines of their own, wherever the struct is: producers move one, the consumer the other. */
	char before_tail[64];
	atomic_uint_fast64_t tail; /* pushed so far */
	char before_head[64];
	atomic_uint_fast64_t head; /* popped so far */
	char after_head[64];
};

/* 0 or -ENOMEM; capacity > 0. */
int otelp_queue_init(struct otelp_queue *queue, size_t capacity);
void
otelp_queue_fini(struct otelp_queue *queue); /* of an empty queue; a zeroed one is fine */

/* False when it is full. Otherwise *size is how many there are now, for deciding whether to wake. [any] */
bool otelp_queue_push(struct otelp_queue *queue, void *record, uint64_t *size);
/* Pops up to `max`. May return fewer than there are when a push is half done. The consumer only. */
size_t otelp_queue_pop(struct otelp_queue *queue, void **records, size_t max);
/* How many there are; exact when nobody pushes or pops. [any] */
uint64_t otelp_queue_size(const struct otelp_queue *queue);
/*
 * For the child of a fork: pops what there is, ignoring pushes that the fork cut in half; when it
 * returns 0 the queue is empty and new. Nobody else may use the queue.
 */
size_t otelp_queue_salvage(struct otelp_queue *queue, void **records, size_t max);

#endif
