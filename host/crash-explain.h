/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/crash-explain.h - what a crash was, and what it usually means in a handler: words for who wrote it.
 */
#ifndef HOST_CRASH_EXPLAIN_H
#define HOST_CRASH_EXPLAIN_H

#include <stddef.h>

struct worker_crash;

/* "segmentation fault", "stack overflow", "endless loop" ...: a key as well as words. [any] */
const char *crash_what(const struct worker_crash *crash);
/* One or two sentences. [any] */
const char *crash_hint(const struct worker_crash *crash);
/* "SIGSEGV", "exit(3)", "stalled for 2003 ms": how a line of the log begins. Returns buf. [any] */
const char *crash_cause(const struct worker_crash *crash, char *buf, size_t size);
/* What is known besides: "assertion failed ...", "exit status 3"; "" when nothing is. Returns buf. [any] */
const char *crash_message(const struct worker_crash *crash, char *buf, size_t size);

#endif
