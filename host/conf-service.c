/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys that belong to a service: judged by the table that its file has, and read as it says.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "conf-keys.h"
#include "conf.h"
#include "suggest.h"
#include <cupola/service.h>

static const struct svc_key *
service_key(const struct svc_key *keys, const char *name)
{
	for (; keys && keys->name; keys++)
		if (!strcmp(keys->name, name))
			return keys;
	return NULL;
}

static const struct host_setting *
plugin_setting(const struct host_plugin *plugin, const char *name)
{
	for (size_t i = 0; i < plugin->n_settings; i++)
		if (!strcmp(plugin->settings[i].name, name))
			return &plugin->settings[i];
	return NULL;
}

static void
unknown_setting(const struct host_plugin *plugin, const struct host_setting *setting,
                const struct svc_key *keys, struct host_problems *problems)
{
	struct host_suggest suggest = { .word = setting->name };
	char mean[128];

	for (; keys && keys->name; keys++)
		host_suggest_offer(&suggest, keys->name);
	for (const struct conf_key *key = conf_plugin_keys; key->name; key++)
		host_suggest_offer(&suggest, key->name);
	for (size_t i = 0; i < HOST_N_T; i++)
		host_suggest_offer(&suggest, conf_telemetry_keys[i].name);
	host_problems_add(
		problems,
		"%s: [plugin %s] %s: expected a key of this service, found an unknown one%s",
		setting->where, plugin->name, setting->name,
		host_suggest_text(&suggest, mean, sizeof mean));
}

int
host_conf_check_service_keys(const struct host_plugin *plugin, const struct svc_key *keys,
                             struct host_problems *problems)
{
	size_t before = problems->n;

	for (size_t i = 0; i < plugin->n_settings; i++) {
		const struct host_setting *setting = &plugin->settings[i];
		const struct svc_key *key = service_key(keys, setting->name);
		struct otel_error err = OTEL_ERROR_INIT;

		if (!key)
			unknown_setting(plugin, setting, keys, problems);
		else if ((*setting->value || !key->fallback) &&
		         host_value_parse(key->type, setting->value, NULL, NULL, NULL,
		                          NULL, &err) < 0)
			host_problems_add(problems, "%s: [plugin %s] %s: %s",
			                  setting->where, plugin->name, setting->name,
			                  err.message);
	}
	for (const struct svc_key *key = keys; key && key->name; key++)
		if (!key->fallback && !plugin_setting(plugin, key->name))
			host_problems_add(
				problems,
				"%s: [plugin %s] %s: expected a value, found no such key; %s",
				plugin->where, plugin->name, key->name,
				key->help ? key->help
					  : "the service cannot do without it");
	return problems->n > before ? -EINVAL : 0;
}

int
host_plugin_value(const struct host_plugin *plugin, const char *folder,
                  const struct svc_key *key, char **text, int64_t *integer,
                  double *number, struct otel_error *err)
{
	const struct host_setting *setting = plugin_setting(plugin, key->name);
	bool told = setting &&
	            (*setting->value || key->type == SVC_STRING || !key->fallback);
	const char *value = told ? setting->value : key->fallback ? key->fallback : "";
	int type = !told && !*value ? SVC_STRING : key->type;

	return host_value_parse(type, value, folder, text, integer, number, err);
}
