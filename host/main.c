/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/main.c - the program's front door: which command, or which of the helpers that it starts of itself.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli.h"
#include "conf.h"
#include "describe.h"
#include "log.h"
#include "privileges.h"
#include "suggest.h"
#include "symbolise.h"
#include "try.h"
#include "worker-boot.h"

extern const char host_version[];

/* ---- small commands ---- */

static int
cli_version(struct cli_options *options)
{
	printf("cupola %s\n", host_version);
	return EXIT_SUCCESS;
}

/* clang-format off */
static const struct cli_command commands[] = {
	{ "run", "csw", 0, 0, cli_run, "run [-c FILE] [--watch] [--set SECTION.KEY=VALUE]...",
	  "Starts the host in the foreground and prints \"ready\" when everything serves. Ctrl-C stops it.\n\n"
	  "  -c FILE                  the configuration; without it the installed host.conf\n"
	  "  --watch                  reload a plugin when its file is saved\n"
	  "  --set SECTION.KEY=VALUE  lay one value over the file, e.g. 'plugin hello.enabled=yes'\n" },
	{ "check-config", "cs", 0, 0, cli_check_config, "check-config [-c FILE] [--set SECTION.KEY=VALUE]...",
	  "Tells every mistake of the configuration, with file, line and key, or that there is none.\n" },
	{ "reload", "csn", 0, 1, cli_reload, "reload [NAME] [-c FILE]",
	  "Loads the plugin NAME anew from its file while it serves. What was running goes on when the new one is\n"
	  "refused, and the reason is said. Without NAME, reads host.conf again, applies the difference and says\n"
	  "what it was; plugins whose file is another are loaded anew, too.\n" },
	{ "status", "csjn", 0, 0, cli_status, "status [--json] [-c FILE]",
	  "Shows what runs: plugins, generations, requests, processes, restarts, the last crash of each.\n" },
	{ "stop", "csn", 0, 0, cli_stop, "stop [-c FILE]",
	  "Stops the running host: requests in flight are answered, telemetry is sent; returns when it has ended.\n" },
	{ "new", "", 1, 1, cli_new, "new NAME",
	  "Makes the folder NAME with a service that answers: app.c, Makefile, host.conf, README.md.\n" },
	{ "dev", "cs", 1, 1, cli_dev, "dev DIR [-c FILE]",
	  "Builds the service in DIR, loads it, and does both again whenever a file in DIR is saved. Uses the\n"
	  "host that runs, or starts one.\n" },
	{ "memcheck", "", 1, 64, cli_memcheck, "memcheck DIR [TARGET]...",
	  "Builds the service in DIR with the sanitizers, runs it in a host of its own, asks it good and bad\n"
	  "things (and each TARGET, \"/?x=1\" or \"POST /x\"), and says what they found: memory used after it was\n"
	  "freed, overflows, leaks, undefined behaviour, with file and line. Exits with 1 when there was something.\n" },
	{ "workshop", "", 0, 0, NULL, "workshop [COMMAND]", "", .run_raw = cli_workshop },
	{ "check", "", 0, 0, NULL, "check FILE [OPTIONS]", "", .run_raw = cli_check },
	{ "version", "", 0, 0, cli_version, "version", "Prints the version.\n" },
	{ NULL },
};
/* clang-format on */

static void
print_usage(FILE *to)
{
	fputs("cupola - a host for services in C that are observable from their first line\n\n",
	      to);
	for (const struct cli_command *command = commands; command->name; command++)
		fprintf(to, "  cupola %s\n", command->usage);
	fputs("\ncupola COMMAND --help says more of each; man cupola and man host.conf say it all.\n",
	      to);
}

static int
unknown_command(const char *name)
{
	struct host_suggest suggest = { .word = name };
	char mean[64];

	for (const struct cli_command *command = commands; command->name; command++)
		host_suggest_offer(&suggest, command->name);
	fprintf(stderr, "cupola: unknown command \"%s\"%s (cupola --help lists them)\n",
	        name, host_suggest_text(&suggest, mean, sizeof mean));
	return EXIT_FAILURE;
}

/* ---- helpers: started by the host itself ---- */

static int
run_worker(int fd)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct worker_boot *boot;

	if (worker_boot_read(fd, &boot, &err) < 0) {
		fprintf(stderr, "cupola --worker: %s\n", err.message);
		return EXIT_FAILURE;
	}
	host_log_setup(boot->process, boot->conf->log_level, boot->conf->log_format);
	if (host_privileges_drop(boot->conf->user, &err) < 0) {
		host_log(HOST_ERROR, "%s", err.message);
		return EXIT_FAILURE;
	}
	return worker_main(boot);
}

static int
helper(int argc, char **argv)
{
	if (!strcmp(argv[1], "--worker") && argc == 4)
		return run_worker(atoi(argv[3]));
	if (!strcmp(argv[1], "--describe") && argc == 5)
		return host_describe_main(argv[2], argv[3], argv[4]);
	if (!strcmp(argv[1], "--try"))
		return try_main(argc - 1, argv + 1);
	if (!strcmp(argv[1], "--symbolise") && argc == 2)
		return host_symbolise_main(STDIN_FILENO);
	fprintf(stderr, "cupola: unknown option %s (cupola --help lists the commands)\n",
	        argv[1]);
	return EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	struct cli_options options;
	const struct cli_command *command;
	int status;

	prctl(PR_SET_NAME, "cupola"); /* it may have been started as /proc/self/exe */
	if (argc < 2) {
		print_usage(stderr);
		return EXIT_FAILURE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		print_usage(stdout);
		return EXIT_SUCCESS;
	}
	if (!strcmp(argv[1], "--version"))
		return cli_version(NULL);
	if (*argv[1] == '-')
		return helper(argc, argv);
	for (command = commands; command->name; command++)
		if (!strcmp(command->name, argv[1]))
			break;
	if (!command->name)
		return unknown_command(argv[1]);
	if (command->run_raw)
		return command->run_raw(argc - 1, argv + 1);
	if (cli_parse(command, argc - 1, argv + 1, &options) < 0) {
		status = EXIT_FAILURE;
	} else if (options.help) {
		printf("Usage: cupola %s\n\n%s", command->usage, command->help);
		status = EXIT_SUCCESS;
	} else {
		status = command->run(&options);
	}
	cli_options_fini(&options);
	return status;
}
