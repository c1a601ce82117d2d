/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What HTTP/1.1 says: heads, bodies, chunks and refusals, composed in the connection's output.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "http-priv.h"

#define CHUNK_MAX 32768

static const char *const status_texts[600] = {
	[200] = "OK",
	[201] = "Created",
	[202] = "Accepted",
	[204] = "No Content",
	[206] = "Partial Content",
	[301] = "Moved Permanently",
	[302] = "Found",
	[303] = "See Other",
	[304] = "Not Modified",
	[307] = "Temporary Redirect",
	[308] = "Permanent Redirect",
	[400] = "Bad Request",
	[401] = "Unauthorized",
	[403] = "Forbidden",
	[404] = "Not Found",
	[405] = "Method Not Allowed",
	[406] = "Not Acceptable",
	[408] = "Request Timeout",
	[409] = "Conflict",
	[410] = "Gone",
	[411] = "Length Required",
	[412] = "Precondition Failed",
	[413] = "Content Too Large",
	[414] = "URI Too Long",
	[415] = "Unsupported Media Type",
	[416] = "Range Not Satisfiable",
	[417] = "Expectation Failed",
	[422] = "Unprocessable Content",
	[429] = "Too Many Requests",
	[431] = "Request Header Fields Too Large",
	[500] = "Internal Server Error",
	[501] = "Not Implemented",
	[502] = "Bad Gateway",
	[503] = "Service Unavailable",
	[504] = "Gateway Timeout",
	[505] = "HTTP Version Not Supported",
};

/* ---- writing heads ---- */

static char *
put(char *to, const char *text, size_t len)
{
	memcpy(to, text, len);
	return to + len;
}

#define PUT(to, literal) put(to, literal, sizeof literal - 1)

static char *
put_number(char *to, uint64_t n)
{
	char digits[20];
	size_t len = 0;

	do
		digits[sizeof digits - ++len] = (char)('0' + n % 10);
	while (n /= 10);
	return put(to, digits + sizeof digits - len, len);
}

static char *
put_field(char *to, const struct http_field *field)
{
	to = put(to, field->name, strlen(field->name));
	to = PUT(to, ": ");
	to = put(to, field->value, strlen(field->value));
	return PUT(to, "\r\n");
}

static size_t
fields_size(const struct http_field *fields, size_t n)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++)
		size += strlen(fields[i].name) + strlen(fields[i].value) + 4;
	return size;
}

#define HEAD_ROOM 256 /* for what we add: the status, Server, Date, framing, Connection */

static char *
put_status(char *to, int status)
{
	const char *text = status < 600 ? status_texts[status] : NULL;

	to = PUT(to, "HTTP/1.1 ");
	to = put_number(to, (unsigned)status);
	*to++ = ' ';
	if (text)
		to = put(to, text, strlen(text));
	return PUT(to, "\r\n");
}

/* The owner's lines, and ours as far as they are not replaced. */
static char *
put_fields(char *to, struct http_conn *conn, const struct http_field *fields, size_t n)
{
	bool has_date = false, has_server = false;
	size_t date_len;
	const char *date;

	for (size_t i = 0; i < n; i++) {
		enum http_role role = http_field_role(fields[i].name);

		if (role == HTTP_ROLE_CONNECTION &&
		    http_list_has(fields[i].value, "close"))
			conn->is_keep_alive = false;
		if (role == HTTP_ROLE_CONNECTION || role == HTTP_ROLE_FRAMING)
			continue;
		has_date |= role == HTTP_ROLE_DATE;
		has_server |= role == HTTP_ROLE_SERVER;
		to = put_field(to, &fields[i]);
	}
	if (!has_server)
		to = PUT(to, "Server: cupola\r\n");
	if (!has_date) {
		date = http_server_date(conn->server, &date_len);
		to = put(to, date, date_len);
	}
	return to;
}

/* ---- refusals ---- */

int
http_refusal_count(struct http_counters *counters, int status)
{
	switch (status) {
	case 408:
		return -ETIMEDOUT;
	case 413:
		counters->refused_body++;
		return -EMSGSIZE;
	case 414:
	case 431:
		counters->refused_head++;
		return -EBADMSG;
	case 503:
		return -ENOMEM;
	default:
		counters->refused_framing++;
		return -EBADMSG;
	}
}

