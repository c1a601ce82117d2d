/* SPDX-License-Identifier: Apache-2.0 */
#include "crash-explain.h"

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "worker-boot.h"

#define NEARLY_NULL \
	65536 /* a member of a struct at NULL, or an early element of an array there */

/* What the C library says before it aborts, and what that was. The first that is in the message counts. */
static const struct {
	const char *part, *what;
} last_words[] = {
	{ "double free", "double free" },         { "stack smashing", "buffer overflow" },
	{ "buffer overflow", "buffer overflow" }, { "Assertion", "abort" },
	{ "free()", "heap corruption" },          { "malloc", "heap corruption" },
	{ "realloc", "heap corruption" },         { "corrupted", "heap corruption" },
	{ "munmap_chunk", "heap corruption" },    { "unlink", "heap corruption" },
};

static const struct {
	int signo;
	const char *what;
} signals[] = {
	{ SIGSEGV, "segmentation fault" },
	{ SIGBUS, "bus error" },
	{ SIGILL, "illegal instruction" },
	{ SIGFPE, "division by zero" },
	{ SIGSYS, "forbidden system call" },
	{ SIGABRT, "abort" },
	{ SIGKILL, "killed" },
};

const char *
crash_what(const struct worker_crash *crash)
{
	if (crash->is_exit)
		return "exit";
	if (crash->stalled_ms)
		return crash->is_waiting || !crash->signo ? "blocked" : "endless loop";
	if (crash->is_overflow)
		return "stack overflow";
	for (size_t i = 0; *crash->message && i < sizeof last_words / sizeof *last_words;
	     i++)
		if (strstr(crash->message, last_words[i].part))
			return last_words[i].what;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		if (signals[i].signo == crash->signo)
			return signals[i].what;
	return crash->signo ? strsignal(crash->signo) : "unknown";
}

static const char *
hint_of_stall(const struct worker_crash *crash)
{
	if (crash->is_waiting)
		return "The handler waits in a call that blocks its whole loop, so every other "
		       "request waits too: use svc_sleep() instead of sleep(), svc_http() for "
		       "HTTP, and svc_offload() for anything else that blocks.";
	if (!crash->signo)
		return "The handler computed for so long without giving its loop back, and every "
		       "other request waited: svc_offload() runs what takes long on another "
		       "thread.";
	return "The handler never gave its loop back: look for a loop whose condition does not "
	       "become false. What really takes so long belongs into svc_offload().";
}

static const char *
hint_of_fault(const struct worker_crash *crash)
{
	if (crash->address < NEARLY_NULL)
		return "The address is (nearly) 0, so a pointer was NULL: a parameter or header "
		       "that this request did not have, a member that was not in the JSON, or a "
		       "result that was not checked. Test the pointer before it is used.";
	return "The pointer led to memory that is not there: it was never set, was freed already, "
	       "or an index ran far past the end. `make memcheck` shows where it came from.";
}

const char *
crash_hint(const struct worker_crash *crash)
{
	const char *what = crash_what(crash);

	if (crash->stalled_ms)
		return hint_of_stall(crash);
	if (crash->is_exit)
		return "exit() ends the whole process and every request in it. Answer with an error "
		       "instead, svc_reply_text(req, 500, ...), or return a negative errno from "
		       "start().";
	if (crash->is_overflow)
		return "The stack of a request is small (fiber_stack, 256k by default) and it is "
		       "full: a function calls itself without an end, or a local array is too "
		       "large. Stop the recursion, or allocate the array with malloc().";
	if (strcmp(what, "double free") == 0)
		return "The same memory was freed twice. Free it in one place only and set the "
		       "pointer to NULL there; `make memcheck` names both places.";
	if (strcmp(what, "heap corruption") == 0)
		return "Something wrote past the end of an allocation, or into one that was freed, "
		       "some time before: the line above is where it was noticed. `make memcheck` "
		       "names the line that did it.";
	if (strcmp(what, "buffer overflow") == 0)
		return "More was written into a local array than it holds. Use its size, as in "
		       "snprintf(buf, sizeof buf, ...); `make memcheck` names the line.";
	if (strstr(crash->message, "Assertion"))
		return "An assertion was false: what it says must always hold did not. A request "
		       "can hold anything, so answer it with 400 instead of asserting.";
	if (crash->signo == SIGABRT)
		return "abort() was called, by the service or by a library that it uses. In a "
		       "handler, answer with 500 instead: an abort ends every request of the "
		       "process.";
	if (crash->signo == SIGFPE)
		return "An integer was divided by 0 (or the smallest one by -1). Test the divisor, "
		       "above all one that comes from a request.";
	if (crash->signo == SIGSEGV || crash->signo == SIGBUS)
		return hint_of_fault(crash);
	if (crash->signo == SIGILL)
		return "The compiler put a trap where the program must never come, for instance at "
		       "the end of a function that returns no value. Build with -Wall and read "
		       "the warnings.";
	if (crash->signo == SIGKILL)
		return "Somebody ended the process, or the machine had no memory left for it: a "
		       "leak grows with every request. `make memcheck` finds leaks.";
	return "The frames show where it was.";
}

const char *
crash_cause(const struct worker_crash *crash, char *buf, size_t size)
{
	const char *name = crash->signo > 0 ? sigabbrev_np(crash->signo) : NULL;

	if (crash->is_exit)
		snprintf(buf, size, "exit(%d)", crash->exit_status);
	else if (crash->stalled_ms)
		snprintf(buf, size, "stalled for %" PRIu64 " ms", crash->stalled_ms);
	else if (name)
		snprintf(buf, size, "SIG%s", name);
	else
		snprintf(buf, size, "signal %d", crash->signo);
	return buf;
}

const char *
crash_message(const struct worker_crash *crash, char *buf, size_t size)
{
	buf[0] = '\0';
	if (crash->is_exit)
		snprintf(buf, size, "exit status %d", crash->exit_status);
	else if (*crash->message)
		snprintf(buf, size, "%.*s", (int)strcspn(crash->message, "\n"),
		         crash->message);
	return buf;
}
