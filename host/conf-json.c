/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration as JSON and back, by the same tables that read the file: keys have their names there,
 * numbers are numbers (milliseconds, bytes), and what is missing is told as an error.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "conf-keys.h"
#include "conf.h"
#include "listen.h"
#include "memory.h"

/* ---- to JSON ---- */

static json_t *
listen_to_json(const struct host_listen *list, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array,
		                      json_pack("{s:s,s:s,s:i}", "label", list[i].label,
		                                "address", list[i].address, "port",
		                                (int)list[i].port));
	return array;
}

static json_t *
keys_to_json(const struct conf_key *keys, const void *object)
{
	json_t *json = json_object(), *value;

	for (const struct conf_key *key = keys; key->name; key++) {
		const void *at = (const char *)object + key->offset;

		switch (key->type) {
		case CONF_SMALL:
		case CONF_LEVEL:
		case CONF_FORMAT:
			value = json_integer(*(const int *)at);
			break;
		case CONF_FLAG:
			value = json_boolean(*(const bool *)at);
			break;
		case CONF_LISTEN:
			value = listen_to_json(
				*(struct host_listen *const *)at,
				*(const size_t *)((struct host_listen *const *)at + 1));
			break;
		case SVC_INT:
		case SVC_DURATION:
		case SVC_SIZE:
			value = json_integer(*(const int64_t *)at);
			break;
		default:
			value = json_string(*(char *const *)at);
		}
		json_object_set_new(json, key->name, value);
	}
	return json;
}

static json_t *
telemetry_to_json(const struct host_telemetry *telemetry)
{
	json_t *json = json_object();

	for (size_t i = 0; i < HOST_N_T; i++)
		if (telemetry->value[i])
			json_object_set_new(json, conf_telemetry_keys[i].name,
			                    json_string(telemetry->value[i]));
	return json;
}

static json_t *
settings_to_json(const struct host_setting *settings, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array,
		                      json_pack("{s:s,s:s,s:s}", "name", settings[i].name,
		                                "value", settings[i].value, "where",
		                                settings[i].where));
	return array;
}

struct json_t *
host_plugin_to_json(const struct host_plugin *plugin)
{
	return json_pack("{s:s,s:s,s:o,s:o,s:b,s:o}", "name", plugin->name, "where",
	                 plugin->where, "keys", keys_to_json(conf_plugin_keys, plugin),
	                 "telemetry", telemetry_to_json(&plugin->telemetry),
	                 "own_telemetry", plugin->own_telemetry, "settings",
	                 settings_to_json(plugin->settings, plugin->n_settings));
}

struct json_t *
host_conf_to_json(const struct host_conf *conf)
{
	json_t *plugins = json_array();

	for (size_t i = 0; i < conf->n_plugins; i++)
		json_array_append_new(plugins, host_plugin_to_json(&conf->plugins[i]));
	return json_pack("{s:s,s:s,s:o,s:o,s:o,s:o}", "file", conf->file, "folder",
	                 conf->folder, "host", keys_to_json(conf_host_keys, conf),
	                 "telemetry", telemetry_to_json(&conf->telemetry), "resource",
	                 settings_to_json(conf->resource, conf->n_resource), "plugins",
	                 plugins);
}

/* ---- from JSON ---- */

static int
unfit(struct otel_error *err, const char *key)
{
	return otel_error_set(err, -EBADMSG,
	                      "configuration as JSON: %s: missing, or of another type",
	                      key);
}

static int
string_from(const json_t *json, const char *key, char **out, struct otel_error *err)
{
	const char *text = json_string_value(json_object_get(json, key));

	if (!text)
		return unfit(err, key);
	*out = xstrdup(text);
	return 0;
}

static int
listen_from(const json_t *array, struct host_listen **list, size_t *n,
            struct otel_error *err)
{
	const json_t *item;
	size_t i;
	int r;

	json_array_foreach(array, i, item)
	{
		struct host_listen *listen = xgrow(list, n, sizeof *listen);

		r = string_from(item, "label", &listen->label, err);
		if (!r)
			r = string_from(item, "address", &listen->address, err);
		if (r < 0)
			return r;
		listen->port = (uint16_t)json_integer_value(
			json_object_get(item, "port"));
	}
	return 0;
}

