/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "conf.h"
#include "log.h"
#include "telemetry_priv.h"
#include <otel/propagation.h>

#define END_MS 5000 /* of a pipeline that nobody uses any more */

/* ---- configuration ---- */

static void
set_processor(const char *value, struct otel_signal_config *signal)
{
	if (value)
		signal->processor = strcmp(value, "simple") == 0 ? OTEL_PROCESSOR_SIMPLE
		                                                 : OTEL_PROCESSOR_BATCH;
}

void
telemetry_config(const struct host_telemetry *config, struct otel_config *out)
{
	otel_config_init(out);
	for (int i = 0; i < HOST_N_T; i++) {
		const char *variable = host_telemetry_variable(i);
		struct otel_error err = OTEL_ERROR_INIT;

		if (variable && config->value[i] &&
		    otel_config_set(out, variable, config->value[i], &err) < 0)
			host_log(HOST_WARN, "telemetry: %s; the default is used",
			         err.message);
	}
	set_processor(config->value[HOST_T_TRACES_PROCESSOR],
	              &out->signal[OTEL_SIGNAL_TRACES]);
	set_processor(config->value[HOST_T_LOGS_PROCESSOR],
	              &out->signal[OTEL_SIGNAL_LOGS]);
	otel_config_from_env(out);
}

/*
 * What the host tells of services goes where [telemetry] says, each record at once: who has asked for a
 * reload is waiting to see it.
 */
static void
life_config(const struct host_telemetry *config, struct otel_config *out)
{
	telemetry_config(config, out);
	out->signal[OTEL_SIGNAL_TRACES].exporter = OTEL_EXPORTER_NONE;
	out->signal[OTEL_SIGNAL_METRICS].exporter = OTEL_EXPORTER_NONE;
	out->signal[OTEL_SIGNAL_LOGS].processor = OTEL_PROCESSOR_SIMPLE;
}

/* ---- pipelines ---- */

/* Configurations are made from zeroed memory by the same code, so equal ones have equal bytes. */
int
telemetry_outlet(struct telemetry *telemetry, const struct otel_config *config,
                 struct outlet **out, struct otel_error *err)
{
	struct outlet *outlet;
	int r;

	for (outlet = telemetry->outlets; outlet; outlet = outlet->next)
		if (!outlet->is_ended &&
		    memcmp(&outlet->config, config, sizeof *config) == 0) {
			outlet->users++;
			*out = outlet;
			return 0;
		}
	outlet = calloc(1, sizeof *outlet);
	if (!outlet)
		return otel_error_set(err, -ENOMEM, "telemetry: out of memory");
	outlet->config = *config;
	outlet->users = 1;
	r = otel_pipeline_new(&outlet->config, &outlet->pipeline, err);
	if (r < 0) {
		free(outlet);
		return r;
	}
	outlet->next = atomic_load(&telemetry->outlets);
	atomic_store(&telemetry->outlets, outlet);
	*out = outlet;
	return 0;
}

static void *
end_outlet(void *arg)
{
	struct outlet *outlet = arg;

	otel_pipeline_shutdown(outlet->pipeline, END_MS);
	return NULL;
}

/* With its last user a pipeline sends what it has and ends, on a thread: a receiver may hang. */
void
telemetry_outlet_leave(struct telemetry *telemetry, struct outlet *outlet)
{
	if (!outlet || --outlet->users > 0 || telemetry->is_shut_down)
		return;
	outlet->is_ended = pthread_create(&outlet->ender, NULL, end_outlet, outlet) == 0;
}

/* ---- resources ---- */

/* Merges `over`, which is taken, over *base. */
static int
merge_over(struct otel_resource **base, struct otel_resource *over)
{
	struct otel_resource *merged;
	int r = otel_resource_merge(*base, over, &merged);

	otel_resource_unref(over);
	if (r < 0)
		return r;
	otel_resource_unref(*base);
	*base = merged;
	return 0;
}

static int
merge_detector(struct otel_resource **base, const char *detector, struct otel_error *err)
{
	struct otel_resource *found;
	int r = otel_resource_detect_one(detector, &found, err);

	return r < 0 ? r : merge_over(base, found);
}

static int
merge_settings(struct otel_resource **base, const struct host_setting *settings, size_t n,
               struct otel_error *err)
{
	struct otel_attribute *attributes = calloc(n + 1, sizeof *attributes);
	struct otel_resource *resource;
	int r;

