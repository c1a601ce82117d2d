/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/2: nghttp2 does frames, header compression and flow control; here streams become exchanges.
 *
 * A stream outlives its exchange when an answer is still being sent, and an exchange its stream
 * when the client resets it. The owner's calls only submit: frames are made in http_h2_run, from
 * the loop, so no owner is ever called back from within a call of its own.
 *
 * Bounds: streams and header lists by SETTINGS and counted again; bodies by max_body, those that
 * are streamed by the window, which opens as the owner reads; answers by HTTP_OUT_FULL per
 * stream; floods of PING and SETTINGS by nghttp2; resets (what the client does to make us work in
 * vain) by RESETS_MAX.
 */
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http-priv.h"

#define CONNECTION_WINDOW (1 << 20)
#define RESETS_MAX        300
#define RESETS_MS         10000

struct http_stream {
	LIST_ENTRY(http_stream) link;
	struct http_timer timer; /* HTTP_WAIT_STREAM_* */
	struct http_conn *conn;
	struct http_slot *slot; /* NULL: finished or refused */
	int32_t id;
	bool has_head; /* complete */
	bool has_body; /* complete */
	bool has_answer, answer_ended;
	const char *method, *path, *authority; /* while the head is read */
	size_t head_len;
	size_t read; /* streamed: of slot->body; up to x.len is there */
	size_t received;
	struct http_refusal no;      /* what is wrong with the head */
	struct http_out out;         /* what waits to be framed */
	struct http_field *trailers; /* to be sent; copied */
	size_t n_trailers;
};

struct http_h2 {
	nghttp2_session *session;
	LIST_HEAD(, http_stream) streams;
	unsigned n_streams;
	unsigned n_heads; /* streams whose head is not complete */
	unsigned n_resets;
	uint64_t resets_since_ms;
	bool is_noticed; /* the client knows that we are about to go */
	bool has_room;   /* an owner may be waiting to be told */
};

/* ---- streams ---- */

static struct http_stream *
stream_of(struct http_timer *timer)
{
	return (struct http_stream *)((char *)timer -
	                              offsetof(struct http_stream, timer));
}

static void
stream_wait(struct http_stream *stream, enum http_wait wait)
{
	if (wait != HTTP_WAIT_NONE || stream->timer.wait != HTTP_WAIT_NONE)
		http_server_wait(stream->conn->server, &stream->timer, wait);
}

static struct http_stream *
stream_new(struct http_conn *conn, int32_t id)
{
	struct http_stream *stream = calloc(1, sizeof *stream);
	struct http_slot *slot = http_slot_get(conn->server);

	if (!stream || !slot) {
		free(stream);
		if (slot)
			http_slot_put(conn->server, slot);
		return NULL;
	}
	stream->conn = conn;
	stream->slot = slot;
	stream->id = id;
	slot->conn = conn;
	slot->stream = stream;
	slot->proto = &http_h2;
	LIST_INSERT_HEAD(&conn->h2->streams, stream, link);
	conn->h2->n_streams++;
	conn->h2->n_heads++;
	return stream;
}

static void
stream_head_ended(struct http_stream *stream)
{
	if (!stream->has_head)
		stream->conn->h2->n_heads--;
	stream->has_head = true;
}

/* Takes the exchange from its stream. An owner that has not seen it need not be told. */
static struct http_slot *
stream_detach(struct http_stream *stream)
{
	struct http_slot *slot = stream->slot;

	stream->slot = NULL;
	if (!slot)
		return NULL;
	if (slot->is_streamed) /* keeps the connection's window open */
		nghttp2_session_consume_connection(stream->conn->h2->session,
		                                   slot->x.len - stream->read);
	http_slot_detach(slot);
	slot->stream = NULL;
	if (slot->is_shown)
		return slot;
	http_slot_put(stream->conn->server, slot);
	return NULL;
}

