/* SPDX-License-Identifier: Apache-2.0 */
#include "try.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"
#include "crash-text.h"
#include "crash.h"
#include "loop.h"
#include "memcheck.h"
#include "plugin.h"
#include "service.h"
#include "settings.h"

/*
 * The child writes one line as it enters each phase, and one more, beginning with '!', with what went
 * wrong. So where it stopped is known, however it stopped.
 */

#define IN_FD    3
#define OUT_FD   4
#define CRASH_FD 5
#define EXTRA_MS \
	2000 /* for loading and stopping, and so that the child's own words come first */
#define TRIAL_NICE 10
#define MAX_WORDS  2048

extern char **environ;

/* ---- the child ---- */

static void
say(int fd, const char *text)
{
	size_t len = strlen(text);

	if (write(fd, text, len) != (ssize_t)len)
		_exit(EXIT_FAILURE); /* nobody listens any more */
}

/* It says the same again when it starts in earnest. */
static void
log_nothing(void *arg, int level, const char *fmt, va_list ap)
{
}

static int
try_service(const struct host_service_config *config, int timeout_ms, int out,
            struct otel_error *err)
{
	struct host_service *service;
	int r = host_service_new(config, &service, err);

	if (r < 0)
		return r;
	say(out, "start()\n");
	r = host_service_start(service, timeout_ms, err);
	if (r == -ETIMEDOUT)
		return r; /* its thread runs on; the process ends now */
	if (r == 0) {
		say(out, "stop()\n");
		r = host_service_stop(service, timeout_ms);
		if (r < 0)
			return otel_error_set(err, r,
			                      "stop() did not come back within %d ms",
			                      timeout_ms);
	}
	host_service_free(service);
	return r;
}

static int
try_copy(const char *copy, const json_t *in, int out, struct otel_error *err)
{
	struct host_service_config config = { .flags = SVC_TRYING,
		                              .generation = 1,
		                              .log = log_nothing };
	const char *source, *folder, *data_dir;
	struct settings settings = { NULL, NULL, 0 };
	struct host_plugin *conf = NULL;
	struct plugin *plugin = NULL;
	const json_t *section;
	int timeout_ms, r;

	if (json_unpack((json_t *)(uintptr_t)in, "{s:s, s:s, s:s, s:i, s:o}", "source",
	                &source, "folder", &folder, "data_dir", &data_dir, "timeout_ms",
	                &timeout_ms, "conf", &section) < 0)
		return otel_error_set(err, -EINVAL, "--try is for the host's own use");
	r = host_plugin_from_json(section, &conf, err);
	if (r < 0)
		return r;
	say(out, "loading\n");
	r = plugin_open(copy, source, conf->name, &plugin, err);
	if (r < 0)
		goto out;
	r = settings_init(&settings, conf, folder, plugin->table->keys, err);
	if (r < 0)
		goto out;
	config.plugin = plugin->table;
	config.name = conf->name;
	config.data_dir = data_dir;
	config.settings = settings.values;
	config.n_settings = settings.n;
	r = try_service(&config, timeout_ms, out, err);
	if (r < 0)
		otel_error_prefix(err, "%s", source);
	if (r == -ETIMEDOUT)
		return r; /* whatever it holds is still in use */
	say(out, "unloading\n");
out:
	settings_fini(&settings);
	plugin_close(plugin);
	host_plugin_free(conf);
	return r;
}

int
try_main(int argc, char **argv)
{
	const struct rlimit none = { 0, 0 };
	struct otel_error err = OTEL_ERROR_INIT;
	char line[sizeof err.message + 3];
	json_t *in;
	int r;

	if (argc != 2)
		return EXIT_FAILURE;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fcntl(OUT_FD, F_SETFD,
	      FD_CLOEXEC); /* or whatever start() runs would keep it open */
	setrlimit(RLIMIT_CORE,
	          &none); /* a trial that crashes is an answer, not an accident */
	in = json_loadfd(IN_FD, 0, NULL);
	r = crash_setup(CRASH_FD, &err);
	memcheck_init();
	if (r == 0)
		r = host_loops_init(&err);
	if (r == 0)
		r = try_copy(argv[1], in, OUT_FD, &err);
	json_decref(in);
	if (r < 0) {
		snprintf(line, sizeof line, "!%s\n", err.message);
		say(OUT_FD, line);
		_exit(EXIT_FAILURE);
	}
	say(OUT_FD, "done\n");
	/* Not exit(): what a service left behind must not have the last word. */
	_exit(EXIT_SUCCESS);
}

/* ---- the parent ---- */

static int
input_of(const struct trial *trial, struct otel_error *err)
{
	int fd = memfd_create("cupola-try", MFD_CLOEXEC), r = -1;
	json_t *json;

	if (fd < 0)
		return otel_error_set(err, -errno, "trial: memfd_create: %s",
		                      strerror(errno));
	json = json_pack("{s:s, s:s, s:s, s:i, s:o}", "source", trial->source, "folder",
	                 trial->folder, "data_dir", trial->data_dir, "timeout_ms",
	                 trial->timeout_ms, "conf", host_plugin_to_json(trial->conf));
	if (json)
		r = json_dumpfd(json, fd, 0);
	json_decref(json);
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0) {
		close(fd);
		return otel_error_set(err, -ENOMEM, "trial: out of memory");
	}
	return fd;
}

