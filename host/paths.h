/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/paths.h - where the installed files are, also after the tree was moved.
 *
 * Beside the program first (../lib/cupola/plugins from where /proc/self/exe is), then where configure said.
 * All borrow for the life of the process. [any], after the first call from one thread.
 */
#ifndef HOST_PATHS_H
#define HOST_PATHS_H

const char *host_path_program(void); /* this program, absolute */
const char *host_path_plugins(void); /* $(libdir)/cupola/plugins */
const char *host_path_data(void);    /* $(datadir)/cupola */
const char *host_path_conf(void);    /* $(sysconfdir)/cupola/host.conf */
const char *host_path_workshop(void); /* $(libexecdir)/cupola/cupola-workshop */
/* $XDG_RUNTIME_DIR/cupola, without one /tmp/cupola-UID; $(runstatedir)/cupola for root. */
const char *host_path_runtime(void);

/* `path` from `folder` when it is relative; owned. */
char *host_path_from(const char *folder, const char *path);
/* The absolute folder of `file`, which need not exist; owned. */
char *host_path_folder(const char *file);

#endif
