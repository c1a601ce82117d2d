/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/worker_priv.h - what the files of a worker process share.
 *
 *	control thread  the process's first: talks with the master, never blocks
 *	loop threads    serve; each has an HTTP server
 *	job threads     one for each load, reload and stop: everything that waits
 *	admin thread    the admin page, where this process has it
 *	watchdog        looks whether the loops go round
 *
 *	worker.c            starting, first loads, ending
 *	worker-serve.c      loops, listeners, mounts
 *	worker-control.c    what the master asks
 *	worker-metrics.c    the host's own metrics
 *	worker-admin.c      /healthz, /readyz, /metrics
 *	worker-watchdog.c   stalls
 */
#ifndef HOST_WORKER_PRIV_H
#define HOST_WORKER_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http-server.h"
#include "mount.h"
#include "worker-boot.h"

struct host_channel;
struct host_conf;
struct host_loop;
struct host_offload;
struct json_t;
struct telemetry;
struct admin;
struct event;
struct otel_meter;
struct watchdog;
struct worker_asking;

struct serving { /* a loop and what it serves with */
	struct worker *worker;
	struct host_loop *loop;
	struct http_server *server;
};

struct mounted {
	struct mounted *next;
	struct mount *mount;
	struct http_listener **listeners; /* [loop] */
	struct serving **at;              /* the loop of each */
	size_t n_listeners;
};

struct worker {
	struct worker_boot *boot; /* borrowed */
	/* Every one that it has had stays to the end, so who has read the pointer may go on reading. */
	_Atomic(const struct host_conf *) conf;
	struct host_conf **confs; /* [control]: those that came after the boot's */
	size_t n_confs;
	uint64_t started_ns;
	struct host_loop *control;
	/* [control]: */
	struct host_channel *channel;
	struct event *life_event, *term_event;
	struct worker_asking *asked; /* by id - 1; what the master has yet to answer */

	struct serving *servings;
	struct host_loop **loops;
	size_t n_loops;
	struct site site;
	struct telemetry *telemetry;
	struct host_offload *offload;
	struct admin *admin;       /* NULL: another process has it, or none */
	struct watchdog *watchdog; /* NULL: not wanted */
	struct otel_meter *meter;  /* the host's own */

	pthread_mutex_t lock; /* guards the list; what is in it stays to the end */
	struct mounted *mounted;

	atomic_int n_starting; /* plugins whose first load is under way */
	atomic_int n_jobs;
	atomic_bool is_ready, is_stopping;
	bool is_receiver; /* set before it ends: it takes its own telemetry */
};

/* ---- worker.c ---- */

/* Runs fn(arg) on a thread of its own, which the worker does not wait for. 0 or a negative errno. [any] */
OTEL_MUST_USE int worker_job(struct worker *worker,
                             void (*fn)(struct worker *worker, void *arg), void *arg);
/* Ends everything and then the control loop; at once when asked for the second time. [control] */
void worker_finish(struct worker *worker, int grace_ms, bool is_receiver);
/* The end of a process that cannot be ended in order. */
void worker_abandon(int status) __attribute__((noreturn));

/* ---- worker-serve.c ---- */

/* Makes worker->loops and ->servings, and starts them. */
OTEL_MUST_USE int worker_start_loops(struct worker *worker, struct otel_error *err);
/* Runs fn(arg) on a loop and waits for it. Not [loop]. */
void worker_on_loop(struct host_loop *loop, void (*fn)(void *arg), void *arg);
/* Adds a plugin's place; takes `conf`. Not [loop]. */
OTEL_MUST_USE int worker_mount(struct worker *worker, struct host_plugin *conf,
                               const char *instance_id, struct mounted **out);
/* NULL when there is none of that name. [any] */
struct mounted *worker_find(struct worker *worker, const char *plugin);
/* Listens by these sockets, whose descriptors are taken; waits for the loops. Not [loop]. */
void worker_listen(struct worker *worker, struct mounted *mounted,
                   const struct worker_socket *sockets, size_t n);
void worker_unlisten(struct mounted *mounted);
/* ---- worker-control.c ---- */

int worker_control_start(struct worker *worker, struct otel_error *err);
void worker_control_end(struct worker *worker);
/* Sends an event or an answer; takes `json`. [any] */
void worker_send(struct worker *worker, struct json_t *json);
/* Asks the master for the whole host's status; answer(arg, json) comes on the control thread, or never. [any] */
struct worker_asking {
	void (*answer)(void *arg, struct json_t *status);
	void *arg;
};
void worker_ask_status(struct worker *worker, const struct worker_asking *asking);
/* This process's part of the status. Owned. Not [loop]. */
struct json_t *worker_status(struct worker *worker);

/* ---- worker-admin.c ---- */

OTEL_MUST_USE int admin_new(struct worker *worker, const struct worker_socket *socket,
                            struct admin **out, struct otel_error *err);
void admin_free(struct admin *admin); /* NULL is fine */

/* ---- worker-metrics.c ---- */

/* The host's own instruments; they end when the meter is closed. NULL without telemetry. */
struct otel_meter *worker_metrics_start(struct worker *worker);

/* ---- worker-watchdog.c ---- */

OTEL_MUST_USE int watchdog_new(struct worker *worker, struct watchdog **out,
                               struct otel_error *err);
void watchdog_free(struct watchdog *watchdog); /* NULL is fine */

#endif
