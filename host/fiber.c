/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fiber is one mapping: a guard below, the stack, and struct host_fiber itself at the top, so that
 * a pooled fiber costs no other memory and its first page serves both.
 *
 *	| guard | ............ stack, grows down ◄── | struct host_fiber |
 *
 * Pages are committed when they are first touched. A pooled stack keeps those that it has touched.
 */
#include "fiber.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "fiber-sanitize.h"
#include "fiber-switch.h"
#include "loop.h"
#include <otel/context.h>

#ifdef HOST_SANITIZED
#define DEFAULT_STACK (2u << 20)
#else
#define DEFAULT_STACK (256u << 10)
#endif
/* Address space and nothing else; as much as the kernel leaves free, for local arrays step over less. */
#define GUARD        (sizeof(void *) > 4 ? 1u << 20 : 64u << 10)
#define DEFAULT_MAX  4096
#define DEFAULT_KEEP 512
#define MAX_STEP     (1 << 30) /* a stack pointer this far below is none of ours */

enum state { NEW, READY, RUNNING, WAITING, ENDED };

struct host_fiber {
	struct host_switch sw;
	struct host_fibers *fibers;
	STAILQ_ENTRY(host_fiber) link; /* in the ready queue or the pool */
	host_fiber_fn *fn, *ended;
	void *arg;
	host_fiber_fn *outside; /* to be run on the loop's stack before it goes on */
	void *outside_arg;
	enum state state;
	bool cancelled;
	int saved_errno;
	int result;                   /* of the wait that ends */
	struct otel_context *context; /* while it does not run; borrowed */
	host_fiber_abandon *abandon;
	void *abandon_arg;
	struct event timer;
	uint64_t wake_ns;
	struct host_current current;
	void *map;
	size_t map_size;
	struct fiber_sanitize sanitize;
};

STAILQ_HEAD(fiber_list, host_fiber);

struct host_fibers {
	struct host_switch sw; /* the loop's stack while a fiber runs */
	struct host_loop *loop;
	struct event_base *base;
	struct fiber_list ready, pool;
	_Atomic(struct host_fiber *) running; /* for the watchdog */
	size_t stack_size, guard;
	unsigned alive, max, pooled, keep;
	atomic_uint_fast64_t switches;  /* written by its own thread only */
	struct fiber_sanitize sanitize; /* of the loop's stack */
};

static __thread struct host_fiber *self;
__thread const struct host_current *host_current;

static void *
stack_low(const struct host_fiber *fiber)
{
	return (char *)fiber->map + fiber->fibers->guard;
}

static size_t
stack_size(const struct host_fiber *fiber)
{
	return (size_t)((const char *)fiber - (const char *)stack_low(fiber));
}

static void
count_switch(struct host_fibers *fibers)
{
	uint64_t n = atomic_load_explicit(&fibers->switches, memory_order_relaxed);

	atomic_store_explicit(&fibers->switches, n + 1, memory_order_release);
}

/* ---- going in and out ---- */

/* On the fiber's stack: gives the thread back to the loop's. */
static void
leave(struct host_fiber *fiber)
{
	struct host_fibers *fibers = fiber->fibers;

	fiber_sanitize_leave(&fiber->sanitize, fiber->state == ENDED, &fibers->sanitize,
	                     fibers->sanitize.low, fibers->sanitize.len);
	host_switch(&fiber->sw, &fibers->sw);
	fiber_sanitize_arrive(&fiber->sanitize, &fibers->sanitize);
}

static void
fiber_main(void)
{
	struct host_fiber *fiber = self;

	fiber_sanitize_arrive(&fiber->sanitize, &fiber->fibers->sanitize);
	fiber->fn(fiber->arg);
	fiber->state = ENDED;
	leave(fiber);
	abort(); /* nobody resumes what has ended */
}

static void
release(struct host_fiber *fiber)
{
	fiber_sanitize_forget(stack_low(fiber), stack_size(fiber));
	munmap(fiber->map, fiber->map_size);
}

static void
retire(struct host_fiber *fiber)
{
	struct host_fibers *fibers = fiber->fibers;
	host_fiber_fn *ended = fiber->ended;
	void *arg = fiber->arg;

	fibers->alive--;
	fiber_sanitize_fini(&fiber->sanitize);
	if (fibers->pooled < fibers->keep) {
		STAILQ_INSERT_HEAD(&fibers->pool, fiber, link);
		fibers->pooled++;
	} else {
		release(fiber);
	}
	if (ended)
		ended(arg);
}

/* On the loop's stack: goes to the fiber's. */
static void
step_in(struct host_fiber *fiber)
{
	struct host_fibers *fibers = fiber->fibers;

	fiber_sanitize_here(&fibers->sanitize);
	fiber_sanitize_leave(&fibers->sanitize, false, &fiber->sanitize, stack_low(fiber),
	                     stack_size(fiber));
	host_switch(&fibers->sw, &fiber->sw);
	fiber_sanitize_arrive(&fibers->sanitize, NULL);
}

