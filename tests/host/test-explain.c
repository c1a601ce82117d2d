/* SPDX-License-Identifier: Apache-2.0 */
/* What a crash is called, what the sanitizers' words come to, and how two configurations differ. */
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "check-main.h"
#include "conf-diff.h"
#include "conf.h"
#include "crash-explain.h"
#include "memcheck-report.h"
#include "worker-boot.h"

/* ---- crashes ---- */

static const struct {
	struct worker_crash crash;
	const char *what, *hint, *cause, *message;
} crashes[] = {
	{ { .signo = SIGSEGV, .address = 8 },
	  "segmentation fault",
	  "a pointer was NULL",
	  "SIGSEGV",
	  "" },
	{ { .signo = SIGSEGV, .address = 0x7fff00000000 },
	  "segmentation fault",
	  "memory that is not there",
	  "SIGSEGV",
	  "" },
	{ { .signo = SIGSEGV, .address = 0x7fff00000000, .is_overflow = 1 },
	  "stack overflow",
	  "calls itself without an end",
	  "SIGSEGV",
	  "" },
	{ { .signo = SIGABRT }, "abort", "abort() was called", "SIGABRT", "" },
	{ { .signo = SIGABRT, .message = "free(): double free detected in tcache 2\n" },
	  "double free",
	  "freed twice",
	  "SIGABRT",
	  "free(): double free detected in tcache 2" },
	{ { .signo = SIGABRT, .message = "free(): invalid pointer\n" },
	  "heap corruption",
	  "past the end of an allocation",
	  "SIGABRT",
	  "free(): invalid pointer" },
	{ { .signo = SIGABRT, .message = "malloc(): corrupted top size" },
	  "heap corruption",
	  "past the end of an allocation",
	  "SIGABRT",
	  "malloc(): corrupted top size" },
	{ { .signo = SIGABRT,
	    .message = "*** stack smashing detected ***: terminated\n" },
	  "buffer overflow",
	  "a local array",
	  "SIGABRT",
	  "*** stack smashing detected ***: terminated" },
	{ { .signo = SIGABRT,
	    .message = "cupola: app.c:7: f: Assertion `malloc' failed.\n" },
	  "abort",
	  "An assertion was false",
	  "SIGABRT",
	  "cupola: app.c:7: f: Assertion `malloc' failed." },
	{ { .signo = SIGABRT, .stalled_ms = 2003 },
	  "endless loop",
	  "never gave its loop back",
	  "stalled for 2003 ms",
	  "" },
	{ { .signo = SIGABRT, .stalled_ms = 2003, .is_waiting = 1 },
	  "blocked",
	  "svc_sleep()",
	  "stalled for 2003 ms",
	  "" },
	{ { .stalled_ms = 105, .is_waiting = 1 },
	  "blocked",
	  "svc_sleep()",
	  "stalled for 105 ms",
	  "" },
	{ { .stalled_ms = 105 }, "blocked", "svc_offload()", "stalled for 105 ms", "" },
	{ { .is_exit = 1, .exit_status = 3 },
	  "exit",
	  "exit() ends the whole process",
	  "exit(3)",
	  "exit status 3" },
	{ { .signo = SIGFPE }, "division by zero", "Test the divisor", "SIGFPE", "" },
	{ { .signo = SIGKILL }, "killed", "no memory left", "SIGKILL", "" },
};

START_TEST(a_crash_is_called_what_it_is)
{
	char cause[64], message[240];

	ck_assert_str_eq(crash_what(&crashes[_i].crash), crashes[_i].what);
	ck_assert_msg(strstr(crash_hint(&crashes[_i].crash), crashes[_i].hint), "%s",
	              crash_hint(&crashes[_i].crash));
	ck_assert_str_eq(crash_cause(&crashes[_i].crash, cause, sizeof cause),
	                 crashes[_i].cause);
	ck_assert_str_eq(crash_message(&crashes[_i].crash, message, sizeof message),
	                 crashes[_i].message);
}
END_TEST

/* ---- what sanitizers write ---- */

static size_t
report(const char *words, char **out)
{
	const struct memcheck_own own = { "/home/ada/bad", "/home/ada/bad" };
	FILE *from = fmemopen((void *)(uintptr_t)words, strlen(words), "r"), *to;
	size_t size, n;

	*out = NULL;
	to = open_memstream(out, &size);
	n = memcheck_report(from, &own, to);
	fclose(from);
	fclose(to);
	return n;
}

