/* SPDX-License-Identifier: Apache-2.0 */
#include "master.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "listen.h"
#include "log.h"
#include "master_priv.h"
#include "memory.h"

/* ---- small things ---- */

static uint64_t
clock_ms(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t
master_now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

uint64_t
master_unix_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

struct plugin *
master_plugin(const struct master *master, const char *name)
{
	struct plugin *plugin;

	LIST_FOREACH (plugin, &master->plugins, link)
		if (!strcmp(plugin->name, name))
			return plugin;
	return NULL;
}

struct process *
master_process(const struct master *master, const char *name)
{
	struct process *process;

	LIST_FOREACH (process, &master->processes, link)
		if (!strcmp(process->name, name))
			return process;
	return NULL;
}

/* A random UUID (RFC 9562, version 4). Owned. */
static char *
make_uuid(void)
{
	unsigned char b[16];

	if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
		for (size_t i = 0; i < sizeof b; i++)
			b[i] = (unsigned char)(master_unix_ms() >> i % 8 * 8) ^
			       (unsigned char)getpid();
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	return xasprintf(
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
		b[12], b[13], b[14], b[15]);
}

/* systemd's protocol: a word to the socket that it named. */
static void
notify_manager(const char *word)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t len;
	int fd;

	if (!path || !*path || strlen(path) >= sizeof address.sun_path)
		return;
	memcpy(address.sun_path, path, strlen(path));
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (*path == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, word, strlen(word), MSG_NOSIGNAL, (struct sockaddr *)&address,
	             len);
	close(fd);
}

/* ---- sockets and plugins ---- */

void
master_close_sockets(struct worker_socket *sockets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (sockets[i].fd >= 0)
			close(sockets[i].fd);
	worker_sockets_free(sockets, n);
}

int
master_open_listen(const struct host_listen *listen, const char *plugin, int n,
                   struct worker_socket **sockets, size_t *n_sockets,
                   struct otel_error *err)
{
	int *fds = xcalloc((size_t)n, sizeof *fds), r;
	uint16_t port;

	r = host_listen_open(listen, (size_t)n, fds, &port, err);
	for (int i = 0; !r && i < n; i++) {
		struct worker_socket *s = xgrow(sockets, n_sockets, sizeof *s);

		s->plugin = xstrdup(plugin);
		s->label = xstrdup(listen->label);
		s->address = xstrdup(listen->address);
		s->port = port;
		s->loop = i;
		s->fd = fds[i];
	}
	free(fds);
	return r;
}

int
master_add_plugin(struct master *master, const struct host_plugin *conf,
                  struct plugin **out, struct otel_error *err)
{
	struct plugin *plugin;
	int r = 0;

	if (master_plugin(master, conf->name))
		return otel_error_set(
			err, -EEXIST,
			"plugin %s: runs already; `cupola reload %s` loads it anew",
			conf->name, conf->name);
	plugin = xcalloc(1, sizeof *plugin);
	for (size_t i = 0; i < conf->n_listen && !r; i++)
		r = master_open_listen(&conf->listen[i], conf->name,
		                       master->conf->workers, &plugin->sockets,
		                       &plugin->n_sockets, err);
	if (r < 0) {
		otel_error_prefix(err, "%s: [plugin %s] listen", conf->where, conf->name);
		master_close_sockets(plugin->sockets, plugin->n_sockets);
		free(plugin);
		return r;
	}
	plugin->name = xstrdup(conf->name);
	plugin->instance_id = make_uuid();
	plugin->conf = conf;
	plugin->process = master_process(master, conf->process);
	if (!plugin->process)
		plugin->process = process_new(master, conf->process);
	LIST_INSERT_HEAD(&master->plugins, plugin, link);
	if (out)
		*out = plugin;
	return 0;
}

void
master_remove_plugin(struct master *master, struct plugin *plugin)
{
	LIST_REMOVE(plugin, link);
	master_close_sockets(plugin->sockets, plugin->n_sockets);
	host_plugin_free(plugin->own_conf);
	free(plugin->current.copy);
	free(plugin->previous.copy);
	free(plugin->last_crash);
	free(plugin->last_stall);
	json_decref(plugin->crash);
	json_decref(plugin->warning);
	free(plugin->pending_crash);
	free(plugin->failed);
	free(plugin->instance_id);
	free(plugin->name);
	free(plugin);
}

