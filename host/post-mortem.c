/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing is symbolised here: a helper process gets the memfd that the dying worker wrote, and its text
 * comes back through a pipe, while the next worker is starting already.
 *
 * What the next start is from: the copy that served. Where that copy came by a reload less than
 * ROLL_BACK_MS ago, the one before it. Where the plugin crashed three times in GIVE_UP_MS, none.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "crash-explain.h"
#include "log.h"
#include "master_priv.h"
#include "memory.h"

#define ROLL_BACK_MS 10000
#define GIVE_UP_MS   30000
#define REPORT_LIMIT (1u << 20)

struct report { /* a helper that symbolises */
	struct master *master;
	char *plugin;  /* "" : the host's own code */
	unsigned code; /* the plugin's n_codes then */
	struct worker_crash crash;
	struct evbuffer *text;
	struct event *readable;
	int fd;
};

static void
set_text(char **at, const char *text)
{
	free(*at);
	*at = text ? xstrdup(text) : NULL;
}

/* ---- the text of a crash ---- */

static void
forget_crash(struct plugin *plugin)
{
	json_decref(plugin->crash);
	json_decref(plugin->warning);
	plugin->crash = plugin->warning = NULL;
	set_text(&plugin->last_crash, NULL);
	set_text(&plugin->last_stall, NULL);
	plugin->crashed_unix_ms = 0;
}

static void
tell_next_worker(struct plugin *plugin)
{
	struct worker *worker = plugin->process->worker;
	char *text;

	if (worker && worker->channel && !worker->retiring) {
		worker_tell(worker, json_pack("{s:s,s:s,s:O}", "do", "crash", "plugin",
		                              plugin->name, "crash", plugin->crash));
		return;
	}
	text = json_dumps(plugin->crash, JSON_COMPACT);
	set_text(&plugin->pending_crash, text);
	free(text);
}

static void
tell_crash(struct plugin *plugin, json_t *crash, const char *log, bool is_history)
{
	const char *stack = strchr(log, '\n');

	host_log_about(HOST_ERROR, NULL, "plugin %s crashed: %s\n%s%s", plugin->name,
	               json_string_value(json_object_get(crash, "text")),
	               json_string_value(json_object_get(crash, "hint")),
	               stack ? stack : "");
	json_decref(plugin->crash);
	plugin->crash = json_incref(crash);
	set_text(&plugin->last_crash, log);
	tell_next_worker(plugin);
	if (is_history) /* its code has been replaced meanwhile */
		forget_crash(plugin);
}

static void count_crash(struct plugin *plugin, const struct worker_crash *crash);

/* It was a thread of the service's own, or the host. */
static struct plugin *
plugin_by_code(const struct report *report, const json_t *json)
{
	const char *name = json_string_value(json_object_get(json, "plugin"));
	struct plugin *plugin = name && *name ? master_plugin(report->master, name)
	                                      : NULL;

	if (plugin)
		count_crash(plugin, &report->crash);
	return plugin;
}

static void
report_end(struct report *report)
{
	struct plugin *plugin = master_plugin(report->master, report->plugin);
	size_t len = evbuffer_get_length(report->text);
	json_t *json = json_loadb((const char *)evbuffer_pullup(report->text, -1), len, 0,
	                          NULL);
	const char *log = json_string_value(json_object_get(json, "log"));

	if (log && !plugin && (plugin = plugin_by_code(report, json)))
		report->code = plugin->n_codes;
	if (!log)
		host_log(HOST_WARN, "a crash could not be symbolised");
	else if (!plugin)
		host_log(HOST_ERROR, "the host crashed: %s", log);
	else
		tell_crash(plugin, json_object_get(json, "crash"), log,
		           plugin->n_codes != report->code);
	json_decref(json);
	event_free(report->readable);
	evbuffer_free(report->text);
	close(report->fd);
	free(report->plugin);
	free(report);
}

static void
on_report(evutil_socket_t fd, short what, void *arg)
{
	struct report *report = arg;
	char buf[4096];
	ssize_t n = read(report->fd, buf, sizeof buf);

	if (n < 0 && (errno == EAGAIN || errno == EINTR) && !(what & EV_TIMEOUT))
		return;
	if (n > 0) {
		if (evbuffer_get_length(report->text) < REPORT_LIMIT)
			evbuffer_add(report->text, buf, (size_t)n);
		return;
	}
	report_end(report);
}

static void
start_report(struct master *master, const struct plugin *plugin,
             const struct worker_crash *crash, int crash_fd)
{
	char name[] = "cupola", option[] = "--symbolise";
	char *argv[] = { name, option, NULL };
	struct timeval limit = { 20, 0 };
	struct report *report;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		dup2(crash_fd, STDIN_FILENO);
		dup2(fds[1], STDOUT_FILENO);
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return;
	}
	report = xcalloc(1, sizeof *report);
	report->master = master;
	report->plugin = xstrdup(plugin ? plugin->name : "");
	report->code = plugin ? plugin->n_codes : 0;
	report->crash = *crash;
	report->fd = fds[0];
	report->text = evbuffer_new();
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	report->readable = event_new(master->base, fds[0], EV_READ | EV_PERSIST,
	                             on_report, report);
	event_add(report->readable, &limit);
}

