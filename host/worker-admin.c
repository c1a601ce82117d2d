/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The admin page: a server and a loop of its own, so that a slow collection of metrics delays nobody.
 *
 *	/healthz  200 while this process lives
 *	/readyz   200 when every plugin of every process serves; else 503 and which do not
 *	/metrics  the metrics of this process's services and of the host, for Prometheus
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop.h"
#include "telemetry.h"
#include "worker_priv.h"
#include <otel/prometheus.h>

struct admin {
	struct worker *worker;
	struct host_loop *loop;
	struct http_server *server;
};

struct pending { /* a /readyz that waits for the master's word */
	struct host_message message;
	struct host_loop *loop;
	struct http_exchange *x; /* [admin]; NULL: the client has left */
	json_t *status;
};

static const struct http_field text_plain[] = { { "Content-Type",
	                                          "text/plain; charset=utf-8" } };

static void
reply(struct http_exchange *x, int status, const char *text)
{
	http_reply(x, status, text_plain, 1, text, strlen(text));
	http_exchange_done(x);
}

/* ---- /readyz ---- */

static int
judge(const json_t *status, char *text, size_t size)
{
	const json_t *plugin;
	size_t i, len = 0;
	int code = 200;

	json_array_foreach(json_object_get(status, "plugins"), i, plugin)
	{
		const char *name = json_string_value(json_object_get(plugin, "name"));
		const char *state = json_string_value(json_object_get(plugin, "state"));
		const json_t *enabled = json_object_get(plugin, "enabled");

		if (json_is_false(enabled) || (state && strcmp(state, "disabled") == 0))
			continue;
		if (!state || strcmp(state, "serving") != 0)
			code = 503;
		if (len < size)
			len += (size_t)snprintf(text + len, size - len, "%s: %s\n",
			                        name ? name : "?",
			                        state ? state : "unknown");
	}
	return code;
}

/* On the admin's loop. */
static void
answer_ready(struct host_message *message)
{
	struct pending *pending = (struct pending *)message;
	char text[4096] = "";

	if (pending->x) {
		int code = pending->status ? judge(pending->status, text, sizeof text)
		                           : 503;

		if (!pending->status)
			snprintf(text, sizeof text, "the master does not answer\n");
		pending->x->user = NULL;
		reply(pending->x, code, text[0] ? text : "ready\n");
	}
	json_decref(pending->status);
	free(pending);
}

/* On the control thread. */
static void
on_status(void *arg, json_t *status)
{
	struct pending *pending = arg;

	pending->status = json_deep_copy(status);
	host_loop_post(pending->loop, &pending->message);
}

static void
readyz(struct admin *admin, struct http_exchange *x)
{
	struct pending *pending = calloc(1, sizeof *pending);

	if (!pending) {
		reply(x, 503, "out of memory\n");
		return;
	}
	*pending = (struct pending){ { NULL, answer_ready }, admin->loop, x, NULL };
	x->user = pending;
	worker_ask_status(admin->worker, &(struct worker_asking){ on_status, pending });
}

/* ---- /metrics ---- */

static void
print_family(FILE *page, const char *name, const char *total, const char *help)
{
	fprintf(page, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, total, help, name, total,
	        *total ? "counter" : "gauge");
}

static void
plugin_metrics(struct worker *worker, FILE *page)
{
	static const struct {
		const char *name, *help;
		bool is_counter;
	} metrics[] = {
		{ "cupola_requests", "requests admitted", true },
		{ "cupola_requests_refused", "requests answered 503 because of a bound",
		  true },
		{ "cupola_request_errors", "answers of 500 and above", true },
		{ "cupola_requests_in_flight", "requests that run now", false },
		{ "cupola_reloads", "generations that took over from another", true },
		{ "cupola_reloads_refused", "loads that failed", true },
		{ "cupola_generation", "the generation that serves; 0: none", false },
		{ "cupola_generations_parked",
		  "old generations that could not be unloaded", false },
	};

	for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
		const char *total = metrics[i].is_counter ? "_total" : "";

		print_family(page, metrics[i].name, total, metrics[i].help);
		pthread_mutex_lock(&worker->lock);
		for (struct mounted *m = worker->mounted; m; m = m->next) {
			struct mount_status st;

			mount_status(m->mount, &st);
			const uint64_t values[] = { st.requests,   st.refused,
				                    st.errors,     st.in_flight,
				                    st.reloads,    st.refused_loads,
				                    st.generation, st.parked };

			fprintf(page, "%s%s{service_name=\"%s\"} %" PRIu64 "\n",
			        metrics[i].name, total, m->mount->name, values[i]);
		}
		pthread_mutex_unlock(&worker->lock);
	}
}

static void
telemetry_metrics(struct worker *worker, FILE *page)
{
	static const char *const signals[] = { "traces", "metrics", "logs" };
	static const char *const names[] = { "cupola_telemetry_accepted",
		                             "cupola_telemetry_exported",
		                             "cupola_telemetry_dropped",
		                             "cupola_telemetry_retries" };
	static const char *const helps[] = { "items that entered a queue",
		                             "items that a receiver took",
		                             "items lost: queue full, refused, no memory",
		                             "exports tried again" };

	for (size_t i = 0; i < 4; i++) {
		print_family(page, names[i], "_total", helps[i]);
		for (int s = 0; s < OTEL_N_SIGNALS; s++) {
			struct otel_pipeline_stats st;

			telemetry_stats(worker->telemetry, s, &st);
			const uint64_t values[] = { st.accepted, st.exported,
				                    st.dropped_queue + st.dropped_memory +
				                            st.dropped_export +
				                            st.rejected,
				                    st.retries };

			fprintf(page, "%s_total{signal=\"%s\"} %" PRIu64 "\n", names[i],
			        signals[s], values[i]);
		}
	}
}

