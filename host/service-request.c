/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request is made in the exchange's own memory, so it costs no allocation and dies with it:
 *
 *	on_head ── admitted? ──► waiting ──on_ready──► fiber ──► handler ──► ended ──► http_exchange_done
 *	             └─ 503                on_gone: done │  on_gone, deadline, cancel: cancelled
 *
 * The fiber starts within on_ready, so that replies to pipelined requests leave in one write.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "service-priv.h"

#define STREAM_GRACE_MS \
	500 /* a reply in pieces that has just begun will most likely end by itself */
#define MAX_PARAMETERS 256
#define RETRY_AFTER_S  1

enum awaited { NOTHING, BODY, ROOM };

struct parameter {
	const char *name, *value;
};

struct request {
	struct svc_request pub; /* first: what the service sees */
	struct service_work work;
	struct http_exchange *x;
	struct host_instrument_request trace;
	enum awaited awaited;
	bool running; /* the fiber has been made */
	bool streaming, replied, ended, gone, late;
	int status;  /* of the reply; 0: none */
	size_t read; /* bytes of a complete body that svc_request_read has given out */
	struct http_field *fields;
	size_t n_fields, max_fields;
	struct parameter *parameters;
	size_t n_parameters;
	bool parsed;
};

static struct request *
request_of(struct svc_request *pub)
{
	return (struct request *)pub;
}

static struct request *
request_of_work(struct service_work *work)
{
	return (struct request *)((char *)work - offsetof(struct request, work));
}

/* ---- reading ---- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* What is no escape stays as it is, and so does %00: a value is a C string. */
static char *
decode(char *to, const char *from, size_t len)
{
	for (const char *end = from + len; from < end; from++) {
		int high, low;

		if (*from == '+') {
			*to++ = ' ';
			continue;
		}
		if (*from == '%' && end - from > 2 && (high = hex_digit(from[1])) >= 0 &&
		    (low = hex_digit(from[2])) >= 0 && (high || low)) {
			*to++ = (char)(high << 4 | low);
			from += 2;
			continue;
		}
		*to++ = *from;
	}
	*to++ = '\0';
	return to;
}

static void
parse_query(struct request *r)
{
	const char *query = r->x->query;
	size_t n = 1, len = strlen(query);
	char *text;

	r->parsed = true;
	for (const char *at = query; *at; at++)
		n += *at == '&';
	if (!len)
		return;
	if (n > MAX_PARAMETERS)
		n = MAX_PARAMETERS;
	r->parameters = http_exchange_alloc(r->x, n * sizeof *r->parameters);
	text = http_exchange_alloc(r->x, len + 2 * n + 2);
	if (!r->parameters || !text)
		return;
	while (r->n_parameters < n) {
		size_t piece = strcspn(query, "&");
		const char *equals = memchr(query, '=', piece);
		size_t name = equals ? (size_t)(equals - query) : piece;
		struct parameter *p = &r->parameters[r->n_parameters];

		if (piece) {
			p->name = text;
			text = decode(text, query, name);
			p->value = text;
			text = equals ? decode(text, equals + 1, piece - name - 1)
			              : decode(text, "", 0);
			r->n_parameters++;
		}
		if (!query[piece])
			break;
		query += piece + 1;
	}
}

static const char *
request_query(struct svc_request *pub, const char *name)
{
	struct request *r = request_of(pub);

	if (!r->parsed)
		parse_query(r);
	for (size_t i = 0; i < r->n_parameters; i++)
		if (strcmp(r->parameters[i].name, name) == 0)
			return r->parameters[i].value;
	return NULL;
}

static const char *
request_header(struct svc_request *pub, const char *name, size_t i)
{
	return http_exchange_field(request_of(pub)->x, name, i);
}

static int
request_header_at(struct svc_request *pub, size_t i, struct svc_header *out)
{
	const struct http_exchange *x = request_of(pub)->x;

	if (i >= x->n_fields)
		return -ENOENT;
	out->name = x->fields[i].name;
	out->value = x->fields[i].value;
	return 0;
}

static bool
stop_awaiting(void *arg)
{
	((struct request *)arg)->awaited = NOTHING;
	return true;
}

static int
await(struct request *r, enum awaited what)
{
	r->awaited = what;
	return host_fiber_wait(stop_awaiting, r);
}

