/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies are checked here for what the service may say at this point, and in the server for what is HTTP.
 * A reply in pieces moves its request from those with a deadline to those that end with their generation.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "service-request.h"

#define STREAM_GRACE_MS 500 /* one that has just begun will most likely end by itself */

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
	if (error == -ECANCELED)
		service_request_gone(r);
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
	if (error == -ECANCELED)
		service_request_gone(r);
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
			error = service_request_await(r, ROOM);
			if (error < 0)
				return error;
			continue;
		}
		if (n == -ECANCELED)
			service_request_gone(r);
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
	if (error == -ECANCELED)
		service_request_gone(r);
	if (error == 0)
		r->ended = true;
	return error;
}

void
service_reply_functions(struct svc_host *host)
{
	host->reply_header = reply_header;
	host->reply = reply;
	host->reply_json = reply_json;
	host->reply_begin = reply_begin;
	host->reply_write = reply_write;
	host->reply_trailer = reply_trailer;
	host->reply_end = reply_end;
}
