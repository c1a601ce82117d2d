/* SPDX-License-Identifier: Apache-2.0 */
#include "conf-diff.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf-keys.h"
#include "conf.h"
#include "listen.h"
#include "log.h"
#include "memory.h"

/* Of [host]: what a running host keeps, and what a running process can be told. The rest takes new processes. */
static const char *const fixed[] = { "runtime_dir", "user", "workers", "admin", NULL };
static const char *const told[] = {
	"grace",    "start_timeout", "stall_report", "stall_kill", "max_requests",
	"max_body", "plugin_dir",    "log_level",    "log_format", "request_timeout",
	NULL
};

static bool
is_in(const char *const *list, const char *name)
{
	for (; *list; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

/* ---- values as text ---- */

static char *
listen_text(const struct host_listen *list, size_t n)
{
	char *text = xstrdup(""), *more, address[80];

	for (size_t i = 0; i < n; i++) {
		host_listen_text(list[i].address, list[i].port, address, sizeof address);
		more = xasprintf("%s%s%s%s%s", text, i ? ", " : "", list[i].label,
		                 list[i].label[0] ? "=" : "", address);
		free(text);
		text = more;
	}
	return text;
}

/* As it could be written in the file. Owned. */
static char *
value_text(const struct conf_key *key, const void *object)
{
	static const char *const levels[] = { "debug", "info", "warn", "error" };
	const void *at = (const char *)object + key->offset;

	switch (key->type) {
	case CONF_SMALL:
		return xasprintf("%d", *(const int *)at);
	case CONF_LEVEL:
		return xstrdup(levels[*(const int *)at & 3]);
	case CONF_FORMAT:
		return xstrdup(*(const int *)at == HOST_LOG_JSON ? "json" : "text");
	case CONF_FLAG:
		return xstrdup(*(const bool *)at ? "yes" : "no");
	case CONF_LISTEN:
		return listen_text(
			*(struct host_listen *const *)at,
			*(const size_t *)((struct host_listen *const *)at + 1));
	case SVC_DURATION:
		return xasprintf("%" PRId64 "ms", *(const int64_t *)at);
	case SVC_INT:
	case SVC_SIZE:
		return xasprintf("%" PRId64, *(const int64_t *)at);
	default:
		return xstrdup(*(char *const *)at);
	}
}

static bool
same_value(const struct conf_key *key, const void *a, const void *b)
{
	char *left = value_text(key, a), *right = value_text(key, b);
	bool same = strcmp(left, right) == 0;

	free(left);
	free(right);
	return same;
}

/* NULL is a value too: the file says nothing. */
static bool
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* ---- for who applies it ---- */

static bool
same_host_keys(const struct host_conf *old, const struct host_conf *new, bool even_told)
{
	for (const struct conf_key *key = conf_host_keys; key->name; key++)
		if (!is_in(fixed, key->name) && (even_told || !is_in(told, key->name)) &&
		    !same_value(key, old, new))
			return false;
	return true;
}

static bool
same_telemetry(const struct host_telemetry *old, const struct host_telemetry *new)
{
	for (size_t i = 0; i < HOST_N_T; i++)
		if (!same_text(old->value[i], new->value[i]))
			return false;
	return true;
}

static bool
same_settings(const struct host_setting *a, size_t n_a, const struct host_setting *b,
              size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++)
		if (strcmp(a[i].name, b[i].name) || strcmp(a[i].value, b[i].value))
			return false;
	return true;
}

bool
host_conf_needs_processes(const struct host_conf *old, const struct host_conf *new)
{
	return !same_host_keys(old, new, false);
}

bool
host_conf_same_telemetry(const struct host_conf *old, const struct host_conf *new)
{
	return same_telemetry(&old->telemetry, &new->telemetry) &&
	       same_settings(old->resource, old->n_resource, new->resource,
	                     new->n_resource);
}

bool
host_conf_same(const struct host_conf *old, const struct host_conf *new)
{
	return same_host_keys(old, new, true) && host_conf_same_telemetry(old, new);
}

bool
host_plugin_same(const struct host_plugin *old, const struct host_plugin *new)
{
	for (const struct conf_key *key = conf_plugin_keys; key->name; key++)
		if (!same_value(key, old, new))
			return false;
	return same_settings(old->settings, old->n_settings, new->settings,
	                     new->n_settings);
}

bool
host_plugin_same_telemetry(const struct host_plugin *old, const struct host_plugin *new)
{
	return same_telemetry(&old->telemetry, &new->telemetry);
}

/* ---- in words ---- */

struct saying {
	json_t *lines;
	const char *section; /* "[plugin gateway]" */
};

static void
say(const struct saying *saying, const char *key, const char *old, const char *new)
{
	json_t *line;

	if (!new)
		line = json_sprintf("%s %s is gone, was %s", saying->section, key, old);
	else if (!old)
		line = json_sprintf("%s %s = %s", saying->section, key, new);
	else
		line = json_sprintf("%s %s = %s, was %s", saying->section, key, new, old);
	json_array_append_new(saying->lines, line);
}

static void
say_secret(const struct saying *saying, const char *key)
{
	json_array_append_new(saying->lines,
	                      json_sprintf("%s %s has changed", saying->section, key));
}

/* A value that a section has from [host] or [telemetry] is told there. */
static bool
is_inherited(const struct conf_key *key, const struct host_conf *conf,
             const struct host_plugin *plugin)
{
	char *own, *of_host;
	bool same;

	for (const struct conf_key *host = conf_host_keys; host->name; host++) {
		if (strcmp(host->name, key->name) != 0)
			continue;
		own = value_text(key, plugin);
		of_host = value_text(host, conf);
		same = strcmp(own, of_host) == 0;
		free(own);
		free(of_host);
		return same;
	}
	return false;
}

static void
diff_keys(const struct saying *saying, const struct conf_key *keys, const void *old,
          const void *new)
{
	for (const struct conf_key *key = keys; key->name; key++) {
		char *before, *after;

		if (same_value(key, old, new))
			continue;
		if (keys == conf_host_keys && is_in(fixed, key->name)) {
			json_array_append_new(
				saying->lines,
				json_sprintf("%s %s has changed, which takes a "
			                     "new start: it stays as it was",
			                     saying->section, key->name));
			continue;
		}
		before = value_text(key, old);
		after = value_text(key, new);
		say(saying, key->name, *before ? before : NULL, *after ? after : NULL);
		free(before);
		free(after);
	}
}

static void
diff_telemetry(const struct saying *saying, size_t i, const char *old, const char *new)
{
	const struct conf_telemetry_key *key = &conf_telemetry_keys[i];
	const char *unit = key->type == SVC_DURATION ? "ms" : "";
	char *before, *after;

	if (same_text(old, new))
		return;
	if (i == HOST_T_HEADERS) {
		say_secret(saying, key->name);
		return;
	}
	before = old ? xasprintf("%s%s", old, unit) : NULL;
	after = new ? xasprintf("%s%s", new, unit) : NULL;
	say(saying, key->name, before, after);
	free(before);
	free(after);
}

static const char *
setting(const struct host_setting *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].name, name) == 0)
			return list[i].value;
	return NULL;
}

