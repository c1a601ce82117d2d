/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program behind `cupola workshop`: which command, on which working copy. `cupola` starts it as
 *	cupola-workshop --installed PROGRAM DATADIR PLUGINDIR ARGUMENT...
 * so that it finds the parts of the same installation, wherever the tree was moved to.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy.h"
#include "course.h"
#include "memory.h"
#include "suggest.h"
#include "tool.h"

/* clang-format off */
static const struct command commands[] = { /* in the order in which a learner meets them */
	{ "", cmd_start, false, false, 0, "",
	  "start everything, or attach to what runs; Ctrl-C stops it\n"
	  "\n"
	  "Makes the working copy when there is none, builds it, starts the host with free ports, prints one\n"
	  "address, and then builds and reloads what is saved.\n"
	  "\n"
	  "  --dir DIR   the working copy; else $CUPOLA_WORKSHOP, the current folder or one above it, or\n"
	  "              ~/cupola-workshop\n"
	  "  --poll      look twice a second for what was saved, where the system tells nothing of it\n" },
	{ "doctor", cmd_doctor, false, true, 0, "doctor [--json]",
	  "what this machine may lack, each with its remedy\n" },
	{ "list", cmd_list, false, true, 0, "list [--json]",
	  "the steps of the course and their minutes\n" },
	{ "next", cmd_next, true, false, 0, "next",
	  "where you are, and what to do there\n" },
	{ "check", cmd_check, true, true, 1, "check [STEP|SECTION|all] [--json]",
	  "whether a step is solved, by the telemetry that really arrives\n"
	  "\n"
	  "Without an argument, the step where you are; with `all`, everything up to it. Exits with 0 when all\n"
	  "assertions hold, 1 when some do not, 2 when they could not be tried.\n" },
	{ "watch", cmd_watch, false, false, 0, "watch",
	  "the same as without a command, and a check after each reload\n"
	  "\n"
	  "On a terminal, keys: c check, h hint, n next step, l list, d diff, s solution, r reset, q quit.\n" },
	{ "hint", cmd_hint, true, true, 2, "hint [STEP] [ID] [--json]",
	  "a hint for what the last check missed: the concept, then where, then the code\n"
	  "\n"
	  "Each call gives the next of three levels for the first assertion that failed, or for the one named ID.\n" },
	{ "diff", cmd_diff, true, false, 1, "diff [STEP|FILE]",
	  "your files beside the solution of the step\n"
	  "\n"
	  "With a FILE, such as gateway/app.c, only that one. Lines with - are yours, lines with + the solution's.\n" },
	{ "solution", cmd_solution, true, false, 1, "solution [STEP]",
	  "what the step adds; after it is solved, or after the third hint\n" },
	{ "reset", cmd_reset, true, false, 1, "reset [FILE|all]",
	  "your files as they are when the step begins; what you had is backed up\n"
	  "\n"
	  "Without an argument, the files that the step edits.\n" },
	{ "catch-up", cmd_catch_up, true, false, 1, "catch-up STEP|SECTION|end",
	  "the solutions of everything before it into your files; what you had is backed up\n"
	  "\n"
	  "`catch-up 3` writes what Sections 0 to 2 come to, `catch-up 3.3` all up to 3.2, `catch-up end` everything.\n" },
	{ "undo", cmd_undo, true, false, 1, "undo [list|BACKUP]",
	  "take back the last catch-up or reset, byte for byte; again for the one before\n"
	  "\n"
	  "What undo replaces is backed up too: `redo` brings it back. `undo list` shows all backups, and\n"
	  "`undo BACKUP` restores one of them by its name.\n" },
	{ "redo", cmd_redo, true, false, 0, "redo",
	  "take back the last undo\n" },
	{ "progress", cmd_progress, true, true, 0, "progress [--json]",
	  "what is solved, and where you are\n" },
	{ "break", cmd_break, true, false, 1, "break iss|places|none",
	  "make the ISS position, or the places, fail; `none` mends them\n" },
	{ "memcheck", cmd_memcheck, true, false, 1, "memcheck [SERVICE]",
	  "build a service with the sanitizers and try it: for what does not crash\n" },
	{ "copy", cmd_copy, false, false, 0, "copy",
	  "make the working copy, and start nothing\n" },
	{ "stop", cmd_stop, true, false, 0, "stop",
	  "stop what runs, wherever it was started\n" },
	{ NULL },
};
/* clang-format on */

/* ---- help ---- */

static void
print_usage(void)
{
	puts("cupola workshop - Instrumenting C Applications with OpenTelemetry\n");
	for (const struct command *command = commands; command->name; command++)
		printf("  cupola workshop %-10s%.*s\n", command->name,
		       (int)strcspn(command->help, "\n"), command->help);
	puts("\nEach takes --dir DIR, the working copy. cupola workshop COMMAND --help says more,\nman cupola-workshop all.");
}

