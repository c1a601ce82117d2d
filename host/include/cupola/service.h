/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cupola/service.h - the contract between the host and a service.
 *
 * A service is a shared object that exports one constant, `svc_plugin`: who it is, what it can be told
 * in host.conf, and three functions. The host gives it a constant table, `struct svc_host`: handles to
 * create spans, metrics and logs with, and what it may ask for. plugins/hello/app.c is the smallest.
 *
 * Threads and fibers. Each request runs in a fiber of its own on one of the host's loops. Calls tagged
 * [fiber] may suspend that request: others run meanwhile, on the same thread, so a handler reads
 * straight down and blocks nobody. Between two such calls nothing else of this service runs, unless it
 * is flagged SVC_CONCURRENT, which lets all loops run it at once. [any] may be called anywhere, from
 * threads of svc_offload too. Never hold a pthread mutex across a [fiber] call: use svc_mutex. Never
 * block: use svc_offload.
 *
 * Ownership. Strings and bytes given to the host are copied before the call returns, unless the call
 * says that it takes them. What a request lends lives until its handler returns; what svc_host lends
 * lives until stop() returns.
 *
 * Endings. When the client has gone, the deadline has passed, or the service is being replaced, every
 * [fiber] call returns -ECANCELED at once: leave through your clean-up and return; replies then go
 * nowhere and cost nothing.
 *
 * Growth. `major` changes when anything here changes meaning. Otherwise structs grow at their end only,
 * and `size` says how much of them there is, so older services meet newer hosts and the reverse. A host
 * refuses, with a sentence, what it cannot run.
 */
#ifndef CUPOLA_SERVICE_H
#define CUPOLA_SERVICE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <otel/error.h>
#include <otel/logs.h>
#include <otel/metrics.h>
#include <otel/trace.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SVC_MAJOR 1

/* How start() says what went wrong: the SDK's type and call, by names of the contract's own (otel/error.h). */
#define svc_error               otel_error
#define svc_error_set(err, ...) otel_error_set((err), __VA_ARGS__)

struct svc_host;
struct svc_request;
struct svc_response;
struct svc_timer;
struct svc_mutex;
struct svc_event;
struct json_t; /* jansson's */

/* ---- what a service is ---- */

/* All loops may run this service at once: its own state needs its own care. A reload may not change it. */
#define SVC_CONCURRENT (1u << 0)
/* The handler starts when the head is there and reads the body by svc_request_read(). */
#define SVC_STREAM_BODY (1u << 1)
/*
 * It holds what a reload would lose, so it is reloaded when somebody asks for it by its name or changes its
 * own settings, and goes on as it is when [telemetry] or [resource] change.
 */
#define SVC_STATEFUL (1u << 2)

enum svc_key_type {
	SVC_STRING,
	SVC_INT,
	SVC_NUMBER,
	SVC_BOOL,     /* yes no true false on off */
	SVC_DURATION, /* 500ms 10s 5m 1h; read as milliseconds */
	SVC_SIZE,     /* 64k 16M 1G or bytes; read as bytes */
	SVC_URL,      /* http:// or https:// with a host */
	SVC_PATH      /* made absolute: relative ones start at the file's folder; "" as the default is no path */
};

/* One line of configuration that the service understands, so that a typing error can be told. */
struct svc_key {
	const char *name;
	int type;             /* enum svc_key_type */
	const char *fallback; /* as it would be written in host.conf; NULL: the key must be given */
	const char *help;     /* one sentence for `cupola check-config` */
};

struct svc_plugin {
	uint32_t major, size;       /* SVC_ABI fills these */
	const char *name;           /* service.name, and the section's name */
	const char *version;        /* service.version; NULL: the service does not say */
	uint32_t flags;
	const struct svc_key *keys; /* ends with an entry whose name is NULL; NULL: no keys */
	/*
	 * Makes ready: reads configuration, makes instruments, allocates state into *self. Runs in a
	 * fiber on a thread of its own, so it may make HTTP calls, and it may be run in a trial process
	 * first (SVC_TRYING). 0, or a negative errno with *err saying why: then it is not loaded and
	 * what was running goes on.
	 */
	int (*start)(const struct svc_host *host, void **self, struct svc_error *err);
	/*
	 * Answers one request [fiber]. Its return value is logged when negative; a request left without
	 * a reply gets a 500.
	 */
	int (*handle)(void *self, struct svc_request *req);
	/* Frees *self. Nothing is in flight and nothing follows; the host has revoked what start made. */
	void (*stop)(void *self);
};