/* On the loop's stack: lets the fiber run until it waits or ends. */
static void
enter(struct host_fiber *fiber)
{
	struct host_fibers *fibers = fiber->fibers;
	int saved_errno = errno;
	const struct host_current *current = host_current;
	struct otel_context *context = otel_context_swap(fiber->context);

	assert(!self);
	fiber->state = RUNNING;
	self = fiber;
	atomic_store_explicit(&fibers->running, fiber, memory_order_relaxed);
	host_current = &fiber->current;
	count_switch(fibers);
	errno = fiber->saved_errno;
	step_in(fiber);
	while (fiber->outside) {
		host_fiber_fn *fn = fiber->outside;

		fiber->outside = NULL;
		fn(fiber->outside_arg);
		step_in(fiber);
	}
	fiber->saved_errno = errno;
	errno = saved_errno;
	host_current = current;
	self = NULL;
	atomic_store_explicit(&fibers->running, NULL, memory_order_relaxed);
	count_switch(fibers);
	fiber->context = otel_context_swap(context);
	if (fiber->state == ENDED)
		retire(fiber);
}

/* ---- waking ---- */

static void
wake(struct host_fiber *fiber, int result)
{
	assert(fiber->state == WAITING);
	fiber->state = READY;
	fiber->result = result;
	STAILQ_INSERT_TAIL(&fiber->fibers->ready, fiber, link);
}

static void
arm(struct host_fiber *fiber)
{
	uint64_t now = host_now_ns();
	uint64_t left = fiber->wake_ns > now ? fiber->wake_ns - now : 0;
	/* Rounded up, and never 0: a wait for nothing still lets others run. */
	struct timeval tv = { (time_t)(left / 1000000000),
		              (suseconds_t)(left % 1000000000 / 1000 + 1) };

	if (tv.tv_usec >= 1000000) {
		tv.tv_sec++;
		tv.tv_usec -= 1000000;
	}
	evtimer_add(&fiber->timer, &tv);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct host_fiber *fiber = arg;

	(void)fd;
	(void)what;
	if (fiber->state != WAITING)
		return;
	if (host_now_ns() < fiber->wake_ns) {
		arm(fiber); /* libevent's clock stands still within a round */
		return;
	}
	if (fiber->abandon(fiber->abandon_arg))
		wake(fiber, -ETIMEDOUT);
}

/* ---- making ---- */

int
host_fibers_new(struct host_loop *loop, size_t size, unsigned max, unsigned keep,
                struct host_fibers **out)
{
	struct host_fibers *fibers = calloc(1, sizeof *fibers);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!fibers)
		return -ENOMEM;
	fibers->loop = loop;
	fibers->base = loop ? host_loop_base(loop) : NULL;
	fibers->guard = GUARD > page ? GUARD : page;
	fibers->stack_size = ((size ? size : DEFAULT_STACK) + page - 1) / page * page;
	fibers->max = max ? max : DEFAULT_MAX;
	fibers->keep = keep ? keep : DEFAULT_KEEP;
	STAILQ_INIT(&fibers->ready);
	STAILQ_INIT(&fibers->pool);
	*out = fibers;
	return 0;
}

void
host_fibers_free(struct host_fibers *fibers)
{
	struct host_fiber *fiber;

	if (!fibers)
		return;
	assert(!fibers->alive);
	while ((fiber = STAILQ_FIRST(&fibers->pool))) {
		STAILQ_REMOVE_HEAD(&fibers->pool, link);
		release(fiber);
	}
	free(fibers);
}

unsigned
host_fibers_alive(const struct host_fibers *fibers)
{
	return fibers->alive;
}

unsigned
host_fibers_max(const struct host_fibers *fibers)
{
	return fibers->max;
}

static struct host_fiber *
map_fiber(struct host_fibers *fibers)
{
	size_t size = fibers->guard + fibers->stack_size;
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	struct host_fiber *fiber;

	if (map == MAP_FAILED)
		return NULL;
	if (mprotect(map, fibers->guard, PROT_NONE) < 0) {
		munmap(map, size);
		return NULL;
	}
	fiber = (struct host_fiber *)(void *)(map + size -
	                                      (sizeof *fiber + 63) / 64 * 64);
	fiber->fibers = fibers;
	fiber->map = map;
	fiber->map_size = size;
	if (fibers->base)
		evtimer_assign(&fiber->timer, fibers->base, on_timer, fiber);
	return fiber;
}

struct host_fiber *
host_fiber_new(struct host_fibers *fibers, host_fiber_fn *fn, host_fiber_fn *ended,
               void *arg, const struct host_current *current,
               struct otel_context *context)
{
	struct host_fiber *fiber;

