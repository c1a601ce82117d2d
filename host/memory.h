/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/memory.h - allocation for code that runs while nothing is being served: reading configuration,
 * starting, the commands. Out of memory ends the process with a sentence; code on a request's path has to
 * cope instead, and uses none of these. (SIGHUP's reading is tried in a process of its own first.) [any]
 */
#ifndef HOST_MEMORY_H
#define HOST_MEMORY_H

#include <stddef.h>

#include <otel/error.h>

void *xcalloc(size_t n, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t len);
OTEL_PRINTF(1, 2)
char *xasprintf(const char *fmt, ...);
/* Makes room for one more element of `size` bytes at the end of *array and returns it, zeroed; *n grows. */
void *xgrow(void *array, size_t *n, size_t size);

#endif
