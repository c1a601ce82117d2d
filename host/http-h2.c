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
#include <stdlib.h>
#include <string.h>

#include "http-h2-priv.h"

#define CONNECTION_WINDOW (1 << 20)
#define RESETS_MAX        300
#define RESETS_MS         10000

/* ---- what nghttp2 tells ---- */

static int
begin_headers_cb(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http_conn *conn = arg;
	struct http_stream *stream;

	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	stream = http_stream_new(conn, frame->hd.stream_id);
	if (!stream)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
	return 0;
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
		http_stream_trailer(stream, (const char *)name, name_len,
		                    (const char *)value, len);
	else
		http_stream_header(stream, (const char *)name, name_len,
		                   (const char *)value, len);
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
		http_stream_head(stream);
	} else if ((frame->hd.type == NGHTTP2_HEADERS ||
	            frame->hd.type == NGHTTP2_DATA) &&
	           ends) {
		http_stream_body_ended(stream);
	}
	return 0;
}

static int
data_chunk_cb(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
              size_t len, void *arg)
{
	struct http_stream *stream = nghttp2_session_get_stream_user_data(session, id);

	if (stream)
		http_stream_data(stream, data, len);
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
		http_stream_reset(stream, NGHTTP2_NO_ERROR);
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
	slot = http_stream_detach(stream);
	http_stream_free(stream);
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
		    http_stream_queued(stream) < HTTP_OUT_FULL / 2) {
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
		slot = http_stream_detach(stream);
		http_stream_free(stream);
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
	struct http_stream *stream = http_stream_of(timer);
	struct http_slot *slot;

	server->counters.refused_slow++;
	slot = http_stream_detach(stream);
	http_stream_reset(stream, NGHTTP2_CANCEL);
	if (slot)
		http_slot_gone(slot, -ETIMEDOUT);
}

const struct http_proto http_h2 = {
	.begin = http_h2_begin,
	.write = http_h2_write,
	.end = http_h2_end,
	.read = http_h2_read,
	.done = http_h2_done,
};
