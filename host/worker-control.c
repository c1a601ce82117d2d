/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the master asks, and how it is answered. Messages are read and written on the control thread; what
 * takes time is done by a job, whose answer comes back to this thread to be sent.
 */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "channel.h"
#include "conf.h"
#include "http-server.h"
#include "log.h"
#include "loop.h"
#include "telemetry.h"
#include "worker_priv.h"

#define WORKER_FLUSH_MS 2000 /* for one receiver that does not answer */
#define ASKING_LIMIT 64 /* questions to the master that may wait at once */

/* ---- sending ---- */

struct letter {
	struct worker *worker;
	json_t *json;
};

static void
send_now(void *arg)
{
	struct letter *letter = arg;

	if (letter->worker->channel)
		host_channel_send(letter->worker->channel, letter->json);
	else
		json_decref(letter->json);
	free(letter);
}

void
worker_send(struct worker *worker, json_t *json)
{
	struct letter *letter = json ? malloc(sizeof *letter) : NULL;

	if (letter) {
		*letter = (struct letter){ worker, json };
		if (host_loop_call(worker->control, send_now, letter) == 0)
			return;
	}
	free(letter);
	json_decref(json);
	host_log(HOST_WARN, "out of memory: the master is not told something");
}

static void
answer_error(struct worker *worker, json_int_t id, const char *error)
{
	worker_send(worker, json_pack("{s:I, s:s}", "id", id, "error", error));
}

/* ---- reload, load, unload: jobs ---- */

struct request {
	struct worker *worker;
	json_int_t id;
	char *plugin;
	struct host_plugin *conf; /* NULL: as before */
	struct worker_socket *sockets;
	size_t n_sockets;
	char *instance_id;
	bool same_code, only_telemetry;
};

static void
request_free(struct request *request)
{
	if (!request)
		return;
	free(request->plugin);
	free(request->instance_id);
	host_plugin_free(request->conf);
	worker_sockets_free(request->sockets, request->n_sockets);
	free(request);
}

static void
on_report(void *arg, const struct load_report *report)
{
	const struct request *request = arg;

	worker_send(request->worker,
	            json_pack("{s:I, s:b, s:i, s:f, s:f, s:f, s:f, s:f, s:b, s:b, s:b}",
	                      "id", request->id, "ok", 1, "generation",
	                      (int)report->generation, "copy_ms", report->copy_ms,
	                      "try_ms", report->try_ms, "start_ms", report->start_ms,
	                      "swap_ms", report->swap_ms, "drain_ms", report->drain_ms,
	                      "draining", (int)report->is_draining, "parked",
	                      (int)report->is_parked, "kept", (int)report->is_kept));
}

static void
load(struct request *request, struct mount *mount)
{
	struct load_order order = { .conf = request->conf,
		                    .same_code = request->same_code,
		                    .only_telemetry = request->only_telemetry };
	struct otel_error err = OTEL_ERROR_INIT;

	request->conf = NULL; /* taken */
	if (mount_load(mount, &order, on_report, request, &err) < 0)
		answer_error(request->worker, request->id, err.message);
}

static void
do_reload(struct worker *worker, void *arg)
{
	struct request *request = arg;
	struct mounted *mounted = worker_find(worker, request->plugin);

	if (mounted)
		load(request, mounted->mount);
	else
		answer_error(worker, request->id, "no such plugin in this process");
	request_free(request);
}

static void
do_load(struct worker *worker, void *arg)
{
	struct request *request = arg;
	struct mounted *mounted = worker_find(worker, request->plugin);
	struct host_plugin *conf = NULL;
	json_t *json;
	int r = 0;

	if (!mounted) {
		json = host_plugin_to_json(request->conf);
		r = json ? host_plugin_from_json(json, &conf, NULL) : -ENOMEM;
		json_decref(json);
		if (r == 0)
			r = worker_mount(worker, conf, request->instance_id, &mounted);
	}
	if (r < 0) {
		answer_error(worker, request->id, strerror(-r));
	} else {
		load(request, mounted->mount);
		worker_listen(worker, mounted, request->sockets, request->n_sockets);
		for (size_t i = 0; i < request->n_sockets; i++)
			request->sockets[i].fd = -1;
	}
	request_free(request);
}