static long
request_read(struct svc_request *pub, void *buf, size_t size)
{
	struct request *r = request_of(pub);
	long n;

	if (host_fiber_self() != r->work.fiber)
		return -EINVAL;
	if (host_fiber_is_cancelled(r->work.fiber))
		return -ECANCELED;
	if (!(r->work.service->config.plugin->flags & SVC_STREAM_BODY)) {
		size_t left = r->pub.len - r->read;

		if (size > left)
			size = left;
		if (size)
			memcpy(buf, (const char *)r->pub.body + r->read, size);
		r->read += size;
		return (long)size;
	}
	while ((n = http_read(r->x, buf, size)) == -EAGAIN) {
		int error = await(r, BODY);

		if (error < 0)
			return error;
	}
	return n;
}

/* ---- replying ---- */

/* 0 while a reply may be made. */
static int
may_reply(const struct request *r)
{
	if (host_loop_current() != r->work.slot->loop)
		return -EINVAL; /* a thread of svc_offload, say */
	if (r->replied)
		return -EALREADY;
	if (r->gone || host_fiber_is_cancelled(r->work.fiber))
		return -ECANCELED;
	return 0;
}

static bool
is_name(const char *name)
{
	if (!name || !*name)
		return false;
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
			return false;
	}
	return true;
}