#define SVC_ABI .major = SVC_MAJOR, .size = sizeof(struct svc_plugin)
/* SVC_PLUGIN = { SVC_ABI, .name = "hello", ... }; */
#define SVC_PLUGIN OTEL_EXPORT const struct svc_plugin svc_plugin

/* ---- a request ---- */

struct svc_request {
	const struct svc_host *host;
	const char *method;   /* "GET" */
	const char *target;   /* as it came: "/a%20b?x=1" */
	const char *path;     /* decoded and normalised: "/a b" */
	const char *query;    /* as it came, after the '?'; "" when there is none */
	const char *listener; /* label of the listen address it came by; "" when it has none */
	const char *peer;     /* the client's address, "127.0.0.1" */
	int version;          /* 11 or 20 */
	const void *body;     /* complete, unless SVC_STREAM_BODY; followed by a NUL that is not counted */
	size_t len;
};

struct svc_header {
	const char *name, *value; /* NUL-terminated */
};

/* One outgoing request; zeroed members mean the default. */
struct svc_call {
	const char *method; /* NULL: GET, or POST when there is a body */
	const char *url;
	const struct svc_header *headers;
	size_t n_headers;
	const void *body;
	size_t len;
	int timeout_ms;    /* 0: 10 s; never more than is left of the request's deadline */
	size_t max_body;   /* of the response; 0: 1 MiB; past it the call fails with -EMSGSIZE */
};

/* What came back. Always there, so that `rsp->status` can always be read. */
struct svc_response {
	const struct svc_host *host;
	int status;          /* 0: no response; then `error` and `message` say why */
	int error;           /* 0 or -errno: -ECONNREFUSED, -ETIMEDOUT, -ECANCELED, -EMSGSIZE ... */
	const char *message; /* in words; "" when error is 0 */
	const char *body;    /* followed by a NUL that is not counted */
	size_t len;
};

enum svc_level { SVC_DEBUG, SVC_INFO, SVC_WARN, SVC_ERROR };

/* ---- what the host gives ---- */

#define SVC_TRYING (1u << 0) /* a trial run before a load: telemetry is off, nothing listens */

/* Call these through the wrappers below, which read better. */
struct svc_host {
	uint32_t major, size;
	uint32_t flags;           /* SVC_TRYING */
	const char *name;         /* the service's name */
	const char *data_dir;     /* where `make install` puts data: $(pkgdatadir) */
	struct otel_tracer *tracer; /* scope: the service's name and version */
	struct otel_meter *meter;
	struct otel_logger *logger;

	const char *(*config_string)(const struct svc_host *, const char *key);
	int64_t (*config_int)(const struct svc_host *, const char *key);
	double (*config_number)(const struct svc_host *, const char *key);

	void (*vlog)(const struct svc_host *, int level, const char *fmt, va_list ap);

	const char *(*request_query)(struct svc_request *, const char *name);
	const char *(*request_header)(struct svc_request *, const char *name, size_t i);
	int (*request_header_at)(struct svc_request *, size_t i, struct svc_header *out);
	long (*request_read)(struct svc_request *, void *buf, size_t size);

	int (*reply_header)(struct svc_request *, const char *name, const char *value);
	int (*reply)(struct svc_request *, int status, const char *content_type, const void *body,
	             size_t len);
	int (*reply_json)(struct svc_request *, int status, struct json_t *json);
	int (*reply_begin)(struct svc_request *, int status, const char *content_type);
	int (*reply_write)(struct svc_request *, const void *data, size_t len);
	int (*reply_trailer)(struct svc_request *, const char *name, const char *value);
	int (*reply_end)(struct svc_request *);

	struct svc_response *(*http)(const struct svc_host *, const struct svc_call *);
	const char *(*response_header)(const struct svc_response *, const char *name, size_t i);
	void (*response_free)(struct svc_response *);

	int (*sleep)(const struct svc_host *, int ms);
	int (*offload)(const struct svc_host *, void (*fn)(void *arg), void *arg);
	int (*spawn)(const struct svc_host *, void (*fn)(void *arg), void *arg);
	struct svc_timer *(*timer_new)(const struct svc_host *, int first_ms, int every_ms,
	                               void (*fn)(void *arg), void *arg);
	void (*timer_free)(struct svc_timer *);
	struct svc_mutex *(*mutex_new)(const struct svc_host *);
	int (*mutex_lock)(struct svc_mutex *);
	void (*mutex_unlock)(struct svc_mutex *);
	void (*mutex_free)(struct svc_mutex *);
	struct svc_event *(*event_new)(const struct svc_host *);
	int (*event_wait)(struct svc_event *, int timeout_ms);
	void (*event_set)(struct svc_event *);
	void (*event_free)(struct svc_event *);
	/* later versions append here */
};

