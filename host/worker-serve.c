/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops, their HTTP servers, and how a request finds its plugin: the listener that it came by knows its
 * mount, and the mount what serves now. Whatever touches a server runs on its loop.
 */
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "crash.h"
#include "log.h"
#include "loop.h"
#include "service.h"
#include "worker_priv.h"

static enum http_body
on_head(struct http_exchange *x)
{
	return mount_head(http_listener_owner(x->listener), host_loop_current(), x);
}

static void
on_tls(struct http_listener *listener)
{
	mount_tell_tls(http_listener_owner(listener));
}

static struct http_ops ops; /* host_request_ops with the two above */

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

void
worker_on_loop(struct host_loop *loop, void (*fn)(void *arg), void *arg)
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
	struct serving *serving = opening->serving;

	/* A plugin may have been starting when the worker was told to stop. */
	if (!serving->server || atomic_load(&serving->worker->is_stopping))
		close(opening->listen.fd);
	else if (http_server_listen(serving->server, &opening->listen, &opening->listener,
	                            &opening->err) < 0)
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
			            .owner = mount },
		};

		worker_on_loop(opening.serving->loop, open_listener, &opening);
		if (opening.err.message[0])
			host_log_about(HOST_ERROR, mount->name, "%s",
			               opening.err.message);
		if (!opening.listener)
			continue;
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
		worker_on_loop(mounted->at[i]->loop, close_listener,
		               mounted->listeners[i]);
	mounted->n_listeners = 0;
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
		worker_on_loop(serving->loop, begin_thread, NULL);
	return r;
}

int
worker_start_loops(struct worker *worker, struct otel_error *err)
{
	size_t n = worker->conf->workers > 0 ? (size_t)worker->conf->workers : 1;
	int r = 0;

	ops = host_request_ops;
	ops.on_head = on_head;
	ops.on_tls = on_tls;
	worker->servings = calloc(n, sizeof *worker->servings);
	worker->loops = calloc(n, sizeof(struct host_loop *));
	if (!worker->servings || !worker->loops)
		return otel_error_set(err, -ENOMEM, "out of memory");
	worker->n_loops = n;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = start_loop(worker, i, err);
	return r;
}
