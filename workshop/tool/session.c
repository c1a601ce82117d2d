/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop over: what was saved, what the children and the services say, keys, signals, and once a second the
 * host's status. What it then does is session-work.c. One folder is built at a time.
 *
 * Whoever holds .workshop/session.lock builds; a second session looks on and repeats what the first did.
 */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "build.h"
#include "course.h"
#include "crash.h"
#include "memory.h"
#include "running.h"
#include "session-priv.h"
#include "term.h"

#define ASK_MS 1000 /* the longest that the loop sleeps */

/* ---- who builds ---- */

static int
open_lock(const struct tool *tool)
{
	char *path = xasprintf("%s/.workshop/session.lock", tool->dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), r = fd < 0 ? -errno : fd;

	free(path);
	return r;
}

int
session_lock(struct session *session)
{
	int fd = open_lock(session->tool);

	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	session->lock = fd;
	return 0;
}

bool
session_builds(const struct tool *tool)
{
	int fd = open_lock(tool);
	bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;

	if (fd >= 0)
		close(fd);
	return held;
}

const char **
session_own(const struct tool *tool, const char *command)
{
	const char **argv = xcalloc(8, sizeof *argv);
	int n = 0;

	argv[n++] = tool->cupola;
	argv[n++] = "workshop";
	argv[n++] = "--dir";
	argv[n++] = tool->dir;
	argv[n++] = command;
	return argv;
}

/* ---- looking on ---- */

/* What was saved since its last build, while no session ran, is built now. */
static void
begin_watching(struct session *session)
{
	json_t *recorded = build_recorded(session->tool);

	if (!session->watcher)
		session->watcher = watcher_new(session->tool);
	for (size_t i = 0; i < session->n_units; i++)
		session->units[i].changed = !build_is_current(session->tool, recorded,
		                                              session->units[i].name);
	session->conf_changed = !build_conf_is_taken(session->tool, recorded);
	json_decref(recorded);
}

static void
say_other(const char *name, const json_t *unit)
{
	const json_t *error = json_array_get(json_object_get(unit, "errors"), 0);
	const char *file = json_string_value(json_object_get(error, "file")),
		   *text = json_string_value(json_object_get(error, "text"));
	int generation = (int)json_integer_value(json_object_get(unit, "generation"));

	if (json_is_true(json_object_get(unit, "ok")) && generation)
		say_in(GREEN, "%s: built and reloaded (generation %d)", name, generation);
	else if (json_is_true(json_object_get(unit, "ok")))
		say_in(GREEN, "%s: built", name);
	else if (file && *file)
		say_in(RED, "%s: does not compile: %s:%d: %s", name, file,
		       (int)json_integer_value(json_object_get(error, "line")), text);
	else
		say_in(RED, "%s: not reloaded: %s", name, text ? text : "");
}

/* Whether it is other than the last time; the first time tells nothing. */
static bool
is_new(char **seen, const json_t *now)
{
	char *text = now ? json_dumps(now,
	                              JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY)
	                 : NULL;
	bool differs = text && *seen && strcmp(text, *seen) != 0;

	if (text) {
		free(*seen);
		*seen = text;
	}
	return differs;
}

/* Repeats what the session that builds did last. */
static void
follow(struct session *session)
{
	json_t *recorded = build_recorded(session->tool), *unit;
	const char *name = json_string_value(json_object_get(recorded, "last"));

	unit = name ? json_object_get(json_object_get(recorded, "units"), name) : NULL;
	if (is_new(&session->seen_build, unit)) {
		say_other(name, unit);
		if (json_is_true(json_object_get(unit, "ok")))
			session_check_soon(session);
	}
	if (is_new(&session->seen_conf, json_object_get(recorded, "conf"))) {
		say("host.conf: the other session has dealt with it");
		session_check_soon(session);
	}
	json_decref(recorded);
}

void
session_take_over(struct session *session)
{
	if (session_lock(session) < 0)
		return;
	say("The session that built has ended; this one builds now.");
	begin_watching(session);
}

/* ---- keys ---- */

static void
run_own(struct session *session, const char *command)
{
	const char **argv = session_own(session->tool, command);

	keys_end();
	job_run_here(argv, NULL);
	keys_begin();
	free(argv);
}

static void
on_key(struct session *session, char key)
{
	switch (key) {
	case 'c':
		session_check_soon(session);
		break;
	case 'h':
		run_own(session, "hint");
		break;
	case 'n':
		run_own(session, "next");
		break;
	case 'l':
		run_own(session, "progress");
		break;
	case 'r':
		run_own(session, "reset");
		break;
	case 's':
		run_own(session, "solution");
		break;
	case 'd':
		run_own(session, "diff");
		break;
	case 'q':
		session->ended = true;
		break;
	default:
		if (key > ' ')
			say("c check  h hint  n next step  l list  d diff  s solution  r reset  q quit");
	}
}