#define LATE(pid, address)                                                              \
	"==" pid "==ERROR: AddressSanitizer: heap-use-after-free on address 0x" address \
	" at pc 0x7f bp 0x7f sp 0x7f\n"                                                 \
	"READ of size 1 at 0x" address " thread T5\n"                                   \
	"    #0 0x7f9c26f04a61 in late /home/ada/bad/app.c:26\n"                        \
	"    #1 0x7f9c26f04a61 in handle /home/ada/bad/app.c:46:3\n"                    \
	"    #2 0x5579c61f65a3 in run_request ../host/service-request.c:110\n\n"        \
	"0x" address " is located 3 bytes inside of 10-byte region [0x6020,0x602a)\n"   \
	"freed by thread T5 here:\n"                                                    \
	"    #0 0x7f98a80b76a8 in __interceptor_free ../asan_malloc_linux.cpp:52\n"     \
	"    #1 0x7f98a61894ed in late /home/ada/bad/app.c:25\n\n"                      \
	"Thread T5 created by T0 (cupola) here:\n"                                      \
	"    #0 0x7f98a8049726 in made /home/ada/bad/app.c:1\n\n"                       \
	"SUMMARY: AddressSanitizer: heap-use-after-free /home/ada/bad/app.c:26 in late\n"

START_TEST(the_same_mistake_twice_is_told_once)
{
	char *text;

	ck_assert_uint_eq(
		report(LATE("7", "602000009053") "a line of the host's log\n" LATE(
			       "8", "603000001053"),
	               &text),
		1);
	ck_assert_str_eq(
		text, "1. heap-use-after-free: READ of size 1 (2 times)\n"
		      "    at late (app.c:26)\n"
		      "    called by handle (app.c:46)\n"
		      "  3 bytes inside of 10-byte region\n"
		      "  freed\n"
		      "    at late (app.c:25)\n"
		      "  it was freed before it was used: free last, or keep a copy\n");
	free(text);
}
END_TEST

START_TEST(leaks_of_others_are_left_out_and_those_of_one_place_are_one)
{
	static const char words[] =
		"==7==ERROR: LeakSanitizer: detected memory leaks\n\n"
		"Direct leak of 154 byte(s) in 2 object(s) allocated from:\n"
		"    #0 0x7f9c290b89cf in __interceptor_malloc ../asan_malloc_linux.cpp:69\n"
		"    #1 0x7f9c26f043fe in forget /home/ada/bad/app.c:15\n\n"
		"Direct leak of 4096 byte(s) in 1 object(s) allocated from:\n"
		"    #0 0x7f9c290b89cf in __interceptor_malloc ../asan_malloc_linux.cpp:69\n"
		"    #1 0x7f9c26f043fe in start_threads /home/ada/badlib/lib.c:15\n\n"
		"Indirect leak of 20 byte(s) in 2 object(s) allocated from:\n"
		"    #0 0x7f9c290b89cf in __interceptor_malloc ../asan_malloc_linux.cpp:69\n"
		"    #1 0x7f9c26f043fe in forget /home/ada/bad/app.c:15\n\n"
		"SUMMARY: AddressSanitizer: 4270 byte(s) leaked in 5 allocation(s).\n";
	char *text;

	ck_assert_uint_eq(report(words, &text), 1);
	ck_assert_str_eq(
		text,
		"1. leak: 154 byte(s) in 2 object(s)\n  allocated\n    at forget (app.c:15)\n"
		"  nothing points to it any more: every path out of the function has to free it, or give it back\n");
	free(text);
}
END_TEST

START_TEST(undefined_behaviour_and_crashes_have_their_lines)
{
	static const char words[] =
		"/home/ada/bad/app.c:13:78: runtime error: shift exponent 40 is too large for 32-bit type 'int'\n"
		"    #0 0x7fa1e2c2bcdb in handle /home/ada/bad/app.c:13\n\n"
		"AddressSanitizer:DEADLYSIGNAL\n"
		"==680==ERROR: AddressSanitizer: SEGV on unknown address 0x000000000000 (pc 0x7f bp 0x7f sp 0x7f T5)\n"
		"==680==The signal is caused by a WRITE memory access.\n"
		"    #0 0x7fa1e2c2be1c in handle /home/ada/bad/app.c:14\n\n"
		"SUMMARY: AddressSanitizer: SEGV /home/ada/bad/app.c:14 in handle\n";
	char *text;

	ck_assert_uint_eq(report(words, &text), 2);
	ck_assert_str_eq(
		text,
		"1. undefined behaviour: shift exponent 40 is too large for 32-bit type 'int'\n"
		"    at handle (app.c:13)\n"
		"2. SEGV: WRITE memory access.\n"
		"    at handle (app.c:14)\n"
		"  a pointer led nowhere; near address 0 it was NULL\n");
	free(text);
}
END_TEST

