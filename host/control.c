/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's question may take a while (a reload starts a service), so every one is a small object that
 * knows who asked. A client that leaves is only marked: the answers that are still on their way find
 * nobody, and the last one frees it.
 */
#include "control.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/listener.h>

#include "channel.h"
#include "log.h"
#include "master_priv.h"
#include "memory.h"

#define RELOAD_TIMEOUT_MS 120000
#define DELAY_LIMIT_S     15 /* of a reload that waits for its process */

struct client {
	LIST_ENTRY(client) link;
	struct control *control;
	struct host_channel *channel; /* NULL: it has left */
	int waiting;                  /* answers on their way */
	char *loaded; /* the plugin that lives as long as the connection; NULL: none */
};

struct control {
	struct master *master;
	struct evconnlistener *listener;
	LIST_HEAD(, client) clients;
};

struct question_of { /* one question of a client */
	struct client *client;
	json_t *id; /* owned; NULL: it had none */
};

/* ---- loading, reloading ---- */

static void
refuse(worker_answer *done, void *arg, const char *why)
{
	json_t *answer = json_pack("{s:s}", "error", why);

	done(answer, arg);
	json_decref(answer);
}

void
control_reload_as(struct master *master, struct plugin *plugin,
                  const struct reload_as *as, worker_answer *done, void *arg)
{
	worker_ask(plugin->process->worker,
	           json_pack("{s:s,s:s,s:o,s:b,s:b}", "do", "reload", "plugin",
	                     plugin->name, "conf", host_plugin_to_json(plugin->conf),
	                     "same_code", (int)as->same_code, "only_telemetry",
	                     (int)as->only_telemetry),
	           NULL, 0, RELOAD_TIMEOUT_MS, done, arg);
}

/* Whether the plugin may still be asked for; says why not to who asked. */
static struct plugin *
enabled(struct master *master, const char *name, worker_answer *done, void *arg)
{
	struct plugin *plugin = master_plugin(master, name);
	char why[256];

	if (!plugin) {
		snprintf(
			why, sizeof why,
			"expected the name of an enabled plugin, found \"%.100s\"; `cupola status` lists them",
			name);
		refuse(done, arg, why);
	}
	return plugin;
}

static void
reload_now(struct master *master, const char *name, worker_answer *done, void *arg)
{
	struct plugin *plugin = enabled(master, name, done, arg);

	if (plugin)
		control_reload_as(master, plugin, &(struct reload_as){ false, false },
		                  done, arg);
}

/* ---- reloads that wait for their process ---- */

struct delayed {
	LIST_ENTRY(delayed) link;
	char *plugin;
	worker_answer *done;
	void *arg;
	struct event *limit;
};

static void
delayed_end(struct delayed *delayed, struct master *master, const char *why)
{
	char text[256];

	LIST_REMOVE(delayed, link);
	event_free(delayed->limit);
	if (why) {
		snprintf(text, sizeof text, "plugin %s: %s", delayed->plugin, why);
		refuse(delayed->done, delayed->arg, text);
	} else {
		reload_now(master, delayed->plugin, delayed->done, delayed->arg);
	}
	free(delayed->plugin);
	free(delayed);
}

static void
on_delay_over(evutil_socket_t fd, short what, void *arg)
{
	delayed_end(arg, NULL, "its process does not start; the host's log says why");
}

static void
delay(struct plugin *plugin, worker_answer *done, void *arg)
{
	struct process *process = plugin->process;
	struct delayed *delayed = xcalloc(1, sizeof *delayed);
	struct timeval limit = { DELAY_LIMIT_S, 0 };

	delayed->plugin = xstrdup(plugin->name);
	delayed->done = done;
	delayed->arg = arg;
	delayed->limit = event_new(process->master->base, -1, 0, on_delay_over, delayed);
	event_add(delayed->limit, &limit);
	LIST_INSERT_HEAD(&process->delayed, delayed, link);
	process_hurry(process);
}

