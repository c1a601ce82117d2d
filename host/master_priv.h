/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/master_priv.h - what the master's files share. One thread, one event base, no locks.
 *
 *	struct master --- struct process ("main") --- struct worker (one child; two while it is replaced)
 *	             \--- struct plugin ("hello"): its sockets, its copies, its crashes; outlives workers
 *
 *	master.c     starting, ready, stopping
 *	process.c    children: fork and exec, their messages, their deaths, restarting
 *	post-mortem.c  what to make of a death: report, roll back, give up on a plugin
 *	control.c    what people ask by `cupola reload`, `stop`, `dev`
 *	status.c     ... and by `cupola status`
 *	apply*.c     `cupola reload` and SIGHUP: the difference between two configurations
 *	watch.c      --watch: a saved plugin is reloaded
 */
#ifndef HOST_MASTER_PRIV_H
#define HOST_MASTER_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "conf.h"
#include "runtime-dir.h"
#include "worker-boot.h"
#include <otel/error.h>

struct event;
struct event_base;
struct json_t;
struct host_channel;
struct checking;
struct control;
struct delayed;
struct question;
struct watch;
struct worker;

struct kept { /* a generation that served, and the copy that was made of its file */
	int generation;
	char *copy; /* NULL: none */
};

struct plugin {
	LIST_ENTRY(plugin) link;
	char *name, *instance_id;
	const struct host_plugin *conf; /* borrowed from master.conf, or own_conf */
	struct host_plugin *own_conf;   /* of `dev`: not in the file */
	struct process *process;
	unsigned told; /* the worker that knows of it, by its serial; 0: none */
	unsigned section_serial; /* of the configuration that changed more of it than telemetry */
	struct worker_socket *sockets; /* ours: the workers have duplicates */
	size_t n_sockets;
	struct kept current, previous;
	int last_generation;
	uint64_t loaded_ms; /* of `current`, when it came by a reload; 0: by a start */
	uint64_t crashes_ms[3];
	int n_crashes;
	uint64_t crashed_unix_ms;
	char *last_crash;    /* "SIGSEGV at app.c:12 (api)", with the stack below */
	struct json_t *crash, *warning; /* the same explained: docs/lifecycle.md; NULL: none */
	unsigned n_codes;               /* how often it was given other code */
	char *pending_crash;            /* to be told to the next worker, as JSON */
	char *failed;        /* why it is left out */
	int n_stalls;
	char *last_stall; /* the stack of the last loop that it held up */
};
LIST_HEAD(plugin_list, plugin);

struct process {
	LIST_ENTRY(process) link;
	struct master *master;
	char *name;
	struct worker *worker; /* NULL: waiting to be restarted */
	struct worker *next;   /* replaces `worker` when it is ready */
	int restarts;
	int quick_deaths; /* in a row, each soon after its start */
	bool was_ready;
	uint64_t rss_ready; /* resident memory when its worker was ready, bytes */
	struct event *restart;
	LIST_HEAD(, delayed) delayed; /* reloads that wait until it is ready */
};
LIST_HEAD(process_list, process);

struct master {
	struct event_base *base;
	struct host_conf *conf;
	const char *file;
	const char *const *sets;
	size_t n_sets;
	struct host_rundir runtime;
	struct process_list processes;
	struct plugin_list plugins;
	LIST_HEAD(, worker) workers; /* all children, the retiring too */
	struct worker_socket *admin; /* one, or none */
	size_t n_admin;
	struct process *admin_process; /* serves it: "main", or else the first */
	struct control *control;
	struct watch *watch;       /* NULL without --watch */
	struct checking *checking; /* NULL: no SIGHUP is being worked at */
	bool ready, stopping;
	int status; /* of exit */
	unsigned last_id, last_serial;
	unsigned conf_serial; /* of `conf`; one more with every change */
	struct stat file_read; /* of `file`, when it was read */
	uint64_t started_unix_ms;
};

/* ---- master.c ---- */

uint64_t master_now_ms(void); /* CLOCK_MONOTONIC */
uint64_t master_unix_ms(void);
void master_check_ready(struct master *master);
void master_stop(struct master *master, const char *why);
/* A worker has ended since: stops those that had to wait for it, ends the loop after the last. */
void master_stop_next(struct master *master);
/* Whether the process takes the others' telemetry: then it is stopped last, so that their last words arrive. */
bool master_is_receiver(const struct master *master, const struct process *process);
struct plugin *master_plugin(const struct master *master, const char *name);
struct process *master_process(const struct master *master, const char *name);
/* Makes a plugin with its sockets open. 0, or -errno with *err and nothing changed. */
OTEL_MUST_USE int master_add_plugin(struct master *master, const struct host_plugin *conf,
                                    struct plugin **out, struct otel_error *err);
