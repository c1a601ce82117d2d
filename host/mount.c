/* SPDX-License-Identifier: Apache-2.0 */
#include "mount.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"
#include "generation.h"
#include "log.h"
#include "loop.h"
#include "plugin.h"
#include "service.h"
#include "telemetry.h"

#define REPORT_AFTER_MS \
	1000 /* who asked for a reload need not wait for the last slow request */
#define CANCEL_MS \
	2000 /* for handlers to unwind, once everything they wait for has failed */
#define STOP_MS       5000
#define RETRY_AFTER_S 5
#define TLS_AGAIN_NS  (UINT64_C(60) * 1000000000)

struct text {
	struct text *next;
	char text[];
};

/* ---- a load, up to the swap ---- */

static void
park(struct generation *gen, const char *because)
{
	struct mount *mount = gen->mount;

	gen->next = mount->parked;
	mount->parked = gen;
	atomic_fetch_add(&mount->n_parked, 1);
	host_log_about(HOST_WARN, mount->name, "generation %u stays in memory: %s",
	               gen->number, because);
}

/* A generation that failed before anything was routed to it. */
static void
discard(struct generation *gen, int why, bool own_copy)
{
	/* A start() that hangs keeps its thread, and that thread everything it can reach. */
	if (why == -ETIMEDOUT && gen->service) {
		park(gen, "its start() did not come back");
		return;
	}
	if (gen->service && host_service_stop(gen->service, STOP_MS) < 0) {
		park(gen, "its stop() did not come back");
		return;
	}
	if (gen->plugin && gen->plugin->keep) {
		generation_release(gen);
		park(gen, gen->plugin->keep_reason);
		return;
	}
	if (own_copy)
		unlink(gen->copy);
	generation_free(gen);
}

static int
prepare(struct mount *mount, const struct load_order *order,
        const struct host_plugin *conf, struct load_report *report,
        struct generation **out, struct otel_error *err)
{
	struct generation *gen = generation_new(mount, order);
	uint64_t then;
	int r = 0;

	if (!gen)
		return otel_error_set(err, -ENOMEM, "%s: out of memory", conf->path);
	if (!order->copy)
		r = generation_try(gen, order, conf, report, err);
	then = host_now_ns();
	if (r == 0)
		r = generation_start(gen, conf, err);
	/* Sockets are dealt out once and for all, by what the first load that works wants. */
	if (r == 0 && !mount->has_flags && !atomic_load(&mount->is_listening))
		atomic_store(&mount->is_on_all_loops,
		             (gen->plugin->table->flags & SVC_CONCURRENT) != 0);
	if (r == 0)
		r = generation_attach(gen, err);
	report->start_ms = host_ms_since(&then);
	report->generation = gen->number;
	if (gen->number > mount->last_number)
		mount->last_number = gen->number;
	if (r < 0) {
		discard(gen, r, !order->copy);
		return r;
	}
	*out = gen;
	return 0;
}

/* ---- the swap, and what becomes of the old one ---- */

static void
forget_copy(struct mount *mount, unsigned number)
{
	char path[4096];

	for (struct generation *gen = mount->parked; gen; gen = gen->next)
		if (gen->number == number)
			return;
	snprintf(path, sizeof path, "%s/%s.%u.so", mount->site->copies_dir, mount->name,
	         number);
	unlink(path);
}

OTEL_PRINTF(2, 3)
static void
set_why(struct mount *mount, const char *fmt, ...)
{
	struct text *text = malloc(sizeof *text + 512);
	va_list ap;

	if (!text)
		return;
	va_start(ap, fmt);
	vsnprintf(text->text, 512, fmt, ap);
	va_end(ap);
	text->next = mount->texts;
	mount->texts = text;
	atomic_store(&mount->why, text->text);
}

/* Publishes `gen` (NULL: nothing) and returns what served until now. */
static struct generation *
swap(struct mount *mount, struct generation *gen, struct host_plugin *conf)
{
	struct generation *old;

	pthread_mutex_lock(&mount->peek);
	old = atomic_exchange(&mount->current, gen);
	if (conf && conf != mount->conf) {
		host_plugin_free(mount->conf);
		mount->conf = conf;
	}
	if (gen && gen->voice) {
		struct voice *last = mount->voice;

		mount->voice = voice_ref(gen->voice);
		voice_unref(last);
	}
	pthread_mutex_unlock(&mount->peek);
	return old;
}