void
control_reload_delayed(struct process *process, const char *why)
{
	struct delayed *delayed;

	while ((delayed = LIST_FIRST(&process->delayed)) &&
	       (why || (process->worker && process->worker->ready)))
		delayed_end(delayed, process->master, why);
}

/* A reload that was asked for while its process was dying, of what the new code is to mend perhaps. */
struct attempt {
	struct master *master;
	char *plugin;
	worker_answer *done;
	void *arg;
};

static void
on_first_answer(json_t *answer, void *arg)
{
	struct attempt *attempt = arg;
	struct plugin *plugin = master_plugin(attempt->master, attempt->plugin);

	if (json_is_true(json_object_get(answer, "ended")) && plugin &&
	    !attempt->master->stopping)
		delay(plugin, attempt->done, attempt->arg); /* and then once more */
	else
		attempt->done(answer, attempt->arg);
	free(attempt->plugin);
	free(attempt);
}

void
control_reload(struct master *master, const char *name, worker_answer *done, void *arg)
{
	struct plugin *plugin = enabled(master, name, done, arg);
	struct worker *worker = plugin ? plugin->process->worker : NULL;
	struct attempt *attempt;

	if (!plugin)
		return;
	if (!worker || !worker->ready) {
		delay(plugin, done, arg);
		return;
	}
	attempt = xcalloc(1, sizeof *attempt);
	attempt->master = master;
	attempt->plugin = xstrdup(name);
	attempt->done = done;
	attempt->arg = arg;
	reload_now(master, name, on_first_answer, attempt);
}

void
control_load(struct master *master, struct plugin *plugin, worker_answer *done, void *arg)
{
	struct worker *worker = plugin->process->worker;
	json_t *sockets = json_array();
	int *fds = xcalloc(plugin->n_sockets, sizeof *fds);

	for (size_t i = 0; i < plugin->n_sockets; i++) {
		const struct worker_socket *s = &plugin->sockets[i];

		fds[i] = s->fd;
		json_array_append_new(sockets,
		                      json_pack("{s:s,s:s,s:s,s:i,s:i,s:i}", "plugin",
		                                s->plugin, "label", s->label, "address",
		                                s->address, "port", (int)s->port, "loop",
		                                s->loop, "fd", (int)i));
	}
	if (!worker || !worker->ready) {
		json_decref(sockets);
		refuse(done, arg, "its process is starting; try again in a moment");
	} else {
		plugin->told = worker->serial;
		worker_ask(worker,
		           json_pack("{s:s,s:o,s:o,s:s}", "do", "load", "conf",
		                     host_plugin_to_json(plugin->conf), "sockets",
		                     sockets, "instance_id", plugin->instance_id),
		           fds, plugin->n_sockets, RELOAD_TIMEOUT_MS, done, arg);
	}
	free(fds);
}

static void
on_missing_loaded(json_t *answer, void *arg)
{
	const char *error = json_string_value(json_object_get(answer, "error"));
	char *name = arg;

	if (error)
		host_log(HOST_ERROR, "plugin %s: not loaded: %s", name, error);
	else
		host_log(HOST_INFO, "plugin %s: loaded", name);
	free(name);
}

void
control_load_missing(struct process *process)
{
	struct master *master = process->master;
	struct plugin *plugin;

	if (!process->worker || !process->worker->ready || process->worker->retiring)
		return; /* its next start knows all of them */
	LIST_FOREACH (plugin, &master->plugins, link)
		if (plugin->process == process && plugin->told != process->worker->serial)
			control_load(master, plugin, on_missing_loaded,
			             xstrdup(plugin->name));
}

void
control_unload(struct master *master, struct plugin *plugin, worker_answer *done,
               void *arg)
{
	struct worker *worker = plugin->process->worker;

	if (worker && worker->channel)
		worker_ask(worker,
		           json_pack("{s:s,s:s}", "do", "unload", "plugin", plugin->name),
		           NULL, 0, RELOAD_TIMEOUT_MS, done, arg);
	else
		refuse(done, arg, "its process is not there");
}

