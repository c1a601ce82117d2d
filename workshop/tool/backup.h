/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/backup.h - the learner's files as they were, before a command replaces them.
 *
 *	.workshop/backups/0007-catch-up/manifest.json    what was there, what was not, and the state
 *	.workshop/backups/0007-catch-up/files/PATH       the bytes
 *
 * A backup is whole or is not there: it is made beside and renamed when everything of it is on the disk,
 * and only then is the first file of the learner's replaced. None is removed once a file was replaced.
 */
#ifndef WORKSHOP_BACKUP_H
#define WORKSHOP_BACKUP_H

#include <stdbool.h>
#include <stddef.h>

#include "state.h"
#include "tool.h"

struct backup {
	int number;
	char *name; /* "0007-catch-up" */
	char *path;
	struct json_t *
		manifest; /* {"what": "catch-up", "argument": "3", "at": unix, "of": number, "files": [...], "state": {...}} */
};

/* Every learner-editable file and the state, as they are now. 0 and an owned *out, or -errno: nothing changed. */
int backup_make(const struct tool *tool, const struct state *state, const char *what,
                const char *argument, int of, struct backup *out, struct otel_error *err);
/*
 * Writes what the folder `stage` has of the course's files into the copy; files that are the same are left
 * alone. Everything is written beside first, so that only renames are left to fail. 0, or -errno; *n counts
 * what was replaced, after a failure too. `only`: these paths, ended with NULL; NULL is all. `made`: the backup
 * of this operation; -EBUSY when a file that is to be replaced was saved since.
 */
int backup_write_stage(const struct tool *tool, const struct backup *made,
                       const char *stage, const char *const *only, size_t *n,
                       struct otel_error *err);
/* Makes the files what the backup holds, deletions included. 0 or -errno. */
int backup_restore(const struct tool *tool, const struct backup *made,
                   const struct backup *backup, size_t *n, struct otel_error *err);
/* All, oldest first; owned. */
void backup_list(const struct tool *tool, struct backup **out, size_t *n);
void backup_list_free(struct backup *list, size_t n);
void backup_fini(struct backup *backup);
/* Notes that the operation which this backup was made for has come to its end. */
int backup_finish(const struct backup *backup, struct otel_error *err);
bool backup_is_finished(const struct backup *backup);
/* Removes one after an operation that failed before it replaced anything. */
void backup_abandon(struct backup *backup);
/* Says so when the last operation did not come to its end. */
bool backup_say_interrupted(const struct tool *tool);

#endif