static int
unload(struct worker *worker, struct mounted *mounted)
{
	struct voice *voice = mount_voice(mounted->mount);
	int r;

	worker_unlisten(mounted);
	r = mount_stop(mounted->mount, worker->site.drain_ms);
	if (r == 0) {
		voice_tell(voice,
		           &(struct voice_event){ .severity = OTEL_INFO,
		                                  .event = "unloaded" },
		           "unloaded");
		host_log_about(HOST_INFO, mounted->mount->name, "unloaded");
	}
	voice_unref(voice);
	return r;
}

static void
do_unload(struct worker *worker, void *arg)
{
	struct request *request = arg;
	struct mounted *mounted = worker_find(worker, request->plugin);

	if (!mounted) {
		answer_error(worker, request->id, "no such plugin in this process");
	} else if (unload(worker, mounted) < 0) {
		answer_error(worker, request->id,
		             "a load of it is under way and does not end");
	} else {
		worker_send(worker, json_pack("{s:I, s:b}", "id", request->id, "ok", 1));
	}
	request_free(request);
}

/* Descriptors arrive in the order of "sockets", whose "fd" are indices into them. */
static int
take_sockets(struct worker *worker, struct request *request, const json_t *array)
{
	int fds[256];
	size_t n = 0;
	int r = worker_sockets_from_json(array, &request->sockets, &request->n_sockets);

	for (; n < request->n_sockets && n < 256; n++)
		if ((fds[n] = host_channel_take_fd(worker->channel)) < 0)
			break;
	for (size_t i = 0; i < request->n_sockets; i++) {
		size_t index = (size_t)request->sockets[i].fd;

		request->sockets[i].fd = index < n ? fds[index] : -1;
		if (index >= n)
			r = -EBADMSG;
	}
	return r;
}

static void
start_request(struct worker *worker, const json_t *message, json_int_t id,
              void (*fn)(struct worker *worker, void *arg))
{
	struct request *request = calloc(1, sizeof *request);
	const json_t *conf = json_object_get(message, "conf");
	const json_t *sockets = json_object_get(message, "sockets");
	const char *plugin = json_string_value(json_object_get(message, "plugin"));
	const char *instance = json_string_value(json_object_get(message, "instance_id"));
	struct otel_error err = OTEL_ERROR_INIT;
	int r = 0;

	if (!request) {
		answer_error(worker, id, "out of memory");
		return;
	}
	request->worker = worker;
	request->id = id;
	request->same_code = json_is_true(json_object_get(message, "same_code"));
	request->only_telemetry = json_is_true(
		json_object_get(message, "only_telemetry"));
	if (json_is_object(conf))
		r = host_plugin_from_json(conf, &request->conf, &err);
	if (r == 0 && sockets)
		r = take_sockets(worker, request, sockets);
	if (!plugin && request->conf)
		plugin = request->conf->name;
	request->plugin = strdup(plugin ? plugin : "");
	request->instance_id = instance ? strdup(instance) : NULL;
	if (r == 0 && !request->plugin)
		r = -ENOMEM;
	if (r == 0 && (r = worker_job(worker, fn, request)) == 0)
		return;
	answer_error(worker, id, err.message[0] ? err.message : strerror(-r));
	request_free(request);
}

/* ---- another configuration ---- */