/* ---- `dev`: a plugin that lives as long as a connection ---- */

static void
ignore_answer(json_t *answer, void *arg)
{
}

static void
unload_of(struct client *client)
{
	struct master *master = client->control->master;
	struct plugin *plugin = client->loaded ? master_plugin(master, client->loaded)
	                                       : NULL;

	if (plugin && plugin->own_conf && !master->stopping) {
		control_unload(master, plugin, ignore_answer, NULL);
		master_remove_plugin(master, plugin);
	}
	free(client->loaded);
	client->loaded = NULL;
}

struct loading {
	struct question_of *question;
	char *name;
};

static void on_answer(json_t *answer, void *arg);

static void
on_dev_loaded(json_t *answer, void *arg)
{
	struct loading *loading = arg;
	struct client *client = loading->question->client;
	struct plugin *plugin = master_plugin(client->control->master, loading->name);

	if (plugin) {
		json_object_set_new(answer, "listen", control_listen_array(plugin));
		if (json_object_get(answer, "error"))
			json_object_set_new(answer, "loaded", json_false());
	}
	on_answer(answer, loading->question);
	free(loading->name);
	free(loading);
}

static void
load_for(struct question_of *question, const json_t *conf)
{
	struct client *client = question->client;
	struct master *master = client->control->master;
	struct otel_error err = OTEL_ERROR_INIT;
	struct host_plugin *own = NULL;
	struct loading *loading;
	struct plugin *plugin = NULL;
	int r = host_plugin_from_json(conf, &own, &err);

	if (!r && client->loaded)
		r = otel_error_set(&err, -EBUSY, "this connection has loaded %s already",
		                   client->loaded);
	if (!r && !master_process(master, own->process))
		r = otel_error_set(
			&err, -EINVAL,
			"plugin %s: expected a process that runs, found \"%s\"",
			own->name, own->process);
	if (!r)
		r = master_add_plugin(master, own, &plugin, &err);
	if (r < 0) {
		host_plugin_free(own);
		refuse(on_answer, question, err.message);
		return;
	}
	plugin->own_conf = own;
	client->loaded = xstrdup(plugin->name);
	loading = xcalloc(1, sizeof *loading);
	loading->question = question;
	loading->name = xstrdup(plugin->name);
	control_load(master, plugin, on_dev_loaded, loading);
}

/* ---- clients ---- */

static void
client_unref(struct client *client)
{
	if (client->channel || client->waiting)
		return;
	unload_of(client);
	LIST_REMOVE(client, link);
	free(client);
}

static void
on_answer(json_t *answer, void *arg)
{
	struct question_of *question = arg;
	struct client *client = question->client;

	if (client->channel) {
		json_t *copy = json_copy(answer);

		json_object_del(copy, "id");
		if (question->id)
			json_object_set(copy, "id", question->id);
		(void)host_channel_send(client->channel, copy);
	}
	json_decref(question->id);
	free(question);
	client->waiting--;
	client_unref(client);
}

/* Of `reload NAME`, which takes the section that was read last. */
static void
on_reload_answer(json_t *answer, void *arg)
{
	const struct question_of *question = arg;

	if (apply_is_file_other(question->client->control->master))
		json_object_set_new(answer, "file_changed", json_true());
	on_answer(answer, arg);
}

