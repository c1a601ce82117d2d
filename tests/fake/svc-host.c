/* SPDX-License-Identifier: Apache-2.0 */
#include "svc-host.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <ucontext.h>

#include <check.h>

#define STACK_SIZE ((size_t)1 << 20)

struct fake_fiber {
	ucontext_t context, back;
	char *stack;
	bool canceled;
	struct fake_event *waiting; /* for this; NULL: for the test */
};

struct fake_event {
	struct fake_host *fake;
};

/* ---- fibers ---- */

static void
run(int high, int low)
{
	struct fake_request *rq = (struct fake_request *)((uintptr_t)(unsigned)high
	                                                          << 32 |
	                                                  (unsigned)low);

	if (rq->task)
		rq->task(rq->arg);
	else
		rq->returned = rq->fake->plugin->handle(rq->fake->self, &rq->req);
	rq->done = true;
}

static void
enter(struct fake_request *rq)
{
	struct fake_fiber *before = rq->fake->running;

	rq->fake->running = rq->fiber;
	swapcontext(&rq->fiber->back, &rq->fiber->context);
	rq->fake->running = before;
}

/* Gives up the fiber until somebody resumes it: 0 or -ECANCELED. */
static int
suspend(struct fake_host *fake, struct fake_event *event)
{
	struct fake_fiber *fiber = fake->running;

	ck_assert_msg(fiber != NULL, "a [fiber] call that waits, outside a request");
	if (fiber->canceled)
		return -ECANCELED;
	fiber->waiting = event;
	swapcontext(&fiber->context, &fiber->back);
	fiber->waiting = NULL;
	return fiber->canceled ? -ECANCELED : 0;
}

static bool
canceled(const struct fake_host *fake)
{
	return fake->running && fake->running->canceled;
}

void
fake_resume(struct fake_request *rq)
{
	ck_assert(!rq->done);
	enter(rq);
}

void
fake_cancel(struct fake_request *rq)
{
	rq->fiber->canceled = true;
	fake_resume(rq);
}

/* ---- configuration and log ---- */

static const struct fake_host *
fake_of(const struct svc_host *host)
{
	return (const struct fake_host *)host;
}

static struct fake_host *
writable(const struct svc_host *host)
{
	return (struct fake_host *)(uintptr_t)host;
}

static const char *
config_string(const struct svc_host *host, const char *key)
{
	const struct fake_host *fake = fake_of(host);

	for (size_t i = 0; i < fake->n_settings; i++)
		if (strcmp(fake->settings[i].key, key) == 0)
			return fake->settings[i].value;
	for (const struct svc_key *k = fake->plugin->keys; k && k->name; k++)
		if (strcmp(k->name, key) == 0)
			return k->fallback;
	ck_abort_msg("%s is not among the service's keys", key);
	return NULL;
}

static double
config_number(const struct svc_host *host, const char *key)
{
	return strtod(config_string(host, key), NULL);
}

static int64_t
config_int(const struct svc_host *host, const char *key)
{
	static const struct {
		const char *unit;
		double factor;
	} units[] = { { "", 1 },      { "ms", 1 },   { "s", 1e3 },        { "m", 6e4 },
		      { "h", 3.6e6 }, { "k", 1024 }, { "M", 1024 * 1024 } };
	const char *text = config_string(host, key);
	char *end;
	double value = strtod(text, &end);

	if (strcmp(text, "yes") == 0 || strcmp(text, "no") == 0)
		return text[0] == 'y';
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (strcmp(end, units[i].unit) == 0)
			return (int64_t)(value * units[i].factor);
	ck_abort_msg("%s = %s", key, text);
	return 0;
}

OTEL_PRINTF(3, 0)
static void
vlog(const struct svc_host *host, int level, const char *fmt, va_list ap)
{
	struct fake_host *fake = writable(host);

	(void)level;
	vsnprintf(fake->logged, sizeof fake->logged, fmt, ap);
}

/* ---- requests ---- */

static struct fake_request *
request_of(struct svc_request *req)
{
	return (struct fake_request *)req;
}