/* Until no loop can hold the pointer that was swapped out. */
static int
wait_for_loops(const struct site *site, uint64_t until_ns)
{
	int r;

	do
		r = host_loop_barrier(site->loops, site->n_loops, 500);
	while (r == -ETIMEDOUT && host_now_ns() < until_ns);
	return r;
}

struct farewell {
	struct load_report *values;
	mount_report *report; /* NULL: nobody asked, or it has been told */
	void *arg;
	uint64_t since;
};

static void
tell(struct farewell *farewell)
{
	farewell->values->drain_ms = (double)(host_now_ns() - farewell->since) / 1e6;
	if (farewell->report)
		farewell->report(farewell->arg, farewell->values);
	farewell->report = NULL;
}

static int
drain(struct generation *gen, int drain_ms, struct farewell *farewell)
{
	int first = drain_ms < REPORT_AFTER_MS ? drain_ms : REPORT_AFTER_MS;
	int r = host_service_drain_wait(gen->service, first);

	if (r == -ETIMEDOUT) {
		farewell->values->is_draining = true;
		tell(farewell);
		if (drain_ms > first)
			r = host_service_drain_wait(gen->service, drain_ms - first);
	}
	if (r == -ETIMEDOUT) {
		host_service_cancel(gen->service, HOST_CANCEL_ALL);
		r = host_service_drain_wait(gen->service, CANCEL_MS);
	}
	return r;
}

static void
retire(struct generation *gen, int drain_ms, struct farewell *farewell)
{
	struct mount *mount = gen->mount;
	struct host_service_stats stats;
	const char *stays = NULL;

	if (wait_for_loops(mount->site, host_now_ns() + (uint64_t)drain_ms * 1000000u) <
	    0)
		stays = "a loop is stalled and may hold on to it";
	else if (drain(gen, drain_ms, farewell) < 0)
		stays = "its requests did not end";
	if (!stays) {
		otel_meter_quiet(gen->meter);
		if (host_service_stop(gen->service, STOP_MS) < 0)
			stays = "its stop() did not come back";
	}
	host_service_stats(gen->service, &stats);
	atomic_fetch_add(&mount->errors, stats.errors);
	if (!stays)
		generation_release(gen);
	if (!stays && gen->plugin->keep)
		stays = gen->plugin->keep_reason;
	farewell->values->is_parked = stays != NULL;
	if (stays)
		park(gen, stays);
	else
		generation_free(gen);
}

/* ---- telling ---- */

static void
tell_refused(struct mount *mount, const char *message)
{
	const struct voice_event event = { .severity = OTEL_ERROR, .event = "refused" };
	struct voice *voice = mount_some_voice(mount);

	host_log_about(HOST_ERROR, mount->name, "%s%s", message,
	               atomic_load(&mount->current) ? "; what was running goes on" : "");
	voice_tell(voice, &event, "%s", message);
	voice_unref(voice);
}

void
mount_tell_tls(struct mount *mount)
{
	static const char text[] =
		"a client spoke TLS to a listener of plain HTTP: it has https:// where http:// is meant";
	const struct voice_event event = { .severity = OTEL_WARN, .event = "tls" };
	uint64_t now = host_now_ns(), told = atomic_load(&mount->tls_told_ns);
	struct voice *voice;

	if ((told && now - told < TLS_AGAIN_NS) ||
	    !atomic_compare_exchange_strong(&mount->tls_told_ns, &told, now))
		return;
	voice = mount_some_voice(mount);
	host_log_about(HOST_WARN, mount->name, "%s", text);
	voice_tell(voice, &event, "%s", text);
	voice_unref(voice);
}

/* ", version 1.0.0", or nothing. */
static const char *
version_words(const char *version, char *buf, size_t size)
{
	snprintf(buf, size, "%s%.60s", version[0] ? ", version " : "", version);
	return buf;
}

