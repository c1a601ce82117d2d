/* SPDX-License-Identifier: Apache-2.0 */
/* A response keeps its buffers from call to call; past its bounds the call ends as -EMSGSIZE. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http-client-priv.h"

#define MAX_HEAD (64u << 10)

bool
host_client_reserve(char **buf, size_t *size, size_t need)
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

size_t
host_client_on_body(char *data, size_t one, size_t n, void *arg)
{
	struct client_call *call = arg;
	struct host_client_response *rsp = call->response;

	(void)one;
	if (n > call->max_body - rsp->len) {
		call->too_big = true;
		return CURL_WRITEFUNC_ERROR;
	}
	if (!host_client_reserve(&rsp->body, &rsp->size, rsp->len + n + 1))
		return CURL_WRITEFUNC_ERROR;
	memcpy(rsp->body + rsp->len, data, n);
	rsp->len += n;
	rsp->body[rsp->len] = '\0';
	return n;
}

size_t
host_client_on_header(char *line, size_t one, size_t n, void *arg)
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
	if (!host_client_reserve(&rsp->head, &rsp->head_size, rsp->head_len + end + 2))
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

int
host_client_fail(struct host_client_response *rsp, int error, const char *message)
{
	rsp->status = 0;
	rsp->error = error;
	rsp->len = rsp->head_len = rsp->n_headers = 0;
	if (rsp->size)
		rsp->body[0] = '\0';
	snprintf(rsp->message, sizeof rsp->message, "%s", message);
	return error;
}

int
host_client_error_of(CURLcode code, CURL *easy)
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
