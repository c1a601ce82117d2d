/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1: one request after the other out of the input, one answer after the other into the output.
 *
 *   HEAD ──► BODY ─────► OWNED ──done──► HEAD   (LINGER or FLUSH when the connection is to end)
 *     │                    ▲        └──► SKIP ──► HEAD   (a rest of the body is in the way)
 *     └────► STREAMED ─────┘ the owner has read all
 *
 * The next head is looked at when the owner is done with the exchange before it, so answers are in order
 * by themselves; what the client has pipelined waits in the input, which is bounded.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "http-priv.h"

#define SKIP_MAX  65536 /* unwanted bytes that are read to keep a connection */
#define CHUNK_MAX 32768
#define GROW_MIN  65536

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

/* ---- refusing ---- */

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

static void
refusal_write(struct http_conn *conn, const struct http_refusal *no)
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

void
http_h1_refuse(struct http_conn *conn, const struct http_refusal *no)
{
	struct http_slot *slot = conn->slot;
	int why = http_refusal_count(&conn->server->counters, no->status);

	if (slot)
		http_slot_detach(slot);
	http_in_put(conn->server, conn->in);
	conn->in = NULL;
	if ((slot && slot->is_begun && !slot->is_ended) || conn->state == HTTP_SKIP) {
		http_conn_close(conn, true); /* amid another answer */
	} else {
		if (!slot || !slot->is_begun)
			refusal_write(conn, no);
		conn->state = HTTP_LINGER;
	}
	if (slot)
		http_slot_gone(slot, why);
}

/* From within a call of the owner's, which -ECANCELED will tell. */
static void
h1_refuse_quietly(struct http_slot *slot, const struct http_refusal *no)
{
	struct http_conn *conn = slot->conn;

	http_conn_enter(conn);
	if (slot->is_begun) {
		http_slot_detach(slot);
		http_conn_close(conn, !slot->is_ended);
	} else {
		http_slot_detach(slot);
		http_h1_refuse(conn, no);
	}
	http_conn_leave(conn);
}

/* ---- bodies ---- */

static bool
h1_ready(struct http_conn *conn)
{
	struct http_slot *slot = conn->slot;

	conn->state = HTTP_OWNED;
	conn->in->mark = conn->in->start;
	conn->in->framing = HTTP_NO_BODY;
	conn->server->ops->on_ready(&slot->x);
	return true;
}

/* All of it lies in the input: lend that, with a NUL after it. */
static void
body_lend(struct http_exchange *x, struct http_in *in)
{
	char *nul;

	x->body = in->data + in->start;
	x->len = (size_t)in->left;
	in->start += x->len;
	in->left = 0;
	nul = in->data + in->start;
	if (in->start < in->end) {
		in->patched = nul;
		in->saved = *nul;
	} else if (in->end < in->size) {
		in->start = ++in->end; /* what is read next must not overwrite it */
	}
	*nul = '\0';
}

static bool
body_append(struct http_slot *slot, const char *data, size_t len)
{
	struct http_exchange *x = &slot->x;

	if (http_slot_reserve(slot, x->len, len) < 0)
		return false;
	memcpy(slot->body + x->len, data, len);
	x->len += len;
	slot->body[x->len] = '\0';
	x->body = slot->body;
	return true;
}

static const struct http_refusal no_memory = { 503,
	                                       "there is no memory for this request" };
static const struct http_refusal too_large = { 413,
	                                       "the body of the request is too large" };

static bool
body_of_length(struct http_conn *conn)
{
	struct http_slot *slot = conn->slot;
	struct http_in *in = conn->in;
	size_t there = in->end - in->start;

	if (slot->x.len == 0 && there >= in->left) {
		body_lend(&slot->x, in);
		return h1_ready(conn);
	}
	if (there > in->left)
		there = (size_t)in->left;
	if (there > 0 && !body_append(slot, in->data + in->start, there)) {
		http_h1_refuse(conn, &no_memory);
		return false;
	}
	in->start += there;
	in->left -= there;
	return in->left == 0 ? h1_ready(conn) : false;
}

bool
http_h1_reads_direct(const struct http_conn *conn)
{
	return conn->state == HTTP_BODY && conn->in->framing == HTTP_LENGTH;
}

