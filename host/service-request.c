/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request is made in the exchange's own memory, so it costs no allocation and dies with it:
 *
 *	on_head ── admitted? ──► waiting ──on_ready──► fiber ──► handler ──► ended ──► http_exchange_done
 *	             └─ 503                on_gone: done │  on_gone, deadline, cancel: cancelled
 *
 * The fiber starts within on_ready, so that replies to pipelined requests leave in one write.
 */
#include "service-request.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#define RETRY_AFTER_S 1

static bool
stop_awaiting(void *arg)
{
	((struct request *)arg)->awaited = NOTHING;
	return true;
}

int
service_request_await(struct request *r, enum awaited what)
{
	r->awaited = what;
	return host_fiber_wait(stop_awaiting, r);
}

static struct service_works *
list_of(struct request *r)
{
	struct service_slot *slot = r->work.slot;

	return !r->running    ? &slot->waiting
	       : r->streaming ? &slot->streams
	                      : &slot->requests;
}

/* Frees the request with its exchange. */
static void
finish(struct request *r)
{
	struct service_slot *slot = r->work.slot;
	struct host_service *service = r->work.service;

	TAILQ_REMOVE(list_of(r), &r->work, link);
	if (r->streaming)
		atomic_fetch_sub_explicit(&slot->n_streams, 1, memory_order_relaxed);
	http_exchange_done(r->x);
	host_admission_leave(service->admission);
	service_slot_rest(slot);
	service_unref(service);
}

static const char *
error_of(const struct request *r)
{
	if (r->gone)
		return "client_gone";
	if (r->streaming && !r->ended)
		return "cut_off";
	return "";
}

static void
answer_for(struct request *r)
{
	static const char wrong[] = "the service did not answer\n";

	if (r->late || host_fiber_is_cancelled(r->work.fiber)) {
		r->status = 503;
		http_reply_busy(r->x, RETRY_AFTER_S,
		                r->late ? "the service took too long\n"
		                        : "the service is being replaced\n");
		return;
	}
	service_log(r->work.service, SVC_ERROR,
	            "%s %s: the handler returned without a reply", r->pub.method,
	            r->pub.target);
	r->status = 500;
	http_reply(r->x, 500,
	           &(struct http_field){ "Content-Type", "text/plain; charset=utf-8" }, 1,
	           wrong, sizeof wrong - 1);
}

static void
on_ended(void *arg)
{
	struct request *r = request_of_work(arg);
	struct service_slot *slot = r->work.slot;

	if (!r->replied && !r->gone)
		answer_for(r);
	atomic_fetch_add_explicit(&slot->requests_done, 1, memory_order_relaxed);
	if (r->status >= 500)
		atomic_fetch_add_explicit(&slot->errors, 1, memory_order_relaxed);
	host_instrument_end(r->work.service->instrument, &r->trace, r->x,
	                    r->replied || !r->gone ? r->status : 0, error_of(r));
	finish(r);
}

static void
run_request(void *arg)
{
	struct request *r = request_of_work(arg);
	struct host_service *service = r->work.service;
	int result = service->config.plugin->handle(service->self, &r->pub);

	if (result < 0 &&
	    !(result == -ECANCELED && host_fiber_is_cancelled(r->work.fiber)))
		service_log(service, SVC_WARN, "%s %s: the handler returned %d (%s)",
		            r->pub.method, r->pub.target, result, strerror(-result));
}

/* On a loop's stack. It may already be on its way out. */
void
service_request_cancel(struct service_work *work)
{
	struct request *r = request_of_work(work);

	if (r->running) {
		if (!r->streaming && r->work.slot->cancelled <= HOST_CANCEL_ALL)
			r->late = true;
		host_fiber_cancel(work->fiber);
		return;
	}
	http_reply_busy(r->x, RETRY_AFTER_S, "the service is being replaced\n");
	finish(r);
}

static enum http_body
refuse(struct host_service *service, struct http_exchange *x, const char *why)
{
	atomic_fetch_add_explicit(&service->refused, 1, memory_order_relaxed);
	http_reply_busy(x, RETRY_AFTER_S, why);
	http_exchange_done(x);
	return HTTP_BUFFER;
}

