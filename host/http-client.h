/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/http-client.h - outgoing HTTP calls: libcurl's multi interface over the loop's events.
 *
 * One client per loop. A fiber hands over a call and waits; libcurl only ever runs on the loop's stack, and
 * its callbacks only collect bytes and note what has ended.
 */
#ifndef HOST_HTTP_CLIENT_H
#define HOST_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <otel/error.h>

struct event_base;
struct host_client;
struct host_loop;

/* As struct http_field. */
struct host_client_header {
	const char *name, *value;
};

struct host_client_request {
	const char *method; /* NULL: GET, or POST when there is a body */
	const char *url;
	const struct host_client_header *headers;
	size_t n_headers;
	const void *body;
	size_t len;
	int timeout_ms;  /* 0: 10 s */
	size_t max_body; /* 0: 1 MiB */
};

/* Owned by the caller; made by host_client_perform. */
struct host_client_response {
	int status;        /* 0: no response */
	int error;         /* 0 or -errno */
	char message[160]; /* "" when error is 0 */
	int http_version;  /* 10, 11, 20; 0 unknown */
	char *body;        /* NUL-terminated, owned; never NULL */
	size_t len, size;  /* size: 0 when body is a constant */
	char *head;        /* "name\0value\0" one after the other, owned */
	size_t head_len, head_size;
	size_t n_headers;
};

OTEL_MUST_USE int host_client_new(struct host_loop *loop, struct event_base *base,
                                  struct host_client **out);
/* Nothing may be in flight. NULL is fine. */
void host_client_free(struct host_client *client);

/*
 * Makes the call and waits; fills *out, which was zeroed or fini'd, in any case. Returns out->error. What is lent in
 * `request` stays until this returns. [fiber]
 */
int host_client_perform(struct host_client *client,
                        const struct host_client_request *request,
                        struct host_client_response *out);
void host_client_response_fini(struct host_client_response *response);
/* Borrows the i-th value of that name in any case, or NULL. */
const char *host_client_response_header(const struct host_client_response *response,
                                        const char *name, size_t i);

/* For the loop: hands what fibers have submitted to libcurl. Says whether something was done. [loop] */
bool host_client_pump(struct host_client *client);

struct host_client_counters {
	uint64_t calls, connects, failed, canceled;
	unsigned in_flight, peak;
};
const struct host_client_counters *host_client_counters(const struct host_client *client);

#endif