/* ---- configuration: keys of the service's own table, checked before start ---- */

/* Borrows the text, a default included. [any] */
static inline const char *
svc_config(const struct svc_host *host, const char *key)
{
	return host->config_string(host, key);
}

/* An integer, a boolean as 0 or 1, a duration in milliseconds, a size in bytes. [any] */
static inline int64_t
svc_config_int(const struct svc_host *host, const char *key)
{
	return host->config_int(host, key);
}

/* A number with a fraction, or an integer. [any] */
static inline double
svc_config_number(const struct svc_host *host, const char *key)
{
	return host->config_number(host, key);
}

/* ---- the host's own log, for the operator; what users should find later goes to host->logger ---- */

/* One line, of enum svc_level, with the service's name before it. [any] */
OTEL_PRINTF(3, 4)
static inline void
svc_log(const struct svc_host *host, int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	host->vlog(host, level, fmt, ap);
	va_end(ap);
}

/* ---- reading a request [any thread that the handler runs on] ---- */

/* Borrows the decoded value of the first parameter `name`; "" when it has none, NULL when it is not there. */
static inline const char *
svc_query(struct svc_request *req, const char *name)
{
	return req->host->request_query(req, name);
}

/* Borrows the value of the first header line `name`, in any case; NULL when there is none. */
static inline const char *
svc_header(struct svc_request *req, const char *name)
{
	return req->host->request_header(req, name, 0);
}

/* The same for the i-th line of that name, in the order in which they came. */
static inline const char *
svc_header_n(struct svc_request *req, const char *name, size_t i)
{
	return req->host->request_header(req, name, i);
}

/* The i-th header line of all, in order. 0, or -ENOENT past the end. */
static inline int
svc_header_at(struct svc_request *req, size_t i, struct svc_header *out)
{
	return req->host->request_header_at(req, i, out);
}

/* The next bytes of the body, for SVC_STREAM_BODY. How many, 0 at its end, or a negative errno. [fiber] */
static inline long
svc_request_read(struct svc_request *req, void *buf, size_t size)
{
	return req->host->request_read(req, buf, size);
}

/* ---- replying: 0, -EALREADY when there was a reply already, -EINVAL for what is not HTTP ---- */

/* Adds a header to the reply to come. */
static inline int
svc_reply_header(struct svc_request *req, const char *name, const char *value)
{
	return req->host->reply_header(req, name, value);
}

/* The whole reply. content_type may be NULL; a Content-Type of svc_reply_header goes before it. [fiber] */
static inline int
svc_reply(struct svc_request *req, int status, const char *content_type, const void *body, size_t len)
{
	return req->host->reply(req, status, content_type, body, len);
}

/* text/plain; charset=utf-8 */
static inline int
svc_reply_text(struct svc_request *req, int status, const char *text)
{
	return req->host->reply(req, status, "text/plain; charset=utf-8", text, strlen(text));
}

/* Takes `json`, on failure too; NULL becomes a 500, so that `svc_reply_json(req, 200, json_pack(...))` is safe. */
static inline int
svc_reply_json(struct svc_request *req, int status, struct json_t *json)
{
	return req->host->reply_json(req, status, json);
}

/*
 * A reply in pieces. write suspends while the client is slower than we are [fiber]; trailers come after
 * the last piece, before end. A handler that returns without end ends the reply as cut off.
 */
static inline int
svc_reply_begin(struct svc_request *req, int status, const char *content_type)
{
	return req->host->reply_begin(req, status, content_type);
}

static inline int
svc_reply_write(struct svc_request *req, const void *data, size_t len)
{
	return req->host->reply_write(req, data, len);
}

static inline int
svc_reply_trailer(struct svc_request *req, const char *name, const char *value)
{
	return req->host->reply_trailer(req, name, value);
}

static inline int
svc_reply_end(struct svc_request *req)
{
	return req->host->reply_end(req);
}

/* ---- asking others [fiber] ---- */

/* Makes one call and waits for it. Never NULL; free it, or let SVC_RESPONSE do so. */
static inline struct svc_response *
svc_http(const struct svc_host *host, const struct svc_call *call)
{
	return host->http(host, call);
}

