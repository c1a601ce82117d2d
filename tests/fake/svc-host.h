/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fake/svc-host.h - a host that has no network, no files and no time of its own: what a service
 * asks for is what the test has put there, and what the service says is kept for the test to read.
 *
 *	#include "../../plugins/gateway/app.c"
 *	...
 *	fake_init(&fake, &svc_plugin);
 *	fake_answer(&fake, "http://127.0.0.1:5002/", 200, "{...}");
 *	fake_start(&fake);
 *	reply = fake_get(&fake, "/?location=Darmstadt");
 *	ck_assert_int_eq(reply->status, 200);
 *	fake_fini(&fake);
 *
 * Requests run in fibers, so that a test can hold one where it waits and start another. What a test does
 * wrong, as what a service does that the contract forbids, ends the test.
 */
#ifndef FAKE_SVC_HOST_H
#define FAKE_SVC_HOST_H

#include <cupola/service.h>

#define FAKE_MAX 32

/* A request and what came of it. */
struct fake_request {
	struct svc_request req; /* first: the service gets this */
	struct fake_host *fake;
	char target[8192], path[8192];
	char *query[FAKE_MAX][2];
	struct svc_header headers[FAKE_MAX];
	size_t n_headers;
	struct fake_fiber *fiber;

	bool done;    /* the handler has returned */
	int returned; /* ... this */
	int status;   /* of the reply; 0: none */
	const char *type;
	char *body; /* NUL-terminated */
	size_t len;
	struct {
		char name[64], value[1024];
	} reply_headers[FAKE_MAX], trailers[4];
	size_t n_reply_headers, n_trailers;
	bool in_pieces, ended; /* by svc_reply_begin; by svc_reply_end */

	void (*task)(void *arg); /* of svc_spawn: no request at all */
	void *arg;
};

/* An outgoing call that the service made. */
struct fake_call {
	char method[16], url[8192];
	char *body;
	struct {
		char name[64], value[256];
	} headers[FAKE_MAX];
	size_t n_headers;
	int timeout_ms;
};

struct fake_host {
	struct svc_host host; /* first: the service gets this */
	const struct svc_plugin *plugin;
	void *self;

	/* For the test to set. */
	const char *peer;     /* of requests to come; 127.0.0.1 */
	const char *listener; /* the same; "" */
	bool hold_http;       /* calls wait until fake_resume */
	bool hold_sleep;      /* so do sleeps; else they take no time */

	/* For the test to read. */
	struct fake_call calls[FAKE_MAX];
	size_t n_calls;
	int slept_ms[FAKE_MAX];
	size_t n_slept;
	char logged[1024]; /* the last line of the host's log */

	/* The fake's own. */
	struct {
		const char *key, *value;
	} settings[FAKE_MAX];
	size_t n_settings;
	struct {
		const char *prefix;
		int status, error;
		const char *body, *message, *type;
	} answers[FAKE_MAX];
	size_t n_answers;
	struct fake_request *requests[FAKE_MAX * 8];
	size_t n_requests;
	struct fake_fiber *running;
};

void fake_init(struct fake_host *fake, const struct svc_plugin *plugin);
/* Cancels what was spawned, stops the service, when it was started, and frees what is kept. No request may be held. */
void fake_fini(struct fake_host *fake);

/* As the section in host.conf would have it; before fake_start. */
void fake_set(struct fake_host *fake, const char *key, const char *value);
/* Runs the service's start; the test ends when it fails. */
void fake_start(struct fake_host *fake);
/* The same for a start that should fail: returns what it said. */
int fake_start_fails(struct fake_host *fake, struct otel_error *err);

/* What calls to URLs with that beginning come to; the longest beginning counts, a later one replaces it. */
void fake_answer(struct fake_host *fake, const char *prefix, int status,
                 const char *body);
/* The same for one that gets no answer. */
void fake_no_answer(struct fake_host *fake, const char *prefix, int error,
                    const char *message);

/* Starts a request and runs it until it is done or waits. Borrowed until fake_fini. */
struct fake_request *fake_begin(struct fake_host *fake, const char *method,
                                const char *target, const char *body,
                                const struct svc_header *headers, size_t n);
/* The same with a body of any bytes, which live as long as the request. */
struct fake_request *fake_send(struct fake_host *fake, const char *method,
                               const char *target, const void *body, size_t len,
                               const struct svc_header *headers, size_t n);
/* Runs one that must not wait. */
struct fake_request *fake_get(struct fake_host *fake, const char *target);
struct fake_request *fake_post(struct fake_host *fake, const char *target,
                               const char *body);
/* Lets one that is held go on, until it is done or waits again. */
void fake_resume(struct fake_request *request);
/* The same, with what it waits for returning -ECANCELED, as everything after it. */
void fake_cancel(struct fake_request *request);

/* Borrows the value of a reply's header; NULL when there is none. */
const char *fake_reply_header(const struct fake_request *request, const char *name);
/* Borrows the value of a reply's trailer; NULL when there is none. */
const char *fake_reply_trailer(const struct fake_request *request, const char *name);
/* Borrows the value of a call's header; NULL when there is none. */
const char *fake_call_header(const struct fake_call *call, const char *name);

#endif
