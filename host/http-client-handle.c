/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Easy handles are set up once and kept: libcurl's own state stays warm. Each call then sets what it needs
 * and takes back what the last one left.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http-client-priv.h"

#define DEFAULT_TIMEOUT_MS 10000
#define MAX_POOLED         256
/* Below our own server's 75 s, so that a connection is not used the moment it is closed. */
#define MAX_IDLE_S 60L

void
host_client_free_handle(struct client_handle *h)
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
	curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, host_client_on_body);
	curl_easy_setopt(h->easy, CURLOPT_HEADERFUNCTION, host_client_on_header);
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
		curl_easy_setopt(h->easy, CURLOPT_NOPROXY,
		                 "*"); /* no looking at the environment */
	}
	return h;
}

struct client_handle *
host_client_take_handle(struct host_client *client)
{
	struct client_handle *h = SLIST_FIRST(&client->handles);

	if (!h)
		return make_handle(client);
	SLIST_REMOVE_HEAD(&client->handles, link);
	return h;
}

void
host_client_give_back(struct host_client *client, struct client_handle *h)
{
	h->call = NULL;
	if (client->counters.in_flight >= MAX_POOLED)
		host_client_free_handle(h);
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
	if (!host_client_reserve(&h->text, &h->text_size, need))
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

int
host_client_set_up(struct host_client *client, struct client_handle *h,
                   struct client_call *call)
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
