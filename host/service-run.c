/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start() and stop() run in a fiber on a loop and a thread of their own, so that they may wait and make
 * calls, and harm nobody when they hang. One that is late is cancelled first, which ends whatever it waits for;
 * one that does not come back even then is left behind with its thread, and so is all that it may touch.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service-priv.h"
#include "service.h"

#define UNWIND_MS 500 /* for what was cancelled */

struct private_run {
	struct service_work work; /* first: the fiber's argument */
	struct host_loop *loop;
	struct host_message begin, cancel;
	struct otel_error err;
	int result;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* guarded by lock: */
	bool done, abandoned;
};

static void
run_start(void *arg)
{
	struct private_run *run = arg;
	struct host_service *service = run->work.service;

	run->result = service->config.plugin->start(&service->host, &service->self,
	                                            &run->err);
}

static void
run_stop(void *arg)
{
	struct private_run *run = arg;

	run->work.service->config.plugin->stop(run->work.service->self);
}

static void
free_run(struct private_run *run)
{
	pthread_cond_destroy(&run->changed);
	pthread_mutex_destroy(&run->lock);
	free(run);
}

static void
on_run_ended(void *arg)
{
	struct private_run *run = arg;

	pthread_mutex_lock(&run->lock);
	run->done = true;
	pthread_cond_signal(&run->changed);
	if (run->abandoned)
		host_loop_stop(run->loop); /* its thread ends; the rest was given up */
	pthread_mutex_unlock(&run->lock);
}

static void
on_run_begin(struct host_message *message)
{
	struct private_run *run = (struct private_run *)((char *)message -
	                                                 offsetof(struct private_run,
	                                                          begin));
	struct host_current current = run->work.service->current;

	current.doing = run->work.kind == WORK_START ? "start" : "stop";
	run->work.fiber = host_fiber_new(host_loop_fibers(run->loop),
	                                 run->work.kind == WORK_START ? run_start
	                                                              : run_stop,
	                                 on_run_ended, run, &current, NULL);
	if (!run->work.fiber) {
		run->result = -ENOMEM;
		on_run_ended(run);
		return;
	}
	host_fiber_ready(run->work.fiber);
}

static void
on_run_cancel(struct host_message *message)
{
	struct private_run *run = (struct private_run *)((char *)message -
	                                                 offsetof(struct private_run,
	                                                          cancel));

	if (run->work.fiber && !run->done)
		host_fiber_cancel(run->work.fiber);
}

static bool
wait_run(struct private_run *run, int timeout_ms)
{
	struct timespec until = host_time_in(timeout_ms);
	bool done;
	int r = 0;

	pthread_mutex_lock(&run->lock);
	while (!run->done && r == 0)
		r = pthread_cond_timedwait(&run->changed, &run->lock, &until);
	done = run->done;
	pthread_mutex_unlock(&run->lock);
	return done;
}

/* 0 when it ended in time, -ECANCELED when it did when it was cancelled, -ETIMEDOUT when it hangs. */
static int
wait_or_abandon(struct private_run *run, int timeout_ms)
{
	bool done;

	if (wait_run(run, timeout_ms))
		return 0;
	run->cancel.fn = on_run_cancel;
	host_loop_post(run->loop, &run->cancel);
	if (wait_run(run, UNWIND_MS))
		return -ECANCELED;
	pthread_mutex_lock(&run->lock);
	done = run->done;
	run->abandoned = !done;
	if (!done)
		host_loop_abandon(run->loop);
	pthread_mutex_unlock(&run->lock);
	return done ? -ECANCELED : -ETIMEDOUT;
}

static int
run_privately(struct host_service *service, enum work_kind kind, int timeout_ms,
              struct otel_error *err)
{
	struct host_loop_config config = { .index = -1,
		                           .name = "start",
		                           .max_fibers = 4 };
	struct private_run *run = calloc(1, sizeof *run);
	int r;

	if (!run)
		return otel_error_set(err, -ENOMEM, "out of memory");
	pthread_mutex_init(&run->lock, NULL);
	host_cond_init(&run->changed);
	run->work.service = service;
	run->work.kind = kind;
	run->begin.fn = on_run_begin;
	r = host_loop_new(&config, &run->loop, err);
	if (r < 0)
		goto out;
	host_loop_post(run->loop, &run->begin);
	r = host_loop_start(run->loop, err);
	if (r < 0) {
		host_loop_free(run->loop);
		goto out;
	}
	r = wait_or_abandon(run, timeout_ms);
	if (r == -ETIMEDOUT)
		return otel_error_set(err, r, "%s() hangs: no end after %d ms",
		                      kind == WORK_START ? "start" : "stop", timeout_ms);
	host_loop_stop(run->loop);
	host_loop_join(run->loop);
	host_loop_free(run->loop);
	if (kind == WORK_START && r == 0 && run->result < 0) {
		/* -ETIMEDOUT is ours, for a start() that has not come back. */
		r = run->result == -ETIMEDOUT ? -ETIME : run->result;
		if (run->err.code)
			otel_error_set(err, r, "%s", run->err.message);
		else
			otel_error_set(err, r, "start() failed: %s",
			               strerror(-run->result));
	} else if (kind == WORK_START && r < 0)
		otel_error_set(err, r, "start() was given up: not ready after %d ms",
		               timeout_ms);
	service->started = kind == WORK_START && run->result >= 0;
out:
	free_run(run);
	return r;
}

int
host_service_start(struct host_service *service, int timeout_ms, struct otel_error *err)
{
	return run_privately(service, WORK_START, timeout_ms, err);
}

int
host_service_stop(struct host_service *service, int timeout_ms)
{
	struct otel_error err = OTEL_ERROR_INIT;
	int r;

	if (!service->started)
		return 0;
	r = run_privately(service, WORK_STOP, timeout_ms, &err);
	return r == -ECANCELED ? 0 : r;
}
