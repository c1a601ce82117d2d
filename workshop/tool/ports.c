/* SPDX-License-Identifier: Apache-2.0 */
#include "ports.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "copy.h"
#include "files.h"
#include "listen.h"
#include "memory.h"

#define STRIDE 10000 /* 5000 moves to 15000 when that is free */
#define TRIES  500

/* What services ask for without being told, since the defaults of their keys name these ports. */
static const struct {
	const char *plugin, *key, *url;
} defaults[] = {
	{ "frontend", "gateway_url", "http://127.0.0.1:5001/" },
	{ "frontend", "station_url", "http://127.0.0.1:5050" },
	{ "gateway", "geolocator_url", "http://127.0.0.1:5002/" },
	{ "gateway", "iss_distance_url", "http://127.0.0.1:5003/" },
	{ "geolocator-service", "search_url", "http://127.0.0.1:5004/search" },
	{ "iss-distance-service", "position_url", "http://127.0.0.1:5004/iss-now.json" },
	{ "guide", "station_url", "http://127.0.0.1:5050" },
	{ "guide", "frontend_url", "http://127.0.0.1:5000" },
};

/* ---- choosing ---- */

/* 0 when it can be had, -EADDRINUSE, or what else is in the way. */
static int
try_port(const char *address, uint16_t port)
{
	struct host_listen where = { .label = (char[]){ "" },
		                     .address = (char *)(uintptr_t)address,
		                     .port = port };
	struct otel_error ignored = OTEL_ERROR_INIT;
	uint16_t got;
	int fd, r = host_listen_open(&where, 1, &fd, &got, &ignored);

	if (!r)
		close(fd);
	return r;
}

static bool
is_chosen(const struct ports *ports, uint16_t port)
{
	for (size_t i = 0; i < ports->n_moves; i++)
		if (ports->moves[i].to == port)
			return true;
	return false;
}

static int
find_free(const struct ports *ports, const char *address, uint16_t port)
{
	for (int i = 0; i < TRIES; i++) {
		unsigned candidate = (unsigned)port + STRIDE + (unsigned)i;

		if (candidate > 65535)
			candidate = 20000 + (unsigned)i;
		if (!is_chosen(ports, (uint16_t)candidate) &&
		    try_port(address, (uint16_t)candidate) == 0)
			return (int)candidate;
	}
	return -EADDRINUSE;
}

/* The port where it was last time; 0 when it was not moved. */
static uint16_t
port_of_last_time(const json_t *saved, const char *plugin, uint16_t port)
{
	char *key = xasprintf("%s:%u", plugin, port);
	json_int_t at = json_integer_value(json_object_get(saved, key));

	free(key);
	return at > 0 && at < 65536 ? (uint16_t)at : 0;
}

static int
choose(struct ports *ports, const json_t *saved, const char *plugin,
       const struct host_listen *where, struct otel_error *err)
{
	uint16_t last = port_of_last_time(saved, plugin, where->port);
	struct port_move move = { .from = where->port };
	char who[128];
	int r, to;

	if (!where->port)
		return 0;
	r = try_port(where->address, where->port);
	if (last && !is_chosen(ports, last) && try_port(where->address, last) == 0)
		to = last;
	else if (r != -EADDRINUSE)
		return 0; /* it is free, or has another trouble, which the host tells better */
	else
		to = find_free(ports, where->address, where->port);
	if (to < 0)
		return otel_error_set(
			err, to, "port %u of %s is taken by %s, and so are %d above it",
			where->port, plugin,
			host_listen_holder(where->port, who, sizeof who), TRIES);
	move.to = (uint16_t)to;
	move.plugin = xstrdup(plugin);
	move.address = xstrdup(where->address);
	if (r == -EADDRINUSE)
		move.holder = xstrdup(host_listen_holder(where->port, who, sizeof who));
	*(struct port_move *)xgrow(&ports->moves, &ports->n_moves,
	                           sizeof *ports->moves) = move;
	return 0;
}

/* ---- what follows from it ---- */

static void
add_set(struct ports *ports, char *set)
{
	*(char **)xgrow(&ports->sets, &ports->n_sets, sizeof *ports->sets) = set;
}

static const struct port_move *
find_move(const struct ports *ports, const char *plugin, uint16_t port)
{
	for (size_t i = 0; i < ports->n_moves; i++)
		if (ports->moves[i].from == port &&
		    (!plugin || !strcmp(ports->moves[i].plugin, plugin)))
			return &ports->moves[i];
	return NULL;
}

char *
ports_move_url(const struct ports *ports, const char *url)
{
	static const char *const ours[] = { "127.0.0.1:", "localhost:", "[::1]:",
		                            "0.0.0.0:" };
	const char *at = url ? strstr(url, "://") : NULL;

	if (!at)
		return NULL;
	at += 3;
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
		const struct port_move *move;
		char *end;
		unsigned long port;

		if (strncmp(at, ours[i], strlen(ours[i])) != 0)
			continue;
		at += strlen(ours[i]);
		port = strtoul(at, &end, 10);
		move = port < 65536 ? find_move(ports, NULL, (uint16_t)port) : NULL;
		return move ? xasprintf("%.*s%u%s", (int)(at - url), url, move->to, end)
		            : NULL;
	}
	return NULL;
}

static void
set_listeners(struct ports *ports, const struct host_plugin *plugin)
{
	char *list = xstrdup(""), text[80];
	bool moved = false;

	for (size_t i = 0; i < plugin->n_listen; i++) {
		const struct host_listen *where = &plugin->listen[i];
		const struct port_move *move = find_move(ports, plugin->name,
		                                         where->port);
		char *longer;

		moved |= move != NULL;
		host_listen_text(where->address, move ? move->to : where->port, text,
		                 sizeof text);
		longer = xasprintf("%s%s%s%s%s", list, *list ? ", " : "", where->label,
		                   *where->label ? "=" : "", text);
		free(list);
		list = longer;
	}
	if (moved)
		add_set(ports, xasprintf("plugin %s.listen=%s", plugin->name, list));
	free(list);
}

