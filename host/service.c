/* SPDX-License-Identifier: Apache-2.0 */
/*
 * in_flight starts at one: the owner's. Draining gives that one back, so whoever brings it to zero, on
 * whichever thread, is the one that reports the end, and later arrivals cannot happen: the owner has made
 * sure by host_loop_barrier that nothing is routed here any more.
 *
 * Cancelling is a level that only rises. Each loop applies it to its own lists when its message arrives.
 */
#include "service.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "service-priv.h"

#define DEFAULT_DEADLINE_MS 30000

/* ---- small things ---- */

void
service_log(const struct host_service *service, int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (service->config.log)
		service->config.log(service->config.log_arg, level, fmt, ap);
	else
		host_vlog_about(level, service->name, fmt, ap);
	va_end(ap);
}

OTEL_PRINTF(3, 0)
static void
vlog(const struct svc_host *host, int level, const char *fmt, va_list ap)
{
	struct host_service *service = service_of(host);

	if (service->config.log)
		service->config.log(service->config.log_arg, level, fmt, ap);
	else
		host_vlog_about(level, service->name, fmt, ap);
}

static const struct host_service_setting *
setting(const struct svc_host *host, const char *key)
{
	struct host_service *service = service_of(host);

	for (size_t i = 0; i < service->config.n_settings; i++)
		if (strcmp(service->config.settings[i].name, key) == 0)
			return &service->config.settings[i];
	service_log(service, SVC_ERROR,
	            "asks for the key %s, which is not in its table of keys", key);
	return NULL;
}

static const char *
config_string(const struct svc_host *host, const char *key)
{
	const struct host_service_setting *s = setting(host, key);

	return s && s->text ? s->text : "";
}

static int64_t
config_int(const struct svc_host *host, const char *key)
{
	const struct host_service_setting *s = setting(host, key);

	return s ? s->integer : 0;
}

static double
config_number(const struct svc_host *host, const char *key)
{
	const struct host_service_setting *s = setting(host, key);

	return s ? s->number : 0;
}

static void
free_service_loop(void *arg)
{
	struct service_loop *sl = arg;
	struct service_response *response;

	while ((response = SLIST_FIRST(&sl->responses))) {
		sl->responses.slh_first = service_response_next(response);
		service_response_destroy(response);
	}
	free(sl->json);
	free(sl);
}

struct service_loop *
service_loop_current(void)
{
	struct host_loop *loop = host_loop_current();
	struct service_loop *sl;

	if (!loop)
		return NULL;
	sl = host_loop_extra(loop);
	if (sl)
		return sl;
	sl = calloc(1, sizeof *sl);
	if (sl)
		host_loop_set_extra(loop, sl, free_service_loop);
	return sl;
}

struct service_slot *
service_slot_current(struct host_service *service)
{
	struct host_loop *loop = host_loop_current();

	for (size_t i = 0; i < service->n_slots; i++)
		if (service->slots[i].loop == loop)
			return &service->slots[i];
	return service->slots;
}

/* ---- counting ---- */

void
service_ref(struct host_service *service)
{
	atomic_fetch_add_explicit(&service->in_flight, 1, memory_order_relaxed);
}

bool
service_try_ref(struct host_service *service)
{
	unsigned n = atomic_load_explicit(&service->in_flight, memory_order_relaxed);

	while (n > 0 && !atomic_compare_exchange_weak(&service->in_flight, &n, n + 1))
		;
	return n > 0;
}

void
service_unref(struct host_service *service)
{
	void (*fn)(void *arg);
	void *arg;

	if (atomic_fetch_sub_explicit(&service->in_flight, 1, memory_order_acq_rel) > 1)
		return;
	pthread_mutex_lock(&service->lock);
	fn = service->on_drained;
	arg = service->on_drained_arg;
	atomic_store(&service->drained, true);
	pthread_cond_broadcast(&service->changed);
	pthread_mutex_unlock(&service->lock);
	if (fn)
		fn(arg);
}

/* ---- cancelling, on a slot's loop ---- */

void
service_slot_sweep_at(struct service_slot *slot, uint64_t at_ms)
{
	uint64_t now = host_now_ms();
	uint64_t left = at_ms > now ? at_ms - now : 1;
	struct timeval tv = { (time_t)(left / 1000), (suseconds_t)(left % 1000 * 1000) };

	if (slot->sweeping)
		return;
	slot->sweeping = evtimer_add(&slot->sweep, &tv) == 0;
}