/* ---- the loop ---- */

static void
take_saves(struct session *session)
{
	const char *name;

	while (session->watcher && (name = watcher_next(session->watcher))) {
		if (!strcmp(name, "host.conf"))
			session->conf_changed = true;
		for (size_t i = 0; i < session->n_units; i++)
			if (!strcmp(session->units[i].name, name))
				session->units[i].changed = true;
	}
	for (size_t i = 0; !session->busy && !session->conf_busy && i < session->n_units;
	     i++)
		if (session->units[i].changed)
			session_build_unit(session, &session->units[i]);
	if (session->conf_changed && !session->busy && !session->conf_busy)
		session_take_conf(session);
}

static void
take_jobs(struct session *session)
{
	struct job *job = LIST_FIRST(&session->jobs), *next;

	for (; job; job = next) {
		next = LIST_NEXT(job, link);
		if (!job_read(job))
			continue;
		LIST_REMOVE(job, link);
		job->done(job, session);
		job_free(job);
	}
}

static int
next_timeout(const struct session *session)
{
	long long wait = session->asking ? ASK_MS : session->ask_ms - now_ms();
	int saved = session->watcher ? watcher_timeout(session->watcher) : -1;

	if (wait < 0)
		wait = 0;
	return saved >= 0 && saved < wait ? saved : (int)wait;
}

static void
wait_for_something(struct session *session, int signals, bool keys)
{
	struct pollfd polled[64];
	nfds_t n = 0;
	struct job *job;

	polled[n++] = (struct pollfd){ signals, POLLIN, 0 };
	polled[n++] = (struct pollfd){ keys ? STDIN_FILENO : -1, POLLIN, 0 };
	polled[n++] = (struct pollfd){ session->watcher ? watcher_fd(session->watcher)
		                                        : -1,
		                       POLLIN, 0 };
	polled[n++] = (struct pollfd){ session->hosting.out, POLLIN, 0 };
	LIST_FOREACH (job, &session->jobs, link)
		for (int i = 0; i < 2 && n < 64; i++)
			polled[n++] = (struct pollfd){ job->fds[i], POLLIN, 0 };
	poll(polled, n, next_timeout(session));
	if (polled[0].revents) {
		session->ended = true;
		say(" ");
	}
	if (polled[3].revents)
		hosting_pass_on(&session->hosting);
	if (polled[1].revents) {
		char key;
		ssize_t got = read(STDIN_FILENO, &key, 1);

		if (got == 1)
			on_key(session, key);
		else if (got == 0 && !isatty(STDIN_FILENO))
			session->ended = true;
	}
}

static int
block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* From here on, a second Ctrl-C ends us at once, and the host with us. */
static void
unblock_signals(int signals)
{
	struct signalfd_siginfo seen;
	sigset_t none;

	while (read(signals, &seen, sizeof seen) == sizeof seen)
		;
	close(signals);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
add_units(struct session *session, const json_t *status)
{
	const char *const *lists[] = { session->tool->course->services,
		                       session->tool->course->build };

	for (int i = 0; i < 2; i++)
		for (size_t j = 0; lists[i][j]; j++) {
			struct session_unit *unit = xgrow(
				&session->units, &session->n_units, sizeof *unit);
			const json_t *plugin = running_plugin(status, lists[i][j]);

			unit->name = lists[i][j];
			unit->service = i == 0;
			unit->crash_at = crash_at(plugin);
			unit->restarts = (int)json_integer_value(
				json_object_get(plugin, "restarts"));
			unit->generation = (int)json_integer_value(
				json_object_get(plugin, "generation"));
		}
}

static void
say_ended(const struct session *session)
{
	if (session->result == 0)
		say("The host was stopped.");
	else
		say_in(RED, "The host has ended; its last words are in %s/.workshop/log.",
		       session->tool->dir);
}

int
session_run(struct session *session, const json_t *status)
{
	int signals = block_signals();
	bool keys = session->watch && keys_begin();
	struct job *job;

	add_units(session, status);
	if (session->lock >= 0)
		begin_watching(session);
	session_check_soon(session);
	while (!session->ended) {
		take_saves(session);
		if (session->lock < 0)
			follow(session);
		if (!session->asking && now_ms() >= session->ask_ms)
			session_ask_status(session);
		if (session->check_again && !session->checking && !session->busy &&
		    !session->conf_busy)
			session_check_now(session);
		wait_for_something(session, signals, keys);
		take_jobs(session);
		if (hosting_has_ended(&session->hosting, &session->result)) {
			say_ended(session);
			break;
		}
	}
	keys_end();
	while ((job = LIST_FIRST(&session->jobs))) {
		LIST_REMOVE(job, link);
		job_free(job);
	}
	unblock_signals(signals);
	free(session->units);
	free(session->seen_build);
	free(session->seen_conf);
	return session->result;
}
