/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/describe.h - what keys a service understands, asked of its file in a process of its own, so that a
 * broken one takes no checker down.
 */
#ifndef HOST_DESCRIBE_H
#define HOST_DESCRIBE_H

#include "conf.h"

/* The helper `cupola --describe FILE NAME USER`: prints the table as JSON, having become USER. Returns the exit status. */
int host_describe_main(const char *file, const char *name, const char *user);

/*
 * Asks the file of every enabled plugin, and holds its section against the table that it has. 0, or
 * -EINVAL with each mistake in *problems. Waits for the helpers, with a deadline.
 */
int host_describe_check(const struct host_conf *conf, struct host_problems *problems);

#endif
