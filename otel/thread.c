/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "pipeline_priv.h"
#include "pool_priv.h"
#include "ring_priv.h"
#include "thread_priv.h"

__thread struct otelp_thread otelp_thread __attribute__((tls_model("initial-exec")));

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool have_key;

/* Other destructors may still use the SDK after this one: they find a thread that keeps nothing. */
static void
thread_exits(void *thread)
{
	otelp_thread.ready = false;
	otelp_thread.exited = true;
	otelp_pool_thread_exits();
}

/* Runs in the child on the one thread there is. */
static void
forked_child(void)
{
	otelp_thread.seeded = false;
	otelp_pool_forked_child();
}

static void
process_init(void)
{
	have_key = pthread_key_create(&key, thread_exits) == 0;
	pthread_atfork(NULL, NULL, forked_child);
}

void
otelp_thread_prepare(void)
{
	pthread_once(&once, process_init);
	if (!otelp_thread.ready && !otelp_thread.exited && have_key)
		otelp_thread.ready = pthread_setspecific(key, &otelp_thread) == 0;
}

/* SplitMix64 turns any word into a good one; only used where the kernel has no random bytes yet. */
static uint64_t
spread(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

void
otelp_random_seed(void)
{
	uint64_t *s = otelp_thread.random;

	otelp_thread_prepare(); /* for its fork handler */
	if (getrandom(s, sizeof otelp_thread.random, GRND_NONBLOCK) !=
	    (ssize_t)sizeof otelp_thread.random) {
		uint64_t x = otelp_now_unix_ns() ^ (uint64_t)getpid() << 40 ^
		             (uintptr_t)s;

		for (int i = 0; i < 4; i++)
			s[i] = spread(&x);
	}
	s[0] |= !(s[0] | s[1] | s[2] | s[3]); /* the one state it never leaves */
	otelp_thread.seeded = true;
}
