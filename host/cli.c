/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"
#include "control.h"
#include "describe.h"
#include "listen.h"
#include "log.h"
#include "master.h"
#include "memory.h"
#include "paths.h"
#include "runtime-dir.h"
#include "suggest.h"

#define OWN_FRAMES  6 /* of a crash, in `status`; its log has all */
#define GROWTH_TOLD (32 << 20)
#define WIDTH       100

/* ---- options ---- */

int
cli_fail(const char *command, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "cupola %s: ", command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_FAILURE;
}

void
cli_options_fini(struct cli_options *options)
{
	free(options->sets);
	free(options->rest);
}

static bool
takes(const struct cli_command *command, char option)
{
	return strchr(command->options, option) != NULL;
}

static int
unknown_option(const struct cli_command *command, const char *option)
{
	static const struct {
		char letter;
		const char *name;
	} known[] = {
		{ 'c', "-c" }, { 's', "--set" }, { 'w', "--watch" }, { 'j', "--json" }
	};
	struct host_suggest suggest = { .word = option };
	char mean[64];

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (takes(command, known[i].letter))
			host_suggest_offer(&suggest, known[i].name);
	host_suggest_offer(&suggest, "--help");
	cli_fail(command->name, "unknown option %s%s (cupola %s --help lists them)",
	         option, host_suggest_text(&suggest, mean, sizeof mean), command->name);
	return -EINVAL;
}

/* The value of an option: behind its "=", or the next argument. NULL after a sentence. */
static const char *
value_of(const struct cli_command *command, const char *option, size_t len, int argc,
         char **argv, int *i)
{
	if (argv[*i][len] == '=')
		return argv[*i] + len + 1;
	if (*i + 1 < argc)
		return argv[++*i];
	cli_fail(command->name, "%s needs a value behind it", option);
	return NULL;
}

static bool
is_option(const char *arg, const char *option)
{
	size_t len = strlen(option);

	return !strncmp(arg, option, len) && (!arg[len] || (len > 2 && arg[len] == '='));
}

int
cli_parse(const struct cli_command *command, int argc, char **argv,
          struct cli_options *out)
{
	bool only_rest = false;

	*out = (struct cli_options){ .command = command->name };
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];

		if (only_rest || *arg != '-' || !arg[1]) {
			*(const char **)xgrow(&out->rest, &out->n_rest,
			                      sizeof *out->rest) = arg;
		} else if (!strcmp(arg, "--")) {
			only_rest = true;
		} else if (!strcmp(arg, "--help") || !strcmp(arg, "-h")) {
			out->help = true;
			return 0;
		} else if (takes(command, 'c') &&
		           (is_option(arg, "-c") || is_option(arg, "--config"))) {
			out->file = value_of(command, "-c",
			                     strlen(arg[1] == '-' ? "--config" : "-c"),
			                     argc, argv, &i);
			if (!out->file)
				return -EINVAL;
		} else if (takes(command, 's') && is_option(arg, "--set")) {
			const char *set = value_of(command, "--set", strlen("--set"),
			                           argc, argv, &i);

			if (!set)
				return -EINVAL;
			*(const char **)xgrow(&out->sets, &out->n_sets,
			                      sizeof *out->sets) = set;
		} else if (takes(command, 'w') && !strcmp(arg, "--watch")) {
			out->watch = true;
		} else if (takes(command, 'j') && !strcmp(arg, "--json")) {
			out->json = true;
		} else {
			return unknown_option(command, arg);
		}
	}
	if (out->n_rest > command->max_rest) {
		cli_fail(command->name,
		         "\"%s\" is one argument too many (usage: cupola %s)",
		         out->rest[command->max_rest], command->usage);
		return -EINVAL;
	}
	if (out->n_rest < command->min_rest) {
		cli_fail(command->name, "an argument is missing (usage: cupola %s)",
		         command->usage);
		return -EINVAL;
	}
	if (!out->file && takes(command, 'n'))
		out->file = cli_near(out);
	return 0;
}

