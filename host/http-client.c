/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call lives on its fiber's stack: it is submitted, given to libcurl by host_client_pump on the loop's
 * stack, and wakes its fiber when libcurl reports its end. Nothing is resumed from a callback of libcurl, for
 * the fiber might call libcurl again.
 *
 *	perform ──► submitted ──pump──► running ──ended──► fiber ready
 *	                └──────cancel──────┴──► fiber ready, -ECANCELED
 *
 * Easy handles are set up once and kept: libcurl's own state and connections stay warm.
 */
#include "http-client.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fiber.h"
#include "http-client-priv.h"
#include "loop.h"

#define DEFAULT_TIMEOUT_MS 10000
#define DEFAULT_MAX_BODY   (1u << 20)
#define MAX_HEAD           (64u << 10)
#define MAX_POOLED         256
#define MIN_CONNECTS       64
/* Below our own server's 75 s, so that a connection is not used the moment it is closed. */
#define MAX_IDLE_S 60L

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

/* ---- the response ---- */

static char no_body[1];

static bool
reserve(char **buf, size_t *size, size_t need)
{
	size_t n = *size ? *size : 2048;
	char *grown;

	if (need <= *size)
		return true;
	while (n < need)
		n *= 2;
	grown = realloc(*size ? *buf : NULL, n);
	if (!grown)
		return false;
	*buf = grown;
	*size = n;
	return true;
}

static size_t
on_body(char *data, size_t one, size_t n, void *arg)
{
	struct client_call *call = arg;
	struct host_client_response *rsp = call->response;

	(void)one;
	if (n > call->max_body - rsp->len) {
		call->too_big = true;
		return CURL_WRITEFUNC_ERROR;
	}
	if (!reserve(&rsp->body, &rsp->size, rsp->len + n + 1))
		return CURL_WRITEFUNC_ERROR;
	memcpy(rsp->body + rsp->len, data, n);
	rsp->len += n;
	rsp->body[rsp->len] = '\0';
	return n;
}

static size_t
on_header(char *line, size_t one, size_t n, void *arg)
{
	struct client_call *call = arg;
	struct host_client_response *rsp = call->response;
	const char *colon = memchr(line, ':', n), *value;
	size_t end = n, name_len;

	(void)one;
	while (end &&
	       (line[end - 1] == '\n' || line[end - 1] == '\r' || line[end - 1] == ' '))
		end--;
	if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		rsp->head_len = rsp->n_headers =
			0; /* of a 1xx, or of what a proxy said */
		return n;
	}
	if (!colon || !end)
		return n;
	name_len = (size_t)(colon - line);
	value = colon + 1;
	while (value < line + end && (*value == ' ' || *value == '\t'))
		value++;
	if (rsp->head_len + end + 2 > MAX_HEAD) {
		call->too_big = true;
		return 0;
	}
	if (!reserve(&rsp->head, &rsp->head_size, rsp->head_len + end + 2))
		return 0;
	memcpy(rsp->head + rsp->head_len, line, name_len);
	rsp->head_len += name_len;
	rsp->head[rsp->head_len++] = '\0';
	memcpy(rsp->head + rsp->head_len, value, (size_t)(line + end - value));
	rsp->head_len += (size_t)(line + end - value);
	rsp->head[rsp->head_len++] = '\0';
	rsp->n_headers++;
	return n;
}

static int
fail(struct host_client_response *rsp, int error, const char *message)
{
	rsp->status = 0;
	rsp->error = error;
	rsp->len = rsp->head_len = rsp->n_headers = 0;
	if (rsp->size)
		rsp->body[0] = '\0';
	snprintf(rsp->message, sizeof rsp->message, "%s", message);
	return error;
}

/* What libcurl calls it, as an errno. */
static int
error_of(CURLcode code, CURL *easy)
{
	long os = 0;

	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_COULDNT_CONNECT:
		curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os);
		return os ? (int)-os : -ECONNREFUSED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return -EHOSTUNREACH;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_PARTIAL_FILE:
		return -ECONNRESET;
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_BAD_CONTENT_ENCODING:
		return -EBADMSG;
	case CURLE_URL_MALFORMAT:
	case CURLE_BAD_FUNCTION_ARGUMENT:
		return -EINVAL;
	case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9, too: bytes that are no HTTP at all */
		return -EBADMSG;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
		return -EACCES;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_WRITE_ERROR:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

/* ---- handles ---- */

