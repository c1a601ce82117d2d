/* SPDX-License-Identifier: Apache-2.0 */
#include "backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "course.h"
#include "files.h"
#include "memory.h"
#include "term.h"

#define BESIDE ".cupola-new" /* behind the name of a file that waits to replace it */

static char *
backups_path(const struct tool *tool)
{
	return xasprintf("%s/.workshop/backups", tool->dir);
}

static const char *
text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

/* ---- the list ---- */

static int
is_backup(const struct dirent *entry)
{
	return strlen(entry->d_name) > 5 && strspn(entry->d_name, "0123456789") == 4 &&
	       entry->d_name[4] == '-';
}

void
backup_list(const struct tool *tool, struct backup **out, size_t *n)
{
	char *above = backups_path(tool);
	struct dirent **names;
	int found = scandir(above, &names, is_backup, alphasort);

	*out = NULL;
	*n = 0;
	for (int i = 0; i < found; i++) {
		char *file = xasprintf("%s/%s/manifest.json", above, names[i]->d_name);
		json_t *manifest = json_load_file(file, 0, NULL);
		struct backup *backup;

		free(file);
		if (manifest) {
			backup = xgrow(out, n, sizeof **out);
			backup->number = atoi(names[i]->d_name);
			backup->name = xstrdup(names[i]->d_name);
			backup->path = xasprintf("%s/%s", above, names[i]->d_name);
			backup->manifest = manifest;
		}
		free(names[i]);
	}
	if (found >= 0)
		free(names);
	free(above);
}

void
backup_fini(struct backup *backup)
{
	free(backup->name);
	free(backup->path);
	json_decref(backup->manifest);
	*backup = (struct backup){ 0 };
}

void
backup_list_free(struct backup *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		backup_fini(&list[i]);
	free(list);
}

static int
next_number(const struct tool *tool)
{
	struct backup *list;
	size_t n;
	int number;

	backup_list(tool, &list, &n);
	number = n ? list[n - 1].number + 1 : 1;
	backup_list_free(list, n);
	return number;
}

/* ---- making one ---- */

static void sweep_all(const struct tool *tool);

/* One file into the backup, and its line of the manifest. */
static int
keep_file(const struct tool *tool, const char *path, const char *to, json_t *files,
          struct otel_error *err)
{
	char *from = xasprintf("%s/%s", tool->dir, path),
	     *kept = xasprintf("%s/files/%s", to, path);
	struct stat st;
	int r = 0;

	if (lstat(from, &st) < 0) {
		r = errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
		if (!r)
			json_array_append_new(files, json_pack("{s:s,s:b}", "path", path,
			                                       "existed", 0));
	} else {
		r = dir_make_for(kept);
		if (!r)
			r = file_copy(from, kept);
		json_array_append_new(files, json_pack("{s:s,s:b,s:i,s:b}", "path", path,
		                                       "existed", 1, "mode",
		                                       (int)(st.st_mode & 07777), "link",
		                                       S_ISLNK(st.st_mode)));
	}
	if (r < 0)
		otel_error_set(err, r, "%s cannot be backed up: %s; nothing has changed",
		               from, strerror(-r));
	free(from);
	free(kept);
	return r;
}

static int
write_manifest(const char *folder, const json_t *manifest, struct otel_error *err)
{
	char *path = xasprintf("%s/manifest.json", folder),
	     *text = json_dumps(manifest, JSON_INDENT(2));
	int r = text ? file_write(path, text, strlen(text), 0644) : -ENOMEM;

	if (r < 0)
		otel_error_set(err, r, "%s: %s", path, strerror(-r));
	free(text);
	free(path);
	return r;
}

int
backup_make(const struct tool *tool, const struct state *state, const char *what,
            const char *argument, int of, struct backup *out, struct otel_error *err)
{
	char *above = backups_path(tool), *making = xasprintf("%s/making", above);
	json_t *files = json_array();
	int r;

	*out = (struct backup){ .number = next_number(tool) };
	out->name = xasprintf("%04d-%s", out->number, what);
	out->path = xasprintf("%s/%s", above, out->name);
	out->manifest = json_pack("{s:s,s:s,s:I,s:i,s:b,s:o,s:O}", "what", what,
	                          "argument", argument, "at", (json_int_t)time(NULL),
	                          "of", of, "finished", 0, "files", files, "state",
	                          state->json);
	sweep_all(tool);
	dir_remove(making); /* of one that was interrupted: nothing had changed then */
	r = dir_make(making);
	if (r < 0)
		otel_error_set(err, r, "%s: %s; nothing has changed", making,
		               strerror(-r));
	for (size_t i = 0; !r && tool->course->files[i]; i++)
		r = keep_file(tool, tool->course->files[i], making, files, err);
	if (!r)
		r = write_manifest(making, out->manifest, err);
	if (!r) {
		dir_flush(making);
		if (rename(making, out->path) < 0)
			r = otel_error_set(err, -errno, "%s: %s; nothing has changed",
			                   out->path, strerror(errno));
		dir_flush(above);
	}
	if (r < 0) {
		dir_remove(making);
		backup_fini(out);
	}
	free(making);
	free(above);
	return r;
}

