/* SPDX-License-Identifier: Apache-2.0 */
/* The query is decoded when it is first asked for, into the exchange's memory. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "service-request.h"

#define MAX_PARAMETERS 256

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* What is no escape stays as it is, and so does %00: a value is a C string. */
static char *
decode(char *to, const char *from, size_t len)
{
	for (const char *end = from + len; from < end; from++) {
		int high, low;

		if (*from == '+') {
			*to++ = ' ';
			continue;
		}
		if (*from == '%' && end - from > 2 && (high = hex_digit(from[1])) >= 0 &&
		    (low = hex_digit(from[2])) >= 0 && (high || low)) {
			*to++ = (char)(high << 4 | low);
			from += 2;
			continue;
		}
		*to++ = *from;
	}
	*to++ = '\0';
	return to;
}

static void
parse_query(struct request *r)
{
	const char *query = r->x->query;
	size_t n = 1, len = strlen(query);
	char *text;

	r->parsed = true;
	for (const char *at = query; *at; at++)
		n += *at == '&';
	if (!len)
		return;
	if (n > MAX_PARAMETERS)
		n = MAX_PARAMETERS;
	r->parameters = http_exchange_alloc(r->x, n * sizeof *r->parameters);
	text = http_exchange_alloc(r->x, len + 2 * n + 2);
	if (!r->parameters || !text)
		return;
	while (r->n_parameters < n) {
		size_t piece = strcspn(query, "&");
		const char *equals = memchr(query, '=', piece);
		size_t name = equals ? (size_t)(equals - query) : piece;
		struct parameter *p = &r->parameters[r->n_parameters];

		if (piece) {
			p->name = text;
			text = decode(text, query, name);
			p->value = text;
			text = equals ? decode(text, equals + 1, piece - name - 1)
			              : decode(text, "", 0);
			r->n_parameters++;
		}
		if (!query[piece])
			break;
		query += piece + 1;
	}
}

static const char *
request_query(struct svc_request *pub, const char *name)
{
	struct request *r = request_of(pub);

	if (!r->parsed)
		parse_query(r);
	for (size_t i = 0; i < r->n_parameters; i++)
		if (strcmp(r->parameters[i].name, name) == 0)
			return r->parameters[i].value;
	return NULL;
}

/* HTTP/2 says the host in :authority, which is no header; it is asked for by its old name. */
static const char *
request_header(struct svc_request *pub, const char *name, size_t i)
{
	const struct http_exchange *x = request_of(pub)->x;
	const char *value = http_exchange_field(x, name, i);

	if (!value && i == 0 && x->host[0] && strcasecmp(name, "host") == 0)
		return x->host;
	return value;
}

static int
request_header_at(struct svc_request *pub, size_t i, struct svc_header *out)
{
	const struct http_exchange *x = request_of(pub)->x;

	if (i >= x->n_fields)
		return -ENOENT;
	out->name = x->fields[i].name;
	out->value = x->fields[i].value;
	return 0;
}

static long
request_read(struct svc_request *pub, void *buf, size_t size)
{
	struct request *r = request_of(pub);
	long n;

	if (host_fiber_self() != r->work.fiber)
		return -EINVAL;
	if (host_fiber_is_cancelled(r->work.fiber))
		return -ECANCELED;
	if (!(r->work.service->config.plugin->flags & SVC_STREAM_BODY)) {
		size_t left = r->pub.len - r->read;

		if (size > left)
			size = left;
		if (size)
			memcpy(buf, (const char *)r->pub.body + r->read, size);
		r->read += size;
		return (long)size;
	}
	while ((n = http_read(r->x, buf, size)) == -EAGAIN) {
		int error = service_request_await(r, BODY);

		if (error < 0)
			return error;
	}
	if (n == -ECANCELED)
		service_request_gone(r);
	return n;
}

void
service_read_functions(struct svc_host *host)
{
	host->request_query = request_query;
	host->request_header = request_header;
	host->request_header_at = request_header_at;
	host->request_read = request_read;
}
