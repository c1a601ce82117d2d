/* SPDX-License-Identifier: Apache-2.0 */
#include "job.h"

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
#include <time.h>
#include <unistd.h>

#include "memory.h"

#define MOST_TEXT (4u << 20)

long long
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* ---- starting ---- */

/* In the child: what we changed of signals is undone, and it ends with us. */
static void
become(const char *const *argv, const struct job_how *how)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (how->quiet)
		setenv("LC_ALL", "C", 1);
	if (how->colours)
		setenv("CLICOLOR_FORCE", "1", 1);
	if (how->dir && chdir(how->dir) < 0) {
		fprintf(stderr, "%s: %s\n", how->dir, strerror(errno));
		_exit(127);
	}
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int
job_start(const char *const *argv, const struct job_how *how, struct job **out,
          struct otel_error *err)
{
	struct job *job = xcalloc(1, sizeof *job);
	int pipes[2][2] = { { -1, -1 }, { -1, -1 } };

	job->fds[0] = job->fds[1] = -1;
	job->began_ms = now_ms();
	if (pipe2(pipes[0], O_CLOEXEC) < 0 || pipe2(pipes[1], O_CLOEXEC) < 0 ||
	    (job->pid = fork()) < 0) {
		int r = -errno;

		for (int i = 0; i < 4; i++)
			if (pipes[i / 2][i % 2] >= 0)
				close(pipes[i / 2][i % 2]);
		free(job);
		return otel_error_set(err, r, "%s: %s", argv[0], strerror(-r));
	}
	if (job->pid == 0) {
		int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

		dup2(nothing, STDIN_FILENO);
		dup2(pipes[0][1], STDOUT_FILENO);
		dup2(how->one ? pipes[0][1] : pipes[1][1], STDERR_FILENO);
		become(argv, how);
	}
	for (int i = 0; i < 2; i++) {
		close(pipes[i][1]);
		job->fds[i] = pipes[i][0];
		fcntl(job->fds[i], F_SETFL, O_NONBLOCK);
		job->text[i] = xstrdup("");
	}
	*out = job;
	return 0;
}

int
job_run_here(const char *const *argv, const char *dir)
{
	struct job_how how = { .dir = dir };
	pid_t pid = fork();
	int status = 0;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		become(argv, &how);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- reading ---- */

static void
add_text(struct job *job, int i, const char *bytes, size_t len)
{
	char *grown;

	if (job->len[i] + len > MOST_TEXT)
		return; /* its beginning is what helps */
	grown = realloc(job->text[i], job->len[i] + len + 1);
	if (!grown)
		return;
	memcpy(grown + job->len[i], bytes, len);
	job->text[i] = grown;
	job->len[i] += len;
	grown[job->len[i]] = '\0';
}

static void
read_pipe(struct job *job, int i)
{
	char bytes[16384];
	ssize_t n;

	while (job->fds[i] >= 0 && (n = read(job->fds[i], bytes, sizeof bytes)) != 0) {
		if (n > 0) {
			add_text(job, i, bytes, (size_t)n);
		} else if (errno == EINTR) {
			continue;
		} else {
			if (errno == EAGAIN)
				return;
			break;
		}
	}
	if (job->fds[i] >= 0)
		close(job->fds[i]);
	job->fds[i] = -1;
}

static void
reap(struct job *job)
{
	int status = 0;

	while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
		;
	job->pid = 0;
	job->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool
job_read(struct job *job)
{
	read_pipe(job, 0);
	read_pipe(job, 1);
	if (job->fds[0] >= 0 || job->fds[1] >= 0)
		return false;
	if (job->pid > 0)
		reap(job);
	return true;
}

void
job_wait(struct job *job)
{
	while (!job_read(job)) {
		struct pollfd polled[2] = { { job->fds[0], POLLIN, 0 },
			                    { job->fds[1], POLLIN, 0 } };

		poll(polled, 2, -1);
	}
}

void
job_free(struct job *job)
{
	if (!job)
		return;
	if (job->pid > 0) {
		kill(job->pid, SIGTERM);
		reap(job);
	}
	for (int i = 0; i < 2; i++) {
		if (job->fds[i] >= 0)
			close(job->fds[i]);
		free(job->text[i]);
	}
	free(job);
}

int
job_run(const char *const *argv, const struct job_how *how, struct job **out,
        struct otel_error *err)
{
	int r = job_start(argv, how, out, err);

	if (!r)
		job_wait(*out);
	return r;
}

char *
job_sentence(const struct job *job)
{
	const char *at = job->text[1], *colon = NULL;

	if (!strncmp(at, "cupola ", 7))
		colon = strstr(at, ": ");
	if (colon && memchr(at, '\n', (size_t)(colon - at)) == NULL)
		at = colon + 2;
	return xstrndup(at, strcspn(at, "\n"));
}
