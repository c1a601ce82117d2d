/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spawns and timers run as tasks: a fiber that is listed in its slot. A timer belongs to one loop, where its
 * event lives; other threads change its state, which decides whether a call may begin, and leave the
 * rest to a message.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service-priv.h"
#include <otel/context.h>

/* ---- tasks ---- */

struct service_task {
	struct service_work work; /* first: the fiber's argument */
	STAILQ_ENTRY(service_task) pending;
	struct host_message message;
	void (*fn)(void *arg);
	void *arg;
	struct otel_context *context; /* owned */
	struct svc_timer *timer;      /* NULL: spawned */
};

static void timer_ran(struct svc_timer *timer);

static void
run_task(void *arg)
{
	struct service_task *task = arg;

	task->fn(task->arg);
}

static void
free_task(struct service_task *task)
{
	otel_context_unref(task->context);
	free(task);
}

static void
on_task_ended(void *arg)
{
	struct service_task *task = arg;
	struct service_slot *slot = task->work.slot;
	struct host_service *service = task->work.service;
	struct svc_timer *timer = task->timer;

	TAILQ_REMOVE(&slot->tasks, &task->work, link);
	free_task(task);
	if (timer)
		timer_ran(timer);
	service_slot_rest(slot);
	service_unref(service);
}

/* On its slot's loop, with a reference to the service, which it takes. */
static int
begin_task(struct service_task *task)
{
	struct service_slot *slot = task->work.slot;
	struct host_current current = task->work.service->current;

	current.doing = task->timer ? "timer" : "spawn";
	task->work.fiber = host_fiber_new(host_loop_fibers(slot->loop), run_task,
	                                  on_task_ended, task, &current, task->context);
	if (!task->work.fiber) {
		service_unref(task->work.service);
		return -EAGAIN;
	}
	TAILQ_INSERT_TAIL(&slot->tasks, &task->work, link);
	host_fiber_ready(task->work.fiber);
	if (slot->cancelled)
		host_fiber_cancel(task->work.fiber);
	return 0;
}

static struct service_task *
make_task(struct host_service *service, void (*fn)(void *arg), void *arg)
{
	struct service_task *task = calloc(1, sizeof *task);

	if (!task)
		return NULL;
	task->work.kind = WORK_TASK;
	task->work.service = service;
	task->fn = fn;
	task->arg = arg;
	return task;
}

static void
on_task_message(struct host_message *message)
{
	struct service_task *task = (struct service_task *)((char *)message -
	                                                    offsetof(struct service_task,
	                                                             message));

	struct host_service *service = task->work.service;

	service_ref(service); /* begin_task gives one back when it fails */
	if (begin_task(task) < 0) {
		service_log(service, SVC_ERROR,
		            "a spawned task was lost: too many fibers");
		free_task(task);
	}
	service_unref(service);
}

static int
spawn(const struct svc_host *host, void (*fn)(void *arg), void *arg)
{
	struct host_service *service = service_of(host);
	struct service_work *work = service_work_current();
	struct service_task *task;
	int r;

	if (!work || work->kind == WORK_STOP)
		return -EINVAL;
	if (service_is_cancelled() || atomic_load(&service->draining))
		return -ECANCELED;
	task = make_task(service, fn, arg);
	if (!task)
		return -ENOMEM;
	task->work.dark = work->dark;
	task->context = otel_context_ref(otel_context_current());
	if (work->kind == WORK_START) {
		pthread_mutex_lock(&service->lock);
		STAILQ_INSERT_TAIL(&service->pending, task, pending);
		pthread_mutex_unlock(&service->lock);
		return 0;
	}
	task->work.slot = work->slot;
	service_ref(service);
	r = begin_task(task);
	if (r < 0)
		free_task(task);
	return r;
}

/* ---- timers ---- */

enum timer_state { IDLE, RUNS, DEAD };

struct svc_timer {
	LIST_ENTRY(svc_timer) link; /* in service->timers, under its lock */
	struct host_service *service;
	struct service_slot *slot; /* NULL: until attach */
	void (*fn)(void *arg);
	void *arg;
	int first_ms, every_ms;
	atomic_int state; /* enum timer_state */
	struct host_message arm, dispose;
	/* used on the slot's loop only: */
	struct event event;
	uint64_t due_ns;
	bool armed, running, disposed;
};

static void
arm_timer(struct svc_timer *timer)
{
	uint64_t now = host_now_ns();
	uint64_t left = timer->due_ns > now ? timer->due_ns - now : 0;
	uint64_t us = left / 1000 + 1;
	struct timeval tv = { (time_t)(us / 1000000), (suseconds_t)(us % 1000000) };

	evtimer_add(&timer->event, &tv);
}

/* When it comes next: the first time of its rhythm that is not over. */
static void
arm_next(struct svc_timer *timer)
{
	uint64_t every = (uint64_t)timer->every_ms * 1000000, now = host_now_ns();

	if (timer->every_ms <= 0 || atomic_load(&timer->service->draining))
		return;
	timer->due_ns += every;
	if (timer->due_ns < now)
		timer->due_ns += (now - timer->due_ns + every - 1) / every * every;
	arm_timer(timer);
}

static void
unlist_timer(struct svc_timer *timer)
{
	pthread_mutex_lock(&timer->service->lock);
	LIST_REMOVE(timer, link);
	pthread_mutex_unlock(&timer->service->lock);
	atomic_fetch_sub_explicit(&timer->service->n_timers, 1, memory_order_relaxed);
	free(timer);
}