const char *
cli_file(const struct cli_options *options)
{
	return options->file ? options->file : host_path_conf();
}

int
cli_connect(const struct cli_options *options)
{
	struct otel_error err = OTEL_ERROR_INIT;
	char *path = host_conf_runtime_dir(cli_file(options), options->sets,
	                                   options->n_sets);
	int fd = host_rundir_connect(path, &err);

	free(path);
	if (fd < 0)
		cli_fail(options->command, "%s", err.message);
	return fd;
}

/* Asks the running host one thing. Owned; NULL after a sentence. */
static json_t *
ask(const struct cli_options *options, json_t *message, int *fd_out)
{
	struct otel_error err = OTEL_ERROR_INIT;
	json_t *answer = NULL;
	int fd = cli_connect(options);

	if (fd < 0) {
		json_decref(message);
		return NULL;
	}
	if (host_control_ask(fd, message, &answer, &err) < 0)
		cli_fail(options->command, "%s", err.message);
	if (fd_out && answer)
		*fd_out = fd;
	else
		close(fd);
	return answer;
}

/* ---- run, check-config ---- */

/* 0 and an owned *conf; otherwise everything that is wrong has been said. */
static int
read_conf(const struct cli_options *options, struct host_conf **conf)
{
	struct host_problems problems = { NULL, 0 };
	int r;

	*conf = host_conf_read_all(cli_file(options), options->sets, options->n_sets,
	                           &problems);
	(void)host_describe_check(*conf,
	                          &problems); /* what it finds is among the problems */
	r = problems.n ? -EINVAL : 0;
	if (r < 0)
		host_conf_free(*conf);
	for (size_t i = 0; i < problems.n; i++)
		fprintf(stderr, "%s\n", problems.lines[i]);
	if (r < 0)
		cli_fail(options->command, "%zu mistake%s in the configuration",
		         problems.n, problems.n == 1 ? "" : "s");
	host_problems_fini(&problems);
	return r;
}

int
cli_check_config(struct cli_options *options)
{
	struct host_conf *conf;
	size_t enabled = 0;

	if (read_conf(options, &conf) < 0)
		return EXIT_FAILURE;
	for (size_t i = 0; i < conf->n_plugins; i++)
		enabled += conf->plugins[i].enabled;
	printf("%s: no mistakes; %zu of %zu plugins enabled\n", conf->file, enabled,
	       conf->n_plugins);
	host_conf_free(conf);
	return EXIT_SUCCESS;
}

int
cli_run(struct cli_options *options)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct host_run run = { .file = cli_file(options),
		                .sets = options->sets,
		                .n_sets = options->n_sets,
		                .watch = options->watch };
	int status;

	if (read_conf(options, &run.conf) < 0)
		return EXIT_FAILURE;
	status = host_master_run(&run, &err);
	return err.code ? cli_fail("run", "%s", err.message) : status;
}

/* ---- reload, stop ---- */

static void
print_reloaded(const char *plugin, const json_t *answer)
{
	const json_t *value;
	const char *key, *gap = "";

	printf("%s: generation %d", plugin,
	       (int)json_integer_value(json_object_get(answer, "generation")));
	json_object_foreach((json_t *)(uintptr_t)answer, key, value)
	{
		size_t len = strlen(key);

		if (len > 3 && !strcmp(key + len - 3, "_ms") && json_is_number(value)) {
			printf("%s%.*s %.1f ms", *gap ? gap : " (", (int)len - 3, key,
			       json_number_value(value));
			gap = ", ";
		}
	}
	puts(*gap ? ")" : "");
}

