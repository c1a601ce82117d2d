/* SPDX-License-Identifier: Apache-2.0 */
/* A service with the mistakes of a learner, one for each path: NAME is which, and / is well. */
#include <assert.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cupola/service.h>

static volatile int always = 1;
static char *volatile kept;
static const int *volatile missing;

__attribute__((noinline)) static int
null_pointer(void)
{
	volatile const int *nothing = missing;

	return *nothing; /* line: null */
}

__attribute__((noinline)) static int
endless_loop(void)
{
	int n = 0;

	while (always)
		n++; /* line: loop */
	return n;
}

__attribute__((noinline)) static int
stack_overflow(volatile int depth)
{
	volatile char room[256];

	room[depth % 256] = 1;
	return depth < 0 ? 0 : stack_overflow(depth + 1) + room[0]; /* line: overflow */
}

__attribute__((noinline)) static int
large_array(int n)
{
	volatile char room[512 << 10];

	room[n] = 1; /* line: array */
	return room[0];
}

__attribute__((noinline)) static int
double_free(void)
{
	kept = malloc(64);
	free(kept);
	free(kept); /* line: double */
	return 0;
}

__attribute__((noinline)) static int
leak(void)
{
	kept = malloc(64 << 10);
	memset(kept, 1, 64 << 10);
	return 0;
}

__attribute__((noinline)) static int
blocking_sleep(void)
{
	usleep(300000); /* line: sleep */
	return 0;
}

/* A thread of the service's own, which the host knows nothing of. */
static void *
own_thread(void *arg)
{
	*(volatile int *)(uintptr_t)(always - 1) = 1; /* line: thread */
	return arg;
}

static int
start_thread(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, own_thread, NULL) ||
	       pthread_join(thread, NULL);
}

static int
go_wrong(const char *how)
{
	if (!strcmp(how, "/null"))
		return null_pointer();
	if (!strcmp(how, "/loop"))
		return endless_loop();
	if (!strcmp(how, "/abort"))
		abort(); /* line: abort */
	if (!strcmp(how, "/assert"))
		assert(always == 0); /* line: assert */
	if (!strcmp(how, "/overflow"))
		return stack_overflow(0);
	if (!strcmp(how, "/thread"))
		return start_thread();
	if (!strcmp(how, "/array"))
		return large_array(7);
	if (!strcmp(how, "/double"))
		return double_free();
	if (!strcmp(how, "/leak"))
		return leak();
	if (!strcmp(how, "/exit"))
		exit(3); /* line: exit */
	if (!strcmp(how, "/sleep"))
		return blocking_sleep();
	return 0;
}

static int
bad_start(const struct svc_host *host, void **self, struct otel_error *err)
{
	*self = (void *)(uintptr_t)host;
	return 0;
}

static int
bad_handle(void *self, struct svc_request *req)
{
	OTEL_SPAN(span, req->host->tracer, "going-wrong");

	(void)go_wrong(req->path);
	return svc_reply_text(req, 200, "well\n");
}

static void
bad_stop(void *self)
{
}

SVC_PLUGIN = { SVC_ABI,
	       .name = NAME,
	       .version = "1.0.0",
	       .start = bad_start,
	       .handle = bad_handle,
	       .stop = bad_stop };
