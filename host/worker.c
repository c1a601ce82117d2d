/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's life: start the threads, load every plugin at once, each by a job of its own, and at the end
 * take leave in order: connections, services, telemetry. What cannot be ended is left to _exit().
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"
#include "crash.h"
#include "log.h"
#include "loop.h"
#include "memcheck.h"
#include "offload.h"
#include "telemetry.h"
#include "worker_priv.h"

#define QUIET_MS     250 /* an idle connection this long without a request may be closed */
#define UNWIND_MS    1000 /* from the cancelling of requests to their end */
#define FLUSH_SHARE  4    /* this part of the grace is for telemetry */
#define MIN_FLUSH_MS 500
#define MAX_FLUSH_MS 5000

/* ---- jobs ---- */

struct job {
	struct worker *worker;
	void (*fn)(struct worker *worker, void *arg);
	void *arg;
};

static void *
run_job(void *arg)
{
	struct job job = *(struct job *)arg;

	free(arg);
	pthread_setname_np(pthread_self(), "job");
	crash_thread_begin();
	job.fn(job.worker, job.arg);
	crash_thread_end();
	atomic_fetch_sub(&job.worker->n_jobs, 1);
	return NULL;
}

int
worker_job(struct worker *worker, void (*fn)(struct worker *worker, void *arg), void *arg)
{
	struct job *job = malloc(sizeof *job);
	pthread_attr_t attributes;
	pthread_t thread;
	int r;

	if (!job)
		return -ENOMEM;
	*job = (struct job){ worker, fn, arg };
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	atomic_fetch_add(&worker->n_jobs, 1);
	r = pthread_create(&thread, &attributes, run_job, job);
	pthread_attr_destroy(&attributes);
	if (r != 0) {
		atomic_fetch_sub(&worker->n_jobs, 1);
		free(job);
	}
	return -r;
}

/* ---- the first load of each plugin ---- */

static const struct worker_plugin *
boot_plugin(const struct worker *worker, const char *name)
{
	for (size_t i = 0; i < worker->boot->n_plugins; i++)
		if (strcmp(worker->boot->plugins[i].name, name) == 0)
			return &worker->boot->plugins[i];
	return NULL;
}

static void
tell_crash(struct worker *worker, struct mount *mount, const char *text)
{
	json_t *crash = text ? json_loads(text, 0, NULL) : NULL;
	struct voice *voice = crash ? mount_some_voice(mount) : NULL;

	voice_tell_crash(voice, crash);
	voice_unref(voice);
	json_decref(crash);
}

static int
first_load(struct mount *mount, const struct worker_plugin *boot, struct otel_error *err)
{
	struct load_order order = { .copy = boot->start_from,
		                    .number = (unsigned)boot->generation };
	int r;

	if (boot->failed) {
		mount_fail(mount, boot->failed);
		return otel_error_set(err, -ECANCELED, "%s", boot->failed);
	}
	r = mount_load(mount, &order, NULL, NULL, err);
	if (r < 0 && boot->start_from) {
		/* The copy has gone bad or away; the file is the next best. */
		order.copy = NULL;
		memset(err, 0, sizeof *err);
		r = mount_load(mount, &order, NULL, NULL, err);
	}
	return r;
}

static void
start_plugin(struct worker *worker, void *arg)
{
	struct mounted *mounted = arg;
	const struct worker_plugin *boot = boot_plugin(worker, mounted->mount->name);
	struct worker_socket *own = calloc(worker->boot->n_sockets + 1, sizeof *own);
	struct otel_error err = OTEL_ERROR_INIT;
	size_t n = 0;

	if (first_load(mounted->mount, boot, &err) < 0)
		worker_send(worker,
		            json_pack("{s:s, s:s, s:s}", "event", "refused", "plugin",
		                      mounted->mount->name, "error", err.message));
	tell_crash(worker, mounted->mount, boot->crash);
	for (size_t i = 0; own && i < worker->boot->n_sockets; i++)
		if (strcmp(worker->boot->sockets[i].plugin, mounted->mount->name) == 0)
			own[n++] = worker->boot->sockets[i];
	worker_listen(worker, mounted, own, n);
	free(own);
	if (atomic_fetch_sub(&worker->n_starting, 1) != 1)
		return;
	atomic_store(&worker->is_ready, true);
	worker_send(worker, json_pack("{s:s}", "event", "ready"));
}