/* References, so that observables run without the lock that the voices are listed under. */
struct voices {
	struct voice **list;
	size_t n, size;
};

static void
keep_voice(struct voice *voice, void *arg)
{
	struct voices *voices = arg;

	if (!voice->meters)
		return;
	if (voices->n == voices->size) {
		size_t size = voices->size ? voices->size * 2 : 16;
		struct voice **grown = realloc(voices->list, size * sizeof *grown);

		if (!grown)
			return; /* it is missing from this page */
		voices->list = grown;
		voices->size = size;
	}
	voice->refs++; /* under the lock already */
	voices->list[voices->n++] = voice;
}

static int
append(void *page, const char *bytes, size_t len)
{
	return fwrite(bytes, 1, len, page) == len ? 0 : -ENOMEM;
}

static int
service_metrics(struct worker *worker, FILE *page)
{
	struct otel_meter_provider **providers;
	struct voices voices = { NULL, 0, 0 };
	int r = -ENOMEM;

	telemetry_each(worker->telemetry, keep_voice, &voices);
	providers = calloc(voices.n + 1, sizeof *providers);
	for (size_t i = 0; providers && i < voices.n; i++)
		providers[i] = voices.list[i]->meters;
	if (providers)
		r = otel_prometheus_write(providers, voices.n, OTEL_PROMETHEUS_JOB,
		                          append, page);
	for (size_t i = 0; i < voices.n; i++)
		voice_unref(voices.list[i]);
	free(voices.list);
	free(providers);
	return r;
}

static void
metrics(struct admin *admin, struct http_exchange *x)
{
	static const struct http_field fields[] = { { "Content-Type",
		                                      OTEL_PROMETHEUS_TEXT_TYPE } };
	char *text = NULL;
	size_t len = 0;
	FILE *page = open_memstream(&text, &len);
	int r = -ENOMEM;

	if (page) {
		plugin_metrics(admin->worker, page);
		telemetry_metrics(admin->worker, page);
		r = service_metrics(admin->worker, page);
		if (ferror(page))
			r = -ENOMEM;
		if (fclose(page))
			r = -ENOMEM;
	}
	if (r == 0)
		http_reply(x, 200, fields, 1, text, len);
	else
		http_reply(x, 503, text_plain, 1, "out of memory\n", 14);
	http_exchange_done(x);
	free(text);
}

/* ---- the server ---- */

static void
on_ready(struct http_exchange *x)
{
	struct admin *admin = http_listener_owner(x->listener);
	bool reads = strcmp(x->method, "GET") == 0 || strcmp(x->method, "HEAD") == 0;

	if (!reads)
		reply(x, 405, "expected GET\n");
	else if (strcmp(x->path, "/healthz") == 0)
		reply(x, 200, "ok\n");
	else if (strcmp(x->path, "/readyz") == 0)
		readyz(admin, x);
	else if (strcmp(x->path, "/metrics") == 0)
		metrics(admin, x);
	else
		reply(x, 404, "here are /healthz, /readyz and /metrics\n");
}

static void
on_gone(struct http_exchange *x, int why)
{
	struct pending *pending = x->user;

	if (pending)
		pending->x = NULL;
	http_exchange_done(x);
}

static const struct http_ops ops = { .on_ready = on_ready, .on_gone = on_gone };

int
admin_new(struct worker *worker, const struct worker_socket *socket, struct admin **out,
          struct otel_error *err)
{
	const struct host_loop_config config = { .name = "admin", .index = -1 };
	struct admin *admin = calloc(1, sizeof *admin);
	struct http_listen listen = { .fd = socket->fd, .label = "", .owner = admin };
	int r;

	if (!admin) {
		close(socket->fd);
		return otel_error_set(err, -ENOMEM, "admin: out of memory");
	}
	admin->worker = worker;
	r = host_loop_new(&config, &admin->loop, err);
	if (r == 0) {
		r = http_server_new(host_loop_base(admin->loop), &ops, NULL,
		                    &admin->server);
		if (r < 0)
			otel_error_set(err, r, "admin: %s", strerror(-r));
	}
	if (r < 0)
		close(socket->fd);
	else
		r = http_server_listen(admin->server, &listen, NULL, err);
	if (r == 0)
		r = host_loop_start(admin->loop, err);
	if (r < 0) {
		http_server_free(admin->server);
		host_loop_free(admin->loop);
		free(admin);
		return otel_error_prefix(err, "admin"), r;
	}
	*out = admin;
	return 0;
}

void
admin_free(struct admin *admin)
{
	if (!admin)
		return;
	host_loop_stop(admin->loop);
	host_loop_join(admin->loop);
	http_server_free(admin->server);
	host_loop_free(admin->loop);
	free(admin);
}
