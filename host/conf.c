/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From lines to meaning: each section has a table of keys (conf-keys.c) that says type, default and
 * bounds; what no table knows is a mistake, except in [plugin NAME], where it belongs to the service and
 * is judged by the service's own table.
 */
#include "conf.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "conf-keys.h"
#include "ini.h"
#include "listen.h"
#include "memory.h"
#include "paths.h"
#include "suggest.h"

struct reader {
	struct ini ini;
	struct host_conf *conf;
	struct host_problems *problems;
};

void
host_problems_add(struct host_problems *problems, const char *fmt, ...)
{
	char line[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	*(char **)xgrow(&problems->lines, &problems->n,
	                sizeof *problems->lines) = xstrdup(line);
}

void
host_problems_fini(struct host_problems *problems)
{
	for (size_t i = 0; i < problems->n; i++)
		free(problems->lines[i]);
	free(problems->lines);
	memset(problems, 0, sizeof *problems);
}

/* ---- one section ---- */

static void
wrong(struct reader *r, const struct ini_section *section, const struct ini_entry *entry,
      const char *what)
{
	host_problems_add(r->problems, "%s: [%s] %s: %s", entry->where, section->name,
	                  entry->key, what);
}

/* The keys of a table that the section sets; the others get their fallback where there is one. */
static void
read_keys(struct reader *r, const struct ini_section *section,
          const struct conf_key *keys, void *object)
{
	for (const struct conf_key *key = keys; key->name; key++) {
		struct ini_entry *entry = section ? ini_entry(section, key->name) : NULL;
		struct otel_error err = OTEL_ERROR_INIT;

		if (entry)
			entry->used = true;
		if (key->fallback)
			(void)conf_store(key, object, key->fallback, r->conf->folder,
			                 NULL);
		if (!entry || entry->bad)
			continue;
		/* An empty value is "not told": what ${VARIABLE:-} leaves behind. */
		if (!*entry->value && (key->type == SVC_PATH || !key->fallback))
			continue;
		if (conf_store(key, object, entry->value, r->conf->folder, &err) < 0)
			wrong(r, section, entry, err.message);
	}
}

/* Returns whether the section has at least one of the keys. */
static bool
read_telemetry(struct reader *r, const struct ini_section *section, bool is_plugin,
               struct host_telemetry *out)
{
	bool any = false;

	for (size_t i = 0; i < HOST_N_T; i++) {
		struct ini_entry *entry = ini_entry(section, conf_telemetry_keys[i].name);
		struct otel_error err = OTEL_ERROR_INIT;

		if (!entry)
			continue;
		if (is_plugin && conf_telemetry_keys[i].host_only) {
			entry->used = true;
			wrong(r, section, entry,
			      "expected in [telemetry], found here; it holds for all services");
			continue;
		}
		entry->used = any = true;
		if (entry->bad || !*entry->value)
			continue;
		if (conf_store_telemetry(out, i, entry->value, r->conf->folder, &err) < 0)
			wrong(r, section, entry, err.message);
	}
	return any;
}

/* Tells every key that nobody used, with the nearest one of the tables. */
static void
report_unknown(struct reader *r, const struct ini_section *section,
               const struct conf_key *keys, bool telemetry)
{
	for (size_t i = 0; i < section->n_entries; i++) {
		const struct ini_entry *entry = &section->entries[i];
		struct host_suggest suggest = { .word = entry->key };
		char mean[128];

		if (entry->used)
			continue;
		for (const struct conf_key *key = keys; key && key->name; key++)
			host_suggest_offer(&suggest, key->name);
		for (size_t t = 0; telemetry && t < HOST_N_T; t++)
			host_suggest_offer(&suggest, conf_telemetry_keys[t].name);
		host_problems_add(
			r->problems,
			"%s: [%s] %s: expected a key of [%s], found an unknown one%s",
			entry->where, section->name, entry->key, section->name,
			host_suggest_text(&suggest, mean, sizeof mean));
	}
}

static void
add_setting(struct host_setting **settings, size_t *n, const struct ini_entry *entry)
{
	struct host_setting *setting = xgrow(settings, n, sizeof *setting);

	setting->name = xstrdup(entry->key);
	setting->value = xstrdup(entry->value);
	setting->where = xstrdup(entry->where);
}

static void
read_plugin(struct reader *r, struct ini_section *section)
{
	const char *name = section->name + strlen("plugin ");
	struct host_conf *conf = r->conf;
	const struct ini_entry *path;
	struct host_plugin *plugin;

	if (!conf_is_name(name)) {
		host_problems_add(
			r->problems,
			"%s: [%s]: expected [plugin NAME] with a name of at most %d letters, digits, "
			"'_', '.' and '-', found \"%s\"",
			section->where, section->name, CONF_NAME_MAX, name);
		return;
	}
	plugin = xgrow(&conf->plugins, &conf->n_plugins, sizeof *plugin);
	plugin->name = xstrdup(name);
	plugin->where = xstrdup(section->where);
	plugin->max_body = conf->max_body;
	plugin->max_requests = conf->max_requests;
	plugin->request_timeout_ms = conf->request_timeout_ms;
	plugin->instrument = strcmp(name, "station") && strcmp(name, "upstream") &&
	                     strcmp(name, "hello") && strcmp(name, "guide");
	plugin->path = xasprintf("%s/%s.so", conf->plugin_dir, name);
	read_keys(r, section, conf_plugin_keys, plugin);
	path = ini_entry(section, "path");
	plugin->path_where = path ? xstrdup(path->where) : NULL;
	for (size_t i = 0; i < HOST_N_T; i++)
		if (conf->telemetry.value[i])
			plugin->telemetry.value[i] = xstrdup(conf->telemetry.value[i]);
	plugin->own_telemetry = read_telemetry(r, section, true, &plugin->telemetry);
	for (size_t i = 0; i < section->n_entries; i++)
		if (!section->entries[i].used && !section->entries[i].bad)
			add_setting(&plugin->settings, &plugin->n_settings,
			            &section->entries[i]);
}

static void
read_resource(struct reader *r, struct ini_section *section)
{
	struct host_conf *conf = r->conf;

	for (size_t i = 0; i < section->n_entries; i++) {
		const struct ini_entry *entry = &section->entries[i];

		if (!strcmp(entry->key, "service.name") ||
		    !strcmp(entry->key, "service.instance.id"))
			wrong(r, section, entry,
			      "expected an attribute that all services share, found one that each has of its own; "
			      "remove it");
		else if (!entry->bad && *entry->value)
			add_setting(&conf->resource, &conf->n_resource, entry);
	}
}

static void
read_host(struct reader *r)
{
	struct ini_section *section = ini_section(&r->ini, "host");
	struct host_conf *conf = r->conf;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	conf->workers = cores < 1 ? 1 : cores > 256 ? 256 : (int)cores;
	conf->runtime_dir = xstrdup(host_path_runtime());
	conf->plugin_dir = xstrdup(host_path_plugins());
	conf->data_dir = xstrdup(host_path_data());
	read_keys(r, section, conf_host_keys, conf);
	if (section)
		report_unknown(r, section, conf_host_keys, false);
}

static void
read_sections(struct reader *r)
{
	static const char *const known[] = { "host", "telemetry", "resource",
		                             "plugin NAME" };
	struct ini_section *section = ini_section(&r->ini, "telemetry");

	read_host(r);
	if (section) {
		read_telemetry(r, section, false, &r->conf->telemetry);
		report_unknown(r, section, NULL, true);
	}
	for (size_t i = 0; i < r->ini.n_sections; i++) {
		section = &r->ini.sections[i];
		if (!strncmp(section->name, "plugin ", 7)) {
			read_plugin(r, section);
		} else if (!strcmp(section->name, "resource")) {
			read_resource(r, section);
		} else if (strcmp(section->name, "host") &&
		           strcmp(section->name, "telemetry")) {
			struct host_suggest suggest = { .word = section->name };
			char mean[128];

			for (size_t k = 0; k < sizeof known / sizeof *known; k++)
				host_suggest_offer(&suggest, known[k]);
			if (!suggest.best && !strncasecmp(section->name, "plugin", 6))
				suggest.best = "plugin NAME";
			host_problems_add(
				r->problems,
				"%s: [%s]: expected [host], [telemetry], [resource] or [plugin NAME], "
				"found an unknown section%s",
				section->where, section->name,
				host_suggest_text(&suggest, mean, sizeof mean));
		}
	}
}

/* ---- what only the whole can tell ---- */

/* Where the key of a plugin was set, for messages. */
static const char *
key_where(struct reader *r, const struct host_plugin *plugin, const char *key)
{
	char name[CONF_NAME_MAX + 16];
	const struct ini_section *section;
	const struct ini_entry *entry;

	snprintf(name, sizeof name, "plugin %s", plugin->name);
	section = ini_section(&r->ini, name);
	entry = section ? ini_entry(section, key) : NULL;
	return entry ? entry->where : plugin->where;
}

static bool
same_address(const struct host_listen *a, const struct host_listen *b)
{
	return a->port && a->port == b->port && !strcmp(a->address, b->address);
}

static void
check_clash(struct reader *r, const struct host_plugin *plugin,
            const struct host_listen *listen, const struct host_listen *others,
            size_t n_others, const char *whose)
{
	for (size_t i = 0; i < n_others; i++)
		if (&others[i] != listen && same_address(listen, &others[i]))
			host_problems_add(
				r->problems,
				"%s: [plugin %s] listen: expected an address of its own, found %s:%u, "
				"which %s has too; change one of them",
				key_where(r, plugin, "listen"), plugin->name,
				listen->address, listen->port, whose);
}

static void
check_listeners(struct reader *r)
{
	const struct host_conf *conf = r->conf;

	for (size_t i = 0; i < conf->n_plugins; i++) {
		const struct host_plugin *plugin = &conf->plugins[i];

		for (size_t j = 0; plugin->enabled && j < plugin->n_listen; j++) {
			const struct host_listen *listen = &plugin->listen[j];

			check_clash(r, plugin, listen, conf->admin, conf->n_admin,
			            "[host] admin");
			check_clash(r, plugin, listen, plugin->listen, j, "the same key");
			for (size_t k = 0; k < i; k++) {
				char whose[CONF_NAME_MAX + 16];

				snprintf(whose, sizeof whose, "[plugin %s]",
				         conf->plugins[k].name);
				if (conf->plugins[k].enabled)
					check_clash(r, plugin, listen,
					            conf->plugins[k].listen,
					            conf->plugins[k].n_listen, whose);
			}
		}
	}
}

static void
check_whole(struct reader *r)
{
	const struct ini_section *host = ini_section(&r->ini, "host");
	const struct host_conf *conf = r->conf;
	const struct ini_entry *entry;

	check_listeners(r);
	if (host && conf->n_admin > 1 && (entry = ini_entry(host, "admin")))
		wrong(r, host, entry, "expected one address, found several");
	if (host && conf->stall_kill_ms && conf->stall_kill_ms < conf->stall_report_ms &&
	    ((entry = ini_entry(host, "stall_kill")) ||
	     (entry = ini_entry(host, "stall_report"))))
		wrong(r, host, entry,
		      "expected stall_kill to be 0 or longer than stall_report, found it shorter");
	if (host && *conf->user && (entry = ini_entry(host, "user"))) {
		if (!getpwnam(conf->user))
			host_problems_add(
				r->problems,
				"%s: [host] user: expected a user of this system, found \"%s\"; make it "
				"with useradd --system %s",
				entry->where, conf->user, conf->user);
		else if (geteuid() != 0)
			host_problems_add(
				r->problems,
				"%s: [host] user: expected to be started by root to become %s, found "
				"user id %u; remove the key or start as root",
				entry->where, conf->user, (unsigned)geteuid());
	}
}

/* ---- --set ---- */

/* Where "SECTION.KEY" is to be cut: see DESIGN; keys with a dot of their own are known. NULL: nowhere. */
static char *
cut_of(char *text)
{
	size_t len = strlen(text);

	if (strncmp(text, "plugin ", 7))
		return strchr(text, '.');
	for (size_t i = 0; i < HOST_N_T; i++) {
		const char *key = conf_telemetry_keys[i].name;
		size_t n = strlen(key);

		if (strchr(key, '.') && len > n + 8 && text[len - n - 1] == '.' &&
		    !strcmp(text + len - n, key))
			return text + len - n - 1;
	}
	return strrchr(text, '.');
}

static void
apply_set(struct reader *r, const char *set)
{
	char *text = xstrdup(set), *equals = strchr(text, '='), *cut, *key_end;

	if (equals)
		*equals = '\0';
	cut = equals ? cut_of(text) : NULL;
	if (!ini_is_text(set)) {
		host_problems_add(r->problems,
		                  "--set: expected UTF-8, found bytes that are none");
	} else if (!cut || cut == text || !cut[1]) {
		host_problems_add(
			r->problems,
			"--set %s: expected SECTION.KEY=VALUE, such as host.workers=2 or "
			"'plugin hello.enabled=yes', found no %s",
			set, equals ? "dot between section and key" : "=");
	} else {
		*cut = '\0';
		for (key_end = equals;
		     key_end > cut + 1 && isspace((unsigned char)key_end[-1]);)
			*--key_end = '\0';
		ini_set(&r->ini, text, cut + 1, equals + 1 + strspn(equals + 1, " \t"),
		        "--set");
	}
	free(text);
}

/* ---- reading all of it ---- */

static void
reader_init(struct reader *r, const char *file, struct host_problems *problems)
{
	*r = (struct reader){ .problems = problems, .conf = xcalloc(1, sizeof *r->conf) };
	r->conf->file = xstrdup(file);
	r->conf->folder = host_path_folder(file);
}

/* From lines to meaning; the reader is used up. */
static struct host_conf *
reader_finish(struct reader *r)
{
	read_sections(r);
	check_whole(r);
	ini_fini(&r->ini);
	return r->conf;
}

struct host_conf *
host_conf_read_all(const char *file, const char *const *sets, size_t n_sets,
                   struct host_problems *problems)
{
	struct reader r;

	reader_init(&r, file, problems);
	ini_read(&r.ini, file, problems);
	for (size_t i = 0; i < n_sets; i++)
		apply_set(&r, sets[i]);
	return reader_finish(&r);
}

struct host_conf *
host_conf_parse(const char *name, const char *text, size_t len,
                struct host_problems *problems)
{
	struct reader r;

	reader_init(&r, name, problems);
	ini_parse(&r.ini, name, text, len, problems);
	return reader_finish(&r);
}

int
host_conf_read(const char *file, const char *const *sets, size_t n_sets,
               struct host_conf **out, struct host_problems *problems)
{
	size_t before = problems->n;
	struct host_conf *conf = host_conf_read_all(file, sets, n_sets, problems);

	if (problems->n > before) {
		host_conf_free(conf);
		return -EINVAL;
	}
	*out = conf;
	return 0;
}

char *
host_conf_runtime_dir(const char *file, const char *const *sets, size_t n_sets)
{
	struct host_problems ignored = { NULL, 0 };
	char *runtime_dir;
	struct reader r;

	reader_init(&r, file, &ignored);
	ini_read(&r.ini, file, &ignored);
	for (size_t i = 0; i < n_sets; i++)
		apply_set(&r, sets[i]);
	read_host(&r);
	ini_fini(&r.ini);
	host_problems_fini(&ignored);
	runtime_dir = xstrdup(r.conf->runtime_dir);
	host_conf_free(r.conf);
	return runtime_dir;
}

static void
telemetry_fini(struct host_telemetry *telemetry)
{
	for (size_t i = 0; i < HOST_N_T; i++)
		free(telemetry->value[i]);
}

static void
settings_free(struct host_setting *settings, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(settings[i].name);
		free(settings[i].value);
		free(settings[i].where);
	}
	free(settings);
}

static void
plugin_fini(struct host_plugin *plugin)
{
	free(plugin->name);
	free(plugin->where);
	free(plugin->path);
	free(plugin->process);
	free(plugin->untraced);
	host_listen_free(plugin->listen, plugin->n_listen);
	free(plugin->path_where);
	telemetry_fini(&plugin->telemetry);
	settings_free(plugin->settings, plugin->n_settings);
}

void
host_plugin_free(struct host_plugin *plugin)
{
	if (plugin)
		plugin_fini(plugin);
	free(plugin);
}

void
host_conf_free(struct host_conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < conf->n_plugins; i++)
		plugin_fini(&conf->plugins[i]);
	free(conf->plugins);
	settings_free(conf->resource, conf->n_resource);
	telemetry_fini(&conf->telemetry);
	host_listen_free(conf->admin, conf->n_admin);
	free(conf->runtime_dir);
	free(conf->plugin_dir);
	free(conf->data_dir);
	free(conf->user);
	free(conf->file);
	free(conf->folder);
	free(conf);
}

const struct host_plugin *
host_conf_plugin(const struct host_conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_plugins; i++)
		if (!strcmp(conf->plugins[i].name, name))
			return &conf->plugins[i];
	return NULL;
}