static const char *
request_query(struct svc_request *req, const char *name)
{
	struct fake_request *rq = request_of(req);

	for (size_t i = 0; i < FAKE_MAX && rq->query[i][0]; i++)
		if (strcmp(rq->query[i][0], name) == 0)
			return rq->query[i][1];
	return NULL;
}

static const char *
request_header(struct svc_request *req, const char *name, size_t nth)
{
	struct fake_request *rq = request_of(req);

	for (size_t i = 0; i < rq->n_headers; i++)
		if (strcasecmp(rq->headers[i].name, name) == 0 && nth-- == 0)
			return rq->headers[i].value;
	return NULL;
}

static int
request_header_at(struct svc_request *req, size_t i, struct svc_header *out)
{
	if (i >= request_of(req)->n_headers)
		return -ENOENT;
	*out = request_of(req)->headers[i];
	return 0;
}

static int
reply_header(struct svc_request *req, const char *name, const char *value)
{
	struct fake_request *rq = request_of(req);

	if (rq->status)
		return -EALREADY;
	ck_assert_uint_lt(rq->n_reply_headers, FAKE_MAX);
	ck_assert(strpbrk(value, "\r\n") == NULL);
	snprintf(rq->reply_headers[rq->n_reply_headers].name, 64, "%s", name);
	snprintf(rq->reply_headers[rq->n_reply_headers++].value, 1024, "%s", value);
	return 0;
}

static int
reply(struct svc_request *req, int status, const char *type, const void *body, size_t len)
{
	struct fake_request *rq = request_of(req);

	if (rq->status)
		return -EALREADY;
	ck_assert(status >= 200 && status <= 599);
	rq->body = malloc(len + 1);
	if (len)
		memcpy(rq->body, body, len);
	rq->body[len] = '\0';
	rq->len = len;
	rq->type = type ? strdup(type) : NULL;
	rq->status = status;
	return 0;
}

static int
reply_json(struct svc_request *req, int status, struct json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15))
	                  : NULL;
	int r;

	json_decref(json);
	if (!text)
		return reply(req, 500, "text/plain; charset=utf-8", "", 0);
	r = reply(req, status, "application/json", text, strlen(text));
	free(text);
	return r;
}

static int
reply_begin(struct svc_request *req, int status, const char *type)
{
	int r = reply(req, status, type, "", 0);

	request_of(req)->in_pieces |= r == 0;
	return r;
}

static int
reply_write(struct svc_request *req, const void *data, size_t len)
{
	struct fake_request *rq = request_of(req);

	ck_assert(rq->in_pieces && !rq->ended);
	if (rq->fiber->canceled)
		return -ECANCELED;
	rq->body = realloc(rq->body, rq->len + len + 1);
	if (len)
		memcpy(rq->body + rq->len, data, len);
	rq->len += len;
	rq->body[rq->len] = '\0';
	return 0;
}

static int
reply_trailer(struct svc_request *req, const char *name, const char *value)
{
	struct fake_request *rq = request_of(req);

	ck_assert(rq->in_pieces && !rq->ended);
	ck_assert_uint_lt(rq->n_trailers, 4);
	snprintf(rq->trailers[rq->n_trailers].name, 64, "%s", name);
	snprintf(rq->trailers[rq->n_trailers++].value, 1024, "%s", value);
	return 0;
}

static int
reply_end(struct svc_request *req)
{
	struct fake_request *rq = request_of(req);

	ck_assert(rq->in_pieces && !rq->ended);
	rq->ended = true;
	return 0;
}

/* ---- calls ---- */

struct fake_response {
	struct svc_response rsp;
	const char *type;
};

