/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/memcheck-drive.h - what is asked of a service while it is watched: the good, the bad, and what happens
 * when the position service or the places fail. Services that are none of ours get a few of each kind.
 */
#ifndef HOST_MEMCHECK_DRIVE_H
#define HOST_MEMCHECK_DRIVE_H

#include <stdbool.h>
#include <stddef.h>

struct memcheck_set { /* a key of a service, and the service that listens where it points */
	const char *key, *service, *path;
};

struct memcheck_drive {
	const char *service;
	const char *const *requests; /* targets of GET; "POST /x" of POST; NULL ends */
	const char *
		failing; /* a target that is asked while upstream fails in each of its ways; NULL: none */
	struct memcheck_set sets[2];
	const char *with[3]; /* services that run beside it, from the installation */
};

/* Never NULL. */
const struct memcheck_drive *memcheck_drive(const char *service);

/* One request. The status, 0 when no answer came, -1 when nobody listens. */
int memcheck_ask(unsigned port, const char *request);

#endif
