/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cupola reload` and SIGHUP: what host.conf says now, and what runs, become the same.
 *
 *	[telemetry], [resource] differ   every process is told, and every plugin gets a generation of the code that
 *	                                 it runs, with other providers; one that is SVC_STATEFUL stays as it is
 *	[plugin NAME] differs            that plugin is reloaded with its new section; where `listen` or `process`
 *	                                 differ, unloaded and loaded
 *	[plugin NAME] is new, or gone    loaded, or unloaded
 *	a plugin's file is another       that plugin is reloaded
 *	the rest of [host] differs       where it is read when a process starts, every process is replaced by one
 *	                                 that has read the new file, on the same sockets
 *
 * What may fail (opening sockets) comes first, so that the difference is applied whole or not at all. What
 * a plugin may refuse, its new section or its new code, is told of that plugin, which goes on as it was.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply_priv.h"
#include "conf-diff.h"
#include "log.h"
#include "memory.h"

#define CONFIGURE_TIMEOUT_MS 10000

struct reload { /* one that waits for its turn: they share two cores */
	char *plugin;
	bool same_code, only_telemetry;
	bool is_wanted; /* even where its new code is refused: then by the code that it has */
};

struct applying {
	struct master *master;
	worker_answer *done;
	void *arg;
	json_t *changes, *results;
	char *error;
	struct reload *reloads;
	size_t n_reloads, next;
	int waiting; /* for answers, and one for as long as there may be more questions */
};

struct step { /* one answer that is waited for */
	struct applying *applying;
	char *plugin; /* or a process */
	const char *change;
};

/* ---- answers ---- */

static void
end_waiting(struct applying *applying)
{
	json_t *answer;

	if (--applying->waiting > 0)
		return;
	answer = json_pack("{s:o,s:o}", "changes", applying->changes, "results",
	                   applying->results);
	if (applying->error)
		json_object_set_new(answer, "error", json_string(applying->error));
	else
		json_object_set_new(answer, "ok", json_true());
	applying->done(answer, applying->arg);
	json_decref(answer);
	for (size_t i = 0; i < applying->n_reloads; i++)
		free(applying->reloads[i].plugin);
	free(applying->reloads);
	free(applying->error);
	free(applying);
}

static struct step *
new_step(struct applying *applying, const char *plugin, const char *change)
{
	struct step *step = xcalloc(1, sizeof *step);

	step->applying = applying;
	step->plugin = xstrdup(plugin);
	step->change = change;
	applying->waiting++;
	return step;
}

static void
note_error(struct applying *applying, const char *plugin, const char *error)
{
	host_log(HOST_ERROR, "plugin %s: %s", plugin, error);
	if (!applying->error)
		applying->error = xasprintf("%s: %s", plugin, error);
}

static void
add_result(struct applying *applying, const char *plugin, const char *change,
           const json_t *answer)
{
	json_t *result = answer ? json_copy((json_t *)(uintptr_t)answer) : json_object();

	json_object_del(result, "id");
	json_object_set_new(result, "plugin", json_string(plugin));
	json_object_set_new(result, "change", json_string(change));
	json_array_append_new(applying->results, result);
}

static void
end_step(struct step *step, json_t *answer)
{
	struct applying *applying = step->applying;
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (error)
		note_error(applying, step->plugin, error);
	else
		host_log(HOST_INFO, "plugin %s: %s", step->plugin, step->change);
	add_result(applying, step->plugin, error ? "refused" : step->change, answer);
	free(step->plugin);
	free(step);
}

static void
on_step(json_t *answer, void *arg)
{
	struct step *step = arg;
	struct applying *applying = step->applying;

	end_step(step, answer);
	end_waiting(applying);
}

/* ---- telling the processes ---- */

static void
on_configured(json_t *answer, void *arg)
{
	struct step *step = arg;
	const char *error = json_string_value(json_object_get(answer, "error"));
	struct applying *applying = step->applying;

	if (error) {
		host_log(HOST_ERROR, "process %s: not told the new configuration: %s",
		         step->plugin, error);
		if (!applying->error)
			applying->error = xasprintf("process %s: %s", step->plugin,
			                            error);
	}
	free(step->plugin);
	free(step);
	end_waiting(applying);
}

static void
configure(struct applying *applying, struct process *process)
{
	struct master *master = applying->master;
	struct worker *worker = process->worker;

	if (!worker || !worker->ready || worker->retiring)
		return; /* it catches up when it is ready, or starts with it */
	worker->conf_serial = master->conf_serial;
	worker_ask(worker,
	           json_pack("{s:s,s:o}", "do", "configure", "conf",
	                     host_conf_to_json(master->conf)),
	           NULL, 0, CONFIGURE_TIMEOUT_MS, on_configured,
	           new_step(applying, process->name, "configured"));
}

/* ---- reloads, one after the other's answer ---- */

static void reload_next(struct applying *applying);

static void
on_reloaded(json_t *answer, void *arg)
{
	struct step *step = arg;
	struct applying *applying = step->applying;
	struct reload *reload = &applying->reloads[applying->next - 1];
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (json_is_true(json_object_get(answer, "kept")))
		step->change = "kept";
	if (error && !reload->same_code && reload->is_wanted) {
		note_error(applying, step->plugin, error);
		add_result(applying, step->plugin, "refused", answer);
		reload->same_code = true;
		applying->next--;
		free(step->plugin);
		free(step);
	} else {
		end_step(step, answer);
	}
	reload_next(applying);
	end_waiting(applying);
}

static void
reload_next(struct applying *applying)
{
	while (applying->next < applying->n_reloads) {
		const struct reload *reload = &applying->reloads[applying->next++];
		struct plugin *plugin = master_plugin(applying->master, reload->plugin);
		const struct worker *worker = plugin ? plugin->process->worker : NULL;

		if (worker && worker->ready) {
			control_reload_as(
				applying->master, plugin,
				&(struct reload_as){ reload->same_code,
			                             reload->same_code &&
			                                     reload->only_telemetry },
				on_reloaded,
				new_step(applying, reload->plugin, "reloaded"));
			return;
		}
		if (plugin) /* it starts with the new configuration, or catches up */
			add_result(applying, reload->plugin,
			           "waits for its process to start", NULL);
	}
}

static void
add_reload(struct applying *applying, const struct change *change)
{
	struct reload *reload = xgrow(&applying->reloads, &applying->n_reloads,
	                              sizeof *reload);

	reload->plugin = xstrdup(change->plugin->name);
	reload->same_code = !change->other_code;
	reload->only_telemetry = !change->other_section;
	reload->is_wanted = change->other_section || change->other_telemetry;
}

/* ---- carrying it out ---- */

static bool
is_empty(const struct master *master, const struct process *process)
{
	const struct plugin *plugin;

	LIST_FOREACH (plugin, &master->plugins, link)
		if (plugin->process == process)
			return false;
	return process != master->admin_process;
}

/* Whether something remains in its process when it has gone. */
static bool
has_others(const struct master *master, const struct plugin *plugin)
{
	const struct plugin *other;

	LIST_FOREACH (other, &master->plugins, link)
		if (other != plugin && other->process == plugin->process)
			return true;
	return plugin->process == master->admin_process;
}

static void
stop_if_empty(struct master *master, struct process *process)
{
	if (!is_empty(master, process))
		return;
	if (process->worker)
		worker_stop(process->worker);
	if (process->next)
		worker_stop(process->next);
}

static void
load(struct applying *applying, struct plugin *plugin, const char *change)
{
	struct worker *worker = plugin->process->worker;

	if (worker && worker->ready && !worker->retiring &&
	    plugin->told != worker->serial)
		control_load(applying->master, plugin, on_step,
		             new_step(applying, plugin->name, change));
	else
		add_result(applying, plugin->name, "starts with its process", NULL);
}

/* The worker has let go of the old sockets and the old code: now the same plugin may come again. */
static void
on_unloaded(json_t *answer, void *arg)
{
	struct step *step = arg;
	struct applying *applying = step->applying;
	struct plugin *plugin = master_plugin(applying->master, step->plugin);

	if (plugin)
		load(applying, plugin, "loaded");
	free(step->plugin);
	free(step);
	end_waiting(applying);
}

/* Gives the plugin its new sockets and its new process. */
static void
settle(struct master *master, struct change *change)
{
	struct plugin *plugin = change->plugin;

	master_close_sockets(plugin->sockets, plugin->n_sockets);
	plugin->sockets = change->sockets;
	plugin->n_sockets = change->n_sockets;
	plugin->process = master_process(master, change->conf->process);
	if (!plugin->process)
		plugin->process = process_new(master, change->conf->process);
}

static void
move(struct applying *applying, struct change *change, bool tell)
{
	struct master *master = applying->master;
	struct plugin *plugin = change->plugin;
	struct process *before = plugin->process;

	if (tell)
		control_unload(master, plugin, on_unloaded,
		               new_step(applying, plugin->name, "unloaded"));
	settle(master, change);
	plugin->told = 0;
	if (before != plugin->process)
		stop_if_empty(master, before);
}

static void
take_out(struct applying *applying, struct plugin *plugin, bool tell)
{
	struct process *process = plugin->process;
	struct master *master = applying->master;

	char *name = xstrdup(plugin->name);

	host_log(HOST_INFO, "plugin %s: removed", plugin->name);
	if (tell && has_others(master, plugin))
		control_unload(master, plugin, on_step,
		               new_step(applying, plugin->name, "unloaded"));
	else /* its process ends with it */
		add_result(applying, name, "unloaded", NULL);
	master_remove_plugin(master, plugin);
	stop_if_empty(master, process);
	free(name);
}

static void
carry_out(struct applying *applying, struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		struct change *change = &plan->changes[i];
		struct plugin *plugin = change->plugin;

		if (change->other_file && (plan->all || change->move)) {
			free(plugin->current
			             .copy); /* a process that starts takes the file */
			plugin->current.copy = NULL;
		}
		if (change->other_section)
			plugin->section_serial = applying->master->conf_serial;
		if (!change->conf)
			take_out(applying, plugin, !plan->all);
		else if (change->move)
			move(applying, change, !plan->all);
		else if (!change->new && !plan->all)
			add_reload(applying, change);
	}
	/* Moved ones are loaded when they have been unloaded, those of new processes by their start. */
	for (size_t i = 0; i < plan->n; i++)
		if (plan->changes[i].new && !plan->all)
			load(applying, plan->changes[i].plugin, "loaded");
}

/* Every process that has no worker yet gets one; with `all`, the others a new one that replaces theirs. */
static void
start_processes(struct master *master, bool all)
{
	struct process *process;
	struct worker *overtaken;

	LIST_FOREACH (process, &master->processes, link) {
		if (is_empty(master, process))
			continue; /* it ends */
		if (!all && process->next)
			continue; /* on its way */
		if (process->worker ? !all && !process->worker->retiring
		                    : process->was_ready)
			continue; /* serves on, or waits to be started again */
		overtaken = process->next;
		process->next = NULL;
		if (overtaken)
			worker_stop(overtaken);
		(void)process_start(process);
	}
}

/* What a running host cannot change keeps its value. */
static void
keep_fixed(struct host_conf *old, struct host_conf *new)
{
	struct host_listen *admin = new->admin;
	char *runtime_dir = new->runtime_dir, *user = new->user;
	size_t n_admin = new->n_admin;

	new->runtime_dir = old->runtime_dir;
	new->user = old->user;
	new->workers = old->workers;
	new->admin = old->admin;
	new->n_admin = old->n_admin;
	old->runtime_dir = runtime_dir; /* freed with the old one */
	old->user = user;
	old->admin = admin;
	old->n_admin = n_admin;
}

static struct applying *
applying_new(struct master *master, json_t *changes, worker_answer *done, void *arg)
{
	struct applying *applying = xcalloc(1, sizeof *applying);

	applying->master = master;
	applying->done = done;
	applying->arg = arg;
	applying->changes = changes;
	applying->results = json_array();
	applying->waiting = 1;
	return applying;
}

/* The new configuration is the master's from here on. */
static void
adopt(struct master *master, struct host_conf *new)
{
	struct plugin *plugin;

	keep_fixed(master->conf, new);
	master->conf = new;
	master->conf_serial++;
	host_log_change(new->log_level, new->log_format);
	LIST_FOREACH (plugin, &master->plugins, link)
		if (!plugin->own_conf)
			plugin->conf = host_conf_plugin(
				new, plugin->name); /* NULL: removed below */
}

static void
log_changes(const struct plan *plan)
{
	const json_t *line;
	size_t i;

	json_array_foreach(plan->lines, i, line)
		host_log(HOST_INFO, "%s", json_string_value(line));
	host_log(HOST_INFO, "SIGHUP or reload: %s",
	         plan->all                    ? "every process is replaced"
	         : plan->n || plan->configure ? "the difference is applied"
	                                      : "nothing has changed");
}

void
apply(struct master *master, struct host_conf *new, worker_answer *done, void *arg)
{
	struct host_conf *old = master->conf;
	struct otel_error err = OTEL_ERROR_INIT;
	struct applying *applying;
	struct process *process;
	struct plugin *plugin;
	struct plan plan;
	json_t *answer;

	plan_make(master, new, &plan);
	if (plan_prepare(master, &plan, &err) < 0) {
		answer = json_pack("{s:o}", "error",
		                   json_sprintf("nothing was changed: %s", err.message));
		host_conf_free(new);
		plan_fini(&plan);
		done(answer, arg);
		json_decref(answer);
		return;
	}
	adopt(master, new);
	log_changes(&plan);
	applying = applying_new(master, json_incref(plan.lines), done, arg);
	LIST_FOREACH (process, &master->processes, link)
		if (plan.configure)
			configure(applying, process);
	carry_out(applying, &plan);
	LIST_FOREACH (plugin, &master->plugins, link)
		watch_plugin(master->watch, plugin);
	start_processes(master, plan.all);
	if (plan.all)
		json_array_append_new(
			applying->results,
			json_pack("{s:s,s:s}", "process", "all", "change", "replaced"));
	host_conf_free(old);
	plan_fini(&plan);
	reload_next(applying);
	end_waiting(applying);
}

/* ---- a process that was starting meanwhile ---- */

static void
ignore(json_t *answer, void *arg)
{
}

void
apply_catch_up(struct worker *worker)
{
	struct process *process = worker->process;
	struct master *master = process->master;
	unsigned since = worker->conf_serial;
	struct applying *applying;
	struct plugin *plugin;

	if (since == master->conf_serial)
		return;
	applying = applying_new(master, json_array(), ignore, NULL);
	configure(applying, process);
	LIST_FOREACH (plugin, &master->plugins, link)
		if (plugin->process == process && plugin->told == worker->serial)
			add_reload(
				applying,
				&(struct change){
					.plugin = plugin,
					.other_section = plugin->section_serial > since,
					.other_code = plugin->section_serial > since });
	reload_next(applying);
	end_waiting(applying);
}