static void
free_handle(struct client_handle *h)
{
	curl_easy_cleanup(h->easy);
	free(h->text);
	free(h->lines);
	free(h);
}

static struct client_handle *
make_handle(struct host_client *client)
{
	struct client_handle *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->easy = curl_easy_init();
	if (!h->easy) {
		free(h);
		return NULL;
	}
	curl_easy_setopt(h->easy, CURLOPT_PRIVATE, h);
	curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->error);
	curl_easy_setopt(h->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h->easy, CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
	curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(h->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(h->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(h->easy, CURLOPT_OPENSOCKETFUNCTION, host_client_open_socket);
	curl_easy_setopt(h->easy, CURLOPT_OPENSOCKETDATA, client);
	curl_easy_setopt(h->easy, CURLOPT_CLOSESOCKETFUNCTION, host_client_close_socket);
	curl_easy_setopt(h->easy, CURLOPT_CLOSESOCKETDATA, client);
	curl_easy_setopt(h->easy, CURLOPT_MAXAGE_CONN, MAX_IDLE_S);
	/* Else giving a call up waits for the resolver's thread, on the loop. */
	curl_easy_setopt(h->easy, CURLOPT_QUICK_EXIT, 1L);
	if (!client->proxied) {
		curl_easy_setopt(h->easy, CURLOPT_PROXY, "");
		curl_easy_setopt(h->easy, CURLOPT_NOPROXY, "*"); /* no looking at the environment */
	}
	return h;
}

static struct client_handle *
take_handle(struct host_client *client)
{
	struct client_handle *h = SLIST_FIRST(&client->handles);

	if (!h)
		return make_handle(client);
	SLIST_REMOVE_HEAD(&client->handles, link);
	return h;
}

static void
give_back(struct host_client *client, struct client_handle *h)
{
	h->call = NULL;
	if (client->counters.in_flight >= MAX_POOLED)
		free_handle(h);
	else
		SLIST_INSERT_HEAD(&client->handles, h, link);
}

/* ---- setting up a call ---- */

static bool
is_clean(const char *text, const char *forbidden)
{
	return text && !text[strcspn(text, forbidden)];
}

static bool
has_header(const struct host_client_request *req, const char *name)
{
	for (size_t i = 0; i < req->n_headers; i++)
		if (strcasecmp(req->headers[i].name, name) == 0)
			return true;
	return false;
}

/* Writes the lines into memory of the handle's own, as a list that libcurl only reads. */
static int
set_headers(struct client_handle *h, const struct host_client_request *req, bool body)
{
	size_t n = req->n_headers + 2, need = 64, at = 0, count = 0;

	if (!n || (!req->n_headers && !body)) {
		curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, NULL);
		return 0;
	}
	for (size_t i = 0; i < req->n_headers; i++) {
		if (!is_clean(req->headers[i].name, "\r\n: \t") ||
		    !req->headers[i].name[0] || !is_clean(req->headers[i].value, "\r\n"))
			return -EINVAL;
		need += strlen(req->headers[i].name) + strlen(req->headers[i].value) + 3;
	}
	if (n > h->lines_size) {
		struct curl_slist *grown = realloc(h->lines, n * sizeof *grown);

		if (!grown)
			return -ENOMEM;
		h->lines = grown;
		h->lines_size = n;
	}
	if (!reserve(&h->text, &h->text_size, need))
		return -ENOMEM;
#define ADD(...)                                \
	(h->lines[count++].data = h->text + at, \
	 at += (size_t)snprintf(h->text + at, need - at, __VA_ARGS__) + 1)
	for (size_t i = 0; i < req->n_headers; i++) {
		const char *name = req->headers[i].name, *value = req->headers[i].value;

		if (strcasecmp(name, "Content-Length") == 0 ||
		    strcasecmp(name, "Transfer-Encoding") == 0)
			continue; /* ours to say */
		if (value[0])
			ADD("%s: %s", name, value);
		else
			ADD("%s;", name);
	}
	if (body) {
		ADD("Expect:"); /* no waiting for a 100 */
		if (!has_header(req, "Content-Type"))
			ADD("Content-Type:"); /* not libcurl's guess */
	}
#undef ADD
	for (size_t i = 0; i < count; i++)
		h->lines[i].next = i + 1 < count ? &h->lines[i + 1] : NULL;
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, count ? h->lines : NULL);
	return 0;
}