static void
stream_free(struct http_stream *stream)
{
	struct http_h2 *h2 = stream->conn->h2;

	stream_wait(stream, HTTP_WAIT_NONE);
	stream_head_ended(stream);
	LIST_REMOVE(stream, link);
	h2->n_streams--;
	for (size_t i = 0; i < stream->n_trailers; i++) {
		free((void *)(uintptr_t)stream->trailers[i].name);
		free((void *)(uintptr_t)stream->trailers[i].value);
	}
	free(stream->trailers);
	free(stream->out.data);
	free(stream);
}

static size_t
stream_queued(const struct http_stream *stream)
{
	return stream->out.end - stream->out.start;
}

static int
stream_queue(struct http_stream *stream, const void *data, size_t len)
{
	struct http_out *out = &stream->out;
	size_t queued = out->end - out->start;

	if (len == 0)
		return 0;
	if (out->start > 0) {
		memmove(out->data, out->data + out->start, queued);
		out->start = 0;
		out->end = queued;
	}
	if (out->size - queued < len) {
		char *grown = realloc(out->data, queued + len);

		if (!grown)
			return -ENOMEM;
		out->data = grown;
		out->size = queued + len;
	}
	memcpy(out->data + out->end, data, len);
	out->end += len;
	if (queued == 0)
		stream_wait(stream, HTTP_WAIT_STREAM_WRITE);
	return 0;
}

/* ---- answers ---- */

static nghttp2_nv
nv_of(const char *name, const char *value)
{
	return (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name,
		.value = (uint8_t *)(uintptr_t)value,
		.namelen = strlen(name),
		.valuelen = strlen(value),
	};
}

static int
stream_submit_trailers(struct http_stream *stream)
{
	nghttp2_nv lines[HTTP_MAX_TRAILERS];

	for (size_t i = 0; i < stream->n_trailers; i++)
		lines[i] = nv_of(stream->trailers[i].name, stream->trailers[i].value);
	return nghttp2_submit_trailer(stream->conn->h2->session, stream->id, lines,
	                              stream->n_trailers);
}

static ssize_t
data_cb(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len, uint32_t *flags,
        nghttp2_data_source *source, void *arg)
{
	struct http_stream *stream = source->ptr;
	size_t n = stream_queued(stream);

	if (n == 0 && !stream->answer_ended)
		return NGHTTP2_ERR_DEFERRED;
	if (n > len)
		n = len;
	if (n > 0)
		memcpy(buf, stream->out.data + stream->out.start, n);
	stream->out.start += n;
	if (stream_queued(stream) > 0) {
		stream_wait(stream, HTTP_WAIT_STREAM_WRITE);
	} else {
		stream_wait(stream, HTTP_WAIT_NONE);
		if (stream->answer_ended)
			*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (stream->answer_ended && stream->n_trailers > 0) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			if (stream_submit_trailers(stream) < 0)
				return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
		}
	}
	stream->conn->h2->has_room = true;
	return (ssize_t)n;
}

/* has_data: pieces follow, or are queued. */
static int
stream_submit(struct http_stream *stream, const nghttp2_nv *lines, size_t n,
              bool has_data)
{
	nghttp2_data_provider data = { .source.ptr = stream, .read_callback = data_cb };
	int r = nghttp2_submit_response(stream->conn->h2->session, stream->id, lines, n,
	                                has_data ? &data : NULL);

	stream->has_answer = true;
	http_conn_kick(stream->conn);
	return r == 0 ? 0 : r == NGHTTP2_ERR_NOMEM ? -ENOMEM : -ECANCELED;
}

/* "Date: ...\r\n" of HTTP/1 as a value. */
static void
date_value(struct http_server *server, char out[40])
{
	size_t len;
	const char *line = http_server_date(server, &len);

	snprintf(out, 40, "%.*s", (int)len - 8, line + 6);
}

