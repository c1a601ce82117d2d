/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/memcheck.h - a host under `cupola memcheck`: a service with sanitizers in a program that has none.
 *
 * The command preloads the sanitizers' runtime and sets CUPOLA_MEMCHECK. Then the program tells that runtime
 * what it cannot know: which stack is in use (fiber-sanitize.h), and when to look for leaks, which is when
 * every service has stopped, and before the process tears itself down. Otherwise nothing here does anything.
 */
#ifndef HOST_MEMCHECK_H
#define HOST_MEMCHECK_H

#include <stdbool.h>

/* Finds the runtime, where there is one. Before the first fiber. */
void memcheck_init(void);
/* Services must stay mapped to the end, for their lines to be found. [any] */
bool memcheck_is_on(void);
/* Reports what nothing points to any more. Not [loop]. */
void memcheck_leaks(void);

#endif