static void
diff_settings(const struct saying *saying, const struct host_setting *old, size_t n_old,
              const struct host_setting *new, size_t n_new, bool are_secret)
{
	for (size_t i = 0; i < n_new; i++) {
		const char *before = setting(old, n_old, new[i].name);

		if (same_text(before, new[i].value))
			continue;
		if (are_secret)
			say_secret(saying, new[i].name);
		else
			say(saying, new[i].name, before, new[i].value);
	}
	for (size_t i = 0; i < n_old; i++) {
		if (setting(new, n_new, old[i].name))
			continue;
		if (are_secret)
			say_secret(saying, old[i].name);
		else
			say(saying, old[i].name, old[i].value, NULL);
	}
}

static void
diff_plugin(const struct saying *saying, const struct host_conf *old_conf,
            const struct host_plugin *old, const struct host_conf *new_conf,
            const struct host_plugin *new)
{
	for (const struct conf_key *key = conf_plugin_keys; key->name; key++) {
		const struct conf_key one[2] = { *key, { NULL } };

		if (!is_inherited(key, old_conf, old) ||
		    !is_inherited(key, new_conf, new))
			diff_keys(saying, one, old, new);
	}
	for (size_t i = 0; i < HOST_N_T; i++)
		if (!same_text(old->telemetry.value[i], old_conf->telemetry.value[i]) ||
		    !same_text(new->telemetry.value[i], new_conf->telemetry.value[i]))
			diff_telemetry(saying, i, old->telemetry.value[i],
			               new->telemetry.value[i]);
	diff_settings(saying, old->settings, old->n_settings, new->settings,
	              new->n_settings, true);
}

static void
diff_plugins(json_t *lines, const struct host_conf *old, const struct host_conf *new)
{
	for (size_t i = 0; i < new->n_plugins; i++) {
		const struct host_plugin *plugin = &new->plugins[i],
					 *before = host_conf_plugin(old, plugin->name);
		char *section = xasprintf("[plugin %s]", plugin->name);
		const struct saying saying = { lines, section };

		if (before)
			diff_plugin(&saying, old, before, new, plugin);
		else
			json_array_append_new(lines, json_sprintf("%s is new", section));
		free(section);
	}
	for (size_t i = 0; i < old->n_plugins; i++)
		if (!host_conf_plugin(new, old->plugins[i].name))
			json_array_append_new(lines, json_sprintf("[plugin %s] is gone",
			                                          old->plugins[i].name));
}

struct json_t *
host_conf_diff(const struct host_conf *old, const struct host_conf *new)
{
	json_t *lines = json_array();
	const struct saying host = { lines, "[host]" },
			    resource = { lines, "[resource]" },
			    telemetry = { lines, "[telemetry]" };

	diff_keys(&host, conf_host_keys, old, new);
	for (size_t i = 0; i < HOST_N_T; i++)
		diff_telemetry(&telemetry, i, old->telemetry.value[i],
		               new->telemetry.value[i]);
	diff_settings(&resource, old->resource, old->n_resource, new->resource,
	              new->n_resource, false);
	diff_plugins(lines, old, new);
	return lines;
}
