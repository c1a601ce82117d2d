/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/hosting.h - the host that a session starts: a child, which ends with the session.
 *
 * What it logs goes to .workshop/log.
 */
#ifndef WORKSHOP_HOSTING_H
#define WORKSHOP_HOSTING_H

#include <sys/types.h>

#include "ports.h"
#include "tool.h"

struct hosting {
	pid_t pid; /* 0: none of ours runs */
	int out;   /* its stdout: it says "ready" there */
};

/* Starts it and waits until it is ready. 0; -EADDRINUSE when a port was taken meanwhile; or -errno. */
int hosting_start(const struct tool *tool, const struct ports *ports, struct hosting *out,
                  struct otel_error *err);
/* Whether it has ended without us: then *status is its exit status, 128 + the signal. */
bool hosting_has_ended(struct hosting *hosting, int *status);
/* Ends it and waits. */
void hosting_stop(struct hosting *hosting);

#endif
