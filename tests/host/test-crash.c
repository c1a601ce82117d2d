/* SPDX-License-Identifier: Apache-2.0 */
/* A child crashes in some way; what it wrote down is read. */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check-main.h"
#include "crash.h"
#include "current.h"
#include "worker-boot.h"

static struct worker_crash record;
static char maps[65536];

static const struct host_current here = {
	.plugin = "hello", .generation = 7, .doing = "handle", .detail = "/x"
};

/* Runs `crash` in a child and reads what it left; the signal that ended it. */
static int
signal_of(void (*crash)(void))
{
	int fd = memfd_create("test-crash", 0), status;
	pid_t pid = fork();
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	if (pid == 0) {
		if (crash_setup(fd, NULL) == 0) {
			host_current = &here;
			crash();
		}
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSIGNALED(status), "status %x", status);
	ck_assert_int_eq(pread(fd, &record, sizeof record, 0), sizeof record);
	n = pread(fd, maps, sizeof maps - 1, sizeof record);
	maps[n > 0 ? n : 0] = '\0';
	close(fd);
	return WTERMSIG(status);
}

static bool
has_frame_in(uintptr_t function)
{
	for (uint32_t i = 0; i < record.n_frames; i++)
		if (record.frames[i] >= function && record.frames[i] < function + 256)
			return true;
	return false;
}

__attribute__((noinline)) static int
read_from(volatile int *address)
{
	return *address;
}

__attribute__((noinline)) static void
follow_a_bad_pointer(void)
{
	if (read_from((volatile int *)(uintptr_t)24) == 0)
		abort();
}

START_TEST(a_bad_pointer_is_recorded_with_address_plugin_and_callers)
{
	ck_assert_int_eq(signal_of(follow_a_bad_pointer), SIGSEGV);
	ck_assert_uint_eq(record.magic, WORKER_CRASH_MAGIC);
	ck_assert_uint_eq(record.size, sizeof record);
	ck_assert_int_eq(record.signo, SIGSEGV);
	ck_assert_uint_eq(record.address, 24);
	ck_assert_str_eq(record.plugin, "hello");
	ck_assert_uint_eq(record.generation, 7);
	ck_assert_uint_eq(record.stalled_ms, 0);
	ck_assert(has_frame_in((uintptr_t)read_from));
	ck_assert(has_frame_in((uintptr_t)follow_a_bad_pointer));
	ck_assert(has_frame_in((uintptr_t)signal_of) || record.n_frames > 2);
	ck_assert_ptr_nonnull(strstr(maps, "test-crash"));
}
END_TEST

__attribute__((noinline)) static void
give_up(void)
{
	abort();
}

START_TEST(an_abort_is_recorded_with_the_line_that_asked_for_it)
{
	ck_assert_int_eq(signal_of(give_up), SIGABRT);
	ck_assert_int_eq(record.signo, SIGABRT);
	ck_assert_uint_eq(record.address, 0);
	ck_assert(has_frame_in((uintptr_t)give_up));
}
END_TEST

static void
call_nowhere(void)
{
	void (*volatile nowhere)(void) = NULL;

	nowhere();
	__asm__ volatile(""); /* so that it is a call, and not a jump that leaves no frame */
}

START_TEST(a_call_of_nothing_is_recorded_with_its_caller)
{
	ck_assert_int_eq(signal_of(call_nowhere), SIGSEGV);
	ck_assert_uint_eq(record.frames[0], 0);
	ck_assert(has_frame_in((uintptr_t)call_nowhere));
}
END_TEST

__attribute__((noinline)) static int
recurse(volatile int depth)
{
	volatile char room[1024];

	room[depth % 1024] = (char)depth;
	return depth < 0 ? 0 : recurse(depth + 1) + room[0];
}

static void
overflow(void)
{
	(void)recurse(0);
}

START_TEST(a_stack_overflow_is_recorded_on_the_alternate_stack)
{
	ck_assert_int_eq(signal_of(overflow), SIGSEGV);
	ck_assert(has_frame_in((uintptr_t)recurse));
	ck_assert_uint_eq(record.n_frames, WORKER_CRASH_FRAMES);
}
END_TEST

