/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/http-h2-priv.h - streams, as the three files of HTTP/2 share them. [loop]
 */
#ifndef HOST_HTTP_H2_PRIV_H
#define HOST_HTTP_H2_PRIV_H

#include <nghttp2/nghttp2.h>

#include "http-priv.h"

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

/* ---- http-h2-stream.c ---- */

struct http_stream *http_stream_of(struct http_timer *timer);
/* NULL without memory. */
struct http_stream *http_stream_new(struct http_conn *conn, int32_t id);
void http_stream_free(struct http_stream *stream);
void http_stream_wait(struct http_stream *stream, enum http_wait wait);
void http_stream_head_ended(struct http_stream *stream);
/* Takes the exchange from its stream. NULL when its owner has not seen it and need not be told. */
struct http_slot *http_stream_detach(struct http_stream *stream);
size_t http_stream_queued(const struct http_stream *stream);
void http_stream_reset(struct http_stream *stream, uint32_t code);
/* Answers in place of the owner, who is told. */
void http_stream_refuse(struct http_stream *stream, const struct http_refusal *no);
nghttp2_nv http_nv(const char *name, const char *value);

/* As in struct http_proto. */
int http_h2_begin(struct http_slot *slot, int status, const struct http_field *fields,
                  size_t n, const void *body, size_t len, bool is_whole);
long http_h2_write(struct http_slot *slot, const void *data, size_t len);
int http_h2_end(struct http_slot *slot);
void http_h2_done(struct http_slot *slot);

/* ---- http-h2-request.c ---- */

void http_stream_header(struct http_stream *stream, const char *name, size_t name_len,
                        const char *value, size_t len);
void http_stream_trailer(struct http_stream *stream, const char *name, size_t name_len,
                         const char *value, size_t len);
/* The head is complete. */
void http_stream_head(struct http_stream *stream);
void http_stream_data(struct http_stream *stream, const uint8_t *data, size_t len);
void http_stream_body_ended(struct http_stream *stream);
long http_h2_read(struct http_slot *slot, void *buf, size_t size);

#endif
