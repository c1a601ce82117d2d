/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catch-up, reset, undo, redo: the commands that replace the learner's files.
 *
 * Each makes a backup first, of everything, then replaces, then notes the backup as finished and the state.
 * Ended between any two of these, the files are the old ones or the backup has them. undo takes back the
 * last catch-up or reset that still stands; as it makes a backup too, redo is the same for undo:
 *
 *	1 catch-up 3      2 undo (of 1)      3 redo (of 2)      4 undo (of 1) ...
 *
 * Whether an operation still stands follows from the list alone: the last one that is of it decides.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backup.h"
#include "course.h"
#include "files.h"
#include "memory.h"
#include "progress.h"
#include "session.h"
#include "state.h"
#include "term.h"

static const char *
what(const struct backup *backup)
{
	const char *text = json_string_value(json_object_get(backup->manifest, "what"));

	return text ? text : "";
}

static int
of(const struct backup *backup)
{
	return (int)json_integer_value(json_object_get(backup->manifest, "of"));
}

static const char *
argument(const struct backup *backup)
{
	const char *text = json_string_value(
		json_object_get(backup->manifest, "argument"));

	return text ? text : "";
}

/* ---- an operation ---- */

struct operation {
	struct tool *tool;
	struct state state;
	struct backup backup;
	size_t changed; /* files that were replaced */
	struct otel_error err;
};

/* Takes the lock and makes the backup. */
static int
begin(struct operation *op, struct tool *tool, const char *name, const char *text,
      int back)
{
	int r;

	*op = (struct operation){ .tool = tool, .err = OTEL_ERROR_INIT };
	r = state_open(tool, true, &op->state, &op->err);
	return r < 0 ? r
	             : backup_make(tool, &op->state, name, text, back, &op->backup,
	                           &op->err);
}

static void
say_after(const struct operation *op)
{
	if (!op->changed)
		say("Your files were like that already.");
	else if (session_builds(op->tool))
		say("The session that runs builds and reloads them now.");
	progress_say_next(op->tool, NULL);
}