/* The same with GET, and the default for all else. */
static inline struct svc_response *
svc_http_get(const struct svc_host *host, const char *url)
{
	struct svc_call call = { NULL, url, NULL, 0, NULL, 0, 0, 0 };

	return host->http(host, &call);
}

/* The same with POST and a body of that type. */
static inline struct svc_response *
svc_http_post(const struct svc_host *host, const char *url, const char *content_type,
              const void *body, size_t len)
{
	struct svc_header type = { "Content-Type", content_type };
	struct svc_call call = { "POST", url, &type, 1, body, len, 0, 0 };

	return host->http(host, &call);
}

/* Borrows the first header line of that name; NULL when there is none. */
static inline const char *
svc_response_header(const struct svc_response *rsp, const char *name)
{
	return rsp->host->response_header(rsp, name, 0);
}

/* NULL is nothing to free. */
static inline void
svc_response_free(struct svc_response *rsp)
{
	if (rsp)
		rsp->host->response_free(rsp);
}

static inline void
svc_response_leave(struct svc_response *const *rsp)
{
	svc_response_free(*rsp);
}

/* Declares `name`, freed at the end of the scope: SVC_RESPONSE(rsp, svc_http_get(host, url)); */
#define SVC_RESPONSE(name, call) \
	struct svc_response *const name OTEL_CLEANUP(svc_response_leave) = (call)

/* ---- waiting and working elsewhere ---- */

/* 0, or -ECANCELED. [fiber] */
static inline int
svc_sleep(const struct svc_host *host, int ms)
{
	return host->sleep(host, ms);
}

/*
 * Runs fn(arg), which may block, on the host's thread pool and waits for it, to its end in any case. 0,
 * or -EAGAIN when the pool's queue is full (fn has then not run). The current context goes along. [fiber]
 */
static inline int
svc_offload(const struct svc_host *host, void (*fn)(void *arg), void *arg)
{
	return host->offload(host, fn, arg);
}

/*
 * Starts fn(arg) in a fiber of its own, on the same loop, with the current context. It is cancelled
 * when the service stops, and stop() waits for it. 0 or -errno. [fiber]; in start() too.
 */
static inline int
svc_spawn(const struct svc_host *host, void (*fn)(void *arg), void *arg)
{
	return host->spawn(host, fn, arg);
}

/* Calls fn(arg) in a fiber after first_ms and then every every_ms (0: once); never twice at once. NULL without memory. [any] */
static inline struct svc_timer *
svc_timer_new(const struct svc_host *host, int first_ms, int every_ms, void (*fn)(void *arg),
              void *arg)
{
	return host->timer_new(host, first_ms, every_ms, fn, arg);
}

/* No call begins after this; the one that runs goes on to its end. [any] */
static inline void
svc_timer_free(const struct svc_host *host, struct svc_timer *timer)
{
	host->timer_free(timer);
}

/*
 * A mutex that suspends the fiber and not the thread; first come, first served. new: NULL without memory
 * [any]. lock: 0 or -ECANCELED [fiber]. unlock: by who locked it [fiber]. free: with nobody in it, at the
 * latest in stop() [any].
 */
static inline struct svc_mutex *
svc_mutex_new(const struct svc_host *host)
{
	return host->mutex_new(host);
}

static inline int
svc_mutex_lock(const struct svc_host *host, struct svc_mutex *mutex)
{
	return host->mutex_lock(mutex);
}

static inline void
svc_mutex_unlock(const struct svc_host *host, struct svc_mutex *mutex)
{
	host->mutex_unlock(mutex);
}

static inline void
svc_mutex_free(const struct svc_host *host, struct svc_mutex *mutex)
{
	host->mutex_free(mutex);
}

/*
 * Something to wait for: event_set wakes every fiber that waits at that moment. wait: 0, -ETIMEDOUT
 * (timeout_ms < 0: never), or -ECANCELED. set is [any]; wait is [fiber]; new and free as for a mutex.
 */
static inline struct svc_event *
svc_event_new(const struct svc_host *host)
{
	return host->event_new(host);
}

static inline int
svc_event_wait(const struct svc_host *host, struct svc_event *event, int timeout_ms)
{
	return host->event_wait(event, timeout_ms);
}

static inline void
svc_event_set(const struct svc_host *host, struct svc_event *event)
{
	host->event_set(event);
}

static inline void
svc_event_free(const struct svc_host *host, struct svc_event *event)
{
	host->event_free(event);
}

#ifdef __cplusplus
}
#endif

#endif
