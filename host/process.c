/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child has ended when two things have happened, in whichever order: its status was collected, and its
 * channel was read to the end, so that its last message ("generation 4 serves") counts before its death.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "channel.h"
#include "log.h"
#include "master_priv.h"
#include "memory.h"

#define QUICK_DEATH_MS  2000 /* sooner after the start than this, restarts slow down */
#define BACK_OFF_MAX_MS 5000
#define START_TRIES     5 /* of a process that never was ready */

struct question {
	LIST_ENTRY(question) link;
	unsigned id;
	worker_answer *answer;
	void *arg;
	struct event *timer;
};

/* ---- questions and answers ---- */

static void
question_end(struct question *question, json_t *answer)
{
	LIST_REMOVE(question, link);
	event_free(question->timer);
	question->answer(answer, question->arg);
	free(question);
}

static void
question_fail(struct question *question, const char *why)
{
	json_t *answer = json_pack("{s:s}", "error", why);

	question_end(question, answer);
	json_decref(answer);
}

static void
on_question_timeout(evutil_socket_t fd, short what, void *arg)
{
	question_fail(arg, "the process does not answer");
}

void
worker_ask(struct worker *worker, struct json_t *message, const int *fds, size_t n_fds,
           int timeout_ms, worker_answer *answer, void *arg)
{
	struct master *master = worker->process->master;
	struct question *question = xcalloc(1, sizeof *question);
	struct timeval timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };

	question->id = ++master->last_id;
	question->answer = answer;
	question->arg = arg;
	question->timer = event_new(master->base, -1, 0, on_question_timeout, question);
	LIST_INSERT_HEAD(&worker->questions, question, link);
	json_object_set_new(message, "id", json_integer(question->id));
	if (!worker->channel) {
		json_decref(message);
		question_fail(question, "the process is ending");
	} else if (host_channel_send_fds(worker->channel, message, fds, n_fds) < 0) {
		question_fail(question, "the process does not take messages");
	} else {
		event_add(question->timer, &timeout);
	}
}

void
worker_tell(struct worker *worker, struct json_t *message)
{
	if (worker->channel)
		(void)host_channel_send(worker->channel, message);
	else
		json_decref(message);
}

/* ---- what workers say ---- */

static void
on_ready(struct worker *worker)
{
	struct process *process = worker->process;
	struct worker *old = process->worker;

	worker->ready = process->was_ready = true;
	process->rss_ready = process_rss(worker->pid);
	host_log(HOST_INFO, "process %s is ready (pid %ld, %llu ms)", process->name,
	         (long)worker->pid,
	         (unsigned long long)(master_now_ms() - worker->started_ms));
	if (process->next == worker) {
		process->next = NULL;
		process->worker = worker;
		if (old)
			worker_stop(old);
	}
	apply_catch_up(worker); /* what changed and what came while it was starting */
	control_load_missing(process);
	control_reload_delayed(process, NULL);
	master_check_ready(process->master);
}

static void
on_loaded(struct worker *worker, const json_t *message)
{
	const char *name = json_string_value(json_object_get(message, "plugin"));
	const char *copy = json_string_value(json_object_get(message, "copy"));
	int generation = (int)json_integer_value(json_object_get(message, "generation"));
	struct plugin *plugin = name ? master_plugin(worker->process->master, name)
	                             : NULL;

	if (plugin && plugin->process == worker->process && generation > 0)
		crash_plugin_loaded(plugin,
		                    &(struct kept){ generation, (char *)(uintptr_t)copy },
		                    worker->ready,
		                    json_is_true(json_object_get(message, "same_code")));
}

static void
on_stalled(struct worker *worker, const char *name, const json_t *message)
{
	json_t *warning = json_object_get(message, "warning");
	const char *text = json_string_value(json_object_get(message, "text"));
	struct plugin *plugin = master_plugin(worker->process->master, name);

	if (!plugin)
		return;
	plugin->n_stalls++;
	if (!warning)
		return;
	json_decref(plugin->warning);
	plugin->warning = json_incref(warning);
	free(plugin->last_stall);
	plugin->last_stall = text ? xstrdup(text) : NULL;
}

static void
on_event(struct worker *worker, const char *event, const json_t *message)
{
	const char *plugin = json_string_value(json_object_get(message, "plugin"));

	if (!strcmp(event, "ready"))
		on_ready(worker);
	else if (!strcmp(event, "loaded"))
		on_loaded(worker, message);
	else if (!strcmp(event, "stalled") && plugin)
		on_stalled(worker, plugin, message);
	else if (!strcmp(event, "refused"))
		host_log_about(HOST_DEBUG, plugin, "refused by process %s",
		               worker->process->name);
}

