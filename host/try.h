/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/try.h - what a plugin does, found out in a process that may die of it.
 *
 * `cupola --try COPY` loads, starts and stops a service: telemetry off, no listeners, SVC_TRYING set. Its
 * words come back through a pipe, and how it ended is told in words too, so that a constructor or a start
 * that crashes, exits or hangs costs that process and nothing else.
 */
#ifndef HOST_TRY_H
#define HOST_TRY_H

#include <otel/error.h>

struct host_plugin;

struct trial {
	const char *copy, *source;      /* the file, and what the user calls it */
	const struct host_plugin *conf; /* its section */
	const char *folder, *data_dir;  /* for its settings */
	const char *program;            /* NULL: this program */
	int timeout_ms;
};

/* 0 when it loads, starts and stops; else a negative errno with the sentence. Not [loop]. */
OTEL_MUST_USE int try_plugin(const struct trial *trial, struct otel_error *err);

/* `cupola --try COPY`: started by try_plugin, which gives it descriptors 3 to 5. The exit status. */
int try_main(int argc, char **argv);

#endif