static int
open_all(struct master *master, struct otel_error *err)
{
	const struct host_conf *conf = master->conf;
	int r = 0;

	for (size_t i = 0; i < conf->n_plugins && !r; i++)
		if (conf->plugins[i].enabled)
			r = master_add_plugin(master, &conf->plugins[i], NULL, err);
	for (size_t i = 0; i < conf->n_admin && !r; i++) {
		r = master_open_listen(&conf->admin[i], "", 1, &master->admin,
		                       &master->n_admin, err);
		if (r < 0)
			otel_error_prefix(err, "%s: [host] admin", conf->file);
	}
	if (r < 0)
		return r;
	if (LIST_EMPTY(&master->plugins))
		return otel_error_set(
			err, -ENOENT,
			"%s: expected at least one [plugin NAME] with enabled = yes, found none",
			conf->file);
	master->admin_process = master_process(master, "main");
	if (!master->admin_process)
		master->admin_process = LIST_FIRST(&master->processes);
	return 0;
}

/* ---- ready ---- */

static void
say_addresses(const struct master *master)
{
	char text[80];

	for (size_t i = 0; i < master->conf->n_plugins; i++) {
		const struct plugin *plugin = master_plugin(
			master, master->conf->plugins[i].name);

		for (size_t j = 0; plugin && j < plugin->n_sockets; j++) {
			const struct worker_socket *s = &plugin->sockets[j];

			if (s->loop == 0)
				host_log(HOST_INFO, "%s%s%s listens on http://%s",
				         plugin->name, *s->label ? " " : "", s->label,
				         host_listen_text(s->address, s->port, text,
				                          sizeof text));
		}
	}
	if (master->n_admin)
		host_log(HOST_INFO, "admin listens on http://%s",
		         host_listen_text(master->admin->address, master->admin->port,
		                          text, sizeof text));
}

void
master_check_ready(struct master *master)
{
	struct process *process;

	if (master->ready || master->stopping)
		return;
	LIST_FOREACH (process, &master->processes, link)
		if (!process->worker || !process->worker->ready)
			return;
	master->ready = true;
	say_addresses(master);
	host_log(HOST_INFO, "ready after %llu ms",
	         (unsigned long long)(master_unix_ms() - master->started_unix_ms));
	puts("ready");
	fflush(stdout);
	notify_manager("READY=1");
}

/* ---- signals, stopping ---- */

/* The port of the telemetry endpoint when it is on this machine; 0: elsewhere, or not told. */
static unsigned
endpoint_port(const struct master *master)
{
	const char *variable = getenv("OTEL_EXPORTER_OTLP_ENDPOINT");
	const char *url = variable && *variable
	                          ? variable
	                          : master->conf->telemetry.value[HOST_T_ENDPOINT];
	const char *host = url ? strstr(url, "://") : NULL, *colon;

	if (!host || (strncmp(host + 3, "127.", 4) && strncmp(host + 3, "localhost", 9) &&
	              strncmp(host + 3, "[::1]", 5)))
		return 0;
	colon = strchr(host + 3 + (host[3] == '[' ? 5 : 0), ':');
	return colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 4318;
}

bool
master_is_receiver(const struct master *master, const struct process *process)
{
	unsigned port = endpoint_port(master);
	const struct plugin *plugin;

	LIST_FOREACH (plugin, &master->plugins, link)
		for (size_t i = 0;
		     port && plugin->process == process && i < plugin->n_sockets; i++)
			if (plugin->sockets[i].port == port)
				return true;
	return false;
}

/* Closed here, a connection that comes now is refused at once instead of waiting for nobody. */
static void
stop_listening(struct master *master, const struct process *process)
{
	struct plugin *plugin;

	LIST_FOREACH (plugin, &master->plugins, link)
		for (size_t i = 0; plugin->process == process && i < plugin->n_sockets;
		     i++)
			if (plugin->sockets[i].fd >= 0) {
				close(plugin->sockets[i].fd);
				plugin->sockets[i].fd = -1;
			}
}