/* One plugin that `cupola reload` without a name has looked at. */
static void
print_result(const json_t *result)
{
	const char *plugin = json_string_value(json_object_get(result, "plugin"));
	const char *change = json_string_value(json_object_get(result, "change"));

	if (!plugin)
		printf("every process is replaced by one that has read the new file\n");
	else if (change && !strcmp(change, "kept"))
		printf("%s: goes on as it is, for a reload would lose what it holds; `cupola "
		       "reload %s` does it all the same\n",
		       plugin, plugin);
	else if (json_object_get(result, "generation"))
		print_reloaded(plugin, result);
	else if (change && strcmp(change, "refused") != 0)
		printf("%s: %s\n", plugin, change);
}

static void
print_applied(const struct cli_options *options, const json_t *answer)
{
	const json_t *changes = json_object_get(answer, "changes"), *item;
	const json_t *results = json_object_get(answer, "results");
	size_t i;

	json_array_foreach(changes, i, item) printf("%s\n", json_string_value(item));
	json_array_foreach(results, i, item) print_result(item);
	if (!json_array_size(changes) && !json_array_size(results))
		printf("%s: nothing has changed, and no plugin's file has\n",
		       cli_file(options));
}

int
cli_reload(struct cli_options *options)
{
	const char *name = options->n_rest ? options->rest[0] : NULL, *error;
	json_t *message = json_pack("{s:s}", "do", "reload"), *answer, *line;
	int status = EXIT_SUCCESS;
	size_t i;

	if (name)
		json_object_set_new(message, "plugin", json_string(name));
	answer = ask(options, message, NULL);
	if (!answer)
		return EXIT_FAILURE;
	error = json_string_value(json_object_get(answer, "error"));
	json_array_foreach(json_object_get(answer, "problems"), i, line)
		fprintf(stderr, "%s\n", json_string_value(line));
	if (name && !error)
		print_reloaded(name, answer);
	else if (json_object_get(answer, "results"))
		print_applied(options, answer);
	if (name && json_object_get(answer, "file_changed"))
		printf("%s has been changed since it was read: `cupola reload` without a name "
		       "applies it\n",
		       cli_file(options));
	if (error)
		status = cli_fail("reload", "%s", error);
	json_decref(answer);
	return status;
}

int
cli_stop(struct cli_options *options)
{
	int fd = -1;
	json_t *answer = ask(options, json_pack("{s:s}", "do", "stop"), &fd);
	char byte;

	if (!answer)
		return EXIT_FAILURE;
	while (recv(fd, &byte, 1, 0) > 0 || errno == EINTR)
		errno = 0;
	close(fd);
	json_decref(answer);
	return EXIT_SUCCESS;
}

/* ---- status ---- */

static const char *
text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static long long
number_of(const json_t *json, const char *key)
{
	return (long long)json_integer_value(json_object_get(json, key));
}

static void
print_listen(const json_t *plugin)
{
	const json_t *address;
	size_t i;

	json_array_foreach(json_object_get(plugin, "listen"), i, address)
		printf("%s%s", i ? "," : "", json_string_value(address));
	if (!json_array_size(json_object_get(plugin, "listen")))
		putchar('-');
}

static const char *
state_colour(const char *state)
{
	if (!isatty(STDOUT_FILENO) || (getenv("NO_COLOR") && *getenv("NO_COLOR")))
		return "";
	return !strcmp(state, "serving") || !strcmp(state, "ready") ? "\033[32m"
	       : !strcmp(state, "failed")                           ? "\033[31m"
	                                                            : "\033[33m";
}

static void
print_plugin(const json_t *plugin)
{
	const char *state = text_of(plugin, "state"), *colour = state_colour(state);

	printf("%-22s %s%-10s%s %4lld %9lld %9lld  %-10s %7lld %8lld  ",
	       text_of(plugin, "name"), colour, state, *colour ? "\033[0m" : "",
	       number_of(plugin, "generation"), number_of(plugin, "requests"),
	       number_of(plugin, "in_flight"), text_of(plugin, "process"),
	       number_of(plugin, "pid"), number_of(plugin, "restarts"));
	print_listen(plugin);
	putchar('\n');
}

