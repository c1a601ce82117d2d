/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's status: what the master knows of each plugin and process, and over it what each worker says.
 * A worker that does not answer in time is told of by the master's knowledge alone.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "listen.h"
#include "master_priv.h"
#include "memory.h"

#define STATUS_TIMEOUT_MS 2000
#define FLUSH_TIMEOUT_MS  5000

extern const char host_version[];

struct gather {
	worker_answer *done;
	void *arg;
	json_t *status, *plugins;
	struct master *master;
	int waiting;
};

static void
set_optional(json_t *json, const char *key, const char *text)
{
	json_object_set_new(json, key, text ? json_string(text) : json_null());
}

/* "127.0.0.1:5050", "otlp=127.0.0.1:4318": as they could be written in host.conf. */
json_t *
control_listen_array(const struct plugin *plugin)
{
	json_t *array = json_array();
	char text[80];

	for (size_t i = 0; i < plugin->n_sockets; i++) {
		const struct worker_socket *s = &plugin->sockets[i];

		if (s->loop)
			continue;
		host_listen_text(s->address, s->port, text, sizeof text);
		json_array_append_new(array, json_sprintf("%s%s%s", s->label,
		                                          *s->label ? "=" : "", text));
	}
	return array;
}

static void
add_plugin_status(json_t *plugins, const struct plugin *plugin)
{
	const struct worker *worker = plugin->process->worker;
	json_t *json = json_pack(
		"{s:s,s:s,s:s,s:i,s:o,s:s,s:i,s:i}", "name", plugin->name, "process",
		plugin->process->name, "path", plugin->conf->path, "generation",
		plugin->current.generation, "listen", control_listen_array(plugin),
		"state",
		plugin->failed ? "failed"
		: !worker      ? "restarting"
			       : "starting",
		"restarts", plugin->process->restarts, "crashes", plugin->n_crashes);

	json_object_set_new(json, "pid",
	                    worker ? json_integer(worker->pid) : json_null());
	set_optional(json, "last_crash", plugin->last_crash);
	json_object_set_new(json, "last_crash_unix_ms",
	                    plugin->crashed_unix_ms
	                            ? json_integer((json_int_t)plugin->crashed_unix_ms)
	                            : json_null());
	json_object_set(json, "crash", plugin->crash ? plugin->crash : json_null());
	json_object_set(json, "warning", plugin->warning ? plugin->warning : json_null());
	set_optional(json, "failed", plugin->failed);
	json_object_set_new(json, "stalls", json_integer(plugin->n_stalls));
	set_optional(json, "last_stall", plugin->last_stall);
	set_optional(json, "instance_id", plugin->instance_id);
	json_object_set_new(plugins, plugin->name, json);
}

static void
gather_end(struct gather *gather)
{
	json_t *array = json_array(), *plugin, *answer;
	const struct master *master = gather->master;
	const char *name;

	/* In the order of the file; what `dev` brought comes last. */
	for (size_t i = 0; i < master->conf->n_plugins; i++) {
		plugin = json_object_get(gather->plugins, master->conf->plugins[i].name);
		if (plugin)
			json_array_append(array, plugin);
		json_object_del(gather->plugins, master->conf->plugins[i].name);
	}
	json_object_foreach(gather->plugins, name, plugin)
		json_array_append(array, plugin);
	json_decref(gather->plugins);
	json_object_set_new(gather->status, "plugins", array);
	answer = json_pack("{s:b,s:o}", "ok", 1, "status", gather->status);
	gather->done(answer, gather->arg);
	json_decref(answer);
	free(gather);
}

struct gathered { /* one process's answer */
	struct gather *gather;
	char *process;
};