static void
smash_the_chain(void)
{
	/* A frame pointer that points nowhere must end the walk and not the handler. */
#if defined(__x86_64__)
	__asm__ volatile("movq $0x10, %rbp\n\tmovl $0, 0x8");
#else
	follow_a_bad_pointer();
#endif
}

START_TEST(a_broken_chain_of_frames_ends_the_walk)
{
	ck_assert_int_eq(signal_of(smash_the_chain), SIGSEGV);
	ck_assert_uint_ge(record.n_frames, 1);
	ck_assert_ptr_nonnull(strstr(maps, "test-crash"));
}
END_TEST

static void *
crash_too(void *arg)
{
	follow_a_bad_pointer();
	return arg;
}

static void
crash_in_many_threads(void)
{
	pthread_t threads[8];

	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, crash_too, NULL);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
}

START_TEST(threads_that_crash_at_once_leave_one_whole_record)
{
	ck_assert_int_eq(signal_of(crash_in_many_threads), SIGSEGV);
	ck_assert_uint_eq(record.magic, WORKER_CRASH_MAGIC);
	ck_assert(has_frame_in((uintptr_t)follow_a_bad_pointer));
}
END_TEST

static atomic_bool go_on = true;
static sem_t looping;

__attribute__((noinline)) static void
loop_for_long(void)
{
	sem_post(&looping);
	while (atomic_load(&go_on))
		;
}

static void *
run_loop(void *arg)
{
	crash_thread_begin();
	host_current = &here;
	loop_for_long();
	host_current = NULL;
	crash_thread_end();
	return arg;
}

START_TEST(a_sample_tells_what_a_thread_does_and_lets_it_go_on)
{
	struct worker_crash sample;
	pthread_t thread;
	int fd = memfd_create("test-crash", 0);

	sem_init(&looping, 0, 0);
	ck_assert_int_eq(crash_setup(fd, NULL), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_loop, NULL), 0);
	sem_wait(&looping);
	ck_assert_int_eq(crash_sample(thread, 5000, &sample), 0);
	ck_assert_str_eq(sample.plugin, "hello");
	record = sample;
	ck_assert(has_frame_in((uintptr_t)loop_for_long));
	ck_assert_int_eq(crash_sample(thread, 5000, &sample), 0);
	atomic_store(&go_on, false);
	pthread_join(thread, NULL);
	close(fd);
}
END_TEST

static void
be_stalled(void)
{
	pthread_t thread;

	sem_init(&looping, 0, 0);
	pthread_create(&thread, NULL, run_loop, NULL);
	sem_wait(&looping);
	crash_kill_stalled(thread, 5123, true);
	pthread_join(thread, NULL);
}

START_TEST(a_stalled_thread_dies_where_it_stands)
{
	ck_assert_int_eq(signal_of(be_stalled), SIGABRT);
	ck_assert_uint_eq(record.stalled_ms, 5123);
	ck_assert_uint_eq(record.is_waiting, 1);
	ck_assert(has_frame_in((uintptr_t)loop_for_long));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("crash");
	TCase *crash = tcase_create("crash");

	tcase_set_timeout(crash, 30);
	tcase_add_test(crash, a_bad_pointer_is_recorded_with_address_plugin_and_callers);
	tcase_add_test(crash, an_abort_is_recorded_with_the_line_that_asked_for_it);
	tcase_add_test(crash, a_call_of_nothing_is_recorded_with_its_caller);
	tcase_add_test(crash, a_stack_overflow_is_recorded_on_the_alternate_stack);
	tcase_add_test(crash, a_broken_chain_of_frames_ends_the_walk);
	tcase_add_test(crash, threads_that_crash_at_once_leave_one_whole_record);
	tcase_add_test(crash, a_sample_tells_what_a_thread_does_and_lets_it_go_on);
	tcase_add_test(crash, a_stalled_thread_dies_where_it_stands);
	suite_add_tcase(suite, crash);
	return check_main(suite);
}