void
http_h1_write_refusal(struct http_conn *conn, const struct http_refusal *no)
{
	static const struct http_field fields[] = {
		{ "Content-Type", "text/plain; charset=utf-8" },
		{ "Retry-After", "1" },
	};
	size_t n = no->status == 503 ? 2 : 1, len = strlen(no->why);
	char *start = http_conn_reserve(conn, HEAD_ROOM + fields_size(fields, n) + len),
	     *to;

	if (!start)
		return;
	to = put_status(start, no->status);
	to = put_fields(to, conn, fields, n);
	to = PUT(to, "Content-Length: ");
	to = put_number(to, len + 1);
	to = PUT(to, "\r\nConnection: close\r\n\r\n");
	to = put(to, no->why, len);
	*to++ = '\n';
	conn->out->end += (size_t)(to - start);
}

/* ---- replies ---- */

int
http_h1_begin(struct http_slot *slot, int status, const struct http_field *fields,
              size_t n, const void *body, size_t len, bool is_whole)
{
	struct http_conn *conn = slot->conn;
	char *start = http_conn_reserve(conn, HEAD_ROOM + fields_size(fields, n)), *to;

	if (!start)
		return -ENOMEM;
	if (conn->server->is_draining ||
	    (conn->state == HTTP_BODY && !http_h1_can_skip(conn->in)))
		conn->is_keep_alive = false;
	to = put_status(start, status);
	to = put_fields(to, conn, fields, n);
	if (is_whole && http_status_has_body(status)) {
		to = PUT(to, "Content-Length: ");
		to = put_number(to, len);
		to = PUT(to, "\r\n");
	} else if (!is_whole && !slot->is_bodyless && slot->x.version >= 11) {
		to = PUT(to, "Transfer-Encoding: chunked\r\n");
		slot->is_chunked = true;
	} else if (!is_whole && !slot->is_bodyless) {
		conn->is_keep_alive = false; /* the close is its end */
	}
	if (!conn->is_keep_alive)
		to = PUT(to, "Connection: close\r\n");
	else if (slot->x.version < 11)
		to = PUT(to, "Connection: keep-alive\r\n");
	to = PUT(to, "\r\n");
	conn->out->end += (size_t)(to - start);
	if (!is_whole) {
		http_conn_kick(conn); /* should no piece follow soon */
		return 0;
	}
	slot->is_ended = true;
	return http_conn_write(conn, body, slot->is_bodyless ? 0 : len);
}

long
http_h1_write(struct http_slot *slot, const void *data, size_t len)
{
	struct http_conn *conn = slot->conn;
	char *start;
	int r;

	if (http_conn_queued(conn) >= HTTP_OUT_FULL) {
		r = http_conn_flush(conn);
		if (r < 0)
			return r;
		if (http_conn_queued(conn) >= HTTP_OUT_FULL) {
			slot->wants_room = true;
			return -EAGAIN;
		}
	}
	if (len > CHUNK_MAX)
		len = CHUNK_MAX;
	if (!slot->is_chunked) {
		r = http_conn_write(conn, data, len);
		return r < 0 ? r : (long)len;
	}
	start = http_conn_reserve(conn, len + 16);
	if (!start)
		return -ENOMEM;
	r = sprintf(start, "%zx\r\n", len);
	memcpy(start + r, data, len);
	memcpy(start + (size_t)r + len, "\r\n", 2);
	conn->out->end += (size_t)r + len + 2;
	r = http_conn_write(conn, NULL, 0);
	return r < 0 ? r : (long)len;
}

int
http_h1_end(struct http_slot *slot)
{
	struct http_conn *conn = slot->conn;
	size_t size = 8 + fields_size(slot->reply_trailers, slot->n_reply_trailers);
	char *start, *to;

	if (slot->is_chunked) {
		start = http_conn_reserve(conn, size);
		if (!start) {
			slot->is_ended =
				false; /* the client must not take it for whole */
			return -ENOMEM;
		}
		to = PUT(start, "0\r\n");
		for (size_t i = 0; i < slot->n_reply_trailers; i++)
			to = put_field(to, &slot->reply_trailers[i]);
		to = PUT(to, "\r\n");
		conn->out->end += (size_t)(to - start);
	}
	return http_conn_write(conn, NULL, 0);
}
