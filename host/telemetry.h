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
struct telemetry;

struct voice {
	struct telemetry *telemetry; /* borrowed */
	struct voice *next;
	unsigned refs;                  /* guarded by the telemetry's lock */
	char *name, *version;           /* version: "" while it is unknown */
	struct otel_pipeline *pipeline; /* borrowed from the telemetry */
	struct otel_resource *resource;
	/* NULL with OTEL_SDK_DISABLED: */
	struct otel_tracer_provider *tracers;
	struct otel_meter_provider *meters;
	struct otel_logger_provider *loggers;
	/* Scope `cupola`: what the host says about the service. */
	struct otel_tracer *http_tracer;
	struct otel_logger *http_logger;
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

/* The host's own. Borrowed. */
struct voice *telemetry_host_voice(struct telemetry *telemetry);

/*
 * The life of a service, told under its own Resource even when it is dark: `event` is "loaded", "reloaded",
 * "refused", "crashed", "unloaded"; the record's event name is cupola.service.EVENT. [any]
 */
OTEL_PRINTF(5, 6)
void voice_tell(struct voice *voice, int severity, const char *event, unsigned generation,
                const char *fmt, ...);

/* The same of a crash: the first line of `text` is the record's body, the whole its stack. NULLs are fine. [any] */
void voice_tell_crash(struct voice *voice, const char *text);

/* Calls fn for every voice, the host's included, under the lock. [any] */
void telemetry_each(struct telemetry *telemetry,
                    void (*fn)(struct voice *voice, void *arg), void *arg);
/* Sums of all pipelines; takes no lock. [any] */
void telemetry_stats(struct telemetry *telemetry, int signal,
                     struct otel_pipeline_stats *out);

/* Exports what is queued and ends the pipelines within the deadline. Voices stay valid. Not [loop]. */
void telemetry_shutdown(struct telemetry *telemetry, int timeout_ms);
/* After all voices have been given back. NULL is fine. */
void telemetry_free(struct telemetry *telemetry);

/* The OTEL_* settings of `config` with the environment over them; for `check-config` and tests. */
void telemetry_config(const struct host_telemetry *config, struct otel_config *out);

#endif
