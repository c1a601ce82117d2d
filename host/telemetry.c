/* SPDX-License-Identifier: Apache-2.0 */
#include "telemetry.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "conf.h"
#include "log.h"
#include <otel/logs.h>
#include <otel/propagation.h>

#define QUOTA_SHARE 2 /* a service may fill one half of a queue */

struct outlet { /* a pipeline and the configuration that it was made from */
	struct outlet *next;
	struct otel_config config;
	struct otel_pipeline *pipeline;
};

struct telemetry {
	pthread_mutex_t lock;
	_Atomic(struct outlet *) outlets; /* added to under lock, only ever grows */
	/* guarded by lock: */
	struct voice *voices;
	struct otel_resource *base; /* detectors, [resource], OTEL_RESOURCE_ATTRIBUTES */
	bool is_shut_down;
	/* immutable: */
	struct voice *host;
};

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

/* Configurations are made from zeroed memory by the same code, so equal ones have equal bytes. */
static int
outlet_for(struct telemetry *telemetry, const struct host_telemetry *host,
           struct outlet **out, struct otel_error *err)
{
	struct outlet *outlet = calloc(1, sizeof *outlet);
	int r;

	if (!outlet)
		return otel_error_set(err, -ENOMEM, "telemetry: out of memory");
	telemetry_config(host, &outlet->config);
	for (struct outlet *o = telemetry->outlets; o; o = o->next)
		if (memcmp(&o->config, &outlet->config, sizeof o->config) == 0) {
			free(outlet);
			*out = o;
			return 0;
		}
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

static int
service_resource(struct telemetry *telemetry, const struct voice *voice,
                 const char *instance_id, struct otel_resource **out,
                 struct otel_error *err)
{
	struct otel_attribute own[3];
	struct otel_resource *resource;
	size_t n = 0;
	int r;

	own[n++] = OTEL_STR("service.name", voice->name);
	if (voice->version[0])
		own[n++] = OTEL_STR("service.version", voice->version);
	if (instance_id && instance_id[0])
		own[n++] = OTEL_STR("service.instance.id", instance_id);
	r = otel_resource_new(own, n, NULL, &resource, err);
	if (r < 0)
		return r;
	r = otel_resource_merge(telemetry->base, resource, out);
	otel_resource_unref(resource);
	return r;
}

/* ---- voices ---- */

static void
voice_free(struct voice *voice)
{
	if (!voice)
		return;
	otel_tracer_provider_free(voice->tracers);
	otel_meter_provider_free(voice->meters);
	otel_logger_provider_free(voice->loggers);
	otel_resource_unref(voice->resource);
	free(voice->name);
	free(voice->version);
	free(voice);
}

/*
 * How much of a queue one service may fill. A batch in any case: a queue is emptied early when it holds one,
 * so with less a busy service alone would lose what could have been sent.
 */
static int
quota(const struct otel_signal_config *signal)
{
	int share = signal->max_queue / QUOTA_SHARE;

	return share < signal->max_batch ? signal->max_batch : share;
}

static int
make_providers(struct voice *voice, const struct otel_config *config,
               struct otel_error *err)
{
	int spans = quota(&config->signal[OTEL_SIGNAL_TRACES]);
	int logs = quota(&config->signal[OTEL_SIGNAL_LOGS]);
	int r;

	r = otel_tracer_provider_new(voice->pipeline, voice->resource, NULL, spans,
	                             &voice->tracers, err);
	if (r == 0)
		r = otel_meter_provider_new(voice->pipeline, voice->resource,
		                            &voice->meters, err);
	if (r == 0)
		r = otel_logger_provider_new(voice->pipeline, voice->resource, logs,
		                             &voice->loggers, err);
	if (r < 0)
		return r;
	voice->http_tracer = voice_tracer(voice, "cupola", PACKAGE_VERSION);
	voice->http_logger = voice_logger(voice, "cupola", PACKAGE_VERSION);
	return 0;
}

static int
voice_new(struct telemetry *telemetry, const char *name, const char *version,
          const char *instance_id, const struct outlet *outlet, struct voice **out,
          struct otel_error *err)
{
	struct voice *voice = calloc(1, sizeof *voice);
	int r = -ENOMEM;

	if (!voice)
		return otel_error_set(err, r, "out of memory");
	voice->telemetry = telemetry;
	voice->refs = 1;
	voice->pipeline = outlet->pipeline;
	voice->name = strdup(name);
	voice->version = strdup(version);
	if (voice->name && voice->version)
		r = service_resource(telemetry, voice, instance_id, &voice->resource,
		                     err);
	if (r == 0 && !outlet->config.disabled)
		r = make_providers(voice, &outlet->config, err);
	if (r < 0) {
		voice_free(voice);
		return otel_error_set(err, r, "%s", strerror(-r));
	}
	*out = voice;
	return 0;
}

/* Locked. One that is there already gets a reference. */
static int
find_or_make(struct telemetry *telemetry, const char *name, const char *version,
             const char *instance_id, const struct host_telemetry *config,
             struct voice **out, struct otel_error *err)
{
	struct outlet *outlet = NULL;
	int r = outlet_for(telemetry, config, &outlet, err);

