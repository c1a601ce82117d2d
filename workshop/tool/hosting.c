/* SPDX-License-Identifier: Apache-2.0 */
#include "hosting.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.h"
#include "memory.h"
#include "term.h"

#define STOP_LOOK_MS 20

static char *
log_path(const struct tool *tool)
{
	return xasprintf("%s/.workshop/log", tool->dir);
}

/* In the child. A group of its own: Ctrl-C is for the session, which stops the host in order. */
static void
become_host(const struct tool *tool, const char *const *argv, int out, int log)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (chdir(tool->dir) < 0)
		_exit(127);
	dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Mistakes of host.conf have lines of their own, before the sentence that counts them. */
static void
say_mistakes(const struct tool *tool)
{
	char *path = log_path(tool), *conf = tool_conf(tool), *text = NULL;
	size_t len = 0, above = strlen(conf);

	if (file_read(path, &text, &len) == 0)
		for (const char *line = text; *line;
		     line += strcspn(line, "\n"), line += *line == '\n')
			if (!strncmp(line, conf, above))
				say_in(RED, "%.*s", (int)strcspn(line, "\n"), line);
	free(text);
	free(conf);
	free(path);
}

/* The last line that the host said. Owned. */
static char *
last_words(const struct tool *tool)
{
	char *path = log_path(tool), *text = NULL, *last = NULL, *end;
	size_t len = 0;

	if (file_read(path, &text, &len) == 0) {
		while (len && text[len - 1] == '\n')
			text[--len] = '\0';
		end = strrchr(text, '\n');
		last = xstrdup(end ? end + 1 : text);
	}
	free(text);
	free(path);
	return last ? last : xstrdup("it said nothing");
}

static int
await_ready(const struct tool *tool, struct hosting *hosting, struct otel_error *err)
{
	FILE *from = fdopen(dup(hosting->out), "r");
	char line[256], *why;
	int r;

	while (from && fgets(line, sizeof line, from))
		if (!strcmp(line, "ready\n")) {
			fclose(from);
			fcntl(hosting->out, F_SETFL, O_NONBLOCK);
			return 0;
		}
	if (from)
		fclose(from);
	hosting_stop(hosting);
	say_mistakes(tool);
	why = last_words(tool);
	r = strstr(why, "found it taken by") ? -EADDRINUSE : -ECHILD;
	otel_error_set(err, r, "the host did not start: %s (all of it: %s/.workshop/log)",
	               why, tool->dir);
	free(why);
	return r;
}

int
hosting_start(const struct tool *tool, const struct ports *ports, struct hosting *out,
              struct otel_error *err)
{
	const char **argv = xcalloc(5 + 2 * ports->n_sets, sizeof *argv);
	char *conf = tool_conf(tool), *log = log_path(tool);
	int fds[2] = { -1, -1 }, log_fd, argc = 0, r = 0;

	argv[argc++] = tool->cupola;
	argv[argc++] = "run";
	argv[argc++] = "-c";
	argv[argc++] = conf;
	for (size_t i = 0; i < ports->n_sets; i++) {
		argv[argc++] = "--set";
		argv[argc++] = ports->sets[i];
	}
	log_fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (log_fd < 0 || pipe2(fds, O_CLOEXEC) < 0 || (out->pid = fork()) < 0) {
		r = otel_error_set(err, -errno, "start the host: %s", strerror(errno));
		out->pid = 0;
	} else if (out->pid == 0) {
		become_host(tool, argv, fds[1], log_fd);
	}
	if (fds[1] >= 0)
		close(fds[1]);
	if (log_fd >= 0)
		close(log_fd);
	out->out = fds[0];
	free(argv);
	free(conf);
	free(log);
	return r < 0 ? r : await_ready(tool, out, err);
}

static void
say_line(struct hosting *hosting)
{
	say("%.*s", (int)hosting->len, hosting->line);
	hosting->len = 0;
}

static void
add_words(struct hosting *hosting, const char *words, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (words[i] != '\n')
			hosting->line[hosting->len++] = words[i];
		if (words[i] == '\n' || hosting->len == sizeof hosting->line)
			say_line(hosting);
	}
}

void
hosting_pass_on(struct hosting *hosting)
{
	char words[65536]; /* as much as the pipe holds */
	ssize_t n;

	if (hosting->out < 0)
		return;
	n = read(hosting->out, words, sizeof words);
	if (n > 0) {
		add_words(hosting, words, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		if (hosting->len)
			say_line(hosting);
		close(hosting->out);
		hosting->out = -1;
	}
}

bool
hosting_has_ended(struct hosting *hosting, int *status)
{
	int how = 0;

	if (hosting->pid <= 0 || waitpid(hosting->pid, &how, WNOHANG) != hosting->pid)
		return false;
	hosting->pid = 0;
	*status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
	return true;
}

void
hosting_stop(struct hosting *hosting)
{
	pid_t ended;

	if (hosting->pid > 0) {
		kill(hosting->pid, SIGTERM);
		/* Its last words, too: it could not end while nobody takes them. */
		while ((ended = waitpid(hosting->pid, NULL, WNOHANG)) == 0 ||
		       (ended < 0 && errno == EINTR)) {
			struct pollfd polled = { hosting->out, POLLIN, 0 };

			poll(&polled, 1, STOP_LOOK_MS);
			hosting_pass_on(hosting);
		}
		hosting_pass_on(hosting);
	}
	if (hosting->out >= 0)
		close(hosting->out);
	*hosting = (struct hosting){ .out = -1 };
}
