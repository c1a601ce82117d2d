/* SPDX-License-Identifier: Apache-2.0 */
#include "crash-text.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker-boot.h"

extern char **environ;

static pid_t
start_helper(int in, int out, const char *program)
{
	char name[] = "cupola", option[] = "--symbolise",
	     *argv[] = { name, option, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t signals;
	pid_t pid;
	int r;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	sigemptyset(&signals);
	posix_spawnattr_setsigmask(&attributes, &signals);
	r = posix_spawn(&pid, program ? program : "/proc/self/exe", &files, &attributes,
	                argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return r == 0 ? pid : -1;
}

json_t *
crash_explain(int fd, const char *program)
{
	struct worker_crash record;
	json_t *json = NULL;
	int out[2], status;
	pid_t pid;

	if (pread(fd, &record, sizeof record, 0) != sizeof record ||
	    record.magic != WORKER_CRASH_MAGIC || lseek(fd, 0, SEEK_SET) < 0 ||
	    pipe2(out, O_CLOEXEC) < 0)
		return NULL;
	pid = start_helper(fd, out[1], program);
	close(out[1]);
	if (pid > 0)
		json = json_loadfd(out[0], 0, NULL);
	close(out[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return json;
}

void
crash_text(int fd, const char *program, char *text, size_t size)
{
	json_t *json = crash_explain(fd, program);
	const char *log = json_string_value(json_object_get(json, "log"));

	snprintf(text, size, "%s", log ? log : "");
	json_decref(json);
}
