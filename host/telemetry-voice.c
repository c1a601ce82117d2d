/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry_priv.h"

#define QUOTA_SHARE 2 /* a service may fill one half of a queue */

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

static void
voice_free(struct voice *voice)
{
	if (!voice)
		return;
	otel_tracer_provider_free(voice->tracers);
	otel_meter_provider_free(voice->meters);
	otel_logger_provider_free(voice->loggers);
	otel_logger_provider_free(voice->life_loggers);
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
	voice->life_logger = voice->http_logger;
	return 0;
}

/* What the host tells of it, by the host's own way out: so it is heard of a service that is dark, too. */
static int
make_life(struct voice *voice, struct outlet *outlet, struct otel_error *err)
{
	struct otel_scope_data scope = { .name = "cupola",
		                         .version = PACKAGE_VERSION,
		                         .schema_url = "" };
	int r = otel_logger_provider_new(outlet->pipeline, voice->resource,
	                                 quota(&outlet->config.signal[OTEL_SIGNAL_LOGS]),
	                                 &voice->life_loggers, err);

	if (r < 0)
		return r;
	outlet->users++;
	voice->life_outlet = outlet;
	voice->life_logger = otel_logger_provider_logger(voice->life_loggers, &scope);
	return 0;
}

static int
voice_new(struct telemetry *telemetry, const char *name, const char *version,
          const char *instance_id, struct outlet *outlet, struct voice **out,
          struct otel_error *err)
{
	struct voice *voice = calloc(1, sizeof *voice);
	int r = -ENOMEM;

	if (!voice)
		return otel_error_set(err, r, "out of memory");
	voice->telemetry = telemetry;
	voice->refs = 1;
	voice->era = telemetry->era;
	voice->pipeline = outlet->pipeline;
	voice->name = strdup(name);
	voice->version = strdup(version);
	if (voice->name && voice->version)
		r = service_resource(telemetry, voice, instance_id, &voice->resource,
		                     err);
	if (r == 0 && !outlet->config.disabled)
		r = make_providers(voice, &outlet->config, err);
	if (r == 0 && telemetry->life)
		r = make_life(voice, telemetry->life, err);
	if (r < 0) {
		voice_free(voice);
		return otel_error_set(err, r, "%s", strerror(-r));
	}
	voice->outlet = outlet;
	*out = voice;
	return 0;
}

/* One that is there already gets a reference. */
int
telemetry_find_voice(struct telemetry *telemetry, const char *name, const char *version,
                     const char *instance_id, const struct host_telemetry *config,
                     struct voice **out, struct otel_error *err)
{
	struct otel_config full;
	struct outlet *outlet = NULL;
	int r;

	telemetry_config(config, &full);
	r = telemetry_outlet(telemetry, &full, &outlet, err);
	if (r < 0)
		return r;
	for (struct voice *voice = telemetry->voices; voice; voice = voice->next)
		if (voice->era == telemetry->era && voice->pipeline == outlet->pipeline &&
		    strcmp(voice->name, name) == 0 &&
		    strcmp(voice->version, version) == 0) {
			telemetry_outlet_leave(telemetry, outlet);
			voice->refs++;
			*out = voice;
			return 0;
		}
	r = voice_new(telemetry, name, version, instance_id, outlet, out, err);
	if (r < 0) {
		telemetry_outlet_leave(telemetry, outlet);
		return r;
	}
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
	r = telemetry_find_voice(telemetry, name, version, instance_id, config, out, err);
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
	struct outlet *outlet, *life;
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
	if (!last)
		return;
	outlet = voice->outlet;
	life = voice->life_outlet;
	voice_free(voice);
	pthread_mutex_lock(&telemetry->lock);
	telemetry_outlet_leave(telemetry, outlet);
	telemetry_outlet_leave(telemetry, life);
	pthread_mutex_unlock(&telemetry->lock);
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
