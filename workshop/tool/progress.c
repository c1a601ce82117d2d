/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup.h"
#include "build.h"
#include "course.h"
#include "crash.h"
#include "memory.h"
#include "running.h"
#include "state.h"
#include "term.h"

char *
progress_guide(const json_t *status)
{
	char *url = running_url(status, "guide", ""), *slash;

	if (!url)
		url = running_url(status, "station", "");
	if (!url)
		return NULL;
	slash = xasprintf("%s/", url);
	free(url);
	return slash;
}

static const char *
state_name(const struct state *state, const struct course *course, size_t i)
{
	const char *name = course->steps[i].name;

	if (state_is_passed(state, name) || state_is_caught_up(state, name))
		return "passed";
	return i == state_now(state, course) ? "now" : "open";
}

/* What is not on the 90-minute path can be had without typing. */
static void
say_shortcut(const struct course *course, size_t now)
{
	size_t next = now;

	while (next < course->n_steps && !course->steps[next].path90)
		next++;
	if (next > now)
		say_in(DIM,
		       "     not on the 90-minute path: `cupola workshop catch-up %s` does it for you",
		       next < course->n_steps ? course->steps[next].name : "end");
}

void
progress_say_next(const struct tool *tool, const json_t *status)
{
	struct otel_error err = OTEL_ERROR_INIT;
	const struct course *course = tool->course;
	const struct step *step;
	struct state state;
	const char *section;
	size_t now;

	backup_say_interrupted(tool);
	if (state_open(tool, false, &state, &err) < 0)
		return;
	now = state_now(&state, course);
	if (now == course->n_steps) {
		say("All steps are solved. The wrap-up says what comes after the workshop.");
	} else {
		step = &course->steps[now];
		section = course_section_title(course, step->section);
		say("Now: %s%s  %s%s%s%s%s, %d min", colour(BOLD), step->name,
		    step->title, colour_off(), *section ? " (" : "", section,
		    *section ? ")" : "", step->minutes);
		for (size_t i = 0; step->files[i]; i++)
			say("     edit %s/%s", tool->dir, step->files[i]);
		say("     then `cupola workshop check`; `cupola workshop hint` when it does not come out");
		say_shortcut(course, now);
	}
	state_close(&state);
}

/* ---- progress, list ---- */

static void
set_url(json_t *json, const char *key, char *url)
{
	json_object_set_new(json, key, url ? json_string(url) : json_null());
	free(url);
}

static json_t *
steps_as_json(const struct tool *tool, const struct state *state)
{
	const struct course *course = tool->course;
	json_t *list = json_array();

	for (size_t i = 0; i < course->n_steps; i++) {
		const struct step *step = &course->steps[i];
		json_t *its = json_object_get(json_object_get(state->json, "steps"),
		                              step->name),
		       *passed_at = json_object_get(its, "passed_at");

		json_array_append_new(
			list,
			json_pack("{s:s,s:s,s:s,s:i,s:b,s:s,s:b,s:O,s:s,s:s}", "step",
		                  step->name, "title", step->title, "section",
		                  step->section, "minutes", step->minutes, "path90",
		                  step->path90, "state", state_name(state, course, i),
		                  "caught_up", state_is_caught_up(state, step->name),
		                  "passed_at", passed_at ? passed_at : json_null(),
		                  "page", step->page, "anchor", step->anchor));
	}
	return list;
}

static json_t *
build_as_json(const struct tool *tool)
{
	const char *unit;
	json_t *recorded = build_recorded(tool), *build = build_shown(recorded, &unit),
	       *out;

	if (!build) {
		json_decref(recorded);
		return json_null();
	}
	out = json_deep_copy(build);
	json_object_set_new(out, "service", json_string(unit));
	json_object_del(out, "hash");
	json_decref(recorded);
	return out;
}

/* Where each of the course's services is, which the text names by their usual ports. */
static json_t *
services_as_json(const struct tool *tool, const json_t *status)
{
	json_t *services = json_object();

	for (size_t i = 0; tool->course->services[i]; i++)
		set_url(services, tool->course->services[i],
		        running_url(status, tool->course->services[i], ""));
	set_url(services, "upstream", running_url(status, "upstream", ""));
	return services;
}