static int
h2_begin(struct http_slot *slot, int status, const struct http_field *fields, size_t n,
         const void *body, size_t len, bool is_whole)
{
	struct http_stream *stream = slot->stream;
	nghttp2_nv *lines = http_exchange_alloc(&slot->x, (n + 4) * sizeof *lines);
	char code[12], length[24], date[40];
	bool has_date = false, has_server = false, has_data = !slot->is_bodyless;
	size_t n_lines = 0;

	if (!lines)
		return -ENOMEM;
	snprintf(code, sizeof code, "%d", status);
	lines[n_lines++] = nv_of(":status", code);
	for (size_t i = 0; i < n; i++) {
		enum http_role role = http_field_role(fields[i].name);

		if (role == HTTP_ROLE_CONNECTION || role == HTTP_ROLE_FRAMING)
			continue;
		has_date |= role == HTTP_ROLE_DATE;
		has_server |= role == HTTP_ROLE_SERVER;
		lines[n_lines++] = nv_of(fields[i].name, fields[i].value);
	}
	date_value(stream->conn->server, date);
	if (!has_server)
		lines[n_lines++] = nv_of("server", "cupola");
	if (!has_date)
		lines[n_lines++] = nv_of("date", date);
	if (is_whole && len > 0 && http_status_has_body(status)) {
		snprintf(length, sizeof length, "%zu", len);
		lines[n_lines++] = nv_of("content-length", length);
	}
	if (is_whole) {
		has_data = has_data && len > 0;
		if (has_data && stream_queue(stream, body, len) < 0)
			return -ENOMEM;
		slot->is_ended = stream->answer_ended = true;
	}
	return stream_submit(stream, lines, n_lines, has_data);
}

static long
h2_write(struct http_slot *slot, const void *data, size_t len)
{
	struct http_stream *stream = slot->stream;
	size_t queued = stream_queued(stream);

	if (queued >= HTTP_OUT_FULL) {
		slot->wants_room = true;
		return -EAGAIN;
	}
	if (len > HTTP_OUT_FULL - queued)
		len = HTTP_OUT_FULL - queued;
	if (stream_queue(stream, data, len) < 0)
		return -ENOMEM;
	nghttp2_session_resume_data(stream->conn->h2->session, stream->id);
	http_conn_kick(stream->conn);
	return (long)len;
}

/* The stream may outlive the exchange that holds them. */
static int
stream_keep_trailers(struct http_stream *stream, const struct http_field *fields,
                     size_t n)
{
	stream->trailers = calloc(n, sizeof *stream->trailers);
	if (!stream->trailers)
		return -ENOMEM;
	for (; stream->n_trailers < n; stream->n_trailers++) {
		struct http_field *line = &stream->trailers[stream->n_trailers];

		line->name = strdup(fields[stream->n_trailers].name);
		line->value = strdup(fields[stream->n_trailers].value);
		if (!line->name || !line->value) {
			free((void *)(uintptr_t)line->name);
			free((void *)(uintptr_t)line->value);
			return -ENOMEM;
		}
	}
	return 0;
}

static int
h2_end(struct http_slot *slot)
{
	struct http_stream *stream = slot->stream;

	if (slot->n_reply_trailers > 0 && !slot->is_bodyless &&
	    stream_keep_trailers(stream, slot->reply_trailers, slot->n_reply_trailers) <
	            0) {
		slot->is_ended = false;
		return -ENOMEM;
	}
	stream->answer_ended = true;
	if (!slot->is_bodyless)
		nghttp2_session_resume_data(stream->conn->h2->session, stream->id);
	http_conn_kick(stream->conn);
	return 0;
}

static void
stream_reset(struct http_stream *stream, uint32_t code)
{
	nghttp2_submit_rst_stream(stream->conn->h2->session, NGHTTP2_FLAG_NONE,
	                          stream->id, code);
	http_conn_kick(stream->conn);
}

