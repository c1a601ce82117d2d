/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop that has run a message posted now is between two callbacks, so nothing that it read before is in use
 * but what is counted. That costs nothing on the way of requests. One block holds all messages; whoever
 * lets go of it last frees it, for a stalled loop may come to its message long after we have given up.
 */
#include <errno.h>
#include <stdlib.h>

#include "loop.h"

struct barrier {
	pthread_mutex_t lock;
	pthread_cond_t passed;
	/* guarded by lock: */
	size_t left;
	bool abandoned; /* the last message frees it */
	struct barrier_message {
		struct host_message message;
		struct barrier *barrier;
	} messages[];
};

static void
free_barrier(struct barrier *barrier)
{
	pthread_cond_destroy(&barrier->passed);
	pthread_mutex_destroy(&barrier->lock);
	free(barrier);
}

static void
on_barrier(struct host_message *message)
{
	struct barrier *barrier = ((struct barrier_message *)message)->barrier;
	bool last;

	pthread_mutex_lock(&barrier->lock);
	last = --barrier->left == 0 && barrier->abandoned;
	pthread_cond_signal(&barrier->passed);
	pthread_mutex_unlock(&barrier->lock);
	if (last)
		free_barrier(barrier);
}

int
host_loop_barrier(struct host_loop *const *loops, size_t n, int timeout_ms)
{
	struct barrier *barrier = calloc(1,
	                                 sizeof *barrier + n * sizeof *barrier->messages);
	struct timespec until;
	int r = 0;

	if (!barrier)
		return -ENOMEM;
	pthread_mutex_init(&barrier->lock, NULL);
	host_cond_init(&barrier->passed);
	until = host_time_in(timeout_ms);
	barrier->left = n;
	for (size_t i = 0; i < n; i++) {
		barrier->messages[i].message.fn = on_barrier;
		barrier->messages[i].barrier = barrier;
		host_loop_post(loops[i], &barrier->messages[i].message);
	}
	pthread_mutex_lock(&barrier->lock);
	while (barrier->left && r == 0)
		r = pthread_cond_timedwait(&barrier->passed, &barrier->lock, &until);
	r = barrier->left ? -ETIMEDOUT : 0;
	barrier->abandoned = r < 0;
	pthread_mutex_unlock(&barrier->lock);
	if (r == 0)
		free_barrier(barrier);
	return r;
}