static void
tell_loaded(struct mount *mount, const struct load_order *order,
            const struct generation *gen, const struct generation *old,
            const struct load_report *report)
{
	const struct voice_event event = {
		.severity = OTEL_INFO,
		.event = old ? "reloaded" : "loaded",
		.generation = gen->number,
		.previous_generation = old ? old->number : 0,
		.version = plugin_version(gen->plugin->table),
		.previous_version = old ? plugin_version(old->plugin->table) : NULL,
		.reason = order->only_telemetry ? "telemetry"
		          : order->same_code    ? "settings"
		                                : "code",
	};
	char version[80], old_version[80];

	version_words(event.version, version, sizeof version);
	host_log_about(HOST_INFO, mount->name,
	               "generation %u%s serves; copied %.1f, tried %.1f, started %.1f, "
	               "swapped %.3f ms",
	               gen->number, version, report->copy_ms, report->try_ms,
	               report->start_ms, report->swap_ms);
	if (old)
		voice_tell(gen->voice, &event,
		           "reloaded: generation %u%s, follows generation %u%s",
		           gen->number, version, old->number,
		           version_words(event.previous_version, old_version,
		                         sizeof old_version));
	else
		voice_tell(gen->voice, &event, "loaded: generation %u%s", gen->number,
		           version);
	if (mount->site->loaded)
		mount->site->loaded(mount->site->arg, mount->name, report, gen->copy,
		                    gen->plugin->source);
}

/* ---- mounts ---- */

int
mount_new(const struct site *site, struct host_plugin *conf, const char *instance_id,
          struct host_loop *home, struct mount **out)
{
	struct mount *mount = calloc(1, sizeof *mount);

	if (mount) {
		mount->site = site;
		mount->home = home;
		mount->name = strdup(conf->name);
		mount->instance_id = strdup(instance_id ? instance_id : "");
		host_admission_init(&mount->admission, (unsigned)conf->max_requests);
		atomic_store(&mount->max_body, (size_t)conf->max_body);
		pthread_mutex_init(&mount->lock, NULL);
		pthread_mutex_init(&mount->peek, NULL);
		atomic_store(&mount->why, "this service is being started\n");
	}
	if (!mount || !mount->name || !mount->instance_id) {
		mount_free(mount);
		host_plugin_free(conf);
		return -ENOMEM;
	}
	mount->conf = conf;
	*out = mount;
	return 0;
}

void
mount_free(struct mount *mount)
{
	struct text *text;

	if (!mount)
		return;
	while ((text = mount->texts)) {
		mount->texts = text->next;
		free(text);
	}
	host_plugin_free(mount->conf);
	voice_unref(mount->voice);
	pthread_mutex_destroy(&mount->lock);
	pthread_mutex_destroy(&mount->peek);
	free(mount->name);
	free(mount->instance_id);
	free(mount);
}

static void
use_conf(struct mount *mount, const struct host_plugin *conf)
{
	atomic_store(&mount->admission.max, (unsigned)conf->max_requests);
	atomic_store(&mount->max_body, (size_t)conf->max_body);
}

/*
 * Nothing is loaded: the section is another, and the host speaks of the service by another voice. What serves
 * keeps the handles that it has. Locked.
 */
static int
keep(struct mount *mount, const struct load_order *order, struct load_report *report,
     struct farewell *farewell)
{
	struct generation *gen = atomic_load(&mount->current);
	struct voice_event event = { .severity = OTEL_INFO,
		                     .event = "configured",
		                     .reason = "telemetry" };
	struct voice *last;

	pthread_mutex_lock(&mount->peek);
	last = mount->voice;
	mount->voice = NULL;
	if (order->conf) {
		host_plugin_free(mount->conf);
		mount->conf = order->conf;
	}
	if (gen) {
		event.generation = report->generation = gen->number;
		event.version = plugin_version(gen->plugin->table);
	}
	if (gen && mount->site->telemetry &&
	    telemetry_voice(mount->site->telemetry, mount->name, event.version,
	                    mount->instance_id, &mount->conf->telemetry, &mount->voice,
	                    NULL) < 0)
		mount->voice = voice_ref(last);
	pthread_mutex_unlock(&mount->peek);
	voice_unref(last);
	use_conf(mount, mount->conf);
	voice_tell(mount->voice, &event,
	           "generation %u goes on, under the Resource that it has now",
	           event.generation);
	report->is_kept = true;
	tell(farewell);
	return 0;
}