	if (!attributes)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		attributes[i] = OTEL_STR(settings[i].name, settings[i].value);
	r = otel_resource_new(attributes, n, NULL, &resource, err);
	free(attributes);
	return r < 0 ? r : merge_over(base, resource);
}

static int
detect_base(const struct host_conf *conf, struct otel_resource **out,
            struct otel_error *err)
{
	static const char *const detectors[] = { "sdk", "host", "os", "process" };
	struct otel_resource *base = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof detectors / sizeof *detectors; i++)
		r = merge_detector(&base, detectors[i], err);
	if (r == 0)
		r = merge_settings(&base, conf->resource, conf->n_resource, err);
	if (r == 0)
		r = merge_detector(&base, "env", err);
	if (r < 0) {
		otel_resource_unref(base);
		return otel_error_set(err, r, "telemetry: cannot make a resource: %s",
		                      strerror(-r));
	}
	*out = base;
	return 0;
}

/* ---- the process's ---- */

static void
make_uuid(char out[37])
{
	unsigned char b[16] = { 0 };

	if (getrandom(b, sizeof b, 0) < 0)
		host_log(HOST_WARN, "telemetry: no random numbers: %s", strerror(errno));
	b[6] = (unsigned char)(0x40 | (b[6] & 0x0f)); /* version 4 */
	b[8] = (unsigned char)(0x80 | (b[8] & 0x3f)); /* variant of RFC 9562 */
	snprintf(out, 37,
	         "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
	         b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
	         b[12], b[13], b[14], b[15]);
}

/* OTEL_PROPAGATORS wins over the file. */
static int
use_propagators(const struct host_conf *conf, struct otel_error *err)
{
	const char *names = conf->telemetry.value[HOST_T_PROPAGATORS];
	int r = otel_propagator_set_default(names ? names : "tracecontext,baggage");

	return r < 0 ? otel_error_set(err, r, "telemetry: out of memory") : 0;
}

/* What the SDK has to say is for the operator, like the rest of the host's log. */
static void
log_diagnostic(int level, const char *message, void *userdata)
{
	_Static_assert((int)OTEL_DIAG_DEBUG == (int)HOST_DEBUG &&
	                       (int)OTEL_DIAG_ERROR == (int)HOST_ERROR,
	               "the levels are the same");
	host_log(level, "telemetry: %s", message);
}

/* What a configuration comes to, before anything is changed. */
struct setting {
	struct otel_resource *base;
	struct outlet *life;
};

static int
prepare(struct telemetry *telemetry, const struct host_conf *conf,
        struct setting *setting, struct otel_error *err)
{
	struct otel_config config;
	int r = use_propagators(conf, err);

	if (r == 0)
		r = detect_base(conf, &setting->base, err);
	if (r < 0)
		return r;
	life_config(&conf->telemetry, &config);
	if (config.disabled ||
	    config.signal[OTEL_SIGNAL_LOGS].exporter == OTEL_EXPORTER_NONE)
		return 0;
	return telemetry_outlet(telemetry, &config, &setting->life, err);
}

/* Locked. With the new base and life, and then a host's voice of them; or as it was. */
static int
change(struct telemetry *telemetry, const struct host_conf *conf, struct voice **old,
       struct otel_error *err)
{
	struct setting before = { telemetry->base, telemetry->life },
		       after = { NULL, NULL };
	const char *name = getenv("OTEL_SERVICE_NAME");
	struct voice *host = NULL;
	int r = prepare(telemetry, conf, &after, err);

	if (r == 0) {
		telemetry->base = after.base;
		telemetry->life = after.life;
		telemetry->era++;
		r = telemetry_find_voice(telemetry, name && name[0] ? name : "cupola",
		                         PACKAGE_VERSION, telemetry->instance_id,
		                         &conf->telemetry, &host, err);
	}
	if (r < 0) {
		telemetry->base = before.base;
		telemetry->life = before.life;
		before = after;
	} else {
		*old = telemetry->host;
		telemetry->host = host;
	}
	telemetry_outlet_leave(telemetry, before.life);
	otel_resource_unref(before.base);
	return r;
}

int
telemetry_configure(struct telemetry *telemetry, const struct host_conf *conf,
                    struct otel_error *err)
{
	struct voice *old = NULL;
	int r;

	pthread_mutex_lock(&telemetry->lock);
	r = change(telemetry, conf, &old, err);
	pthread_mutex_unlock(&telemetry->lock);
	voice_unref(old);
	return r;
}

