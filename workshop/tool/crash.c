/* SPDX-License-Identifier: Apache-2.0 */
#include "crash.h"

#include <jansson.h>
#include <string.h>

#include "course.h"
#include "running.h"
#include "term.h"

#define MOST_FRAMES 4 /* of the learner's own; deep recursions have thousands */

static const char *
text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static long long
time_of(const json_t *what)
{
	return (long long)(json_number_value(json_object_get(what, "at")) * 1e3);
}

/* Its crash or its warning, whichever is newer; NULL. */
static json_t *
newest(const json_t *plugin)
{
	json_t *crash = json_object_get(plugin, "crash"),
	       *warning = json_object_get(plugin, "warning");

	if (!json_is_object(crash))
		crash = NULL;
	if (json_is_object(warning) && (!crash || time_of(warning) > time_of(crash)))
		return warning;
	return crash;
}

long long
crash_at(const json_t *plugin)
{
	return time_of(newest(plugin));
}

/* The path from the working copy on. */
static const char *
near_path(const struct tool *tool, const char *path)
{
	size_t above = strlen(tool->dir);

	return !strncmp(path, tool->dir, above) && path[above] == '/' ? path + above + 1
	                                                              : path;
}

static void
say_frames(const struct tool *tool, const json_t *what)
{
	const json_t *frame;
	size_t i, n = 0;

	json_array_foreach(json_object_get(what, "frames"), i, frame)
	{
		const char *file = text_of(frame, "file");

		if (!json_is_true(json_object_get(frame, "own")) || !*file ||
		    n++ == MOST_FRAMES)
			continue;
		if (n > MOST_FRAMES)
			break;
		say("  %s%s:%d%s  %s()", colour(n == 1 ? BOLD : PLAIN),
		    near_path(tool, file),
		    (int)json_integer_value(json_object_get(frame, "line")), colour_off(),
		    text_of(frame, "function"));
	}
	if (!n && *text_of(what, "function"))
		say("  in %s()", text_of(what, "function"));
}

void
crash_say(const struct tool *tool, const json_t *plugin)
{
	const json_t *what = newest(plugin);
	const char *name = text_of(plugin, "name"), *signal = text_of(what, "signal"),
		   *span = text_of(what, "span"), *message = text_of(what, "message"),
		   *hint = text_of(what, "hint"), *failed = text_of(plugin, "failed");
	bool crashed = what == json_object_get(plugin, "crash");

	if (!what)
		return;
	say_in(RED, "%s: %s%s%s%s", name, text_of(what, "what"), *signal ? " (" : "",
	       signal, *signal ? ")" : "");
	say_frames(tool, what);
	if (*message)
		say("  it said: %s", message);
	if (*span)
		say("  in the span %s", span);
	if (*hint)
		say("  %s%s%s", colour(YELLOW), hint, colour_off());
	if (*failed)
		say("  It answers 503 until it is reloaded: %s", failed);
	else if (crashed)
		say("  It was started again at once; nobody else was disturbed.");
}

json_t *
crash_as_json(const struct tool *tool, const json_t *status)
{
	const json_t *last = NULL, *of = NULL;
	json_t *json;

	for (size_t i = 0; tool->course->services[i]; i++) {
		const json_t *plugin = running_plugin(status, tool->course->services[i]),
			     *what = newest(plugin);

		if (what && (!last || time_of(what) > time_of(last))) {
			last = what;
			of = plugin;
		}
	}
	if (!last)
		return json_null();
	json = json_deep_copy(last);
	json_object_set_new(json, "service", json_string(text_of(of, "name")));
	json_object_set_new(json, "file",
	                    json_string(near_path(tool, text_of(last, "file"))));
	return json;
}
