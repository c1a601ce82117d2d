/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session does, each as a child whose end is awaited by the loop of session.c:
 *
 *	saved folder -> make -> cupola reload NAME -> said and recorded
 *	saved host.conf -> cupola check-config -> cupola reload -> said
 *	status -> a crash is explained; a generation that we did not load was loaded by hand
 *	reloaded, in `watch` -> check
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "crash.h"
#include "job.h"
#include "memory.h"
#include "running.h"
#include "session-priv.h"
#include "state.h"
#include "term.h"

#define ASK_MS 1000

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
	say_text(job->text[0]);
}

void
session_check_soon(struct session *session)
{
	session->check_again = session->watch;
}

void
session_check_now(struct session *session)
{
	struct otel_error err = OTEL_ERROR_INIT;
	const char **argv = session_own(session->tool, "check");
	struct job_how how = { .one = true, .colours = *colour(BOLD) };
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
	struct build build = { .unit = unit->name,
		               .ok = job->status == 0,
		               .refused = job->status != 0 };
	double seconds = seconds_since(session->began_ms);
	int generation = generation_in(job->text[0]);
	struct build_error refused = { .file = (char[]){ "" } };

	session->reloads++;
	session->busy = NULL;
	if (build.ok) {
		unit->generation = generation;
		say_in(GREEN, "%s: built and reloaded in %.1f s (generation %d)",
		       unit->name, seconds, generation);
		session_check_soon(session);
	} else {
		char *why = job_sentence(job);

		refused.text = tool_near(session->tool, why);
		free(why);
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

	unit->anew = build_hash(session->tool, unit->name) != session->hash;
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

bool
session_reloads_by_itself(const struct session *session)
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

void
session_build_unit(struct session *session, struct session_unit *unit)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct job *job = NULL;
	int r;

	unit->changed = false;
	if (unit->service && !session_reloads_by_itself(session)) {
		say("%s: saved. Now `make -C %s` and `cupola reload %s` (Tour)",
		    unit->name, unit->name, unit->name);
		return;
	}
	session->busy = unit;
	session->began_ms = now_ms();
	session->hash = build_hash(session->tool, unit->name);
	say_for_now("%s: building ...", unit->name);
	r = build_start(session->tool, unit->name, unit->anew, &job, &err);
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
end_conf(struct session *session, const char *mistakes)
{
	session->conf_busy = false;
	build_record_conf(session->tool, session->conf_hash, mistakes);
}

static void
on_conf_reloaded(struct job *job, void *arg)
{
	struct session *session = arg;
	char *why = job_sentence(job);

	session->reloads++;
	end_conf(session, job->status == 0 ? NULL : why);
	session->adopt = true; /* each service has another generation of the same code */
	if (job->status == 0) {
		say_in(GREEN, "host.conf: in force after %.1f s",
		       seconds_since(session->began_ms));
		say_changes(job->text[0]);
		session_check_soon(session);
	} else {
		say_in(RED, "host.conf: not in force: %s", why);
	}
	free(why);
}

static void
on_conf_checked(struct job *job, void *arg)
{
	struct session *session = arg;
	char *text;

	if (job->status == 0) {
		run_cupola(session, "reload", NULL, on_conf_reloaded);
		return;
	}
	text = tool_near(session->tool, job->text[1]);
	end_conf(session, text);
	say_in(RED, "host.conf: has a mistake; what was before stays in force");
	for (const char *line = text; *line;
	     line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, "cupola ", 7) != 0)
			say("  %.*s", (int)strcspn(line, "\n"), line);
	free(text);
}

void
session_take_conf(struct session *session)
{
	session->conf_changed = false;
	session->conf_hash = build_conf_hash(session->tool);
	if (!session_reloads_by_itself(session)) {
		end_conf(session, NULL);
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
		if (!session_reloads_by_itself(session) &&
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
	session_check_soon(session);
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
	if (status && session->lock < 0)
		session_take_over(session);
	json_decref(status);
}

void
session_ask_status(struct session *session)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct job *job = NULL;
	int r;

	session->asking = true;
	session->asked_at_reload = session->reloads;
	r = running_ask(session->tool, &job, &err);
	begin(session, r, job, on_status, &err);
}