/* Saves the state and notes the backup as finished. The exit status, after a sentence on failure. */
static int
end(struct operation *op, int r)
{
	if (!r)
		r = state_save(&op->state, &op->err);
	if (!r)
		r = backup_finish(&op->backup, &op->err);
	if (r < 0 && !op->changed)
		backup_abandon(&op->backup);
	state_close(&op->state);
	if (!r)
		say_after(op);
	else
		tool_fail(op->tool, "%s%s", op->err.message,
		          op->changed ? "; `cupola workshop undo` brings your files back"
		                      : "");
	backup_fini(&op->backup);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Writes a stage over the learner's files; `move_to` is where the learner then is, -1: where they were. */
static int
replace(struct tool *tool, const char *name, const char *text, const char *stage,
        const char *const *only, int move_to)
{
	struct operation op;
	int r = begin(&op, tool, name, text, 0);

	if (!r)
		r = backup_write_stage(tool, &op.backup, stage, only, &op.changed,
		                       &op.err);
	if (!r && move_to >= 0)
		state_move(&op.state, tool->course, (size_t)move_to);
	if (!r)
		say("%zu file%s written; what you had is in .workshop/backups/%s, `cupola workshop undo` "
		    "brings it back",
		    op.changed, op.changed == 1 ? "" : "s", op.backup.name);
	return end(&op, r);
}

/* ---- catch-up, reset ---- */

int
cmd_catch_up(struct tool *tool)
{
	char *stage;
	int i, result;

	if (!tool->n_rest)
		return tool_fail(
			tool,
			"which step or section shall come next? `cupola workshop list` shows them");
	i = course_find(tool->course, tool->rest[0]);
	if (i < 0)
		return tool_fail(
			tool,
			"expected a step or a section, such as 3 or 3.3, found \"%s\" "
			"(`cupola workshop list` shows them)",
			tool->rest[0]);
	stage = course_stage_before(tool->course, (size_t)i);
	result = replace(tool, "catch-up", tool->rest[0], stage, NULL, i);
	free(stage);
	return result;
}

int
cmd_reset(struct tool *tool)
{
	struct otel_error err = OTEL_ERROR_INIT;
	const char *one[2] = { NULL, NULL }, *const *only = NULL;
	const char *text = tool->n_rest ? tool->rest[0] : "";
	struct state state;
	char *stage;
	size_t now;
	int result;

	if (state_open(tool, false, &state, &err) < 0)
		return tool_fail(tool, "%s", err.message);
	now = state_now(&state, tool->course);
	state_close(&state);
	if (*text && strcmp(text, "all") != 0) {
		one[0] = tool_learner_file(tool, text);
		if (!one[0])
			return tool_fail(tool, "%s is none of the files that you edit",
			                 text);
		only = one;
	} else if (!*text && now < tool->course->n_steps) {
		only = tool->course->steps[now].files;
	}
	stage = course_stage_before(tool->course, now);
	result = replace(tool, "reset", text, stage, only, -1);
	free(stage);
	return result;
}

/* ---- undo, redo ---- */

/* Whether what this backup was made for still stands: nothing of it came later, or what came was taken back. */
static bool
stands(const struct backup *list, size_t n, size_t i)
{
	for (size_t j = n; j-- > i + 1;)
		if (of(&list[j]) == list[i].number && backup_is_finished(&list[j]))
			return !stands(list, n, j);
	return true;
}

static bool
is_replacing(const struct backup *backup)
{
	return !strcmp(what(backup), "catch-up") || !strcmp(what(backup), "reset") ||
	       !strcmp(what(backup), "restore");
}

/* The last catch-up or reset that still stands; NULL. */
static const struct backup *
find_undo(const struct backup *list, size_t n)
{
	for (size_t i = n; i-- > 0;)
		if (is_replacing(&list[i]) && stands(list, n, i))
			return &list[i];
	return NULL;
}

/* The last undo that still stands, unless files were replaced since; NULL. */
static const struct backup *
find_redo(const struct backup *list, size_t n)
{
	for (size_t i = n; i-- > 0;) {
		if (is_replacing(&list[i]) && stands(list, n, i))
			return NULL;
		if (!strcmp(what(&list[i]), "undo") && backup_is_finished(&list[i]) &&
		    stands(list, n, i))
			return &list[i];
	}
	return NULL;
}

static int
restore(struct tool *tool, const char *name, const struct backup *from)
{
	struct operation op;
	int r = begin(&op, tool, name, from->name, from->number);

	if (!r)
		r = backup_restore(tool, &op.backup, from, &op.changed, &op.err);
	if (!r && json_is_object(json_object_get(from->manifest, "state"))) {
		json_decref(op.state.json);
		op.state.json = json_deep_copy(json_object_get(from->manifest, "state"));
	}
	if (!r)
		say("%zu file%s as before `%s%s%s`; what they were is in .workshop/backups/%s",
		    op.changed, op.changed == 1 ? "" : "s", what(from),
		    *argument(from) ? " " : "", argument(from), op.backup.name);
	return end(&op, r);
}

static void
print_list(const struct backup *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		time_t at = (time_t)json_integer_value(
			json_object_get(list[i].manifest, "at"));
		char when[32];

		strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", localtime(&at));
		say("%-20s %s  before %s %s%s", list[i].name, when, what(&list[i]),
		    argument(&list[i]),
		    backup_is_finished(&list[i]) ? "" : "  (interrupted)");
	}
	if (!n)
		say("There are no backups yet.");
}

static const struct backup *
find_named(const struct backup *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i].name, name) || atoi(name) == list[i].number)
			return &list[i];
	return NULL;
}

int
cmd_undo(struct tool *tool)
{
	const char *name = tool->n_rest ? tool->rest[0] : NULL;
	const struct backup *from;
	struct backup *list;
	size_t n;
	int result = EXIT_SUCCESS;

	backup_list(tool, &list, &n);
	from = name ? find_named(list, n, name) : find_undo(list, n);
	if (name && !strcmp(name, "list"))
		print_list(list, n);
	else if (name && !from)
		result = tool_fail(
			tool,
			"there is no backup %s (`cupola workshop undo list` shows them)",
			name);
	else if (!from)
		result = tool_fail(tool, "there is nothing to take back");
	else if (name)
		result = restore(tool, "restore", from);
	else
		result = restore(tool, "undo", from);
	backup_list_free(list, n);
	return result;
}

int
cmd_redo(struct tool *tool)
{
	const struct backup *from;
	struct backup *list;
	size_t n;
	int result;

	backup_list(tool, &list, &n);
	from = find_redo(list, n);
	result = from ? restore(tool, "redo", from)
	              : tool_fail(tool, "there is no undo to take back");
	backup_list_free(list, n);
	return result;
}