/* What a worker asked goes back to it; it may be gone by then. */
struct asked {
	struct master *master;
	pid_t pid;
	json_int_t id;
};

static void
on_asked(json_t *answer, void *arg)
{
	struct asked *asked = arg;
	json_t *copy = json_deep_copy(answer);
	struct worker *worker;

	json_object_set_new(copy, "id", json_integer(asked->id));
	LIST_FOREACH (worker, &asked->master->workers, link)
		if (worker->pid == asked->pid)
			break;
	if (worker)
		worker_tell(worker, copy);
	else
		json_decref(copy);
	free(asked);
}

static void
on_request(struct worker *worker, const char *what, const json_t *message)
{
	const char *plugin = json_string_value(json_object_get(message, "plugin"));
	struct master *master = worker->process->master;
	struct asked *asked = xcalloc(1, sizeof *asked);

	asked->master = master;
	asked->pid = worker->pid;
	asked->id = json_integer_value(json_object_get(message, "id"));
	if (!strcmp(what, "status")) {
		control_status(master, on_asked, asked);
	} else if (!strcmp(what, "reload") && plugin) {
		control_reload(master, plugin, on_asked, asked);
	} else {
		json_t *answer = json_pack("{s:s}", "error", "unknown request");

		on_asked(answer, asked);
		json_decref(answer);
	}
}

static void
on_message(struct host_channel *channel, json_t *message, void *arg)
{
	struct worker *worker = arg;
	const char *event = json_string_value(json_object_get(message, "event"));
	const char *what = json_string_value(json_object_get(message, "do"));
	json_int_t id = json_integer_value(json_object_get(message, "id"));
	struct question *question;

	if (event) {
		on_event(worker, event, message);
		return;
	}
	if (what) {
		on_request(worker, what, message);
		return;
	}
	LIST_FOREACH (question, &worker->questions, link)
		if (question->id == id)
			break;
	if (question)
		question_end(question, message);
}

/* ---- death ---- */

static void
worker_free(struct worker *worker)
{
	struct question *question;

	while ((question = LIST_FIRST(&worker->questions))) {
		json_t *answer = json_pack(
			"{s:s,s:b}", "error",
			"the process ended before it answered; its log says why", "ended",
			1);

		question_end(question, answer);
		json_decref(answer);
	}
	LIST_REMOVE(worker, link);
	host_channel_free(worker->channel);
	if (worker->life_fd >= 0)
		close(worker->life_fd);
	if (worker->crash_fd >= 0)
		close(worker->crash_fd);
	if (worker->kill)
		event_free(worker->kill);
	free(worker);
}

static void
on_restart(evutil_socket_t fd, short what, void *arg)
{
	struct process *process = arg;

	if (!process->worker && !process->master->stopping &&
	    process_start(process) < 0) {
		struct timeval later = { 1, 0 };

		event_add(process->restart, &later);
	}
}

void
process_hurry(struct process *process)
{
	struct timeval now = { 0, 0 };

	if (!process->worker && !process->master->stopping)
		event_add(process->restart, &now);
}