static bool
is_value(const char *value)
{
	if (!value)
		return false;
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static const char *
keep(struct request *r, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = http_exchange_alloc(r->x, size);

	return copy ? memcpy(copy, text, size) : NULL;
}

static int
add_field(struct request *r, const char *name, const char *value)
{
	if (r->n_fields == r->max_fields) {
		size_t max = r->max_fields ? r->max_fields * 2 : 8;
		struct http_field *grown = http_exchange_alloc(r->x, max * sizeof *grown);

		if (!grown)
			return -ENOMEM;
		if (r->n_fields)
			memcpy(grown, r->fields, r->n_fields * sizeof *grown);
		r->fields = grown;
		r->max_fields = max;
	}
	r->fields[r->n_fields++] = (struct http_field){ name, value };
	return 0;
}

static int
reply_header(struct svc_request *pub, const char *name, const char *value)
{
	struct request *r = request_of(pub);
	int error = may_reply(r);

	if (error < 0)
		return error;
	if (!is_name(name) || !is_value(value))
		return -EINVAL;
	name = keep(r, name);
	value = keep(r, value);
	return name && value ? add_field(r, name, value) : -ENOMEM;
}

/* What came first wins: a Content-Type of reply_header stands. */
static int
add_content_type(struct request *r, const char *content_type)
{
	if (!content_type)
		return 0;
	if (!is_value(content_type))
		return -EINVAL;
	for (size_t i = 0; i < r->n_fields; i++)
		if (strcasecmp(r->fields[i].name, "Content-Type") == 0)
			return 0;
	return add_field(r, "Content-Type", content_type);
}

static int
reply(struct svc_request *pub, int status, const char *content_type, const void *body,
      size_t len)
{
	struct request *r = request_of(pub);
	int error = may_reply(r);

	if (error < 0)
		return error;
	error = add_content_type(r, content_type);
	if (error < 0)
		return error;
	error = http_reply(r->x, status, r->fields, r->n_fields, body, len);
	if (error == 0) {
		r->replied = r->ended = true;
		r->status = status;
	}
	return error;
}

struct dump {
	json_t *json;
	struct service_loop *to;
	size_t len;
	bool failed;
};

static int
on_json(const char *text, size_t len, void *arg)
{
	struct dump *dump = arg;
	struct service_loop *to = dump->to;

	if (dump->len + len > to->json_size) {
		size_t size = to->json_size ? to->json_size : 4096;
		char *grown;

		while (size < dump->len + len)
			size *= 2;
		grown = realloc(to->json, size);
		if (!grown)
			return -1;
		to->json = grown;
		to->json_size = size;
	}
	memcpy(to->json + dump->len, text, len);
	dump->len += len;
	return 0;
}

/*
 * On the loop's stack, for jansson recurses. 15 digits: what a decimal of up to 15 digits was before it
 * became a double, so 0.1 is written as 0.1 (jansson's own choice is 17: 0.10000000000000001).
 */
static void
dump_json(void *arg)
{
	struct dump *dump = arg;

	dump->failed = json_dump_callback(dump->json, on_json, dump,
	                                  JSON_COMPACT | JSON_ENCODE_ANY |
	                                          JSON_REAL_PRECISION(15)) < 0;
	json_decref(dump->json);
}

#define KEEP_JSON (256u << 10)

static int
reply_json(struct svc_request *pub, int status, json_t *json)
{
	struct request *r = request_of(pub);
	struct dump dump = { .json = json, .to = service_loop_current() };
	int error;

	if (json && dump.to && host_fiber_self()) {
		host_fiber_outside(dump_json, &dump);
	} else {
		json_decref(json);
		dump.failed = true;
	}
	error = may_reply(r);
	if (error < 0)
		return error;
	if (dump.failed) {
		service_log(r->work.service, SVC_ERROR,
		            "%s %s: the reply's JSON could not be made", r->pub.method,
		            r->pub.path);
		return reply(pub, 500, "text/plain; charset=utf-8", "internal error\n",
		             15);
	}
	error = reply(pub, status, "application/json", dump.to->json, dump.len);
	if (dump.to->json_size > KEEP_JSON) {
		free(dump.to->json);
		dump.to->json = NULL;
		dump.to->json_size = 0;
	}
	return error;
}

static int
reply_begin(struct svc_request *pub, int status, const char *content_type)
{
	struct request *r = request_of(pub);
	struct service_slot *slot = r->work.slot;
	int error = may_reply(r);

	if (error < 0)
		return error;
	error = add_content_type(r, content_type);
	if (error < 0)
		return error;
	error = http_reply_begin(r->x, status, r->fields, r->n_fields);
	if (error < 0)
		return error;
	r->replied = r->streaming = true;
	r->status = status;
	/* A reply in pieces may last: the request's deadline is off, and it ends with its generation. */
	TAILQ_REMOVE(&slot->requests, &r->work, link);
	r->work.deadline_ms = host_now_ms() + STREAM_GRACE_MS;
	r->work.open_ended = true;
	TAILQ_INSERT_TAIL(&slot->streams, &r->work, link);
	atomic_fetch_add_explicit(&slot->n_streams, 1, memory_order_relaxed);
	if (slot->cancelled)
		service_slot_sweep_at(slot, r->work.deadline_ms);
	return 0;
}

static int
may_write(const struct request *r)
{
	if (host_loop_current() != r->work.slot->loop)
		return -EINVAL;
	if (r->ended)
		return -EALREADY;
	if (!r->streaming)
		return -EINVAL;
	if (r->gone || host_fiber_is_cancelled(r->work.fiber))
		return -ECANCELED;
	return 0;
}

static int
reply_write(struct svc_request *pub, const void *data, size_t len)
{
	struct request *r = request_of(pub);
	const char *at = data;

	while (len) {
		int error = may_write(r);
		long n;

		if (error < 0)
			return error;
		n = http_reply_write(r->x, at, len);
		if (n == -EAGAIN) {
			if (host_fiber_self() != r->work.fiber)
				return -EINVAL;
			error = await(r, ROOM);
			if (error < 0)
				return error;
			continue;
		}
		if (n < 0)
			return (int)n;
		at += n;
		len -= (size_t)n;
	}
	return may_write(r);
}

static int
reply_trailer(struct svc_request *pub, const char *name, const char *value)
{
	struct request *r = request_of(pub);
	int error = may_write(r);

	if (error < 0)
		return error;
	if (!is_name(name) || !is_value(value))
		return -EINVAL;
	return http_reply_trailer(r->x, name, value);
}

static int
reply_end(struct svc_request *pub)
{
	struct request *r = request_of(pub);
	int error = may_write(r);

	if (error < 0)
		return error;
	error = http_reply_end(r->x);
	if (error == 0)
		r->ended = true;
	return error;
}

void
service_request_functions(struct svc_host *host)
{
	host->request_query = request_query;
	host->request_header = request_header;
	host->request_header_at = request_header_at;
	host->request_read = request_read;
	host->reply_header = reply_header;
	host->reply = reply;
	host->reply_json = reply_json;
	host->reply_begin = reply_begin;
	host->reply_write = reply_write;
	host->reply_trailer = reply_trailer;
	host->reply_end = reply_end;
}

/* ---- from exchange to fiber and back ---- */

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

static void
on_gone(struct http_exchange *x, int why)
{
	struct request *r = x->user;

	(void)why;
	r->gone = true;
	if (r->running)
		host_fiber_cancel(r->work.fiber);
	else
		finish(r);
}

const struct http_ops host_request_ops = {
	.on_ready = on_ready,
	.on_body = on_body,
	.on_writable = on_writable,
	.on_gone = on_gone,
};
