/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job lives on the stack of the fiber that waits for it, so the queue needs no memory. A waiting job
 * cannot be cancelled: fn may be using what the fiber owns.
 */
#include "offload.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "fiber.h"
#include "loop.h"
#include <otel/context.h>

struct job {
	struct host_message message;
	STAILQ_ENTRY(job) link;
	void (*fn)(void *arg);
	void *arg;
	struct host_fiber *fiber;
	struct host_current current;
	struct otel_context *context;
};

struct host_offload {
	pthread_mutex_t lock;
	pthread_cond_t work;
	/* guarded by lock: */
	STAILQ_HEAD(, job) queue;
	unsigned queued, max_queued, idle, n_threads, max_threads;
	bool stop;
	pthread_t threads[];
};

static void
on_done(struct host_message *message)
{
	host_fiber_ready(((struct job *)message)->fiber);
}

static void
run_job(struct job *job)
{
	struct otel_context *outer = otel_context_swap(job->context);
	struct host_loop *loop = host_fiber_loop(job->fiber);

	job->current.doing = "offload";
	host_current = &job->current;
	job->fn(job->arg);
	host_current = NULL;
	otel_context_swap(outer);
	host_loop_post(loop, &job->message); /* the job is the fiber's again */
}

static void *
thread_main(void *arg)
{
	struct host_offload *offload = arg;

	host_thread_enter("offload");
	pthread_mutex_lock(&offload->lock);
	for (;;) {
		struct job *job = STAILQ_FIRST(&offload->queue);

		if (!job) {
			if (offload->stop)
				break;
			offload->idle++;
			pthread_cond_wait(&offload->work, &offload->lock);
			offload->idle--;
			continue;
		}
		STAILQ_REMOVE_HEAD(&offload->queue, link);
		offload->queued--;
		pthread_mutex_unlock(&offload->lock);
		run_job(job);
		pthread_mutex_lock(&offload->lock);
	}
	pthread_mutex_unlock(&offload->lock);
	host_thread_leave();
	return NULL;
}

int
host_offload_new(unsigned threads, unsigned queue, struct host_offload **out)
{
	unsigned max = threads ? threads : 8;
	struct host_offload *offload = calloc(1, sizeof *offload +
	                                                 max * sizeof *offload->threads);

	if (!offload)
		return -ENOMEM;
	pthread_mutex_init(&offload->lock, NULL);
	pthread_cond_init(&offload->work, NULL);
	STAILQ_INIT(&offload->queue);
	offload->max_threads = max;
	offload->max_queued = queue ? queue : 256;
	*out = offload;
	return 0;
}

void
host_offload_free(struct host_offload *offload)
{
	if (!offload)
		return;
	pthread_mutex_lock(&offload->lock);
	offload->stop = true;
	pthread_cond_broadcast(&offload->work);
	pthread_mutex_unlock(&offload->lock);
	for (unsigned i = 0; i < offload->n_threads; i++)
		pthread_join(offload->threads[i], NULL);
	pthread_cond_destroy(&offload->work);
	pthread_mutex_destroy(&offload->lock);
	free(offload);
}

/* With the lock held. One more thread when there is more to do than idle ones; without any it is an error. */
static int
provide_thread(struct host_offload *offload)
{
	sigset_t all, old;
	int r;

	if (offload->idle > offload->queued || offload->n_threads == offload->max_threads)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&offload->threads[offload->n_threads], NULL, thread_main,
	                   offload);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r == 0)
		offload->n_threads++;
	return offload->n_threads ? 0 : -EAGAIN;
}

int
host_offload_run(struct host_offload *offload, void (*fn)(void *arg), void *arg)
{
	struct host_fiber *fiber = host_fiber_self();
	struct job job = { .message.fn = on_done, .fn = fn, .arg = arg, .fiber = fiber };
	int r;

	if (!fiber)
		return -EINVAL;
	if (host_fiber_is_cancelled(fiber))
		return -ECANCELED;
	if (!offload)
		return -EAGAIN;
	job.current = *host_fiber_current(fiber);
	job.context = otel_context_current();
	pthread_mutex_lock(&offload->lock);
	r = offload->queued < offload->max_queued ? provide_thread(offload) : -EAGAIN;
	if (r == 0) {
		STAILQ_INSERT_TAIL(&offload->queue, &job, link);
		offload->queued++;
		pthread_cond_signal(&offload->work);
	}
	pthread_mutex_unlock(&offload->lock);
	if (r < 0)
		return r;
	host_fiber_wait(NULL, NULL);
	return 0;
}
