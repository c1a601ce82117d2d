/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cupola workshop diff` and `solution`: the learner's files beside what they should become, and what a step
 * adds to the one before it. The solution is for who has solved the step, or has had the third hint.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "course.h"
#include "diff.h"
#include "hint.h"
#include "memory.h"
#include "state.h"
#include "term.h"
#include "tool.h"

/* The step that is named, or the learner's. n_steps: all is solved; -ENOENT after a sentence. */
static int
which_step(const struct tool *tool, const struct state *state, bool named)
{
	int i = named ? course_find(tool->course, tool->rest[0])
	              : (int)state_now(state, tool->course);

	if (i < 0)
		tool_fail(tool, "there is no step %s (`cupola workshop list` shows them)",
		          tool->rest[0]);
	return i;
}

/* Of all files, or `only` one of them. Whether there were any. */
static bool
print_differences(const struct tool *tool, const char *only, const char *from,
                  const char *to, const char *from_name, const char *to_name)
{
	bool differ = false;

	for (size_t i = 0; tool->course->files[i]; i++) {
		const char *path = tool->course->files[i];
		char *a = xasprintf("%s/%s", from, path),
		     *b = xasprintf("%s/%s", to, path),
		     *a_name = xasprintf("%s/%s", from_name, path),
		     *b_name = xasprintf("%s/%s", to_name, path);

		if (!only || !strcmp(only, path))
			differ |= diff_print(a, b, a_name, b_name);
		free(a);
		free(b);
		free(a_name);
		free(b_name);
	}
	return differ;
}

int
cmd_diff(struct tool *tool)
{
	struct otel_error err = OTEL_ERROR_INIT;
	const char *only = tool->n_rest ? tool_learner_file(tool, tool->rest[0]) : NULL;
	struct state state;
	char *stage;
	int i;

	if (state_open(tool, false, &state, &err) < 0)
		return tool_fail(tool, "%s", err.message);
	i = which_step(tool, &state, tool->n_rest && !only);
	state_close(&state);
	if (i < 0)
		return EXIT_FAILURE;
	if (i < (int)tool->course->n_steps && step_is_tour(&tool->course->steps[i])) {
		say("The tour's change is a reply in words of your own, so there is no solution to compare with.");
		return EXIT_SUCCESS;
	}
	i = (int)course_checked_by(tool->course, (size_t)i);
	stage = course_stage_after(tool->course, (size_t)i);
	if (!print_differences(tool, only, tool->dir, stage, "yours", "solution"))
		say("%s the solution.",
		    only ? "Your file is that of" : "Your files are those of");
	free(stage);
	return EXIT_SUCCESS;
}

int
cmd_solution(struct tool *tool)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct state state;
	char *before, *after;
	const char *name;
	bool allowed;
	int i;

	if (state_open(tool, false, &state, &err) < 0)
		return tool_fail(tool, "%s", err.message);
	i = which_step(tool, &state, tool->n_rest > 0);
	if (i == (int)tool->course->n_steps)
		i--;
	name = i < 0 ? "" : tool->course->steps[i].name;
	allowed = i >= 0 &&
	          (state_is_passed(&state, name) || state_is_caught_up(&state, name) ||
	           hint_all_given(tool, &state,
	                          course_checked_by(tool->course, (size_t)i)));
	state_close(&state);
	if (i < 0)
		return EXIT_FAILURE;
	if (!allowed)
		return tool_fail(
			tool,
			"the solution of %s is shown when it is solved, or after the third hint: "
			"`cupola workshop hint`",
			name);
	before = course_stage_before(tool->course, (size_t)i);
	after = course_stage_after(tool->course, (size_t)i);
	if (!print_differences(tool, NULL, before, after, "before", name))
		say("%s leaves no trace in the files.", name);
	else if ((size_t)i + 1 < tool->course->n_steps)
		say("\n`cupola workshop catch-up %s` writes it into your files.",
		    tool->course->steps[i + 1].name);
	else
		say("\n`cupola workshop catch-up end` writes it into your files.");
	free(before);
	free(after);
	return EXIT_SUCCESS;
}
