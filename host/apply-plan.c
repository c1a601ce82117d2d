/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply_priv.h"
#include "conf-diff.h"
#include "memory.h"

/* ---- what differs ---- */

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

static bool
same_bytes(int a, int b)
{
	char left[65536], right[sizeof left];
	ssize_t n, m;

	do {
		n = read(a, left, sizeof left);
		m = read(b, right, sizeof right);
		if (n != m || n < 0 || memcmp(left, right, (size_t)n) != 0)
			return false;
	} while (n > 0);
	return true;
}

/* Whether the file is there and is not what was loaded from it. By content: dates are what installers like. */
static bool
is_other_code(const struct plugin *plugin, const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC), copy = -1;
	struct stat one, other;
	bool same = false;

	if (file < 0)
		return false;
	if (plugin->current.copy && !plugin->failed)
		copy = open(plugin->current.copy, O_RDONLY | O_CLOEXEC);
	if (copy >= 0)
		same = fstat(file, &one) == 0 && fstat(copy, &other) == 0 &&
		       one.st_size == other.st_size && same_bytes(file, copy);
	close(file);
	if (copy >= 0)
		close(copy);
	return !same;
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

/* One that is there and stays. */
static void
compare_plugin(struct plan *plan, struct plugin *plugin, const struct host_plugin *conf,
               bool of_all)
{
	bool other_section = !host_plugin_same(plugin->conf, conf);
	bool other_telemetry = of_all || !host_plugin_same_telemetry(plugin->conf, conf);
	bool other_code = is_other_code(plugin, conf->path);
	struct change *change;

	if (!other_section && !other_telemetry && !other_code)
		return;
	change = add_change(plan, plugin, conf);
	change->other_section = other_section;
	change->other_telemetry = other_telemetry;
	change->other_code = other_code || change->other_file;
	change->move = !same_place(plugin->conf, conf);
}

void
plan_make(struct master *master, const struct host_conf *new, struct plan *plan)
{
	bool of_all = !host_conf_same_telemetry(master->conf, new);
	struct plugin *plugin;

	*plan = (struct plan){ .lines = host_conf_diff(master->conf, new) };
	plan->all = host_conf_needs_processes(master->conf, new);
	plan->configure = !plan->all && !host_conf_same(master->conf, new);
	for (size_t i = 0; i < new->n_plugins; i++) {
		const struct host_plugin *conf = &new->plugins[i];

		plugin = master_plugin(master, conf->name);
		if (conf->enabled && !plugin)
			add_change(plan, NULL, conf);
		else if (conf->enabled && !plugin->own_conf)
			compare_plugin(plan, plugin, conf, of_all);
	}
	LIST_FOREACH (plugin, &master->plugins, link) {
		const struct host_plugin *conf = host_conf_plugin(new, plugin->name);

		if (!plugin->own_conf && (!conf || !conf->enabled))
			add_change(plan, plugin, NULL);
		else if (plugin->own_conf && of_all)
			add_change(plan, plugin, plugin->own_conf);
	}
}

/* ---- what may fail ---- */

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

int
plan_prepare(struct master *master, struct plan *plan, struct otel_error *err)
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

void
plan_fini(struct plan *plan)
{
	free(plan->changes);
	json_decref(plan->lines);
}