START_TEST(words_that_are_cut_anywhere_are_read)
{
	static const char words[] = LATE("7",
	                                 "602000009053") "x.c:1:1: runtime error: y\n";

	size_t found = 0;

	for (size_t len = 1; len < sizeof words; len++) {
		char *part = strndup(words, len), *text;

		found = report(part, &text);
		/* What is told of a part is a finding of the whole, and never one more. */
		ck_assert_uint_le(found, 2);
		ck_assert(found || !*text);
		free(text);
		free(part);
	}
	ck_assert_uint_eq(found, 2); /* the last part was the whole */
}
END_TEST

/* ---- configurations ---- */

#define OLD                                                                                    \
	"[telemetry]\nlogs = otlp\nheaders = authorization=secret\n[resource]\nteam = orbit\n" \
	"[plugin one]\nlisten = 127.0.0.1:5000\ntext = a\n[plugin two]\nlogs = none\n"

static struct host_conf *
parse(const char *text)
{
	struct host_problems problems = { NULL, 0 };
	struct host_conf *conf = host_conf_parse("host.conf", text, strlen(text),
	                                         &problems);

	ck_assert_msg(problems.n == 0, "%s", problems.n ? problems.lines[0] : "");
	host_problems_fini(&problems);
	return conf;
}

static const struct {
	const char *text, *lines;
	bool needs_processes, same, same_telemetry;
} differences[] = {
	{ OLD, "[]", false, true, true },
	{ "\n\n" OLD, "[]", false, true, true }, /* other lines, and no other values */
	{ "[host]\nstall_kill = 2s\n" OLD, "['[host] stall_kill = 2000ms, was 5000ms']",
	  false, false, true },
	{ "[host]\nfiber_stack = 512k\n" OLD,
	  "['[host] fiber_stack = 524288, was 262144']", true, false, true },
	{ "[host]\nworkers = 77\n" OLD,
	  "['[host] workers has changed, which takes a new start: it stays as it was']",
	  false, true, true },
	{ "[host]\nmax_requests = 7\n" OLD, "['[host] max_requests = 7, was 1000']",
	  false, false, true },
	{ "[telemetry]\nlogs = none\nheaders = authorization=other\n[resource]\nteam = moon\n[plugin one]\nlisten = 127.0.0.1:5000\ntext = a\n[plugin two]\n",
	  "['[telemetry] headers has changed', '[telemetry] logs = none, was otlp', '[resource] team = moon, was orbit']",
	  false, false, false },
	{ "[telemetry]\nlogs = otlp\nheaders = authorization=secret\n[plugin one]\nlisten = 127.0.0.1:5000, b=[::1]:1\ntext = b\n"
	  "[plugin two]\nlogs = none\ninstrument = no\nmetrics.interval = 1s\n",
	  "['[resource] team is gone, was orbit', '[plugin one] listen = 127.0.0.1:5000, b=[::1]:1, was 127.0.0.1:5000', '[plugin one] text has changed',"
	  " '[plugin two] instrument = no, was yes', '[plugin two] metrics.interval = 1000ms']",
	  false, false, false },
	{ "[telemetry]\nlogs = otlp\nheaders = authorization=secret\n[resource]\nteam = orbit\n[plugin one]\nlisten = 127.0.0.1:5000\ntext = a\n"
	  "[plugin three]\n",
	  "['[plugin three] is new', '[plugin two] is gone']", false, true, true },
};

START_TEST(a_difference_is_told_key_by_key)
{
	struct host_conf *old = parse(OLD), *new = parse(differences[_i].text);
	json_t *lines = host_conf_diff(old, new), *expected;
	char *text = strdup(differences[_i].lines), *found = json_dumps(lines, 0);

	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	expected = json_loads(text, 0, NULL);
	ck_assert_msg(json_equal(lines, expected), "%s", found);
	ck_assert_int_eq(host_conf_needs_processes(old, new),
	                 differences[_i].needs_processes);
	ck_assert_int_eq(host_conf_same(old, new), differences[_i].same);
	ck_assert_int_eq(host_conf_same_telemetry(old, new),
	                 differences[_i].same_telemetry);
	free(text);
	free(found);
	json_decref(expected);
	json_decref(lines);
	host_conf_free(old);
	host_conf_free(new);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("explain");
	TCase *tcase = tcase_create("explain");

	tcase_add_loop_test(tcase, a_crash_is_called_what_it_is, 0,
	                    (int)(sizeof crashes / sizeof *crashes));
	tcase_add_test(tcase, the_same_mistake_twice_is_told_once);
	tcase_add_test(tcase,
	               leaks_of_others_are_left_out_and_those_of_one_place_are_one);
	tcase_add_test(tcase, undefined_behaviour_and_crashes_have_their_lines);
	tcase_add_test(tcase, words_that_are_cut_anywhere_are_read);
	tcase_add_loop_test(tcase, a_difference_is_told_key_by_key, 0,
	                    (int)(sizeof differences / sizeof *differences));
	suite_add_tcase(suite, tcase);
	return check_main(suite);
}