/* Answers in place of the owner, who is told. */
static void
stream_refuse(struct http_stream *stream, const struct http_refusal *no)
{
	struct http_counters *counters = &stream->conn->server->counters;
	int why = http_refusal_count(counters, no->status);
	bool is_begun = stream->has_answer;
	struct http_slot *slot;
	char code[12];

	stream_wait(stream, HTTP_WAIT_NONE);
	slot = stream_detach(stream);
	snprintf(code, sizeof code, "%d", no->status);
	if (is_begun) {
		stream_reset(stream, NGHTTP2_CANCEL);
	} else if (stream_queue(stream, no->why, strlen(no->why)) < 0 ||
	           stream_queue(stream, "\n", 1) < 0) {
		stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
	} else {
		const nghttp2_nv lines[] = {
			nv_of(":status", code), nv_of("server", "cupola"),
			nv_of("content-type", "text/plain; charset=utf-8")
		};

		stream->answer_ended = true;
		(void)stream_submit(stream, lines, 3, true);
	}
	if (slot)
		http_slot_gone(slot, why);
}

/* ---- requests ---- */

/*
 * RFC 9113 section 8.2.3: cookies come in crumbs, and are one line again for those who read them.
 */
static int
stream_join_cookies(struct http_slot *slot)
{
	struct http_field *fields = slot->fields, *first = NULL;
	size_t n = 0, len = 0, crumbs = 0;
	char *joined;

	for (size_t i = 0; i < slot->x.n_fields; i++) {
		if (strcmp(fields[i].name, "cookie") != 0)
			continue;
		len += strlen(fields[i].value) + 2;
		crumbs++;
	}
	if (crumbs < 2)
		return 0;
	joined = http_exchange_alloc(&slot->x, len + 1);
	if (!joined)
		return -ENOMEM;
	len = 0;
	for (size_t i = 0; i < slot->x.n_fields; i++) {
		if (strcmp(fields[i].name, "cookie") != 0) {
			fields[n++] = fields[i];
			continue;
		}
		len += (size_t)sprintf(joined + len, "%s%s", first ? "; " : "",
		                       fields[i].value);
		if (!first) {
			first = &fields[n];
			fields[n++] = fields[i];
		}
	}
	first->value = joined;
	slot->x.n_fields = n;
	return 0;
}

static int
stream_fill(struct http_stream *stream, struct http_refusal *no)
{
	struct http_slot *slot = stream->slot;
	struct http_exchange *x = &slot->x;
	const char *path = stream->path ? stream->path : "";
	struct http_target uri;
	int r;

	if (http_target_parse(&uri, stream->method, path, strlen(path), no) < 0)
		return -EBADMSG;
	if (uri.authority ||
	    (stream->authority &&
	     !http_authority_is_valid(stream->authority, strlen(stream->authority)))) {
		*no = (struct http_refusal){ 400,
			                     "the :path or :authority is not valid" };
		return -EBADMSG;
	}
	r = http_slot_set_uri(slot, &uri, no);
	if (r == 0)
		r = stream_join_cookies(slot);
	if (r < 0)
		return r;
	x->server = stream->conn->server;
	x->listener = stream->conn->listener;
	x->method = stream->method;
	x->target = path;
	x->host = http_field_find(slot->fields, x->n_fields, "host", 0);
	if (x->host && stream->authority && strcasecmp(x->host, stream->authority) != 0) {
		*no = (struct http_refusal){ 400, "the Host line is not the :authority" };
		return -EBADMSG;
	}
	if (stream->authority || !x->host)
		x->host = stream->authority ? stream->authority : "";
	x->version = 20;
	x->fields = slot->fields;
	x->body = "";
	x->max_body = stream->conn->listener->max_body;
	slot->is_head = strcmp(x->method, "HEAD") == 0;
	return 0;
}

static bool
stream_length_is_too_large(const struct http_slot *slot)
{
	const char *text = http_field_find(slot->x.fields, slot->x.n_fields,
	                                   "content-length", 0);
	uint64_t length;

	return text && http_number_parse(text, strlen(text), &length) == 0 &&
	       length > slot->x.max_body;
}

static const struct http_refusal no_memory = { 503,
	                                       "there is no memory for this request" };
static const struct http_refusal too_large = { 413,
	                                       "the body of the request is too large" };

static void
stream_ready(struct http_stream *stream)
{
	stream_wait(stream, HTTP_WAIT_NONE);
	stream->conn->server->ops->on_ready(&stream->slot->x);
}