bool
backup_is_finished(const struct backup *backup)
{
	return json_is_true(json_object_get(backup->manifest, "finished"));
}

int
backup_finish(const struct backup *backup, struct otel_error *err)
{
	json_object_set_new(backup->manifest, "finished", json_true());
	return write_manifest(backup->path, backup->manifest, err);
}

/* ---- replacing files ---- */

struct change {
	char *from; /* what the file shall be; NULL: it shall not be there */
	char *to;
	char *beside; /* written already, waiting for its rename */
	int mode;
};

struct changes {
	struct change *list;
	size_t n;
};

static bool
is_same(const char *from, const char *to)
{
	char a[PATH_MAX], b[PATH_MAX];
	struct stat one, other;
	ssize_t n, m;

	if (lstat(from, &one) < 0 || lstat(to, &other) < 0 ||
	    S_ISLNK(one.st_mode) != S_ISLNK(other.st_mode))
		return false;
	if (!S_ISLNK(one.st_mode))
		return file_same(from, to);
	n = readlink(from, a, sizeof a);
	m = readlink(to, b, sizeof b);
	return n == m && n >= 0 && !memcmp(a, b, (size_t)n);
}

static void
add_change(struct changes *changes, char *from, char *to, int mode)
{
	struct change *change = xgrow(&changes->list, &changes->n, sizeof *changes->list);

	change->from = from;
	change->to = to;
	change->mode = mode;
}

/* `path` of the copy becomes a stage's `from`, unless its bytes are the same. */
static void
plan_stage(struct changes *changes, const char *from, const char *to)
{
	struct stat st;
	bool there = lstat(to, &st) == 0 && S_ISREG(st.st_mode);

	if (!file_same(from, to))
		add_change(changes, xstrdup(from), xstrdup(to),
		           there ? (int)(st.st_mode & 07777) : 0644);
}

/* It becomes exactly what was kept: a link again, gone again, with its mode. */
static void
plan_kept(struct changes *changes, const char *kept, const char *to, int mode)
{
	struct stat st;
	bool same = kept ? is_same(kept, to) : !file_exists(to);

	if (same && kept && lstat(to, &st) == 0 && !S_ISLNK(st.st_mode))
		same = (int)(st.st_mode & 07777) == mode;
	if (!same)
		add_change(changes, kept ? xstrdup(kept) : NULL, xstrdup(to), mode);
}

/* Writes the new file beside the old one. */
static int
prepare(struct change *change, struct otel_error *err)
{
	struct stat st;
	int r;

	if (!change->from)
		return 0;
	change->beside = xasprintf("%s" BESIDE, change->to);
	r = dir_make_for(change->to);
	if (!r && lstat(change->to, &st) == 0 && S_ISDIR(st.st_mode))
		r = -EISDIR;
	if (!r) {
		unlink(change->beside);
		r = file_copy(change->from, change->beside);
	}
	if (!r && lstat(change->beside, &st) == 0 && !S_ISLNK(st.st_mode) &&
	    chmod(change->beside, (mode_t)change->mode) < 0)
		r = -errno;
	return r < 0 ? otel_error_set(err, r, "%s: %s; nothing has changed", change->to,
	                              strerror(-r))
	             : 0;
}

static int
apply(const struct change *change, struct otel_error *err)
{
	int r = change->from ? rename(change->beside, change->to) : unlink(change->to);

	if (r < 0 && !(errno == ENOENT && !change->from))
		return otel_error_set(err, -errno, "%s: %s", change->to, strerror(errno));
	return 0;
}

