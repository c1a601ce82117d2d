/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/master.h - the process behind `cupola run`: opens sockets, starts workers, watches them.
 *
 * It runs no service and no SDK, so that nothing which can go wrong there takes the sockets down.
 */
#ifndef HOST_MASTER_H
#define HOST_MASTER_H

#include <stdbool.h>
#include <stddef.h>

#include <otel/error.h>

struct host_conf;

struct host_run {
	struct host_conf *conf;  /* taken */
	const char *file;        /* to be read again at SIGHUP; borrowed, as `sets` is */
	const char *const *sets; /* of --set */
	size_t n_sets;
	bool watch;
};

/*
 * Runs until it is told to stop. Prints "ready" on stdout when every listener of every process serves.
 * Returns the exit status; when it could not start, *err says why.
 */
int host_master_run(const struct host_run *run, struct otel_error *err);

#endif
