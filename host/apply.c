/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGHUP. The file is first checked by `cupola check-config` in a process of its own, services' keys and
 * all, because that may take a while and load broken code; then it is read here and compared.
 *
 *	[host], [telemetry], [resource] differ   every process is replaced by one that has read the new file,
 *	                                         on the same sockets
 *	[plugin NAME] differs                    that plugin is reloaded with its new section; where `listen` or
 *	                                         `process` differ, unloaded and loaded
 *	[plugin NAME] is new, or gone            loaded, or unloaded
 *
 * What may fail (opening sockets) comes first, so that the difference is applied whole or not at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "log.h"
#include "master_priv.h"
#include "memory.h"

struct checking {
	struct master *master;
	pid_t pid;
	int fd, status;
	bool ended, reaped, again; /* again: another SIGHUP came meanwhile */
	struct event *readable;
	struct evbuffer *text;
};

struct change {
	struct plugin *plugin;          /* NULL: new */
	const struct host_plugin *conf; /* NULL: gone */
	bool move;                      /* other listeners, or another process */
	bool new;                       /* `plugin` was made for it, sockets and all */
	bool other_file;                /* the kept copy is of another one */
	struct worker_socket *sockets;  /* of a move: what it will have */
	size_t n_sockets;
};

struct plan {
	struct change *changes;
	size_t n;
	bool all; /* every process is replaced */
};

/* ---- what differs ---- */

static bool
same_json(json_t *a, json_t *b)
{
	bool same = json_equal(a, b);

	json_decref(a);
	json_decref(b);
	return same;
}

static bool
same_host(const struct host_conf *a, const struct host_conf *b)
{
	static const char *const ignored[] = { "file", "folder", "plugins" };
	static const char *const fixed[] = { "runtime_dir", "user", "workers", "admin" };
	json_t *left = host_conf_to_json(a), *right = host_conf_to_json(b), *part;
	json_t *sides[] = { left, right };
	size_t i;

	for (int s = 0; s < 2; s++) {
		for (i = 0; i < sizeof ignored / sizeof *ignored; i++)
			json_object_del(sides[s], ignored[i]);
		for (i = 0; i < sizeof fixed / sizeof *fixed; i++)
			json_object_del(json_object_get(sides[s], "host"), fixed[i]);
		json_array_foreach(json_object_get(sides[s], "resource"), i, part)
			json_object_del(part, "where");
	}
	return same_json(left, right);
}

static json_t *
comparable(const struct host_plugin *plugin)
{
	json_t *json = host_plugin_to_json(plugin), *setting;
	size_t i;

	json_object_del(json, "where");
	json_array_foreach(json_object_get(json, "settings"), i, setting)
		json_object_del(setting, "where");
	return json;
}

static bool
same_plugin(const struct host_plugin *a, const struct host_plugin *b)
{
	return same_json(comparable(a), comparable(b));
}

static bool
same_listen(const struct host_listen *a, const struct host_listen *b)
{
	return a->port == b->port && !strcmp(a->address, b->address) &&
	       !strcmp(a->label, b->label);
}

static bool
same_place(const struct host_plugin *a, const struct host_plugin *b)
{
	if (strcmp(a->process, b->process) || a->n_listen != b->n_listen)
		return false;
	for (size_t i = 0; i < a->n_listen; i++)
		if (!same_listen(&a->listen[i], &b->listen[i]))
			return false;
	return true;
}

/* ---- the plan ---- */

static struct change *
add_change(struct plan *plan, struct plugin *plugin, const struct host_plugin *conf)
{
	struct change *change = xgrow(&plan->changes, &plan->n, sizeof *change);

	change->plugin = plugin;
	change->conf = conf;
	change->other_file = plugin && conf && strcmp(plugin->conf->path, conf->path);
	return change;
}

static void
make_plan(struct master *master, const struct host_conf *new, struct plan *plan)
{
	struct plugin *plugin;

	plan->all = !same_host(master->conf, new);
	for (size_t i = 0; i < new->n_plugins; i++) {
		const struct host_plugin *conf = &new->plugins[i];

		plugin = master_plugin(master, conf->name);
		if (conf->enabled && !plugin)
			add_change(plan, NULL, conf);
		else if (conf->enabled && !plugin->own_conf &&
		         !same_plugin(plugin->conf, conf))
			add_change(plan, plugin, conf)->move = !same_place(plugin->conf,
			                                                   conf);
	}
	LIST_FOREACH (plugin, &master->plugins, link) {
		const struct host_plugin *conf = host_conf_plugin(new, plugin->name);

		if (!plugin->own_conf && (!conf || !conf->enabled))
			add_change(plan, plugin, NULL);
	}
}

