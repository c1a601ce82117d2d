/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This installation, and what is set around it: PATH, ports, variables.
 */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "copy.h"
#include "course.h"
#include "doctor.h"
#include "files.h"
#include "memory.h"
#include "ports.h"
#include "running.h"
#include "state.h"

/* ---- what is installed ---- */

enum verdict
doctor_installation(const struct patient *patient, struct finding *out)
{
	static const char *const parts[] = { "steps.json", "stages/start/host.conf",
		                             "copy/README.md", "checks" };
	const struct course *course = patient->tool->course;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		char *path = xasprintf("%s/%s", patient->tool->data, parts[i]);
		bool there = file_exists(path);

		if (!there)
			doctor_say(out, BAD, "installation: %s is not there", path);
		free(path);
		if (!there) {
			doctor_fix(out, "install Cupola again (make install)");
			return BAD;
		}
	}
	return doctor_say(out, FINE, "installation: %zu steps in %s", course->n_steps,
	                  patient->tool->data);
}

enum verdict
doctor_copy(const struct patient *patient, struct finding *out)
{
	const struct course *course = patient->tool->course;
	char *path, *missing = NULL;
	json_error_t problem;
	json_t *state;

	if (!patient->tool->dir)
		return doctor_say(out, FINE,
		                  "copy: there is none yet; `cupola workshop` makes %s",
		                  patient->dir);
	path = xasprintf("%s/.workshop/state.json", patient->dir);
	state = json_load_file(path, 0, &problem);
	free(path);
	if (!state) {
		doctor_fix(
			out,
			"the next command keeps it aside and begins a new one; `cupola workshop check all` "
			"finds out again what is solved");
		return doctor_say(
			out, NOTE,
			"copy: %s/.workshop/state.json cannot be read (line %d: %s)",
			patient->dir, problem.line, problem.text);
	}
	json_decref(state);
	for (size_t i = 0; !missing && course->files[i]; i++) {
		path = xasprintf("%s/%s", patient->dir, course->files[i]);
		if (!file_exists(path))
			missing = xstrdup(course->files[i]);
		free(path);
	}
	if (missing) {
		doctor_fix(out, "cupola workshop reset %s", missing);
		doctor_say(out, NOTE, "copy: %s/%s is missing", patient->dir, missing);
		free(missing);
		return NOTE;
	}
	return doctor_say(out, FINE, "copy: %s is complete", patient->dir);
}

/* The program that a terminal would run for `cupola`. Owned; NULL when none. */
static char *
in_path(void)
{
	const char *path = getenv("PATH");
	char *copy = xstrdup(path ? path : ""), *save = NULL, *found = NULL;

	for (char *dir = strtok_r(copy, ":", &save); dir && !found;
	     dir = strtok_r(NULL, ":", &save)) {
		char *program = xasprintf("%s/cupola", dir);

		if (access(program, X_OK) == 0)
			found = realpath(program, NULL);
		free(program);
	}
	free(copy);
	return found;
}

enum verdict
doctor_path(const struct patient *patient, struct finding *out)
{
	char *found = in_path(), *ours = realpath(patient->tool->cupola, NULL);
	bool same = found && ours && !strcmp(found, ours);
	const char *slash = ours ? strrchr(ours, '/') : NULL;

	if (same)
		doctor_say(out, FINE, "path: `cupola` is %s", found);
	else if (found)
		doctor_say(out, NOTE, "path: `cupola` is %s, and this one is %s", found,
		           patient->tool->cupola);
	else
		doctor_say(out, NOTE, "path: a terminal does not find `cupola`");
	if (!same && slash)
		doctor_fix(out, "export PATH=\"%.*s:$PATH\"", (int)(slash - ours), ours);
	free(found);
	free(ours);
	return same ? FINE : NOTE;
}

/* ---- ports ---- */

/* Those that host.conf names: the learner's, or the one that the copy will have. */
enum verdict
doctor_ports(const struct patient *patient, struct finding *out)
{
	struct tool tool = *patient->tool;
	struct otel_error err = OTEL_ERROR_INIT;
	struct ports ports = { NULL, 0, NULL, 0 };
	json_t *status = tool.dir ? running_status(&tool) : NULL;
	char *start = course_stage_before(tool.course, 0);
	size_t used = 0;
	int r;

	if (status) {
		json_decref(status);
		free(start);
		return doctor_say(out, FINE,
		                  "ports: the workshop runs and has what it needs");
	}
	if (!tool.dir)
		tool.dir = start;
	r = ports_choose(&tool, &ports, &err);
	for (size_t i = 0; i < ports.n_moves; i++) {
		const struct port_move *move = &ports.moves[i];

		if (used < sizeof out->say - 1)
			used += (size_t)snprintf(
				out->say + used, sizeof out->say - used,
				"%s%u (%s) is taken by %s",
				i ? ", " : "ports: ", move->from, move->plugin,
				move->holder ? move->holder : "nobody any more");
	}
	if (r < 0) {
		doctor_fix(out, "end what holds them");
		doctor_say(out, BAD, "ports: %s", err.message);
	} else if (ports.n_moves) {
		doctor_fix(
			out,
			"nothing to do: `cupola workshop` takes free ones and says which");
	} else {
		doctor_say(out, FINE, "ports: all that host.conf names are free");
	}
	r = r < 0 ? BAD : ports.n_moves ? NOTE : FINE;
	ports_fini(&ports);
	free(start);
	return (enum verdict)r;
}

/* ---- variables ---- */

enum verdict
doctor_otel(const struct patient *patient, struct finding *out)
{
	static const char *const names[] = { "OTEL_EXPORTER_OTLP_ENDPOINT",
		                             "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		                             "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
		                             "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
		                             "OTEL_EXPORTER_OTLP_PROTOCOL",
		                             "OTEL_TRACES_EXPORTER",
		                             "OTEL_METRICS_EXPORTER",
		                             "OTEL_LOGS_EXPORTER",
		                             "OTEL_SDK_DISABLED",
		                             "OTEL_TRACES_SAMPLER",
		                             "OTEL_METRIC_EXPORT_INTERVAL" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);

		if (!value || !*value)
			continue;
		doctor_fix(out, "unset %s", names[i]);
		return doctor_say(
			out, NOTE,
			"otel: %s=%s wins over host.conf: telemetry may not reach the station",
			names[i], value);
	}
	return doctor_say(out, FINE, "otel: no OTEL_ variable sends telemetry elsewhere");
}

enum verdict
doctor_proxy(const struct patient *patient, struct finding *out)
{
	static const char *const names[] = { "http_proxy", "all_proxy", "ALL_PROXY" };
	const char *no = getenv("no_proxy"), *more = getenv("NO_PROXY");

	if ((no && (strstr(no, "127.0.0.1") || !strcmp(no, "*"))) ||
	    (more && (strstr(more, "127.0.0.1") || !strcmp(more, "*"))))
		return doctor_say(out, FINE, "proxy: 127.0.0.1 is asked without one");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);

		if (!value || !*value)
			continue;
		doctor_fix(out, "export no_proxy=127.0.0.1,localhost");
		return doctor_say(out, NOTE,
		                  "proxy: %s=%s, so curl asks it for 127.0.0.1 too",
		                  names[i], value);
	}
	return doctor_say(out, FINE, "proxy: none is set");
}
