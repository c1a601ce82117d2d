/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/running.h - the host that runs the working copy, through the commands of cupola.
 */
#ifndef WORKSHOP_RUNNING_H
#define WORKSHOP_RUNNING_H

#include "job.h"
#include "tool.h"

struct json_t;

/* Begins `cupola status --json`; read it with running_read. 0 or -errno. */
int running_ask(const struct tool *tool, struct job **out, struct otel_error *err);
/* What it answered: owned; NULL when no host runs. */
struct json_t *running_read(const struct job *job);
/* Both at once. */
struct json_t *running_status(const struct tool *tool);

/* The object of a plugin in a status; NULL when it does not run. Borrows. */
const struct json_t *running_plugin(const struct json_t *status, const char *name);
/* "http://127.0.0.1:5000" of the plugin's listener with that label ("" for the first); NULL. Owned. */
char *running_url(const struct json_t *status, const char *plugin, const char *label);
/* Its generation; 0 when it does not run. */
int running_generation(const struct json_t *status, const char *name);

/* Asks an address by `method`. The HTTP status, or -errno; the body is owned, `body` may be NULL. */
int running_http(const char *method, const char *url, char **body);

#endif
