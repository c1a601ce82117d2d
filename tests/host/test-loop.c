/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>

#include <check.h>

#include "check-main.h"
#include "fiber.h"
#include "loop.h"

static struct host_loop *loop;
static sem_t posted;
static int trail[1000], n_trail;

static void
set_up(void)
{
	struct host_loop_config config = { .name = "test", .index = 3 };

	sem_init(&posted, 0, 0);
	ck_assert_int_eq(host_loops_init(NULL), 0);
	ck_assert_int_eq(host_loop_new(&config, &loop, NULL), 0);
}

static void
tear_down(void)
{
	host_loop_stop(loop);
	host_loop_join(loop);
	host_loop_free(loop);
	sem_destroy(&posted);
}

static void
wait_for_post(void)
{
	while (sem_wait(&posted) < 0)
		;
}

struct letter {
	struct host_message message;
	int number;
};

static void
read_letter(struct host_message *message)
{
	ck_assert_ptr_eq(host_loop_current(), loop);
	trail[n_trail++] = ((struct letter *)message)->number;
}

START_TEST(messages_run_in_the_order_in_which_they_were_posted)
{
	static struct letter letters[1000];

	for (int i = 0; i < 1000; i++) {
		letters[i] = (struct letter){ { .fn = read_letter }, i };
		host_loop_post(loop, &letters[i].message);
	}
	host_loop_once(loop, false);
	ck_assert_int_eq(n_trail, 1000);
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(trail[i], i);
}
END_TEST

static void
post(void *arg)
{
	(void)arg;
	sem_post(&posted);
}

START_TEST(a_message_wakes_a_loop_that_sleeps)
{
	ck_assert_int_eq(host_loop_start(loop, NULL), 0);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(host_loop_call(loop, post, NULL), 0);
		wait_for_post();
	}
}
END_TEST

static struct letter storm[4][250];
static atomic_int read_count;

static void
count_letter(struct host_message *message)
{
	(void)message;
	if (atomic_fetch_add(&read_count, 1) == 999)
		sem_post(&posted);
}

static void *
posts_a_storm(void *arg)
{
	struct letter *letters = arg;

	for (int i = 0; i < 250; i++) {
		letters[i].message.fn = count_letter;
		host_loop_post(loop, &letters[i].message);
	}
	return NULL;
}

START_TEST(no_message_is_lost_between_threads)
{
	pthread_t threads[4];

	ck_assert_int_eq(host_loop_start(loop, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, posts_a_storm, storm[i]);
	wait_for_post();
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(atomic_load(&read_count), 1000);
}
END_TEST

static void
blocks(void *arg)
{
	(void)arg;
	wait_for_post();
}

START_TEST(a_barrier_waits_for_the_callback_that_runs)
{
	ck_assert_int_eq(host_loop_start(loop, NULL), 0);
	ck_assert_int_eq(host_loop_barrier(&loop, 1, 10000), 0);
	ck_assert_int_eq(host_loop_call(loop, blocks, NULL), 0);
	ck_assert_int_eq(host_loop_barrier(&loop, 1, 10), -ETIMEDOUT);
	sem_post(&posted);
	ck_assert_int_eq(host_loop_barrier(&loop, 1, 10000), 0);
}
END_TEST

static struct host_current tag = { .plugin = "hello", .generation = 2 };
static atomic_bool spinning, enough;

static void
spins(void *arg)
{
	(void)arg;
	atomic_store(&spinning, true);
	while (!atomic_load(&enough))
		;
	sem_post(&posted);
}

static void
begins_to_spin(void *arg)
{
	(void)arg;
	host_fiber_ready(
		host_fiber_new(host_loop_fibers(loop), spins, NULL, NULL, &tag, NULL));
}

START_TEST(a_fiber_that_keeps_the_loop_can_be_told_from_outside)
{
	uint64_t beat;

	ck_assert_int_eq(host_loop_start(loop, NULL), 0);
	ck_assert_int_eq(host_loop_call(loop, begins_to_spin, NULL), 0);
	while (!atomic_load(&spinning))
		poll(NULL, 0, 1);
	beat = host_loop_beat(loop);
	ck_assert_uint_eq(beat & 1, 1);
	ck_assert_str_eq(host_loop_running(loop)->plugin, "hello");
	ck_assert_uint_eq(host_loop_beat(loop), beat);
	atomic_store(&enough, true);
	wait_for_post();
	ck_assert_int_eq(host_loop_barrier(&loop, 1, 10000), 0);
	ck_assert_uint_eq(host_loop_beat(loop), beat + 1);
	ck_assert_ptr_null(host_loop_running(loop));
}
END_TEST

static void
sleeps(void *arg)
{
	uint64_t before = host_now_ns();

	ck_assert_int_eq(host_fiber_sleep(*(int *)arg), 0);
	ck_assert_uint_ge(host_now_ns() - before, (uint64_t) * (int *)arg * 1000000);
	sem_post(&posted);
}

static void
begins_to_sleep(void *arg)
{
	static int ms[] = { 0, 1, 7 };

	(void)arg;
	for (int i = 0; i < 3; i++)
		host_fiber_ready(host_fiber_new(host_loop_fibers(loop), sleeps, NULL,
		                                &ms[i], NULL, NULL));
}

START_TEST(a_sleep_is_never_too_short)
{
	ck_assert_int_eq(host_loop_start(loop, NULL), 0);
	ck_assert_int_eq(host_loop_call(loop, begins_to_sleep, NULL), 0);
	for (int i = 0; i < 3; i++)
		wait_for_post();
}
END_TEST

static sigset_t blocked;

static void
looks_at_signals(void *arg)
{
	pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	post(arg);
}

START_TEST(its_thread_takes_signals_of_faults_only)
{
	ck_assert_int_eq(host_loop_start(loop, NULL), 0);
	ck_assert_int_eq(host_loop_call(loop, looks_at_signals, NULL), 0);
	wait_for_post();
	ck_assert(sigismember(&blocked, SIGTERM));
	ck_assert(sigismember(&blocked, SIGHUP));
	ck_assert(!sigismember(&blocked, SIGSEGV));
	ck_assert(!sigismember(&blocked, SIGABRT));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("loop");
	TCase *tc = tcase_create("loop");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, messages_run_in_the_order_in_which_they_were_posted);
	tcase_add_test(tc, a_message_wakes_a_loop_that_sleeps);
	tcase_add_test(tc, no_message_is_lost_between_threads);
	tcase_add_test(tc, a_barrier_waits_for_the_callback_that_runs);
	tcase_add_test(tc, a_fiber_that_keeps_the_loop_can_be_told_from_outside);
	tcase_add_test(tc, a_sleep_is_never_too_short);
	tcase_add_test(tc, its_thread_takes_signals_of_faults_only);
	suite_add_tcase(suite, tc);
	return check_main(suite);
}