/* All of a list, or those past their deadline; says when the next one is due. */
static uint64_t
sweep_list(struct service_works *works, bool all, uint64_t now)
{
	struct service_work *work, *next;

	for (work = TAILQ_FIRST(works); work; work = next) {
		next = TAILQ_NEXT(work, link);
		if (!all && (!work->deadline_ms || work->deadline_ms > now)) {
			if (work->deadline_ms)
				return work->deadline_ms;
			continue;
		}
		service_request_cancel(work);
	}
	return 0;
}

static void
sweep(struct service_slot *slot)
{
	uint64_t now = host_now_ms();
	bool all = slot->cancelled > HOST_CANCEL_ALL;
	uint64_t due, streams_due = 0;

	slot->in_sweep = true; /* a request that ends by this does not sweep again */
	sweep_list(&slot->waiting, all, now);
	due = sweep_list(&slot->requests, all, now);
	if (slot->cancelled)
		streams_due = sweep_list(&slot->streams, all, now);
	slot->in_sweep = false;
	if (streams_due && (!due || streams_due < due))
		due = streams_due;
	if (due)
		service_slot_sweep_at(slot, due);
}

void
service_slot_rest(struct service_slot *slot)
{
	if (slot->in_sweep ||
	    !atomic_load_explicit(&slot->service->draining, memory_order_relaxed))
		return;
	evtimer_del(&slot->sweep);
	slot->sweeping = false;
	sweep(slot);
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct service_slot *slot = arg;

	(void)fd;
	(void)what;
	slot->sweeping = false;
	sweep(slot);
}

static void
on_cancel(struct host_message *message)
{
	struct service_slot *slot = (struct service_slot *)((char *)message -
	                                                    offsetof(struct service_slot,
	                                                             cancel));
	struct host_service *service = slot->service;
	struct service_work *work, *next;

	atomic_store(&slot->cancel_posted, false);
	slot->cancelled = atomic_load(&service->cancelled);
	if (atomic_load(&service->draining))
		service_task_revoke(slot);
	for (work = TAILQ_FIRST(&slot->tasks); work; work = next) {
		next = TAILQ_NEXT(work, link);
		host_fiber_cancel(work->fiber);
	}
	evtimer_del(&slot->sweep);
	slot->sweeping = false;
	sweep(slot);
	service_unref(service);
}

static void
post_cancel(struct host_service *service)
{
	for (size_t i = 0; i < service->n_slots; i++) {
		struct service_slot *slot = &service->slots[i];

		if (atomic_exchange(&slot->cancel_posted, true))
			continue; /* it has not looked yet */
		if (!service_try_ref(service))
			return; /* nobody would wait for the message */
		host_loop_post(slot->loop, &slot->cancel);
	}
}

void
host_service_cancel(struct host_service *service, enum host_cancel which)
{
	int level = (int)which + 1, now = atomic_load(&service->cancelled);

	while (now < level &&
	       !atomic_compare_exchange_weak(&service->cancelled, &now, level))
		;
	post_cancel(service);
}

/* ---- draining ---- */

unsigned
host_service_in_flight(const struct host_service *service)
{
	unsigned n = atomic_load_explicit(&service->in_flight, memory_order_relaxed);

	return atomic_load(&service->draining) ? n : n - 1;
}

void
host_service_drain(struct host_service *service, void (*done)(void *arg), void *arg)
{
	bool drained;

	pthread_mutex_lock(&service->lock);
	drained = atomic_load(&service->drained);
	service->on_drained = done;
	service->on_drained_arg = arg;
	pthread_mutex_unlock(&service->lock);
	if (drained) {
		if (done)
			done(arg);
		return;
	}
	if (atomic_exchange(&service->draining, true))
		return;
	host_service_cancel(service, HOST_CANCEL_STREAMS);
	service_unref(service);
}

int
host_service_drain_wait(struct host_service *service, int timeout_ms)
{
	struct timespec until = host_time_in(timeout_ms);
	int r = 0;

	if (!atomic_load(&service->draining))
		host_service_drain(service, NULL, NULL);
	pthread_mutex_lock(&service->lock);
	while (!atomic_load(&service->drained) && r == 0)
		r = pthread_cond_timedwait(&service->changed, &service->lock, &until);
	r = atomic_load(&service->drained) ? 0 : -ETIMEDOUT;
	pthread_mutex_unlock(&service->lock);
	return r;
}

