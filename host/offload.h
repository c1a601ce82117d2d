/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/offload.h - threads for what blocks, so that loops never do.
 *
 * One pool per process, made when first used; its threads have signals blocked. The queue is bounded: past it a job is refused,
 * not kept waiting.
 */
#ifndef HOST_OFFLOAD_H
#define HOST_OFFLOAD_H

#include <stdatomic.h>
#include <stdint.h>

#include <otel/error.h>

struct host_offload;

/* threads, queue 0: 8 and 256. Threads start as they are needed. */
OTEL_MUST_USE int host_offload_new(unsigned threads, unsigned queue,
                                   struct host_offload **out);
/* Waits for the jobs that run. NULL is fine. */
void host_offload_free(struct host_offload *offload);
/*
 * Runs fn(arg) on a thread of the pool, with this fiber's context, and waits for it to its end. 0,
 * -EAGAIN when the queue is full, -ECANCELED when the fiber is cancelled already. [fiber]
 */
int host_offload_run(struct host_offload *offload, void (*fn)(void *arg), void *arg);

#endif
