/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/crash.h - what a worker writes down while it dies, and what its threads are doing meanwhile.
 *
 * The handler runs on an alternate stack of the thread that crashed, because a fiber that has run into its
 * guard has no other. It calls nothing but system calls: the record and the memory map go to a memfd
 * of the master, then the signal takes its course. Names and lines are found later, by another process.
 */
#ifndef HOST_CRASH_H
#define HOST_CRASH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <otel/error.h>

struct worker_crash;

/* Installs the handlers; `fd` is borrowed for ever. Before threads. 0 or a negative errno. */
OTEL_MUST_USE int crash_setup(int fd, struct otel_error *err);

/*
 * Gives the calling thread its alternate stack; end takes it back. A thread without one is covered too,
 * except for an overflow of its own stack. Twice is harmless. [any]
 */
void crash_thread_begin(void);
void crash_thread_end(void);

/*
 * Tells of code that has frame pointers: the image whose load address is `base`. The walk finds its way out
 * of libraries that have none by such addresses. crash_forget() before dlclose(). [any]
 */
void crash_know(uintptr_t base);
void crash_forget(uintptr_t base);

/*
 * What `thread` is doing: fills *out as a crash of it would, without ending it. 0, or -ETIMEDOUT when it
 * did not answer. One caller at a time. Not [loop].
 */
OTEL_MUST_USE int crash_sample(pthread_t thread, int timeout_ms,
                               struct worker_crash *out);

/* Ends `thread`, and so the process, as a crash that says it was stalled for so long, at work or waiting. */
void crash_kill_stalled(pthread_t thread, uint64_t stalled_ms, bool is_waiting);

/*
 * A service has called exit(): writes that down as a crash, and ends the process without its atexit handlers,
 * which would take apart what other threads use. Returns where no service's code is running. [any]
 */
void crash_exit(int status);

/* Writes a record and the memory map to `fd` as a crash would; for symbolising a sample. */
void crash_write(int fd, const struct worker_crash *record);

#endif