void master_remove_plugin(struct master *master, struct plugin *plugin);
/* Opens `n` sockets of one address and appends them. */
OTEL_MUST_USE int master_open_listen(const struct host_listen *listen, const char *plugin,
                                     int n, struct worker_socket **sockets,
                                     size_t *n_sockets, struct otel_error *err);
void master_close_sockets(struct worker_socket *sockets, size_t n);

/* ---- process.c ---- */

struct worker {
	LIST_ENTRY(worker) link;
	struct process *process;
	pid_t pid;
	unsigned serial;              /* of all workers of this master, from 1 */
	unsigned conf_serial;         /* of the configuration that it was told last */
	struct host_channel *channel; /* NULL: closed by it */
	int life_fd;                  /* its end is the worker's to watch */
	int crash_fd;
	uint64_t started_ms;
	bool ready, retiring, reaped, closed;
	int wait_status;
	struct event *kill;
	LIST_HEAD(, question) questions;
};

/* Called once, with the worker's answer, or with {"error":...} when it died or was too slow. Borrowed. */
typedef void worker_answer(struct json_t *answer, void *arg);

/* Resident memory of a process in bytes; 0 when it has gone. */
uint64_t process_rss(pid_t pid);
/* It is wanted now, however long it was going to be left alone after it died young. */
void process_hurry(struct process *process);
struct process *process_new(struct master *master, const char *name);
void process_free(struct process *process);
/* Starts a child; it becomes `worker`, or `next` where there is one. */
int process_start(struct process *process);
/* Tells it to drain; kills it after the grace. */
void worker_stop(struct worker *worker);
void worker_kill_now(struct worker *worker);
/* Takes `message`, gives it an id. */
void worker_ask(struct worker *worker, struct json_t *message, const int *fds,
                size_t n_fds, int timeout_ms, worker_answer *answer, void *arg);
void worker_tell(struct worker *worker, struct json_t *message);
/* Of SIGCHLD. */
void process_reap(struct master *master);

/* ---- post-mortem.c ---- */

/* A worker died that should not have: notes it with its plugin and decides what the next start is from. */
void crash_of_worker(struct worker *worker);
/* A generation serves: what it means for the copies to go back to. */
void crash_plugin_loaded(struct plugin *plugin, const struct kept *kept, bool is_reload,
                         bool is_same_code);

/* ---- control.c ---- */

OTEL_MUST_USE int control_new(struct master *master, struct control **out,
                              struct otel_error *err);
/* No new ones are taken; who waits for the end sees it when the master exits. */
void control_free(struct control *control);
/* Reloads one plugin from its file, by the section that it has. The answer has "ok" or "error". */
void control_reload(struct master *master, const char *name, worker_answer *done,
                    void *arg);
struct reload_as { /* of struct load_order */
	bool same_code, only_telemetry;
};
/* Those that waited for this process; `why` NULL: it is ready. */
void control_reload_delayed(struct process *process, const char *why);
/* The same of a plugin whose process is ready. */
void control_reload_as(struct master *master, struct plugin *plugin,
                       const struct reload_as *as, worker_answer *done, void *arg);
/* Loads a plugin that was added into its process, or takes it out. */
void control_load(struct master *master, struct plugin *plugin, worker_answer *done,
                  void *arg);
/* Loads what came since the process was started; does nothing while it starts. */
void control_load_missing(struct process *process);
void control_unload(struct master *master, struct plugin *plugin, worker_answer *done,
                    void *arg);

/* ---- status.c ---- */

/* The host's status; `done` gets it once. */
void control_status(struct master *master, worker_answer *done, void *arg);
/* Has every process send the telemetry that it has; `done` gets {"ok":true} when all have, or have not in time. */
void control_flush(struct master *master, worker_answer *done, void *arg);
/* "127.0.0.1:5050", "otlp=127.0.0.1:4318": as they could be written in host.conf. Owned. */
struct json_t *control_listen_array(const struct plugin *plugin);

/* ---- apply.c ---- */

/* Checks the file in a process of its own, then applies the difference. `done` NULL: the log tells of it. */
void apply_file(struct master *master, worker_answer *done, void *arg);
/* Whether `file` is another one than what was read last. */
bool apply_is_file_other(const struct master *master);
/* It is ready, and may have started with a configuration that has been changed since. */
void apply_catch_up(struct worker *worker);
/* A child ended that is no worker: perhaps the one that checks. */
void apply_reaped(struct master *master, pid_t pid, int status);

/* ---- watch.c ---- */

struct watch *watch_new(struct master *master);
/* Watches its file, instead of the one that it had before; `watch` NULL is fine. */
void watch_plugin(struct watch *watch, const struct plugin *plugin);
void watch_free(struct watch *watch);

#endif
