/* SPDX-License-Identifier: Apache-2.0 */
#include "crash.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "memory.h"
#include "term.h"

static const char *
text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

long long
crash_at(const json_t *plugin)
{
	return json_integer_value(json_object_get(plugin, "last_crash_unix_ms"));
}

static char *
crash_path(const struct tool *tool)
{
	return xasprintf("%s/.workshop/crash.json", tool->dir);
}

static void
keep(const struct tool *tool, const json_t *plugin)
{
	const json_t *explained = json_object_get(plugin, "crash");
	json_t *json = json_is_object(explained) ? json_deep_copy(explained)
	                                         : json_object();
	char *path = crash_path(tool), *text;

	json_object_set_new(json, "service", json_string(text_of(plugin, "name")));
	json_object_set_new(json, "at", json_integer(crash_at(plugin) / 1000));
	if (!json_object_get(json, "text"))
		json_object_set_new(json, "text",
		                    json_string(text_of(plugin, "last_crash")));
	text = json_dumps(json, JSON_INDENT(2));
	if (text)
		(void)file_write(path, text, strlen(text), 0644);
	free(text);
	free(path);
	json_decref(json);
}

/* Each line of a text, indented. */
static void
say_lines(const char *text)
{
	for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
		say("  %.*s", (int)strcspn(text, "\n"), text);
}

void
crash_say(const struct tool *tool, const json_t *plugin, bool kept)
{
	const json_t *crash = json_object_get(plugin, "crash");
	const char *name = text_of(plugin, "name"), *file = text_of(crash, "file"),
		   *signal = text_of(crash, "signal"),
		   *function = text_of(crash, "function"), *span = text_of(crash, "span"),
		   *hint = text_of(crash, "hint");
	int line = (int)json_integer_value(json_object_get(crash, "line"));

	if (kept)
		keep(tool, plugin);
	if (!json_is_object(crash)) {
		say_in(RED, "%s crashed; it is back already:", name);
		say_lines(text_of(plugin, "last_crash"));
		return;
	}
	say_in(RED, "%s crashed%s%s; it is back already", name, *signal ? ": " : "",
	       signal);
	if (*file)
		say("  %sat %s:%d%s%s%s", colour(BOLD), file, line, colour_off(),
		    *function ? " in " : "", function);
	else if (*function)
		say("  in %s", function);
	if (*span)
		say("  in the span %s", span);
	if (*hint)
		say("  %s%s%s", colour(YELLOW), hint, colour_off());
}

void
crash_settled(const struct tool *tool, const char *service)
{
	char *path = crash_path(tool);
	json_t *json = json_load_file(path, 0, NULL);

	if (json && !strcmp(text_of(json, "service"), service))
		unlink(path);
	json_decref(json);
	free(path);
}
