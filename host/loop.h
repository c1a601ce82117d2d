/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/loop.h - a loop thread: an event base, a mailbox, fibers and an HTTP client of its own.
 *
 * Nothing migrates: what was made on a loop is used on it. Other threads send messages, which run on the
 * loop's stack in the order in which they were posted. One round is: events, messages, then the fibers
 * that these made ready, then the HTTP client, until nothing is ready; then the loop sleeps.
 */
#ifndef HOST_LOOP_H
#define HOST_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <otel/error.h>

struct event_base;
struct host_client;
struct host_current;
struct host_fibers;
struct host_loop;

/* Embed it in what is sent; it must live until fn runs, which may free it. */
struct host_message {
	struct host_message *next;
	void (*fn)(struct host_message *message);
};

/* Zeroed members mean the default in brackets. */
struct host_loop_config {
	const char *name;    /* of the thread, 15 characters ["loop"] */
	int index;           /* 0 ... n - 1 among the worker's loops; -1: a private one */
	size_t stack_size;   /* of a fiber [256 KiB, 2 MiB under sanitizers] */
	unsigned max_fibers; /* alive at once [4096] */
	unsigned keep_fibers; /* stacks kept for reuse [512] */
};

/* Once per process, before any thread: libcurl, libevent's locks, SIGPIPE ignored. Again is fine. */
int host_loops_init(struct otel_error *err);

OTEL_MUST_USE int host_loop_new(const struct host_loop_config *config,
                                struct host_loop **out, struct otel_error *err);
/* Runs it on a thread of its own, which has all signals blocked but those of faults. */
OTEL_MUST_USE int host_loop_start(struct host_loop *loop, struct otel_error *err);
/* Runs it here, until host_loop_stop. What host_loop_start does, for tests and single-threaded programs. */
void host_loop_run(struct host_loop *loop);
/* Runs one round [loop]; `block`: waits for something to do. For tests. */
void host_loop_once(struct host_loop *loop, bool block);
/* Ends it after the round in which it is seen; messages posted before have run. [any] */
void host_loop_stop(struct host_loop *loop);
void host_loop_join(struct host_loop *loop);
/* Instead of join: its thread hangs in somebody's code, so the loop is left to it for good. */
void host_loop_abandon(struct host_loop *loop);
/* After join. Fibers must have ended. NULL is fine. */
void host_loop_free(struct host_loop *loop);

/* Runs message->fn on the loop. Never fails, never blocks, no memory. [any] */
void host_loop_post(struct host_loop *loop, struct host_message *message);
/* The same with memory of its own; -ENOMEM. [any] */
int host_loop_call(struct host_loop *loop, void (*fn)(void *arg), void *arg);
/*
 * Waits until each of the loops has been between two callbacks since this was called: then none holds
 * a pointer that it read before. 0, or -ETIMEDOUT when one is stalled. Not from a loop.
 */
int host_loop_barrier(struct host_loop *const *loops, size_t n, int timeout_ms);

/* The loop of this thread, or NULL. [any] */
struct host_loop *host_loop_current(void);
struct event_base *host_loop_base(struct host_loop *loop);
struct host_fibers *host_loop_fibers(struct host_loop *loop);
/* Made at the first call. NULL without memory. [loop] */
struct host_client *host_loop_client(struct host_loop *loop);
/*
 * What a module keeps per loop; one of them for now (host/service.c). Freed with the loop. [loop]
 */
void host_loop_set_extra(struct host_loop *loop, void *extra,
                         void (*free_extra)(void *extra));
void *host_loop_extra(const struct host_loop *loop);
int host_loop_index(const struct host_loop *loop);
/* Monotonic, milliseconds, coarse: a few ms behind at most. [any] */
uint64_t host_now_ms(void);
/* Monotonic, nanoseconds, now. [any] */
uint64_t host_now_ns(void);

/*
 * For any thread that runs code of services: blocks signals but those of faults, SIGABRT and SIGUSR2
 * (the watchdog's), gives it a name and an alternate stack for the crash handler. Call leave at its end.
 */
void host_thread_enter(const char *name);
void host_thread_leave(void);

/* For waits with an end: a condition by the monotonic clock, and that clock `ms` from now. [any] */
void host_cond_init(pthread_cond_t *cond);
struct timespec host_time_in(int ms);

/* ---- for the watchdog [any] ---- */

/*
 * A number that changes whenever the loop goes into or out of a fiber: odd while one runs. The same odd
 * number seen for 100 ms is a stall: that fiber has not given the loop back.
 */
uint64_t host_loop_beat(const struct host_loop *loop);
/* Rounds so far: the loop's pulse. */
uint64_t host_loop_rounds(const struct host_loop *loop);
/* What it runs now; may be outdated by the time it is read, and is only to be trusted while host_loop_beat() stands still. */
const struct host_current *host_loop_running(const struct host_loop *loop);
pthread_t host_loop_thread(const struct host_loop *loop);

#endif
