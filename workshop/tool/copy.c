/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy is made in the folder itself, and .workshop/state.json is its last file: until that stands, the
 * folder is no working copy, and .workshop/making says that the next attempt may go on.
 */
#include "copy.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "course.h"
#include "files.h"
#include "memory.h"
#include "state.h"

/* ---- finding ---- */

/* An absolute form of a path that need not exist. Owned. */
static char *
absolute(const char *path)
{
	char *real = realpath(path, NULL), *cwd;

	if (real || *path == '/')
		return real ? real : xstrdup(path);
	cwd = getcwd(NULL, 0);
	real = xasprintf("%s/%s", cwd ? cwd : ".", path);
	free(cwd);
	return real;
}

static char *
find_above(void)
{
	char *at = getcwd(NULL, 0), *slash;

	while (at && *at) {
		if (state_is_in(at))
			return at;
		slash = strrchr(at, '/');
		*slash = '\0';
	}
	free(at);
	return NULL;
}

int
copy_find(struct tool *tool, char **would)
{
	const char *named = tool->wanted, *home = getenv("HOME");
	char *dir;

	if (!named || !*named)
		named = getenv("CUPOLA_WORKSHOP");
	if (named && *named) {
		dir = absolute(named);
	} else {
		dir = find_above();
		if (!dir)
			dir = xasprintf("%s/cupola-workshop", home && *home ? home : "");
	}
	if (!state_is_in(dir)) {
		*would = dir;
		return -ENOENT;
	}
	tool->dir = dir;
	return 0;
}

/* ---- making ---- */

static bool
is_empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool empty = true;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			empty = false;
	if (dir)
		closedir(dir);
	return empty;
}

static int
refuse_what_is_there(const char *dir, const char *making, struct otel_error *err)
{
	if (!file_exists(dir) || file_exists(making) || is_empty(dir))
		return 0;
	return otel_error_set(
		err, -EEXIST,
		"%s: it is there, and no working copy of the workshop; name another folder with --dir",
		dir);
}

/* Takes `text`. Only what changed is written: everything would be built anew otherwise. */
static int
write_changed(const struct tool *tool, const char *name, char *text,
              struct otel_error *err)
{
	char *path = xasprintf("%s/%s", tool->dir, name), *old = NULL;
	size_t len = 0;
	int r = 0;

	if (file_read(path, &old, &len) < 0 || strcmp(old, text) != 0)
		r = file_write(path, text, strlen(text), 0644);
	if (r < 0)
		otel_error_set(err, r, "%s: %s", path, strerror(-r));
	free(old);
	free(path);
	free(text);
	return r;
}

int
copy_link(const struct tool *tool, const char *endpoint, struct otel_error *err)
{
	int r = write_changed(
		tool, ".workshop/installed.mk",
		xasprintf("# Where cupola is installed; written by `cupola workshop`.\n"
	                  "CUPOLA = %s\n"
	                  "CUPOLA_PKGCONFIG = %s\n"
	                  "%s%s%s",
	                  tool->cupola, tool->pkgconfig,
	                  endpoint ? "export OTEL_EXPORTER_OTLP_ENDPOINT ?= " : "",
	                  endpoint ? endpoint : "", endpoint ? "\n" : ""),
		err);

	/* What the Makefiles say to the compiler, for editors that ask clangd. */
	return r < 0 ? r
	             : write_changed(tool, "compile_flags.txt",
	                             xasprintf("-std=gnu11\n-Wall\n-Wextra\n-Ilib\n"
	                                       "-I%s/../../include\n",
	                                       tool->pkgconfig),
	                             err);
}

/* ---- what nobody edits ---- */

/* What was copied, as {"gateway/Makefile": hash}: a file that differs from it is the learner's. */
static char *
copied_path(const struct tool *tool)
{
	return xasprintf("%s/.workshop/copied.json", tool->dir);
}

static void
print_hash(const char *path, char *digits, size_t size)
{
	snprintf(digits, size, "%016" PRIx64, hash_file(HASH_START, path));
}

static bool
is_edited_in_course(const struct tool *tool, const char *path)
{
	for (size_t i = 0; tool->course->files[i]; i++)
		if (!strcmp(tool->course->files[i], path))
			return true;
	return false;
}

