/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cupola check FILE`: reads the file, has the station read it too, sends the requests, has the station
 * judge, and says what came of it. Nothing is sent while there is a mistake in the file; `finally` is sent
 * whatever happened.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "check-drive.h"
#include "check-place.h"
#include "check-plan.h"
#include "cli.h"
#include "conf.h"
#include "control.h"
#include "memory.h"
#include "near.h"
#include "runtime-dir.h"
#include "suggest.h"
#include "vars.h"

#define EXIT_UNCHECKED      2
#define MAX_FILE            ((size_t)256 << 10)
#define MAX_RESULT          ((size_t)16 << 20)
#define STATION_PATIENCE_MS 30000 /* beyond `within` */
#define SETTLE_NS           30000000
#define SEEDS               1000000000u

struct checking {
	const char *file, *conf, *station, *within;
	const char **only;
	size_t n_only;
	const char *const *command; /* ends with NULL; NULL: none */
	bool json, colours, help, has_seed;
	uint64_t seed;
	json_t *given; /* of --set */

	char *text; /* of the file */
	char *url;  /* of the station's page */
	struct check_plan plan;
	json_t *results;
	size_t passed, failed;
	bool driven;
	bool has_host; /* one runs here, and may be asked */
	bool flushed;  /* it has just sent what it had */
	json_int_t since, until_unix_ns;
	struct timespec begun;
};

/* ---- what a person types ---- */

static const char *
option_value(const char *option, int argc, char **argv, int *i)
{
	size_t len = strlen(option);

	if (argv[*i][len] == '=')
		return argv[*i] + len + 1;
	if (*i + 1 < argc)
		return argv[++*i];
	cli_fail("check", "%s needs a value behind it", option);
	return NULL;
}

static bool
is_option(const char *arg, const char *option)
{
	size_t len = strlen(option);

	return !strncmp(arg, option, len) && (!arg[len] || (len > 2 && arg[len] == '='));
}

/* A value that reads as a number, true or false is one; all else is a text. */
static json_t *
read_value(const char *text)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);

	if (json_is_number(json) || json_is_boolean(json))
		return json;
	json_decref(json);
	return json_string(text);
}

static int
read_set(struct checking *c, const char *set)
{
	const char *equals = strchr(set, '=');
	char *name;
	json_t *value;

	if (!equals || equals == set)
		return cli_fail("check", "--set needs NAME=VALUE, found \"%s\"", set);
	value = read_value(equals + 1);
	if (!value)
		return cli_fail("check", "--set %s: the value is no UTF-8", set);
	name = xstrndup(set, (size_t)(equals - set));
	json_object_set_new(c->given, name, value);
	free(name);
	return 0;
}

static int
read_seed(struct checking *c, const char *text)
{
	char *end;

	errno = 0;
	c->seed = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno)
		return cli_fail("check", "--seed needs a number, found \"%s\"", text);
	c->has_seed = true;
	return 0;
}

static int
unknown_option(const char *option)
{
	static const char *const known[] = { "-c",     "--config", "--station",
		                             "--set",  "--seed",   "--within",
		                             "--only", "--json",   "--help" };
	struct host_suggest suggest = { .word = option };
	char mean[64];

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		host_suggest_offer(&suggest, known[i]);
	return cli_fail("check", "unknown option %s%s (cupola check --help lists them)",
	                option, host_suggest_text(&suggest, mean, sizeof mean));
}

/* One option that has a value; 1 when it is none of them. */
static int
read_option(struct checking *c, int argc, char **argv, int *i)
{
	static const char *const options[] = { "-c",     "--config", "--station", "--set",
		                               "--seed", "--within", "--only" };
	const char *value = NULL;
	size_t which;
	double ns;

	for (which = 0; which < sizeof options / sizeof *options; which++)
		if (is_option(argv[*i], options[which]))
			break;
	if (which == sizeof options / sizeof *options)
		return 1;
	value = option_value(options[which], argc, argv, i);
	if (!value)
		return -EINVAL;
	switch (which) {
	case 0:
	case 1:
		c->conf = value;
		return 0;
	case 2:
		c->station = value;
		return 0;
	case 3:
		return read_set(c, value) ? -EINVAL : 0;
	case 4:
		return read_seed(c, value) ? -EINVAL : 0;
	case 5:
		c->within = value;
		if (vars_duration(value, &ns) < 0 || ns > 60e9) {
			cli_fail(
				"check",
				"--within needs a duration up to 60s, such as 10s, found "
				"\"%s\"",
				value);
			return -EINVAL;
		}
		return 0;
	default:
		*(const char **)xgrow(&c->only, &c->n_only, sizeof *c->only) = value;
		return 0;
	}
}

static int
read_arguments(struct checking *c, int argc, char **argv)
{
	int r;

	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];

		if (!strcmp(arg, "--")) {
			c->command = argv[i + 1] ? (const char *const *)&argv[i + 1]
			                         : NULL;
			break;
		}
		if (!strcmp(arg, "--help") || !strcmp(arg, "-h")) {
			c->help = true;
			return 0;
		}
		if (!strcmp(arg, "--json")) {
			c->json = true;
		} else if (*arg != '-' || !arg[1]) {
			if (c->file) {
				cli_fail(
					"check",
					"\"%s\" is one argument too many (usage: cupola check "
					"FILE [OPTIONS])",
					arg);
				return -EINVAL;
			}
			c->file = arg;
		} else {
			r = read_option(c, argc, argv, &i);
			if (r > 0)
				unknown_option(arg);
			if (r)
				return -EINVAL;
		}
	}
	if (c->file)
		return 0;
	cli_fail("check",
	         "which file? (usage: cupola check FILE [OPTIONS]; - is standard input)");
	return -EINVAL;
}

/* ---- the file ---- */

static int
read_text(struct checking *c)
{
	FILE *f = strcmp(c->file, "-") ? fopen(c->file, "r") : stdin;
	size_t len;

	if (!strcmp(c->file, "-"))
		c->file = "standard input";
	if (!f)
		return cli_fail("check", "%s: %s", c->file, strerror(errno));
	c->text = xcalloc(1, MAX_FILE + 2);
	len = fread(c->text, 1, MAX_FILE + 1, f);
	if (ferror(f)) {
		fclose(f);
		return cli_fail("check", "%s: %s", c->file, strerror(errno));
	}
	if (f != stdin)
		fclose(f);
	if (len > MAX_FILE)
		return cli_fail("check", "%s: a check file has at most %zu KiB", c->file,
		                MAX_FILE >> 10);
	return 0;
}

static json_t *
parse(struct checking *c)
{
	json_error_t error;
	json_t *json = json_loads(c->text, JSON_REJECT_DUPLICATES, &error);

	if (!json)
		fprintf(stderr, "%s:%d:%d: not JSON: %s\n", c->file, error.line,
		        error.column, error.text);
	else if (!json_is_object(json))
		fprintf(stderr, "%s:1:1: expected an object\n", c->file);
	if (json_is_object(json))
		return json;
	json_decref(json);
	cli_fail("check", "%s cannot be read", c->file);
	return NULL;
}

struct placed {
	const char *path, *message;
	int line, column; /* 0: nowhere */
};

static int
by_place(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	return x->line != y->line ? x->line - y->line : x->column - y->column;
}

/* Says where each of them stands, from the top of the file on. Always EXIT_UNCHECKED. */
static int
say_mistakes(const struct checking *c, const json_t *mistakes)
{
	size_t n = json_array_size(mistakes), i;
	struct placed *all = xcalloc(n + 1, sizeof *all);
	json_t *mistake;

	json_array_foreach(mistakes, i, mistake)
	{
		const char *path = json_string_value(json_object_get(mistake, "path")),
			   *message = json_string_value(
				   json_object_get(mistake, "message"));

		all[i] = (struct placed){ path ? path : "", message ? message : "", 0,
			                  0 };
		(void)check_place(c->text, all[i].path, &all[i].line, &all[i].column);
	}
	qsort(all, n, sizeof *all, by_place);
	fflush(stdout);
	for (i = 0; i < n; i++) {
		fprintf(stderr, "%s:", c->file);
		if (all[i].line)
			fprintf(stderr, "%d:%d:", all[i].line, all[i].column);
		fprintf(stderr, " %s%s%s\n", all[i].path, *all[i].path ? ": " : "",
		        all[i].message);
	}
	free(all);
	cli_fail("check", "%s: %zu mistake%s, nothing was sent", c->file, n,
	         n == 1 ? "" : "s");
	return EXIT_UNCHECKED;
}

/* ---- the running host ---- */

/* "page=127.0.0.1:5050" as a URL that can be asked; owned. */
static char *
url_of(const char *listen)
{
	const char *label = strchr(listen, '='), *address = label ? label + 1 : listen;

	if (!strncmp(address, "0.0.0.0:", 8))
		return xasprintf("http://127.0.0.1:%s", address + 8);
	if (!strncmp(address, "[::]:", 5))
		return xasprintf("http://[::1]:%s", address + 5);
	return xasprintf("http://%s", address);
}

/* The address that people ask: the one without a label, the one called page, or the first. */
static char *
base_url(const json_t *plugin)
{
	const json_t *listens = json_object_get(plugin, "listen");
	const char *best = json_string_value(json_array_get(listens, 0));

	for (size_t i = json_array_size(listens); i-- > 0;) {
		const char *listen = json_string_value(json_array_get(listens, i));

		if (listen && (!strchr(listen, '=') || !strncmp(listen, "page=", 5)))
			best = listen;
	}
	return best ? url_of(best) : NULL;
}

/* Asks the running host to do something; NULL with *err when there is none. Owned. */
static json_t *
ask_host(const struct checking *c, const char *what, struct otel_error *err)
{
	struct cli_options options = { .command = "check", .file = c->conf };
	json_t *answer = NULL;
	char *runtime;
	int fd;

	if (!options.file)
		options.file = cli_near(&options);
	runtime = host_conf_runtime_dir(cli_file(&options), NULL, 0);
	fd = host_rundir_connect(runtime, err);
	free(runtime);
	if (fd < 0)
		return NULL;
	if (host_control_ask(fd, json_pack("{s:s}", "do", what), &answer, err) < 0)
		answer = NULL;
	close(fd);
	return answer;
}

/* Has the host send the telemetry that it holds back, so that it need not be waited for. */
static void
flush_host(struct checking *c)
{
	json_t *answer = c->has_host ? ask_host(c, "flush", NULL) : NULL;

	c->flushed = json_is_true(json_object_get(answer, "ok"));
	json_decref(answer);
}

/* The base URLs of all services, and c->url. 0, or the exit status after a sentence. */
static int
find_services(struct checking *c, json_t *services)
{
	struct otel_error err = OTEL_ERROR_INIT;
	json_t *answer = ask_host(c, "status", &err),
	       *status = json_object_get(answer, "status"), *plugin;
	size_t i;

	c->has_host = status != NULL;
	json_array_foreach(json_object_get(status, "plugins"), i, plugin)
	{
		const char *name = json_string_value(json_object_get(plugin, "name"));
		char *url = base_url(plugin);

		if (name && url)
			json_object_set_new(services, name, json_string(url));
		if (name && url && !strcmp(name, "station") && !c->station)
			c->url = xstrdup(url);
		free(url);
	}
	if (c->station)
		c->url = xasprintf("%s%.*s", strstr(c->station, "://") ? "" : "http://",
		                   (int)(strlen(c->station) -
		                         (c->station[strlen(c->station) - 1] == '/')),
		                   c->station);
	json_decref(answer);
	if (c->url)
		return 0;
	if (!c->has_host)
		cli_fail("check", "%s (a station elsewhere is named by --station URL)",
		         err.message);
	else
		cli_fail("check",
		         "no station runs in this host; enable [plugin station], or "
		         "name one by --station URL");
	return EXIT_UNCHECKED;
}

/* ---- the station ---- */

/* Whether --only names it, or nothing. */
static bool
is_wanted(const struct checking *c, const char *id)
{
	for (size_t i = 0; i < c->n_only; i++)
		if (id && !strcmp(c->only[i], id))
			return true;
	return c->n_only == 0;
}

/* What is sent to the station: the file without what is ours. Owned. */
static json_t *
station_file(const struct checking *c, bool begin)
{
	json_t *file = json_copy(c->plan.file), *expect, *assertion;
	size_t i;

	json_object_del(file, "let");
	json_object_del(file, "drive");
	json_object_del(file, "finally");
	json_object_set(file, "set", c->plan.values);
	if (c->within)
		json_object_set_new(file, "within", json_string(c->within));
	if (c->driven && !begin)
		json_object_set_new(file, "since", json_integer(c->since));
	if (c->driven && !begin && c->flushed)
		json_object_set_new(file, "until", json_integer(c->until_unix_ns));
	if (c->n_only && !begin) {
		expect = json_array();
		json_array_foreach(json_object_get(file, "expect"), i, assertion)
		{
			if (is_wanted(c, json_string_value(
						 json_object_get(assertion, "id"))))
				json_array_append(expect, assertion);
		}
		json_object_set_new(file, "expect", expect);
	}
	return file;
}

/* Asks the station; 0 and an owned *out, otherwise the exit status after a sentence. */
static int
ask_station(struct checking *c, bool begin, json_t **out)
{
	json_t *file = station_file(c, begin), *answer_json = NULL;
	char *body = json_dumps(file, JSON_COMPACT),
	     *url = xasprintf("%s/api/check%s", c->url,
	                      !begin       ? ""
	                      : c->flushed ? "?begin&fresh"
	                                   : "?begin");
	const char *within = json_string_value(json_object_get(file, "within"));
	struct check_request request = { .method = "POST",
		                         .url = url,
		                         .body = body,
		                         .type = "application/json",
		                         .timeout_ms = STATION_PATIENCE_MS,
		                         .max_answer = MAX_RESULT };
	struct check_answer answer;
	int status = 0;
	double ns = 5e9;

	if (within)
		(void)!vars_duration(within, &ns);
	request.timeout_ms += (long)(ns / 1e6);
	check_send(&request, &answer);
	if (answer.text)
		answer_json = json_loads(answer.text, 0, NULL);
	if (answer.status == 400 && json_object_get(answer_json, "mistakes")) {
		status = say_mistakes(c, json_object_get(answer_json, "mistakes"));
	} else if (check_drive_interrupted()) {
		status = EXIT_UNCHECKED; /* said where the requests are */
	} else if (answer.status != 200 || !answer_json) {
		cli_fail("check", "the station at %s %s%.*s", c->url,
		         answer.text ? answer.status == 200 ? "broke off its answer"
		                                            : "says: "
		                     : "does not answer: ",
		         answer.status == 200 ? 0
		         : answer.text        ? (int)strcspn(answer.text, "\n")
		                              : (int)strlen(answer.why),
		         answer.text ? answer.text : answer.why);
		status = EXIT_UNCHECKED;
	}
	if (status == 0)
		*out = json_incref(answer_json);
	json_decref(answer_json);
	json_decref(file);
	check_answer_fini(&answer);
	free(body);
	free(url);
	return status;
}

/* ---- results ---- */

static double
seconds_since(const struct timespec *begun)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - begun->tv_sec) +
	       (double)(now.tv_nsec - begun->tv_nsec) / 1e9;
}

static void
print_line(const json_t *json)
{
	json_dumpf(json, stdout, JSON_COMPACT | JSON_REAL_PRECISION(10));
	putchar('\n');
	fflush(stdout);
}

/* One assertion; takes nothing. */
static void
tell(struct checking *c, const char *id, const char *say, const char *miss,
     const json_t *hints)
{
	bool pass = miss == NULL;
	json_t *line;

	if (pass)
		c->passed++;
	else
		c->failed++;
	if (c->json) {
		line = json_pack("{s:s,s:s,s:s,s:s?}", "id", id, "say", say, "result",
		                 pass ? "pass" : "fail", "miss", miss);
		json_object_set_new(line, "hints",
		                    hints ? json_incref((json_t *)(uintptr_t)hints)
		                          : json_array());
		print_line(line);
		json_decref(line);
		return;
	}
	printf("  %s%s%s  %s\n",
	       !c->colours ? ""
	       : pass      ? "\033[32m"
	                   : "\033[31m",
	       pass ? "pass" : "FAIL", c->colours ? "\033[0m" : "", say);
	if (miss)
		printf("        %s\n", miss);
	fflush(stdout);
}

static void
tell_results(struct checking *c, const json_t *answer)
{
	json_t *result;
	size_t i;

	json_array_foreach(json_object_get(answer, "results"), i, result)
		tell(c, json_string_value(json_object_get(result, "id")),
	             json_string_value(json_object_get(result, "say")),
	             json_string_value(json_object_get(result, "miss")),
	             json_object_get(result, "hints"));
}

static void
tell_sum(const struct checking *c)
{
	const char *title = json_string_value(json_object_get(c->plan.file, "title"));
	double seconds = seconds_since(&c->begun);
	json_t *line;

	if (!c->json) {
		printf("%zu passed, %zu failed in %.1f s\n", c->passed, c->failed,
		       seconds);
		return;
	}
	line = json_pack("{s:s?,s:I,s:I,s:o,s:I,s:b}", "title", title, "passed",
	                 (json_int_t)c->passed, "failed", (json_int_t)c->failed,
	                 "seconds", json_real((double)(long)(seconds * 1000) / 1000),
	                 "seed", (json_int_t)c->seed, "done", 1);
	print_line(line);
	json_decref(line);
}

/* ---- the run ---- */

/* Sends the steps of a list. Those of `finally` are told only when they fail, and do not count. */
static void
run_steps(struct checking *c, const char *list, bool counts)
{
	const json_t *steps = check_plan_steps(&c->plan, list);
	json_t *step;
	size_t i;

	json_array_foreach(steps, i, step)
	{
		const char *id = json_string_value(json_object_get(step, "id")),
			   *say = json_string_value(json_object_get(step, "say"));
		char *own_id = id ? NULL : xasprintf("%s[%zu]", list, i), *own_say, *miss;

		if (check_drive_interrupted()) {
			free(own_id);
			return;
		}
		own_say = say ? NULL : check_drive_describe(&c->plan, step);
		miss = check_drive_step(&c->plan, step);
		if (counts && !check_drive_interrupted() &&
		    !json_object_get(step, "wait") && is_wanted(c, id ? id : own_id))
			tell(c, id ? id : own_id, say ? say : own_say, miss,
			     json_object_get(step, "hints"));
		else if (!counts && miss)
			cli_fail("check", "finally: %s: %s", say ? say : own_say, miss);
		free(own_id);
		free(own_say);
		free(miss);
	}
}

static void
run_command(struct checking *c)
{
	char *say, *miss;

	if (!c->command || check_drive_interrupted())
		return;
	say = xasprintf("%s succeeds", c->command[0]);
	miss = check_drive_command(c->command, c->json);
	if (!check_drive_interrupted())
		tell(c, "command", say, miss, NULL);
	free(say);
	free(miss);
}

/* An answer may be here a moment before its request is told of: that is waited for, and then it is sent. */
static void
settle_host(struct checking *c)
{
	struct timespec moment = { 0, SETTLE_NS }, now;

	if (!c->driven || !c->has_host || check_drive_interrupted())
		return;
	nanosleep(&moment, NULL);
	clock_gettime(CLOCK_REALTIME, &now);
	c->until_unix_ns = (json_int_t)now.tv_sec * 1000000000 + now.tv_nsec;
	flush_host(c);
}

/* That every --only is an id of the file. */
static int
check_only(const struct checking *c)
{
	static const char *const lists[] = { "expect", "drive" };

	for (size_t i = 0; i < c->n_only; i++) {
		struct host_suggest suggest = { .word = c->only[i] };
		char mean[64];
		bool found = false;

		for (size_t l = 0; l < 2; l++) {
			json_t *element;
			size_t k;

			json_array_foreach(json_object_get(c->plan.file, lists[l]), k,
			                   element)
			{
				const char *id = json_string_value(
					json_object_get(element, "id"));

				found = found || (id && !strcmp(id, c->only[i]));
				if (id)
					host_suggest_offer(&suggest, id);
			}
		}
		if (!found) {
			cli_fail("check", "--only %s: %s has no such assertion%s",
			         c->only[i], c->file,
			         host_suggest_text(&suggest, mean, sizeof mean));
			return EXIT_UNCHECKED;
		}
	}
	return 0;
}

static int
run(struct checking *c)
{
	const char *title = json_string_value(json_object_get(c->plan.file, "title"));
	json_t *answer = NULL;
	int status;

	c->driven = check_plan_steps(&c->plan, "drive") != NULL || c->command;
	if (c->driven)
		flush_host(c);
	status = ask_station(c, true, &answer);
	if (status)
		return status;
	c->since = json_integer_value(json_object_get(answer, "since"));
	json_decref(answer);
	answer = NULL;
	if (!c->json) {
		printf("%s: %s%s(seed %llu)\n", c->file, title ? title : "",
		       title ? " " : "", (unsigned long long)c->seed);
		fflush(stdout);
	}
	run_steps(c, "drive", true);
	run_command(c);
	settle_host(c);
	if (!check_drive_interrupted())
		status = ask_station(c, false, &answer);
	if (check_drive_interrupted()) {
		cli_fail("check", "interrupted");
		status = EXIT_UNCHECKED;
	}
	check_drive_forget(); /* a second Ctrl-C ends what is sent at the end, too */
	run_steps(c, "finally", false);
	if (status == 0) {
		tell_results(c, answer);
		tell_sum(c);
		status = c->failed ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	json_decref(answer);
	return status;
}

static int
check(struct checking *c)
{
	json_t *services = json_object(), *file;
	int status = EXIT_UNCHECKED;

	clock_gettime(CLOCK_MONOTONIC, &c->begun);
	if (read_text(c) || !(file = parse(c))) {
		json_decref(services);
		return status;
	}
	if (!c->has_seed && getrandom(&c->seed, sizeof c->seed, 0) == sizeof c->seed)
		c->seed %= SEEDS;
	status = find_services(c, services);
	check_plan_init(&c->plan, file, services, c->given, c->seed);
	json_decref(services);
	if (status == 0) {
		check_plan_read(&c->plan);
		if (json_array_size(c->plan.mistakes))
			status = say_mistakes(c, c->plan.mistakes);
		else
			status = check_only(c);
	}
	if (status == 0) {
		check_drive_begin();
		status = run(c);
	}
	check_plan_fini(&c->plan);
	return status;
}

static const char help[] =
	"Usage: cupola check FILE [-c HOST.CONF] [--station URL] [--set NAME=VALUE]... [--seed N]\n"
	"                         [--within DURATION] [--only ID]... [--json] [-- COMMAND ARGUMENT...]\n\n"
	"Sends the requests in FILE (- is standard input), waits for the telemetry that they cause, and says of\n"
	"each assertion in it whether it holds, and what was found where it does not.\n\n"
	"  -c HOST.CONF       the configuration of the running host, which says where its services are\n"
	"  --station URL      a station elsewhere, such as http://127.0.0.1:5050\n"
	"  --set NAME=VALUE   sets a variable of the file\n"
	"  --seed N           draws the random values of an earlier run again\n"
	"  --within DURATION  how long telemetry may take to arrive, instead of what the file says\n"
	"  --only ID          judges this assertion alone; the requests are sent all the same\n"
	"  --json             one JSON object a line\n"
	"  -- COMMAND         is run behind the requests of the file: your own tests, say\n\n"
	"Exit status: 0 when all passed, 1 when some failed, 2 when it could not be checked.\n"
	"docs/checking.md describes the file.\n";

int
cli_check(int argc, char **argv)
{
	struct checking c = { .given = json_object() };
	const char *no_color = getenv("NO_COLOR");
	int status = EXIT_UNCHECKED;

	c.colours = isatty(STDOUT_FILENO) && !(no_color && *no_color);
	if (read_arguments(&c, argc, argv) == 0) {
		if (c.help) {
			fputs(help, stdout);
			status = EXIT_SUCCESS;
		} else {
			status = check(&c);
		}
	}
	json_decref(c.given);
	free(c.only);
	free(c.text);
	free(c.url);
	return status;
}
