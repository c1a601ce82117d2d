/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "check-main.h"
#include "queue_priv.h"

static struct otelp_queue queue;

static void *
record(uintptr_t n)
{
	return (void *)n; /* numbers stand for records; 0 is none */
}

static void
teardown(void)
{
	otelp_queue_fini(&queue);
}

START_TEST(what_goes_in_comes_out_in_order)
{
	void *out[4];
	uint64_t size;

	ck_assert_int_eq(otelp_queue_init(&queue, 3), 0);
	for (uintptr_t round = 0; round < 10; round++) {
		for (uintptr_t i = 1; i <= 3; i++) {
			ck_assert(otelp_queue_push(&queue, record(round * 3 + i), &size));
			ck_assert_uint_eq(size, i);
		}
		ck_assert_uint_eq(otelp_queue_pop(&queue, out, 4), 3);
		for (uintptr_t i = 1; i <= 3; i++)
			ck_assert_ptr_eq(out[i - 1], record(round * 3 + i));
		ck_assert_uint_eq(otelp_queue_pop(&queue, out, 4), 0);
	}
}
END_TEST

/* Capacities that are powers of two, and that are not. */
START_TEST(it_holds_exactly_its_capacity)
{
	size_t capacity = (size_t)_i;
	uint64_t size;
	void *out[1];

	ck_assert_int_eq(otelp_queue_init(&queue, capacity), 0);
	for (size_t i = 0; i < capacity; i++)
		ck_assert(otelp_queue_push(&queue, record(i + 1), &size));
	ck_assert(!otelp_queue_push(&queue, record(99), &size));
	ck_assert_uint_eq(otelp_queue_size(&queue), capacity);
	ck_assert_uint_eq(otelp_queue_pop(&queue, out, 1), 1);
	ck_assert_ptr_eq(out[0], record(1));
	ck_assert(otelp_queue_push(&queue, record(98), &size));
	ck_assert(!otelp_queue_push(&queue, record(97), &size));
	while (otelp_queue_pop(&queue, out, 1))
		;
	ck_assert_ptr_eq(out[0], NULL);
}
END_TEST

START_TEST(a_child_salvages_what_was_pushed_whole)
{
	void *out[8];
	uint64_t size;

	ck_assert_int_eq(otelp_queue_init(&queue, 8), 0);
	ck_assert(otelp_queue_push(&queue, record(1), &size));
	atomic_fetch_add(&queue.tail,
	                 1); /* claimed, and never filled: its thread is the parent's */
	ck_assert(otelp_queue_push(&queue, record(3), &size));
	ck_assert_uint_eq(otelp_queue_pop(&queue, out, 8), 1);
	ck_assert_uint_eq(otelp_queue_salvage(&queue, out, 8), 1);
	ck_assert_ptr_eq(out[0], record(3));
	ck_assert_uint_eq(otelp_queue_size(&queue), 0);
	ck_assert(otelp_queue_push(&queue, record(4), &size));
	ck_assert_uint_eq(otelp_queue_pop(&queue, out, 8), 1);
	ck_assert_ptr_eq(out[0], record(4));
}
END_TEST

/* ---- many producers ---- */

enum { PRODUCERS = 4, EACH = 20000 };

static atomic_uint_fast64_t refused;

static void *
produce(void *arg)
{
	uintptr_t id = (uintptr_t)arg;
	uint64_t size;

	for (uintptr_t i = 1; i <= EACH; i++) {
		while (!otelp_queue_push(&queue, record(id << 32 | i), &size)) {
			atomic_fetch_add(&refused, 1);
			sched_yield();
		}
	}
	return NULL;
}

START_TEST(nothing_is_lost_or_doubled_between_threads)
{
	pthread_t threads[PRODUCERS];
	uintptr_t last[PRODUCERS] = { 0 };
	size_t got = 0;

	ck_assert_int_eq(otelp_queue_init(&queue, 100), 0);
	for (uintptr_t i = 0; i < PRODUCERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, produce, (void *)i),
		                 0);
	while (got < (size_t)PRODUCERS * EACH) {
		void *out[32];
		size_t n = otelp_queue_pop(&queue, out, 32);

		for (size_t i = 0; i < n; i++) {
			uintptr_t value = (uintptr_t)out[i], id = value >> 32;

			ck_assert_uint_lt(id, PRODUCERS);
			ck_assert_uint_eq(value & 0xffffffff,
			                  ++last[id]); /* each producer's order is kept */
		}
		got += n;
		if (!n)
			sched_yield();
	}
	for (int i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(otelp_queue_size(&queue), 0);
	ck_assert_uint_eq(atomic_load(&queue.tail), (uint64_t)PRODUCERS * EACH);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("queue");
	TCase *alone = tcase_create("alone"), *threads = tcase_create("threads");

	tcase_add_checked_fixture(alone, NULL, teardown);
	tcase_add_test(alone, what_goes_in_comes_out_in_order);
	tcase_add_loop_test(alone, it_holds_exactly_its_capacity, 1, 9);
	tcase_add_test(alone, a_child_salvages_what_was_pushed_whole);
	suite_add_tcase(suite, alone);
	tcase_add_checked_fixture(threads, NULL, teardown);
	tcase_set_timeout(threads, 60);
	tcase_add_test(threads, nothing_is_lost_or_doubled_between_threads);
	suite_add_tcase(suite, threads);
	return check_main(suite);
}
