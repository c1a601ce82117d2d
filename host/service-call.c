/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outgoing calls: what is left of the request's deadline, the headers that carry its context, and a
 * response whose buffers are kept for the next call.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service-priv.h"

#define DEFAULT_TIMEOUT_MS 10000
#define KEEP_RESPONSES     128
#define KEEP_BODY          (64u << 10)
#define ON_STACK           24

struct service_response {
	struct svc_response pub; /* first */
	struct host_client_response client;
	SLIST_ENTRY(service_response) link;
	struct service_loop *home; /* whose free list it came from; NULL: none */
};

static void
response_free_nothing(struct svc_response *pub)
{
	(void)pub;
}

static const char *
response_header_none(const struct svc_response *pub, const char *name, size_t i)
{
	(void)pub;
	(void)name;
	(void)i;
	return NULL;
}

/* What svc_http gives when there is no memory for a response: always there, the same for all. */
static const struct svc_host no_host = {
	.response_header = response_header_none,
	.response_free = response_free_nothing,
};
static const struct svc_response no_memory = {
	.host = &no_host,
	.error = -ENOMEM,
	.message = "out of memory",
	.body = "",
};

void
service_response_destroy(struct service_response *response)
{
	host_client_response_fini(&response->client);
	free(response);
}

struct service_response *
service_response_next(struct service_response *response)
{
	return SLIST_NEXT(response, link);
}

static struct service_response *
take_response(void)
{
	struct service_loop *sl = service_loop_current();
	struct service_response *response = sl ? SLIST_FIRST(&sl->responses) : NULL;

	if (response) {
		SLIST_REMOVE_HEAD(&sl->responses, link);
		sl->n_responses--;
		return response;
	}
	response = calloc(1, sizeof *response);
	if (response)
		response->home = sl;
	return response;
}

static void
response_free(struct svc_response *pub)
{
	struct service_response *response = (struct service_response *)pub;
	struct host_loop *loop = host_loop_current();
	struct service_loop *sl = loop ? host_loop_extra(loop) : NULL;

	if (!sl || sl != response->home || sl->n_responses >= KEEP_RESPONSES ||
	    response->client.size > KEEP_BODY) {
		service_response_destroy(response);
		return;
	}
	SLIST_INSERT_HEAD(&sl->responses, response, link);
	sl->n_responses++;
}

static const char *
response_header(const struct svc_response *pub, const char *name, size_t i)
{
	return host_client_response_header(
		&((const struct service_response *)pub)->client, name, i);
}

/*
 * What is left of the request's time, but for a little, so that the handler can still say that the call took too
 * long. 1 when nothing is left.
 */
static int
timeout_of(const struct service_work *work, const struct svc_call *call)
{
	int timeout = call->timeout_ms > 0 ? call->timeout_ms : DEFAULT_TIMEOUT_MS;
	uint64_t now, left;

	if (!work || !work->deadline_ms || work->open_ended)
		return timeout;
	now = host_now_ms();
	left = work->deadline_ms > now ? work->deadline_ms - now : 1;
	left -= left / 16;
	return left < (uint64_t)timeout ? (int)left : timeout;
}

static void
perform(struct host_service *service, const struct svc_call *call,
        struct service_response *response)
{
	struct service_work *work = service_work_current();
	struct host_instrument *instrument = work && !work->dark ? service->instrument
	                                                         : NULL;
	struct host_client_header on_stack[ON_STACK], *headers = on_stack;
	struct host_loop *loop = host_loop_current();
	struct host_client_request request = {
		.method = call->method,
		.url = call->url ? call->url : "",
		.headers = (const struct host_client_header *)call->headers,
		.n_headers = call->headers ? call->n_headers : 0,
		.body = call->body,
		.len = call->len,
		.timeout_ms = timeout_of(work, call),
		.max_body = call->max_body,
	};
	struct host_instrument_call trace;

	if (request.n_headers + HOST_INSTRUMENT_FIELDS > ON_STACK)
		headers = malloc((request.n_headers + HOST_INSTRUMENT_FIELDS) *
		                 sizeof *headers);
	if (!headers) {
		response->client.error = -ENOMEM;
		return;
	}
	request.n_headers = host_instrument_call_begin(instrument, &trace, &request,
	                                               headers);
	request.headers = headers;
	host_client_perform(loop && host_fiber_self() ? host_loop_client(loop) : NULL,
	                    &request, &response->client);
	host_instrument_call_end(&trace, &request, &response->client);
	if (headers != on_stack)
		free(headers);
}

static struct svc_response *
http(const struct svc_host *host, const struct svc_call *call)
{
	struct service_response *response = take_response();

	if (!response)
		return (struct svc_response *)(uintptr_t)&no_memory;
	perform(service_of(host), call, response);
	response->pub = (struct svc_response){
		.host = host,
		.status = response->client.status,
		.error = response->client.error,
		.message = response->client.message,
		.body = response->client.body ? response->client.body : "",
		.len = response->client.len,
	};
	return &response->pub;
}

void
service_call_functions(struct svc_host *host)
{
	host->http = http;
	host->response_header = response_header;
	host->response_free = response_free;
}
