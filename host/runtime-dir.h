/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/runtime-dir.h - the folder of one running host: its lock, its control socket, its kept copies.
 *
 *	RUNTIME/          0700 (0710 and the group of `user =` when root hands the workers on to it)
 *	RUNTIME/lock      locked as long as the master lives; holds its pid
 *	RUNTIME/control   the control socket, 0600
 *	RUNTIME/copies/   0700, of the workers: a copy of each generation of each plugin
 *
 * Sockets are reached through the folder's descriptor, so the path may be deeper than sun_path's 108 bytes.
 */
#ifndef HOST_RUNTIME_DIR_H
#define HOST_RUNTIME_DIR_H

#include <sys/types.h>

#include <otel/error.h>

struct host_rundir {
	char *path, *copies; /* absolute */
	int dir_fd, lock_fd;
};

/*
 * Makes the folder when it is not there and locks it, for the master. `user` is whose the copies are; ""
 * for our own. -EBUSY with the pid in *err when another host has it; -EPERM when the folder is not ours or
 * open to others.
 */
OTEL_MUST_USE int host_rundir_init(struct host_rundir *runtime, const char *path,
                                    const char *user, struct otel_error *err);
/* Removes socket and copies; the folder and the lock's file stay, so that a waiting `run` cannot slip in between. */
void host_rundir_fini(struct host_rundir *runtime);

/* The control socket, listening, of mode 0600. The descriptor or -errno. */
OTEL_MUST_USE int host_rundir_listen(const struct host_rundir *runtime,
                                      struct otel_error *err);
/* Connects to the host of that folder. The descriptor, or -ENOENT / -ECONNREFUSED when none runs there. */
OTEL_MUST_USE int host_rundir_connect(const char *path, struct otel_error *err);

#endif