static int
keys_from(const json_t *json, const struct conf_key *keys, void *object,
          struct otel_error *err)
{
	for (const struct conf_key *key = keys; key->name; key++) {
		const json_t *value = json_object_get(json, key->name);
		void *at = (char *)object + key->offset;
		int r = 0;

		switch (key->type) {
		case CONF_SMALL:
		case CONF_LEVEL:
		case CONF_FORMAT:
			*(int *)at = (int)json_integer_value(value);
			r = json_is_integer(value) ? 0 : unfit(err, key->name);
			break;
		case CONF_FLAG:
			*(bool *)at = json_is_true(value);
			r = json_is_boolean(value) ? 0 : unfit(err, key->name);
			break;
		case CONF_LISTEN:
			r = json_is_array(value)
			            ? listen_from(
					      value, at,
					      (size_t *)((struct host_listen **)at + 1),
					      err)
			            : unfit(err, key->name);
			break;
		case SVC_INT:
		case SVC_DURATION:
		case SVC_SIZE:
			*(int64_t *)at = json_integer_value(value);
			r = json_is_integer(value) ? 0 : unfit(err, key->name);
			break;
		default:
			r = string_from(json, key->name, at, err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static void
telemetry_from(const json_t *json, struct host_telemetry *telemetry)
{
	for (size_t i = 0; i < HOST_N_T; i++) {
		const char *text = json_string_value(
			json_object_get(json, conf_telemetry_keys[i].name));

		telemetry->value[i] = text ? xstrdup(text) : NULL;
	}
}

static int
settings_from(const json_t *array, struct host_setting **settings, size_t *n,
              struct otel_error *err)
{
	const json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
	{
		struct host_setting *setting = xgrow(settings, n, sizeof *setting);
		int r = string_from(item, "name", &setting->name, err);

		if (!r)
			r = string_from(item, "value", &setting->value, err);
		if (!r)
			r = string_from(item, "where", &setting->where, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
plugin_from(const json_t *json, struct host_plugin *plugin, struct otel_error *err)
{
	int r = string_from(json, "name", &plugin->name, err);

	if (!r)
		r = string_from(json, "where", &plugin->where, err);
	if (!r)
		r = keys_from(json_object_get(json, "keys"), conf_plugin_keys, plugin,
		              err);
	if (!r)
		r = settings_from(json_object_get(json, "settings"), &plugin->settings,
		                  &plugin->n_settings, err);
	telemetry_from(json_object_get(json, "telemetry"), &plugin->telemetry);
	plugin->own_telemetry = json_is_true(json_object_get(json, "own_telemetry"));
	return r;
}

int
host_plugin_from_json(const struct json_t *json, struct host_plugin **out,
                      struct otel_error *err)
{
	struct host_plugin *plugin = xcalloc(1, sizeof *plugin);
	int r = plugin_from(json, plugin, err);

	if (r < 0)
		host_plugin_free(plugin);
	else
		*out = plugin;
	return r;
}

int
host_conf_from_json(const struct json_t *json, struct host_conf **out,
                    struct otel_error *err)
{
	struct host_conf *conf = xcalloc(1, sizeof *conf);
	const json_t *plugin;
	size_t i;
	int r = string_from(json, "file", &conf->file, err);

	if (!r)
		r = string_from(json, "folder", &conf->folder, err);
	if (!r)
		r = keys_from(json_object_get(json, "host"), conf_host_keys, conf, err);
	if (!r)
		r = settings_from(json_object_get(json, "resource"), &conf->resource,
		                  &conf->n_resource, err);
	telemetry_from(json_object_get(json, "telemetry"), &conf->telemetry);
	json_array_foreach(json_object_get(json, "plugins"), i, plugin) if (!r)
		r = plugin_from(
			plugin,
			xgrow(&conf->plugins, &conf->n_plugins, sizeof *conf->plugins),
			err);
	if (r < 0)
		host_conf_free(conf);
	else
		*out = conf;
	return r;
}
