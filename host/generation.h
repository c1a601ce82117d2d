/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/generation.h - one load of a plugin: its copy, its code, its settings, its handles, its service.
 *
 *	new -> try -> start -> attach -> (requests) -> host_service_drain, _stop -> release -> free
 *
 * It belongs to a mount, whose lock is held wherever one is made or ended.
 */
#ifndef HOST_GENERATION_H
#define HOST_GENERATION_H

#include <stdint.h>

#include "settings.h"
#include <otel/error.h>

struct host_plugin;
struct host_service;
struct load_order;
struct load_report;
struct mount;
struct otel_meter;
struct plugin;
struct voice;

struct generation {
	struct mount *mount;     /* borrowed */
	struct generation *next; /* in the mount's list of those that stay */
	unsigned number;
	char *copy;
	struct plugin *plugin;
	struct settings settings;
	char *untraced; /* of its section, which may be replaced before it ends */
	struct voice *voice;
	struct otel_meter *meter, *http_meter;
	struct host_service *service;
};

/* Numbered as `order` says, or the mount's next. NULL without memory. */
struct generation *generation_new(struct mount *mount, const struct load_order *order);
/* Copies the file and tries it in another process, as `order` says; the times go into *report. Not [loop]. */
OTEL_MUST_USE int generation_try(const struct generation *gen,
                                 const struct load_order *order,
                                 const struct host_plugin *conf,
                                 struct load_report *report, struct otel_error *err);
/* Loads the copy and starts its service; nothing is routed to it yet. -ETIMEDOUT: start() hangs. Not [loop]. */
OTEL_MUST_USE int generation_start(struct generation *gen, const struct host_plugin *conf,
                                   struct otel_error *err);
/* To the loops that the mount's sockets are on. Not [loop]. */
OTEL_MUST_USE int generation_attach(struct generation *gen, struct otel_error *err);
/* Gives back all but the code. Nothing of it runs; its service has been stopped. */
void generation_release(struct generation *gen);
/* Unloads it too, where that may be. Copes with half of one, as with NULL. */
void generation_free(struct generation *gen);

/* Milliseconds since *then, which is set to now. [any] */
double host_ms_since(uint64_t *then);

#endif