/* The owner has seen the head and not replied. */
static void
stream_admitted(struct http_stream *stream, enum http_body how)
{
	struct http_slot *slot = stream->slot;
	const char *expect = http_exchange_field(&slot->x, "expect", 0);

	if (stream_length_is_too_large(slot)) {
		stream_refuse(stream, &too_large);
		return;
	}
	slot->is_streamed = how == HTTP_STREAM;
	if (!stream->has_body) {
		stream_wait(stream, HTTP_WAIT_STREAM_BODY);
		if (expect && strcmp(expect, "100-continue") == 0) {
			const nghttp2_nv go = nv_of(":status", "100");

			nghttp2_submit_headers(stream->conn->h2->session,
			                       NGHTTP2_FLAG_NONE, stream->id, NULL, &go,
			                       1, NULL);
		}
	}
	if (stream->has_body || slot->is_streamed)
		stream_ready(stream);
}

static void
stream_head(struct http_stream *stream)
{
	struct http_server *server = stream->conn->server;
	struct http_slot *slot = stream->slot;
	struct http_refusal no = no_memory;
	enum http_body how = HTTP_BUFFER;

	stream_head_ended(stream);
	if (stream->no.status == 0 && stream_fill(stream, &no) < 0)
		stream->no = no;
	if (stream->no.status != 0) {
		no = stream->no;
		stream_refuse(stream, &no);
		return;
	}
	server->counters.requests++;
	server->counters.requests_h2++;
	server->counters.exchanges++;
	slot->is_shown = true;
	if (server->ops->on_head)
		how = server->ops->on_head(&slot->x);
	if (stream->slot && !slot->is_begun)
		stream_admitted(stream, how);
}

static void
stream_body_ended(struct http_stream *stream)
{
	struct http_slot *slot = stream->slot;

	stream->has_body = true;
	if (!slot || !stream->has_head)
		return;
	if (slot->is_streamed) {
		stream_wait(stream, HTTP_WAIT_NONE);
		if (stream->conn->server->ops->on_body)
			stream->conn->server->ops->on_body(&slot->x);
	} else if (!slot->is_begun) {
		stream_ready(stream);
	}
}

static void
stream_data(struct http_stream *stream, const uint8_t *data, size_t len)
{
	struct http_slot *slot = stream->slot;
	struct http_exchange *x = slot ? &slot->x : NULL;
	nghttp2_session *session = stream->conn->h2->session;

	if (!slot || (slot->is_begun && !slot->is_streamed)) { /* nobody wants it */
		nghttp2_session_consume(session, stream->id, len);
		return;
	}
	stream->received += len;
	if (stream->received > x->max_body || http_slot_reserve(slot, x->len, len) < 0) {
		nghttp2_session_consume(session, stream->id, len);
		stream_refuse(stream,
		              stream->received > x->max_body ? &too_large : &no_memory);
		return;
	}
	memcpy(slot->body + x->len, data, len);
	x->len += len;
	x->body = slot->body;
	slot->body[x->len] = '\0';
	if (!slot->is_streamed) {
		nghttp2_session_consume(session, stream->id, len);
		return;
	}
	stream_wait(stream, HTTP_WAIT_NONE);
	if (stream->conn->server->ops->on_body)
		stream->conn->server->ops->on_body(x);
}

static long
h2_read(struct http_slot *slot, void *buf, size_t size)
{
	struct http_stream *stream = slot->stream;
	size_t n = slot->x.len - stream->read;

	if (n == 0)
		return stream->has_body ? 0 : -EAGAIN;
	if (n > size)
		n = size;
	memcpy(buf, slot->body + stream->read, n);
	stream->read += n;
	if (stream->read == slot->x.len) {
		stream->read = slot->x.len = 0;
		if (!stream->has_body)
			stream_wait(stream, HTTP_WAIT_STREAM_BODY);
	}
	nghttp2_session_consume(stream->conn->h2->session, stream->id, n);
	http_conn_kick(stream->conn);
	return (long)n;
}

