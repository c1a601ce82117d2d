/* SPDX-License-Identifier: Apache-2.0 */
#include "build.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "files.h"
#include "memory.h"
#include "term.h"

#define MOST_KEPT 100 /* in the record, which pages read */
#define MOST_SAID 3   /* the first mistake is mostly the reason of the others */

/* ---- make ---- */

int
build_start(const struct tool *tool, const char *unit, bool anew, struct job **out,
            struct otel_error *err)
{
	char *dir = xasprintf("%s/%s", tool->dir, unit), jobs[16];
	const char *const argv[] = {
		"make", "-s", "--no-print-directory", jobs, anew ? "-B" : NULL, NULL
	};
	struct job_how how = { .dir = dir, .one = true, .quiet = true };
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	int r;

	snprintf(jobs, sizeof jobs, "-j%ld", cores > 0 ? cores : 1);
	r = job_start(argv, &how, out, err);
	free(dir);
	return r;
}

static void
keep_words(const struct tool *tool, const char *text)
{
	char *path = xasprintf("%s/.workshop/build.log", tool->dir);

	(void)file_write(path, text, strlen(text), 0644); /* what matters of it is said */
	free(path);
}

/* ---- the compiler's words ---- */

static void
add(struct build_error **list, size_t *n, char *file, int line, const char *text)
{
	struct build_error *error = xgrow(list, n, sizeof *error);

	error->file = file;
	error->line = line;
	error->text = xstrdup(text);
}

/* The file from the working copy on: "gateway/app.c" for "app.c" and for its absolute path. Owned. */
static char *
place(const char *unit, const char *dir, const char *file, size_t len)
{
	size_t above = strlen(dir);

	if (len > above && !strncmp(file, dir, above) && file[above] == '/')
		return xstrndup(file + above + 1, len - above - 1);
	if (*file == '/')
		return xstrndup(file, len);
	if (len > 2 && file[0] == '.' && file[1] == '/')
		return xasprintf("%s/%.*s", unit, (int)len - 2, file + 2);
	if (len > 3 && !strncmp(file, "../", 3))
		return xstrndup(file + 3, len - 3);
	return xasprintf("%s/%.*s", unit, (int)len, file);
}

/* "FILE:LINE:" or "FILE:LINE:COLUMN:" at the start; what follows it, or NULL. */
static const char *
read_place(const char *line, size_t *file_len, int *number)
{
	const char *colon = strchr(line, ':');
	char *end;

	if (!colon || colon == line || !isdigit((unsigned char)colon[1]))
		return NULL;
	*file_len = (size_t)(colon - line);
	*number = (int)strtol(colon + 1, &end, 10);
	if (*end == ':' && isdigit((unsigned char)end[1]))
		strtol(end + 1, &end, 10);
	if (*end != ':')
		return NULL;
	return end + 1 + strspn(end + 1, " ");
}

static const char *
behind(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) ? NULL : text + strlen(start);
}

/* "/usr/bin/ld: app.o: in function `x': /copy/gateway/app.c:12: undefined reference to `y'" */
static const char *
linker_place(const char *line)
{
	const char *what = strstr(line, ": undefined reference to "), *at = what;

	if (!what)
		what = at = strstr(line, ": multiple definition of ");
	while (at && at > line && at[-1] != ' ')
		at--;
	return what ? at : NULL;
}

/* What went wrong inside a macro of a header is told where the learner has used it. */
static void
relocate(const char *unit, const char *dir, const char *line, size_t len, int number,
         struct build *out)
{
	struct build_error *last = out->warned_last ? &out->warnings[out->n_warnings - 1]
	                           : out->n_errors  ? &out->errors[out->n_errors - 1]
	                                            : NULL;

	if (last && *last->file == '/' && *line != '/') {
		free(last->file);
		last->file = place(unit, dir, line, len);
		last->line = number;
	}
}

