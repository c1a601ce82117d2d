/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/tool.h - the program behind `cupola workshop`: what every command of it is given.
 *
 * One process, one thread. It works with what users have: the commands of cupola, HTTP, and installed
 * files. A command returns the exit status; a failure has said one sentence on stderr.
 */
#ifndef WORKSHOP_TOOL_H
#define WORKSHOP_TOOL_H

#include <stdbool.h>
#include <stddef.h>

#include <otel/error.h>

struct course;

struct tool {
	const char *cupola; /* the program that started us; borrowed */
	const char *data;   /* PREFIX/share/cupola/workshop; owned */
	char *pkgconfig;    /* PREFIX/lib/pkgconfig; owned */
	const char *wanted; /* --dir, or NULL */
	char *dir;          /* the working copy, absolute; NULL: there is none. Owned */
	bool json, poll;
	const char **rest; /* what is no option; owned */
	size_t n_rest;
	const char *command;
	struct course *course; /* owned */
};

struct command {
	const char *name;
	int (*run)(struct tool *tool);
	bool needs_copy;
	bool takes_json;
	size_t max_rest;
	const char *usage; /* behind "cupola workshop" */
	const char *help;  /* its first line stands in the list of commands */
};

/* Prints "cupola workshop COMMAND: ..." and returns EXIT_FAILURE. */
OTEL_PRINTF(2, 3)
int tool_fail(const struct tool *tool, const char *fmt, ...);
/* The text with paths of the working copy as they are in it. Owned. */
char *tool_near(const struct tool *tool, const char *text);
/* The learner-editable file that is meant, by its path in the copy or where the person stands; NULL: none of them. */
const char *tool_learner_file(const struct tool *tool, const char *name);
/* DIR/host.conf. Owned. */
char *tool_conf(const struct tool *tool);

int cmd_start(struct tool *tool);
int cmd_copy(struct tool *tool);
int cmd_doctor(struct tool *tool);
int cmd_list(struct tool *tool);
int cmd_next(struct tool *tool);
int cmd_progress(struct tool *tool);
int cmd_check(struct tool *tool);
int cmd_watch(struct tool *tool);
int cmd_hint(struct tool *tool);
int cmd_diff(struct tool *tool);
int cmd_solution(struct tool *tool);
int cmd_break(struct tool *tool);
int cmd_memcheck(struct tool *tool);
int cmd_catch_up(struct tool *tool);
int cmd_undo(struct tool *tool);
int cmd_redo(struct tool *tool);
int cmd_reset(struct tool *tool);
int cmd_stop(struct tool *tool);

#endif