int
telemetry_new(const struct host_conf *conf, struct telemetry **out,
              struct otel_error *err)
{
	struct telemetry *telemetry = calloc(1, sizeof *telemetry);
	int r;

	if (!telemetry)
		return otel_error_set(err, -ENOMEM, "telemetry: out of memory");
	pthread_mutex_init(&telemetry->lock, NULL);
	make_uuid(telemetry->instance_id);
	otel_set_diagnostics(log_diagnostic, NULL);
	r = telemetry_configure(telemetry, conf, err);
	if (r < 0) {
		telemetry_free(telemetry);
		return r;
	}
	*out = telemetry;
	return 0;
}

struct voice *
telemetry_host_voice(struct telemetry *telemetry)
{
	return telemetry->host;
}

void
telemetry_each(struct telemetry *telemetry, void (*fn)(struct voice *voice, void *arg),
               void *arg)
{
	pthread_mutex_lock(&telemetry->lock);
	for (struct voice *voice = telemetry->voices; voice; voice = voice->next)
		fn(voice, arg);
	pthread_mutex_unlock(&telemetry->lock);
}

void
telemetry_stats(struct telemetry *telemetry, int signal, struct otel_pipeline_stats *out)
{
	memset(out, 0, sizeof *out);
	for (struct outlet *outlet = telemetry->outlets; outlet; outlet = outlet->next) {
		struct otel_pipeline_stats one;

		otel_pipeline_stats(outlet->pipeline, signal, &one);
		out->accepted += one.accepted;
		out->exported += one.exported;
		out->dropped_queue += one.dropped_queue;
		out->dropped_memory += one.dropped_memory;
		out->dropped_export += one.dropped_export;
		out->rejected += one.rejected;
		out->retries += one.retries;
		out->batches += one.batches;
		out->queue_size += one.queue_size;
		out->queue_capacity += one.queue_capacity;
	}
}

void
telemetry_flush(struct telemetry *telemetry, int timeout_ms)
{
	for (struct outlet *outlet = telemetry->outlets; outlet; outlet = outlet->next) {
		bool gone;

		pthread_mutex_lock(&telemetry->lock);
		gone = outlet->is_ended || telemetry->is_shut_down;
		pthread_mutex_unlock(&telemetry->lock);
		if (!gone)
			(void)otel_pipeline_flush(outlet->pipeline, timeout_ms);
	}
}

struct ending {
	pthread_t thread;
	struct otel_pipeline *pipeline;
	int timeout_ms;
};

static void *
shut_down_one(void *arg)
{
	struct ending *ending = arg;

	otel_pipeline_shutdown(ending->pipeline, ending->timeout_ms);
	return NULL;
}

/* All at once: each may take the whole deadline when its receiver hangs. */
void
telemetry_shutdown(struct telemetry *telemetry, int timeout_ms)
{
	struct ending *endings;
	size_t n = 0, i = 0;

	pthread_mutex_lock(&telemetry->lock);
	if (telemetry->is_shut_down) {
		pthread_mutex_unlock(&telemetry->lock);
		return;
	}
	telemetry->is_shut_down = true;
	for (struct outlet *outlet = telemetry->outlets; outlet; outlet = outlet->next)
		n++;
	endings = calloc(n + 1, sizeof *endings);
	for (struct outlet *outlet = telemetry->outlets; endings && outlet;
	     outlet = outlet->next) {
		if (outlet->is_ended)
			continue;
		endings[i] = (struct ending){ .pipeline = outlet->pipeline,
			                      .timeout_ms = timeout_ms };
		if (pthread_create(&endings[i].thread, NULL, shut_down_one,
		                   &endings[i]) != 0) {
			shut_down_one(&endings[i]);
			endings[i].pipeline = NULL;
		}
		i++;
	}
	pthread_mutex_unlock(&telemetry->lock);
	for (size_t j = 0; j < i; j++)
		if (endings[j].pipeline)
			pthread_join(endings[j].thread, NULL);
	free(endings);
}

void
telemetry_free(struct telemetry *telemetry)
{
	struct outlet *outlet = NULL;

	if (!telemetry)
		return;
	telemetry_shutdown(telemetry, 0);
	voice_unref(telemetry->host);
	while ((outlet = telemetry->outlets)) {
		telemetry->outlets = outlet->next;
		if (outlet->is_ended)
			pthread_join(outlet->ender, NULL);
		otel_pipeline_free(outlet->pipeline);
		free(outlet);
	}
	otel_resource_unref(telemetry->base);
	pthread_mutex_destroy(&telemetry->lock);
	free(telemetry);
}