/* A copy of its own, because mounts outlive a configuration. */
static struct host_plugin *
section_of(const struct worker *worker, const struct worker_plugin *boot)
{
	const struct host_plugin *conf = boot->own;
	struct host_plugin *copy = NULL;
	json_t *json;

	if (!conf)
		conf = host_conf_plugin(worker->conf, boot->name);
	json = conf ? host_plugin_to_json(conf) : NULL;
	if (json && host_plugin_from_json(json, &copy, NULL) < 0)
		copy = NULL;
	json_decref(json);
	return copy;
}

static int
start_plugins(struct worker *worker, struct otel_error *err)
{
	int r = 0;

	/* One more, so that nobody is ready before all have been begun. */
	atomic_store(&worker->n_starting, (int)worker->boot->n_plugins);
	for (size_t i = 0; r == 0 && i < worker->boot->n_plugins; i++) {
		const struct worker_plugin *boot = &worker->boot->plugins[i];
		struct host_plugin *conf = section_of(worker, boot);
		struct mounted *mounted;

		if (!conf)
			return otel_error_set(err, -EINVAL, "%s: it has no section",
			                      boot->name);
		r = worker_mount(worker, conf, boot->instance_id, &mounted);
		if (r == 0)
			mounted->mount->last_number = (unsigned)boot->last_generation;
		if (r == 0)
			r = worker_job(worker, start_plugin, mounted);
		if (r < 0)
			otel_error_set(err, r, "%s: %s", boot->name, strerror(-r));
	}
	if (worker->boot->n_plugins == 0) {
		atomic_store(&worker->is_ready, true);
		worker_send(worker, json_pack("{s:s}", "event", "ready"));
	}
	return r;
}

static void
on_loaded(void *arg, const char *plugin, const struct load_report *report,
          const char *copy, const char *source)
{
	worker_send(arg, json_pack("{s:s, s:s, s:i, s:s, s:s, s:b}", "event", "loaded",
	                           "plugin", plugin, "generation",
	                           (int)report->generation, "copy", copy, "source",
	                           source, "same_code", (int)report->is_same_code));
}

/* ---- starting ---- */

static int
start_admin(struct worker *worker, struct otel_error *err)
{
	for (size_t i = 0; i < worker->boot->n_sockets; i++)
		if (worker->boot->sockets[i].plugin[0] == '\0')
			return admin_new(worker, &worker->boot->sockets[i],
			                 &worker->admin, err);
	return 0;
}

/* Once and not by each process: by that of the first plugin. */
static void
tell_service_name(const struct worker *worker)
{
	const char *name = getenv("OTEL_SERVICE_NAME");
	const struct host_conf *conf = worker->conf;
	size_t i = 0;

	while (i < conf->n_plugins && !conf->plugins[i].enabled)
		i++;
	if (name && name[0] && worker->boot->restarts == 0 && i < conf->n_plugins &&
	    strcmp(conf->plugins[i].process, worker->boot->process) == 0)
		host_log(
			HOST_WARN,
			"OTEL_SERVICE_NAME=%s names the host itself; services have the names of "
			"their sections",
			name);
}

