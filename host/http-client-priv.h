/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/http-client-priv.h - the two halves of the client: calls (http-client.c) and the sockets and the timer
 * that libcurl wants watched (http-client-events.c).
 */
#ifndef HOST_HTTP_CLIENT_PRIV_H
#define HOST_HTTP_CLIENT_PRIV_H

#include <sys/queue.h>

#include <curl/curl.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "http-client.h"

struct client_handle; /* a set-up easy handle */
struct client_call;

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

#endif
