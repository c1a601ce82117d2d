/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/telemetry_priv.h - what the files of telemetry share.
 *
 *	telemetry.c        the process's: configuration, pipelines, the base of all Resources
 *	telemetry-voice.c  who speaks: a service's Resource and providers
 *	telemetry-tell.c   what the host says about a service
 */
#ifndef HOST_TELEMETRY_PRIV_H
#define HOST_TELEMETRY_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "telemetry.h"

/* A pipeline and the configuration that it was made from. It stays in the list, for its figures. */
struct outlet {
	struct outlet *next;
	struct otel_config config;
	struct otel_pipeline *pipeline;
	/* guarded by the telemetry's lock: */
	unsigned users; /* voices, and the telemetry itself */
	bool is_ended; /* nobody uses it any more: `ender` shuts it down, or has done so */
	pthread_t ender;
};

struct telemetry {
	pthread_mutex_t lock;
	_Atomic(struct outlet *) outlets; /* added to under lock, only ever grows */
	/* guarded by lock: */
	struct voice *voices;
	struct otel_resource *base; /* detectors, [resource], OTEL_RESOURCE_ATTRIBUTES */
	struct outlet *life; /* of what the host tells of services; NULL: disabled */
	unsigned era;        /* of base and life; voices of another are not shared */
	bool is_shut_down;
	struct voice *host;
	/* immutable: */
	char instance_id[37]; /* the host's own */
};

/* Of that configuration, with one more user; locked. */
OTEL_MUST_USE int telemetry_outlet(struct telemetry *telemetry,
                                   const struct otel_config *config, struct outlet **out,
                                   struct otel_error *err);
void telemetry_outlet_leave(struct telemetry *telemetry, struct outlet *outlet);

/* Locked: the voice of that service, made where there is none. */
OTEL_MUST_USE int telemetry_find_voice(struct telemetry *telemetry, const char *name,
                                       const char *version, const char *instance_id,
                                       const struct host_telemetry *config,
                                       struct voice **out, struct otel_error *err);

#endif