static void
on_worker_status(json_t *answer, void *arg)
{
	struct gathered *gathered = arg;
	struct gather *gather = gathered->gather;
	json_t *plugin;
	size_t i;

	json_array_foreach(json_object_get(answer, "plugins"), i, plugin)
	{
		const char *name = json_string_value(json_object_get(plugin, "name"));
		json_t *ours = name ? json_object_get(gather->plugins, name) : NULL;

		/* A process still tells of a plugin that has moved on to another one. */
		if (ours && !strcmp(json_string_value(json_object_get(ours, "process")),
		                    gathered->process))
			json_object_update(ours, plugin);
	}
	free(gathered->process);
	free(gathered);
	if (--gather->waiting == 0)
		gather_end(gather);
}

static json_t *
process_status(const struct process *process)
{
	const struct worker *worker = process->worker;

	return json_pack("{s:s,s:o,s:s,s:i,s:I,s:I}", "name", process->name, "pid",
	                 worker ? json_integer(worker->pid) : json_null(), "state",
	                 !worker         ? "restarting"
	                 : worker->ready ? "ready"
	                                 : "starting",
	                 "restarts", process->restarts, "rss",
	                 (json_int_t)(worker ? process_rss(worker->pid) : 0), "rss_ready",
	                 (json_int_t)process->rss_ready);
}

void
control_status(struct master *master, worker_answer *done, void *arg)
{
	struct gather *gather = xcalloc(1, sizeof *gather);
	struct process *process;
	struct plugin *plugin;
	json_t *processes = json_array();
	char admin[80];

	gather->master = master;
	gather->done = done;
	gather->arg = arg;
	gather->waiting = 1;
	gather->plugins = json_object();
	LIST_FOREACH (plugin, &master->plugins, link)
		add_plugin_status(gather->plugins, plugin);
	LIST_FOREACH (process, &master->processes, link)
		json_array_insert_new(processes, 0, process_status(process));
	gather->status = json_pack(
		"{s:s,s:i,s:I,s:s,s:s,s:b,s:o}", "version", host_version, "pid",
		(int)getpid(), "uptime_ms",
		(json_int_t)(master_unix_ms() - master->started_unix_ms), "file",
		master->file, "runtime_dir", master->runtime.path, "ready", master->ready,
		"processes", processes);
	if (master->n_admin)
		json_object_set_new(gather->status, "admin",
		                    json_string(host_listen_text(master->admin->address,
		                                                 master->admin->port,
		                                                 admin, sizeof admin)));
	LIST_FOREACH (process, &master->processes, link)
		if (process->worker && process->worker->ready) {
			struct gathered *gathered = xcalloc(1, sizeof *gathered);

			gathered->gather = gather;
			gathered->process = xstrdup(process->name);
			gather->waiting++;
			worker_ask(process->worker, json_pack("{s:s}", "do", "status"),
			           NULL, 0, STATUS_TIMEOUT_MS, on_worker_status,
			           gathered);
		}
	if (--gather->waiting == 0)
		gather_end(gather);
}

/* ---- flush ---- */

struct flushing {
	worker_answer *done;
	void *arg;
	int waiting;
};

static void
flush_end(struct flushing *flushing)
{
	json_t *answer = json_pack("{s:b}", "ok", 1);

	flushing->done(answer, flushing->arg);
	json_decref(answer);
	free(flushing);
}

/* A process that does not answer has nothing more to say. */
static void
on_worker_flushed(json_t *answer, void *arg)
{
	struct flushing *flushing = arg;

	if (--flushing->waiting == 0)
		flush_end(flushing);
}

void
control_flush(struct master *master, worker_answer *done, void *arg)
{
	struct flushing *flushing = xcalloc(1, sizeof *flushing);
	struct process *process;

	*flushing = (struct flushing){ .done = done, .arg = arg, .waiting = 1 };
	LIST_FOREACH (process, &master->processes, link)
		if (process->worker && process->worker->ready) {
			flushing->waiting++;
			worker_ask(process->worker, json_pack("{s:s}", "do", "flush"),
			           NULL, 0, FLUSH_TIMEOUT_MS, on_worker_flushed,
			           flushing);
		}
	if (--flushing->waiting == 0)
		flush_end(flushing);
}
