/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop over: what was saved, what the children say, keys, signals, and once a second the host's status.
 *
 *	saved -> make -> cupola reload -> said          one folder at a time, in the order of saving
 *	status -> a crash is explained; a generation that we did not load was loaded by hand
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
#include "check-step.h"
#include "course.h"
#include "crash.h"
#include "files.h"
#include "memory.h"
#include "running.h"
#include "session-priv.h"
#include "state.h"
#include "term.h"

#define ASK_MS 1000

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
session_own(const struct tool *tool, const char *command, const char *more)
{
	const char **argv = xcalloc(8, sizeof *argv);
	int n = 0;

	argv[n++] = tool->cupola;
	argv[n++] = "workshop";
	argv[n++] = "--dir";
	argv[n++] = tool->dir;
	argv[n++] = command;
	if (more)
		argv[n++] = more;
	return argv;
}

/* ---- children ---- */

static void
begin(struct session *session, int started, struct job *job,
      void (*done)(struct job *, void *), const struct otel_error *err)
{
	if (started < 0) {
		say_in(RED, "%s", err->message);
		session->busy = NULL;
		session->conf_busy = session->asking = session->checking = false;
		return;
	}
	job->done = done;
	job->arg = session;
	LIST_INSERT_HEAD(&session->jobs, job, link);
}

static void
run_cupola(struct session *session, const char *command, const char *argument,
           void (*done)(struct job *, void *))
{
	struct otel_error err = OTEL_ERROR_INIT;
	char *conf = tool_conf(session->tool);
	const char *const argv[] = {
		session->tool->cupola, command, "-c", conf, argument, NULL
	};
	struct job_how how = { .quiet = true };
	struct job *job = NULL;
	int r = job_start(argv, &how, &job, &err);

	free(conf);
	begin(session, r, job, done, &err);
}

/* ---- checks, for `watch` ---- */

static void
on_checked(struct job *job, void *arg)
{
	struct session *session = arg;

	session->checking = false;
	fputs(job->text[0], stdout);
	fputs(job->text[1], stdout);
	fflush(stdout);
}

static void
check_soon(struct session *session)
{
	session->check_again = session->watch;
}

static void
check_now(struct session *session)
{
	struct otel_error err = OTEL_ERROR_INIT;
	const char **argv = session_own(session->tool, "check", NULL);
	struct job_how how = { .one = true };
	struct job *job = NULL;
	int r;

	session->check_again = false;
	session->checking = true;
	r = job_start(argv, &how, &job, &err);
	free(argv);
	begin(session, r, job, on_checked, &err);
}

/* ---- building and reloading ---- */

static double
seconds_since(long long began_ms)
{
	return (double)(now_ms() - began_ms) / 1e3;
}

/* N of "NAME: generation N (...)"; 0. */
static int
generation_in(const char *text)
{
	const char *at = strstr(text, ": generation ");

	return at ? atoi(at + strlen(": generation ")) : 0;
}

static void
on_reloaded(struct job *job, void *arg)
{
	struct session *session = arg;
	struct session_unit *unit = session->busy;
	struct build build = { .unit = unit->name, .ok = job->status == 0 };
	double seconds = seconds_since(session->began_ms);
	int generation = generation_in(job->text[0]);
	struct build_error refused = { .file = (char[]){ "" } };

	session->reloads++;
	session->busy = NULL;
	if (build.ok) {
		unit->generation = generation;
		say_in(GREEN, "%s: built and reloaded in %.1f s (generation %d)",
		       unit->name, seconds, generation);
		check_soon(session);
	} else {
		refused.text = job_sentence(job);
		say_in(RED,
		       "%s: built, and refused by the host; the version before goes on serving",
		       unit->name);
		say("  %s", refused.text);
		build.errors = &refused;
		build.n_errors = 1;
	}
	build_record(session->tool, &build, session->hash, generation, seconds);
	free(refused.text);
}

static void
on_built(struct job *job, void *arg)
{
	struct session *session = arg;
	struct session_unit *unit = session->busy;
	double seconds = seconds_since(session->began_ms);
	struct build build;

	build_read(session->tool, unit->name, job, &build);
	build_say(&build);
	if (build.ok && unit->service) {
		run_cupola(session, "reload", unit->name, on_reloaded);
	} else {
		session->busy = NULL;
		build_record(session->tool, &build, session->hash, 0, seconds);
		if (build.ok)
			say_in(GREEN, "%s: built in %.1f s", unit->name, seconds);
	}
	build_fini(&build);
}