uint64_t
process_rss(pid_t pid)
{
	char path[64];
	unsigned long long pages = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%ld/statm", (long)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%*u %llu", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* At once the first time, then later and later as long as it dies young. */
static void
restart(struct process *process)
{
	int wait_ms = 0;
	struct timeval wait;

	for (int i = 1; i < process->quick_deaths && wait_ms < BACK_OFF_MAX_MS; i++)
		wait_ms = wait_ms ? wait_ms * 2 : 100;
	if (wait_ms > BACK_OFF_MAX_MS)
		wait_ms = BACK_OFF_MAX_MS;
	process->restarts++;
	if (wait_ms)
		host_log(HOST_INFO, "process %s is started again in %d ms", process->name,
		         wait_ms);
	wait.tv_sec = wait_ms / 1000;
	wait.tv_usec = wait_ms % 1000 * 1000;
	event_add(process->restart, &wait);
}

static const char *
death_text(int status, char *buf, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(buf, size, "was ended by signal %d (%s)", WTERMSIG(status),
		         strsignal(WTERMSIG(status)));
	else
		snprintf(buf, size, "exited with status %d", WEXITSTATUS(status));
	return buf;
}

static bool
is_used(const struct process *process)
{
	const struct plugin *plugin;

	if (process->worker || process->next || process == process->master->admin_process)
		return true;
	LIST_FOREACH (plugin, &process->master->plugins, link)
		if (plugin->process == process)
			return true;
	return false;
}

static void
worker_ended(struct worker *worker)
{
	struct process *process = worker->process;
	struct master *master = process->master;
	bool was_next = process->next == worker, was_worker = process->worker == worker;
	bool young = master_now_ms() - worker->started_ms < QUICK_DEATH_MS;
	char text[96];

	if (was_next)
		process->next = NULL;
	if (was_worker)
		process->worker = NULL;
	if (worker->retiring || master->stopping) {
		if (worker->wait_status && WIFSIGNALED(worker->wait_status))
			host_log(HOST_WARN,
			         "process %s (pid %ld) %s while it was stopping",
			         process->name, (long)worker->pid,
			         death_text(worker->wait_status, text, sizeof text));
		worker_free(worker);
		if (master->stopping)
			master_stop_next(master);
		else if (!is_used(process))
			process_free(process);
		else if (!process->worker && !process->next)
			restart(process); /* a plugin came back, or the next one died */
		return;
	}
	host_log(HOST_ERROR, "process %s (pid %ld) %s", process->name, (long)worker->pid,
	         death_text(worker->wait_status, text, sizeof text));
	crash_of_worker(worker);
	process->quick_deaths = young ? process->quick_deaths + 1 : 1;
	worker_free(worker);
	if (was_next && process->worker) {
		host_log(HOST_ERROR,
		         "process %s goes on as it was: its replacement did not start",
		         process->name);
	} else if (!process->was_ready && process->quick_deaths >= START_TRIES) {
		master->status = EXIT_FAILURE;
		master_stop(master, "a process cannot be started");
	} else if (was_worker || was_next) {
		restart(process);
	}
}

static void
on_closed(struct host_channel *channel, int error, void *arg)
{
	struct worker *worker = arg;

	if (error)
		host_log(HOST_WARN, "process %s: its channel: %s", worker->process->name,
		         strerror(-error));
	worker->closed = true;
	worker->channel = NULL;
	host_channel_free(channel);
	if (worker->reaped)
		worker_ended(worker);
	else if (error)
		kill(worker->pid, SIGKILL); /* it does not speak our language any more */
}

void
process_reap(struct master *master)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct worker *worker;

		LIST_FOREACH (worker, &master->workers, link)
			if (worker->pid == pid)
				break;
		if (!worker) {
			apply_reaped(master, pid, status);
			continue;
		}
		worker->reaped = true;
		worker->wait_status = status;
		if (worker->closed)
			worker_ended(worker);
	}
}

/* ---- starting ---- */

/* In the child, between fork and exec: what the worker inherits, and how it dies with us. */
static void
become_worker(const struct worker_boot *boot, int boot_fd, pid_t master_pid)
{
	char fd_text[16];
	char *argv[] = { NULL, NULL, NULL, NULL, NULL };
	char name[] = "cupola", option[] = "--worker";

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != master_pid)
		_exit(1);
	signal(SIGINT,
	       SIG_IGN); /* Ctrl-C goes to the whole terminal: stopping is the master's to say */
	signal(SIGHUP, SIG_IGN);
	fcntl(boot->control_fd, F_SETFD, 0);
	fcntl(boot->life_fd, F_SETFD, 0);
	fcntl(boot->crash_fd, F_SETFD, 0);
	for (size_t i = 0; i < boot->n_sockets; i++)
		fcntl(boot->sockets[i].fd, F_SETFD, 0);
	snprintf(fd_text, sizeof fd_text, "%d", boot_fd);
	argv[0] = name;
	argv[1] = option;
	argv[2] = boot->process;
	argv[3] = fd_text;
	execv("/proc/self/exe", argv);
	_exit(127);
}

static void
collect(struct process *process, unsigned serial, struct worker_boot *boot)
{
	struct master *master = process->master;
	struct plugin *plugin;

	for (size_t i = 0; process == master->admin_process && i < master->n_admin; i++)
		*(struct worker_socket *)xgrow(&boot->sockets, &boot->n_sockets,
		                               sizeof *boot->sockets) = master->admin[i];
	LIST_FOREACH (plugin, &master->plugins, link) {
		struct worker_plugin *p;

		if (plugin->process != process)
			continue;
		for (size_t i = 0; i < plugin->n_sockets; i++)
			*(struct worker_socket *)xgrow(
				&boot->sockets, &boot->n_sockets,
				sizeof *boot->sockets) = plugin->sockets[i];
		p = xgrow(&boot->plugins, &boot->n_plugins, sizeof *p);
		plugin->told = serial;
		p->name = plugin->name;
		p->instance_id = plugin->instance_id;
		p->start_from = plugin->current.copy;
		p->generation = plugin->current.copy ? plugin->current.generation : 0;
		p->last_generation = plugin->last_generation;
		p->failed = plugin->failed;
		p->crash = plugin->pending_crash;
		p->own = plugin->own_conf;
	}
}