static void
print_help(const struct command *command)
{
	printf("Usage: cupola workshop%s%s [--dir DIR]\n\n%s", *command->usage ? " " : "",
	       command->usage, command->help);
}

/* ---- options ---- */

static const struct command *
find_command(const char *name)
{
	struct host_suggest suggest = { .word = name };
	char mean[64];

	for (const struct command *command = commands; command->name; command++)
		if (!strcmp(command->name, name))
			return command;
	for (const struct command *command = commands; command->name; command++)
		host_suggest_offer(&suggest, command->name);
	fprintf(stderr,
	        "cupola workshop: unknown command \"%s\"%s (cupola workshop --help lists them)\n",
	        name, host_suggest_text(&suggest, mean, sizeof mean));
	return NULL;
}

/* What is said of an argument that nobody takes. */
static int
refuse(struct tool *tool, const struct command *command, const char *arg)
{
	return tool_fail(tool,
	                 "unknown option %s (cupola workshop%s%s --help lists them)", arg,
	                 *command->name ? " " : "", command->name);
}

/* Reads what stands behind the installation. NULL after a sentence, or when help was wanted. */
static const struct command *
read_arguments(struct tool *tool, int argc, char **argv, int *status)
{
	const struct command *command = NULL;
	bool help = false;

	*status = EXIT_FAILURE;
	for (int i = 0; i < argc; i++) {
		const char *arg = argv[i];

		if (!strcmp(arg, "--help") || !strcmp(arg, "-h") ||
		    (!command && !strcmp(arg, "help"))) {
			help = true;
		} else if (!strcmp(arg, "--dir") && i + 1 < argc) {
			tool->wanted = argv[++i];
		} else if (!strncmp(arg, "--dir=", 6)) {
			tool->wanted = arg + 6;
		} else if (!strcmp(arg, "--dir")) {
			tool_fail(tool, "--dir needs a folder behind it");
			return NULL;
		} else if (!strcmp(arg, "--json")) {
			tool->json = true;
		} else if (!strcmp(arg, "--poll")) {
			tool->poll = true;
		} else if (*arg == '-' && arg[1]) {
			refuse(tool, command ? command : commands, arg);
			return NULL;
		} else if (!command) {
			command = find_command(arg);
			if (!command || !*arg)
				return NULL;
			tool->command = command->name;
		} else {
			*(const char **)xgrow(&tool->rest, &tool->n_rest,
			                      sizeof *tool->rest) = arg;
		}
	}
	if (help) {
		*status = EXIT_SUCCESS;
		if (command)
			print_help(command);
		else
			print_usage();
		return NULL;
	}
	if (!command)
		command = commands;
	if (tool->json && !command->takes_json) {
		refuse(tool, command, "--json");
		return NULL;
	}
	if (tool->n_rest > command->max_rest) {
		tool_fail(tool,
		          "\"%s\" is one argument too many (usage: cupola workshop %s)",
		          tool->rest[command->max_rest], command->usage);
		return NULL;
	}
	return command;
}

/* ---- running ---- */

static void
take_installation(struct tool *tool, char **argv)
{
	const char *plugins = argv[4];
	size_t len = strlen(plugins), tail = strlen("cupola/plugins");

	tool->cupola = argv[2];
	tool->data = xasprintf("%s/workshop", argv[3]);
	/* PREFIX/lib/cupola/plugins -> PREFIX/lib/pkgconfig */
	tool->pkgconfig = xasprintf("%.*spkgconfig", (int)(len > tail ? len - tail : 0),
	                            plugins);
}

static int
run(struct tool *tool, const struct command *command)
{
	struct otel_error err = OTEL_ERROR_INIT;
	char *would = NULL;
	int status;

	if (course_read(tool->data, &tool->course, &err) < 0)
		return tool_fail(tool, "%s", err.message);
	if (command->needs_copy && copy_find(tool, &would) < 0) {
		status = tool_fail(
			tool,
			"%s is no working copy; `cupola workshop%s%s` makes one, --dir names another",
			would, tool->wanted ? " --dir " : "",
			tool->wanted ? tool->wanted : "");
		free(would);
		return status;
	}
	return command->run(tool);
}

int
main(int argc, char **argv)
{
	struct tool tool = { .command = "" };
	const struct command *command;
	int status = EXIT_FAILURE;

	if (argc < 5 || strcmp(argv[1], "--installed") != 0) {
		fputs("This is a part of cupola; run it as `cupola workshop`.\n", stderr);
		return EXIT_FAILURE;
	}
	take_installation(&tool, argv);
	command = read_arguments(&tool, argc - 5, argv + 5, &status);
	if (command)
		status = run(&tool, command);
	course_free(tool.course);
	free(tool.rest);
	free(tool.dir);
	free(tool.pkgconfig);
	free((char *)(uintptr_t)tool.data);
	return status;
}
