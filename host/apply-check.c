/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file is first checked by `cupola check-config` in a process of its own, services' keys and all,
 * because that may take a while and load broken code; then it is read here. Who asks meanwhile is answered
 * by another check that begins afterwards, for the file may have changed since this one read it.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "apply_priv.h"
#include "log.h"
#include "memory.h"

struct asker {
	worker_answer *done;
	void *arg;
};

struct askers {
	struct asker *list;
	size_t n;
};

struct checking {
	struct master *master;
	pid_t pid;
	int fd, status;
	bool ended, reaped;
	struct event *readable;
	struct evbuffer *text;
	struct askers askers, later; /* later: those who came meanwhile */
};

static void start_check(struct master *master, struct askers askers);

/* To all of them; borrowed. */
static void
answer_askers(json_t *answer, void *arg)
{
	struct askers *askers = arg;

	for (size_t i = 0; i < askers->n; i++)
		askers->list[i].done(answer, askers->list[i].arg);
	free(askers->list);
	free(askers);
}

static struct askers *
keep_askers(const struct askers *askers)
{
	struct askers *kept = xcalloc(1, sizeof *kept);

	*kept = *askers;
	return kept;
}

static void
refuse(const struct askers *askers, json_t *problems)
{
	json_t *answer = json_pack("{s:s,s:o}", "error",
	                           "nothing was changed: the configuration has a mistake",
	                           "problems", problems);

	answer_askers(answer, keep_askers(askers));
	json_decref(answer);
}

/* What check-config wrote, without its last line, which counts them. */
static json_t *
problems_of(struct evbuffer *text)
{
	json_t *problems = json_array();
	char *line;

	while ((line = evbuffer_readln(text, NULL, EVBUFFER_EOL_LF))) {
		if (strncmp(line, "cupola check-config:", 20) != 0)
			json_array_append_new(problems, json_string(line));
		free(line);
	}
	return problems;
}

static void
read_and_apply(struct checking *checking)
{
	struct master *master = checking->master;
	struct host_problems problems = { NULL, 0 };
	struct host_conf *new;
	json_t *lines;

	(void)stat(master->file,
	           &master->file_read); /* before: what comes later is another */
	if (host_conf_read(master->file, master->sets, master->n_sets, &new, &problems) ==
	    0) {
		apply(master, new, answer_askers, keep_askers(&checking->askers));
	} else {
		lines = json_array();
		for (size_t i = 0; i < problems.n; i++)
			json_array_append_new(lines, json_string(problems.lines[i]));
		refuse(&checking->askers, lines);
	}
	host_problems_fini(&problems);
}

static void
checked(struct checking *checking)
{
	struct master *master = checking->master;

	if (!checking->ended || !checking->reaped)
		return;
	master->checking = NULL;
	if (checking->status || master->stopping)
		refuse(&checking->askers, problems_of(checking->text));
	else
		read_and_apply(checking);
	event_free(checking->readable);
	evbuffer_free(checking->text);
	close(checking->fd);
	if (checking->later.n)
		start_check(master, checking->later);
	free(checking);
}

static void
on_check_output(evutil_socket_t fd, short what, void *arg)
{
	struct checking *checking = arg;

	if (evbuffer_read(checking->text, checking->fd, 65536) > 0)
		return;
	event_del(checking->readable);
	checking->ended = true;
	checked(checking);
}

void
apply_reaped(struct master *master, pid_t pid, int status)
{
	struct checking *checking = master->checking;

	if (!checking || checking->pid != pid)
		return;
	checking->reaped = true;
	checking->status = status;
	checked(checking);
}

static void
become_checker(const struct master *master, int out)
{
	size_t argc = 4;
	char **argv = xcalloc(argc + 2 * master->n_sets + 1, sizeof *argv);
	int null = open("/dev/null", O_RDWR);

	argv[0] = xstrdup("cupola");
	argv[1] = xstrdup("check-config");
	argv[2] = xstrdup("-c");
	argv[3] = xstrdup(master->file);
	for (size_t i = 0; i < master->n_sets; i++) {
		argv[argc++] = xstrdup("--set");
		argv[argc++] = xstrdup(master->sets[i]);
	}
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execv("/proc/self/exe", argv);
	_exit(127);
}

static void
start_check(struct master *master, struct askers askers)
{
	struct checking *checking;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0) {
		refuse(&askers, json_pack("[s]", strerror(errno)));
		return;
	}
	checking = xcalloc(1, sizeof *checking);
	checking->master = master;
	checking->askers = askers;
	checking->fd = fds[0];
	checking->text = evbuffer_new();
	checking->readable = event_new(master->base, fds[0], EV_READ | EV_PERSIST,
	                               on_check_output, checking);
	event_add(checking->readable, NULL);
	checking->pid = fork();
	if (checking->pid == 0)
		become_checker(master, fds[1]);
	close(fds[1]);
	master->checking = checking;
	if (checking->pid < 0)
		checking->reaped = true, checking->status = -1;
}

/* ---- asking ---- */

/* Of SIGHUP: the log is what can be told. */
static void
log_answer(json_t *answer, void *arg)
{
	const char *error = json_string_value(json_object_get(answer, "error"));
	const json_t *line;
	size_t i;

	json_array_foreach(json_object_get(answer, "problems"), i, line)
		host_log(HOST_ERROR, "SIGHUP: %s", json_string_value(line));
	if (error)
		host_log(HOST_ERROR, "SIGHUP: %s", error);
}

bool
apply_is_file_other(const struct master *master)
{
	const struct stat *read = &master->file_read;
	struct stat now;

	return stat(master->file, &now) == 0 &&
	       (now.st_mtim.tv_sec != read->st_mtim.tv_sec ||
	        now.st_mtim.tv_nsec != read->st_mtim.tv_nsec ||
	        now.st_size != read->st_size || now.st_ino != read->st_ino);
}

void
apply_file(struct master *master, worker_answer *done, void *arg)
{
	struct askers first = { NULL, 0 },
		      *askers = master->checking ? &master->checking->later : &first;

	*(struct asker *)xgrow(
		&askers->list, &askers->n,
		sizeof *askers->list) = (struct asker){ done ? done : log_answer, arg };
	if (askers == &first)
		start_check(master, first);
}