/* A generation that has been replaced by the same code is none to go back to. */
static void
forget_replaced(struct mount *mount, unsigned number, bool same_code)
{
	if (same_code) {
		forget_copy(mount, number);
		return;
	}
	if (atomic_load(&mount->previous) != number)
		forget_copy(mount, atomic_load(&mount->previous));
	atomic_store(&mount->previous, number);
}

static int
refuse(struct mount *mount, const struct load_order *order, int why,
       const struct otel_error *err)
{
	if (!atomic_load(&mount->current)) {
		set_why(mount, "this service could not be loaded: %s\n", err->message);
		atomic_store(&mount->state, MOUNT_FAILED);
	}
	atomic_fetch_add(&mount->refused_loads, 1);
	tell_refused(mount, err->message);
	if (order->conf)
		host_plugin_free(order->conf);
	return why;
}

/* Locked. */
static int
load(struct mount *mount, struct load_order order, mount_report *report_fn, void *arg,
     struct otel_error *err)
{
	struct host_plugin *conf = order.conf ? order.conf : mount->conf;
	struct load_report report = { 0 };
	struct farewell farewell = { &report, report_fn, arg, host_now_ns() };
	struct generation *gen = NULL, *old = atomic_load(&mount->current);
	uint64_t then;
	int r;

	if (order.only_telemetry &&
	    (!old || (old->plugin->table->flags & SVC_STATEFUL) != 0))
		return keep(mount, &order, &report, &farewell);
	order.same_code = order.same_code && old;
	report.is_same_code = order.same_code;
	r = prepare(mount, &order, conf, &report, &gen, err);
	if (r < 0)
		return refuse(mount, &order, r, err);
	mount->flags = gen->plugin->table->flags;
	mount->has_flags = true;
	then = host_now_ns();
	old = swap(mount, gen, conf);
	report.swap_ms = host_ms_since(&then);
	use_conf(mount, conf);
	atomic_store(&mount->state, MOUNT_SERVING);
	tell_loaded(mount, &order, gen, old, &report);
	farewell.since = host_now_ns();
	if (old) {
		unsigned number = old->number;

		atomic_fetch_add(&mount->reloads, 1);
		retire(old, mount->site->drain_ms, &farewell);
		forget_replaced(mount, number, order.same_code);
	}
	tell(&farewell);
	return 0;
}

int
mount_load(struct mount *mount, const struct load_order *order, mount_report *report,
           void *arg, struct otel_error *err)
{
	struct otel_error own = OTEL_ERROR_INIT;
	int r;

	pthread_mutex_lock(&mount->lock);
	r = load(mount, *order, report, arg, err ? err : &own);
	pthread_mutex_unlock(&mount->lock);
	return r;
}

void
mount_fail(struct mount *mount, const char *why)
{
	pthread_mutex_lock(&mount->lock);
	set_why(mount, "%s\n", why);
	atomic_store(&mount->state, MOUNT_FAILED);
	pthread_mutex_unlock(&mount->lock);
}

int
mount_stop(struct mount *mount, int grace_ms)
{
	struct load_report report = { 0 };
	struct farewell farewell = { &report, NULL, NULL, 0 };
	struct generation *old;
	struct timespec until;

	/* A load that is under way may take long; at the end of a process nobody waits for it. */
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 1 + grace_ms / 1000;
	if (pthread_mutex_timedlock(&mount->lock, &until) != 0)
		return -ETIMEDOUT;
	set_why(mount, "this service has been stopped\n");
	old = swap(mount, NULL, NULL);
	atomic_store(&mount->state, MOUNT_STOPPED);
	if (old)
		retire(old, grace_ms, &farewell);
	pthread_mutex_unlock(&mount->lock);
	return 0;
}