char *
http_h1_direct(struct http_conn *conn, size_t *room)
{
	struct http_slot *slot = conn->slot;
	size_t len = slot->x.len, more = len > GROW_MIN ? len : GROW_MIN;

	if (more > conn->in->left)
		more = (size_t)conn->in->left;
	if (slot->body_size < len + 4096 && http_slot_reserve(slot, len, more) < 0)
		return NULL;
	*room = slot->body_size - 1 - len;
	if (*room > conn->in->left)
		*room = (size_t)conn->in->left;
	return slot->body + len;
}

/* The end of a chunked body. 1, 0 when more is needed, -EBADMSG, -ENOMEM. */
static int
trailers_take(struct http_conn *conn, struct http_refusal *no)
{
	struct http_slot *slot = conn->slot;
	struct http_in *in = conn->in;
	size_t n = HTTP_MAX_TRAILERS;
	long r;

	if (!slot->trailers)
		slot->trailers = http_exchange_alloc(&slot->x,
		                                     n * sizeof *slot->trailers);
	if (!slot->trailers) {
		*no = no_memory;
		return -ENOMEM;
	}
	r = http_trailers_parse(in->data + in->start, in->end - in->start,
	                        HTTP_TRAILER_SIZE, slot->trailers, &n, no);
	if (r <= 0)
		return (int)r;
	in->start += (size_t)r;
	in->mark = in->start;
	in->framing = HTTP_NO_BODY;
	slot->x.trailers = slot->trailers;
	slot->x.n_trailers = n;
	return 1;
}

/* The next piece of a chunked body, of at most `max` bytes. An enum http_chunk or an error. */
static int
chunk_take(struct http_conn *conn, size_t max, const char **data, size_t *n,
           struct http_refusal *no)
{
	struct http_in *in = conn->in;
	int r;

	do {
		const char *pos = in->data + in->start, *end = in->data + in->end;

		if ((size_t)(end - pos) > max)
			end = pos + max;
		r = http_chunked_next(&in->chunked, &pos, end, data, n, no);
		in->start = (size_t)(pos - in->data);
	} while (r == HTTP_CHUNK_MORE && in->start < in->end);
	if (r == HTTP_CHUNK_LAST) {
		r = trailers_take(conn, no);
		return r > 0 ? HTTP_CHUNK_LAST : r == 0 ? HTTP_CHUNK_MORE : r;
	}
	return r;
}

static bool
body_of_chunks(struct http_conn *conn)
{
	struct http_slot *slot = conn->slot;
	struct http_refusal no;
	const char *data;
	size_t n;
	int r;

	while ((r = chunk_take(conn, SIZE_MAX / 2, &data, &n, &no)) == HTTP_CHUNK_DATA) {
		if (n > slot->x.max_body - slot->x.len) {
			http_h1_refuse(conn, &too_large);
			return false;
		}
		if (!body_append(slot, data, n)) {
			http_h1_refuse(conn, &no_memory);
			return false;
		}
	}
	if (r < 0) {
		http_h1_refuse(conn, &no);
		return false;
	}
	return r == HTTP_CHUNK_LAST ? h1_ready(conn) : false;
}

/* ---- streamed bodies: the input is the buffer ---- */

static long
h1_read_end(struct http_conn *conn)
{
	conn->in->mark = conn->in->start;
	conn->state = HTTP_OWNED;
	http_conn_rearm(conn);
	return 0;
}

static long
h1_read(struct http_slot *slot, void *buf, size_t size)
{
	struct http_conn *conn = slot->conn;
	struct http_in *in = conn->in;
	struct http_refusal no;
	const char *data = in->data + in->start;
	size_t n = in->end - in->start;
	int r;

	switch (in->framing) {
	case HTTP_LENGTH:
		if (n > in->left)
			n = (size_t)in->left;
		if (n > size)
			n = size;
		in->start += n;
		in->left -= n;
		if (in->left == 0)
			in->framing = HTTP_NO_BODY; /* the next call says so */
		break;
	case HTTP_CHUNKED:
		r = chunk_take(conn, size, &data, &n, &no);
		if (r == HTTP_CHUNK_LAST)
			return h1_read_end(conn);
		if (r == HTTP_CHUNK_DATA && n > slot->x.max_body - slot->x.len) {
			no = too_large;
			r = -EMSGSIZE;
		}
		if (r < 0) {
			h1_refuse_quietly(slot, &no);
			return -ECANCELED;
		}
		if (r == HTTP_CHUNK_MORE)
			n = 0;
		slot->x.len += n;
		break;
	default:
		return h1_read_end(conn);
	}
	memcpy(buf, data, n);
	http_conn_rearm(conn);
	return n ? (long)n : -EAGAIN;
}