static void
parse_line(const char *unit, const char *dir, const char *line, struct build *out)
{
	const char *linked = linker_place(line), *rest, *text;
	size_t len = 0;
	int number = 0;

	if (linked) {
		rest = read_place(linked, &len, &number);
		if (rest)
			add(&out->errors, &out->n_errors, place(unit, dir, linked, len),
			    number, rest);
		else
			add(&out->errors, &out->n_errors, xstrdup(""), 0,
			    strstr(linked, ": ") ? strstr(linked, ": ") + 2 : linked);
		return;
	}
	rest = read_place(line, &len, &number);
	if (!rest)
		return;
	if ((text = behind(rest, "error: ")) || (text = behind(rest, "fatal error: ")) ||
	    (text = behind(rest, "*** "))) {
		add(&out->errors, &out->n_errors, place(unit, dir, line, len), number,
		    text);
		out->warned_last = false;
	} else if ((text = behind(rest, "warning: "))) {
		add(&out->warnings, &out->n_warnings, place(unit, dir, line, len), number,
		    text);
		out->warned_last = true;
	} else if (behind(rest, "note: in expansion of macro ")) {
		relocate(unit, dir, line, len, number, out);
	}
}

/* When make failed and nobody named a place: the last line that says something. */
static void
take_last_line(const char *text, struct build *out)
{
	const char *last = "make failed", *line = text;
	size_t len = strlen(last);

	for (; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (line[strspn(line, " \t\n")] && strncmp(line, "make: *** [", 11)) {
			last = line;
			len = strcspn(line, "\n");
		}
	last = xstrndup(last, len);
	add(&out->errors, &out->n_errors, xstrdup(""), 0, last);
	free((char *)(uintptr_t)last);
}

void
build_parse(const char *unit, const char *dir, const char *text, struct build *out)
{
	char *copy = xstrdup(text), *save = NULL;

	for (char *line = strtok_r(copy, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		parse_line(unit, dir, line, out);
	free(copy);
}

void
build_read(const struct tool *tool, const char *unit, const struct job *job,
           struct build *out)
{
	*out = (struct build){ .unit = unit, .ok = job->status == 0 };
	build_parse(unit, tool->dir, job->text[0], out);
	if (!out->ok && !out->n_errors)
		take_last_line(job->text[0], out);
	keep_words(tool, job->text[0]);
}

static void
fini_list(struct build_error *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].file);
		free(list[i].text);
	}
	free(list);
}

void
build_fini(struct build *build)
{
	fini_list(build->errors, build->n_errors);
	fini_list(build->warnings, build->n_warnings);
	*build = (struct build){ NULL };
}

/* ---- saying it ---- */

static void
say_list(enum colour c, const char *what, const struct build_error *list, size_t n)
{
	for (size_t i = 0; i < n && i < MOST_SAID; i++) {
		if (*list[i].file)
			say("  %s%s:%d:%s %s%s", colour(BOLD), list[i].file, list[i].line,
			    colour_off(), what, list[i].text);
		else
			say("  %s%s", what, list[i].text);
	}
	if (n > MOST_SAID)
		say_in(DIM, "  and %zu more, in .workshop/build.log", n - MOST_SAID);
}

void
build_say(const struct build *build)
{
	if (!build->ok) {
		say_in(RED, "%s: does not compile; the version before goes on serving",
		       build->unit);
		say_list(RED, "", build->errors, build->n_errors);
	} else {
		say_list(YELLOW, "warning: ", build->warnings, build->n_warnings);
	}
}

/* ---- what changed ---- */

bool
build_is_source(const char *name)
{
	const char *dot = strrchr(name, '.');

	return *name != '.' && (!strcmp(name, "Makefile") ||
	                        (dot && (!strcmp(dot, ".c") || !strcmp(dot, ".h") ||
	                                 !strcmp(dot, ".mk"))));
}

static int
is_source(const struct dirent *entry)
{
	return build_is_source(entry->d_name);
}

