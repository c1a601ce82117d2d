/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "check-main.h"
#include "fiber.h"
#include <otel/context.h>

static struct host_fibers *fibers;
static char trail[256];

static void
note(const char *text)
{
	strncat(trail, text, sizeof trail - strlen(trail) - 1);
}

static void
set_up(void)
{
	trail[0] = '\0';
	ck_assert_int_eq(host_fibers_new(NULL, 0, 100, 4, &fibers), 0);
}

static void
tear_down(void)
{
	host_fibers_free(fibers);
}

static struct host_fiber *
make(host_fiber_fn *fn, void *arg)
{
	struct host_fiber *fiber = host_fiber_new(fibers, fn, NULL, arg, NULL, NULL);

	ck_assert_ptr_nonnull(fiber);
	return fiber;
}

static bool
let_go(void *arg)
{
	if (arg)
		note(arg);
	return true;
}

static bool
hold_on(void *arg)
{
	(void)arg;
	return false;
}

static void
a_b(void *arg)
{
	note("a");
	ck_assert_int_eq(host_fiber_wait(let_go, NULL), 0);
	note("b");
	(void)arg;
}

START_TEST(runs_until_it_waits_and_goes_on_when_ready)
{
	struct host_fiber *fiber = make(a_b, NULL);

	host_fiber_run(fiber);
	ck_assert_str_eq(trail, "a");
	ck_assert_uint_eq(host_fibers_alive(fibers), 1);
	ck_assert(!host_fibers_run(fibers));
	ck_assert_str_eq(trail, "a");
	host_fiber_ready(fiber);
	host_fibers_run(fibers);
	ck_assert_str_eq(trail, "ab");
	ck_assert_uint_eq(host_fibers_alive(fibers), 0);
}
END_TEST

static void
say(void *arg)
{
	note(arg);
}

START_TEST(ready_ones_run_in_the_order_in_which_they_became_ready)
{
	static char one[] = "1", two[] = "2", three[] = "3";

	host_fiber_ready(make(say, one));
	host_fiber_ready(make(say, two));
	host_fiber_ready(make(say, three));
	host_fibers_run(fibers);
	ck_assert_str_eq(trail, "123");
}
END_TEST

static void
spawns(void *arg)
{
	static char inner[] = "inner ";

	host_fiber_ready(make(say, inner));
	note("outer ");
	(void)arg;
}

START_TEST(what_becomes_ready_meanwhile_runs_in_the_next_call)
{
	host_fiber_ready(make(spawns, NULL));
	ck_assert(host_fibers_run(fibers));
	ck_assert_str_eq(trail, "outer ");
	ck_assert(!host_fibers_run(fibers));
	ck_assert_str_eq(trail, "outer inner ");
}
END_TEST

static void
ended(void *arg)
{
	ck_assert_ptr_null(host_fiber_self());
	note("ended ");
	(void)arg;
}

START_TEST(its_end_is_told_on_the_loops_stack)
{
	struct host_fiber *fiber = host_fiber_new(fibers, a_b, ended, NULL, NULL, NULL);

	host_fiber_run(fiber);
	host_fiber_run(fiber);
	ck_assert_str_eq(trail, "abended ");
}
END_TEST

static void
waits_twice(void *arg)
{
	int *results = arg;

	results[0] = host_fiber_wait(let_go, NULL);
	results[1] = host_fiber_wait(let_go, NULL);
	note("unwound");
}

START_TEST(cancel_ends_this_wait_and_all_that_follow)
{
	int results[2] = { 1, 1 };
	struct host_fiber *fiber = make(waits_twice, results);

	host_fiber_run(fiber);
	host_fiber_cancel(fiber);
	ck_assert_int_eq(results[0], 1); /* not from within the call */
	host_fibers_run(fibers);
	ck_assert_int_eq(results[0], -ECANCELED);
	ck_assert_int_eq(results[1], -ECANCELED);
	ck_assert_str_eq(trail, "unwound");
	ck_assert_uint_eq(host_fibers_alive(fibers), 0);
}
END_TEST

START_TEST(cancel_before_it_begins_makes_its_first_wait_fail)
{
	int results[2] = { 1, 1 };
	struct host_fiber *fiber = make(waits_twice, results);

	host_fiber_cancel(fiber);
	host_fiber_run(fiber);
	ck_assert_int_eq(results[0], -ECANCELED);
	ck_assert_str_eq(trail, "unwound");
}
END_TEST

START_TEST(cancel_after_the_wake_lets_the_wake_stand)
{
	int results[2] = { 1, 1 };
	struct host_fiber *fiber = make(waits_twice, results);

	host_fiber_run(fiber);
	host_fiber_ready(fiber);
	host_fiber_cancel(fiber);
	host_fibers_run(fibers);
	ck_assert_int_eq(results[0], 0);
	ck_assert_int_eq(results[1], -ECANCELED);
}
END_TEST