static struct svc_response *
http(const struct svc_host *host, const struct svc_call *call)
{
	struct fake_host *fake = writable(host);
	struct fake_response *rsp = calloc(1, sizeof *rsp);
	struct fake_call *made = &fake->calls[fake->n_calls++];
	size_t best = 0, best_len = 0;
	int r = 0;

	ck_assert_uint_le(fake->n_calls, FAKE_MAX);
	snprintf(made->method, sizeof made->method, "%s",
	         call->method ? call->method
	         : call->body ? "POST"
	                      : "GET");
	snprintf(made->url, sizeof made->url, "%s", call->url);
	made->body = strndup(call->body ? call->body : "", call->len);
	made->timeout_ms = call->timeout_ms;
	for (made->n_headers = 0; made->n_headers < call->n_headers; made->n_headers++) {
		snprintf(made->headers[made->n_headers].name, 64, "%s",
		         call->headers[made->n_headers].name);
		snprintf(made->headers[made->n_headers].value, 256, "%s",
		         call->headers[made->n_headers].value);
	}
	rsp->rsp.host = host;
	rsp->rsp.body = rsp->rsp.message = "";
	if (fake->hold_http)
		r = suspend(fake, NULL);
	if (r < 0 || canceled(fake)) {
		rsp->rsp.error = -ECANCELED;
		rsp->rsp.message = "canceled";
		return &rsp->rsp;
	}
	for (size_t i = 0; i < fake->n_answers; i++) {
		size_t len = strlen(fake->answers[i].prefix);

		if (len >= best_len &&
		    strncmp(call->url, fake->answers[i].prefix, len) == 0) {
			best = i + 1;
			best_len = len;
		}
	}
	ck_assert_msg(best > 0, "nothing answers for %s", call->url);
	rsp->rsp.status = fake->answers[best - 1].status;
	rsp->rsp.error = fake->answers[best - 1].error;
	rsp->rsp.message = fake->answers[best - 1].message;
	rsp->rsp.body = fake->answers[best - 1].body;
	rsp->rsp.len = strlen(rsp->rsp.body);
	rsp->type = *rsp->rsp.body == '{' || *rsp->rsp.body == '[' ? "application/json"
	                                                           : "text/plain";
	return &rsp->rsp;
}

static const char *
response_header(const struct svc_response *rsp, const char *name, size_t i)
{
	return i == 0 && strcasecmp(name, "content-type") == 0
	               ? ((const struct fake_response *)rsp)->type
	               : NULL;
}

static void
response_free(struct svc_response *rsp)
{
	free(rsp);
}

/* ---- waiting ---- */

static int
fake_sleep(const struct svc_host *host, int ms)
{
	struct fake_host *fake = writable(host);

	ck_assert_uint_lt(fake->n_slept, FAKE_MAX);
	ck_assert_int_ge(ms, 0);
	fake->slept_ms[fake->n_slept++] = ms;
	if (fake->hold_sleep)
		return suspend(fake, NULL);
	return canceled(fake) ? -ECANCELED : 0;
}

static int
offload(const struct svc_host *host, void (*fn)(void *arg), void *arg)
{
	(void)host;
	fn(arg);
	return 0;
}

static struct fake_request *
start_fiber(struct fake_host *fake, struct fake_request *rq)
{
	uintptr_t address = (uintptr_t)rq;

	ck_assert_uint_lt(fake->n_requests, FAKE_MAX * 8);
	fake->requests[fake->n_requests++] = rq;
	rq->fake = fake;
	rq->fiber = calloc(1, sizeof *rq->fiber);
	rq->fiber->stack = malloc(STACK_SIZE);
	getcontext(&rq->fiber->context);
	rq->fiber->context.uc_stack.ss_sp = rq->fiber->stack;
	rq->fiber->context.uc_stack.ss_size = STACK_SIZE;
	rq->fiber->context.uc_link = &rq->fiber->back;
	makecontext(&rq->fiber->context, (void (*)(void))run, 2,
	            (int)(unsigned)(address >> 32), (int)(unsigned)address);
	enter(rq);
	return rq;
}

static int
spawn(const struct svc_host *host, void (*fn)(void *arg), void *arg)
{
	struct fake_request *rq = calloc(1, sizeof *rq);

	rq->task = fn;
	rq->arg = arg;
	start_fiber(writable(host), rq);
	return 0;
}