static void
h2_done(struct http_slot *slot)
{
	struct http_stream *stream = slot->stream;
	nghttp2_session *session = stream->conn->h2->session;

	if (slot->is_streamed &&
	    slot->x.len > stream->read) /* keeps the connection's window */
		nghttp2_session_consume(session, stream->id, slot->x.len - stream->read);
	if (!slot->is_ended)
		stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
	else
		http_conn_kick(stream->conn);
	stream->slot = NULL;
	slot->stream = NULL;
}

/* ---- what nghttp2 tells ---- */

static int
begin_headers_cb(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http_conn *conn = arg;
	struct http_stream *stream;

	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	stream = stream_new(conn, frame->hd.stream_id);
	if (!stream)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
	return 0;
}

static void
stream_pseudo_header(struct http_stream *stream, const char *name, const char *value,
                     size_t len)
{
	if (strcmp(name, ":method") == 0) {
		stream->method = value;
	} else if (strcmp(name, ":authority") == 0) {
		stream->authority = value;
	} else if (strcmp(name, ":path") == 0) {
		stream->path = value;
		if (len > stream->conn->server->limits.max_target)
			stream->no = (struct http_refusal){
				414, "the request target is too long"
			};
	}
}

static void
stream_header(struct http_stream *stream, const char *name, size_t name_len,
              const char *value, size_t len)
{
	const struct http_limits *limits = &stream->conn->server->limits;
	struct http_slot *slot = stream->slot;
	struct http_field field;

	stream->head_len += name_len + len + 32;
	if (stream->head_len > limits->max_head && stream->no.status == 0)
		stream->no = (struct http_refusal){
			431, "the head of the request is too long"
		};
	if (stream->no.status != 0)
		return;
	field.name = http_slot_strndup(slot, name, name_len);
	field.value = http_slot_strndup(slot, value, len);
	if (!field.name || !field.value)
		stream->no = no_memory;
	else if (*name == ':')
		stream_pseudo_header(stream, field.name, field.value, len);
	else if (slot->x.n_fields == limits->max_fields)
		stream->no = (struct http_refusal){ 431,
			                            "there are too many header lines" };
	else
		slot->fields[slot->x.n_fields++] = field;
}

static void
stream_trailer(struct http_stream *stream, const char *name, size_t name_len,
               const char *value, size_t len)
{
	struct http_slot *slot = stream->slot;
	struct http_field field;

	stream->head_len += name_len + len + 32;
	if (!slot->trailers)
		slot->trailers = http_exchange_alloc(&slot->x,
		                                     HTTP_MAX_TRAILERS * sizeof field);
	if (!slot->trailers || slot->x.n_trailers == HTTP_MAX_TRAILERS ||
	    stream->head_len > 2 * (size_t)stream->conn->server->limits.max_head)
		return; /* trailers may be dropped, RFC 9110 section 6.5.1 */
	field.name = http_slot_strndup(slot, name, name_len);
	field.value = http_slot_strndup(slot, value, len);
	if (!field.name || !field.value)
		return;
	slot->trailers[slot->x.n_trailers++] = field;
	slot->x.trailers = slot->trailers;
}

static int
header_cb(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
          size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *arg)
{
	struct http_stream *stream = nghttp2_session_get_stream_user_data(
		session, frame->hd.stream_id);

	if (!stream || !stream->slot)
		return 0;
	if (stream->has_head)
		stream_trailer(stream, (const char *)name, name_len, (const char *)value,
		               len);
	else
		stream_header(stream, (const char *)name, name_len, (const char *)value,
		              len);
	return 0;
}

/* Work that the client throws away, or makes us throw away. */
static void
h2_count_reset(struct http_conn *conn)
{
	struct http_h2 *h2 = conn->h2;

	if (conn->server->now_ms - h2->resets_since_ms > RESETS_MS) {
		h2->resets_since_ms = conn->server->now_ms;
		h2->n_resets = 0;
	}
	if (++h2->n_resets == RESETS_MAX) {
		conn->server->counters.refused_framing++;
		nghttp2_session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM);
	}
}