static void
set_url(struct ports *ports, const char *section, const char *key, const char *url)
{
	char *moved = ports_move_url(ports, url);

	if (moved)
		add_set(ports, xasprintf("%s.%s=%s", section, key, moved));
	free(moved);
}

static bool
says(const struct host_plugin *plugin, const char *key)
{
	for (size_t i = 0; i < plugin->n_settings; i++)
		if (!strcmp(plugin->settings[i].name, key))
			return true;
	return false;
}

static void
set_plugin(struct ports *ports, const struct host_conf *conf,
           const struct host_plugin *plugin)
{
	char *section = xasprintf("plugin %s", plugin->name);
	const char *endpoint = plugin->telemetry.value[HOST_T_ENDPOINT],
		   *common = conf->telemetry.value[HOST_T_ENDPOINT];

	set_listeners(ports, plugin);
	for (size_t i = 0; i < plugin->n_settings; i++)
		set_url(ports, section, plugin->settings[i].name,
		        plugin->settings[i].value);
	for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
		if (!strcmp(defaults[i].plugin, plugin->name) &&
		    !says(plugin, defaults[i].key))
			set_url(ports, section, defaults[i].key, defaults[i].url);
	if (endpoint && (!common || strcmp(endpoint, common) != 0))
		set_url(ports, section, "endpoint", endpoint);
	free(section);
}

static void
set_common(struct ports *ports, const struct host_conf *conf)
{
	const char *endpoint = conf->telemetry.value[HOST_T_ENDPOINT];
	char text[80];

	for (size_t i = 0; i < conf->n_admin; i++) {
		const struct port_move *move = find_move(ports, "admin",
		                                         conf->admin[i].port);

		if (move)
			add_set(ports, xasprintf("host.admin=%s",
			                         host_listen_text(move->address, move->to,
			                                          text, sizeof text)));
	}
	set_url(ports, "telemetry", "endpoint",
	        endpoint ? endpoint : "http://localhost:4318");
}

/* The guide is told which working copy is the learner's, and who checks it. */
static void
set_guide(const struct tool *tool, struct ports *ports, const struct host_conf *conf)
{
	const struct host_plugin *guide = host_conf_plugin(conf, "guide");

	if (!guide || !guide->enabled)
		return;
	add_set(ports, xasprintf("plugin guide.copy=%s", tool->dir));
	add_set(ports, xasprintf("plugin guide.program=%s", tool->cupola));
}

int
ports_choose(const struct tool *tool, struct ports *out, struct otel_error *err)
{
	char *file = tool_conf(tool),
	     *kept = xasprintf("%s/.workshop/ports.json", tool->dir);
	struct host_problems problems = { NULL,
		                          0 }; /* the host tells them when it starts */
	struct host_conf *conf = host_conf_read_all(file, NULL, 0, &problems);
	json_t *saved = json_load_file(kept, 0, NULL);
	int r = 0;

	*out = (struct ports){ NULL, 0, NULL, 0 };
	for (size_t i = 0; !r && i < conf->n_plugins; i++)
		for (size_t j = 0;
		     !r && conf->plugins[i].enabled && j < conf->plugins[i].n_listen; j++)
			r = choose(out, saved, conf->plugins[i].name,
			           &conf->plugins[i].listen[j], err);
	for (size_t i = 0; !r && i < conf->n_admin; i++)
		r = choose(out, saved, "admin", &conf->admin[i], err);
	if (!r)
		set_guide(tool, out, conf);
	if (!r && out->n_moves) {
		set_common(out, conf);
		for (size_t i = 0; i < conf->n_plugins; i++)
			if (conf->plugins[i].enabled)
				set_plugin(out, conf, &conf->plugins[i]);
	}
	if (r < 0)
		ports_fini(out);
	json_decref(saved);
	host_conf_free(conf);
	host_problems_fini(&problems);
	free(file);
	free(kept);
	return r;
}

/* ---- keeping ---- */

static int
write_text(const struct tool *tool, const char *name, const char *text,
           struct otel_error *err)
{
	char *path = xasprintf("%s/.workshop/%s", tool->dir, name);
	int r = file_write(path, text, strlen(text), 0644);

	if (r < 0)
		otel_error_set(err, r, "%s: %s", path, strerror(-r));
	free(path);
	return r;
}

int
ports_save(const struct tool *tool, const struct ports *ports, struct otel_error *err)
{
	json_t *json = json_object();
	char *text, *endpoint = ports_move_url(ports, "http://127.0.0.1:4318");
	int r;

	for (size_t i = 0; i < ports->n_moves; i++) {
		const struct port_move *move = &ports->moves[i];
		char *key = xasprintf("%s:%u", move->plugin, move->from);

		json_object_set_new(json, key, json_integer(move->to));
		free(key);
	}
	text = json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS);
	r = write_text(tool, "ports.json", text, err);
	if (!r)
		r = copy_link(tool, endpoint, err);
	json_decref(json);
	free(text);
	free(endpoint);
	return r;
}

void
ports_fini(struct ports *ports)
{
	for (size_t i = 0; i < ports->n_moves; i++) {
		free(ports->moves[i].plugin);
		free(ports->moves[i].address);
		free(ports->moves[i].holder);
	}
	for (size_t i = 0; i < ports->n_sets; i++)
		free(ports->sets[i]);
	free(ports->moves);
	free(ports->sets);
	*ports = (struct ports){ NULL, 0, NULL, 0 };
}
