/* SPDX-License-Identifier: Apache-2.0 */
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

#include <event2/event.h>

#include "conf.h"
#include "crash.h"
#include "log.h"
#include "loop.h"
#include "offload.h"
#include "service.h"
#include "telemetry.h"
#include "worker_priv.h"

#define QUIET_MS     250 /* an idle connection this long without a request may be closed */
#define UNWIND_MS    1000 /* from the cancelling of requests to their end */
#define FLUSH_SHARE  4    /* this part of the grace is for telemetry */
#define MIN_FLUSH_MS 500
#define MAX_FLUSH_MS 5000

/* ---- the loops' side ---- */

static enum http_body
on_head(struct http_exchange *x)
{
	return mount_head(http_listener_owner(x->listener), host_loop_current(), x);
}

static struct http_ops ops; /* host_request_ops with our on_head */

/* Runs fn(arg) on a loop and waits for it. Not [loop]. */
struct errand {
	struct host_message message;
	void (*fn)(void *arg);
	void *arg;
	sem_t done;
};

static void
run_errand(struct host_message *message)
{
	struct errand *errand = (struct errand *)message;

	errand->fn(errand->arg);
	sem_post(&errand->done);
}

static void
on_loop(struct host_loop *loop, void (*fn)(void *arg), void *arg)
{
	struct errand errand = { .message = { .fn = run_errand }, .fn = fn, .arg = arg };

	sem_init(&errand.done, 0, 0);
	host_loop_post(loop, &errand.message);
	while (sem_wait(&errand.done) < 0 && errno == EINTR)
		;
	sem_destroy(&errand.done);
}

struct opening {
	struct serving *serving;
	struct http_listen listen;
	struct http_listener *listener;
	struct otel_error err;
};

static void
open_listener(void *arg)
{
	struct opening *opening = arg;

	if (http_server_listen(opening->serving->server, &opening->listen,
	                       &opening->listener, &opening->err) < 0)
		opening->listener = NULL;
}

static void
begin_thread(void *arg)
{
	crash_thread_begin();
}

/* ---- mounts ---- */

int
worker_mount(struct worker *worker, struct host_plugin *conf, const char *instance_id,
             struct mounted **out)
{
	struct mounted *mounted = calloc(1, sizeof *mounted), **last;
	size_t i = 0;
	int r;

	if (!mounted) {
		host_plugin_free(conf);
		return -ENOMEM;
	}
	pthread_mutex_lock(&worker->lock);
	for (last = &worker->mounted; *last; last = &(*last)->next)
		i++;
	/* Services that are not concurrent are dealt out to the loops in turn. */
	r = mount_new(&worker->site, conf, instance_id,
	              worker->loops[i % worker->n_loops], &mounted->mount);
	if (r == 0)
		*last = mounted;
	else
		free(mounted);
	pthread_mutex_unlock(&worker->lock);
	if (r == 0)
		*out = mounted;
	return r;
}

struct mounted *
worker_find(struct worker *worker, const char *plugin)
{
	struct mounted *mounted;

	pthread_mutex_lock(&worker->lock);
	for (mounted = worker->mounted; mounted; mounted = mounted->next)
		if (strcmp(mounted->mount->name, plugin) == 0)
			break;
	pthread_mutex_unlock(&worker->lock);
	return mounted;
}

/*
 * The kernel deals connections out to all sockets of an address, so all of them have to be accepted from:
 * by one loop where the service runs on one.
 */
static struct serving *
serving_of(struct worker *worker, const struct mount *mount,
           const struct worker_socket *socket)
{
	if (atomic_load(&mount->is_on_all_loops))
		return &worker->servings[(size_t)socket->loop % worker->n_loops];
	return &worker->servings[host_loop_index(mount->home)];
}

void
worker_listen(struct worker *worker, struct mounted *mounted,
              const struct worker_socket *sockets, size_t n)
{
	struct mount *mount = mounted->mount;

	atomic_store(&mount->is_listening, true);
	free(mounted->listeners); /* of sockets that were closed by an unload */
	free(mounted->at);
	mounted->n_listeners = 0;
	mounted->listeners = calloc(n + 1, sizeof *mounted->listeners);
	mounted->at = calloc(n + 1, sizeof *mounted->at);
	for (size_t i = 0; mounted->listeners && mounted->at && i < n; i++) {
		struct opening opening = {
			.serving = serving_of(worker, mount, &sockets[i]),
			.listen = { .fd = sockets[i].fd,
			            .label = sockets[i].label,
			            .max_body = (size_t)mount->conf->max_body,
			            .owner = mount },
		};

		on_loop(opening.serving->loop, open_listener, &opening);
		if (!opening.listener) {
			host_log_about(HOST_ERROR, mount->name, "%s",
			               opening.err.message);
			continue;
		}
		mounted->at[mounted->n_listeners] = opening.serving;
		mounted->listeners[mounted->n_listeners++] = opening.listener;
	}
}

