/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/cli.h - the commands, one function each: argv[0] is the command's own name. They return the exit
 * status, and a failure has said one sentence on stderr.
 */
#ifndef HOST_CLI_H
#define HOST_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include <otel/error.h>

/* What several commands take. Strings are borrowed from argv. */
struct cli_options {
	const char *command;
	const char *file;  /* -c, or cli_near(); NULL: the installed one */
	const char **sets; /* --set; owned */
	size_t n_sets;
	bool watch, json, help;
	const char **rest; /* what is no option; owned */
	size_t n_rest;
};

/* Which options a command takes, and its help. */
struct cli_command {
	const char *name;
	const char *options; /* of "c" -c, "s" --set, "w" --watch, "j" --json; "n": without -c, cli_near() */
	size_t min_rest, max_rest;
	int (*run)(struct cli_options *options);
	const char *usage; /* behind "cupola " */
	const char *help;
	int (*run_raw)(int argc, char **argv); /* instead of run: reads its arguments itself */
};

/* Reads argv; 0, or -EINVAL after a sentence. */
int cli_parse(const struct cli_command *command, int argc, char **argv,
              struct cli_options *out);
void cli_options_fini(struct cli_options *options);

/* Prints "cupola COMMAND: ..." and returns EXIT_FAILURE. */
OTEL_PRINTF(2, 3)
int cli_fail(const char *command, const char *fmt, ...);
/* The file that -c names, or the installed one. */
const char *cli_file(const struct cli_options *options);
/* The host.conf of this folder, or of the nearest one above it, by which a host runs. NULL: there is none. */
const char *cli_near(const struct cli_options *options);
/* The workshop's host.conf, when its host runs and the installed one does not; NULL. */
const char *cli_elsewhere(const struct cli_options *options);
/* A connection to the running host; -errno after a sentence. */
int cli_connect(const struct cli_options *options);

int cli_run(struct cli_options *options);
int cli_check_config(struct cli_options *options);
int cli_reload(struct cli_options *options);
int cli_status(struct cli_options *options);
int cli_stop(struct cli_options *options);
int cli_new(struct cli_options *options);
int cli_dev(struct cli_options *options);
int cli_memcheck(struct cli_options *options);
int cli_workshop(int argc, char **argv);
int cli_check(int argc, char **argv);

#endif