static struct svc_event *
event_new(const struct svc_host *host)
{
	struct fake_event *event = calloc(1, sizeof *event);

	event->fake = writable(host);
	return (struct svc_event *)event;
}

static int
event_wait(struct svc_event *event, int timeout_ms)
{
	(void)timeout_ms;
	return suspend(((struct fake_event *)event)->fake, (struct fake_event *)event);
}

/* Those that wait go on when the one that set it has given up the thread: here, at once, one by one. */
static void
event_set(struct svc_event *svc_event)
{
	struct fake_event *event = (struct fake_event *)svc_event;
	struct fake_host *fake = event->fake;
	struct fake_request *woken[FAKE_MAX * 8];
	size_t n = 0;

	for (size_t i = 0; i < fake->n_requests; i++)
		if (!fake->requests[i]->done &&
		    fake->requests[i]->fiber->waiting == event)
			woken[n++] = fake->requests[i];
	for (size_t i = 0; i < n; i++)
		enter(woken[i]);
}

static void
event_free(struct svc_event *event)
{
	free(event);
}

/* ---- for tests ---- */

void
fake_init(struct fake_host *fake, const struct svc_plugin *plugin)
{
	memset(fake, 0, sizeof *fake);
	fake->plugin = plugin;
	fake->peer = "127.0.0.1";
	fake->listener = "";
	fake->host = (struct svc_host){
		.major = SVC_MAJOR,
		.size = sizeof(struct svc_host),
		.name = plugin->name,
		.data_dir = "/nowhere",
		.config_string = config_string,
		.config_int = config_int,
		.config_number = config_number,
		.vlog = vlog,
		.request_query = request_query,
		.request_header = request_header,
		.request_header_at = request_header_at,
		.reply_header = reply_header,
		.reply = reply,
		.reply_json = reply_json,
		.reply_begin = reply_begin,
		.reply_write = reply_write,
		.reply_trailer = reply_trailer,
		.reply_end = reply_end,
		.http = http,
		.response_header = response_header,
		.response_free = response_free,
		.sleep = fake_sleep,
		.offload = offload,
		.spawn = spawn,
		.event_new = event_new,
		.event_wait = event_wait,
		.event_set = event_set,
		.event_free = event_free,
	};
	ck_assert_uint_eq(plugin->major, SVC_MAJOR);
	ck_assert_uint_eq(plugin->size, sizeof *plugin);
}

void
fake_set(struct fake_host *fake, const char *key, const char *value)
{
	ck_assert_uint_lt(fake->n_settings, FAKE_MAX);
	fake->settings[fake->n_settings].key = key;
	fake->settings[fake->n_settings++].value = value;
}

void
fake_start(struct fake_host *fake)
{
	struct otel_error err = OTEL_ERROR_INIT;

	ck_assert_msg(fake->plugin->start(&fake->host, &fake->self, &err) == 0,
	              "start: %s", err.message);
}

int
fake_start_fails(struct fake_host *fake, struct otel_error *err)
{
	int r = fake->plugin->start(&fake->host, &fake->self, err);

	ck_assert_int_lt(r, 0);
	ck_assert_str_ne(err->message, "");
	ck_assert_ptr_null(fake->self);
	return r;
}

void
fake_answer(struct fake_host *fake, const char *prefix, int status, const char *body)
{
	ck_assert_uint_lt(fake->n_answers, FAKE_MAX);
	fake->answers[fake->n_answers].prefix = prefix;
	fake->answers[fake->n_answers].status = status;
	fake->answers[fake->n_answers].message = "";
	fake->answers[fake->n_answers++].body = body;
}

void
fake_no_answer(struct fake_host *fake, const char *prefix, int error, const char *message)
{
	fake_answer(fake, prefix, 0, "");
	fake->answers[fake->n_answers - 1].error = error;
	fake->answers[fake->n_answers - 1].message = message;
}

/* Undoes percent-encoding in place; '+' is a space in queries. */
static void
decode(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (*text == '%' && isxdigit((unsigned char)text[1]) &&
		    isxdigit((unsigned char)text[2])) {
			char hex[3] = { text[1], text[2], '\0' };

			*out++ = (char)strtol(hex, NULL, 16);
			text += 2;
		} else {
			*out++ = *text == '+' ? ' ' : *text;
		}
	}
	*out = '\0';
}