/* Lines of at most WIDTH bytes, each with four spaces before it. */
static void
print_wrapped(const char *text)
{
	while (*text) {
		size_t len = strlen(text), end = len;

		for (end = WIDTH; len > WIDTH && end > 0 && text[end] != ' ';)
			end--;
		if (len <= WIDTH || end == 0)
			end = len;
		printf("    %.*s\n", (int)end, text);
		text += end + (text[end] == ' ');
	}
}

/* What it was, where, in which span, and what to do. */
static void
print_trouble(const json_t *plugin, const json_t *trouble, const char *kind)
{
	const json_t *frame;
	time_t at = (time_t)json_number_value(json_object_get(trouble, "at"));
	char when[32] = "";
	struct tm tm;
	size_t i, shown = 0;

	if (!json_is_object(trouble))
		return;
	if (localtime_r(&at, &tm))
		strftime(when, sizeof when, "%H:%M:%S", &tm);
	printf("\n%s, %s at %s, generation %lld: %s\n", text_of(plugin, "name"), kind,
	       when, number_of(trouble, "generation"), text_of(trouble, "text"));
	json_array_foreach(json_object_get(trouble, "frames"), i, frame)
	{
		if (!json_is_true(json_object_get(frame, "own")) || shown == OWN_FRAMES)
			continue;
		printf("    %s%s at %s:%lld\n", shown++ ? "called by " : "",
		       text_of(frame, "function"), text_of(frame, "file"),
		       number_of(frame, "line"));
	}
	print_wrapped(text_of(trouble, "hint"));
}

static void
print_troubles(const json_t *plugin)
{
	const char *failed = text_of(plugin, "failed");

	print_trouble(plugin, json_object_get(plugin, "crash"), "crashed");
	print_trouble(plugin, json_object_get(plugin, "warning"), "warning");
	if (*failed)
		printf("\n%s answers 503: %s\n", text_of(plugin, "name"), failed);
}

/* A leak is nothing that a host can see; that a process has grown is. */
static void
print_growth(const json_t *status)
{
	const json_t *process;
	size_t i;

	json_array_foreach(json_object_get(status, "processes"), i, process)
	{
		long long rss = number_of(process, "rss"),
			  ready = number_of(process, "rss_ready");

		if (ready && rss > ready + GROWTH_TOLD)
			printf("\nprocess %s has %.0f MiB, %.0f more than when it was ready\n",
			       text_of(process, "name"), (double)rss / 1048576,
			       (double)(rss - ready) / 1048576);
	}
}

static void
print_status(const json_t *status)
{
	const json_t *plugins = json_object_get(status, "plugins"), *plugin;
	size_t i;

	printf("cupola %s, pid %lld, up %.0f s, %s\n\n", text_of(status, "version"),
	       number_of(status, "pid"), (double)number_of(status, "uptime_ms") / 1e3,
	       text_of(status, "file"));
	printf("%-22s %-10s %4s %9s %9s  %-10s %7s %8s  %s\n", "PLUGIN", "STATE", "GEN",
	       "REQUESTS", "IN FLIGHT", "PROCESS", "PID", "RESTARTS", "LISTENS ON");
	json_array_foreach(plugins, i, plugin) print_plugin(plugin);
	json_array_foreach(plugins, i, plugin) print_troubles(plugin);
	print_growth(status);
}

int
cli_status(struct cli_options *options)
{
	json_t *answer = ask(options, json_pack("{s:s}", "do", "status"), NULL);
	const json_t *status = json_object_get(answer, "status");

	if (!answer)
		return EXIT_FAILURE;
	if (options->json) {
		json_dumpf(status, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		print_status(status);
	}
	json_decref(answer);
	return fflush(stdout) ? cli_fail("status", "%s", strerror(errno)) : EXIT_SUCCESS;
}
