/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/hosting.h - the host that a session starts: a child, which ends with the session.
 *
 * What it logs goes to .workshop/log; what its services print has to be read, or they block in printf().
 */
#ifndef WORKSHOP_HOSTING_H
#define WORKSHOP_HOSTING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "ports.h"
#include "tool.h"

struct hosting {
	pid_t pid;       /* 0: none of ours runs */
	int out;         /* its stdout: it says "ready" there; -1: closed */
	char line[1024]; /* the beginning of what its services print there */
	size_t len;
};

/* Starts it and waits until it is ready. 0; -EADDRINUSE when a port was taken meanwhile; or -errno. */
int hosting_start(const struct tool *tool, const struct ports *ports, struct hosting *out,
                  struct otel_error *err);
/* Says what its services have printed by now, line by line. Never waits. */
void hosting_pass_on(struct hosting *hosting);
/* Whether it has ended without us: then *status is its exit status, 128 + the signal. */
bool hosting_has_ended(struct hosting *hosting, int *status);
/* Ends it and waits. */
void hosting_stop(struct hosting *hosting);

#endif
