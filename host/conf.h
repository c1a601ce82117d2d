/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/conf.h - what host.conf means: read once, in the master, and handed to the workers as JSON.
 *
 * A configuration is immutable once read, and everything in it lives until host_conf_free(). Durations
 * are milliseconds, sizes are bytes. Strings are never NULL unless a comment says so. (The file is not
 * called config.h because that is the name of Autoconf's.)
 *
 * Every mistake of a file is told, not only the first, each as one line of
 *	FILE:LINE: [section] key: what was expected, what was found, what to do
 */
#ifndef HOST_CONF_H
#define HOST_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <otel/error.h>

struct svc_key;
struct json_t; /* jansson's */

/* ---- what was wrong ---- */

struct host_problems {
	char **lines; /* owned */
	size_t n;
};

OTEL_PRINTF(2, 3)
void host_problems_add(struct host_problems *problems, const char *fmt, ...);
void host_problems_fini(struct host_problems *problems);

/* ---- telemetry: [telemetry], and the same keys in [plugin NAME] ---- */

/*
 * Each has the variable of the specification that it stands for, so that a worker says
 *	otel_config_init(); for each value otel_config_set(host_telemetry_variable(i), value[i]);
 *	otel_config_from_env();
 * and the environment wins over the file. Durations are kept as milliseconds, as the variables want them.
 */
enum host_telemetry_key {
	HOST_T_ENDPOINT,
	HOST_T_PROTOCOL, /* grpc, http/protobuf, http/json */
	HOST_T_HEADERS,
	HOST_T_TIMEOUT,
	HOST_T_COMPRESSION,
	HOST_T_CERTIFICATE,
	HOST_T_CLIENT_CERTIFICATE,
	HOST_T_CLIENT_KEY,
	HOST_T_TRACES, /* otlp, console, none */
	HOST_T_METRICS,
	HOST_T_LOGS,
	HOST_T_TRACES_PROCESSOR, /* batch, simple; no variable has it */
	HOST_T_LOGS_PROCESSOR,
	HOST_T_TRACES_DELAY,
	HOST_T_LOGS_DELAY,
	HOST_T_TRACES_SAMPLER,
	HOST_T_TRACES_SAMPLER_ARG,
	HOST_T_METRICS_INTERVAL,
	HOST_T_METRICS_TEMPORALITY,
	HOST_T_PROPAGATORS, /* process-wide: not in [plugin] */
	HOST_T_DISABLED,    /* process-wide: not in [plugin] */
	HOST_N_T
};

struct host_telemetry {
	char *value[HOST_N_T]; /* NULL: the file says nothing, the SDK's default holds */
};

/* "OTEL_EXPORTER_OTLP_ENDPOINT", or NULL where the specification has no variable. [any] */
const char *host_telemetry_variable(enum host_telemetry_key key);

/* ---- the file ---- */

struct host_listen {
	char *label;   /* "" when it has none */
	char *address; /* numeric, IPv6 without brackets */
	uint16_t port; /* 0: any */
};

struct host_setting { /* a key that only the service (or [resource]) can judge */
	char *name, *value;
	char *where; /* "etc/host.conf:12", "--set": for messages */
};

struct host_plugin {
	char *name;
	char *where; /* its section: "etc/host.conf:40" */
	bool enabled;
	char *path; /* absolute */
	char *path_where; /* "etc/host.conf:42"; NULL: the section does not say */
	char *process;
	bool instrument;
	char *untraced; /* paths that are told nothing of all the same: host_instrument_untraced */
	struct host_listen *listen;
	size_t n_listen;
	int64_t max_body, max_requests,
		request_timeout_ms;      /* those of [host] where not told */
	struct host_telemetry telemetry; /* its own over [telemetry] */
	bool own_telemetry;              /* it has at least one key of its own */
	struct host_setting *settings;
	size_t n_settings;
};

enum host_log_format { HOST_LOG_TEXT, HOST_LOG_JSON };

struct host_conf {
	char *file;   /* as it was named */
	char *folder; /* absolute, of the file: relative paths start there */

	int workers;                               /* loop threads in each process */
	char *runtime_dir, *plugin_dir, *data_dir; /* absolute */
	struct host_listen *admin;                 /* at most one */
	size_t n_admin;
	char *user; /* "" : stay who we are */
	int64_t start_timeout_ms; /* of start(), in its trial and in earnest */
	int64_t grace_ms, stall_report_ms, stall_kill_ms;
	int64_t max_connections, max_requests,
		max_body; /* connections: per process; requests: per plugin */
	int64_t max_head, head_timeout_ms, idle_timeout_ms, request_timeout_ms;
	int64_t fiber_stack, offload_threads;
	int log_level;  /* enum host_level of log.h */
	int log_format; /* enum host_log_format */

	struct host_telemetry telemetry;
	struct host_setting *resource;
	size_t n_resource;
	struct host_plugin *plugins; /* enabled or not */
	size_t n_plugins;
};

/*
 * Reads `file` and lays `sets` ("SECTION.KEY=VALUE", of --set) over it. 0 and an owned *out; -EINVAL with
 * at least one line in *problems. A file that cannot be read is such a problem too. [any]
 */
OTEL_MUST_USE int host_conf_read(const char *file, const char *const *sets, size_t n_sets,
                                 struct host_conf **out, struct host_problems *problems);
/* The same, and what could be read whatever the mistakes, for who wants to find more of them. Owned. */
struct host_conf *host_conf_read_all(const char *file, const char *const *sets, size_t n_sets,
                                     struct host_problems *problems);
/* The same of a text in memory that messages call `name`. Owned. */
struct host_conf *host_conf_parse(const char *name, const char *text, size_t len,
                                  struct host_problems *problems);
void host_conf_free(struct host_conf *conf); /* NULL is fine */
/* Only the runtime folder, mistakes elsewhere notwithstanding: for `status` while the file is being edited. Owned. */
char *host_conf_runtime_dir(const char *file, const char *const *sets, size_t n_sets);

/* Borrows; NULL when there is none of that name. [any] */
const struct host_plugin *host_conf_plugin(const struct host_conf *conf,
                                           const char *name);

/*
 * Holds the settings of a plugin against the table of its service, whose last entry's name is NULL; keys
 * may be NULL. 0, or -EINVAL with each mistake in *problems. [any]
 */
int host_conf_check_service_keys(const struct host_plugin *plugin,
                                 const struct svc_key *keys,
                                 struct host_problems *problems);

/*
 * What a service reads for one of its keys: what the section says, or the fallback ("" for neither; an
 * empty value of anything but a string is as if it were not there). Outputs as in host_value_parse. [any]
 */
OTEL_MUST_USE int host_plugin_value(const struct host_plugin *plugin, const char *folder,
                                    const struct svc_key *key, char **text,
                                    int64_t *integer, double *number,
                                    struct otel_error *err);

/*
 * One value, read as enum svc_key_type says. The text is as written, or absolute for SVC_PATH (relative
 * ones start at `folder`). Outputs may be NULL. 0, or -EINVAL with *err "expected ..., found ...". [any]
 */
OTEL_MUST_USE int host_value_parse(int type, const char *value, const char *folder,
                                   char **text, int64_t *integer, double *number,
                                   struct otel_error *err);

/* The whole as JSON and back: what a worker gets. Owned; NULL without memory. [any] */
struct json_t *host_conf_to_json(const struct host_conf *conf);
OTEL_MUST_USE int host_conf_from_json(const struct json_t *json, struct host_conf **out,
                                      struct otel_error *err);
/* One plugin alone, as load and reload messages carry it. */
struct json_t *host_plugin_to_json(const struct host_plugin *plugin);
OTEL_MUST_USE int host_plugin_from_json(const struct json_t *json,
                                        struct host_plugin **out, struct otel_error *err);
void host_plugin_free(struct host_plugin *plugin); /* of host_plugin_from_json alone */

#endif