static void
forget_pending(struct process *process)
{
	struct plugin *plugin;

	LIST_FOREACH (plugin, &process->master->plugins, link)
		if (plugin->process == process) {
			free(plugin->pending_crash);
			plugin->pending_crash = NULL;
		}
}

int
process_start(struct process *process)
{
	struct master *master = process->master;
	struct worker *worker = xcalloc(1, sizeof *worker);
	struct worker_boot boot = { .process = process->name, .conf = master->conf };
	int control[2] = { -1, -1 }, life[2] = { -1, -1 }, boot_fd = -1, r = 0;
	struct otel_error err = OTEL_ERROR_INIT;
	pid_t me = getpid();

	worker->process = process;
	worker->serial = ++master->last_serial;
	worker->conf_serial = master->conf_serial;
	worker->started_ms = master_now_ms();
	worker->life_fd = -1;
	worker->crash_fd = memfd_create("cupola-crash", MFD_CLOEXEC);
	LIST_INSERT_HEAD(&master->workers, worker, link);
	if (worker->crash_fd < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0 ||
	    pipe2(life, O_CLOEXEC) < 0) {
		r = otel_error_set(&err, -errno, "worker %s: %s", process->name,
		                   strerror(errno));
		goto end;
	}
	worker->life_fd = life[1];
	boot.restarts = process->restarts;
	boot.control_fd = control[1];
	boot.life_fd = life[0];
	boot.crash_fd = worker->crash_fd;
	boot.copies_dir = master->runtime.copies;
	collect(process, worker->serial, &boot);
	boot_fd = r = worker_boot_write(&boot, &err);
	if (r < 0)
		goto end;
	worker->pid = fork();
	if (worker->pid == 0)
		become_worker(&boot, boot_fd, me);
	if (worker->pid < 0) {
		r = otel_error_set(&err, -errno, "worker %s: fork: %s", process->name,
		                   strerror(errno));
		goto end;
	}
	r = host_channel_new(master->base, control[0], on_message, on_closed, worker,
	                     &worker->channel);
	control[0] = -1;
	if (r < 0) {
		worker->closed =
			true; /* it sees its end of the channel closed, and ends */
		r = 0;
	}
	forget_pending(process);
	if (process->worker)
		process->next = worker;
	else
		process->worker = worker;
end:
	free(boot.sockets);
	free(boot.plugins);
	if (boot_fd >= 0)
		close(boot_fd);
	if (life[0] >= 0)
		close(life[0]);
	for (int i = 0; i < 2; i++)
		if (control[i] >= 0)
			close(control[i]);
	if (r < 0) {
		host_log(HOST_ERROR, "%s", err.message);
		worker_free(worker);
	}
	return r;
}

/* ---- stopping ---- */

void
worker_kill_now(struct worker *worker)
{
	if (!worker->reaped)
		kill(worker->pid, SIGKILL);
}

static void
on_grace_over(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;

	host_log(HOST_WARN, "process %s (pid %ld) did not end in its grace time: killed",
	         worker->process->name, (long)worker->pid);
	worker_kill_now(worker);
}

void
worker_stop(struct worker *worker)
{
	struct master *master = worker->process->master;
	int64_t grace = master->conf->grace_ms;
	struct timeval until = { (grace + 2000) / 1000, 0 };

	if (worker->retiring)
		return;
	worker->retiring = true;
	worker_tell(worker, json_pack("{s:s,s:I,s:b}", "do", "stop", "grace_ms",
	                              (json_int_t)grace, "receiver",
	                              master_is_receiver(master, worker->process)));
	worker->kill = event_new(master->base, -1, 0, on_grace_over, worker);
	event_add(worker->kill, &until);
}

/* ---- processes ---- */

struct process *
process_new(struct master *master, const char *name)
{
	struct process *process = xcalloc(1, sizeof *process);

	process->master = master;
	process->name = xstrdup(name);
	process->restart = event_new(master->base, -1, 0, on_restart, process);
	LIST_INSERT_HEAD(&master->processes, process, link);
	return process;
}

void
process_free(struct process *process)
{
	control_reload_delayed(process, "its process has ended");
	LIST_REMOVE(process, link);
	event_free(process->restart);
	free(process->name);
	free(process);
}
