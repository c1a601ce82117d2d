/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1: one request after the other out of the input, one answer after the other into the
 * output.
 *
 *   HEAD ──► BODY ─────► OWNED ──done──► HEAD   (LINGER or FLUSH when the connection is to end)
 *     │                    ▲        └──► SKIP ──► HEAD   (a rest of the body is in the way)
 *     └────► STREAMED ─────┘ the owner has read all
 *
 * The next head is looked at when the owner is done with the exchange before it, so answers are
 * in order by themselves; what the client has pipelined waits in the input, which is bounded.
 */
#include <errno.h>
#include <string.h>

#include "http-priv.h"

#define SKIP_MAX 65536 /* unwanted bytes that are read to keep a connection */
#define GROW_MIN 65536

/* ---- refusing ---- */

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
			http_h1_write_refusal(conn, no);
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
		http_h1_refuse(conn, &http_no_memory);
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
		*no = http_no_memory;
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
			http_h1_refuse(conn, &http_too_large);
			return false;
		}
		if (!body_append(slot, data, n)) {
			http_h1_refuse(conn, &http_no_memory);
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
			no = http_too_large;
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

bool
http_h1_can_skip(const struct http_in *in)
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
		http_h1_refuse(conn, &http_too_large);
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

/* A handshake record of TLS: its type, and its version's first byte. No method begins so. */
static bool
is_tls(const char *start, size_t len)
{
	return len >= 2 && start[0] == 0x16 && start[1] == 3;
}

static bool
h1_head(struct http_conn *conn)
{
	struct http_server *server = conn->server;
	struct http_in *in = conn->in;
	struct http_refusal no = http_no_memory;
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
	len = in->end - in->start;
	if (in->start > HTTP_IN_EXTRA - HTTP_TRAILER_SIZE) {
		/* Wherever the head ends, there must be room for chunk lines and trailers. */
		memmove(in->data, in->data + in->start, len);
		in->start = 0;
		in->end = len;
	}
	start = in->data + in->start;
	if (conn->is_fresh && len >= 4 && memcmp(start, "PRI ", 4) == 0) {
		if (http_h2_start(conn) < 0)
			http_conn_close(conn, true);
		return false;
	}
	if (conn->is_fresh && is_tls(start, len)) {
		if (server->ops->on_tls)
			server->ops->on_tls(conn->listener);
		no = (struct http_refusal){
			400, "this is TLS, and the listener speaks plain HTTP"
		};
		http_h1_refuse(conn, &no);
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

/* ---- the end of an exchange ---- */

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
	} else if (conn->is_keep_alive && http_h1_can_skip(in)) {
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
	.begin = http_h1_begin,
	.write = http_h1_write,
	.end = http_h1_end,
	.read = h1_read,
	.done = h1_done,
};
