/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/conf-keys.h - the tables of the keys that host.conf has, shared by who reads and who serialises it.
 */
#ifndef HOST_CONF_KEYS_H
#define HOST_CONF_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "conf.h"
#include <cupola/service.h>

enum conf_type { /* after those of enum svc_key_type; where a value is kept follows from it */
	         CONF_CHOICE = 100, /* char *: one of `choices` */
	         CONF_LISTEN, /* struct host_listen *, and a size_t right behind it */
	         CONF_SMALL,  /* int: a whole number */
	         CONF_FLAG,   /* bool: yes or no */
	         CONF_LEVEL,  /* int: enum host_level */
	         CONF_FORMAT, /* int: enum host_log_format */
	         CONF_NAME,   /* char *: what may be a file's name too */
	         CONF_PATHS   /* char *: beginnings of paths, '!' before exceptions */
};

struct conf_key {
	const char *name;
	int type;
	size_t offset;
	const char *fallback; /* as it would be written; NULL: worked out by conf.c */
	int64_t min, max;     /* of numbers; 0, 0: any */
	const char *choices;  /* "a|b|c" */
};

extern const struct conf_key
	conf_host_keys[]; /* into struct host_conf; the last has no name */
extern const struct conf_key conf_plugin_keys[]; /* into struct host_plugin */

struct conf_telemetry_key {
	const char *name, *variable;
	int type;
	const char *choices;
	bool host_only;
};
extern const struct conf_telemetry_key conf_telemetry_keys[HOST_N_T];

/* ---- conf-store.c ---- */

#define CONF_NAME_MAX \
	63 /* of plugins and processes: struct worker_crash has room for that much */
bool conf_is_name(const char *text);
/* Puts `value` at the key's place in `object`. 0, or -EINVAL with "expected ..., found ...". */
int conf_store(const struct conf_key *key, void *object, const char *value,
                             const char *folder, struct otel_error *err);
/* The same for the i-th telemetry key. */
OTEL_MUST_USE int conf_store_telemetry(struct host_telemetry *telemetry, size_t i,
                                       const char *value, const char *folder,
                                       struct otel_error *err);

#endif