/* ---- what follows from it ---- */

static void
kept_set(struct kept *kept, int generation, const char *copy)
{
	kept->generation = generation;
	set_text(&kept->copy, copy);
}

void
crash_plugin_loaded(struct plugin *plugin, const struct kept *kept, bool is_reload,
                    bool is_same_code)
{
	if (kept->generation != plugin->current.generation && !is_same_code) {
		kept_set(&plugin->previous, plugin->current.generation,
		         plugin->current.copy);
		plugin->loaded_ms = is_reload ? master_now_ms() : 0;
	}
	kept_set(&plugin->current, kept->generation, kept->copy);
	if (kept->generation > plugin->last_generation)
		plugin->last_generation = kept->generation;
	if (is_reload && !is_same_code) { /* new code has a history of its own */
		set_text(&plugin->failed, NULL);
		memset(plugin->crashes_ms, 0, sizeof plugin->crashes_ms);
		plugin->process->quick_deaths = 0;
		plugin->n_codes++;
		forget_crash(plugin);
	}
}

static void
roll_back(struct plugin *plugin)
{
	host_log_about(
		HOST_WARN, NULL,
		"plugin %s: generation %d crashed %.1f s after its reload: back to generation %d",
		plugin->name, plugin->current.generation,
		(double)(master_now_ms() - plugin->loaded_ms) / 1e3,
		plugin->previous.generation);
	kept_set(&plugin->current, plugin->previous.generation, plugin->previous.copy);
	kept_set(&plugin->previous, 0, NULL);
	plugin->loaded_ms = 0;
}

static void
give_up(struct plugin *plugin, const char *cause)
{
	char why[200];

	snprintf(why, sizeof why,
	         "it crashed three times in %d s (%s); `cupola reload %s` tries again",
	         GIVE_UP_MS / 1000, cause, plugin->name);
	host_log_about(HOST_ERROR, NULL, "plugin %s is left out and answers 503: %s",
	               plugin->name, why);
	set_text(&plugin->failed, why);
}

static void
count_crash(struct plugin *plugin, const struct worker_crash *crash)
{
	uint64_t now = master_now_ms();
	char cause[64];

	crash_cause(crash, cause, sizeof cause);
	memmove(plugin->crashes_ms + 1, plugin->crashes_ms,
	        sizeof plugin->crashes_ms - sizeof *plugin->crashes_ms);
	plugin->crashes_ms[0] = now;
	plugin->n_crashes++;
	plugin->crashed_unix_ms = master_unix_ms();
	set_text(&plugin->last_crash, cause); /* until the helper has the place */
	if (plugin->loaded_ms && now - plugin->loaded_ms < ROLL_BACK_MS &&
	    plugin->previous.copy)
		roll_back(plugin);
	else if (plugin->crashes_ms[2] && now - plugin->crashes_ms[2] < GIVE_UP_MS)
		give_up(plugin, cause);
}

/* The plugin of a process that has one only; NULL: who can tell. */
static struct plugin *
only_plugin(const struct process *process)
{
	struct plugin *plugin, *only = NULL;

	LIST_FOREACH (plugin, &process->master->plugins, link) {
		if (plugin->process != process)
			continue;
		if (only)
			return NULL;
		only = plugin;
	}
	return only;
}

/*
 * Nothing was written down: it was killed, or it ended by a way that nobody watches. Where the process has one
 * plugin that is told of it, without a place; being killed does not count against it.
 */
static void
crash_without_record(const struct worker *worker)
{
	int status = worker->wait_status;
	struct plugin *plugin = only_plugin(worker->process);
	struct worker_crash crash = { .magic = WORKER_CRASH_MAGIC,
		                      .size = sizeof crash,
		                      .unix_ns = master_unix_ms() * 1000000u,
		                      .signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		                      .is_exit = WIFEXITED(status),
		                      .exit_status = WEXITSTATUS(status) };

	if (!plugin || !worker->ready)
		return;
	snprintf(crash.plugin, sizeof crash.plugin, "%s", plugin->name);
	crash.generation = (uint32_t)plugin->current.generation;
	if (pwrite(worker->crash_fd, &crash, sizeof crash, 0) != (ssize_t)sizeof crash)
		return;
	start_report(worker->process->master, plugin, &crash, worker->crash_fd);
	if (crash.signo != SIGKILL)
		count_crash(plugin, &crash);
}

void
crash_of_worker(struct worker *worker)
{
	struct master *master = worker->process->master;
	struct worker_crash crash;
	struct plugin *plugin;
	ssize_t n = pread(worker->crash_fd, &crash, sizeof crash, 0);

	if (n != (ssize_t)sizeof crash || crash.magic != WORKER_CRASH_MAGIC ||
	    crash.size != sizeof crash) {
		crash_without_record(worker);
		return;
	}
	crash.plugin[sizeof crash.plugin - 1] = '\0';
	plugin = *crash.plugin ? master_plugin(master, crash.plugin) : NULL;
	start_report(master, plugin, &crash, worker->crash_fd);
	if (plugin)
		count_crash(plugin, &crash);
}