	if (r < 0)
		return r;
	for (struct voice *voice = telemetry->voices; voice; voice = voice->next)
		if (voice->pipeline == outlet->pipeline &&
		    strcmp(voice->name, name) == 0 &&
		    strcmp(voice->version, version) == 0) {
			voice->refs++;
			*out = voice;
			return 0;
		}
	r = voice_new(telemetry, name, version, instance_id, outlet, out, err);
	if (r < 0)
		return r;
	(*out)->next = telemetry->voices;
	telemetry->voices = *out;
	return 0;
}

int
telemetry_voice(struct telemetry *telemetry, const char *name, const char *version,
                const char *instance_id, const struct host_telemetry *config,
                struct voice **out, struct otel_error *err)
{
	int r;

	pthread_mutex_lock(&telemetry->lock);
	r = find_or_make(telemetry, name, version, instance_id, config, out, err);
	pthread_mutex_unlock(&telemetry->lock);
	return r < 0 ? otel_error_prefix(err, "telemetry of %s", name), r : 0;
}

struct voice *
voice_ref(struct voice *voice)
{
	if (voice) {
		pthread_mutex_lock(&voice->telemetry->lock);
		voice->refs++;
		pthread_mutex_unlock(&voice->telemetry->lock);
	}
	return voice;
}

void
voice_unref(struct voice *voice)
{
	struct telemetry *telemetry = voice ? voice->telemetry : NULL;
	bool last;

	if (!voice)
		return;
	pthread_mutex_lock(&telemetry->lock);
	last = --voice->refs == 0;
	for (struct voice **p = &telemetry->voices; last && *p; p = &(*p)->next)
		if (*p == voice) {
			*p = voice->next;
			break;
		}
	pthread_mutex_unlock(&telemetry->lock);
	if (last)
		voice_free(voice);
}

static struct otel_scope_data
scope_of(const char *name, const char *version)
{
	return (struct otel_scope_data){ .name = name,
		                         .version = version,
		                         .schema_url = "" };
}

struct otel_meter *
voice_meter(struct voice *voice, const char *scope, const char *version)
{
	struct otel_scope_data data = scope_of(scope, version);

	return voice && voice->meters ? otel_meter_provider_meter(voice->meters, &data)
	                              : NULL;
}

struct otel_tracer *
voice_tracer(struct voice *voice, const char *scope, const char *version)
{
	struct otel_scope_data data = scope_of(scope, version);

	return voice && voice->tracers
	               ? otel_tracer_provider_tracer(voice->tracers, &data)
	               : NULL;
}

struct otel_logger *
voice_logger(struct voice *voice, const char *scope, const char *version)
{
	struct otel_scope_data data = scope_of(scope, version);

	return voice && voice->loggers
	               ? otel_logger_provider_logger(voice->loggers, &data)
	               : NULL;
}

void
voice_tell(struct voice *voice, int severity, const char *event, unsigned generation,
           const char *fmt, ...)
{
	struct otel_attribute attributes[] = { OTEL_INT("cupola.generation",
		                                        generation) };
	struct otel_log_record record = { .severity = severity,
		                          .attributes = attributes,
		                          .n_attributes = generation ? 1 : 0 };
	char text[1024], name[64];
	va_list ap;

	if (!voice || !voice->http_logger)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	snprintf(name, sizeof name, "cupola.service.%s", event);
	record.body = otel_value_string(text);
	record.event_name = name;
	otel_logger_emit(voice->http_logger, &record);
}

void
voice_tell_crash(struct voice *voice, const char *text)
{
	size_t first = text ? strcspn(text, "\n") : 0;
	struct otel_attribute attributes[] = {
		OTEL_STRN("exception.message", text, first),
		OTEL_STR("exception.stacktrace", text),
	};
	const struct otel_log_record record = {
		.severity = OTEL_FATAL,
		.event_name = "cupola.service.crashed",
		.body = otel_value_string_n(text, first),
		.attributes = attributes,
		.n_attributes = 2,
	};

	if (voice && voice->http_logger && text)
		otel_logger_emit(voice->http_logger, &record);
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

static int
host_voice(struct telemetry *telemetry, const struct host_conf *conf,
           struct otel_error *err)
{
	const char *name = getenv("OTEL_SERVICE_NAME");
	char instance_id[37];

	make_uuid(instance_id);
	if (!name || !name[0])
		name = "cupola";
	return telemetry_voice(telemetry, name, PACKAGE_VERSION, instance_id,
	                       &conf->telemetry, &telemetry->host, err);
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

int
telemetry_new(const struct host_conf *conf, struct telemetry **out,
              struct otel_error *err)
{
	struct telemetry *telemetry = calloc(1, sizeof *telemetry);
	int r;

	if (!telemetry)
		return otel_error_set(err, -ENOMEM, "telemetry: out of memory");
	pthread_mutex_init(&telemetry->lock, NULL);
	otel_set_diagnostics(log_diagnostic, NULL);
	r = use_propagators(conf, err);
	if (r == 0)
		r = detect_base(conf, &telemetry->base, err);
	if (r == 0)
		r = host_voice(telemetry, conf, err);
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
	     outlet = outlet->next, i++) {
		endings[i] = (struct ending){ .pipeline = outlet->pipeline,
			                      .timeout_ms = timeout_ms };
		if (pthread_create(&endings[i].thread, NULL, shut_down_one,
		                   &endings[i]) != 0) {
			shut_down_one(&endings[i]);
			endings[i].pipeline = NULL;
		}
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
		otel_pipeline_free(outlet->pipeline);
		free(outlet);
	}
	otel_resource_unref(telemetry->base);
	pthread_mutex_destroy(&telemetry->lock);
	free(telemetry);
}
