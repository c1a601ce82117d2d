/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/http-client-priv.h - what the files of the client share.
 *
 *	http-client.c           calls: submitted, running, ended
 *	http-client-handle.c    an easy handle, set up for a request
 *	http-client-response.c  what comes back
 *	http-client-events.c    the sockets and the timer that libcurl wants watched
 */
#ifndef HOST_HTTP_CLIENT_PRIV_H
#define HOST_HTTP_CLIENT_PRIV_H

#include <sys/queue.h>

#include <curl/curl.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "http-client.h"

struct client_handle {
	SLIST_ENTRY(client_handle) link;
	CURL *easy;
	struct client_call *call;
	bool custom, plain; /* a method of its own is set; it is set to GET */
	/* The header lines, in libcurl's form. */
	char *text;
	size_t text_size;
	struct curl_slist *lines;
	size_t lines_size;
	char error[CURL_ERROR_SIZE];
};

struct client_call {
	TAILQ_ENTRY(client_call) link;
	struct host_client *client;
	const struct host_client_request *request;
	struct host_client_response *response;
	struct client_handle *handle; /* NULL: submitted only */
	struct host_fiber *fiber;
	size_t max_body;
	bool too_big;
};

struct client_socket {
	struct event event;
	struct host_client *client;
	short armed;     /* what it is in epoll for; 0: it isn't */
	bool connection; /* opened by us, so we learn of its close */
	bool idle;       /* libcurl doesn't wait for it now */
};

struct host_client {
	struct host_loop *loop;
	struct event_base *base;
	CURLM *multi;
	TAILQ_HEAD(, client_call) submitted;
	SLIST_HEAD(, client_handle) handles;
	struct host_client_counters counters;
	unsigned max_connects;
	bool proxied; /* the environment names a proxy */

	struct client_socket **sockets; /* by file descriptor */
	size_t n_sockets;
	struct event timer;
	uint64_t timer_armed_ns, timer_wanted_ns; /* 0: not */
	bool kick;                                /* libcurl's timer is due */
	bool check;                               /* a call may have ended */
};

/* Connects client->multi with client->base. */
void host_client_events_init(struct host_client *client);
/* After curl_multi_cleanup. */
void host_client_events_fini(struct host_client *client);
curl_socket_t host_client_open_socket(void *arg, curlsocktype purpose,
                                      struct curl_sockaddr *address);
int host_client_close_socket(void *arg, curl_socket_t fd);

/* ---- http-client-response.c ---- */

/* libcurl's, with a struct client_call. */
size_t host_client_on_body(char *data, size_t one, size_t n, void *arg);
size_t host_client_on_header(char *line, size_t one, size_t n, void *arg);
/* Grows *buf, which is owned once *size is not 0; false without memory. */
bool host_client_reserve(char **buf, size_t *size, size_t need);
/* Makes it a response that is none; returns `error`. */
int host_client_fail(struct host_client_response *rsp, int error, const char *message);
/* What libcurl calls it, as an errno. */
int host_client_error_of(CURLcode code, CURL *easy);

/* ---- http-client-handle.c ---- */

/* NULL without memory. */
struct client_handle *host_client_take_handle(struct host_client *client);
void host_client_give_back(struct host_client *client, struct client_handle *h);
void host_client_free_handle(struct client_handle *h);
/* 0, -EINVAL for what is not HTTP, or -ENOMEM. */
int host_client_set_up(struct host_client *client, struct client_handle *h,
                       struct client_call *call);

#endif
