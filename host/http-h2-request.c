/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients send by a stream: head, body, trailers.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http-h2-priv.h"

/* ---- heads ---- */

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

void
http_stream_header(struct http_stream *stream, const char *name, size_t name_len,
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
		stream->no = http_no_memory;
	else if (*name == ':')
		stream_pseudo_header(stream, field.name, field.value, len);
	else if (slot->x.n_fields == limits->max_fields)
		stream->no = (struct http_refusal){ 431,
			                            "there are too many header lines" };
	else
		slot->fields[slot->x.n_fields++] = field;
}

void
http_stream_trailer(struct http_stream *stream, const char *name, size_t name_len,
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

static void
stream_ready(struct http_stream *stream)
{
	http_stream_wait(stream, HTTP_WAIT_NONE);
	stream->conn->server->ops->on_ready(&stream->slot->x);
}

/* The owner has seen the head and not replied. */
static void
stream_admitted(struct http_stream *stream, enum http_body how)
{
	struct http_slot *slot = stream->slot;
	const char *expect = http_exchange_field(&slot->x, "expect", 0);

	if (stream_length_is_too_large(slot)) {
		http_stream_refuse(stream, &http_too_large);
		return;
	}
	slot->is_streamed = how == HTTP_STREAM;
	if (!stream->has_body) {
		http_stream_wait(stream, HTTP_WAIT_STREAM_BODY);
		if (expect && strcmp(expect, "100-continue") == 0) {
			const nghttp2_nv go = http_nv(":status", "100");

			nghttp2_submit_headers(stream->conn->h2->session,
			                       NGHTTP2_FLAG_NONE, stream->id, NULL, &go,
			                       1, NULL);
		}
	}
	if (stream->has_body || slot->is_streamed)
		stream_ready(stream);
}

void
http_stream_head(struct http_stream *stream)
{
	struct http_server *server = stream->conn->server;
	struct http_slot *slot = stream->slot;
	struct http_refusal no = http_no_memory;
	enum http_body how = HTTP_BUFFER;

	http_stream_head_ended(stream);
	if (stream->no.status == 0 && stream_fill(stream, &no) < 0)
		stream->no = no;
	if (stream->no.status != 0) {
		no = stream->no;
		http_stream_refuse(stream, &no);
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

void
http_stream_body_ended(struct http_stream *stream)
{
	struct http_slot *slot = stream->slot;

	stream->has_body = true;
	if (!slot || !stream->has_head)
		return;
	if (slot->is_streamed) {
		http_stream_wait(stream, HTTP_WAIT_NONE);
		if (stream->conn->server->ops->on_body)
			stream->conn->server->ops->on_body(&slot->x);
	} else if (!slot->is_begun) {
		stream_ready(stream);
	}
}

void
http_stream_data(struct http_stream *stream, const uint8_t *data, size_t len)
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
		http_stream_refuse(stream, stream->received > x->max_body
		                                   ? &http_too_large
		                                   : &http_no_memory);
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
	http_stream_wait(stream, HTTP_WAIT_NONE);
	if (stream->conn->server->ops->on_body)
		stream->conn->server->ops->on_body(x);
}

long
http_h2_read(struct http_slot *slot, void *buf, size_t size)
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
			http_stream_wait(stream, HTTP_WAIT_STREAM_BODY);
	}
	nghttp2_session_consume(stream->conn->h2->session, stream->id, n);
	http_conn_kick(stream->conn);
	return (long)n;
}