static int
start(struct worker *worker, struct otel_error *err)
{
	const struct host_conf *conf = worker->conf;
	const struct host_loop_config control = { .name = "control", .index = -1 };
	int r = crash_setup(worker->boot->crash_fd, err);

	setvbuf(stdout, NULL, _IOLBF,
	        0); /* what a service prints is seen at once, through a pipe too */
	memcheck_init();
	if (r == 0)
		r = host_loops_init(err);
	if (r == 0)
		r = host_loop_new(&control, &worker->control, err);
	if (r == 0)
		r = telemetry_new(conf, &worker->telemetry, err);
	if (r == 0) {
		r = host_offload_new((unsigned)conf->offload_threads, 0,
		                     &worker->offload);
		if (r < 0)
			otel_error_set(err, r, "thread pool: %s", strerror(-r));
	}
	if (r == 0)
		r = worker_start_loops(worker, err);
	if (r < 0)
		return r;
	worker->site = (struct site){
		.loops = worker->loops,
		.n_loops = worker->n_loops,
		.folder = conf->folder,
		.data_dir = conf->data_dir,
		.copies_dir = worker->boot->copies_dir,
		.telemetry = worker->telemetry,
		.offload = worker->offload,
		.start_ms = (int)conf->start_timeout_ms,
		.drain_ms = (int)conf->grace_ms,
		.loaded = on_loaded,
		.arg = worker,
	};
	tell_service_name(worker);
	worker->meter = worker_metrics_start(worker);
	r = worker_control_start(worker, err);
	if (r == 0)
		r = start_admin(worker, err);
	if (r == 0 && conf->stall_report_ms > 0)
		r = watchdog_new(worker, &worker->watchdog, err);
	if (r == 0)
		r = start_plugins(worker, err);
	return r;
}

/* ---- ending ---- */

void
worker_abandon(int status)
{
	/* Code may be running that nobody can end; what it uses must not be torn down under it. */
	_exit(status);
}

struct goodbye {
	struct serving *serving;
	sem_t *done;
};

static void
on_drained(void *arg)
{
	sem_post(arg);
}

static void
drain_server(void *arg)
{
	struct goodbye *goodbye = arg;

	http_server_drain(goodbye->serving->server, QUIET_MS, on_drained, goodbye->done);
}

static void
free_server(void *arg)
{
	struct serving *serving = arg;

	http_server_free(serving->server);
	serving->server = NULL;
}

static bool
wait_until(sem_t *sem, uint64_t deadline_ns)
{
	int64_t left = (int64_t)(deadline_ns - host_now_ns());
	struct timespec until;

	if (left < 0)
		left = 0;
	clock_gettime(CLOCK_REALTIME, &until);
	left += until.tv_nsec;
	until.tv_sec += left / 1000000000;
	until.tv_nsec = left % 1000000000;
	while (sem_timedwait(sem, &until) < 0)
		if (errno != EINTR)
			return false;
	return true;
}

/* Listeners close, answers carry Connection: close, and requests have until the deadline. */
static void
drain_connections(struct worker *worker, uint64_t deadline_ns)
{
	sem_t done;
	size_t n = 0;

	sem_init(&done, 0, 0);
	for (size_t i = 0; i < worker->n_loops; i++)
		worker_on_loop(worker->loops[i], drain_server,
		               &(struct goodbye){ &worker->servings[i], &done });
	for (struct mounted *m = worker->mounted; m; m = m->next)
		mount_cancel(m->mount, false);
	while (n < worker->n_loops && wait_until(&done, deadline_ns))
		n++;
	if (n < worker->n_loops) {
		host_log(HOST_WARN, "requests that have not ended by now are cancelled");
		for (struct mounted *m = worker->mounted; m; m = m->next)
			mount_cancel(m->mount, true);
		deadline_ns = host_now_ns() + UNWIND_MS * 1000000ull;
		while (n < worker->n_loops && wait_until(&done, deadline_ns))
			n++;
	}
	for (size_t i = 0; i < worker->n_loops; i++)
		worker_on_loop(worker->loops[i], free_server, &worker->servings[i]);
	sem_destroy(&done);
}

static int
ms_left(uint64_t deadline_ns)
{
	int64_t left = (int64_t)(deadline_ns - host_now_ns()) / 1000000;

	return left > 0 ? (int)left : 0;
}

static void
end(struct worker *worker, void *arg)
{
	int grace_ms = (int)(intptr_t)arg;
	int flush_ms = grace_ms / FLUSH_SHARE;
	uint64_t deadline;

	flush_ms = flush_ms < MIN_FLUSH_MS ? MIN_FLUSH_MS : flush_ms;
	flush_ms = flush_ms > MAX_FLUSH_MS ? MAX_FLUSH_MS : flush_ms;
	deadline = host_now_ns() + (uint64_t)grace_ms * 1000000u;
	if (worker->is_receiver) /* its own telemetry comes to itself: as long as it listens */
		telemetry_shutdown(worker->telemetry, flush_ms);
	drain_connections(worker,
	                  deadline - (uint64_t)(flush_ms < grace_ms ? flush_ms : 0) *
	                                     1000000u);
	/* Their requests have ended or been cancelled by now, and nobody waits for a plugin that is starting. */
	for (struct mounted *m = worker->mounted; m; m = m->next)
		mount_stop(m->mount, 0);
	if (ms_left(deadline) > flush_ms)
		flush_ms = ms_left(deadline);
	telemetry_shutdown(worker->telemetry, flush_ms);
	memcheck_leaks();
	host_loop_stop(worker->control);
}