void
master_stop_next(struct master *master)
{
	struct worker *worker, *next;
	bool only_receivers = true;

	if (LIST_EMPTY(&master->workers)) {
		event_base_loopbreak(master->base);
		return;
	}
	LIST_FOREACH (worker, &master->workers, link)
		only_receivers &= master_is_receiver(master, worker->process);
	for (worker = LIST_FIRST(&master->workers); worker; worker = next) {
		next = LIST_NEXT(worker, link);
		if (only_receivers || !master_is_receiver(master, worker->process)) {
			worker_stop(worker);
			stop_listening(master, worker->process);
		}
	}
}

void
master_stop(struct master *master, const char *why)
{
	struct worker *worker;

	if (master->stopping) { /* said twice: now */
		LIST_FOREACH (worker, &master->workers, link)
			worker_kill_now(worker);
		return;
	}
	host_log(HOST_INFO, "stopping: %s", why);
	notify_manager("STOPPING=1");
	master->stopping = true;
	master_stop_next(master);
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	struct master *master = arg;

	if (number == SIGCHLD)
		process_reap(master);
	else if (number == SIGHUP)
		apply_file(master, NULL, NULL);
	else
		master_stop(master, number == SIGINT ? "interrupted" : "SIGTERM");
}

/* ---- running ---- */

/* Sockets of many loops and plugins are many descriptors; workers inherit the limit. */
static void
raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int
start(struct master *master, struct otel_error *err)
{
	struct process *process;
	int r = host_rundir_init(&master->runtime, master->conf->runtime_dir,
	                         master->conf->user, err);

	if (!r)
		r = open_all(master, err);
	if (!r)
		r = control_new(master, &master->control, err);
	if (r < 0)
		return r;
	LIST_FOREACH (process, &master->processes, link) {
		r = process_start(process);
		if (r < 0)
			return otel_error_set(err, r, "process %s could not be started",
			                      process->name);
	}
	return 0;
}

static void
finish(struct master *master)
{
	struct plugin *plugin;
	struct process *process;

	watch_free(master->watch);
	while ((plugin = LIST_FIRST(&master->plugins)))
		master_remove_plugin(master, plugin);
	while ((process = LIST_FIRST(&master->processes)))
		process_free(process);
	master_close_sockets(master->admin, master->n_admin);
	if (master->runtime.path)
		host_rundir_fini(&master->runtime);
	control_free(
		master->control); /* last: who waits for the end sees a folder that is free again */
	host_conf_free(master->conf);
}

int
host_master_run(const struct host_run *run, struct otel_error *err)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
	struct event *signals[sizeof numbers / sizeof *numbers];
	struct master master = { .conf = run->conf,
		                 .file = run->file,
		                 .sets = run->sets,
		                 .n_sets = run->n_sets,
		                 .started_unix_ms = master_unix_ms(),
		                 .runtime = { .dir_fd = -1, .lock_fd = -1 } };
	struct plugin *plugin;
	size_t i;
	int r;

	(void)stat(run->file, &master.file_read);
	host_log_setup("master", run->conf->log_level, run->conf->log_format);
	raise_limits();
	signal(SIGPIPE, SIG_IGN);
	master.base = event_base_new();
	if (!master.base)
		return otel_error_set(err, -ENOMEM, "event loop: out of memory"),
		       EXIT_FAILURE;
	for (i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		signals[i] = evsignal_new(master.base, numbers[i], on_signal, &master);
		event_add(signals[i], NULL);
	}
	r = start(&master, err);
	if (r < 0) {
		master.status = EXIT_FAILURE;
		if (!LIST_EMPTY(&master.workers))
			master_stop(&master, "it could not be started");
	}
	if (run->watch && !r) {
		master.watch = watch_new(&master);
		LIST_FOREACH (plugin, &master.plugins, link)
			watch_plugin(master.watch, plugin);
	}
	if (!LIST_EMPTY(&master.workers))
		event_base_dispatch(master.base);
	for (i = 0; i < sizeof numbers / sizeof *numbers; i++)
		event_free(signals[i]);
	finish(&master);
	event_base_free(master.base);
	if (!r)
		host_log(HOST_INFO, "stopped");
	return master.status;
}