static void
holds_on(void *arg)
{
	*(int *)arg = host_fiber_wait(hold_on, NULL);
}

static void
not_cancellable(void *arg)
{
	*(int *)arg = host_fiber_wait(NULL, NULL);
}

START_TEST(a_wait_that_cannot_be_abandoned_goes_on)
{
	host_fiber_fn *const fns[] = { holds_on, not_cancellable };
	int result = 1;
	struct host_fiber *fiber = make(fns[_i], &result);

	host_fiber_run(fiber);
	host_fiber_cancel(fiber);
	ck_assert(!host_fibers_run(fibers));
	ck_assert_int_eq(result, 1);
	host_fiber_ready(fiber);
	host_fibers_run(fibers);
	ck_assert_int_eq(result, 0);
}
END_TEST

static void
sets_errno(void *arg)
{
	ck_assert_int_eq(errno, 0);
	errno = (int)(intptr_t)arg;
	host_fiber_wait(let_go, NULL);
	ck_assert_int_eq(errno, (int)(intptr_t)arg);
}

START_TEST(errno_is_its_own)
{
	struct host_fiber *a = make(sets_errno, (void *)(intptr_t)ENOENT);
	struct host_fiber *b = make(sets_errno, (void *)(intptr_t)EIO);

	errno = E2BIG;
	host_fiber_run(a);
	host_fiber_run(b);
	ck_assert_int_eq(errno, E2BIG);
	host_fiber_run(a);
	host_fiber_run(b);
	ck_assert_int_eq(errno, E2BIG);
}
END_TEST

static void
swaps_context(void *arg)
{
	struct otel_context *mine = arg;

	ck_assert_ptr_null(otel_context_current());
	otel_context_swap(mine);
	host_fiber_wait(let_go, NULL);
	ck_assert_ptr_eq(otel_context_current(), mine);
	otel_context_swap(NULL);
}

START_TEST(the_current_context_is_its_own)
{
	static const struct otel_context_key *key; /* keys are never freed */
	struct otel_context *loops, *one, *two;
	struct host_fiber *a, *b;

	key = otel_context_key_new("test");
	loops = otel_context_with_value(NULL, key, trail, NULL);
	one = otel_context_with_value(NULL, key, trail, NULL);
	two = otel_context_with_value(NULL, key, trail, NULL);
	a = make(swaps_context, one);
	b = make(swaps_context, two);
	otel_context_swap(loops);
	host_fiber_run(a);
	host_fiber_run(b);
	ck_assert_ptr_eq(otel_context_current(), loops);
	host_fiber_run(a);
	host_fiber_run(b);
	ck_assert_ptr_eq(otel_context_swap(NULL), loops);
	otel_context_unref(loops);
	otel_context_unref(one);
	otel_context_unref(two);
}
END_TEST

static void
knows_its_tag(void *arg)
{
	ck_assert_str_eq(host_current->plugin, "hello");
	ck_assert_uint_eq(host_current->generation, 7);
	ck_assert_ptr_eq(host_fibers_running(fibers), host_current);
	ck_assert_uint_eq(host_fibers_switches(fibers) & 1, 1);
	(void)arg;
}

START_TEST(the_tag_tells_whose_code_runs)
{
	struct host_current current = { .plugin = "hello", .generation = 7 };

	host_fiber_run(host_fiber_new(fibers, knows_its_tag, NULL, NULL, &current, NULL));
	ck_assert_ptr_null(host_current);
	ck_assert_ptr_null(host_fibers_running(fibers));
	ck_assert_uint_eq(host_fibers_switches(fibers), 2);
}
END_TEST

static void
keeps_numbers(void *arg)
{
	volatile double d = *(int *)arg * 1.5;
	uint64_t a = (uint64_t) * (int *)arg, b = a * 3, c = a * 7;

	for (int i = 0; i < 10; i++) {
		host_fiber_wait(let_go, NULL);
		b += a;
		c += b;
		d += 0.5;
	}
	ck_assert_uint_eq(b, a * 13);
	ck_assert(d == *(int *)arg * 1.5 + 5);
	ck_assert_uint_eq(c, a * 7 + a * 85);
}

START_TEST(registers_survive_many_interleaved_switches)
{
	struct host_fiber *all[50];
	int numbers[50];

	for (int i = 0; i < 50; i++) {
		numbers[i] = i + 1;
		all[i] = make(keeps_numbers, &numbers[i]);
		host_fiber_run(all[i]);
	}
	for (int n = 0; n < 10; n++)
		for (int i = 0; i < 50; i++)
			host_fiber_run(all[(i * 7 + n) % 50]);
	ck_assert_uint_eq(host_fibers_alive(fibers), 0);
}
END_TEST