static int
spawn(const struct trial *trial, int in, int out, int crash, pid_t *pid)
{
	char name[] = "cupola", try[] = "--try";
	char *copy = strdup(trial->copy);
	char *argv[] = { name, try, copy, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t signals;
	int r;

	if (!copy)
		return -ENOMEM;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in, IN_FD);
	posix_spawn_file_actions_adddup2(&files, out, OUT_FD);
	posix_spawn_file_actions_adddup2(&files, crash, CRASH_FD);
	posix_spawnattr_init(&attributes);
	/* The loader's thread blocks signals; its child must be able to crash and to be stopped. */
	posix_spawnattr_setflags(&attributes,
	                         POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	sigemptyset(&signals);
	posix_spawnattr_setsigmask(&attributes, &signals);
	sigfillset(&signals);
	posix_spawnattr_setsigdefault(&attributes, &signals);
	r = posix_spawn(pid, trial->program ? trial->program : "/proc/self/exe", &files,
	                &attributes, argv, environ);
	/* What serves comes first: a trial may well take all of a core. */
	if (r == 0)
		setpriority(PRIO_PROCESS, (id_t)*pid, TRIAL_NICE);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	free(copy);
	return -r;
}

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Reads until the child has closed its end: true, or false when the time is over. */
static bool
listen_to(int fd, int64_t until, char *words, size_t size)
{
	size_t len = 0;

	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		int64_t left = until - now_ms();
		ssize_t n;

		words[len] = '\0';
		if (left <= 0)
			return false;
		if (poll(&poll_fd, 1, (int)left) <= 0)
			continue;
		n = read(fd, words + len, size - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return true;
		len += (size_t)n;
	}
}

/* The last line of `words`, which is cut into lines here. */
static char *
last_line(char *words)
{
	char *last = words, *rest = NULL;

	for (char *line = strtok_r(words, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		last = line;
	return last;
}

static int
judge(const struct trial *trial, char *words, bool in_time, int status, int crash,
      struct otel_error *err)
{
	const char *phase = last_line(words);
	char text[2048];

	if (phase[0] == '!') /* it names the file itself */
		return otel_error_set(err, -EINVAL, "%s", phase + 1);
	if (!phase[0])
		phase = "loading";
	if (!in_time)
		return otel_error_set(
			err, -ETIMEDOUT,
			"%s: %s did not come to an end within %d ms in a trial run",
			trial->source, phase, trial->timeout_ms);
	if (WIFSIGNALED(status)) {
		crash_text(crash, trial->program, text, sizeof text);
		text[strcspn(text, "\n")] = '\0';
		if (!text[0])
			snprintf(text, sizeof text, "%s", strsignal(WTERMSIG(status)));
		return otel_error_set(err, -EFAULT, "%s: %s crashed in a trial run: %s",
		                      trial->source, phase, text);
	}
	if (strcmp(phase, "done") == 0)
		return 0;
	return otel_error_set(
		err, -EINVAL,
		"%s: %s ended the process with status %d in a trial run; a service "
		"returns an error instead",
		trial->source, phase, WEXITSTATUS(status));
}

/* Spawns with numbers above those that the child expects, or one dup2 would overwrite another's source. */
static int
spawn_high(const struct trial *trial, int in, int out, int crash, pid_t *pid)
{
	int fds[] = { in, out, crash };
	int r = 0;

	for (int i = 0; i < 3; i++) {
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, CRASH_FD + 1);
		if (fds[i] < 0)
			r = -errno;
	}
	if (r == 0)
		r = spawn(trial, fds[0], fds[1], fds[2], pid);
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return r;
}

int
try_plugin(const struct trial *trial, struct otel_error *err)
{
	int in = input_of(trial, err), out[2] = { -1, -1 }, crash = -1, status = 0, r;
	char words[MAX_WORDS];
	bool in_time;
	pid_t pid;

	if (in < 0)
		return in;
	crash = memfd_create("cupola-try-crash", MFD_CLOEXEC);
	if (crash < 0 || pipe2(out, O_CLOEXEC) < 0) {
		r = otel_error_set(err, -errno, "trial: %s", strerror(errno));
		goto out;
	}
	r = spawn_high(trial, in, out[1], crash, &pid);
	close(out[1]);
	if (r < 0) {
		otel_error_set(err, r, "%s: no trial run: %s", trial->source,
		               strerror(-r));
		goto out;
	}
	in_time = listen_to(out[0], now_ms() + trial->timeout_ms + EXTRA_MS, words,
	                    sizeof words);
	if (!in_time)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	r = judge(trial, words, in_time, status, crash, err);
out:
	if (out[0] >= 0)
		close(out[0]);
	if (crash >= 0)
		close(crash);
	close(in);
	return r;
}