static void
timer_ran(struct svc_timer *timer)
{
	int runs = RUNS;

	timer->running = false;
	if (timer->disposed)
		unlist_timer(timer);
	else if (atomic_compare_exchange_strong(&timer->state, &runs, IDLE))
		arm_next(timer);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct svc_timer *timer = arg;
	struct service_task *task;
	int idle = IDLE;

	(void)fd;
	(void)what;
	if (host_now_ns() < timer->due_ns) {
		arm_timer(timer); /* libevent's clock stands still within a round */
		return;
	}
	if (!atomic_compare_exchange_strong(&timer->state, &idle, RUNS))
		return;
	timer->running = true;
	task = make_task(timer->service, timer->fn, timer->arg);
	if (task) {
		task->timer = timer;
		task->work.slot = timer->slot;
		service_ref(timer->service);
		if (begin_task(task) == 0)
			return;
		free_task(task);
	}
	timer_ran(timer); /* this time is left out */
}

static void
on_arm(struct host_message *message)
{
	struct svc_timer *timer = (struct svc_timer *)((char *)message -
	                                               offsetof(struct svc_timer, arm));
	struct host_service *service = timer->service;

	evtimer_assign(&timer->event, host_loop_base(timer->slot->loop), on_timer, timer);
	timer->armed = true;
	if (!atomic_load(&service->draining))
		arm_timer(timer);
	service_unref(service);
}

static void
on_dispose(struct host_message *message)
{
	struct svc_timer *timer = (struct svc_timer *)((char *)message -
	                                               offsetof(struct svc_timer,
	                                                        dispose));
	struct host_service *service = timer->service;

	if (timer->armed)
		evtimer_del(&timer->event);
	timer->disposed = true;
	if (!timer->running)
		unlist_timer(timer);
	service_unref(service);
}

/* With service->lock held, and a reference to the service, which it takes. */
static void
place_timer(struct svc_timer *timer, struct service_slot *slot)
{
	timer->slot = slot;
	timer->due_ns = host_now_ns() +
	                (uint64_t)(timer->first_ms > 0 ? timer->first_ms : 0) * 1000000;
	host_loop_post(slot->loop, &timer->arm);
}

static struct svc_timer *
timer_new(const struct svc_host *host, int first_ms, int every_ms, void (*fn)(void *arg),
          void *arg)
{
	struct host_service *service = service_of(host);
	struct svc_timer *timer = calloc(1, sizeof *timer);
	struct service_slot *slot;

	if (!timer)
		return NULL;
	timer->service = service;
	timer->fn = fn;
	timer->arg = arg;
	timer->first_ms = first_ms;
	timer->every_ms = every_ms;
	timer->arm.fn = on_arm;
	timer->dispose.fn = on_dispose;
	atomic_fetch_add_explicit(&service->n_timers, 1, memory_order_relaxed);
	pthread_mutex_lock(&service->lock);
	LIST_INSERT_HEAD(&service->timers, timer, link);
	slot = service_slot_current(service);
	if (slot && service_try_ref(service))
		place_timer(timer, slot);
	pthread_mutex_unlock(&service->lock);
	return timer;
}

static void
timer_free(struct svc_timer *timer)
{
	struct host_service *service;
	bool placed;

	if (!timer)
		return;
	service = timer->service;
	atomic_store(&timer->state, DEAD); /* no call begins from here on */
	pthread_mutex_lock(&service->lock);
	placed = timer->slot && service_try_ref(service);
	if (placed)
		host_loop_post(timer->slot->loop, &timer->dispose);
	pthread_mutex_unlock(&service->lock);
	if (!placed)
		unlist_timer(timer);
}

void
service_task_revoke(struct service_slot *slot)
{
	struct svc_timer *timer;

	pthread_mutex_lock(&slot->service->lock);
	LIST_FOREACH (timer, &slot->service->timers, link) {
		if (timer->slot == slot && timer->armed)
			evtimer_del(&timer->event);
	}
	pthread_mutex_unlock(&slot->service->lock);
}

void
service_task_attach(struct host_service *service)
{
	struct service_slot *home = service->slots;
	struct service_task *task;
	struct svc_timer *timer;

	if (!service->n_slots)
		return;
	pthread_mutex_lock(&service->lock);
	LIST_FOREACH (timer, &service->timers, link) {
		if (!timer->slot) {
			service_ref(service);
			place_timer(timer, home);
		}
	}
	while ((task = STAILQ_FIRST(&service->pending))) {
		STAILQ_REMOVE_HEAD(&service->pending, pending);
		task->work.slot = home;
		task->message.fn = on_task_message;
		service_ref(service);
		host_loop_post(home->loop, &task->message);
	}
	pthread_mutex_unlock(&service->lock);
}

void
service_task_fini(struct host_service *service)
{
	struct service_task *task;
	struct svc_timer *timer;

	while ((timer = LIST_FIRST(&service->timers))) {
		LIST_REMOVE(timer, link);
		free(timer);
	}
	while ((task = STAILQ_FIRST(&service->pending))) {
		STAILQ_REMOVE_HEAD(&service->pending, pending);
		free_task(task);
	}
}

void
service_task_functions(struct svc_host *host)
{
	host->spawn = spawn;
	host->timer_new = timer_new;
	host->timer_free = timer_free;
}
