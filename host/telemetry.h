/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/telemetry.h - who speaks, and where to: pipelines and providers from host.conf.
 *
 *	telemetry (process) -> pipelines, one for each different configuration
 *	                    -> voices, one for each service and version: a Resource and its providers
 *
 * A voice lives as long as a generation that uses it, and is shared by generations of one version, so that
 * counters go on over a reload. The host has a voice too, service.name `cupola`.
 *
 * What wins, from weak to strong: the SDK's defaults, host.conf, OTEL_* variables; of a Resource: detectors,
 * [resource], OTEL_RESOURCE_ATTRIBUTES, and what makes a service itself: its name, version and instance.
 */
#ifndef HOST_TELEMETRY_H
#define HOST_TELEMETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <otel/error.h>
#include <otel/sdk.h>

struct host_conf;
struct host_telemetry;
struct json_t;
struct outlet;
struct telemetry;

struct voice {
	struct telemetry *telemetry; /* borrowed */
	struct voice *next;
	unsigned refs; /* guarded by the telemetry's lock */
	unsigned era;  /* of the configuration that it was made by */
	struct outlet *outlet, *life_outlet;
	char *name, *version;           /* version: "" while it is unknown */
	struct otel_pipeline *pipeline; /* borrowed from the telemetry */
	struct otel_resource *resource;
	/* NULL with OTEL_SDK_DISABLED: */
	struct otel_tracer_provider *tracers;
	struct otel_meter_provider *meters;
	struct otel_logger_provider *loggers;
	struct otel_logger_provider
		*life_loggers; /* NULL: [telemetry] sends no records */
	/* Scope `cupola`: what the host says about the service's requests, and about its life. */
	struct otel_tracer *http_tracer;
	struct otel_logger *http_logger, *life_logger;
};

/* `conf` is copied as far as it is needed. 0 or a negative errno. Starts threads: after crash_setup(). [any] */
OTEL_MUST_USE int telemetry_new(const struct host_conf *conf, struct telemetry **out,
                                struct otel_error *err);

/*
 * The voice of that service: a reference to one that is there, or a new one. `version` may be "";
 * `config` is its own over [telemetry]. [any]
 */
OTEL_MUST_USE int telemetry_voice(struct telemetry *telemetry, const char *name,
                                  const char *version, const char *instance_id,
                                  const struct host_telemetry *config, struct voice **out,
                                  struct otel_error *err);
struct voice *voice_ref(struct voice *voice); /* NULL is fine */
void voice_unref(struct voice *voice);        /* NULL is fine */

/* A meter of the voice, the caller's own; NULL for NULL. scope "cupola": the host's instruments. */
struct otel_meter *voice_meter(struct voice *voice, const char *scope,
                               const char *version);
struct otel_tracer *voice_tracer(struct voice *voice, const char *scope,
                                 const char *version);
struct otel_logger *voice_logger(struct voice *voice, const char *scope,
                                 const char *version);

/*
 * Another [telemetry] or [resource]: what is made from now on follows it, what is there stays as it was. The
 * host's voice is another one afterwards, so close its meters before. 0, or a negative errno and no change.
 * Where telemetry_host_voice is used.
 */
OTEL_MUST_USE int telemetry_configure(struct telemetry *telemetry,
                                      const struct host_conf *conf,
                                      struct otel_error *err);

/* The host's own. Borrowed until telemetry_configure. */
struct voice *telemetry_host_voice(struct telemetry *telemetry);

/* ---- telemetry-tell.c: what the host says about a service ---- */

/*
 * A record of the service's life, under its own Resource. It goes where [telemetry] sends records, at once,
 * and so is heard of a service that has no telemetry itself. The event name is cupola.service.EVENT; each
 * attribute is there when its member is not 0 or NULL; with a generation, cupola.traces, cupola.metrics and
 * cupola.logs say where the service's own go.
 */
struct voice_event {
	int severity;
	const char *
		event; /* loaded, reloaded, configured, refused, unloaded, crashed, stalled, tls */
	unsigned generation,
		previous_generation; /* cupola.generation, cupola.generation.previous */
	const char *version,
		*previous_version; /* cupola.version, cupola.version.previous */
	const char *reason;        /* cupola.reason: code, settings, telemetry */
};

/* The record's body is the text. NULL voices are fine. [any] */
OTEL_PRINTF(3, 4)
void voice_tell(struct voice *voice, const struct voice_event *event, const char *fmt,
                ...);

/*
 * The same of a crash, or of a stall ("signal" and "what" tell which), as crash_explain() has it: its text is the
 * body, and it is tied to the span that was current. NULLs are fine. [any]
 */
void voice_tell_crash(struct voice *voice, const struct json_t *crash);

/* Calls fn for every voice, the host's included, under the lock. [any] */
void telemetry_each(struct telemetry *telemetry,
                    void (*fn)(struct voice *voice, void *arg), void *arg);
/* Sums of all pipelines; takes no lock. [any] */
void telemetry_stats(struct telemetry *telemetry, int signal,
                     struct otel_pipeline_stats *out);

/* Sends what waits in all pipelines, and collects metrics once; each takes `timeout_ms` at most. Not [loop]. */
void telemetry_flush(struct telemetry *telemetry, int timeout_ms);

/* Exports what is queued and ends the pipelines within the deadline. Voices stay valid. Not [loop]. */
void telemetry_shutdown(struct telemetry *telemetry, int timeout_ms);
/* After all voices have been given back. NULL is fine. */
void telemetry_free(struct telemetry *telemetry);

/* The OTEL_* settings of `config` with the environment over them; for `check-config` and tests. */
void telemetry_config(const struct host_telemetry *config, struct otel_config *out);

#endif
