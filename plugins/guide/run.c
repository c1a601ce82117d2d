/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	handler ── run_line ── waits for `more` ──┐
 *	                                          struct run (two references)
 *	task ── read, every 20 ms ── sets `more` ─┘        │
 *	  └── waitpid at the end, in every case            └── the last one frees it
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PACE_MS     20
#define GRACE_MS    2000
#define MAX_MESSAGE 2000

extern char **environ;

struct run {
	const struct svc_host *host;
	int refs;
	bool *busy;
	pid_t pid;
	int out, err; /* our ends of the pipes; -1: closed */
	char *text;   /* what came; followed by a NUL once it is whole */
	size_t len, room, taken;
	char message[MAX_MESSAGE + 1];
	size_t message_len;
	struct svc_event *more;
	int64_t deadline_ms;
	bool left;  /* nobody reads any more */
	bool ended; /* and reaped */
	int status;
};

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
run_unref(struct run *run)
{
	if (--run->refs)
		return;
	if (run->out >= 0)
		close(run->out);
	if (run->err >= 0)
		close(run->err);
	if (run->more)
		svc_event_free(run->host, run->more);
	free(run->text);
	free(run);
}

static void
say(struct run *run, const char *message)
{
	run->message_len = strlen(message);
	memcpy(run->message, message, run->message_len + 1);
}

/* ---- the task ---- */

static bool
make_room(struct run *run)
{
	size_t room = run->room ? 2 * run->room : 4096;
	char *more;

	if (run->room - run->len > 1)
		return true;
	more = room > RUN_MAX_OUTPUT ? NULL : realloc(run->text, room);
	if (!more)
		return false;
	run->text = more;
	run->room = room;
	return true;
}

/* Reads what there is of stdout. False when there is too much of it. */
static bool
read_output(struct run *run)
{
	while (run->out >= 0) {
		ssize_t n;

		if (!make_room(run))
			return false;
		n = read(run->out, run->text + run->len, run->room - run->len - 1);
		if (n > 0) {
			run->len += (size_t)n;
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			close(run->out);
			run->out = -1;
		} else if (errno == EAGAIN) {
			break;
		}
	}
	return true;
}

/* The same for stderr, of which the beginning is kept. */
static void
read_message(struct run *run)
{
	char bytes[512];
	ssize_t n;

	while (run->err >= 0) {
		n = read(run->err, bytes, sizeof bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			close(run->err);
			run->err = -1;
			break;
		}
		if ((size_t)n > MAX_MESSAGE - run->message_len)
			n = (ssize_t)(MAX_MESSAGE - run->message_len);
		memcpy(run->message + run->message_len, bytes, (size_t)n);
		run->message_len += (size_t)n;
		run->message[run->message_len] = '\0';
	}
}

static bool
reap(struct run *run, int options)
{
	int status;
	pid_t pid;

	do
		pid = waitpid(run->pid, &status, options);
	while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return false;
	run->status = pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	run->ended = true;
	return true;
}

/* Looks without reaping: until then nobody else can get the group's number. */
static bool
has_ended(const struct run *run)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)run->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	       info.si_pid == run->pid;
}

/* Ends the group: politely, so that a check puts back what it changed, then at once. */
static void
end_group(struct run *run)
{
	int64_t until = now_ms() + GRACE_MS;

	if (run->ended)
		return;
	kill(-run->pid, SIGTERM);
	while (!has_ended(run) && now_ms() < until &&
	       svc_sleep(run->host, PACE_MS) == 0) {
		if (run->left)
			run->len =
				run->taken; /* it must not be stuck writing what nobody reads */
		read_output(run);
		read_message(run);
	}
	kill(-run->pid, SIGKILL); /* the program, or what it has started and left */
	reap(run, 0);
	run->status = -1;
}

static void
trim(struct run *run)
{
	while (run->message_len && run->message[run->message_len - 1] == '\n')
		run->message[--run->message_len] = '\0';
}

