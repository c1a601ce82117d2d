/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams, and the answers that leave by them.
 *
 * An answer is copied into its stream, so that its exchange can end before the client has taken it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http-h2-priv.h"

struct http_stream *
http_stream_of(struct http_timer *timer)
{
	return (struct http_stream *)((char *)timer -
	                              offsetof(struct http_stream, timer));
}

void
http_stream_wait(struct http_stream *stream, enum http_wait wait)
{
	if (wait != HTTP_WAIT_NONE || stream->timer.wait != HTTP_WAIT_NONE)
		http_server_wait(stream->conn->server, &stream->timer, wait);
}

struct http_stream *
http_stream_new(struct http_conn *conn, int32_t id)
{
	struct http_stream *stream = calloc(1, sizeof *stream);
	struct http_slot *slot = http_slot_get(conn->server);

	if (!stream || !slot) {
		free(stream);
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

void
http_stream_head_ended(struct http_stream *stream)
{
	if (!stream->has_head)
		stream->conn->h2->n_heads--;
	stream->has_head = true;
}

struct http_slot *
http_stream_detach(struct http_stream *stream)
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

void
http_stream_free(struct http_stream *stream)
{
	struct http_h2 *h2 = stream->conn->h2;

	http_stream_wait(stream, HTTP_WAIT_NONE);
	http_stream_head_ended(stream);
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

size_t
http_stream_queued(const struct http_stream *stream)
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
		http_stream_wait(stream, HTTP_WAIT_STREAM_WRITE);
	return 0;
}

/* ---- answers ---- */

nghttp2_nv
http_nv(const char *name, const char *value)
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
		lines[i] = http_nv(stream->trailers[i].name, stream->trailers[i].value);
	return nghttp2_submit_trailer(stream->conn->h2->session, stream->id, lines,
	                              stream->n_trailers);
}

static ssize_t
data_cb(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len, uint32_t *flags,
        nghttp2_data_source *source, void *arg)
{
	struct http_stream *stream = source->ptr;
	size_t n = http_stream_queued(stream);

	if (n == 0 && !stream->answer_ended)
		return NGHTTP2_ERR_DEFERRED;
	if (n > len)
		n = len;
	if (n > 0)
		memcpy(buf, stream->out.data + stream->out.start, n);
	stream->out.start += n;
	if (http_stream_queued(stream) > 0) {
		http_stream_wait(stream, HTTP_WAIT_STREAM_WRITE);
	} else {
		http_stream_wait(stream, HTTP_WAIT_NONE);
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

int
http_h2_begin(struct http_slot *slot, int status, const struct http_field *fields,
              size_t n, const void *body, size_t len, bool is_whole)
{
	struct http_stream *stream = slot->stream;
	nghttp2_nv *lines = http_exchange_alloc(&slot->x, (n + 4) * sizeof *lines);
	char code[12], length[24], date[40];
	bool has_date = false, has_server = false, has_data = !slot->is_bodyless;
	size_t n_lines = 0;

	if (!lines)
		return -ENOMEM;
	snprintf(code, sizeof code, "%d", status);
	lines[n_lines++] = http_nv(":status", code);
	for (size_t i = 0; i < n; i++) {
		enum http_role role = http_field_role(fields[i].name);

		if (role == HTTP_ROLE_CONNECTION || role == HTTP_ROLE_FRAMING)
			continue;
		has_date |= role == HTTP_ROLE_DATE;
		has_server |= role == HTTP_ROLE_SERVER;
		lines[n_lines++] = http_nv(fields[i].name, fields[i].value);
	}
	date_value(stream->conn->server, date);
	if (!has_server)
		lines[n_lines++] = http_nv("server", "cupola");
	if (!has_date)
		lines[n_lines++] = http_nv("date", date);
	if (is_whole && len > 0 && http_status_has_body(status)) {
		snprintf(length, sizeof length, "%zu", len);
		lines[n_lines++] = http_nv("content-length", length);
	}
	if (is_whole) {
		has_data = has_data && len > 0;
		if (has_data && stream_queue(stream, body, len) < 0)
			return -ENOMEM;
		slot->is_ended = stream->answer_ended = true;
	}
	return stream_submit(stream, lines, n_lines, has_data);
}

long
http_h2_write(struct http_slot *slot, const void *data, size_t len)
{
	struct http_stream *stream = slot->stream;
	size_t queued = http_stream_queued(stream);

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

int
http_h2_end(struct http_slot *slot)
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

void
http_stream_reset(struct http_stream *stream, uint32_t code)
{
	nghttp2_submit_rst_stream(stream->conn->h2->session, NGHTTP2_FLAG_NONE,
	                          stream->id, code);
	http_conn_kick(stream->conn);
}

void
http_stream_refuse(struct http_stream *stream, const struct http_refusal *no)
{
	struct http_counters *counters = &stream->conn->server->counters;
	int why = http_refusal_count(counters, no->status);
	bool is_begun = stream->has_answer;
	struct http_slot *slot;
	char code[12];

	http_stream_wait(stream, HTTP_WAIT_NONE);
	slot = http_stream_detach(stream);
	snprintf(code, sizeof code, "%d", no->status);
	if (is_begun) {
		http_stream_reset(stream, NGHTTP2_CANCEL);
	} else if (stream_queue(stream, no->why, strlen(no->why)) < 0 ||
	           stream_queue(stream, "\n", 1) < 0) {
		http_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
	} else {
		const nghttp2_nv lines[] = {
			http_nv(":status", code), http_nv("server", "cupola"),
			http_nv("content-type", "text/plain; charset=utf-8")
		};

		stream->answer_ended = true;
		(void)stream_submit(stream, lines, 3, true);
	}
	if (slot)
		http_slot_gone(slot, why);
}

void
http_h2_done(struct http_slot *slot)
{
	struct http_stream *stream = slot->stream;
	nghttp2_session *session = stream->conn->h2->session;

	if (slot->is_streamed &&
	    slot->x.len > stream->read) /* keeps the connection's window */
		nghttp2_session_consume(session, stream->id, slot->x.len - stream->read);
	if (!slot->is_ended)
		http_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
	else
		http_conn_kick(stream->conn);
	stream->slot = NULL;
	slot->stream = NULL;
}