/* What a running host cannot change keeps its value, and is told. */
static void
keep_fixed(struct host_conf *old, struct host_conf *new)
{
	struct host_listen *admin = new->admin;
	char *runtime_dir = new->runtime_dir, *user = new->user;
	size_t n_admin = new->n_admin;
	const char *told = NULL;

	if (strcmp(old->runtime_dir, runtime_dir))
		told = "runtime_dir";
	if (strcmp(old->user, user))
		told = "user";
	if (old->workers != new->workers)
		told = "workers";
	if (old->n_admin != n_admin || (n_admin && !same_listen(old->admin, admin)))
		told = "admin";
	if (told)
		host_log(
			HOST_WARN,
			"[host] %s has changed, which takes a new start: it stays as it was",
			told);
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

/* The sockets that a moved plugin will have: its own where the address stays, new ones elsewhere. */
static int
open_moved(struct master *master, struct change *change, struct otel_error *err)
{
	struct plugin *plugin = change->plugin;

	for (size_t i = 0; i < change->conf->n_listen; i++) {
		const struct host_listen *listen = &change->conf->listen[i];
		bool have = false;
		int r;

		for (size_t j = 0; j < plugin->n_sockets; j++) {
			struct worker_socket *old = &plugin->sockets[j], *s;

			if (old->port != listen->port ||
			    strcmp(old->address, listen->address))
				continue;
			s = xgrow(&change->sockets, &change->n_sockets, sizeof *s);
			*s = *old;
			s->plugin = xstrdup(old->plugin);
			s->label = xstrdup(listen->label);
			s->address = xstrdup(old->address);
			s->fd = fcntl(old->fd, F_DUPFD_CLOEXEC, 0);
			have = true;
		}
		if (have)
			continue;
		r = master_open_listen(listen, plugin->name, master->conf->workers,
		                       &change->sockets, &change->n_sockets, err);
		if (r < 0) {
			otel_error_prefix(err, "%s: [plugin %s] listen",
			                  change->conf->where, plugin->name);
			return r;
		}
	}
	return 0;
}

/* Opens whatever the plan needs; on failure closes it again. */
static int
prepare(struct master *master, struct plan *plan, struct otel_error *err)
{
	size_t i;
	int r = 0;

	for (i = 0; i < plan->n && !r; i++) {
		struct change *change = &plan->changes[i];

		if (change->plugin && change->conf && change->move)
			r = open_moved(master, change, err);
		else if (!change->plugin && change->conf) {
			r = master_add_plugin(master, change->conf, &change->plugin, err);
			change->new = true;
		}
	}
	if (!r)
		return 0;
	while (i-- > 0) {
		struct change *change = &plan->changes[i];

		master_close_sockets(change->sockets, change->n_sockets);
		if (change->new && change->plugin)
			master_remove_plugin(master, change->plugin);
	}
	return r;
}

/* ---- carrying it out ---- */

static void
log_answer(json_t *answer, void *arg)
{
	const char *error = json_string_value(json_object_get(answer, "error"));
	char *what = arg;

	if (error)
		host_log(HOST_ERROR, "%s: %s", what, error);
	else
		host_log(HOST_INFO, "%s", what);
	free(what);
}

static bool
is_empty(const struct master *master, const struct process *process)
{
	const struct plugin *plugin;

	LIST_FOREACH (plugin, &master->plugins, link)
		if (plugin->process == process)
			return false;
	return process != master->admin_process;
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
unload(struct master *master, struct plugin *plugin)
{
	control_unload(master, plugin, log_answer,
	               xasprintf("plugin %s: unloaded", plugin->name));
}

struct moving {
	struct master *master;
	char *plugin;
};

/* The worker has let go of the old sockets and the old code: now the same plugin may come again. */
static void
on_unloaded(json_t *answer, void *arg)
{
	struct moving *moving = arg;
	struct plugin *plugin = master_plugin(moving->master, moving->plugin);

	if (plugin)
		control_load_missing(plugin->process);
	free(moving->plugin);
	free(moving);
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
move(struct master *master, struct change *change, bool tell)
{
	struct plugin *plugin = change->plugin;
	struct process *before = plugin->process;
	struct moving *moving;

	if (tell) {
		moving = xcalloc(1, sizeof *moving);
		moving->master = master;
		moving->plugin = xstrdup(plugin->name);
		control_unload(master, plugin, on_unloaded, moving);
	}
	settle(master, change);
	plugin->told = 0;
	if (before != plugin->process)
		stop_if_empty(master, before);
}

static void
carry_out(struct master *master, struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		struct change *change = &plan->changes[i];
		struct plugin *plugin = change->plugin;

		if (change->other_file && (plan->all || change->move)) {
			free(plugin->current
			             .copy); /* a process that starts takes the file */
			plugin->current.copy = NULL;
		}
		if (!change->conf) {
			struct process *process = plugin->process;

			if (!plan->all)
				unload(master, plugin);
			host_log(HOST_INFO, "plugin %s: removed", plugin->name);
			master_remove_plugin(master, plugin);
			stop_if_empty(master, process);
		} else if (change->move) {
			move(master, change, !plan->all);
		} else if (!change->new && !plan->all) {
			control_reload(
				master, plugin->name, change->conf, log_answer,
				xasprintf("plugin %s: reloaded with its new section",
			                  plugin->name));
		}
	}
	/* Moved ones are loaded when they have been unloaded, those of new processes by their start. */
	for (size_t i = 0; i < plan->n; i++)
		if (plan->changes[i].new && !plan->all)
			control_load_missing(plan->changes[i].plugin->process);
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

static void
apply(struct master *master, struct host_conf *new)
{
	struct host_conf *old = master->conf;
	struct plan plan = { NULL, 0, false };
	struct otel_error err = OTEL_ERROR_INIT;
	struct plugin *plugin;

	make_plan(master, new, &plan);
	if (prepare(master, &plan, &err) < 0) {
		host_log(HOST_ERROR, "SIGHUP: nothing was changed: %s", err.message);
		host_conf_free(new);
		free(plan.changes);
		return;
	}
	keep_fixed(old, new);
	master->conf = new;
	host_log_setup("master", new->log_level, new->log_format);
	LIST_FOREACH (plugin, &master->plugins, link)
		if (!plugin->own_conf)
			plugin->conf = host_conf_plugin(
				new, plugin->name); /* NULL: removed below */
	carry_out(master, &plan);
	LIST_FOREACH (plugin, &master->plugins, link)
		watch_plugin(master->watch, plugin);
	start_processes(master, plan.all);
	host_log(HOST_INFO, "SIGHUP: %s",
	         plan.all ? "every process is replaced"
	         : plan.n ? "the difference is applied"
	                  : "nothing has changed");
	host_conf_free(old);
	free(plan.changes);
}

/* ---- checking the file first ---- */

static void
checked(struct checking *checking)
{
	struct master *master = checking->master;
	struct host_problems problems = { NULL, 0 };
	struct host_conf *new;
	bool again = checking->again;
	char *line;

	if (!checking->ended || !checking->reaped)
		return;
	if (checking->status) {
		while ((line = evbuffer_readln(checking->text, NULL, EVBUFFER_EOL_LF))) {
			host_log(HOST_ERROR, "SIGHUP: %s", line);
			free(line);
		}
		host_log(HOST_ERROR, "SIGHUP: nothing was changed");
	} else if (!master->stopping) {
		if (host_conf_read(master->file, master->sets, master->n_sets, &new,
		                   &problems) == 0)
			apply(master, new);
		for (size_t i = 0; i < problems.n; i++)
			host_log(HOST_ERROR, "SIGHUP: nothing was changed: %s",
			         problems.lines[i]);
		host_problems_fini(&problems);
	}
	master->checking = NULL;
	event_free(checking->readable);
	evbuffer_free(checking->text);
	close(checking->fd);
	free(checking);
	if (again && !master->stopping)
		apply_file(master);
}

static void
on_check_output(evutil_socket_t fd, short what, void *arg)
{
	struct checking *checking = arg;

	if (evbuffer_read(checking->text, checking->fd, 65536) > 0)
		return;
	event_del(checking->readable);
	checking->ended = true;
	checked(checking);
}

void
apply_reaped(struct master *master, pid_t pid, int status)
{
	struct checking *checking = master->checking;

	if (!checking || checking->pid != pid)
		return;
	checking->reaped = true;
	checking->status = status;
	checked(checking);
}

void
apply_file(struct master *master)
{
	size_t argc = 4;
	char **argv;
	struct checking *checking;
	int fds[2];

	if (master->checking) {
		master->checking->again = true;
		return;
	}
	if (pipe2(fds, O_CLOEXEC) < 0) {
		host_log(HOST_ERROR, "SIGHUP: nothing was changed: %s", strerror(errno));
		return;
	}
	argv = xcalloc(argc + 2 * master->n_sets + 1, sizeof *argv);
	argv[0] = xstrdup("cupola");
	argv[1] = xstrdup("check-config");
	argv[2] = xstrdup("-c");
	argv[3] = xstrdup(master->file);
	for (size_t i = 0; i < master->n_sets; i++) {
		argv[argc++] = xstrdup("--set");
		argv[argc++] = xstrdup(master->sets[i]);
	}
	checking = xcalloc(1, sizeof *checking);
	checking->master = master;
	checking->fd = fds[0];
	checking->text = evbuffer_new();
	checking->readable = event_new(master->base, fds[0], EV_READ | EV_PERSIST,
	                               on_check_output, checking);
	event_add(checking->readable, NULL);
	checking->pid = fork();
	if (checking->pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	close(fds[1]);
	master->checking = checking;
	if (checking->pid < 0)
		checking->reaped = true, checking->status = -1;
	for (size_t i = 0; i < argc; i++)
		free(argv[i]);
	free(argv);
}
