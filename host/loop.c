/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mailbox is a stack that posters push onto and the loop takes whole and turns round. Whoever finds
 * it empty rings the eventfd, so a burst costs one system call.
 *
 * The base has no locks: only the mailbox crosses threads.
 */
#include "loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>
#include <event2/event.h>

#include "fiber.h"
#include "http-client.h"

#define TURNS_PER_ROUND 16 /* then events have their turn again */
#define SIGNAL_STACK    (64u << 10)

struct host_loop {
	struct event_base *base;
	struct host_fibers *fibers;
	struct host_client *client;
	struct event *bell;
	int bell_fd;
	void *extra;
	void (*free_extra)(void *extra);
	_Atomic(struct host_message *) mail; /* newest first */
	atomic_bool stop;
	bool threaded;
	int index;
	char name[16];
	pthread_t thread;
	atomic_uint_fast64_t rounds; /* written by its own thread only */
};

static __thread struct host_loop *current;
static __thread void *signal_stack;

int
host_loops_init(struct otel_error *err)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static bool done;
	int r = 0;

	pthread_mutex_lock(&lock);
	if (!done) {
		signal(SIGPIPE, SIG_IGN);
		if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
			r = otel_error_set(err, -ENOMEM, "libcurl: cannot initialise");
		done = r == 0;
	}
	pthread_mutex_unlock(&lock);
	return r;
}

void
host_thread_enter(const char *name)
{
	sigset_t all;
	stack_t ss = { .ss_size = SIGNAL_STACK };

	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGABRT);
	sigdelset(&all, SIGTRAP);
	sigdelset(&all, SIGSYS);
	sigdelset(&all, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	pthread_setname_np(pthread_self(), name);
	ss.ss_sp = mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (ss.ss_sp == MAP_FAILED)
		return;
	signal_stack = ss.ss_sp;
	sigaltstack(&ss, NULL);
}

void
host_thread_leave(void)
{
	stack_t ss = { .ss_flags = SS_DISABLE };

	if (!signal_stack)
		return;
	sigaltstack(&ss, NULL);
	munmap(signal_stack, SIGNAL_STACK);
	signal_stack = NULL;
}

/* ---- mail ---- */