static void
on_question(struct host_channel *channel, json_t *message, void *arg)
{
	struct client *client = arg;
	struct master *master = client->control->master;
	const char *what = json_string_value(json_object_get(message, "do"));
	const char *plugin = json_string_value(json_object_get(message, "plugin"));
	struct question_of *question = xcalloc(1, sizeof *question);
	json_t *answer;

	question->client = client;
	question->id = json_incref(json_object_get(message, "id"));
	client->waiting++;
	if (what && !strcmp(what, "status")) {
		control_status(master, on_answer, question);
	} else if (what && !strcmp(what, "flush")) {
		control_flush(master, on_answer, question);
	} else if (what && !strcmp(what, "reload") && plugin) {
		control_reload(master, plugin, on_reload_answer, question);
	} else if (what && !strcmp(what, "reload")) {
		apply_file(master, on_answer, question);
	} else if (what && !strcmp(what, "load")) {
		load_for(question, json_object_get(message, "conf"));
	} else if (what && !strcmp(what, "stop")) {
		answer = json_pack("{s:b,s:i}", "ok", 1, "pid", (int)getpid());
		on_answer(answer, question);
		json_decref(answer);
		master_stop(master, "`cupola stop`");
	} else {
		refuse(on_answer, question,
		       "expected status, reload, load, flush or stop, found another request");
	}
}

static void
on_client_closed(struct host_channel *channel, int error, void *arg)
{
	struct client *client = arg;

	client->channel = NULL;
	host_channel_free(channel);
	client_unref(client);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
          int len, void *arg)
{
	struct control *control = arg;
	struct client *client;
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t size = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
	    (peer.uid != geteuid() && peer.uid != 0)) {
		host_log(HOST_WARN, "control socket: refused user id %u",
		         (unsigned)peer.uid);
		close(fd);
		return;
	}
	client = xcalloc(1, sizeof *client);
	client->control = control;
	LIST_INSERT_HEAD(&control->clients, client, link);
	if (host_channel_new(control->master->base, fd, on_question, on_client_closed,
	                     client, &client->channel) < 0)
		client_unref(client);
}

int
control_new(struct master *master, struct control **out, struct otel_error *err)
{
	struct control *control;
	int fd = host_rundir_listen(&master->runtime, err);

	if (fd < 0)
		return fd;
	control = xcalloc(1, sizeof *control);
	control->master = master;
	evutil_make_socket_nonblocking(fd);
	control->listener = evconnlistener_new(
		master->base, on_accept, control,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!control->listener) {
		close(fd);
		free(control);
		return otel_error_set(err, -ENOMEM, "control socket: out of memory");
	}
	*out = control;
	return 0;
}

void
control_free(struct control *control)
{
	struct client *client;

	if (!control)
		return;
	evconnlistener_free(control->listener);
	while ((client = LIST_FIRST(&control->clients))) {
		host_channel_free(client->channel);
		LIST_REMOVE(client, link);
		free(client->loaded);
		free(client);
	}
	free(control);
}

/* ---- the other end ---- */

int
host_control_ask(int fd, struct json_t *message, struct json_t **answer,
                 struct otel_error *err)
{
	char *text = json_dumps(message, JSON_COMPACT), buf[65536], *line = NULL;
	size_t len = 0;
	ssize_t n;
	int r = 0;

	json_decref(message);
	if (!text)
		return otel_error_set(err, -ENOMEM, "out of memory");
	text[strlen(text)] = '\n'; /* in the place of the NUL */
	for (size_t at = 0, size = strchr(text, '\n') - text + 1; at < size;
	     at += (size_t)n) {
		n = send(fd, text + at, size - at, MSG_NOSIGNAL);
		if (n < 0) {
			free(text);
			return otel_error_set(err, -errno, "ask the host: %s",
			                      strerror(errno));
		}
	}
	free(text);
	while (!line || line[len - 1] != '\n') {
		n = recv(fd, buf, sizeof buf, 0);
		if (n <= 0) {
			r = n < 0 ? -errno : -EPIPE;
			free(line);
			return otel_error_set(err, r,
			                      "the host ended before it answered");
		}
		line = realloc(line, len + (size_t)n + 1);
		if (!line)
			return otel_error_set(err, -ENOMEM, "out of memory");
		memcpy(line + len, buf, (size_t)n);
		len += (size_t)n;
	}
	*answer = json_loadb(line, len, 0, NULL);
	free(line);
	return *answer ? 0
	               : otel_error_set(err, -EBADMSG, "the host's answer is no JSON");
}
