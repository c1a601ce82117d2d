/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/service-priv.h - what the files behind host/service.h share.
 *
 *	service.c          a generation's life: new, attach, cancel, drain, free
 *	service-run.c      start and stop
 *	service-request.c  an exchange becomes a request and a fiber
 *	service-read.c     what the service reads of it
 *	service-reply.c    what the service answers
 *	service-call.c     svc_http
 *	service-task.c     spawns and timers
 *	service-wait.c     sleep, mutexes, events, offload
 *
 * Every fiber that runs a service's code has a struct service_work as its argument. It is listed in the
 * slot of its loop, so that it can be cancelled there, and counted in service->in_flight, so that the code
 * stays mapped.
 */
#ifndef HOST_SERVICE_PRIV_H
#define HOST_SERVICE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "current.h"
#include "fiber.h"
#include "http-client.h"
#include "instrument.h"
#include "loop.h"
#include "service.h"

enum work_kind { WORK_START, WORK_STOP, WORK_REQUEST, WORK_TASK };

struct service_work {
	TAILQ_ENTRY(service_work)
	link; /* in one of its slot's lists, when slot is not NULL */
	struct host_service *service;
	struct service_slot *slot; /* NULL: on a private loop */
	struct host_fiber *fiber;  /* NULL: not yet */
	uint64_t deadline_ms;      /* host_now_ms(); 0: none */
	enum work_kind kind;
	bool open_ended; /* deadline_ms is a stream's grace, not the end of its time */
	bool dark;       /* its calls are not traced, whatever the service's are */
};

TAILQ_HEAD(service_works, service_work);

/* A service on one loop; used there only, but for what is atomic. */
struct service_slot {
	struct host_service *service;
	struct host_loop *loop;
	struct service_works waiting; /* requests whose body is still coming */
	struct service_works
		requests; /* in the order of their deadlines, which is that of their starts */
	struct service_works streams; /* replies in pieces that have begun */
	struct service_works tasks;   /* spawns and timer calls */
	struct event
		sweep; /* cancels requests past their deadline, streams past their grace */
	bool sweeping, in_sweep;
	int cancelled; /* enum host_cancel + 1, as far as this loop has come */
	struct host_message cancel;
	atomic_bool cancel_posted;
	/* written here, read anywhere */
	atomic_uint_fast64_t requests_done, errors;
	atomic_uint n_streams;
};

struct host_service {
	struct svc_host host; /* first: a service's `host` is the way back */
	struct host_service_config config;
	char *name;
	void *self;
	bool started;
	struct host_current current; /* what its fibers begin with */
	struct host_instrument *instrument;
	struct host_admission *admission, own_admission;
	struct service_slot *slots;
	size_t n_slots;

	atomic_uint in_flight; /* one more than what is, until it is drained */
	atomic_int cancelled;  /* enum host_cancel + 1 */
	atomic_bool draining, drained;
	atomic_uint n_timers;
	atomic_uint_fast64_t refused;

	pthread_mutex_t lock;
	pthread_cond_t changed; /* drained */
	/* guarded by lock: */
	void (*on_drained)(void *arg);
	void *on_drained_arg;
	LIST_HEAD(, svc_timer) timers;
	LIST_HEAD(, line) lines;             /* mutexes and events */
	STAILQ_HEAD(, service_task) pending; /* spawned by start(), to begin at attach */
};

/* What this loop keeps for all services on it. */
struct service_loop {
	SLIST_HEAD(, service_response) responses; /* for reuse */
	unsigned n_responses;
	char *json; /* the last document that was written */
	size_t json_size;
};

static inline struct host_service *
service_of(const struct svc_host *host)
{
	return (struct host_service *)(uintptr_t)host;
}

/* The work whose fiber runs; NULL outside of fibers. */
static inline struct service_work *
service_work_current(void)
{
	struct host_fiber *fiber = host_fiber_self();

	return fiber ? host_fiber_arg(fiber) : NULL;
}

/* Whether the running fiber has been cancelled. */
static inline bool
service_is_cancelled(void)
{
	struct host_fiber *fiber = host_fiber_self();

	return fiber && host_fiber_is_cancelled(fiber);
}

/* NULL without memory. [loop] */
struct service_loop *service_loop_current(void);
/* The slot of this thread's loop, or else the first; NULL before attach. [any] */
struct service_slot *service_slot_current(struct host_service *service);

/* One more in flight, for who knows that something is. [any] */
void service_ref(struct host_service *service);
/* The same for who does not: false when nothing is, and nothing comes any more. [any] */
bool service_try_ref(struct host_service *service);
void service_unref(struct host_service *service);
/* Arms the slot's sweep for a time (host_now_ms). [loop] */
void service_slot_sweep_at(struct service_slot *slot, uint64_t at_ms);
/* Something of the slot has ended: while draining, no timer may stay behind. [loop] */
void service_slot_rest(struct service_slot *slot);
/* Says something about the service in the host's log. [any] */
OTEL_PRINTF(3, 4)
void service_log(const struct host_service *service, int level, const char *fmt, ...);

/* ---- service-request.c ---- */

void service_request_functions(struct svc_host *host);
/* Of one whose body is still coming, or that runs. [loop] */
void service_request_cancel(struct service_work *work);

/* ---- service-call.c ---- */

void service_call_functions(struct svc_host *host);
struct service_response;
void service_response_destroy(struct service_response *response);
struct service_response *service_response_next(struct service_response *response);

/* ---- service-task.c ---- */

void service_task_functions(struct svc_host *host);
/* Lets what start() made begin, on the first slot's loop. */
void service_task_attach(struct host_service *service);
/* Takes the slot's timers off its loop. [loop] */
void service_task_revoke(struct service_slot *slot);
/* Frees timers that are left, and what never began. */
void service_task_fini(struct host_service *service);

/* ---- service-wait.c ---- */

void service_wait_functions(struct svc_host *host);
/* Frees mutexes and events that are left. */
void service_wait_fini(struct host_service *service);

#endif