static bool
is_loopback(const char *url)
{
	CURLU *u = curl_url();
	char *host = NULL;
	bool loopback = false;
	size_t len;

	if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		len = strlen(host);
		loopback = strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0 ||
		           strcasecmp(host, "localhost") == 0 ||
		           (len > 10 && strcasecmp(host + len - 10, ".localhost") == 0);
	}
	curl_free(host);
	curl_url_cleanup(u);
	return loopback;
}

static void
set_method(struct client_handle *h, const struct host_client_request *req, bool body)
{
	const char *method = req->method ? req->method : body ? "POST" : "GET";
	bool get = !body && strcmp(method, "GET") == 0;
	bool post = body && strcmp(method, "POST") == 0;
	bool head = !body && strcmp(method, "HEAD") == 0;

	if (!h->plain)
		curl_easy_setopt(h->easy, CURLOPT_HTTPGET, 1L);
	h->plain = !body && !head;
	if (body) {
		curl_easy_setopt(h->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, req->len ? req->body : "");
		curl_easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE,
		                 (curl_off_t)req->len);
	} else if (head) {
		curl_easy_setopt(h->easy, CURLOPT_NOBODY, 1L);
	}
	if (!get && !post && !head) {
		curl_easy_setopt(h->easy, CURLOPT_CUSTOMREQUEST, method);
		h->custom = true;
	} else if (h->custom) {
		curl_easy_setopt(h->easy, CURLOPT_CUSTOMREQUEST, NULL);
		h->custom = false;
	}
}

static int
set_up(struct host_client *client, struct client_handle *h, struct client_call *call)
{
	const struct host_client_request *req = call->request;
	bool body = req->len > 0 || (req->method && (strcmp(req->method, "POST") == 0 ||
	                                             strcmp(req->method, "PUT") == 0 ||
	                                             strcmp(req->method, "PATCH") == 0));
	int r = set_headers(h, req, body);

	if (r < 0)
		return r;
	if (!req->url ||
	    (req->method && (!is_clean(req->method, "\r\n \t") || !req->method[0])))
		return -EINVAL;
	set_method(h, req, body);
	if (client->proxied)
		curl_easy_setopt(h->easy, CURLOPT_PROXY,
		                 is_loopback(req->url) ? "" : NULL);
	curl_easy_setopt(
		h->easy, CURLOPT_TIMEOUT_MS,
		(long)(req->timeout_ms > 0 ? req->timeout_ms : DEFAULT_TIMEOUT_MS));
	curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(h->easy, CURLOPT_HEADERDATA, call);
	if (curl_easy_setopt(h->easy, CURLOPT_URL, req->url) != CURLE_OK)
		return -ENOMEM;
	return 0;
}

/* ---- running ---- */

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
	struct client_handle *h = take_handle(client);
	int r = h ? set_up(client, h, call) : -ENOMEM;

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
	fail(call->response, r,
	     r == -EINVAL ? "the URL, the method or a header is not valid"
	                  : "out of memory");
	call->handle = NULL;
	if (h)
		give_back(client, h);
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
		fail(rsp, -EMSGSIZE, "the response is larger than allowed");
	} else {
		fail(rsp, error_of(code, easy),
		     h->error[0] ? h->error : curl_easy_strerror(code));
	}
	curl_multi_remove_handle(client->multi, easy);
	call->handle = NULL;
	give_back(client, h);
	end_call(call);
}

static bool
abandon_call(void *arg)
{
	struct client_call *call = arg;
	struct host_client *client = call->client;

	fail(call->response, -ECANCELED, "cancelled");
	client->counters.canceled++;
	if (!call->handle) {
		TAILQ_REMOVE(&client->submitted, call, link);
		return true;
	}
	curl_multi_remove_handle(client->multi, call->handle->easy);
	give_back(client, call->handle);
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
		return fail(out, -EINVAL,
		            "calls can be made from a request's fiber only");
	TAILQ_INSERT_TAIL(&client->submitted, &call, link);
	host_fiber_wait(abandon_call, &call);
	return out->error;
}

void
host_client_response_fini(struct host_client_response *response)
{
	if (response->size)
		free(response->body);
	free(response->head);
	memset(response, 0, sizeof *response);
}

const char *
host_client_response_header(const struct host_client_response *response, const char *name,
                            size_t i)
{
	const char *at = response->head;

	for (size_t n = 0; n < response->n_headers; n++) {
		const char *value = at + strlen(at) + 1;

		if (strcasecmp(at, name) == 0 && i-- == 0)
			return value;
		at = value + strlen(value) + 1;
	}
	return NULL;
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
		free_handle(h);
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