static void
print_json(const struct tool *tool, const struct state *state)
{
	json_t *status = running_status(tool), *json = json_object();
	size_t now = state_now(state, tool->course);

	json_object_set_new(json, "dir", json_string(tool->dir));
	set_url(json, "guide", running_url(status, "guide", ""));
	set_url(json, "station", running_url(status, "station", ""));
	set_url(json, "frontend", running_url(status, "frontend", ""));
	json_object_set_new(json, "services", services_as_json(tool, status));
	json_object_set_new(json, "now",
	                    now < tool->course->n_steps
	                            ? json_string(tool->course->steps[now].name)
	                            : json_null());
	json_object_set_new(json, "by_hand_reload",
	                    json_boolean(state_reloads_by_itself(state)));
	json_object_set_new(json, "steps", steps_as_json(tool, state));
	json_object_set_new(json, "build", build_as_json(tool));
	json_object_set_new(json, "crash", crash_as_json(tool, status));
	json_dumpf(json, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(json);
	json_decref(status);
}

static void
print_steps(const struct tool *tool, const struct state *state, bool minutes)
{
	const struct course *course = tool->course;
	const char *section = "";

	for (size_t i = 0; i < course->n_steps; i++) {
		const struct step *step = &course->steps[i];
		const char *is = state_name(state, course, i);
		bool passed = !strcmp(is, "passed"), now = !strcmp(is, "now");

		if (strcmp(section, step->section) != 0 &&
		    *course_section_title(course, step->section))
			say_in(BOLD, "%s", course_section_title(course, step->section));
		section = step->section;
		if (minutes)
			say("  %-5s %-44s %3d min%s", step->name, step->title,
			    step->minutes, step->path90 ? "  in 90 minutes" : "");
		else
			say("  %s%-4s%s %-5s %s%s%s%s",
			    colour(passed ? GREEN
			           : now  ? YELLOW
			                  : DIM),
			    passed ? "ok"
			    : now  ? "now"
			           : "",
			    colour_off(), step->name, colour(now ? BOLD : PLAIN),
			    step->title, colour_off(),
			    state_is_caught_up(state, step->name) ? "  (caught up)" : "");
	}
}

int
cmd_progress(struct tool *tool)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct state state;
	size_t done = 0;

	if (state_open(tool, false, &state, &err) < 0)
		return tool_fail(tool, "%s", err.message);
	if (tool->json) {
		print_json(tool, &state);
	} else {
		print_steps(tool, &state, false);
		for (size_t i = 0; i < tool->course->n_steps; i++)
			done += !strcmp(state_name(&state, tool->course, i), "passed");
		say("%zu of %zu done, in %s", done, tool->course->n_steps, tool->dir);
	}
	state_close(&state);
	return EXIT_SUCCESS;
}

/* Reading takes its time too: what steps.json says of each page besides its steps. */
static void
add_pages(const struct course *course, int *minutes, int *path)
{
	const json_t *page;
	size_t i;

	json_array_foreach(json_object_get(course->json, "pages"), i, page)
	{
		int reading = (int)json_integer_value(json_object_get(page, "minutes"));

		*minutes += reading +
		            (int)json_integer_value(json_object_get(page, "explore"));
		*path += json_is_true(json_object_get(page, "path90")) ? reading : 0;
	}
}

int
cmd_list(struct tool *tool)
{
	struct state state = { .lock = -1, .json = json_pack("{s:{}}", "steps") };
	int minutes = 0, path = 0;

	for (size_t i = 0; i < tool->course->n_steps; i++) {
		minutes += tool->course->steps[i].minutes;
		path += tool->course->steps[i].path90 ? tool->course->steps[i].minutes
		                                      : 0;
	}
	if (tool->json) {
		json_t *list = steps_as_json(tool, &state), *step;
		size_t i;

		json_array_foreach(list, i, step)
		{
			json_object_del(step, "state");
			json_object_del(step, "passed_at");
			json_object_del(step, "caught_up");
			json_dumpf(step, stdout, JSON_COMPACT);
			putchar('\n');
		}
		json_decref(list);
	} else {
		print_steps(tool, &state, true);
		add_pages(tool->course, &minutes, &path);
		say("%d minutes with the text; those of the 90-minute path: %d", minutes,
		    path);
	}
	json_decref(state.json);
	return EXIT_SUCCESS;
}

int
cmd_next(struct tool *tool)
{
	json_t *status = running_status(tool);
	char *guide = progress_guide(status);

	if (guide)
		say("Open  %s", guide);
	progress_say_next(tool, status);
	free(guide);
	json_decref(status);
	return EXIT_SUCCESS;
}