/* Here and not by a job: what is asked for next holds by it. */
static int
configure(struct worker *worker, const json_t *json, struct otel_error *err)
{
	struct host_conf *conf = NULL, **confs;
	int r = host_conf_from_json(json, &conf, err);

	if (r < 0)
		return r;
	confs = reallocarray(worker->confs, worker->n_confs + 1,
	                     sizeof(struct host_conf *));
	if (confs)
		worker->confs = confs;
	otel_meter_close(worker->meter); /* of the host's voice, which becomes another */
	r = confs ? telemetry_configure(worker->telemetry, conf, err)
	          : otel_error_set(err, -ENOMEM, "out of memory");
	worker->meter = worker_metrics_start(worker);
	if (r < 0) {
		host_conf_free(conf);
		return r;
	}
	worker->confs[worker->n_confs++] = conf;
	atomic_store(&worker->conf, conf);
	atomic_store(&worker->site.start_ms, (int)conf->start_timeout_ms);
	atomic_store(&worker->site.drain_ms, (int)conf->grace_ms);
	host_log_change(conf->log_level, conf->log_format);
	return 0;
}

static void
do_configure(struct worker *worker, const json_t *message, json_int_t id)
{
	struct otel_error err = OTEL_ERROR_INIT;

	if (configure(worker, json_object_get(message, "conf"), &err) < 0)
		answer_error(worker, id, err.message);
	else
		worker_send(worker, json_pack("{s:I, s:b}", "id", id, "ok", 1));
}

/* ---- status ---- */

struct question {
	json_int_t id;
};

json_t *
worker_status(struct worker *worker)
{
	json_t *plugins = json_array(), *status;

	pthread_mutex_lock(&worker->lock);
	for (struct mounted *m = worker->mounted; m; m = m->next)
		json_array_append_new(plugins, mount_status_json(m->mount));
	pthread_mutex_unlock(&worker->lock);
	status = json_pack("{s:s, s:b, s:i, s:I, s:o}", "process", worker->boot->process,
	                   "ready", atomic_load(&worker->is_ready) ? 1 : 0, "loops",
	                   (int)worker->n_loops, "uptime_ms",
	                   (json_int_t)((host_now_ns() - worker->started_ns) / 1000000u),
	                   "plugins", plugins);
	return status;
}

static void
do_status(struct worker *worker, void *arg)
{
	struct question *question = arg;
	json_t *status = worker_status(worker);

	if (status) {
		json_object_set_new(status, "id", json_integer(question->id));
		json_object_set_new(status, "ok", json_true());
	}
	worker_send(worker, status);
	free(question);
}

static void
start_question(struct worker *worker, json_int_t id,
               void (*fn)(struct worker *worker, void *arg))
{
	struct question *question = malloc(sizeof *question);

	if (question)
		question->id = id;
	if (!question || worker_job(worker, fn, question) < 0) {
		free(question);
		answer_error(worker, id, "out of memory");
	}
}

/* ---- flush ---- */

static void
do_flush(struct worker *worker, void *arg)
{
	struct question *question = arg;

	telemetry_flush(worker->telemetry, WORKER_FLUSH_MS);
	worker_send(worker, json_pack("{s:I, s:b}", "id", question->id, "ok", 1));
	free(question);
}

/* ---- asking the master ---- */

struct asking {
	struct worker *worker;
	struct worker_asking what;
};

static void
ask_now(void *arg)
{
	struct asking *asking = arg;
	struct worker_asking *asked = asking->worker->asked;
	int i = 0;

	while (i < ASKING_LIMIT && asked[i].answer)
		i++;
	if (i == ASKING_LIMIT || !asking->worker->channel) {
		asking->what.answer(asking->what.arg, NULL);
	} else {
		asked[i] = asking->what;
		host_channel_send(asking->worker->channel,
		                  json_pack("{s:i, s:s}", "id", i + 1, "do", "status"));
	}
	free(asking);
}

void
worker_ask_status(struct worker *worker, const struct worker_asking *what)
{
	struct asking *asking = malloc(sizeof *asking);

	if (asking) {
		*asking = (struct asking){ worker, *what };
		if (host_loop_call(worker->control, ask_now, asking) == 0)
			return;
	}
	free(asking);
	what->answer(what->arg, NULL);
}

static void
on_answer(struct worker *worker, json_int_t id, json_t *message)
{
	struct worker_asking what;

	if (id < 1 || id > ASKING_LIMIT || !worker->asked[id - 1].answer)
		return;
	what = worker->asked[id - 1];
	worker->asked[id - 1].answer = NULL;
	what.answer(what.arg, json_object_get(message, "status"));
}