/* What was saved since the backup was made is in no backup: it must not be replaced. */
static int
check_unchanged(const struct tool *tool, const struct backup *made,
                const struct change *change, struct otel_error *err)
{
	char *kept = xasprintf("%s/files%s", made->path, change->to + strlen(tool->dir));
	bool same = is_same(kept, change->to) ||
	            (!file_exists(kept) && !file_exists(change->to));

	free(kept);
	return same ? 0
	            : otel_error_set(err, -EBUSY,
	                             "%s was saved meanwhile and is left; do it again",
	                             change->to);
}

/* *n counts what was replaced, after a failure too. */
static int
run_changes(const struct tool *tool, const struct backup *made, struct changes *changes,
            size_t *n, struct otel_error *err)
{
	int r = 0;

	*n = 0;
	for (size_t i = 0; !r && i < changes->n; i++)
		r = prepare(&changes->list[i], err);
	for (size_t i = 0; !r && i < changes->n; i++)
		r = check_unchanged(tool, made, &changes->list[i], err);
	for (size_t i = 0; !r && i < changes->n; i++) {
		r = check_unchanged(tool, made, &changes->list[i], err);
		if (!r)
			r = apply(&changes->list[i], err);
		*n += !r;
	}
	for (size_t i = 0; i < changes->n; i++) {
		if (r < 0 && changes->list[i].beside)
			unlink(changes->list[i].beside);
		free(changes->list[i].from);
		free(changes->list[i].to);
		free(changes->list[i].beside);
	}
	free(changes->list);
	return r;
}

static bool
is_among(const char *path, const char *const *only)
{
	for (size_t i = 0; only && only[i]; i++)
		if (!strcmp(only[i], path))
			return true;
	return !only;
}

int
backup_write_stage(const struct tool *tool, const struct backup *made, const char *stage,
                   const char *const *only, size_t *n, struct otel_error *err)
{
	struct changes changes = { NULL, 0 };

	for (size_t i = 0; tool->course->files[i]; i++) {
		const char *path = tool->course->files[i];
		char *from = xasprintf("%s/%s", stage, path),
		     *to = xasprintf("%s/%s", tool->dir, path);

		if (is_among(path, only) && file_exists(from))
			plan_stage(&changes, from, to);
		free(from);
		free(to);
	}
	return run_changes(tool, made, &changes, n, err);
}

int
backup_restore(const struct tool *tool, const struct backup *made,
               const struct backup *backup, size_t *n, struct otel_error *err)
{
	const json_t *files = json_object_get(backup->manifest, "files"), *file;
	struct changes changes = { NULL, 0 };
	size_t i;

	json_array_foreach(files, i, file)
	{
		const char *path = text_of(file, "path");
		bool existed = json_is_true(json_object_get(file, "existed"));
		char *kept = xasprintf("%s/files/%s", backup->path, path),
		     *to = xasprintf("%s/%s", tool->dir, path);

		plan_kept(&changes, existed ? kept : NULL, to,
		          (int)json_integer_value(json_object_get(file, "mode")));
		free(kept);
		free(to);
	}
	return run_changes(tool, made, &changes, n, err);
}

/* ---- what was interrupted ---- */

/* Whether the name is one that a file of ours has until it is renamed. */
static bool
is_half(const char *name)
{
	size_t len = strlen(name), end = strlen(BESIDE);

	return (len > end && !strcmp(name + len - end, BESIDE)) ||
	       (*name == '.' && strstr(name, BESIDE ".") && len > 4 &&
	        !strcmp(name + len - 4, ".new"));
}

static void
sweep(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (is_half(entry->d_name))
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
}

/* Removes what an interrupted operation left beside the learner's files. Needs the lock. */
static void
sweep_all(const struct tool *tool)
{
	for (size_t i = 0; tool->course->files[i]; i++) {
		char *path = xasprintf("%s/%s", tool->dir, tool->course->files[i]);

		*strrchr(path, '/') = '\0';
		sweep(path);
		free(path);
	}
}

void
backup_abandon(struct backup *backup)
{
	if (backup->path)
		dir_remove(backup->path);
}

bool
backup_say_interrupted(const struct tool *tool)
{
	struct backup *list;
	size_t n;
	bool interrupted;

	backup_list(tool, &list, &n);
	interrupted = n && !backup_is_finished(&list[n - 1]);
	if (interrupted)
		say_in(YELLOW,
		       "`%s %s` was interrupted: do it again, or `cupola workshop undo` brings your files back",
		       text_of(list[n - 1].manifest, "what"),
		       text_of(list[n - 1].manifest, "argument"));
	backup_list_free(list, n);
	return interrupted;
}
