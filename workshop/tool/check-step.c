/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cupola workshop check`. What is judged is what runs, so what runs is looked at first: code that does not
 * compile, or was saved and is not loaded yet, is told of before the results that it explains.
 */
#include "check-step.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "build.h"
#include "course.h"
#include "files.h"
#include "job.h"
#include "memory.h"
#include "progress.h"
#include "running.h"
#include "session.h"
#include "state.h"
#include "term.h"

#define BUILD_PATIENCE_MS 20000 /* for a session that is building what was just saved */
#define NOTICE_PATIENCE_MS \
	4000 /* for one that has not seen yet what was loaded by hand */
#define EXIT_UNCHECKED 2
#define MAX_COMMAND    16 /* words of a step's own command */

/* ---- what runs ---- */

/* Before the tour's reload by hand, nothing is built without being told to. */
static bool
builds_itself(const struct tool *tool)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct state state;
	bool does;

	if (state_open(tool, false, &state, &err) < 0)
		return false;
	does = state_reloads_by_itself(&state);
	state_close(&state);
	return does;
}

/* Gives a session that runs the time to build and put in force what was saved a moment ago. Owned. */
static json_t *
await_builds(const struct tool *tool)
{
	long long end = now_ms() + BUILD_PATIENCE_MS;

	for (;;) {
		json_t *recorded = build_recorded(tool);
		bool all = build_conf_is_taken(tool, recorded);

		for (size_t i = 0; tool->course->services[i]; i++)
			all &= build_is_current(tool, recorded,
			                        tool->course->services[i]);
		if (all || now_ms() > end || !session_builds(tool) ||
		    !builds_itself(tool))
			return recorded;
		json_decref(recorded);
		usleep(50000);
	}
}

static void
say_errors(const char *name, const json_t *unit)
{
	const json_t *errors = json_object_get(unit, "errors"), *error;
	size_t i;

	say_in(RED, "%s %s, so what is checked is the version before:", name,
	       !strcmp(name, "host.conf") ? "has a mistake"
	       : json_is_true(json_object_get(unit, "refused"))
	               ? "was refused by the host"
	               : "does not compile");
	json_array_foreach(errors, i, error)
	{
		const char *file = json_string_value(json_object_get(error, "file"));

		if (i < 3 && file && *file)
			say("  %s:%d: %s", file,
			    (int)json_integer_value(json_object_get(error, "line")),
			    json_string_value(json_object_get(error, "text")));
		else if (i < 3)
			say("  %s", json_string_value(json_object_get(error, "text")));
	}
}

/* A session looks at what runs about once a second; who reloads by hand and asks at once must not be told of less. */
static void
await_by_hand(const struct tool *tool)
{
	long long end = now_ms() + NOTICE_PATIENCE_MS;
	json_t *status = running_status(tool);
	int runs = running_generation(status, tool->course->services[0]);

	json_decref(status);
	while (runs > 1 && session_builds(tool) && !builds_itself(tool) && now_ms() < end)
		usleep(50000);
}

static void
say_what_runs(const struct tool *tool)
{
	json_t *recorded, *status, *conf;

	await_by_hand(tool);
	recorded = await_builds(tool);
	status = running_status(tool);
	for (size_t i = 0; !tool->json && tool->course->services[i]; i++) {
		const char *name = tool->course->services[i];
		const json_t *unit = json_object_get(json_object_get(recorded, "units"),
		                                     name);
		json_int_t built = json_integer_value(
			json_object_get(unit, "generation"));
		int runs = running_generation(status, name);

		if (!build_is_current(tool, recorded, name))
			say_in(YELLOW,
			       "%s was saved and not loaded yet: `make -C %s/%s`, then "
			       "`cupola reload %s`",
			       name, tool->dir, name, name);
		else if (json_is_false(json_object_get(unit, "ok")))
			say_errors(name, unit);
		else if (runs && built > runs)
			say_in(YELLOW,
			       "%s runs generation %d, not %d, which crashed; save a mended one",
			       name, runs, (int)built);
	}
	conf = json_object_get(recorded, "conf_mistakes");
	if (conf && !tool->json)
		say_errors("host.conf", conf);
	json_decref(recorded);
	json_decref(status);
}

/* ---- running the checks ---- */

struct check {
	size_t step; /* its index */
	struct json_t *
		lines; /* {"id", "say", "result": "pass"|"fail", "miss", "hints"}; owned */
	int passed, failed;
	double seconds;
};

static void
add_line(struct check *check, json_t *line)
{
	const char *result = json_string_value(json_object_get(line, "result"));
	bool passed = result && !strcmp(result, "pass");

	check->passed += passed;
	check->failed += result && !strcmp(result, "fail");
	json_array_append(check->lines, line);
}

/* The assertions in the output of `cupola check --json`; its last line is the sum. */
static void
read_output(struct check *check, const char *text)
{
	json_t *line;

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		line = json_loadb(text, strcspn(text, "\n"), 0, NULL);
		if (json_object_get(line, "id"))
			add_line(check, line);
		json_decref(line);
	}
}

static int
ask_engine(const struct tool *tool, struct check *check, struct otel_error *err)
{
	char *file = course_check_file(tool->course, check->step),
	     *conf = tool_conf(tool), *why;
	const char **command = tool->course->steps[check->step].command;
	const char *argv[MAX_COMMAND + 8] = { tool->cupola, "check", file,
		                              "--json",     "-c",    conf };
	struct job_how how = { .dir = tool->dir, .quiet = true };
	struct job *job;
	int r;

	if (*command)
		argv[6] = "--";
	for (size_t i = 0; i < MAX_COMMAND && command[i]; i++)
		argv[7 + i] = command[i];
	r = job_run(argv, &how, &job, err);
	free(file);
	free(conf);
	if (r < 0)
		return r;
	read_output(check, job->text[0]);
	if (job->status != 0 && job->status != 1) {
		why = job_sentence(job);
		r = otel_error_set(err, -EIO, "%s: %s",
		                   tool->course->steps[check->step].name,
		                   *why ? why : "the checks could not be made");
		free(why);
	}
	job_free(job);
	return r;
}

static void
check_fini(struct check *check)
{
	json_decref(check->lines);
	*check = (struct check){ 0, NULL };
}

/* Checks one step against the host that runs. 0, or -errno with what is in the way. */
static int
check_run(const struct tool *tool, size_t step, struct check *out, struct otel_error *err)
{
	long long began = now_ms();
	int r = 0;

	*out = (struct check){ .step = step, .lines = json_array() };
	if (step_is_tour(&tool->course->steps[step])) {
		json_t *lines = json_array(), *line;
		size_t i;

		check_tour(tool, lines);
		json_array_foreach(lines, i, line) add_line(out, line);
		json_decref(lines);
	}
	if (tool->course->steps[step].has_check)
		r = ask_engine(tool, out, err);
	out->seconds = (double)(now_ms() - began) / 1e3;
	if (r < 0)
		check_fini(out);
	return r;
}

/* ---- saying what came of it ---- */

static const char *
text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static void
print_json(const struct tool *tool, const struct check *check)
{
	const char *step = tool->course->steps[check->step].name;
	json_t *line;
	size_t i;

	json_array_foreach(check->lines, i, line)
	{
		bool failed = !strcmp(text_of(line, "result"), "fail");
		json_t *out = json_pack("{s:s,s:s,s:s,s:s}", "step", step, "id",
		                        text_of(line, "id"), "say", text_of(line, "say"),
		                        "result", text_of(line, "result"));
		const json_t *miss = json_object_get(line, "miss");

		json_object_set_new(out, "miss",
		                    json_is_string(miss)
		                            ? json_string(json_string_value(miss))
		                            : json_null());
		json_object_set_new(out, "hint",
		                    failed ? json_string("cupola workshop hint")
		                           : json_null());
		json_dumpf(out, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(out);
	}
	line = json_pack("{s:s,s:i,s:i,s:f,s:b}", "step", step, "passed", check->passed,
	                 "failed", check->failed, "seconds", check->seconds, "done",
	                 !check->failed);
	json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(4));
	putchar('\n');
	json_decref(line);
	fflush(stdout);
}

static void
print_text(const struct tool *tool, const struct check *check)
{
	const struct step *step = &tool->course->steps[check->step];
	const json_t *line;
	size_t i;

	say("%s%s  %s%s", colour(BOLD), step->name, step->title, colour_off());
	json_array_foreach(check->lines, i, line)
	{
		const char *result = text_of(line, "result"),
			   *miss = text_of(line, "miss");
		bool passed = !strcmp(result, "pass");

		say("  %s%s%s  %s", colour(passed ? GREEN : RED), passed ? "ok" : "--",
		    colour_off(), text_of(line, "say"));
		if (!passed && *miss)
			say("      %s%s%s", colour(YELLOW), miss, colour_off());
	}
	if (check->failed)
		say("%d passed, %d failed in %.1f s; `cupola workshop hint` helps",
		    check->passed, check->failed, check->seconds);
	else
		say_in(GREEN, "%d passed in %.1f s", check->passed, check->seconds);
}

/* ---- what is remembered ---- */

/* The step is solved, and with it those before it that have no checks of their own. */
static void
mark_passed(struct state *state, const struct course *course, size_t i)
{
	for (bool first = true;
	     first || (!course->steps[i].has_check && !step_is_tour(&course->steps[i]));
	     i--, first = false) {
		json_t *step = state_step(state, course->steps[i].name);

		if (!state_is_passed(state, course->steps[i].name))
			json_object_set_new(step, "passed_at", json_integer(time(NULL)));
		json_object_del(step, "caught_up");
		if (i == 0)
			break;
	}
}

/* What did not hold, with its hints. */
static json_t *
failed_lines(const struct check *check)
{
	json_t *failed = json_array(), *line;
	size_t i;

	json_array_foreach(check->lines, i, line)
	{
		if (!strcmp(text_of(line, "result"), "fail"))
			json_array_append(failed, line);
	}
	return failed;
}

static int
remember(const struct tool *tool, const struct check *check, struct otel_error *err)
{
	struct state state;
	int r = state_open(tool, true, &state, err);

	if (r < 0)
		return r;
	if (!check->failed && check->passed)
		mark_passed(&state, tool->course, check->step);
	json_object_set_new(state.json, "last_check",
	                    json_pack("{s:s,s:o,s:I}", "step",
	                              tool->course->steps[check->step].name, "failed",
	                              failed_lines(check), "at", (json_int_t)time(NULL)));
	r = state_save(&state, err);
	state_close(&state);
	return r;
}

/* ---- the command ---- */

/* Which steps are meant, each once, by the step that has the checks. */
static size_t
choose(const struct tool *tool, const struct state *state, bool *wanted)
{
	const struct course *course = tool->course;
	const char *what = tool->n_rest ? tool->rest[0] : NULL;
	size_t now = state_now(state, course), n = 0;

	for (size_t i = 0; i < course->n_steps; i++) {
		size_t by = course_checked_by(course, i);
		bool is = what ? !strcmp(what, course->steps[i].name) ||
		                          !strcmp(what, course->steps[i].section) ||
		                          (!strcmp(what, "all") && i <= now)
		               : i == now;

		/* The tour leaves nothing in the files, so it is not asked for again. */
		if (what && !strcmp(what, "all") && step_is_tour(&course->steps[i]) &&
		    i != now)
			is = false;
		if (is && by < course->n_steps && !wanted[by]) {
			wanted[by] = true;
			n++;
		}
	}
	return n;
}

/* A step that only prepares shows nothing by itself; whoever checks it must not take that for a mistake. */
static void
say_together(const struct tool *tool, const struct state *state)
{
	const struct course *course = tool->course;
	size_t i = state_now(state, course), by;

	for (size_t j = 0; tool->n_rest && j <= course->n_steps; j++) {
		i = j;
		if (j < course->n_steps && !strcmp(course->steps[j].name, tool->rest[0]))
			break;
	}
	by = course_checked_by(course, i);
	if (i < by && by < course->n_steps)
		say("%s shows nothing by itself, so it is checked together with %s.",
		    course->steps[i].name, course->steps[by].name);
}

/* Who is asked for a step ahead may miss what lies between, rather than the step itself. */
static void
say_what_is_between(const struct tool *tool, const struct state *state,
                    const bool *wanted)
{
	const struct course *course = tool->course;
	size_t now = state_now(state, course), first = 0;

	while (first < course->n_steps && !wanted[first])
		first++;
	if (tool->n_rest && course_checked_by(course, now) < first)
		say("%s comes before and is not solved yet; `cupola workshop catch-up %s` does for you what is before %s",
		    course->steps[now].name, tool->rest[0], tool->rest[0]);
}

static int
check_each(const struct tool *tool, const bool *wanted)
{
	struct otel_error err = OTEL_ERROR_INIT;
	int result = EXIT_SUCCESS;

	for (size_t i = 0; i < tool->course->n_steps; i++) {
		struct check check;

		if (!wanted[i])
			continue;
		say_for_now("%s  asking and looking ...", tool->course->steps[i].name);
		if (check_run(tool, i, &check, &err) < 0) {
			tool_fail(tool, "%s", err.message);
			return EXIT_UNCHECKED;
		}
		if (tool->json)
			print_json(tool, &check);
		else
			print_text(tool, &check);
		if (check.failed)
			result = EXIT_FAILURE;
		if (remember(tool, &check, &err) < 0)
			result = tool_fail(tool, "%s", err.message);
		check_fini(&check);
	}
	return result;
}

/*
 * One check at a time in a working copy: another one's requests, and the faults that it plants, would be
 * taken for this one's. The descriptor that holds the place; -1 when it cannot be had.
 */
static int
take_turn(const struct tool *tool)
{
	char *path = xasprintf("%s/.workshop/check.lock", tool->dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	free(path);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		say_for_now("another check is running; this one comes next ...");
		while (flock(fd, LOCK_EX) < 0 && errno == EINTR)
			;
	}
	return fd;
}

int
cmd_check(struct tool *tool)
{
	struct otel_error err = OTEL_ERROR_INIT;
	bool *wanted = xcalloc(tool->course->n_steps + 1, sizeof *wanted);
	json_t *status = NULL;
	struct state state;
	size_t n;
	int result;

	if (state_open(tool, false, &state, &err) < 0) {
		free(wanted);
		return tool_fail(tool, "%s", err.message);
	}
	n = choose(tool, &state, wanted);
	if (!n && tool->n_rest) {
		result = tool_fail(tool,
		                   "%s has no checks: expected a step, a section or all "
		                   "(`cupola workshop list`)",
		                   tool->rest[0]);
	} else if (!n) {
		say("All is solved. `cupola workshop check all` checks everything again.");
		result = EXIT_SUCCESS;
	} else if (!(status = running_status(tool))) {
		tool_fail(
			tool,
			"nothing runs here; `cupola workshop` in another terminal starts it");
		result = EXIT_UNCHECKED;
	} else {
		int turn = take_turn(tool);

		say_what_runs(tool);
		if (!tool->json)
			say_together(tool, &state);
		result = check_each(tool, wanted);
		if (turn >= 0)
			close(turn);
		if (!tool->json && result == EXIT_SUCCESS)
			progress_say_next(tool, status);
		else if (!tool->json && result == EXIT_FAILURE)
			say_what_is_between(tool, &state, wanted);
	}
	state_close(&state);
	json_decref(status);
	free(wanted);
	return result;
}
