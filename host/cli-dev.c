/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cupola dev DIR`: build, load, and again at every save.
 *
 * The plugin is loaded into the host that runs, over its control socket, and lives as long as that
 * connection; where none runs, one is started as a child. What the section of the plugin says is read from
 * DIR/host.conf, laid over the host's file like --set.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "conf.h"
#include "control.h"
#include "describe.h"
#include "ini.h"
#include "memory.h"
#include "paths.h"
#include "runtime-dir.h"

#define QUIET_MS 150 /* after a save, before building: editors write in several goes */

struct dev {
	struct cli_options *options;
	char *dir, *name, *file; /* DIR absolute, its last part, DIR/NAME.so */
	struct host_conf *conf;
	pid_t host;  /* the host that we started; 0: there was one */
	int control; /* the connection that the plugin lives by; -1: not loaded yet */
	const char **sets; /* of --set, and of DIR/host.conf; owned */
	size_t n_sets;
};

static volatile sig_atomic_t interrupted;

static void
on_signal(int number)
{
	interrupted = 1;
}

/* ---- building ---- */

/* Whether `make` succeeded; its words go to the terminal. */
static bool
build(const struct dev *dev)
{
	char program[] = "make", quiet[] = "-s", option[] = "-C";
	char *argv[] = { program, quiet, option, dev->dir, NULL };
	int status = 1;
	pid_t pid = fork();

	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(program, argv);
		fprintf(stderr, "make: %s\n", strerror(errno));
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return !status;
}

/* ---- configuration ---- */

static void
add_set(struct dev *dev, char *set)
{
	*(const char **)xgrow(&dev->sets, &dev->n_sets, sizeof *dev->sets) = set;
}

/* What DIR/host.conf says, as --set; mistakes in its form are told. */
static int
read_own_conf(struct dev *dev)
{
	struct host_problems problems = { NULL, 0 };
	struct ini ini = { NULL, 0 };
	char *path = xasprintf("%s/host.conf", dev->dir),
	     *section = xasprintf("plugin %s", dev->name);

	if (access(path, F_OK) == 0)
		ini_read(&ini, path, &problems);
	for (size_t i = 0; i < ini.n_sections; i++) {
		if (strcmp(ini.sections[i].name, section))
			host_problems_add(
				&problems,
				"%s: [%s]: expected [%s] alone, found another section",
				ini.sections[i].where, ini.sections[i].name, section);
		for (size_t j = 0; j < ini.sections[i].n_entries; j++)
			add_set(dev, xasprintf("%s.%s=%s", section,
			                       ini.sections[i].entries[j].key,
			                       ini.sections[i].entries[j].value));
	}
	for (size_t i = 0; i < problems.n; i++)
		fprintf(stderr, "%s\n", problems.lines[i]);
	free(path);
	free(section);
	ini_fini(&ini);
	host_problems_fini(&problems);
	return problems.n ? -EINVAL : 0;
}

static int
read_conf(struct dev *dev)
{
	struct host_problems problems = { NULL, 0 };
	int r = read_own_conf(dev);

	for (size_t i = 0; i < dev->options->n_sets; i++) /* over what the file says */
		add_set(dev, xstrdup(dev->options->sets[i]));
	add_set(dev, xasprintf("plugin %s.path=%s", dev->name, dev->file));
	add_set(dev, xasprintf("plugin %s.enabled=yes", dev->name));
	if (!r)
		r = host_conf_read(cli_file(dev->options), dev->sets, dev->n_sets,
		                   &dev->conf, &problems);
	for (size_t i = 0; i < problems.n; i++)
		fprintf(stderr, "%s\n", problems.lines[i]);
	host_problems_fini(&problems);
	return r < 0 ? (cli_fail("dev", "the configuration has mistakes"), r) : 0;
}

/* ---- the host ---- */

/* Services block in printf() when nobody reads what they print; here is where it is looked for. */
static void *
copy_words(void *arg)
{
	FILE *from = arg;
	char words[4096];
	ssize_t n;

	while ((n = read(fileno(from), words, sizeof words)) > 0)
		if (write(STDOUT_FILENO, words, (size_t)n) < 0)
			continue; /* nobody reads ours; the host must go on */
	fclose(from);
	return NULL;
}

/* Takes `from`, for as long as the host lives. */
static int
pass_on(FILE *from)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, copy_words, from);

	if (!r)
		pthread_detach(thread);
	return -r;
}

/* Starts a host and waits for its "ready". */
static int
start_host(struct dev *dev)
{
	const char **argv = xcalloc(6 + 2 * dev->options->n_sets, sizeof *argv);
	size_t argc = 0;
	char line[64], *own = xasprintf("plugin %s.", dev->name);
	FILE *from;
	int fds[2], r;

	argv[argc++] = "cupola";
	argv[argc++] = "run";
	argv[argc++] = "-c";
	argv[argc++] = cli_file(dev->options);
	for (size_t i = 0; i < dev->options->n_sets; i++) {
		if (!strncmp(dev->options->sets[i], own, strlen(own)))
			continue; /* that section is ours alone */
		argv[argc++] = "--set";
		argv[argc++] = dev->options->sets[i];
	}
	free(own);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return cli_fail("dev", "%s", strerror(errno)), -errno;
	dev->host = fork();
	if (dev->host == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		signal(SIGINT, SIG_IGN); /* we stop it when we are stopped */
		dup2(fds[1], STDOUT_FILENO);
		execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	free(argv);
	close(fds[1]);
	from = fdopen(fds[0], "r");
	if (from)
		setvbuf(from, NULL, _IONBF, 0); /* what follows is not ours */
	while (dev->host > 0 && from && fgets(line, sizeof line, from))
		if (!strcmp(line, "ready\n")) {
			r = pass_on(from);
			if (r < 0)
				cli_fail("dev", "%s", strerror(-r));
			return r;
		}
	return cli_fail("dev", "the host did not start; its own words above say why"),
	       -ECHILD;
}

static int
find_host(struct dev *dev)
{
	struct otel_error ignored = OTEL_ERROR_INIT;
	int fd = host_rundir_connect(dev->conf->runtime_dir, &ignored);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	return start_host(dev);
}

/* ---- loading ---- */

static void
print_loaded(const struct dev *dev, const json_t *answer)
{
	const json_t *address;
	size_t i;

	printf("%s: generation %d", dev->name,
	       (int)json_integer_value(json_object_get(answer, "generation")));
	json_array_foreach(json_object_get(answer, "listen"), i, address)
	{
		const char *text = json_string_value(address),
			   *label_end = strchr(text, '=');

		printf("%s http://%s", i ? "," : " at", label_end ? label_end + 1 : text);
	}
	putchar('\n');
	fflush(stdout);
}

/* One question over the plugin's own connection; prints what came of it. */
static void
tell(struct dev *dev, json_t *message)
{
	struct otel_error err = OTEL_ERROR_INIT;
	json_t *answer = NULL;
	const char *error;

	if (host_control_ask(dev->control, message, &answer, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		close(dev->control);
		dev->control = -1;
		return;
	}
	error = json_string_value(json_object_get(answer, "error"));
	if (error)
		fprintf(stderr, "%s: %s\n", dev->name, error);
	else
		print_loaded(dev, answer);
	if (json_is_false(json_object_get(answer, "loaded"))) {
		close(dev->control); /* the host forgets it; the next build tries again */
		dev->control = -1;
	}
	json_decref(answer);
}

static void
load(struct dev *dev)
{
	const struct host_plugin *plugin = host_conf_plugin(dev->conf, dev->name);
	struct otel_error err = OTEL_ERROR_INIT;

	if (access(dev->file, R_OK) < 0) {
		fprintf(stderr, "%s: expected make to build it, found: %s\n", dev->file,
		        strerror(errno));
	} else if (dev->control >= 0) {
		tell(dev, json_pack("{s:s,s:s}", "do", "reload", "plugin", dev->name));
	} else {
		dev->control = host_rundir_connect(dev->conf->runtime_dir, &err);
		if (dev->control < 0)
			fprintf(stderr, "%s\n", err.message);
		else
			tell(dev, json_pack("{s:s,s:o}", "do", "load", "conf",
			                    host_plugin_to_json(plugin)));
		if (err.code && dev->control >= 0) {
			close(dev->control);
			dev->control = -1;
		}
	}
}

/* ---- watching ---- */

/* Whether a save of that file calls for a build. */
static bool
is_source(const char *name)
{
	const char *dot = strrchr(name, '.');

	return !strcmp(name, "Makefile") ||
	       (dot && (!strcmp(dot, ".c") || !strcmp(dot, ".h") || !strcmp(dot, ".mk")));
}

/* Whether the events that are there mean that a source was saved. */
static bool
read_saves(int fd)
{
	union {
		char bytes[8192];
		struct inotify_event align;
	} buf;
	bool saved = false;
	ssize_t n;

	while ((n = read(fd, buf.bytes, sizeof buf.bytes)) > 0)
		for (char *at = buf.bytes; at < buf.bytes + n;) {
			const struct inotify_event *event = (const void *)at;

			saved |= event->len && is_source(event->name);
			at += sizeof *event + event->len;
		}
	return saved;
}

static bool
host_has_ended(const struct dev *dev)
{
	return dev->host > 0 && waitpid(dev->host, NULL, WNOHANG) == dev->host;
}

static int
watch(struct dev *dev)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	bool saved = false;

	if (fd < 0 || inotify_add_watch(fd, dev->dir, IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
		return cli_fail("dev", "%s: watch it: %s", dev->dir, strerror(errno));
	while (!interrupted) {
		struct pollfd polled = { fd, POLLIN, 0 };
		int n = poll(&polled, 1, saved ? QUIET_MS : 1000);

		if (n > 0)
			saved |= read_saves(fd);
		if (n == 0 && saved) {
			saved = false;
			if (build(dev))
				load(dev);
		}
		if (host_has_ended(dev)) {
			dev->host = 0;
			close(fd);
			return cli_fail(
				"dev", "the host has ended; its own words above say why");
		}
	}
	close(fd);
	return EXIT_SUCCESS;
}

static void
end(struct dev *dev)
{
	if (dev->control >= 0)
		close(dev->control);
	if (dev->host > 0) {
		kill(dev->host, SIGTERM);
		while (waitpid(dev->host, NULL, 0) < 0 && errno == EINTR)
			;
	}
	host_conf_free(dev->conf);
	for (size_t i = 0; i < dev->n_sets; i++)
		free((void *)(uintptr_t)dev->sets[i]);
	free(dev->sets);
	free(dev->dir);
	free(dev->name);
	free(dev->file);
}

int
cli_dev(struct cli_options *options)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct dev dev = { .options = options, .control = -1 };
	int status = EXIT_FAILURE;

	dev.dir = realpath(options->rest[0], NULL);
	if (!dev.dir)
		return cli_fail("dev", "%s: %s; `cupola new NAME` makes one",
		                options->rest[0], strerror(errno));
	dev.name = xstrdup(strrchr(dev.dir, '/') + 1);
	dev.file = xasprintf("%s/%s.so", dev.dir, dev.name);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (!options->file)
		options->file = cli_elsewhere(options);
	if (read_conf(&dev) == 0 && find_host(&dev) == 0) {
		if (build(&dev))
			load(&dev);
		printf("%s: watching; a save builds and reloads it, Ctrl-C ends\n",
		       dev.dir);
		fflush(stdout);
		status = watch(&dev);
	}
	end(&dev);
	return status;
}
