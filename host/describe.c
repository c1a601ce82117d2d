/* SPDX-License-Identifier: Apache-2.0 */
#include "describe.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "elf-check.h"
#include "memory.h"
#include "plugin.h"
#include "privileges.h"
#include <cupola/service.h>

#define DEADLINE_MS  10000
#define OUTPUT_LIMIT (1u << 20)

/* ---- in the helper ---- */

int
host_describe_main(const char *file, const char *name, const char *user)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct plugin *plugin;
	json_t *json;
	int fd = open(file, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		r = otel_error_set(&err, -errno,
		                   "%s: %s; build and install it, or set enabled = no",
		                   file, strerror(errno));
	else
		r = elf_check(fd, file, NULL, &err);
	if (fd >= 0)
		close(fd);
	if (!r)
		r = host_privileges_drop(user, &err);
	if (!r)
		r = plugin_open(file, file, name, &plugin, &err);
	if (r < 0) {
		fprintf(stderr, "%s\n", err.message);
		return EXIT_FAILURE;
	}
	json = plugin_describe(plugin->table);
	if (!json || json_dumpf(json, stdout, JSON_COMPACT) < 0)
		return EXIT_FAILURE;
	putchar('\n');
	json_decref(json);
	plugin_close(plugin);
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- in who checks ---- */

struct helper {
	const struct host_plugin *plugin;
	pid_t pid;
	int out, err; /* -1: at its end */
	char *text[2];
	size_t len[2];
};

static int
start_helper(struct helper *helper, const struct host_plugin *plugin, char *user)
{
	char name[] = "cupola", option[] = "--describe";
	char *argv[] = { name, option, plugin->path, plugin->name, user, NULL };
	int out[2], err[2];

	helper->plugin = plugin;
	helper->out = helper->err = -1;
	if (pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(err, O_CLOEXEC) < 0) {
		close(out[0]);
		close(out[1]);
		return -errno;
	}
	helper->pid = fork();
	if (helper->pid == 0) {
		int null = open("/dev/null", O_RDONLY);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(null, STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	close(out[1]);
	close(err[1]);
	helper->out = out[0];
	helper->err = err[0];
	return helper->pid < 0 ? -errno : 0;
}

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
read_some(struct helper *helper, int which, int *fd)
{
	char buf[4096];
	ssize_t n = read(*fd, buf, sizeof buf);

	if (n > 0 && helper->len[which] + (size_t)n < OUTPUT_LIMIT) {
		char *text = realloc(helper->text[which],
		                     helper->len[which] + (size_t)n + 1);

		if (!text)
			abort();
		memcpy(text + helper->len[which], buf, (size_t)n);
		helper->text[which] = text;
		helper->len[which] += (size_t)n;
		text[helper->len[which]] = '\0';
		return;
	}
	close(*fd);
	*fd = -1;
}

/* Reads what the helper says until it ends or the time is up. Returns its wait status, -1 when it was too slow. */
static int
finish_helper(struct helper *helper, int64_t until_ms)
{
	bool late = false;
	int status = -1;

	while (helper->out >= 0 || helper->err >= 0) {
		struct pollfd fds[] = { { helper->out, POLLIN, 0 },
			                { helper->err, POLLIN, 0 } };
		int64_t left = until_ms - now_ms();

		if (left <= 0 || poll(fds, 2, (int)left) == 0) {
			late = true;
			kill(helper->pid, SIGKILL);
			break;
		}
		if (fds[0].revents)
			read_some(helper, 0, &helper->out);
		if (fds[1].revents)
			read_some(helper, 1, &helper->err);
	}
	if (helper->out >= 0)
		close(helper->out);
	if (helper->err >= 0)
		close(helper->err);
	while (waitpid(helper->pid, &status, 0) < 0 && errno == EINTR)
		;
	return late ? -1 : status;
}

/* The keys of the helper's JSON; the strings are borrowed from it. Owned. */
static struct svc_key *
keys_from_json(const json_t *json)
{
	const json_t *array = json_object_get(json, "keys"), *item;
	struct svc_key *keys = xcalloc(json_array_size(array) + 1, sizeof *keys);
	size_t i;

	json_array_foreach(array, i, item)
	{
		keys[i].name = json_string_value(json_object_get(item, "name"));
		keys[i].type = (int)json_integer_value(json_object_get(item, "type"));
		keys[i].fallback = json_string_value(json_object_get(item, "fallback"));
		keys[i].help = json_string_value(json_object_get(item, "help"));
	}
	return keys;
}

/* What a helper that failed had to say, in one line. */
static const char *
reason(struct helper *helper, int status, char *buf, size_t size)
{
	char *said = helper->text[1] ? helper->text[1] + strspn(helper->text[1], "\n=")
	                             : NULL;

	if (status == -1) {
		snprintf(buf, size, "%s: it did not load within %d s",
		         helper->plugin->path, DEADLINE_MS / 1000);
	} else if (WIFSIGNALED(status)) {
		snprintf(buf, size, "%s: loading it ends in signal %d (%s)",
		         helper->plugin->path, WTERMSIG(status),
		         strsignal(WTERMSIG(status)));
	} else if (said && *said) {
		said[strcspn(said, "\n")] = '\0';
		return said;
	} else {
		snprintf(buf, size, "%s: loading it ends with exit status %d",
		         helper->plugin->path, WEXITSTATUS(status));
	}
	return buf;
}

static void
judge(struct helper *helper, int status, struct host_problems *problems)
{
	const struct host_plugin *plugin = helper->plugin;
	json_t *json = status ? NULL
	                      : json_loads(helper->text[0] ? helper->text[0] : "", 0,
	                                   NULL);
	struct svc_key *keys;
	char buf[PATH_MAX + 128];

	if (!json) {
		host_problems_add(problems,
		                  "%s: [plugin %s] path: expected a service, found: %s",
		                  plugin->path_where ? plugin->path_where : plugin->where,
		                  plugin->name,
		                  reason(helper, status, buf, sizeof buf));
		return;
	}
	keys = keys_from_json(json);
	host_conf_check_service_keys(plugin, keys, problems);
	free(keys);
	json_decref(json);
}

int
host_describe_check(const struct host_conf *conf, struct host_problems *problems)
{
	struct helper *helpers = xcalloc(conf->n_plugins, sizeof *helpers);
	int64_t until_ms = now_ms() + DEADLINE_MS;
	size_t n = 0, before = problems->n;

	for (size_t i = 0; i < conf->n_plugins; i++)
		if (conf->plugins[i].enabled &&
		    start_helper(&helpers[n], &conf->plugins[i], conf->user) == 0)
			n++;
	for (size_t i = 0; i < n; i++) {
		judge(&helpers[i], finish_helper(&helpers[i], until_ms), problems);
		free(helpers[i].text[0]);
		free(helpers[i].text[1]);
	}
	free(helpers);
	return problems->n > before ? -EINVAL : 0;
}