enum http_body
host_service_head(struct host_service *service, struct host_loop *loop,
                  struct http_exchange *x)
{
	struct service_slot *slot = service_slot_current(service);
	struct host_fibers *fibers = host_loop_fibers(loop);
	struct request *r;

	if (!slot || slot->loop != loop || slot->cancelled > HOST_CANCEL_ALL)
		return refuse(service, x, "the service is being replaced\n");
	if (host_fibers_alive(fibers) >= host_fibers_max(fibers))
		return refuse(service, x, "too many requests at once\n");
	if (!host_admission_enter(service->admission))
		return refuse(service, x, "too many requests at once\n");
	r = http_exchange_alloc(x, sizeof *r);
	if (!r) {
		host_admission_leave(service->admission);
		return refuse(service, x, "out of memory\n");
	}
	memset(r, 0, sizeof *r);
	service_ref(service);
	r->x = x;
	r->work.kind = WORK_REQUEST;
	r->work.service = service;
	r->work.slot = slot;
	TAILQ_INSERT_TAIL(&slot->waiting, &r->work, link);
	x->user = r;
	return service->config.plugin->flags & SVC_STREAM_BODY ? HTTP_STREAM
	                                                       : HTTP_BUFFER;
}

static void
on_ready(struct http_exchange *x)
{
	struct request *r = x->user;
	struct host_service *service = r->work.service;
	struct service_slot *slot = r->work.slot;
	struct host_current current = service->current;
	struct otel_context *context;

	r->pub = (struct svc_request){
		.host = &service->host,
		.method = x->method,
		.target = x->target,
		.path = x->path,
		.query = x->query,
		.listener = http_listener_label(x->listener),
		.peer = http_exchange_peer(x),
		.version = x->version,
		.body = x->body ? x->body : "",
		.len = x->len,
	};
	context = host_instrument_begin(service->instrument, &r->trace, x);
	r->work.dark = !r->trace.traced;
	current.doing = "handle";
	current.detail = x->target;
	if (r->trace.span) {
		const struct otel_span_context *sc = otel_span_context(r->trace.span);

		memcpy(current.trace_id, sc->trace_id, sizeof current.trace_id);
		memcpy(current.span_id, sc->span_id, sizeof current.span_id);
	}
	r->work.fiber = host_fiber_new(host_loop_fibers(slot->loop), run_request,
	                               on_ended, &r->work, &current, context);
	if (!r->work.fiber) {
		atomic_fetch_add_explicit(&service->refused, 1, memory_order_relaxed);
		http_reply_busy(x, RETRY_AFTER_S, "too many requests at once\n");
		host_instrument_end(service->instrument, &r->trace, x, 503, "");
		finish(r);
		return;
	}
	TAILQ_REMOVE(&slot->waiting, &r->work, link);
	r->running = true;
	TAILQ_INSERT_TAIL(&slot->requests, &r->work, link);
	if (service->config.deadline_ms > 0) {
		r->work.deadline_ms = host_now_ms() +
		                      (uint64_t)service->config.deadline_ms;
		service_slot_sweep_at(slot, r->work.deadline_ms);
	}
	host_fiber_run(r->work.fiber);
}

static void
wake(struct request *r, enum awaited what)
{
	if (r->awaited != what)
		return;
	r->awaited = NOTHING;
	host_fiber_ready(r->work.fiber);
}

static void
on_body(struct http_exchange *x)
{
	wake(x->user, BODY);
}

static void
on_writable(struct http_exchange *x)
{
	wake(x->user, ROOM);
}

void
service_request_gone(struct request *r)
{
	r->gone = true;
	host_fiber_cancel(r->work.fiber);
}

static void
on_gone(struct http_exchange *x, int why)
{
	struct request *r = x->user;

	(void)why;
	if (r->running) {
		service_request_gone(r);
	} else {
		r->gone = true;
		finish(r);
	}
}

const struct http_ops host_request_ops = {
	.on_ready = on_ready,
	.on_body = on_body,
	.on_writable = on_writable,
	.on_gone = on_gone,
};

void
service_request_functions(struct svc_host *host)
{
	service_read_functions(host);
	service_reply_functions(host);
}
