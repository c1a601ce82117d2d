/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hints stand in the check files, with the assertion that they are for:
 *	"expect": [ { "id": "warn-on-400", "say": "...", "hints": ["concept", "where", "code"], ... } ]
 * The last check's failures come first, and which level comes next is remembered per assertion.
 */
#include "hint.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check-step.h"
#include "course.h"
#include "memory.h"
#include "term.h"

#define LEVELS 3

static const char *const level_names[] = { "the concept", "where", "the code" };

static const char *
text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static int
given(const struct state *state, const char *step, const char *id)
{
	const json_t *its = json_object_get(json_object_get(state->json, "steps"), step);

	return (int)json_integer_value(
		json_object_get(json_object_get(its, "hints"), id));
}

/* Appends those of a list that have hints. */
static void
add_hinted(json_t *out, const json_t *list)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		json_t *copy;
		char id[32];

		if (!json_array_size(json_object_get(item, "hints")))
			continue;
		copy = json_copy(item);
		if (!json_object_get(copy,
		                     "id")) { /* a request; cupola check calls it so */
			snprintf(id, sizeof id, "drive[%zu]", i);
			json_object_set_new(copy, "id", json_string(id));
		}
		json_array_append_new(out, copy);
	}
}

/* Everything of a step that has hints, what the last check missed first. Owned. */
static json_t *
hinted(const struct tool *tool, const struct state *state, size_t i)
{
	const struct step *step = &tool->course->steps[i];
	const json_t *last = json_object_get(state->json, "last_check");
	char *path = course_check_file(tool->course, i);
	json_t *file = step->has_check ? json_load_file(path, 0, NULL) : NULL,
	       *out = json_array();

	if (!strcmp(text_of(last, "step"), step->name))
		add_hinted(out, json_object_get(last, "failed"));
	if (step_is_tour(step)) {
		json_t *tour = json_array();

		check_tour(tool, tour);
		add_hinted(out, tour);
		json_decref(tour);
	}
	add_hinted(out, json_object_get(file, "drive"));
	add_hinted(out, json_object_get(file, "expect"));
	free(path);
	json_decref(file);
	return out;
}

bool
hint_all_given(const struct tool *tool, const struct state *state, size_t i)
{
	json_t *items = i < tool->course->n_steps ? hinted(tool, state, i) : NULL, *item;
	bool all = false;
	size_t j;

	json_array_foreach(items, j, item)
	{
		all |= given(state, tool->course->steps[i].name, text_of(item, "id")) >=
		       (int)json_array_size(json_object_get(item, "hints"));
	}
	json_decref(items);
	return all;
}

/* The one with that id; without one, the first. */
static const json_t *
choose(const json_t *items, const char *id)
{
	const json_t *item;
	size_t i;

	json_array_foreach(items, i, item)
	{
		if (!id || !strcmp(text_of(item, "id"), id))
			return item;
	}
	return NULL;
}

static void
print(const struct tool *tool, const char *step, const json_t *item, int level,
      const char *text)
{
	if (tool->json) {
		json_t *json = json_pack(
			"{s:s,s:s,s:s,s:i,s:i,s:s}", "step", step, "id",
			text_of(item, "id"), "say", text_of(item, "say"), "level", level,
			"of", (int)json_array_size(json_object_get(item, "hints")),
			"text", text);

		json_dumpf(json, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(json);
		return;
	}
	say("%s%s%s: %s", colour(BOLD), step, colour_off(), text_of(item, "say"));
	say("%d of %zu, %s: %s", level, json_array_size(json_object_get(item, "hints")),
	    level_names[level <= LEVELS ? level - 1 : LEVELS - 1], text);
	if (level == (int)json_array_size(json_object_get(item, "hints")))
		say("That was the last one; `cupola workshop solution` shows the whole step.");
}

/* Gives the next level and remembers it. */
static int
give(struct tool *tool, struct state *state, size_t i, const char *id)
{
	struct otel_error err = OTEL_ERROR_INIT;
	const char *step = tool->course->steps[i].name, *text;
	json_t *items = hinted(tool, state, i), *its, *hints;
	const json_t *item = choose(items, id);
	int level, n, r;

	if (!item) {
		json_decref(items);
		return id ? tool_fail(tool, "%s has no assertion %s with hints", step, id)
		          : tool_fail(tool, "%s has no hints", step);
	}
	hints = json_object_get(item, "hints");
	n = (int)json_array_size(hints);
	level = given(state, step, text_of(item, "id")) + 1;
	level = level < n ? level : n;
	text = json_string_value(json_array_get(hints, (size_t)level - 1));
	print(tool, step, item, level, text ? text : "");
	its = state_step(state, step);
	if (!json_is_object(json_object_get(its, "hints")))
		json_object_set_new(its, "hints", json_object());
	json_object_set_new(json_object_get(its, "hints"), text_of(item, "id"),
	                    json_integer(level));
	r = state_save(state, &err);
	json_decref(items);
	return r < 0 ? tool_fail(tool, "%s", err.message) : EXIT_SUCCESS;
}

int
cmd_hint(struct tool *tool)
{
	struct otel_error err = OTEL_ERROR_INIT;
	int named = tool->n_rest ? course_find(tool->course, tool->rest[0]) : -ENOENT;
	const char *id = tool->n_rest > 1            ? tool->rest[1]
	                 : named < 0 && tool->n_rest ? tool->rest[0]
	                                             : NULL;
	struct state state;
	size_t i;
	int result = EXIT_SUCCESS;

	if (tool->n_rest > 1 && named < 0)
		return tool_fail(
			tool, "there is no step %s (`cupola workshop list` shows them)",
			tool->rest[0]);
	if (state_open(tool, true, &state, &err) < 0)
		return tool_fail(tool, "%s", err.message);
	i = course_checked_by(tool->course, named < 0 ? state_now(&state, tool->course)
	                                              : (size_t)named);
	if (i >= tool->course->n_steps)
		say("All is solved; there is nothing left to hint at.");
	else
		result = give(tool, &state, i, id);
	state_close(&state);
	return result;
}