static bool
read_mail(struct host_loop *loop)
{
	struct host_message *newest, *oldest = NULL;

	if (!atomic_load_explicit(&loop->mail, memory_order_relaxed))
		return false;
	newest = atomic_exchange_explicit(&loop->mail, NULL, memory_order_acquire);
	while (newest) {
		struct host_message *next = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	while (oldest) {
		struct host_message *next = oldest->next;

		oldest->fn(oldest);
		oldest = next;
	}
	return true;
}

static void
on_bell(evutil_socket_t fd, short what, void *arg)
{
	uint64_t n;

	(void)what;
	(void)arg;
	if (read(fd, &n, sizeof n) < 0)
		return; /* it rang for what has been read already */
}

void
host_loop_post(struct host_loop *loop, struct host_message *message)
{
	struct host_message *head = atomic_load_explicit(&loop->mail,
	                                                 memory_order_relaxed);
	uint64_t one = 1;

	do
		message->next = head;
	while (!atomic_compare_exchange_weak_explicit(
		&loop->mail, &head, message, memory_order_release, memory_order_relaxed));
	if (!head)
		while (write(loop->bell_fd, &one, sizeof one) < 0 && errno == EINTR)
			;
}

struct call {
	struct host_message message;
	void (*fn)(void *arg);
	void *arg;
};

static void
on_call(struct host_message *message)
{
	struct call *call = (struct call *)message;

	call->fn(call->arg);
	free(call);
}

int
host_loop_call(struct host_loop *loop, void (*fn)(void *arg), void *arg)
{
	struct call *call = malloc(sizeof *call);

	if (!call)
		return -ENOMEM;
	call->message.fn = on_call;
	call->fn = fn;
	call->arg = arg;
	host_loop_post(loop, &call->message);
	return 0;
}

/* ---- the loop ---- */

static bool
turn(struct host_loop *loop)
{
	bool more = read_mail(loop);

	more |= host_fibers_run(loop->fibers);
	if (loop->client)
		more |= host_client_pump(loop->client);
	return more || host_fibers_has_ready(loop->fibers);
}

static bool
run_round(struct host_loop *loop, bool block)
{
	uint64_t n = atomic_load_explicit(&loop->rounds, memory_order_relaxed);
	bool more;

	event_base_loop(loop->base, EVLOOP_ONCE | (block ? 0 : EVLOOP_NONBLOCK));
	for (int turns = 0; (more = turn(loop)) && turns < TURNS_PER_ROUND; turns++)
		;
	atomic_store_explicit(&loop->rounds, n + 1, memory_order_release);
	return more;
}

static void
run_until_stopped(struct host_loop *loop)
{
	struct host_loop *outer = current;
	bool more = false;

	current = loop;
	do
		more = run_round(loop, !more);
	while (!atomic_load_explicit(&loop->stop, memory_order_acquire) || more);
	current = outer;
}

void
host_loop_run(struct host_loop *loop)
{
	loop->thread = pthread_self();
	run_until_stopped(loop);
}

void
host_loop_once(struct host_loop *loop, bool block)
{
	struct host_loop *outer = current;

	current = loop;
	run_round(loop, block);
	current = outer;
}

static void *
loop_main(void *arg)
{
	struct host_loop *loop = arg;

	host_thread_enter(loop->name);
	run_until_stopped(loop);
	host_thread_leave();
	return NULL;
}

int
host_loop_start(struct host_loop *loop, struct otel_error *err)
{
	sigset_t all, old;
	int r;

	/* Blocked from its first instruction on; loop_main lets those of faults in. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&loop->thread, NULL, loop_main, loop);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r)
		return otel_error_set(err, -r, "thread %s: cannot be made: %s",
		                      loop->name, strerror(r));
	loop->threaded = true;
	return 0;
}

void
host_loop_stop(struct host_loop *loop)
{
	uint64_t one = 1;

	atomic_store_explicit(&loop->stop, true, memory_order_release);
	while (write(loop->bell_fd, &one, sizeof one) < 0 && errno == EINTR)
		;
}

void
host_loop_join(struct host_loop *loop)
{
	if (loop->threaded)
		pthread_join(loop->thread, NULL);
	loop->threaded = false;
}

void
host_loop_abandon(struct host_loop *loop)
{
	pthread_detach(loop->thread);
}

int
host_loop_new(const struct host_loop_config *config, struct host_loop **out,
              struct otel_error *err)
{
	struct host_loop *loop = calloc(1, sizeof *loop);
	struct event_config *how = event_config_new();
	int r = -ENOMEM;

	if (!loop || !how)
		goto fail;
	loop->bell_fd = -1;
	loop->index = config->index;
	strncpy(loop->name, config->name ? config->name : "loop", sizeof loop->name - 1);
	event_config_set_flag(how, EVENT_BASE_FLAG_NOLOCK);
	loop->base = event_base_new_with_config(how);
	if (!loop->base)
		goto fail;
	loop->bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop->bell_fd < 0) {
		r = -errno;
		goto fail;
	}
	loop->bell = event_new(loop->base, loop->bell_fd, EV_READ | EV_PERSIST, on_bell,
	                       loop);
	if (!loop->bell || event_add(loop->bell, NULL) < 0)
		goto fail;
	r = host_fibers_new(loop, config->stack_size, config->max_fibers,
	                    config->keep_fibers, &loop->fibers);
	if (r < 0)
		goto fail;
	event_config_free(how);
	*out = loop;
	return 0;
fail:
	if (how)
		event_config_free(how);
	host_loop_free(loop);
	return otel_error_set(err, r, "event loop: cannot be made: %s", strerror(-r));
}

void
host_loop_free(struct host_loop *loop)
{
	if (!loop)
		return;
	if (loop->free_extra)
		loop->free_extra(loop->extra);
	host_client_free(loop->client);
	host_fibers_free(loop->fibers);
	if (loop->bell)
		event_free(loop->bell);
	if (loop->bell_fd >= 0)
		close(loop->bell_fd);
	if (loop->base)
		event_base_free(loop->base);
	free(loop);
}

struct host_loop *
host_loop_current(void)
{
	return current;
}

struct event_base *
host_loop_base(struct host_loop *loop)
{
	return loop->base;
}

struct host_fibers *
host_loop_fibers(struct host_loop *loop)
{
	return loop->fibers;
}

struct host_client *
host_loop_client(struct host_loop *loop)
{
	if (!loop->client && host_client_new(loop, loop->base, &loop->client) < 0)
		return NULL;
	return loop->client;
}

void
host_loop_set_extra(struct host_loop *loop, void *extra, void (*free_extra)(void *extra))
{
	loop->extra = extra;
	loop->free_extra = free_extra;
}

void *
host_loop_extra(const struct host_loop *loop)
{
	return loop->extra;
}

int
host_loop_index(const struct host_loop *loop)
{
	return loop->index;
}

uint64_t
host_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t
host_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void
host_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

struct timespec
host_time_in(int ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += ms % 1000 * 1000000L;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

uint64_t
host_loop_beat(const struct host_loop *loop)
{
	return host_fibers_switches(loop->fibers);
}

uint64_t
host_loop_rounds(const struct host_loop *loop)
{
	return atomic_load_explicit(&loop->rounds, memory_order_acquire);
}

const struct host_current *
host_loop_running(const struct host_loop *loop)
{
	return host_fibers_running(loop->fibers);
}

pthread_t
host_loop_thread(const struct host_loop *loop)
{
	return loop->thread;
}