static int
frame_cb(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http_stream *stream = nghttp2_session_get_stream_user_data(
		session, frame->hd.stream_id);
	bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	if (frame->hd.type == NGHTTP2_RST_STREAM)
		h2_count_reset(arg);
	if (!stream)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && !stream->has_head) {
		stream->has_body = ends;
		stream_head(stream);
	} else if ((frame->hd.type == NGHTTP2_HEADERS ||
	            frame->hd.type == NGHTTP2_DATA) &&
	           ends) {
		stream_body_ended(stream);
	}
	return 0;
}

static int
data_chunk_cb(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
              size_t len, void *arg)
{
	struct http_stream *stream = nghttp2_session_get_stream_user_data(session, id);

	if (stream)
		stream_data(stream, data, len);
	else
		nghttp2_session_consume_connection(session, len);
	return 0;
}

static int
frame_sent_cb(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http_stream *stream = nghttp2_session_get_stream_user_data(
		session, frame->hd.stream_id);

	if (frame->hd.type == NGHTTP2_RST_STREAM &&
	    frame->rst_stream.error_code != NGHTTP2_NO_ERROR)
		h2_count_reset(arg);
	/* RFC 9113 section 8.1: an answer before the request's end asks it to stop. */
	if (stream && !stream->has_body &&
	    (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		stream_reset(stream, NGHTTP2_NO_ERROR);
	return 0;
}

static int
stream_close_cb(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct http_stream *stream = nghttp2_session_get_stream_user_data(session, id);
	struct http_slot *slot;

	if (!stream)
		return 0;
	nghttp2_session_set_stream_user_data(session, id, NULL);
	slot = stream_detach(stream);
	stream_free(stream);
	if (slot)
		http_slot_gone(slot, -ECONNRESET);
	return 0;
}

/* ---- the connection ---- */

static int
session_new(struct http_conn *conn, nghttp2_session **out)
{
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	int r;

	r = nghttp2_session_callbacks_new(&callbacks);
	if (r == 0)
		r = nghttp2_option_new(&option);
	if (r == 0) {
		nghttp2_option_set_no_auto_window_update(option, 1);
		nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks,
		                                                        begin_headers_cb);
		nghttp2_session_callbacks_set_on_header_callback(callbacks, header_cb);
		nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_cb);
		nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks,
		                                                          data_chunk_cb);
		nghttp2_session_callbacks_set_on_frame_send_callback(callbacks,
		                                                     frame_sent_cb);
		nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
		                                                       stream_close_cb);
		r = nghttp2_session_server_new2(out, callbacks, conn, option);
	}
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return r;
}

int
http_h2_start(struct http_conn *conn)
{
	const struct http_limits *limits = &conn->server->limits;
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->max_streams },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits->max_head },
	};
	struct http_in *in = conn->in;
	struct http_h2 *h2 = calloc(1, sizeof *h2);

	if (!h2 || session_new(conn, &h2->session) < 0) {
		free(h2);
		return -ENOMEM;
	}
	LIST_INIT(&h2->streams);
	conn->h2 = h2;
	conn->state = HTTP_MULTIPLEXED;
	conn->is_fresh = false;
	conn->in = NULL;
	nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings, 2);
	nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0,
	                                      CONNECTION_WINDOW);
	if (conn->server->is_draining)
		http_h2_drain(conn);
	http_h2_input(conn, in->data + in->start, in->end - in->start);
	http_in_put(conn->server, in);
	return 0;
}

void
http_h2_input(struct http_conn *conn, const void *data, size_t len)
{
	ssize_t n = nghttp2_session_mem_recv(conn->h2->session, data, len);

	if (n < 0) { /* not even HTTP/2, a flood, no memory */
		conn->server->counters.refused_framing++;
		http_conn_lost(conn, -EBADMSG);
		return;
	}
	http_h2_run(conn);
}

