/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/oom.h - an allocator for tests that counts, and that fails when told.
 *
 *	oom_install();                      before the SDK allocates anything
 *	for (long n = 0;; n++) {
 *		oom_arm(n);                 the nth allocation from here, and no other, fails
 *		...
 *		oom_disarm();
 *		if (!oom_fired()) break;    it got through: every allocation has had its turn
 *	}
 */
#ifndef TESTS_OOM_H
#define TESTS_OOM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include <otel/sdk.h>

static atomic_long oom_left = -1;
static atomic_bool oom_has_fired;
static atomic_ulong oom_live_blocks, oom_total;

static inline bool
oom_now(void)
{
	atomic_fetch_add(&oom_total, 1);
	if (atomic_load(&oom_left) < 0 || atomic_fetch_sub(&oom_left, 1) != 0)
		return false;
	atomic_store(&oom_has_fired, true);
	return true;
}

static inline void *
oom_malloc(size_t size)
{
	void *ptr = oom_now() ? NULL : malloc(size);

	if (ptr)
		atomic_fetch_add(&oom_live_blocks, 1);
	return ptr;
}

static inline void *
oom_realloc(void *old, size_t size)
{
	void *ptr = oom_now() ? NULL : realloc(old, size);

	if (ptr && !old)
		atomic_fetch_add(&oom_live_blocks, 1);
	return ptr;
}

static inline void
oom_free(void *ptr)
{
	if (ptr)
		atomic_fetch_sub(&oom_live_blocks, 1);
	free(ptr);
}

static inline void
oom_install(void)
{
	otel_set_allocator(oom_malloc, oom_realloc, oom_free);
}

static inline void
oom_arm(long n)
{
	atomic_store(&oom_has_fired, false);
	atomic_store(&oom_left, n);
}

static inline void
oom_disarm(void)
{
	atomic_store(&oom_left, -1);
}

static inline bool
oom_fired(void)
{
	return atomic_load(&oom_has_fired);
}

/* Blocks that have not been freed. */
static inline unsigned long
oom_live(void)
{
	return atomic_load(&oom_live_blocks);
}

/* Allocations since the start. */
static inline unsigned long
oom_count(void)
{
	return atomic_load(&oom_total);
}

#endif
