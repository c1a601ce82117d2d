/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call lives on its fiber's stack: it is submitted, given to libcurl by host_client_pump on the loop's
 * stack, and wakes its fiber when libcurl reports its end. Nothing is resumed from a callback of libcurl, for
 * the fiber might call libcurl again.
 *
 *	perform ──► submitted ──pump──► running ──ended──► fiber ready
 *	                └──────cancel──────┴──► fiber ready, -ECANCELED
 */
#include "http-client.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fiber.h"
#include "http-client-priv.h"
#include "loop.h"

#define DEFAULT_MAX_BODY (1u << 20)
#define MIN_CONNECTS     64

static char no_body[1];

static void
end_call(struct client_call *call)
{
	struct host_client *client = call->client;

	client->counters.in_flight--;
	if (call->response->error)
		client->counters.failed++;
	host_fiber_ready(call->fiber);
}

static void
start_call(struct host_client *client, struct client_call *call)
{
	struct client_handle *h = host_client_take_handle(client);
	int r = h ? host_client_set_up(client, h, call) : -ENOMEM;

	client->counters.calls++;
	if (++client->counters.in_flight > client->counters.peak) {
		client->counters.peak = client->counters.in_flight;
		if (client->counters.peak > client->max_connects) {
			client->max_connects *= 2;
			curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS,
			                  (long)client->max_connects);
		}
	}
	if (r == 0) {
		h->call = call;
		h->error[0] = '\0';
		call->handle = h;
		if (curl_multi_add_handle(client->multi, h->easy) == CURLM_OK)
			return;
		r = -ENOMEM;
	}
	host_client_fail(call->response, r,
	                 r == -EINVAL ? "the URL, the method or a header is not valid"
	                              : "out of memory");
	call->handle = NULL;
	if (h)
		host_client_give_back(client, h);
	end_call(call);
}

static void
finish_call(struct host_client *client, CURL *easy, CURLcode code)
{
	struct client_handle *h = NULL;
	struct host_client_response *rsp;
	struct client_call *call;
	long value = 0;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&h);
	call = h->call;
	rsp = call->response;
	if (code == CURLE_OK) {
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &value);
		rsp->status = (int)value;
		curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &value);
		rsp->http_version = value == CURL_HTTP_VERSION_1_0   ? 10
		                    : value == CURL_HTTP_VERSION_1_1 ? 11
		                    : value == CURL_HTTP_VERSION_2_0 ? 20
		                                                     : 0;
	} else if (call->too_big) {
		host_client_fail(rsp, -EMSGSIZE, "the response is larger than allowed");
	} else {
		host_client_fail(rsp, host_client_error_of(code, easy),
		                 h->error[0] ? h->error : curl_easy_strerror(code));
	}
	curl_multi_remove_handle(client->multi, easy);
	call->handle = NULL;
	host_client_give_back(client, h);
	end_call(call);
}

static bool
abandon_call(void *arg)
{
	struct client_call *call = arg;
	struct host_client *client = call->client;

	host_client_fail(call->response, -ECANCELED, "cancelled");
	client->counters.canceled++;
	if (!call->handle) {
		TAILQ_REMOVE(&client->submitted, call, link);
		return true;
	}
	curl_multi_remove_handle(client->multi, call->handle->easy);
	host_client_give_back(client, call->handle);
	call->handle = NULL;
	client->counters.in_flight--;
	return true;
}

bool
host_client_pump(struct host_client *client)
{
	struct client_call *call;
	bool did = false;
	CURLMsg *msg;
	int n;

	while ((call = TAILQ_FIRST(&client->submitted))) {
		TAILQ_REMOVE(&client->submitted, call, link);
		start_call(client, call);
		did = true;
	}
	while (client->kick) {
		client->kick = false;
		curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &n);
		client->check = true;
	}
	if (!client->check)
		return did;
	client->check = false;
	while ((msg = curl_multi_info_read(client->multi, &n))) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		finish_call(client, msg->easy_handle, msg->data.result);
		did = true;
	}
	return did;
}

/* ---- the public side ---- */

int
host_client_perform(struct host_client *client, const struct host_client_request *request,
                    struct host_client_response *out)
{
	struct client_call call = {
		.client = client,
		.request = request,
		.response = out,
		.fiber = host_fiber_self(),
		.max_body = request->max_body ? request->max_body : DEFAULT_MAX_BODY,
	};

	out->status = out->error = out->http_version = 0;
	out->message[0] = '\0';
	out->len = out->head_len = out->n_headers = 0;
	if (!out->size)
		out->body = no_body;
	else
		out->body[0] = '\0';
	if (!call.fiber || !client)
		return host_client_fail(out, -EINVAL,
		                        "calls can be made from a request's fiber only");
	TAILQ_INSERT_TAIL(&client->submitted, &call, link);
	host_fiber_wait(abandon_call, &call);
	return out->error;
}

static bool
environment_has_proxy(void)
{
	static const char *const names[] = { "http_proxy", "https_proxy", "HTTPS_PROXY",
		                             "all_proxy", "ALL_PROXY" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (getenv(names[i]))
			return true;
	return false;
}

int
host_client_new(struct host_loop *loop, struct event_base *base, struct host_client **out)
{
	struct host_client *client = calloc(1, sizeof *client);

	if (!client)
		return -ENOMEM;
	client->loop = loop;
	client->base = base;
	client->max_connects = MIN_CONNECTS;
	client->proxied = environment_has_proxy();
	TAILQ_INIT(&client->submitted);
	SLIST_INIT(&client->handles);
	client->multi = curl_multi_init();
	if (!client->multi) {
		free(client);
		return -ENOMEM;
	}
	/* By default the cache shrinks with what is attached, and each burst connects anew. */
	curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS,
	                  (long)client->max_connects);
	host_client_events_init(client);
	*out = client;
	return 0;
}

void
host_client_free(struct host_client *client)
{
	struct client_handle *h;

	if (!client)
		return;
	assert(TAILQ_EMPTY(&client->submitted) && !client->counters.in_flight);
	while ((h = SLIST_FIRST(&client->handles))) {
		SLIST_REMOVE_HEAD(&client->handles, link);
		host_client_free_handle(h);
	}
	curl_multi_cleanup(client->multi);
	host_client_events_fini(client);
	free(client);
}

const struct host_client_counters *
host_client_counters(const struct host_client *client)
{
	return &client->counters;
}
