/* SPDX-License-Identifier: Apache-2.0 */
/* What is per thread and shared between threads: random numbers, magazines and the depot, the clock. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check-main.h"
#include "clock_priv.h"
#include "fake/pipeline.h"
#include "oom.h"
#include "pool_priv.h"
#include "ring_priv.h"

#define THREADS 4
#define MANY    5000

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(uint64_t));
}

static uint64_t numbers[THREADS][MANY];

static void *
draw(void *arg)
{
	uint64_t *to = arg;

	for (int i = 0; i < MANY; i++)
		to[i] = otelp_random_nonzero();
	return NULL;
}

START_TEST(threads_draw_different_numbers)
{
	uint64_t *all = numbers[0];
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, draw, numbers[i]);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	qsort(all, THREADS * MANY, sizeof *all, compare);
	for (int i = 1; i < THREADS * MANY; i++)
		ck_assert_uint_ne(all[i - 1], all[i]);
}
END_TEST

START_TEST(a_forked_child_draws_its_own)
{
	uint64_t parents[64], childs[64];
	int fds[2], status;
	pid_t pid;

	otelp_random();
	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 64; i++)
			childs[i] = otelp_random();
		_exit(write(fds[1], childs, sizeof childs) == sizeof childs ? 0 : 1);
	}
	for (int i = 0; i < 64; i++)
		parents[i] = otelp_random();
	ck_assert_int_eq(read(fds[0], childs, sizeof childs), sizeof childs);
	waitpid(pid, &status, 0);
	ck_assert_int_eq(status, 0);
	for (int i = 0; i < 64; i++)
		for (int k = 0; k < 64; k++)
			ck_assert_uint_ne(parents[i], childs[k]);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(spans_work_in_a_forked_child)
{
	struct otel_tracer_provider *provider;
	struct otel_resource *resource;
	struct otel_tracer *tracer;
	int status;
	pid_t pid;

	fake_reset();
	ck_assert_int_eq(otel_resource_new(NULL, 0, NULL, &resource, NULL), 0);
	ck_assert_int_eq(
		otel_tracer_provider_new(&fake, resource, NULL, 0, &provider, NULL), 0);
	tracer = otel_tracer_provider_tracer(provider, NULL);
	for (int i = 0; i < 500; i++)
		otel_span_end(otel_span_start(tracer, "before", NULL));
	fake_drop();
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 500; i++)
			otel_span_end(otel_span_start(tracer, "in the child", NULL));
		_exit(fake.n_kept[OTEL_SIGNAL_TRACES] == 500 ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	ck_assert_int_eq(status, 0);
	otel_tracer_provider_free(provider);
	otel_resource_unref(resource);
}
END_TEST

/* ---- the ring ---- */

static struct otelp_ring ring;
static struct otelp_ring_slot slots[64];
static atomic_ulong sum, popped;

static void *
ring_producer(void *arg)
{
	for (uintptr_t i = 1; i <= MANY; i++)
		while (!otelp_ring_push(&ring, (void *)i))
			sched_yield();
	return NULL;
}

static void *
ring_consumer(void *arg)
{
	while (atomic_load(&popped) < THREADS * MANY) {
		void *item = otelp_ring_pop(&ring);

		if (item) {
			atomic_fetch_add(&sum, (uintptr_t)item);
			atomic_fetch_add(&popped, 1);
		} else {
			sched_yield();
		}
	}
	return NULL;
}

START_TEST(the_ring_loses_and_doubles_nothing)
{
	pthread_t producers[THREADS], consumers[THREADS];

	otelp_ring_init(&ring, slots, 64);
	for (int i = 0; i < THREADS; i++) {
		pthread_create(&producers[i], NULL, ring_producer, NULL);
		pthread_create(&consumers[i], NULL, ring_consumer, NULL);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(producers[i], NULL);
		pthread_join(consumers[i], NULL);
	}
	ck_assert_uint_eq(atomic_load(&sum),
	                  (unsigned long)THREADS * MANY * (MANY + 1) / 2);
	ck_assert_ptr_null(otelp_ring_pop(&ring));
}
END_TEST

START_TEST(a_full_ring_says_so)
{
	otelp_ring_init(&ring, slots, 4);
	for (int i = 0; i < 4; i++)
		ck_assert(otelp_ring_push(&ring, &ring));
	ck_assert(!otelp_ring_push(&ring, &ring));
	ck_assert_ptr_nonnull(otelp_ring_pop(&ring));
	ck_assert(otelp_ring_push(&ring, &ring));
}
END_TEST

/* ---- the pool ---- */