static void
close_listener(void *arg)
{
	http_listener_close(arg);
}

void
worker_unlisten(struct mounted *mounted)
{
	for (size_t i = 0; i < mounted->n_listeners; i++)
		on_loop(mounted->at[i]->loop, close_listener, mounted->listeners[i]);
	mounted->n_listeners = 0;
}

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
	struct voice *voice = text ? mount_some_voice(mount) : NULL;

	voice_tell_crash(voice, text);
	voice_unref(voice);
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
section_of(const struct worker *worker, const char *name)
{
	const struct host_plugin *conf = host_conf_plugin(worker->conf, name);
	struct host_plugin *copy = NULL;
	json_t *json = conf ? host_plugin_to_json(conf) : NULL;

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
		struct host_plugin *conf = section_of(worker, boot->name);
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
on_loaded(void *arg, const char *plugin, unsigned generation, const char *copy,
          const char *source)
{
	worker_send(arg, json_pack("{s:s, s:s, s:i, s:s, s:s}", "event", "loaded",
	                           "plugin", plugin, "generation", (int)generation,
	                           "copy", copy, "source", source));
}

/* ---- starting ---- */

static int
start_loop(struct worker *worker, size_t i, struct otel_error *err)
{
	const struct host_conf *conf = worker->conf;
	struct serving *serving = &worker->servings[i];
	const struct http_limits limits = {
		.max_connections =
			(uint32_t)((size_t)conf->max_connections / worker->n_loops + 1),
		.max_head = (uint32_t)conf->max_head,
		.head_ms = (uint32_t)conf->head_timeout_ms,
		.idle_ms = (uint32_t)conf->idle_timeout_ms,
	};
	char name[16];
	struct host_loop_config config = { .name = name,
		                           .index = (int)i,
		                           .stack_size = (size_t)conf->fiber_stack };
	int r;

	snprintf(name, sizeof name, "loop-%u", (unsigned)(i % 1000));
	serving->worker = worker;
	r = host_loop_new(&config, &serving->loop, err);
	if (r < 0)
		return r;
	worker->loops[i] = serving->loop;
	r = http_server_new(host_loop_base(serving->loop), &ops, &limits,
	                    &serving->server);
	if (r < 0)
		return otel_error_set(err, r, "HTTP server: %s", strerror(-r));
	r = host_loop_start(serving->loop, err);
	if (r == 0)
		on_loop(serving->loop, begin_thread, NULL);
	return r;
}

static int
start_loops(struct worker *worker, struct otel_error *err)
{
	size_t n = worker->conf->workers > 0 ? (size_t)worker->conf->workers : 1;
	int r = 0;

	ops = host_request_ops;
	ops.on_head = on_head;
	worker->servings = calloc(n, sizeof *worker->servings);
	worker->loops = calloc(n, sizeof(struct host_loop *));
	if (!worker->servings || !worker->loops)
		return otel_error_set(err, -ENOMEM, "out of memory");
	worker->n_loops = n;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = start_loop(worker, i, err);
	return r;
}

static int
start_admin(struct worker *worker, struct otel_error *err)
{
	for (size_t i = 0; i < worker->boot->n_sockets; i++)
		if (worker->boot->sockets[i].plugin[0] == '\0')
			return admin_new(worker, &worker->boot->sockets[i],
			                 &worker->admin, err);
	return 0;
}

static int
start(struct worker *worker, struct otel_error *err)
{
	const struct host_conf *conf = worker->conf;
	const struct host_loop_config control = { .name = "control", .index = -1 };
	int r = crash_setup(worker->boot->crash_fd, err);

	if (r == 0)
		r = host_loops_init(err);
	if (r == 0)
		r = host_loop_new(&control, &worker->control, err);
	if (r == 0)
		r = telemetry_new(conf, worker->boot->process, &worker->telemetry, err);
	if (r == 0) {
		r = host_offload_new((unsigned)conf->offload_threads, 0,
		                     &worker->offload);
		if (r < 0)
			otel_error_set(err, r, "thread pool: %s", strerror(-r));
	}
	if (r == 0)
		r = start_loops(worker, err);
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
		on_loop(worker->loops[i], drain_server,
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
		on_loop(worker->loops[i], free_server, &worker->servings[i]);
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
	for (struct mounted *m = worker->mounted; m; m = m->next)
		mount_stop(m->mount, ms_left(deadline));
	if (ms_left(deadline) > flush_ms)
		flush_ms = ms_left(deadline);
	telemetry_shutdown(worker->telemetry, flush_ms);
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
	struct worker worker = { .boot = boot,
		                 .conf = boot->conf,
		                 .started_ns = host_now_ns() };
	struct otel_error err = OTEL_ERROR_INIT;

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
