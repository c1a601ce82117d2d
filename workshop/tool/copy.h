/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/copy.h - the working copy: finding the learner's, and making one.
 *
 * It is looked for by --dir, then $CUPOLA_WORKSHOP, then in the current folder and those above it, then
 * in ~/cupola-workshop.
 */
#ifndef WORKSHOP_COPY_H
#define WORKSHOP_COPY_H

#include "tool.h"

/* Sets tool->dir when there is one. 0, or -ENOENT with where it would be in *would; owned. */
int copy_find(struct tool *tool, char **would);
/*
 * Makes one at `dir` from the installed course. What stands there already is never overwritten: a folder
 * that is not empty is refused. 0 and tool->dir, or -errno.
 */
int copy_make(struct tool *tool, const char *dir, struct otel_error *err);
/*
 * Brings what nobody edits (Makefiles, lib/) up to this installation, as far as it is still what was copied.
 * 0 or -errno.
 */
int copy_refresh(const struct tool *tool, struct otel_error *err);
/*
 * Writes what the Makefiles of the copy must know of this installation, and where by-hand/ sends its
 * telemetry when that port had to move (NULL: it did not). 0 or -errno.
 */
int copy_link(const struct tool *tool, const char *endpoint, struct otel_error *err);

#endif
