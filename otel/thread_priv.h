/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/thread_priv.h - what the SDK keeps per thread: idle records and a random number generator.
 *
 * Initial-exec storage, reached in one instruction. A thread is made ready by the first slow path that
 * it takes; when it exits, its records go to the depot. After fork the child's generator is seeded anew.
 */
#ifndef OTEL_THREAD_PRIV_H
#define OTEL_THREAD_PRIV_H

#include <stdbool.h>
#include <stdint.h>

struct otelp_record;

enum otelp_pool { OTELP_POOL_SPANS, OTELP_POOL_LOGS, OTELP_N_POOLS };

struct otelp_magazine {
	struct otelp_record *first;
	uint32_t n;
};

struct otelp_thread {
	struct {
		struct otelp_magazine loaded, spare;
	} pools[OTELP_N_POOLS];
	uint64_t random[4]; /* state of xoshiro256++ */
	bool seeded;
	bool ready;  /* its exit will be noticed, so it may keep records */
	bool exited; /* its destructor has run: never ready again */
};

extern __thread struct otelp_thread otelp_thread
	__attribute__((tls_model("initial-exec")));

/* Makes the calling thread ready, unless it is exiting or there is no key. */
void otelp_thread_prepare(void);
void otelp_random_seed(void);

static inline uint64_t
otelp_rotl(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

/* 64 random bits; not for secrets. [any] */
static inline uint64_t
otelp_random(void)
{
	uint64_t *s = otelp_thread.random, result, t;

	if (__builtin_expect(!otelp_thread.seeded, 0))
		otelp_random_seed();
	result = otelp_rotl(s[0] + s[3], 23) + s[0];
	t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = otelp_rotl(s[3], 45);
	return result;
}

/* Never all zeros, which is what an invalid id looks like. */
static inline uint64_t
otelp_random_nonzero(void)
{
	uint64_t x;

	do
		x = otelp_random();
	while (__builtin_expect(x == 0, 0));
	return x;
}

#endif