void
worker_finish(struct worker *worker, int grace_ms, bool is_receiver)
{
	if (atomic_exchange(&worker->is_stopping, true))
		worker_abandon(EXIT_SUCCESS);
	worker->is_receiver = is_receiver;
	atomic_store(&worker->is_ready, false);
	host_log(HOST_INFO, "stopping, with up to %d ms for what is in flight", grace_ms);
	if (worker_job(worker, end, (void *)(intptr_t)grace_ms) < 0)
		worker_abandon(EXIT_FAILURE);
}

static bool
is_all_gone(const struct worker *worker)
{
	for (const struct mounted *m = worker->mounted; m; m = m->next)
		if (atomic_load(&m->mount->n_parked) || atomic_load(&m->mount->current))
			return false;
	/* The job that ended the control loop may still be on its last line. */
	for (int i = 0; i < 1000 && atomic_load(&worker->n_jobs); i++)
		sched_yield();
	return atomic_load(&worker->n_jobs) == 0;
}

static void
tear_down(struct worker *worker)
{
	struct mounted *mounted;

	watchdog_free(worker->watchdog);
	admin_free(worker->admin);
	worker_control_end(worker);
	otel_meter_close(worker->meter);
	for (size_t i = 0; i < worker->n_loops; i++) {
		if (!worker->loops[i])
			continue;
		host_loop_stop(worker->loops[i]);
		host_loop_join(worker->loops[i]);
		http_server_free(worker->servings[i].server);
		host_loop_free(worker->loops[i]);
	}
	while ((mounted = worker->mounted)) {
		worker->mounted = mounted->next;
		mount_free(mounted->mount);
		free(mounted->listeners);
		free(mounted->at);
		free(mounted);
	}
	host_offload_free(worker->offload);
	telemetry_free(worker->telemetry);
	for (size_t i = 0; i < worker->n_confs; i++)
		host_conf_free(worker->confs[i]);
	free(worker->confs);
	host_loop_free(worker->control);
	free(worker->servings);
	free(worker->loops);
	pthread_mutex_destroy(&worker->lock);
}

static void
inherit(const struct worker_boot *boot)
{
	/* They came through an exec; trials and helpers must not get them. */
	for (size_t i = 0; i < boot->n_sockets; i++)
		fcntl(boot->sockets[i].fd, F_SETFD, FD_CLOEXEC);
	fcntl(boot->control_fd, F_SETFD, FD_CLOEXEC);
	fcntl(boot->life_fd, F_SETFD, FD_CLOEXEC);
	fcntl(boot->crash_fd, F_SETFD, FD_CLOEXEC);
}

int
worker_main(struct worker_boot *boot)
{
	struct worker worker = { .boot = boot, .started_ns = host_now_ns() };
	struct otel_error err = OTEL_ERROR_INIT;

	atomic_init(&worker.conf, boot->conf);
	pthread_mutex_init(&worker.lock, NULL);
	host_log_setup(boot->process, boot->conf->log_level, boot->conf->log_format);
	signal(SIGINT,
	       SIG_IGN); /* Ctrl-C reaches every process of a terminal; the master decides */
	inherit(boot);
	if (start(&worker, &err) < 0) {
		host_log(HOST_ERROR, "cannot start: %s", err.message);
		worker_abandon(EXIT_FAILURE);
	}
	host_loop_run(worker.control);
	if (!is_all_gone(&worker))
		worker_abandon(EXIT_SUCCESS);
	tear_down(&worker);
	worker_boot_free(boot);
	return EXIT_SUCCESS;
}