static void
parse_target(struct fake_request *rq)
{
	char *question;
	size_t n = 0;

	snprintf(rq->path, sizeof rq->path, "%s", rq->target);
	question = strchr(rq->path, '?');
	rq->req.query = "";
	if (question) {
		*question++ = '\0';
		rq->req.query = strchr(rq->target, '?') + 1;
		for (char *pair; (pair = strsep(&question, "&")) && n < FAKE_MAX; n++) {
			rq->query[n][0] = strsep(&pair, "=");
			rq->query[n][1] = pair ? pair
			                       : rq->query[n][0] +
			                                  strlen(rq->query[n][0]);
			decode(rq->query[n][0]);
			decode(rq->query[n][1]);
		}
	}
	rq->req.path = rq->path;
}

struct fake_request *
fake_send(struct fake_host *fake, const char *method, const char *target,
          const void *body, size_t len, const struct svc_header *headers, size_t n)
{
	struct fake_request *rq = calloc(1, sizeof *rq);

	ck_assert_uint_lt(strlen(target), sizeof rq->target);
	snprintf(rq->target, sizeof rq->target, "%s", target);
	parse_target(rq);
	if (n)
		memcpy(rq->headers, headers, n * sizeof *headers);
	rq->n_headers = n;
	rq->req.host = &fake->host;
	rq->req.method = method;
	rq->req.target = rq->target;
	rq->req.listener = fake->listener;
	rq->req.peer = fake->peer;
	rq->req.version = 11;
	rq->req.body = body ? body : "";
	rq->req.len = len;
	return start_fiber(fake, rq);
}

struct fake_request *
fake_begin(struct fake_host *fake, const char *method, const char *target,
           const char *body, const struct svc_header *headers, size_t n)
{
	return fake_send(fake, method, target, body, body ? strlen(body) : 0, headers, n);
}

struct fake_request *
fake_get(struct fake_host *fake, const char *target)
{
	struct fake_request *rq = fake_begin(fake, "GET", target, NULL, NULL, 0);

	ck_assert(rq->done);
	return rq;
}

struct fake_request *
fake_post(struct fake_host *fake, const char *target, const char *body)
{
	struct fake_request *rq = fake_begin(fake, "POST", target, body, NULL, 0);

	ck_assert(rq->done);
	return rq;
}

const char *
fake_reply_header(const struct fake_request *rq, const char *name)
{
	for (size_t i = 0; i < rq->n_reply_headers; i++)
		if (strcasecmp(rq->reply_headers[i].name, name) == 0)
			return rq->reply_headers[i].value;
	return NULL;
}

const char *
fake_reply_trailer(const struct fake_request *rq, const char *name)
{
	for (size_t i = 0; i < rq->n_trailers; i++)
		if (strcasecmp(rq->trailers[i].name, name) == 0)
			return rq->trailers[i].value;
	return NULL;
}

const char *
fake_call_header(const struct fake_call *call, const char *name)
{
	for (size_t i = 0; i < call->n_headers; i++)
		if (strcasecmp(call->headers[i].name, name) == 0)
			return call->headers[i].value;
	return NULL;
}

void
fake_fini(struct fake_host *fake)
{
	for (size_t i = 0; i < fake->n_requests; i++) {
		struct fake_request *rq = fake->requests[i];

		if (rq->task && !rq->done)
			fake_cancel(rq);
		ck_assert_msg(rq->done, "%s is still waiting", rq->target);
		free(rq->fiber->stack);
		free(rq->fiber);
		free((char *)(uintptr_t)rq->type);
		free(rq->body);
		free(rq);
	}
	for (size_t i = 0; i < fake->n_calls; i++)
		free(fake->calls[i].body);
	if (fake->self)
		fake->plugin->stop(fake->self);
	memset(fake, 0, sizeof *fake);
}