static bool
reloads_by_itself(const struct session *session)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct state state;
	bool does = false;

	if (state_open(session->tool, false, &state, &err) == 0) {
		does = state_reloads_by_itself(&state);
		state_close(&state);
	}
	return does;
}

static void
build_unit(struct session *session, struct session_unit *unit)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct job *job = NULL;
	int r;

	unit->changed = false;
	if (unit->service && !reloads_by_itself(session)) {
		say("%s: saved. Now `make -C %s` and `cupola reload %s` (Tour)",
		    unit->name, unit->name, unit->name);
		return;
	}
	session->busy = unit;
	session->began_ms = now_ms();
	session->hash = build_hash(session->tool, unit->name);
	say_for_now("%s: building ...", unit->name);
	r = build_start(session->tool, unit->name, &job, &err);
	begin(session, r, job, on_built, &err);
}

/* ---- host.conf ---- */

/* What was different, "[section] key = new, was old", of what `cupola reload` tells. */
static void
say_changes(const char *text)
{
	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		if (*text == '[')
			say_in(DIM, "  %.*s", (int)strcspn(text, "\n"), text);
	}
}

/* In force or refused: a check need not wait any more. */
static void
end_conf(struct session *session)
{
	session->conf_busy = false;
	build_record_conf(session->tool, session->conf_hash);
}

static void
on_conf_reloaded(struct job *job, void *arg)
{
	struct session *session = arg;
	char *why = job_sentence(job);

	session->reloads++;
	end_conf(session);
	session->adopt = true; /* each service has another generation of the same code */
	if (job->status == 0) {
		say_in(GREEN, "host.conf: in force after %.1f s",
		       seconds_since(session->began_ms));
		say_changes(job->text[0]);
		check_soon(session);
	} else {
		say_in(RED, "host.conf: not in force: %s", why);
	}
	free(why);
}

static void
on_conf_checked(struct job *job, void *arg)
{
	struct session *session = arg;

	if (job->status == 0) {
		run_cupola(session, "reload", NULL, on_conf_reloaded);
		return;
	}
	end_conf(session);
	say_in(RED, "host.conf: has a mistake; what was before stays in force");
	for (const char *line = job->text[1]; *line;
	     line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, "cupola ", 7) != 0)
			say("  %.*s", (int)strcspn(line, "\n"), line);
}

static void
take_conf(struct session *session)
{
	session->conf_changed = false;
	session->conf_hash = build_conf_hash(session->tool);
	if (!reloads_by_itself(session)) {
		end_conf(session);
		say("host.conf: saved. Now `cupola reload` (Tour)");
		return;
	}
	session->conf_busy = true;
	session->began_ms = now_ms();
	run_cupola(session, "check-config", NULL, on_conf_checked);
}

/* ---- the host's status ---- */

static void
seen_by_hand(struct session *session, struct session_unit *unit, int generation)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct build build = { .unit = unit->name, .ok = true };
	struct state state;

	say("%s: reloaded by hand (generation %d)", unit->name, generation);
	if (session->lock >= 0) {
		build_record(session->tool, &build, build_hash(session->tool, unit->name),
		             generation, 0);
		if (!reloads_by_itself(session) &&
		    state_open(session->tool, true, &state, &err) == 0) {
			state_set_reloads(&state);
			if (state_save(&state, &err) == 0)
				say_in(GREEN,
				       "From now on, saving a file builds and reloads it.");
			state_close(&state);
		}
		if (err.code)
			say_in(RED, "%s", err.message);
	}
	check_soon(session);
}

static void
look_at(struct session *session, struct session_unit *unit, const json_t *plugin)
{
	int generation = (int)json_integer_value(json_object_get(plugin, "generation"));
	long long crashed = crash_at(plugin);
	int restarts = (int)json_integer_value(json_object_get(plugin, "restarts"));

	if (crashed > unit->crash_at) {
		unit->crash_at = crashed;
		crash_say(session->tool, plugin);
	}
	if (generation > unit->generation && restarts == unit->restarts &&
	    !session->adopt && session->lock >= 0)
		seen_by_hand(session, unit, generation);
	if (generation)
		unit->generation = generation;
	unit->restarts = restarts;
}