uint64_t
build_hash(const struct tool *tool, const char *unit)
{
	char *dir = xasprintf("%s/%s", tool->dir, unit);
	uint64_t hash = HASH_START;
	struct dirent **names;
	int n = scandir(dir, &names, is_source, alphasort);

	for (int i = 0; i < n; i++) {
		char *path = xasprintf("%s/%s", dir, names[i]->d_name);

		hash = hash_bytes(hash, names[i]->d_name, strlen(names[i]->d_name) + 1);
		hash = hash_file(hash, path);
		free(path);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	free(dir);
	return hash;
}

/* ---- remembering ---- */

static char *
record_path(const struct tool *tool)
{
	return xasprintf("%s/.workshop/build.json", tool->dir);
}

json_t *
build_recorded(const struct tool *tool)
{
	char *path = record_path(tool);
	json_t *json = json_load_file(path, 0, NULL);

	free(path);
	if (json && !json_is_object(json_object_get(json, "units"))) {
		json_decref(json);
		json = NULL;
	}
	return json;
}

/* Takes `all`. */
static void
write_record(const struct tool *tool, json_t *all)
{
	char *path = record_path(tool), *text = json_dumps(all, JSON_INDENT(2));

	if (text)
		(void)file_write(path, text, strlen(text),
		                 0644); /* the next build tries again */
	free(text);
	free(path);
	json_decref(all);
}

uint64_t
build_conf_hash(const struct tool *tool)
{
	char *conf = tool_conf(tool);
	uint64_t hash = hash_file(HASH_START, conf);

	free(conf);
	return hash;
}

/* As the errors of a compiler: an array of {file, line, text}. */
static json_t *
mistakes_as_json(const char *text)
{
	json_t *list = json_array();

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		size_t len = strcspn(text, "\n"), name = strcspn(text, ":\n");
		char *rest;
		long line = name < len ? strtol(text + name + 1, &rest, 10) : 0;

		if (line > 0 && !strncmp(rest, ": ", 2))
			json_array_append_new(
				list, json_pack("{s:s%,s:i,s:s%}", "file", text, name,
			                        "line", (int)line, "text", rest + 2,
			                        (size_t)(text + len - rest - 2)));
		else if (len && strncmp(text, "cupola ", 7) != 0)
			json_array_append_new(list,
			                      json_pack("{s:s,s:i,s:s%}", "file", "",
			                                "line", 0, "text", text, len));
	}
	return list;
}

void
build_record_conf(const struct tool *tool, uint64_t hash, const char *mistakes)
{
	json_t *all = build_recorded(tool);
	char digits[24];

	if (!all)
		all = json_pack("{s:{}}", "units");
	snprintf(digits, sizeof digits, "%016" PRIx64, hash);
	json_object_set_new(all, "conf", json_string(digits));
	json_object_del(all, "conf_mistakes");
	if (mistakes)
		json_object_set_new(all, "conf_mistakes",
		                    json_pack("{s:b,s:o}", "ok", false, "errors",
		                              mistakes_as_json(mistakes)));
	write_record(tool, all);
}

bool
build_conf_is_taken(const struct tool *tool, const json_t *recorded)
{
	const char *taken = json_string_value(json_object_get(recorded, "conf"));
	char digits[24];

	snprintf(digits, sizeof digits, "%016" PRIx64, build_conf_hash(tool));
	return !taken || !strcmp(taken, digits);
}

bool
build_is_current(const struct tool *tool, const json_t *recorded, const char *unit)
{
	const char *hash = json_string_value(json_object_get(
		json_object_get(json_object_get(recorded, "units"), unit), "hash"));
	char digits[24];

	snprintf(digits, sizeof digits, "%016" PRIx64, build_hash(tool, unit));
	return !hash || !strcmp(hash, digits);
}

void
build_record(const struct tool *tool, const struct build *build, uint64_t hash,
             int generation, double seconds)
{
	json_t *all = build_recorded(tool), *errors = json_array();
	char digits[24];

	if (!all)
		all = json_pack("{s:{}}", "units");
	for (size_t i = 0; i < build->n_errors && i < MOST_KEPT; i++)
		json_array_append_new(errors, json_pack("{s:s,s:i,s:s*}", "file",
		                                        build->errors[i].file, "line",
		                                        build->errors[i].line, "text",
		                                        build->errors[i].text));
	snprintf(digits, sizeof digits, "%016" PRIx64, hash);
	json_object_set_new(all, "last", json_string(build->unit));
	json_object_set_new(json_object_get(all, "units"), build->unit,
	                    json_pack("{s:b,s:b,s:o,s:i,s:I,s:s,s:i,s:f}", "ok",
	                              build->ok, "refused", build->refused, "errors",
	                              errors, "warnings", (int)build->n_warnings, "at",
	                              (json_int_t)time(NULL), "hash", digits,
	                              "generation", generation, "seconds", seconds));
	write_record(tool, all);
}

json_t *
build_shown(json_t *recorded, const char **unit)
{
	json_t *units = json_object_get(recorded, "units"), *build;

	json_object_foreach(units, *unit, build)
	{
		if (json_is_false(json_object_get(build, "ok")))
			return build;
	}
	build = json_object_get(recorded, "conf_mistakes");
	if (build) {
		*unit = "host.conf";
		return build;
	}
	*unit = json_string_value(json_object_get(recorded, "last"));
	return *unit ? json_object_get(units, *unit) : NULL;
}
