/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeping, mutexes, events, working elsewhere. Mutexes and events may be shared by all loops
 * (SVC_CONCURRENT): their lists have a lock that is never held across anything but a few stores, and a fiber of
 * another loop is woken by a message that lives on its stack.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "offload.h"
#include "service-priv.h"

/* ---- waiting in a line ---- */

struct waiter {
	TAILQ_ENTRY(waiter) link;
	struct host_message message;
	struct host_fiber *fiber;
	struct line *line;
	bool queued; /* under the line's lock */
};

/* A mutex or an event; freed with the service when that forgets it. */
struct line {
	LIST_ENTRY(line) link; /* in service->lines, under its lock */
	struct host_service *service;
	pthread_mutex_t lock;
	TAILQ_HEAD(, waiter) waiters; /* guarded by lock */
};

static void
line_init(struct line *line, struct host_service *service)
{
	pthread_mutex_init(&line->lock, NULL);
	TAILQ_INIT(&line->waiters);
	line->service = service;
	pthread_mutex_lock(&service->lock);
	LIST_INSERT_HEAD(&service->lines, line, link);
	pthread_mutex_unlock(&service->lock);
}

static void
line_free(struct line *line)
{
	struct host_service *service = line->service;

	pthread_mutex_lock(&service->lock);
	LIST_REMOVE(line, link);
	pthread_mutex_unlock(&service->lock);
	/* Who woke the one that frees it may be about to let go of it. */
	pthread_mutex_lock(&line->lock);
	pthread_mutex_unlock(&line->lock);
	pthread_mutex_destroy(&line->lock);
	free(line);
}

static void
on_wake(struct host_message *message)
{
	host_fiber_ready(
		((struct waiter *)((char *)message - offsetof(struct waiter, message)))
			->fiber);
}

static bool
leave_line(void *arg)
{
	struct waiter *w = arg;
	bool queued;

	pthread_mutex_lock(&w->line->lock);
	queued = w->queued;
	if (queued)
		TAILQ_REMOVE(&w->line->waiters, w, link);
	w->queued = false;
	pthread_mutex_unlock(&w->line->lock);
	return queued; /* else its wake is on the way */
}

/* With the lock held. */
static void
join_line(struct line *line, struct waiter *w)
{
	w->line = line;
	w->fiber = host_fiber_self();
	w->message.fn = on_wake;
	w->queued = true;
	TAILQ_INSERT_TAIL(&line->waiters, w, link);
}

/* With the lock held: wakes the first one. */
static bool
call_first(struct line *line)
{
	struct waiter *w = TAILQ_FIRST(&line->waiters);

	if (!w)
		return false;
	TAILQ_REMOVE(&line->waiters, w, link);
	w->queued = false;
	if (host_fiber_loop(w->fiber) == host_loop_current())
		host_fiber_ready(w->fiber);
	else
		host_loop_post(host_fiber_loop(w->fiber), &w->message);
	return true;
}

/* ---- mutex ---- */

struct svc_mutex {
	struct line line; /* first */
	bool locked; /* guarded by line.lock; handed over, never up for grabs while somebody waits */
};

static struct svc_mutex *
mutex_new(const struct svc_host *host)
{
	struct svc_mutex *mutex = calloc(1, sizeof *mutex);

	if (mutex)
		line_init(&mutex->line, service_of(host));
	return mutex;
}

static int
mutex_lock(struct svc_mutex *mutex)
{
	struct waiter w;

	if (!host_fiber_self())
		return -EINVAL;
	if (service_is_cancelled())
		return -ECANCELED;
	pthread_mutex_lock(&mutex->line.lock);
	if (!mutex->locked) {
		mutex->locked = true;
		pthread_mutex_unlock(&mutex->line.lock);
		return 0;
	}
	join_line(&mutex->line, &w);
	pthread_mutex_unlock(&mutex->line.lock);
	return host_fiber_wait(leave_line, &w);
}

static void
mutex_unlock(struct svc_mutex *mutex)
{
	pthread_mutex_lock(&mutex->line.lock);
	if (!call_first(&mutex->line))
		mutex->locked = false;
	pthread_mutex_unlock(&mutex->line.lock);
}

static void
mutex_free(struct svc_mutex *mutex)
{
	if (mutex)
		line_free(&mutex->line);
}

/* ---- event ---- */

struct svc_event {
	struct line line; /* first */
};

static struct svc_event *
event_new_(const struct svc_host *host)
{
	struct svc_event *event = calloc(1, sizeof *event);

	if (event)
		line_init(&event->line, service_of(host));
	return event;
}

static int
event_wait(struct svc_event *event, int timeout_ms)
{
	struct waiter w;

	if (!host_fiber_self())
		return -EINVAL;
	if (service_is_cancelled())
		return -ECANCELED;
	pthread_mutex_lock(&event->line.lock);
	join_line(&event->line, &w);
	pthread_mutex_unlock(&event->line.lock);
	return host_fiber_wait_for(leave_line, &w, timeout_ms);
}

static void
event_set(struct svc_event *event)
{
	pthread_mutex_lock(&event->line.lock);
	while (call_first(&event->line))
		;
	pthread_mutex_unlock(&event->line.lock);
}

static void
event_free_(struct svc_event *event)
{
	if (event)
		line_free(&event->line);
}

/* ---- sleep, offload ---- */

static int
sleep_ms(const struct svc_host *host, int ms)
{
	(void)host;
	return host_fiber_self() ? host_fiber_sleep(ms) : -EINVAL;
}

static int
offload(const struct svc_host *host, void (*fn)(void *arg), void *arg)
{
	return host_offload_run(service_of(host)->config.offload, fn, arg);
}

void
service_wait_fini(struct host_service *service)
{
	struct line *line;

	while ((line = LIST_FIRST(&service->lines)))
		line_free(line);
}

void
service_wait_functions(struct svc_host *host)
{
	host->sleep = sleep_ms;
	host->offload = offload;
	host->mutex_new = mutex_new;
	host->mutex_lock = mutex_lock;
	host->mutex_unlock = mutex_unlock;
	host->mutex_free = mutex_free;
	host->event_new = event_new_;
	host->event_wait = event_wait;
	host->event_set = event_set;
	host->event_free = event_free_;
}