/* Tells owners of the room that sending has made. */
static void
h2_tell_room(struct http_conn *conn)
{
	struct http_h2 *h2 = conn->h2;
	struct http_stream *stream, *next;

	h2->has_room = false;
	for (stream = LIST_FIRST(&h2->streams); stream; stream = next) {
		struct http_slot *slot = stream->slot;

		next = LIST_NEXT(stream, link); /* streams end in nghttp2's calls only */
		if (slot && slot->wants_room &&
		    stream_queued(stream) < HTTP_OUT_FULL / 2) {
			slot->wants_room = false;
			conn->server->ops->on_writable(&slot->x);
		}
	}
}

/* Frames until the output is full. False when the connection is lost. */
static bool
h2_send(struct http_conn *conn)
{
	for (;;) {
		const uint8_t *data;
		ssize_t n;

		if (http_conn_queued(conn) >= HTTP_OUT_FULL) {
			if (conn->is_blocked)
				return true;
			if (http_conn_send(conn, NULL, 0) < 0) {
				http_conn_lost(conn, -ECONNRESET);
				return false;
			}
			continue;
		}
		n = nghttp2_session_mem_send(conn->h2->session, &data);
		if (n == 0)
			return true;
		if (n < 0 || http_conn_queue(conn, data, (size_t)n) < 0) {
			http_conn_lost(conn, -ENOMEM);
			return false;
		}
	}
}

void
http_h2_run(struct http_conn *conn)
{
	struct http_h2 *h2 = conn->h2;

	if (conn->state == HTTP_LINGER)
		return;
	if (!h2_send(conn))
		return;
	if (h2->has_room)
		h2_tell_room(conn);
	if (!nghttp2_session_want_read(h2->session) &&
	    !nghttp2_session_want_write(h2->session))
		conn->state = HTTP_LINGER;
}

/* First a notice, so that no request is lost that is on its way; when it is quiet, the end. */
void
http_h2_drain(struct http_conn *conn)
{
	struct http_h2 *h2 = conn->h2;

	if (h2->is_noticed)
		nghttp2_submit_goaway(
			h2->session, NGHTTP2_FLAG_NONE,
			nghttp2_session_get_last_proc_stream_id(h2->session),
			NGHTTP2_NO_ERROR, NULL, 0);
	else
		nghttp2_submit_shutdown_notice(h2->session);
	h2->is_noticed = true;
	http_conn_kick(conn);
}

void
http_h2_lost(struct http_conn *conn, int why)
{
	struct http_h2 *h2 = conn->h2;
	struct http_slot *slots = NULL, *slot;

	while (!LIST_EMPTY(&h2->streams)) {
		struct http_stream *stream = LIST_FIRST(&h2->streams);

		nghttp2_session_set_stream_user_data(h2->session, stream->id, NULL);
		slot = stream_detach(stream);
		stream_free(stream);
		if (slot) {
			slot->next = slots;
			slots = slot;
		}
	}
	while ((slot = slots)) {
		slots = slot->next;
		slot->next = NULL;
		http_slot_gone(slot, why);
	}
}

void
http_h2_free(struct http_conn *conn)
{
	http_h2_lost(conn, -ECONNRESET);
	nghttp2_session_del(conn->h2->session);
	free(conn->h2);
	conn->h2 = NULL;
}

enum http_wait
http_h2_wanted_wait(const struct http_conn *conn)
{
	if (conn->h2->n_heads > 0)
		return HTTP_WAIT_HEAD;
	return conn->h2->n_streams > 0 ? HTTP_WAIT_OWNER : HTTP_WAIT_IDLE;
}

void
http_h2_expired(struct http_server *server, struct http_timer *timer, enum http_wait wait)
{
	struct http_stream *stream = stream_of(timer);
	struct http_slot *slot;

	server->counters.refused_slow++;
	slot = stream_detach(stream);
	stream_reset(stream, NGHTTP2_CANCEL);
	if (slot)
		http_slot_gone(slot, -ETIMEDOUT);
}

const struct http_proto http_h2 = {
	.begin = h2_begin,
	.write = h2_write,
	.end = h2_end,
	.read = h2_read,
	.done = h2_done,
};