	if (fibers->alive >= fibers->max)
		return NULL;
	fiber = STAILQ_FIRST(&fibers->pool);
	if (fiber) {
		STAILQ_REMOVE_HEAD(&fibers->pool, link);
		fibers->pooled--;
	} else {
		fiber = map_fiber(fibers);
		if (!fiber)
			return NULL;
	}
	fibers->alive++;
	fiber->fn = fn;
	fiber->ended = ended;
	fiber->arg = arg;
	fiber->state = NEW;
	fiber->cancelled = false;
	fiber->saved_errno = 0;
	fiber->context = context;
	fiber->abandon = NULL;
	fiber->outside = NULL;
	if (current)
		fiber->current = *current;
	else
		memset(&fiber->current, 0, sizeof fiber->current);
	fiber_sanitize_init(&fiber->sanitize, stack_low(fiber), stack_size(fiber));
	host_switch_init(&fiber->sw, stack_low(fiber), stack_size(fiber), fiber_main);
	return fiber;
}

void
host_fiber_run(struct host_fiber *fiber)
{
	assert(fiber->state == NEW || fiber->state == WAITING);
	fiber->result = 0;
	enter(fiber);
}

void
host_fiber_ready(struct host_fiber *fiber)
{
	if (fiber->state == NEW)
		fiber->state = WAITING;
	wake(fiber, 0);
}

bool
host_fibers_run(struct host_fibers *fibers)
{
	struct fiber_list batch = STAILQ_HEAD_INITIALIZER(batch);
	struct host_fiber *fiber;

	STAILQ_CONCAT(&batch, &fibers->ready);
	while ((fiber = STAILQ_FIRST(&batch))) {
		STAILQ_REMOVE_HEAD(&batch, link);
		enter(fiber);
	}
	return !STAILQ_EMPTY(&fibers->ready);
}

bool
host_fibers_has_ready(const struct host_fibers *fibers)
{
	return !STAILQ_EMPTY(&fibers->ready);
}

void
host_fiber_cancel(struct host_fiber *fiber)
{
	if (fiber->cancelled)
		return;
	fiber->cancelled = true;
	if (fiber->state == WAITING && fiber->abandon &&
	    fiber->abandon(fiber->abandon_arg))
		wake(fiber, -ECANCELED);
}

struct host_fiber *
host_fiber_self(void)
{
	return self;
}

struct host_loop *
host_fiber_loop(const struct host_fiber *fiber)
{
	return fiber->fibers->loop;
}

bool
host_fiber_is_cancelled(const struct host_fiber *fiber)
{
	return fiber->cancelled;
}

struct host_current *
host_fiber_current(struct host_fiber *fiber)
{
	return &fiber->current;
}

void *
host_fiber_arg(const struct host_fiber *fiber)
{
	return fiber->arg;
}

/* ---- waiting ---- */

int
host_fiber_wait(host_fiber_abandon *abandon, void *arg)
{
	struct host_fiber *fiber = self;

	assert(fiber);
	if (abandon && fiber->cancelled && abandon(arg))
		return -ECANCELED;
	fiber->abandon = abandon;
	fiber->abandon_arg = arg;
	fiber->state = WAITING;
	leave(fiber);
	fiber->abandon = NULL;
	return fiber->result;
}

int
host_fiber_wait_for(host_fiber_abandon *abandon, void *arg, int timeout_ms)
{
	struct host_fiber *fiber = self;
	int r;

	assert(fiber && abandon);
	if (timeout_ms < 0)
		return host_fiber_wait(abandon, arg);
	if (fiber->cancelled && abandon(arg))
		return -ECANCELED;
	fiber->wake_ns = host_now_ns() + (uint64_t)timeout_ms * 1000000;
	arm(fiber);
	r = host_fiber_wait(abandon, arg);
	evtimer_del(&fiber->timer);
	return r;
}

void
host_fiber_outside(host_fiber_fn *fn, void *arg)
{
	assert(self);
	self->outside = fn;
	self->outside_arg = arg;
	leave(self);
}

static bool
abandon_nothing(void *arg)
{
	(void)arg;
	return true;
}

int
host_fiber_sleep(int ms)
{
	int r = host_fiber_wait_for(abandon_nothing, NULL, ms < 0 ? 0 : ms);

	return r == -ETIMEDOUT ? 0 : r;
}

uint64_t
host_fibers_switches(const struct host_fibers *fibers)
{
	return atomic_load_explicit(&fibers->switches, memory_order_acquire);
}

const struct host_current *
host_fibers_running(const struct host_fibers *fibers)
{
	const struct host_fiber *fiber = atomic_load_explicit(&fibers->running,
	                                                      memory_order_relaxed);

	return fiber ? &fiber->current : NULL;
}

bool
host_fiber_is_overflow(const void *address, const void *sp)
{
	const char *at = address, *stack = sp, *low = self ? stack_low(self) : NULL;

	return self && ((at >= (char *)self->map && at < low) ||
	                (stack < low && low - stack < MAX_STEP));
}
