/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "service.h"

static int
check(const struct host_plugin *conf, const struct svc_key *keys, struct otel_error *err)
{
	struct host_problems problems = { NULL, 0 };
	int r = host_conf_check_service_keys(conf, keys, &problems);

	if (r < 0)
		otel_error_set(err, r, "%s",
		               problems.n ? problems.lines[0] : strerror(-r));
	host_problems_fini(&problems);
	return r;
}

int
settings_init(struct settings *out, const struct host_plugin *conf, const char *folder,
              const struct svc_key *keys, struct otel_error *err)
{
	size_t n = 0;
	int r = check(conf, keys, err);

	*out = (struct settings){ NULL, NULL, 0 };
	if (r < 0)
		return r;
	while (keys && keys[n].name)
		n++;
	out->values = calloc(n + 1, sizeof *out->values);
	out->texts = calloc(n + 1, sizeof *out->texts);
	if (!out->values || !out->texts)
		r = otel_error_set(err, -ENOMEM, "out of memory");
	for (; r == 0 && out->n < n; out->n++) {
		struct host_service_setting *value = &out->values[out->n];

		value->name = keys[out->n].name;
		r = host_plugin_value(conf, folder, &keys[out->n], &out->texts[out->n],
		                      &value->integer, &value->number, err);
		value->text = out->texts[out->n];
	}
	if (r < 0)
		settings_fini(out);
	return r;
}

void
settings_fini(struct settings *settings)
{
	for (size_t i = 0; i < settings->n; i++)
		free(settings->texts[i]);
	free(settings->texts);
	free(settings->values);
	*settings = (struct settings){ NULL, NULL, 0 };
}