/* Gets records here and puts them back from another thread, as an exporter does. */
static struct otelp_ring way;
static struct otelp_ring_slot way_slots[256];
static atomic_bool done;

static void *
exporter(void *arg)
{
	for (;;) {
		void *record = otelp_ring_pop(&way);

		if (record)
			otelp_pool_put(OTELP_POOL_LOGS, record);
		else if (atomic_load(&done))
			return NULL;
		else
			sched_yield();
	}
}

START_TEST(records_come_back_from_other_threads)
{
	unsigned long before = 0;
	pthread_t thread;

	otelp_ring_init(&way, way_slots, 256);
	pthread_create(&thread, NULL, exporter, NULL);
	for (int i = 0; i < 50000; i++) {
		void *record = otelp_pool_get(OTELP_POOL_LOGS);

		ck_assert_ptr_nonnull(record);
		while (!otelp_ring_push(&way, record))
			sched_yield();
		if (i == 25000)
			before = oom_count();
	}
	atomic_store(&done, true);
	pthread_join(thread, NULL);
	/* How far ahead the producer gets depends on the scheduler; that it is bounded does not. */
	ck_assert_uint_le(oom_count() - before, 256 + 3 * OTELP_MAGAZINE);
	ck_assert_int_le(otelp_pool_alive(OTELP_POOL_LOGS), 256 + 5 * OTELP_MAGAZINE);
	otelp_pool_drain();
	ck_assert_int_eq(otelp_pool_alive(OTELP_POOL_LOGS), 0);
}
END_TEST

static void *
use_and_exit(void *arg)
{
	void *records[100];

	for (int i = 0; i < 100; i++)
		records[i] = otelp_pool_get(OTELP_POOL_LOGS);
	for (int i = 0; i < 100; i++)
		otelp_pool_put(OTELP_POOL_LOGS, records[i]);
	return NULL;
}

START_TEST(an_exiting_thread_leaves_nothing_behind)
{
	pthread_t thread;

	for (int i = 0; i < 20; i++) {
		pthread_create(&thread, NULL, use_and_exit, NULL);
		pthread_join(thread, NULL);
	}
	ck_assert_int_eq(otelp_pool_alive(OTELP_POOL_LOGS), 100);
	otelp_pool_drain();
	ck_assert_int_eq(otelp_pool_alive(OTELP_POOL_LOGS), 0);
}
END_TEST

START_TEST(the_number_of_records_is_bounded)
{
	size_t max = (size_t)otelp_log_pool_type.max_alive;
	void **records = malloc((max + 1) * sizeof *records);

	for (size_t i = 0; i < max; i++)
		ck_assert_ptr_nonnull(records[i] = otelp_pool_get(OTELP_POOL_LOGS));
	ck_assert_ptr_null(otelp_pool_get(OTELP_POOL_LOGS));
	otelp_pool_put(OTELP_POOL_LOGS, records[0]);
	ck_assert_ptr_nonnull(records[0] = otelp_pool_get(OTELP_POOL_LOGS));
	for (size_t i = 0; i < max; i++)
		otelp_pool_put(OTELP_POOL_LOGS, records[i]);
	free(records);
	otelp_pool_drain();
}
END_TEST

START_TEST(the_clock_is_unix_time_and_never_runs_backwards)
{
	int64_t offset;
	uint64_t wall = otelp_now_unix_ns(), start = otelp_clock_start(&offset),
		 last = start;

	ck_assert_uint_lt(start > wall ? start - wall : wall - start, 1000000000);
	for (int i = 0; i < 10000; i++) {
		uint64_t now = otelp_clock_within(offset);

		ck_assert_uint_ge(now, last);
		last = now;
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("thread");
	TCase *ids = tcase_create("ids"), *rings = tcase_create("ring"),
	      *pool = tcase_create("pool"), *clock = tcase_create("clock");

	oom_install();
	suite_add_tcase(suite, ids);
	suite_add_tcase(suite, rings);
	suite_add_tcase(suite, pool);
	suite_add_tcase(suite, clock);
	tcase_add_test(ids, threads_draw_different_numbers);
	tcase_add_test(ids, a_forked_child_draws_its_own);
	tcase_add_test(ids, spans_work_in_a_forked_child);
	tcase_add_test(rings, the_ring_loses_and_doubles_nothing);
	tcase_add_test(rings, a_full_ring_says_so);
	tcase_add_test(pool, records_come_back_from_other_threads);
	tcase_add_test(pool, an_exiting_thread_leaves_nothing_behind);
	tcase_add_test(pool, the_number_of_records_is_bounded);
	tcase_add_test(clock, the_clock_is_unix_time_and_never_runs_backwards);
	return check_main(suite);
}