static void
task(void *arg)
{
	struct run *run = arg;

	for (;;) {
		bool is_over = reap(run,
		                    WNOHANG); /* before reading: then nothing is missed */
		size_t before = run->len;

		if (!read_output(run)) {
			end_group(run);
			say(run, "its output was too long");
			break;
		}
		read_message(run);
		if (run->len != before)
			svc_event_set(run->host, run->more);
		if (is_over)
			break;
		if (run->left || now_ms() >= run->deadline_ms) {
			bool late = !run->left;

			end_group(run);
			if (late)
				say(run, "it took too long and was ended");
			break;
		}
		if (svc_sleep(run->host, PACE_MS) < 0)
			run->left = true; /* the service stops */
	}
	trim(run);
	*run->busy = false;
	svc_event_set(run->host, run->more);
	run_unref(run);
}

/* ---- starting ---- */

static int
spawn(struct run *run, const char *const *argv, int out, int err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, usual;
	int r;

	sigemptyset(&none);
	sigemptyset(&usual);
	for (int i = 0; i < 32; i++)
		if (i != SIGKILL && i != SIGSTOP && i > 0)
			sigaddset(&usual, i);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY,
	                                 0);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &usual);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK |
	                                              POSIX_SPAWN_SETSIGDEF |
	                                              POSIX_SPAWN_SETPGROUP);
	r = posix_spawn(&run->pid, argv[0], &actions, &attributes,
	                (char *const *)(uintptr_t)argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int
start(struct run *run, const char *const *argv, struct otel_error *err)
{
	int out[2] = { -1, -1 }, errors[2] = { -1, -1 }, r = 0;

	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(errors, O_CLOEXEC) < 0)
		r = otel_error_set(err, -errno, "pipe: %s", strerror(errno));
	run->out = out[0];
	run->err = errors[0];
	if (r == 0) {
		fcntl(run->out, F_SETFL, O_NONBLOCK);
		fcntl(run->err, F_SETFL, O_NONBLOCK);
		r = spawn(run, argv, out[1], errors[1]);
		if (r < 0)
			otel_error_set(err, r, "%s: cannot be started: %s", argv[0],
			               strerror(-r));
	}
	if (out[1] >= 0)
		close(out[1]);
	if (errors[1] >= 0)
		close(errors[1]);
	return r;
}

int
run_start(const struct svc_host *host, const char *const *argv, int limit_ms, bool *busy,
          struct run **out, struct otel_error *err)
{
	struct run *run;
	int r;

	if (*busy)
		return otel_error_set(err, -EBUSY, "another one is running");
	run = calloc(1, sizeof *run);
	if (!run)
		return otel_error_set(err, -ENOMEM, "out of memory");
	*run = (struct run){
		.host = host, .refs = 1, .busy = busy, .out = -1, .err = -1
	};
	run->more = svc_event_new(host);
	run->deadline_ms = now_ms() + limit_ms;
	r = run->more ? start(run, argv, err)
	              : otel_error_set(err, -ENOMEM, "out of memory");
	if (r < 0) {
		run_unref(run);
		return r;
	}
	*busy = true;
	run->refs++;
	r = svc_spawn(host, task, run);
	if (r < 0) {
		kill(-run->pid, SIGKILL);
		reap(run, 0);
		*busy = false;
		run->refs--;
		run_unref(run);
		return otel_error_set(err, r, "no task for %s", argv[0]);
	}
	*out = run;
	return 0;
}

/* ---- reading ---- */

int
run_line(struct run *run, char **line)
{
	for (;;) {
		char *start = run->text ? run->text + run->taken : NULL;
		size_t left = run->len - run->taken;
		char *end = left ? memchr(start, '\n', left) : NULL;
		int r;

		if (!end && run->ended && left)
			end = start + left; /* room was kept for the NUL */
		if (end) {
			bool whole = end < run->text + run->len;

			*end = '\0';
			run->taken = (size_t)(end - run->text) + whole;
			*line = start;
			return 1;
		}
		if (run->ended)
			return 0;
		r = svc_event_wait(run->host, run->more, -1);
		if (r < 0)
			return r;
	}
}

int
run_status(const struct run *run)
{
	return run->status;
}

const char *
run_message(const struct run *run)
{
	return run->message;
}

void
run_leave(struct run *run)
{
	if (!run)
		return;
	run->left = true;
	run_unref(run);
}
