/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <time.h>

#include "clock_priv.h"
#include "pipeline_priv.h"

#ifdef CLOCK_BOOTTIME
#define STEADY_CLOCK \
	CLOCK_BOOTTIME /* counts a suspended machine's sleep too; in the vDSO since Linux 5.3 */
#else
#define STEADY_CLOCK CLOCK_MONOTONIC
#endif

#define RECHECK_NS 100000000
#define UNDISTURBED_NS \
	100000 /* two looks at the clocks, far apart: longer was an interruption */

static _Atomic int64_t shared_offset;
static _Atomic uint64_t recheck_at; /* 0: never looked */

static uint64_t
read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t
otelp_now_unix_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

/* A thread that is preempted between its looks at the two clocks would see a step that there was not. */
static int64_t
measure(uint64_t steady)
{
	for (int tries = 1;; tries++) {
		uint64_t wall = read_clock(CLOCK_REALTIME),
			 after = read_clock(STEADY_CLOCK);

		if (after - steady < UNDISTURBED_NS || tries == 4)
			return (int64_t)(wall - steady);
		steady = after;
	}
}

/* Two threads may do so at once: both find the same offset, but for a step or some nanoseconds. */
static int64_t
look_again(uint64_t steady)
{
	int64_t offset = measure(steady);
	int64_t before = atomic_load_explicit(&shared_offset, memory_order_relaxed);

	/* The reads are some ns apart: only a real step moves the offset. */
	if (!before || offset - before > 1000000 || before - offset > 1000000)
		atomic_store_explicit(&shared_offset, offset, memory_order_relaxed);
	else
		offset = before;
	atomic_store_explicit(&recheck_at, steady + RECHECK_NS, memory_order_release);
	return offset;
}

uint64_t
otelp_clock_start(int64_t *offset_ns)
{
	uint64_t steady = read_clock(STEADY_CLOCK);

	if (steady >= atomic_load_explicit(&recheck_at, memory_order_acquire))
		*offset_ns = look_again(steady);
	else
		*offset_ns = atomic_load_explicit(&shared_offset, memory_order_relaxed);
	return steady + (uint64_t)*offset_ns;
}

uint64_t
otelp_clock_within(int64_t offset_ns)
{
	return read_clock(STEADY_CLOCK) + (uint64_t)offset_ns;
}