static void
where(void *arg)
{
	char here;

	*(uintptr_t *)arg = (uintptr_t)&here & ~(uintptr_t)4095;
}

START_TEST(stacks_are_used_again)
{
	uintptr_t first, second;

	host_fiber_run(make(where, &first));
	host_fiber_run(make(where, &second));
#ifndef __SANITIZE_ADDRESS__ /* whose fake stacks move */
	ck_assert_uint_eq(first, second);
#endif
}
END_TEST

static void
idle(void *arg)
{
	(void)arg;
	host_fiber_wait(let_go, NULL);
}

START_TEST(past_the_bound_there_are_none)
{
	struct host_fiber *all[100];

	for (int i = 0; i < 100; i++) {
		all[i] = make(idle, NULL);
		host_fiber_run(all[i]);
	}
	ck_assert_ptr_null(host_fiber_new(fibers, idle, NULL, NULL, NULL, NULL));
	for (int i = 0; i < 100; i++)
		host_fiber_run(all[i]);
	host_fiber_run(make(say, trail));
}
END_TEST

static void
formats(void *arg)
{
	_Alignas(16) char block[16];

	/* Code that moves 16 bytes at once faults on a stack that is not aligned as the ABI says. */
	*(uintptr_t *)arg = (uintptr_t)block % 16;
	snprintf(trail, sizeof trail, "%.3f", 1.5);
}

START_TEST(its_stack_is_aligned)
{
	uintptr_t off = 1;

	host_fiber_run(make(formats, &off));
	ck_assert_uint_eq(off, 0);
	ck_assert_str_eq(trail, "1.500");
}
END_TEST

static size_t
burn(size_t depth)
{
	volatile char block[1024];

	block[0] = (char)depth;
	return depth ? burn(depth - 1) + (size_t)block[0] : 0;
}

static void
burns_200k(void *arg)
{
	burn(190);
	(void)arg;
}

START_TEST(a_stack_holds_200_kib)
{
	host_fiber_run(make(burns_200k, NULL));
	ck_assert_uint_eq(host_fibers_alive(fibers), 0);
}
END_TEST

static void
on_fault(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	_exit(host_fiber_is_overflow(info->si_addr, (void *)UINTPTR_MAX) ? 42 : 43);
}

static void
recurses_for_ever(void *arg)
{
	burn(1u << 20);
	(void)arg;
}

START_TEST(an_overflow_hits_the_guard_page_and_is_known_as_one)
{
	static char stack[64 << 10];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof stack };
	struct sigaction action = { .sa_sigaction = on_fault,
		                    .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigaltstack(&ss, NULL);
	sigaction(SIGSEGV, &action, NULL);
	host_fiber_run(make(recurses_for_ever, NULL));
	_exit(1);
}
END_TEST

static void
outside(void *arg)
{
	ck_assert_ptr_nonnull(host_fiber_self());
	burn(3000); /* more than a fiber's stack */
	*(int *)arg += 1;
}

static void
goes_outside(void *arg)
{
	errno = ENOENT;
	host_fiber_outside(outside, arg);
	host_fiber_outside(outside, arg);
	note("back");
}

START_TEST(recursion_has_room_on_the_loops_stack)
{
	int n = 0;

	host_fiber_run(make(goes_outside, &n));
	ck_assert_int_eq(n, 2);
	ck_assert_str_eq(trail, "back");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("fiber");
	TCase *tc = tcase_create("fiber");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, runs_until_it_waits_and_goes_on_when_ready);
	tcase_add_test(tc, ready_ones_run_in_the_order_in_which_they_became_ready);
	tcase_add_test(tc, what_becomes_ready_meanwhile_runs_in_the_next_call);
	tcase_add_test(tc, its_end_is_told_on_the_loops_stack);
	tcase_add_test(tc, cancel_ends_this_wait_and_all_that_follow);
	tcase_add_test(tc, cancel_before_it_begins_makes_its_first_wait_fail);
	tcase_add_test(tc, cancel_after_the_wake_lets_the_wake_stand);
	tcase_add_loop_test(tc, a_wait_that_cannot_be_abandoned_goes_on, 0, 2);
	tcase_add_test(tc, errno_is_its_own);
	tcase_add_test(tc, the_current_context_is_its_own);
	tcase_add_test(tc, the_tag_tells_whose_code_runs);
	tcase_add_test(tc, registers_survive_many_interleaved_switches);
	tcase_add_test(tc, its_stack_is_aligned);
	tcase_add_test(tc, stacks_are_used_again);
	tcase_add_test(tc, past_the_bound_there_are_none);
	tcase_add_test(tc, a_stack_holds_200_kib);
	tcase_add_test(tc, recursion_has_room_on_the_loops_stack);
	tcase_add_exit_test(tc, an_overflow_hits_the_guard_page_and_is_known_as_one, 42);
	suite_add_tcase(suite, tc);
	return check_main(suite);
}