/* ---- heads ---- */

/* The rest of the body that a reply given early leaves unread can be skipped. */
static bool
body_can_be_skipped(const struct http_in *in)
{
	if (in->framing == HTTP_NO_BODY)
		return true;
	return in->framing == HTTP_LENGTH && in->left <= SKIP_MAX && !in->is_awaited;
}

/* The owner has seen the head and not replied: goes on to the body. */
static bool
h1_admitted(struct http_conn *conn, enum http_body how)
{
	struct http_slot *slot = conn->slot;
	struct http_in *in = conn->in;

	if (in->framing == HTTP_LENGTH && in->left > slot->x.max_body) {
		http_h1_refuse(conn, &too_large);
		return false;
	}
	if (in->is_awaited && in->start == in->end) {
		static const char go[] = "HTTP/1.1 100 Continue\r\n\r\n";

		if (http_conn_write(conn, go, sizeof go - 1) < 0) {
			http_slot_gone(slot, -ECONNRESET);
			return false;
		}
	}
	in->is_awaited = false;
	slot->is_streamed = how == HTTP_STREAM;
	if (in->framing == HTTP_NO_BODY)
		return h1_ready(conn);
	if (!slot->is_streamed)
		return true;
	conn->state = HTTP_STREAMED;
	conn->server->ops->on_ready(&slot->x);
	return true;
}

static int
slot_fill(struct http_slot *slot, struct http_conn *conn, const struct http_head *head,
          struct http_refusal *no)
{
	struct http_exchange *x = &slot->x;
	int r = http_slot_set_uri(slot, &head->uri, no);

	if (r < 0)
		return r;
	x->server = conn->server;
	x->listener = conn->listener;
	x->method = head->method;
	x->target = head->target;
	x->host = head->host ? head->host : "";
	if (head->uri.authority) /* RFC 9112 section 3.2.2: it wins */
		x->host = http_slot_strndup(slot, head->uri.authority,
		                            head->uri.authority_len);
	if (!x->host)
		return -ENOMEM;
	x->version = head->version;
	x->fields = slot->fields;
	x->n_fields = head->n_fields;
	x->body = "";
	x->max_body = conn->listener->max_body;
	slot->proto = &http_h1;
	slot->is_head = strcmp(x->method, "HEAD") == 0;
	return 0;
}

/* A whole head: shows it to the owner. */
static bool
h1_exchange_start(struct http_conn *conn, struct http_slot *slot,
                  const struct http_head *head)
{
	struct http_server *server = conn->server;
	struct http_in *in = conn->in;
	enum http_body how = HTTP_BUFFER;

	in->framing = head->framing;
	in->left = head->content_length;
	in->chunked = (struct http_chunked){ 0 };
	in->is_awaited = head->expects_continue;
	in->ends = !head->keep_alive;
	conn->is_fresh = false;
	conn->is_keep_alive = head->keep_alive;
	conn->state = HTTP_BODY;
	conn->slot = slot;
	slot->conn = conn;
	server->counters.requests++;
	server->counters.exchanges++;
	if (server->ops->on_head)
		how = server->ops->on_head(&slot->x);
	if (conn->slot != slot)
		return true; /* answered and done, or failed */
	if (slot->is_begun) {
		conn->state = HTTP_OWNED;
		return false;
	}
	return h1_admitted(conn, how);
}

static bool
h1_head(struct http_conn *conn)
{
	struct http_server *server = conn->server;
	struct http_in *in = conn->in;
	struct http_refusal no = no_memory;
	struct http_slot *slot;
	struct http_head head;
	char *start;
	size_t len;
	long n;

	if (!in || in->start == in->end)
		return false;
	if (http_conn_queued(conn) >= HTTP_OUT_FULL &&
	    (http_conn_flush(conn) < 0 || http_conn_queued(conn) >= HTTP_OUT_FULL))
		return false;
	start = in->data + in->start;
	len = in->end - in->start;
	if (conn->is_fresh && len >= 4 && memcmp(start, "PRI ", 4) == 0) {
		if (http_h2_start(conn) < 0)
			http_conn_close(conn, true);
		return false;
	}
	slot = http_slot_get(server);
	if (!slot) {
		http_h1_refuse(conn, &no);
		return false;
	}
	head.fields = slot->fields;
	head.max_fields = server->limits.max_fields;
	head.max_head = server->limits.max_head;
	head.max_target = server->limits.max_target;
	n = http_head_parse(&head, start, len, in->seen, &no);
	in->seen = n == 0 ? len : 0;
	if (n > 0) {
		in->start += (size_t)n;
		in->mark = in->start;
	}
	if (n <= 0 || slot_fill(slot, conn, &head, &no) < 0) {
		http_slot_put(server, slot);
		if (n != 0)
			http_h1_refuse(conn, &no);
		return false;
	}
	return h1_exchange_start(conn, slot, &head);
}