static void
look_at_all(struct session *session, const json_t *status)
{
	for (size_t i = 0; i < session->n_units; i++) {
		const json_t *plugin = running_plugin(status, session->units[i].name);

		if (plugin)
			look_at(session, &session->units[i], plugin);
	}
	session->adopt = false;
}

static void
on_status(struct job *job, void *arg)
{
	struct session *session = arg;
	json_t *status = running_read(job);

	session->asking = false;
	session->ask_ms = now_ms() + ASK_MS;
	if (!status && !session->hosting.pid) {
		say("The host has ended.");
		session->ended = true;
	}
	if (status && !session->busy && !session->conf_busy &&
	    session->asked_at_reload ==
	            session->reloads) /* what a reload of ours overtook is old */
		look_at_all(session, status);
	json_decref(status);
}

static void
ask_status(struct session *session)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct job *job = NULL;
	int r;

	session->asking = true;
	session->asked_at_reload = session->reloads;
	r = running_ask(session->tool, &job, &err);
	begin(session, r, job, on_status, &err);
}

/* ---- looking on ---- */

/* Repeats what the session that builds did last. */
static void
follow(struct session *session)
{
	json_t *recorded = build_recorded(session->tool), *unit;
	const char *name = json_string_value(json_object_get(recorded, "last"));
	char *text;

	unit = name ? json_object_get(json_object_get(recorded, "units"), name) : NULL;
	text = unit ? json_dumps(unit, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	if (text && session->seen_build && strcmp(text, session->seen_build) != 0) {
		const json_t *error = json_array_get(json_object_get(unit, "errors"), 0);

		if (json_is_true(json_object_get(unit, "ok"))) {
			say_in(GREEN, "%s: built and reloaded (generation %d)", name,
			       (int)json_integer_value(
				       json_object_get(unit, "generation")));
			check_soon(session);
		} else {
			say_in(RED, "%s: does not compile: %s:%d: %s", name,
			       json_string_value(json_object_get(error, "file")),
			       (int)json_integer_value(json_object_get(error, "line")),
			       json_string_value(json_object_get(error, "text")));
		}
	}
	if (text) {
		free(session->seen_build);
		session->seen_build = text;
	}
	json_decref(recorded);
	if (session_lock(session) ==
	    0) { /* the other one has ended, and the host goes on */
		say("The session that built has ended; this one builds now.");
		session->watcher = watcher_new(session->tool);
	}
}

/* ---- keys ---- */

static void
run_own(struct session *session, const char *command)
{
	const char **argv = session_own(session->tool, command, NULL);

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
		check_soon(session);
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
			build_unit(session, &session->units[i]);
	if (session->conf_changed && !session->busy && !session->conf_busy)
		take_conf(session);
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
	LIST_FOREACH (job, &session->jobs, link)
		for (int i = 0; i < 2 && n < 64; i++)
			polled[n++] = (struct pollfd){ job->fds[i], POLLIN, 0 };
	poll(polled, n, next_timeout(session));
	if (polled[0].revents) {
		session->ended = true;
		say(" ");
	}
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

int
session_run(struct session *session, const json_t *status)
{
	int signals = block_signals();
	bool keys = session->watch && keys_begin();
	struct job *job;

	add_units(session, status);
	if (session->lock >= 0) {
		session->watcher = watcher_new(session->tool);
		build_record_conf(session->tool, build_conf_hash(session->tool));
	}
	check_soon(session);
	while (!session->ended) {
		take_saves(session);
		if (session->lock < 0)
			follow(session);
		if (!session->asking && now_ms() >= session->ask_ms)
			ask_status(session);
		if (session->check_again && !session->checking && !session->busy &&
		    !session->conf_busy)
			check_now(session);
		wait_for_something(session, signals, keys);
		take_jobs(session);
		if (hosting_has_ended(&session->hosting)) {
			say("The host has ended; its last words are in %s/.workshop/log.",
			    session->tool->dir);
			break;
		}
	}
	keys_end();
	while ((job = LIST_FIRST(&session->jobs))) {
		LIST_REMOVE(job, link);
		job_free(job);
	}
	close(signals);
	watcher_free(session->watcher);
	free(session->units);
	free(session->seen_build);
	return session->result;
}