/* ---- receiving ---- */

static void
on_crash_told(struct worker *worker, const json_t *message)
{
	const char *plugin = json_string_value(json_object_get(message, "plugin"));
	const json_t *crash = json_object_get(message, "crash");
	struct mounted *mounted = plugin ? worker_find(worker, plugin) : NULL;
	struct voice *voice;

	if (!mounted || !crash)
		return;
	voice = mount_some_voice(mounted->mount);
	voice_tell_crash(voice, crash);
	voice_unref(voice);
}

static void
on_message(struct host_channel *channel, json_t *message, void *arg)
{
	struct worker *worker = arg;
	const char *what = json_string_value(json_object_get(message, "do"));
	json_int_t id = json_integer_value(json_object_get(message, "id"));
	json_int_t grace_ms = atomic_load(&worker->conf)->grace_ms;

	if (!what) {
		on_answer(worker, id, message);
	} else if (strcmp(what, "stop") == 0) {
		json_unpack(message, "{s:I}", "grace_ms", &grace_ms);
		worker_finish(worker, (int)grace_ms,
		              json_is_true(json_object_get(message, "receiver")));
	} else if (strcmp(what, "crash") == 0) {
		on_crash_told(worker, message);
	} else if (strcmp(what, "status") == 0) {
		start_question(worker, id, do_status);
	} else if (atomic_load(&worker->is_stopping)) {
		answer_error(worker, id, "this process is stopping");
	} else if (strcmp(what, "flush") == 0) {
		start_question(worker, id, do_flush);
	} else if (strcmp(what, "configure") == 0) {
		do_configure(worker, message, id);
	} else if (strcmp(what, "reload") == 0) {
		start_request(worker, message, id, do_reload);
	} else if (strcmp(what, "load") == 0) {
		start_request(worker, message, id, do_load);
	} else if (strcmp(what, "unload") == 0) {
		start_request(worker, message, id, do_unload);
	} else {
		answer_error(worker, id, "unknown request");
	}
}

static void
on_closed(struct host_channel *channel, int error, void *arg)
{
	host_log(HOST_ERROR, "the master has gone; ending at once");
	worker_abandon(EXIT_FAILURE);
}

static void
on_life(evutil_socket_t fd, short what, void *arg)
{
	char byte;

	/* Nothing is ever written to it: readable means that the other end is closed. */
	if (read(fd, &byte, 1) == 0)
		on_closed(NULL, 0, arg);
}

static void
on_term(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;

	if (!atomic_load(&worker->is_stopping))
		worker_finish(worker, (int)atomic_load(&worker->conf)->grace_ms, false);
}

int
worker_control_start(struct worker *worker, struct otel_error *err)
{
	struct event_base *base = host_loop_base(worker->control);

	if (host_channel_new(base, worker->boot->control_fd, on_message, on_closed,
	                     worker, &worker->channel) < 0)
		return otel_error_set(err, -ENOMEM, "control channel: out of memory");
	worker->asked = calloc(ASKING_LIMIT, sizeof *worker->asked);
	worker->life_event = event_new(base, worker->boot->life_fd, EV_READ | EV_PERSIST,
	                               on_life, worker);
	worker->term_event = evsignal_new(base, SIGTERM, on_term, worker);
	if (!worker->asked || !worker->life_event || !worker->term_event ||
	    event_add(worker->life_event, NULL) < 0 ||
	    event_add(worker->term_event, NULL) < 0)
		return otel_error_set(err, -ENOMEM, "control channel: no events");
	return 0;
}

void
worker_control_end(struct worker *worker)
{
	if (worker->life_event)
		event_free(worker->life_event);
	if (worker->term_event)
		event_free(worker->term_event);
	host_channel_free(worker->channel);
	worker->channel = NULL;
	free(worker->asked);
	worker->asked = NULL;
}
