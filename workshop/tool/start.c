/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cupola workshop`: from nothing to a running application, or to the one that runs already. Each part is
 * done only when it is missing, so the second start is quick.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build.h"
#include "copy.h"
#include "course.h"
#include "doctor.h"
#include "files.h"
#include "memory.h"
#include "ports.h"
#include "progress.h"
#include "running.h"
#include "session-priv.h"
#include "session.h"
#include "term.h"

#define OTHER_PATIENCE_MS 120000 /* for a session that is just starting the host */

/* ---- parts ---- */

static int
find_or_make_copy(struct tool *tool, struct otel_error *err)
{
	char *would = NULL;
	int r = copy_find(tool, &would);

	if (r == -ENOENT) {
		r = copy_make(tool, would, err);
		if (!r)
			say("%s: made; it is yours to edit", tool->dir);
		free(would);
		return r;
	}
	return copy_refresh(tool, err);
}

static int
build_unit(const struct tool *tool, const char *unit, struct otel_error *err)
{
	char *makefile = xasprintf("%s/%s/Makefile", tool->dir, unit);
	uint64_t hash = build_hash(tool, unit);
	long long began = now_ms();
	struct build build;
	struct job *job;
	int r = 0;

	if (!file_exists(makefile)) {
		free(makefile);
		return 0;
	}
	free(makefile);
	say_for_now("building %s ...", unit);
	r = build_start(tool, unit, false, &job, err);
	if (r < 0)
		return r;
	job_wait(job);
	build_read(tool, unit, job, &build);
	if (!build.ok)
		build_say(&build);
	build_record(tool, &build, hash, 0, (double)(now_ms() - began) / 1e3);
	r = build.ok ? 0 : -EBADMSG;
	build_fini(&build);
	job_free(job);
	return r;
}

/* Builds every service. One that does not compile is no reason to stop when an older one of it is there. */
static int
build_all(const struct tool *tool, struct otel_error *err)
{
	long long began = now_ms();
	size_t n = 0;
	int r = build_unit(tool, "lib", err);

	for (size_t i = 0; r != -EBADMSG && !err->code && tool->course->services[i];
	     i++, n++) {
		const char *unit = tool->course->services[i];
		char *so = xasprintf("%s/%s/%s.so", tool->dir, unit, unit);

		r = build_unit(tool, unit, err);
		if (r == -EBADMSG && file_exists(so))
			r = 0;
		if (r == -EBADMSG)
			otel_error_set(
				err, r,
				"%s has to compile once before it can serve; mend it, or "
				"`cupola workshop reset`",
				unit);
		free(so);
	}
	if (r == -EBADMSG && !err->code)
		otel_error_set(err, r,
		               "lib does not compile; %s/.workshop/build.log says why",
		               tool->dir);
	if (!err->code && n)
		say("built %zu services in %.1f s", n, (double)(now_ms() - began) / 1e3);
	return err->code;
}

static void
say_moves(const struct ports *ports)
{
	for (size_t i = 0; i < ports->n_moves; i++) {
		const struct port_move *move = &ports->moves[i];

		if (move->holder)
			say_in(YELLOW, "port %u is taken by %s: %s is on %u", move->from,
			       move->holder, move->plugin, move->to);
		else
			say("%s is on %u, as before", move->plugin, move->to);
	}
}

static int
start_host(struct session *session, struct otel_error *err)
{
	struct ports ports;
	int r = 0;

	for (int tries = 0; tries < 3; tries++) {
		*err = (struct otel_error)OTEL_ERROR_INIT;
		build_record_conf(session->tool, build_conf_hash(session->tool), NULL);
		r = ports_choose(session->tool, &ports, err);
		if (!r)
			r = ports_save(session->tool, &ports, err);
		if (r < 0)
			return r;
		say_moves(&ports);
		say_for_now("starting ...");
		r = hosting_start(session->tool, &ports, &session->hosting, err);
		ports_fini(&ports);
		if (r !=
		    -EADDRINUSE) /* somebody took a port between our look and the host's */
			break;
	}
	return r;
}

/* Owned; NULL when the other session did not come so far. */
static json_t *
await_other(const struct tool *tool)
{
	long long end = now_ms() + OTHER_PATIENCE_MS;
	json_t *status;

	say_for_now("another session is starting the host ...");
	while (!(status = running_status(tool)) && now_ms() < end && session_builds(tool))
		usleep(200000);
	return status;
}

/* ---- what is said ---- */

/* Variables that win over host.conf, so that nothing arrives at the station. */
static void
say_environment(void)
{
	static const char *const names[] = { "OTEL_EXPORTER_OTLP_ENDPOINT",
		                             "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		                             "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
		                             "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
		                             "OTEL_TRACES_EXPORTER",
		                             "OTEL_METRICS_EXPORTER",
		                             "OTEL_LOGS_EXPORTER",
		                             "OTEL_SDK_DISABLED" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			say_in(YELLOW,
			       "%s=%s is set and wins over host.conf: telemetry may not reach the station; "
			       "`unset %s` before the start sends it there",
			       names[i], value, names[i]);
	}
}

/* A service that could not be loaded leaves the others running; nobody should have to find that out. */
static void
say_failed(const struct tool *tool, const json_t *status)
{
	for (size_t i = 0; tool->course->services[i]; i++) {
		const char *name = tool->course->services[i];
		const json_t *plugin = running_plugin(status, name);
		const char *state = json_string_value(json_object_get(plugin, "state")),
			   *why = json_string_value(json_object_get(plugin, "why"));
		char *near;

		if (!state || strcmp(state, "failed") != 0)
			continue;
		near = tool_near(tool, why ? why : "");
		say_in(RED, "%s does not serve: save a mended one", name);
		say("  %s", near);
		free(near);
	}
}

static void
say_where(const struct session *session, const json_t *status)
{
	char *guide = progress_guide(status);

	say("\n  The guide: %s%s%s\n", colour(BOLD), guide ? guide : "(none runs)",
	    colour_off());
	free(guide);
	progress_say_next(session->tool, status);
	say_failed(session->tool, status);
	if (session->lock < 0)
		say_in(DIM,
		       "Another session builds; this one looks on. Ctrl-C ends only this one.");
	else
		say_in(DIM, "A save builds and reloads%s. Ctrl-C %s.",
		       session_reloads_by_itself(session)
		               ? ""
		               : ", as soon as you have done it once by hand",
		       session->hosting.pid ? "stops everything"
		                            : "leaves the host running");
}

/* ---- the commands ---- */

static int
prepare(struct session *session, json_t **status, struct otel_error *err)
{
	int r = find_or_make_copy(session->tool, err);

	if (!r)
		r = doctor_essentials(session->tool, err);
	if (r < 0)
		return r;
	say_environment();
	r = session_lock(session);
	if (r < 0 && r != -EWOULDBLOCK)
		return otel_error_set(err, r, "%s/.workshop: %s", session->tool->dir,
		                      strerror(-r));
	if (!r) /* before anything is built, so that no save is missed */
		session->watcher = watcher_new(session->tool);
	*status = running_status(session->tool);
	if (!*status && r == -EWOULDBLOCK)
		*status = await_other(session->tool);
	if (!*status && session->lock < 0)
		return otel_error_set(
			err, -EAGAIN,
			"another session was starting the host and did not succeed; try again");
	if (*status)
		return 0;
	r = build_all(session->tool, err);
	if (!r)
		r = start_host(session, err);
	if (!r && !(*status = running_status(session->tool)))
		r = otel_error_set(
			err, -ECHILD,
			"the host started and does not answer; see %s/.workshop/log",
			session->tool->dir);
	return r;
}

static int
run(struct tool *tool, bool watch)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct session session = {
		.tool = tool, .lock = -1, .hosting = { .out = -1 }, .watch = watch
	};
	json_t *status = NULL;
	int result;

	if (prepare(&session, &status, &err) < 0) {
		result = tool_fail(tool, "%s", err.message);
	} else {
		say_where(&session, status);
		result = session_run(&session, status) ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	watcher_free(session.watcher);
	hosting_stop(&session.hosting);
	if (session.lock >= 0)
		close(session.lock);
	json_decref(status);
	return result;
}

int
cmd_start(struct tool *tool)
{
	return run(tool, false);
}

int
cmd_copy(struct tool *tool)
{
	struct otel_error err = OTEL_ERROR_INIT;

	if (find_or_make_copy(tool, &err) < 0)
		return tool_fail(tool, "%s", err.message);
	say("%s", tool->dir);
	return EXIT_SUCCESS;
}

int
cmd_watch(struct tool *tool)
{
	return run(tool, true);
}

int
cmd_stop(struct tool *tool)
{
	char *conf = tool_conf(tool);
	const char *const argv[] = { tool->cupola, "stop", "-c", conf, NULL };
	json_t *status = running_status(tool);
	int r = 0;

	if (!status)
		say("nothing runs here");
	else
		r = job_run_here(argv, NULL);
	if (status && r == 0)
		say("stopped; your folder stays, and `cupola workshop` goes on where you were");
	json_decref(status);
	free(conf);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
