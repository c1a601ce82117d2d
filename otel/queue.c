/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "pipeline_priv.h"
#include "queue_priv.h"

int
otelp_queue_init(struct otelp_queue *queue, size_t capacity)
{
	size_t n = 1;

	while (n < capacity)
		n *= 2;
	queue->places = otelp_calloc(n, sizeof *queue->places);
	if (!queue->places)
		return -ENOMEM;
	queue->mask = n - 1;
	queue->capacity = capacity;
	atomic_init(&queue->tail, 0);
	atomic_init(&queue->head, 0);
	return 0;
}

void
otelp_queue_fini(struct otelp_queue *queue)
{
	otelp_free(queue->places);
	queue->places = NULL;
}

bool
otelp_queue_push(struct otelp_queue *queue, void *record, uint64_t *size)
{
	uint64_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);

	do {
		/* A stale tail may lie behind head; the exchange below then fails. */
		int64_t used = (int64_t)(tail -
		                         atomic_load_explicit(&queue->head,
		                                              memory_order_acquire));

		if (used >= (int64_t)queue->capacity)
			return false;
		*size = used < 0 ? 1 : (uint64_t)used + 1;
	} while (!atomic_compare_exchange_weak_explicit(&queue->tail, &tail, tail + 1,
	                                                memory_order_seq_cst,
	                                                memory_order_relaxed));
	atomic_store_explicit(&queue->places[tail & queue->mask], record,
	                      memory_order_release);
	return true;
}

size_t
otelp_queue_pop(struct otelp_queue *queue, void **records, size_t max)
{
	uint64_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);
	size_t n;

	for (n = 0; n < max; n++) {
		_Atomic(void *) *place = &queue->places[(head + n) & queue->mask];

		records[n] = atomic_load_explicit(place, memory_order_acquire);
		if (!records[n])
			break;
		atomic_store_explicit(place, NULL, memory_order_relaxed);
	}
	if (n)
		atomic_store_explicit(&queue->head, head + n, memory_order_release);
	return n;
}

uint64_t
otelp_queue_size(const struct otelp_queue *queue)
{
	uint64_t head = atomic_load(&queue->head), tail = atomic_load(&queue->tail);

	return tail > head ? tail - head : 0;
}

size_t
otelp_queue_salvage(struct otelp_queue *queue, void **records, size_t max)
{
	uint64_t head = atomic_load(&queue->head), tail = atomic_load(&queue->tail);
	size_t n = 0;

	for (; head < tail && n < max; head++) {
		records[n] = atomic_exchange(&queue->places[head & queue->mask], NULL);
		n += records[n] != NULL;
	}
	atomic_store(&queue->head, head);
	return n;
}