/* ---- life ---- */

int
host_service_new(const struct host_service_config *config, struct host_service **out,
                 struct otel_error *err)
{
	struct host_service *service = calloc(1, sizeof *service);
	const struct svc_plugin *plugin = config->plugin;
	int r = 0;

	if (!service)
		return otel_error_set(err, -ENOMEM, "out of memory");
	service->config = *config;
	service->name = strdup(config->name ? config->name : plugin->name);
	if (config->deadline_ms == 0)
		service->config.deadline_ms = DEFAULT_DEADLINE_MS;
	pthread_mutex_init(&service->lock, NULL);
	host_cond_init(&service->changed);
	atomic_init(&service->in_flight, 1);
	LIST_INIT(&service->timers);
	LIST_INIT(&service->lines);
	STAILQ_INIT(&service->pending);
	host_admission_init(&service->own_admission, 0);
	service->admission = config->admission ? config->admission
	                                       : &service->own_admission;
	if (config->instrument)
		r = host_instrument_new(&service->config, &service->instrument);
	if (r < 0 || !service->name) {
		host_service_free(service);
		return otel_error_set(err, -ENOMEM, "out of memory");
	}
	service->current.plugin = service->name;
	service->current.generation = config->generation;
	service->current.doing = service->current.detail = "";

	service->host.major = SVC_MAJOR;
	service->host.size = sizeof service->host;
	service->host.flags = config->flags;
	service->host.name = service->name;
	service->host.data_dir = config->data_dir ? config->data_dir : "";
	service->host.tracer = config->tracer;
	service->host.meter = config->meter;
	service->host.logger = config->logger;
	service->host.config_string = config_string;
	service->host.config_int = config_int;
	service->host.config_number = config_number;
	service->host.vlog = vlog;
	service_request_functions(&service->host);
	service_call_functions(&service->host);
	service_task_functions(&service->host);
	service_wait_functions(&service->host);
	*out = service;
	return 0;
}

int
host_service_attach(struct host_service *service, struct host_loop *const *loops,
                    size_t n, struct otel_error *err)
{
	struct service_slot *slots = calloc(n ? n : 1, sizeof *slots);

	if (!slots)
		return otel_error_set(err, -ENOMEM, "out of memory");
	assert(!service->slots);
	for (size_t i = 0; i < n; i++) {
		struct service_slot *slot = &slots[i];

		slot->service = service;
		slot->loop = loops[i];
		TAILQ_INIT(&slot->waiting);
		TAILQ_INIT(&slot->requests);
		TAILQ_INIT(&slot->streams);
		TAILQ_INIT(&slot->tasks);
		slot->cancel.fn = on_cancel;
		evtimer_assign(&slot->sweep, host_loop_base(loops[i]), on_sweep, slot);
	}
	pthread_mutex_lock(&service->lock);
	service->slots = slots;
	service->n_slots = n;
	pthread_mutex_unlock(&service->lock);
	service_task_attach(service);
	return 0;
}

void
host_service_free(struct host_service *service)
{
	if (!service)
		return;
	service_task_fini(service);
	service_wait_fini(service);
	host_instrument_free(service->instrument);
	pthread_cond_destroy(&service->changed);
	pthread_mutex_destroy(&service->lock);
	free(service->slots);
	free(service->name);
	free(service);
}

const struct svc_host *
host_service_host(const struct host_service *service)
{
	return &service->host;
}

const struct svc_plugin *
host_service_plugin(const struct host_service *service)
{
	return service->config.plugin;
}

const char *
host_service_name(const struct host_service *service)
{
	return service->name;
}

unsigned
host_service_generation(const struct host_service *service)
{
	return service->config.generation;
}

void
host_service_stats(const struct host_service *service, struct host_service_stats *out)
{
	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < service->n_slots; i++) {
		out->requests += atomic_load(&service->slots[i].requests_done);
		out->errors += atomic_load(&service->slots[i].errors);
		out->streams += atomic_load(&service->slots[i].n_streams);
	}
	out->refused = atomic_load(&service->refused);
	out->timers = atomic_load(&service->n_timers);
	out->in_flight = host_service_in_flight(service);
}