/* One installed file: copied when it is new, or when the one that stands there is the one copied before. */
static int
refresh_file(const struct tool *tool, const char *from, const char *path, json_t *copied,
             struct otel_error *err)
{
	const char *before = json_string_value(json_object_get(copied, path));
	char *to = xasprintf("%s/%s", tool->dir, path), now[24], installed[24];
	int r = 0;

	print_hash(from, installed, sizeof installed);
	print_hash(to, now, sizeof now);
	if (strcmp(now, installed) != 0 &&
	    (!file_exists(to) || (before && !strcmp(before, now)))) {
		r = dir_make_for(to);
		if (!r)
			r = file_copy(from, to);
		if (r < 0)
			otel_error_set(err, r, "%s: %s", to, strerror(-r));
		else
			snprintf(now, sizeof now, "%s", installed);
	}
	if (!strcmp(now, installed))
		json_object_set_new(copied, path, json_string(installed));
	free(to);
	return r;
}

/* `below` is "" or "gateway/". */
static int
refresh_folder(const struct tool *tool, const char *below, json_t *copied,
               struct otel_error *err)
{
	char *folder = xasprintf("%s/copy/%s", tool->data, below);
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int r = 0;

	while (dir && !r && (entry = readdir(dir))) {
		char *from = xasprintf("%s%s", folder, entry->d_name),
		     *path = xasprintf("%s%s", below, entry->d_name);
		struct stat st;

		if (*entry->d_name == '.' || stat(from, &st) < 0 ||
		    is_edited_in_course(tool, path)) {
			/* not ours to look at */
		} else if (S_ISDIR(st.st_mode)) {
			char *deeper = xasprintf("%s/", path);

			r = refresh_folder(tool, deeper, copied, err);
			free(deeper);
		} else {
			r = refresh_file(tool, from, path, copied, err);
		}
		free(from);
		free(path);
	}
	if (dir)
		closedir(dir);
	free(folder);
	return r;
}

int
copy_refresh(const struct tool *tool, struct otel_error *err)
{
	char *path = copied_path(tool), *text, *old = NULL;
	json_t *copied = json_load_file(path, 0, NULL);
	size_t len;
	int r;

	if (!json_is_object(copied)) {
		json_decref(copied);
		copied = json_object();
	}
	r = refresh_folder(tool, "", copied, err);
	text = json_dumps(copied, JSON_INDENT(2) | JSON_SORT_KEYS);
	if (!r && text && (file_read(path, &old, &len) < 0 || strcmp(old, text) != 0))
		r = file_write(path, text, strlen(text), 0644);
	if (r < 0)
		otel_error_set(err, r, "%s: %s", path, strerror(-r));
	free(old);
	free(text);
	free(path);
	json_decref(copied);
	return r;
}

/* ---- a copy of its own ---- */

static int
copy_parts(const struct tool *tool, const char *dir, struct otel_error *err)
{
	char *copy = xasprintf("%s/copy", tool->data),
	     *start = course_stage_before(tool->course, 0), *at = NULL;
	int r = dir_copy(copy, dir, &at);

	if (!r)
		r = dir_copy(start, dir, &at);
	if (r < 0)
		otel_error_set(err, r, "%s: %s", at, strerror(-r));
	free(at);
	free(copy);
	free(start);
	return r;
}

int
copy_make(struct tool *tool, const char *dir, struct otel_error *err)
{
	char *own = xasprintf("%s/.workshop", dir), *making = xasprintf("%s/making", own),
	     *state = xasprintf("%s/state.json", own);
	static const char first[] = "{\n  \"version\": 1,\n  \"steps\": {}\n}\n";
	int r = refuse_what_is_there(dir, making, err);

	if (!r && (r = dir_make(own)) < 0)
		otel_error_set(err, r, "%s: %s", own, strerror(-r));
	if (!r && (r = file_write(making, "", 0, 0644)) < 0)
		otel_error_set(err, r, "%s: %s", making, strerror(-r));
	if (!r)
		r = copy_parts(tool, dir, err);
	if (!r) {
		tool->dir = realpath(dir, NULL);
		r = tool->dir ? copy_link(tool, NULL, err) : -errno;
		if (!r)
			r = copy_refresh(tool, err);
	}
	if (!r && (r = file_write(state, first, sizeof first - 1, 0644)) < 0)
		otel_error_set(err, r, "%s: %s", state, strerror(-r));
	if (!r)
		unlink(making);
	free(own);
	free(making);
	free(state);
	return r;
}
