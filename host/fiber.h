/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/fiber.h - straight-line code that can be suspended: one stack each, one thread for all.
 *
 * A fiber runs until it waits or returns, and gives the thread back to the loop's stack. It is resumed
 * from the loop's stack only, by host_fiber_run (now) or host_fiber_ready (in this round). errno, the
 * SDK's current context and host_current go with it. It never changes thread.
 *
 *	new ──run/ready──► running ──wait──► waiting ──ready──► running ──returns──► (pool)
 *	                                        └─cancel: its wait returns -ECANCELED──┘
 *
 * A live fiber's stack is never freed or jumped off: cancelling only makes every wait return -ECANCELED,
 * from now on and at once, and the code unwinds by itself.
 *
 * Everything here is [loop], on the thread of the fibers' loop.
 */
#ifndef HOST_FIBER_H
#define HOST_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "current.h"
#include <otel/error.h>

struct host_fiber;
struct host_fibers;
struct host_loop;
struct otel_context;

typedef void host_fiber_fn(void *arg);
/*
 * Takes a waiting fiber out of whatever it waits for, because it is cancelled: true, nobody will wake it
 * any more; or false, its wake is on its way and will say how it ended.
 */
typedef bool host_fiber_abandon(void *arg);

/* Zeroed members mean the defaults of host/loop.h. `loop` may be NULL (tests). */
int host_fibers_new(struct host_loop *loop, size_t stack_size, unsigned max,
                    unsigned keep, struct host_fibers **out);
/* NULL is fine. No fiber may be alive. */
void host_fibers_free(struct host_fibers *fibers);
unsigned host_fibers_alive(const struct host_fibers *fibers);
unsigned host_fibers_max(const struct host_fibers *fibers);

/*
 * A fiber that will call fn(arg), with `context` current (borrowed while it lives, NULL: empty) and
 * *current copied. `ended`, when not NULL, is called with arg on the loop's stack after it has returned.
 * NULL past the bound or without memory. It has to be run or made ready.
 */
struct host_fiber *host_fiber_new(struct host_fibers *fibers, host_fiber_fn *fn,
                                  host_fiber_fn *ended, void *arg,
                                  const struct host_current *current,
                                  struct otel_context *context);
/* Resumes it at once. From the loop's stack, not from a callback of libcurl. */
void host_fiber_run(struct host_fiber *fiber);
/* Resumes it later in this round; from anywhere on this thread. Once per wait. */
void host_fiber_ready(struct host_fiber *fiber);
/* Runs what is ready, what becomes so meanwhile in the next call. Says whether more is. */
bool host_fibers_run(struct host_fibers *fibers);
bool host_fibers_has_ready(const struct host_fibers *fibers);
/* From the loop's stack. A fiber that waits for something that cannot be abandoned goes on to wait for it. */
void host_fiber_cancel(struct host_fiber *fiber);

/* The running fiber; NULL on a loop's stack and on other threads. */
struct host_fiber *host_fiber_self(void);
struct host_loop *host_fiber_loop(const struct host_fiber *fiber);
bool host_fiber_is_cancelled(const struct host_fiber *fiber);
/* The tag that is host_current while it runs; may be changed. */
struct host_current *host_fiber_current(struct host_fiber *fiber);
/* The owner's; what host_fiber_new got. */
void *host_fiber_arg(const struct host_fiber *fiber);

/*
 * Suspends the running fiber until host_fiber_ready: 0, or -ECANCELED; then abandon(arg) was called and
 * returned true, or it was cancelled already and has not been suspended. abandon NULL: not cancellable, always
 * suspends.
 */
int host_fiber_wait(host_fiber_abandon *abandon, void *arg);
/*
 * The same, at most timeout_ms (< 0: for ever): then abandon(arg) has been called and returned true, and this is
 * -ETIMEDOUT. abandon must not be NULL.
 */
int host_fiber_wait_for(host_fiber_abandon *abandon, void *arg, int timeout_ms);
/*
 * Runs fn(arg) on the loop's stack, which is large, and goes on when it has returned. For recursive code
 * over data from outside. fn must not wait.
 */
void host_fiber_outside(host_fiber_fn *fn, void *arg);
/* Waits for nothing but time: 0 or -ECANCELED. */
int host_fiber_sleep(int ms);

/* How often fibers were entered and left, odd while one runs. [any] */
uint64_t host_fibers_switches(const struct host_fibers *fibers);
/* The tag of the fiber that runs, or NULL; see host_loop_running(). [any] */
const struct host_current *host_fibers_running(const struct host_fibers *fibers);
/*
 * Whether a fault at `address`, with the stack pointer at `sp`, is an overflow of the fiber's stack that runs: it hit
 * the guard, or a local array was so large that the stack has left its bounds. Safe in a signal handler.
 */
bool host_fiber_is_overflow(const void *address, const void *sp);

#endif
