/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/service.h - one generation of a service, as it runs: its table, its handles, what it has in hand.
 *
 *	new ──start──► (attach) ──► requests, timers, spawns ──cancel──► drain ──► stop ──► free
 *
 * The owner (host/generation.c, host/mount.c) keeps the plugin's file mapped from new to free. Routing is the owner's:
 * on_head of the worker's http_ops picks a service and calls host_service_head; the other callbacks are
 * host_request_ops'. To replace a service: publish the new one, host_loop_barrier, cancel the old one's
 * streams, drain it, and when that is done, stop and free it.
 */
#ifndef HOST_SERVICE_H
#define HOST_SERVICE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admission.h"
#include "http-server.h"
#include <cupola/service.h>

struct host_instrument;
struct host_loop;
struct host_offload;
struct host_service;

/* A value of the plugin's section, read by the type of its key. */
struct host_service_setting {
	const char *name;
	const char *text; /* "" for an unset one; paths absolute */
	int64_t integer;  /* integers, booleans, durations in ms, sizes in bytes */
	double number;
};

typedef void host_service_log(void *arg, int level, const char *fmt, va_list ap);

/* Zeroed members mean the default in brackets. Everything is borrowed until host_service_free but where said. */
struct host_service_config {
	const struct svc_plugin *plugin;
	const char *name;    /* the section's NAME; [plugin->name] */
	unsigned generation; /* 1, 2, ... */
	uint32_t flags;      /* SVC_TRYING */
	const char *data_dir;
	const struct host_service_setting *settings; /* of all plugin->keys */
	size_t n_settings;
	host_service_log *log; /* [stderr] */
	void *log_arg;

	/* For the service: scope is its name and version. NULL: no telemetry. */
	struct otel_tracer *tracer;
	struct otel_meter *meter;
	struct otel_logger *logger;
	/* For the host's own instrumentation of it: scope "cupola". */
	bool instrument;
	struct otel_tracer *http_tracer;
	struct otel_meter *http_meter;
	struct otel_logger *http_logger;
	const char
		*untraced; /* paths for which nothing is made, as in host.conf; [none] */

	struct host_admission
		*admission; /* shared by the plugin's generations; [one of its own] */
	struct host_offload *offload; /* the process's; NULL: svc_offload says -EAGAIN */
	int deadline_ms; /* of a request, from when it is complete [30000]; < 0: none */
};

OTEL_MUST_USE int host_service_new(const struct host_service_config *config,
                                   struct host_service **out, struct otel_error *err);

/*
 * Runs plugin->start in a fiber on a loop and a thread of their own and waits for it. 0, what start said, or
 * -ETIMEDOUT: then the thread is left behind with what it runs, and neither the service nor the plugin's
 * file may ever be freed. Not [loop].
 */
int host_service_start(struct host_service *service, int timeout_ms,
                       struct otel_error *err);

/*
 * The service may now be asked: its requests come by `loops`. Timers and spawns that start() made begin, on the
 * first of them. `loops` is copied; the loops outlive the service. Not [loop].
 */
OTEL_MUST_USE int host_service_attach(struct host_service *service,
                                      struct host_loop *const *loops, size_t n,
                                      struct otel_error *err);

/*
 * For on_head: admits the request, or answers it with 503, and becomes the exchange's owner. `exchange->user` is
 * the service's from now on. [loop], one of those attached
 */
enum http_body host_service_head(struct host_service *service, struct host_loop *loop,
                                 struct http_exchange *x);
/* The other callbacks; on_head is NULL, to be filled in by the router. */
extern const struct http_ops host_request_ops;

enum host_cancel {
	HOST_CANCEL_STREAMS, /* replies in pieces, spawns and timers: clients come again */
	HOST_CANCEL_ALL      /* requests too: the deadline has passed */
};
/* Everything the service waits for returns -ECANCELED; what is to come is cancelled from its beginning. [any] */
void host_service_cancel(struct host_service *service, enum host_cancel which);

/* How many requests, spawns, timer calls and the like run its code. [any] */
unsigned host_service_in_flight(const struct host_service *service);
/*
 * Once nothing is routed to it any more: revokes timers, cancels spawns and streams, and calls done(arg)
 * when nothing of it is in flight, from any thread, perhaps within this call. Once. [any]
 */
void host_service_drain(struct host_service *service, void (*done)(void *arg), void *arg);
/* The same, waiting: 0 or -ETIMEDOUT; then it may be called again. Not [loop]. */
int host_service_drain_wait(struct host_service *service, int timeout_ms);

/*
 * Calls plugin->stop, when start had succeeded; nothing may be in flight. 0, or -ETIMEDOUT: as with start. Not
 * [loop].
 */
int host_service_stop(struct host_service *service, int timeout_ms);
/* NULL is fine. Not while something is in flight, nor after -ETIMEDOUT of start or stop. */
void host_service_free(struct host_service *service);

const struct svc_host *host_service_host(const struct host_service *service);
const struct svc_plugin *host_service_plugin(const struct host_service *service);
const char *host_service_name(const struct host_service *service);
unsigned host_service_generation(const struct host_service *service);

/* [any] */
struct host_service_stats {
	uint64_t requests, refused, errors; /* answered; 503 by admission; 5xx */
	unsigned in_flight, streams, timers;
};
void host_service_stats(const struct host_service *service,
                        struct host_service_stats *out);

#endif
