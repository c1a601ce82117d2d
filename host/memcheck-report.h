/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/memcheck-report.h - what the sanitizers wrote, cut down to what is the service's own, in plain words.
 *
 *	heap-use-after-free: READ of size 1
 *	    at uaf (app.c:6), called by handle (app.c:11)
 *	  freed
 *	    at uaf (app.c:6), called by handle (app.c:11)
 */
#ifndef HOST_MEMCHECK_REPORT_H
#define HOST_MEMCHECK_REPORT_H

#include <stdio.h>

/* Whose frames count: those of sources below `dir` (absolute), told relative to `here` where they are below it. */
struct memcheck_own {
	const char *dir, *here;
};

/* Prints each finding once, numbered. Returns how many there are. */
size_t memcheck_report(FILE *from, const struct memcheck_own *own, FILE *to);

#endif
