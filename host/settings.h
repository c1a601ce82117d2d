/* SPDX-License-Identifier: Apache-2.0 */
/* host/settings.h - the values of a plugin's section, read by its table of keys. */
#ifndef HOST_SETTINGS_H
#define HOST_SETTINGS_H

#include <stddef.h>

#include <otel/error.h>

struct host_plugin;
struct host_service_setting;
struct svc_key;

struct settings {
	struct host_service_setting *values; /* names are borrowed from the keys */
	char **texts;                        /* owned; those of values */
	size_t n;
};

/*
 * Checks the section against the keys (NULL: none) and reads every value, defaults included. `folder` is
 * where relative paths start. 0 and *out, -EINVAL with *err being the first mistake, or -ENOMEM. [any]
 */
OTEL_MUST_USE int settings_init(struct settings *out, const struct host_plugin *conf,
                                const char *folder, const struct svc_key *keys,
                                struct otel_error *err);
void settings_fini(struct settings *settings); /* a zeroed one is fine */

#endif