void
mount_cancel(struct mount *mount, bool all)
{
	struct generation *gen;

	pthread_mutex_lock(&mount->peek);
	gen = atomic_load(&mount->current);
	if (gen)
		host_service_cancel(gen->service,
		                    all ? HOST_CANCEL_ALL : HOST_CANCEL_STREAMS);
	pthread_mutex_unlock(&mount->peek);
}

enum http_body
mount_head(struct mount *mount, struct host_loop *loop, struct http_exchange *x)
{
	struct generation *gen = atomic_load_explicit(&mount->current,
	                                              memory_order_acquire);

	/* Not the listener's: a reload may have changed it. */
	x->max_body = atomic_load_explicit(&mount->max_body, memory_order_relaxed);
	if (gen)
		return host_service_head(gen->service, loop, x);
	http_reply_busy(x, RETRY_AFTER_S, atomic_load(&mount->why));
	http_exchange_done(x);
	return HTTP_BUFFER;
}

/* ---- status ---- */

void
mount_status(struct mount *mount, struct mount_status *out)
{
	struct generation *gen;

	memset(out, 0, sizeof *out);
	out->state = (enum mount_state)atomic_load(&mount->state);
	out->parked = atomic_load(&mount->n_parked);
	out->reloads = atomic_load(&mount->reloads);
	out->refused_loads = atomic_load(&mount->refused_loads);
	out->requests = atomic_load(&mount->admission.admitted);
	out->refused = atomic_load(&mount->admission.refused);
	out->in_flight = atomic_load(&mount->admission.in_flight);
	out->errors = atomic_load(&mount->errors);
	pthread_mutex_lock(&mount->peek);
	gen = atomic_load(&mount->current);
	out->previous = atomic_load(&mount->previous);
	if (gen) {
		struct host_service_stats stats;

		host_service_stats(gen->service, &stats);
		out->errors += stats.errors;
		out->streams = stats.streams;
		out->generation = gen->number;
		snprintf(out->version, sizeof out->version, "%s",
		         plugin_version(gen->plugin->table));
		snprintf(out->copy, sizeof out->copy, "%s", gen->copy);
	} else {
		snprintf(out->why, sizeof out->why, "%s", atomic_load(&mount->why));
		out->why[strcspn(out->why, "\n")] = '\0';
	}
	pthread_mutex_unlock(&mount->peek);
}

json_t *
mount_status_json(struct mount *mount)
{
	static const char *const states[] = { "starting", "serving", "failed",
		                              "stopped" };
	struct mount_status st;
	json_t *json;

	mount_status(mount, &st);
	json = json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I}",
	                 "name", mount->name, "state", states[st.state], "generation",
	                 (int)st.generation, "previous", (int)st.previous, "parked",
	                 (int)st.parked, "in_flight", (int)st.in_flight, "streams",
	                 (int)st.streams, "requests", (json_int_t)st.requests, "refused",
	                 (json_int_t)st.refused, "errors", (json_int_t)st.errors,
	                 "reloads", (json_int_t)st.reloads, "refused_loads",
	                 (json_int_t)st.refused_loads);
	if (json && st.generation) {
		json_object_set_new(json, "version",
		                    st.version[0] ? json_string(st.version)
		                                  : json_null());
		json_object_set_new(json, "copy", json_string(st.copy));
	} else if (json) {
		json_object_set_new(json, "why", json_string(st.why));
	}
	return json;
}

struct voice *
mount_voice(struct mount *mount)
{
	struct voice *voice;

	pthread_mutex_lock(&mount->peek);
	voice = voice_ref(mount->voice);
	pthread_mutex_unlock(&mount->peek);
	return voice;
}

struct voice *
mount_some_voice(struct mount *mount)
{
	struct voice *voice = mount_voice(mount);

	if (voice || !mount->site->telemetry)
		return voice;
	pthread_mutex_lock(&mount->peek);
	if (telemetry_voice(mount->site->telemetry, mount->name, "", mount->instance_id,
	                    &mount->conf->telemetry, &voice, NULL) < 0)
		voice = NULL;
	pthread_mutex_unlock(&mount->peek);
	return voice;
}