static bool
h1_skip(struct http_conn *conn)
{
	struct http_in *in = conn->in;
	size_t n = in ? in->end - in->start : 0;

	if (n > conn->skip)
		n = conn->skip;
	if (n > 0)
		in->start += n;
	conn->skip -= (uint32_t)n;
	if (conn->skip > 0)
		return false;
	conn->state = HTTP_HEAD;
	return true;
}

void
http_h1_run(struct http_conn *conn)
{
	bool goes_on = true;

	while (goes_on) {
		switch (conn->state) {
		case HTTP_HEAD:
			goes_on = h1_head(conn);
			break;
		case HTTP_BODY:
			goes_on = conn->in->framing == HTTP_LENGTH ? body_of_length(conn)
			                                           : body_of_chunks(conn);
			break;
		case HTTP_SKIP:
			goes_on = h1_skip(conn);
			break;
		default:
			return;
		}
	}
}

void
http_h1_input(struct http_conn *conn, size_t len)
{
	if (http_h1_reads_direct(conn)) {
		struct http_slot *slot = conn->slot;

		slot->x.len += len;
		slot->x.body = slot->body;
		slot->body[slot->x.len] = '\0';
		conn->in->left -= len;
		if (conn->in->left == 0)
			h1_ready(conn);
	} else {
		conn->in->end += len;
	}
	if (conn->state == HTTP_STREAMED) {
		conn->has_moved = true;
		if (conn->server->ops->on_body)
			conn->server->ops->on_body(&conn->slot->x);
	}
	http_h1_run(conn);
}

/* ---- replies ---- */

static int
h1_begin(struct http_slot *slot, int status, const struct http_field *fields, size_t n,
         const void *body, size_t len, bool is_whole)
{
	struct http_conn *conn = slot->conn;
	char *start = http_conn_reserve(conn, HEAD_ROOM + fields_size(fields, n)), *to;

	if (!start)
		return -ENOMEM;
	if (conn->server->is_draining ||
	    (conn->state == HTTP_BODY && !body_can_be_skipped(conn->in)))
		conn->is_keep_alive = false;
	to = put_status(start, status);
	to = put_fields(to, conn, fields, n);
	if (is_whole && (slot->is_head || !slot->is_bodyless)) {
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

static long
h1_write(struct http_slot *slot, const void *data, size_t len)
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

static int
h1_end(struct http_slot *slot)
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

/* Where an exchange leaves the connection. */
static void
h1_go_on(struct http_conn *conn)
{
	struct http_in *in = conn->in;

	if (in->patched) {
		*in->patched = in->saved;
		in->patched = NULL;
	}
	in->mark = 0;
	if (conn->is_keep_alive && in->framing == HTTP_NO_BODY) {
		conn->state = HTTP_HEAD;
	} else if (conn->is_keep_alive && body_can_be_skipped(in)) {
		conn->state = HTTP_SKIP;
		conn->skip = (uint32_t)in->left;
	} else if (in->ends && in->start == in->end && in->framing == HTTP_NO_BODY) {
		conn->state = HTTP_FLUSH; /* the client sends no more by its own word */
	} else {
		conn->state = HTTP_LINGER;
		in->start = in->end;
	}
	if (in->start == in->end)
		in->start = in->end = 0;
	else if (conn->entered == 1)
		http_conn_kick(conn);
}

static void
h1_done(struct http_slot *slot)
{
	struct http_conn *conn = slot->conn;

	http_conn_enter(conn);
	conn->slot = NULL;
	if (slot->is_ended)
		h1_go_on(conn);
	else
		http_conn_close(conn, true);
	http_conn_leave(conn);
}

const struct http_proto http_h1 = {
	.begin = h1_begin,
	.write = h1_write,
	.end = h1_end,
	.read = h1_read,
	.done = h1_done,
};
