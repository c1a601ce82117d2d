/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/otel/otlp-receiver.h - a receiver that does as it is told, badly if need be.
 *
 * One thread on a free port of 127.0.0.1 serves one connection at a time. Each request is answered by
 * the next step of a script, the last of which repeats. HTTP answers are raw bytes; gRPC is spoken
 * through nghttp2.
 */
#ifndef TESTS_OTLP_RECEIVER_H
#define TESTS_OTLP_RECEIVER_H

#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>

enum step_kind { REPLY, REPLY_THEN_CLOSE, CLOSE, HANG, RESET_STREAM };

struct step {
	enum step_kind kind;
	/* HTTP: everything from the status line on */
	const char *reply;
	size_t reply_len; /* 0: strlen */
	/* gRPC: */
	const char *http_status;                     /* NULL: 200 */
	const char *grpc_status, *message, *details; /* NULL: not sent */
	const char *body; /* framed; NULL: none, and the status comes with the headers */
	size_t body_len;
};

struct receiver {
	int listener, port;
	bool grpc;
	pthread_t thread;
	const struct step *steps;
	size_t n_steps;
	atomic_uint requests, connections;
	atomic_bool stopping;
	atomic_int current; /* the connection that is served, or -1 */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* guarded by lock; of the last request: */
	char head[4096]; /* HTTP: as it came; gRPC: "name: value\n" for each */
	char *body;
	size_t body_len, body_size;

	nghttp2_session *session; /* the thread's own */
	const struct step *step;
	size_t sent;
};

static inline const struct step *
receiver_next(struct receiver *r)
{
	unsigned n = atomic_load(&r->requests);
	const struct step *step = &r->steps[n < r->n_steps ? n : r->n_steps - 1];

	pthread_mutex_lock(&r->lock);
	atomic_fetch_add(&r->requests, 1);
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	return step;
}

static inline void
receiver_keep(struct receiver *r, const void *data, size_t len)
{
	if (r->body_len + len > r->body_size) {
		r->body_size = (r->body_len + len) * 2;
		r->body = realloc(r->body, r->body_size);
		ck_assert_ptr_nonnull(r->body);
	}
	memcpy(r->body + r->body_len, data, len);
	r->body_len += len;
}

static inline bool
receiver_write(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* Reads until the other side has gone. */
static inline void
receiver_hang(int fd)
{
	char data[4096];

	while (recv(fd, data, sizeof data, 0) > 0)
		;
}

/* ---- HTTP/1.1 ---- */

static inline bool
receiver_read_request(struct receiver *r, int fd)
{
	char data[65536], *end = NULL, *length;
	size_t have = 0, want;

	while (have < sizeof data - 1 && !end) {
		ssize_t n = recv(fd, data + have, sizeof data - 1 - have, 0);

		if (n <= 0)
			return false;
		have += (size_t)n;
		data[have] = '\0';
		end = strstr(data, "\r\n\r\n");
	}
	if (!end)
		return false;
	end += 4;
	pthread_mutex_lock(&r->lock);
	snprintf(r->head, sizeof r->head, "%.*s", (int)(end - data), data);
	r->body_len = 0;
	receiver_keep(r, end, have - (size_t)(end - data));
	length = strcasestr(r->head, "content-length:");
	want = length ? strtoul(length + 15, NULL, 10) : 0;
	while (r->body_len < want) {
		ssize_t n = recv(fd, data, sizeof data, 0);

		if (n <= 0)
			break;
		receiver_keep(r, data, (size_t)n);
	}
	pthread_mutex_unlock(&r->lock);
	return r->body_len == want;
}

static inline void
receiver_http(struct receiver *r, int fd)
{
	while (receiver_read_request(r, fd)) {
		const struct step *step = receiver_next(r);

		if (step->kind == HANG)
			receiver_hang(fd);
		if (step->kind == CLOSE || step->kind == HANG)
			return;
		if (!receiver_write(fd, step->reply,
		                    step->reply_len ? step->reply_len
		                                    : strlen(step->reply)))
			return;
		if (step->kind == REPLY_THEN_CLOSE)
			return;
	}
}

/* ---- gRPC ---- */

#define NV(name_, value_)                                                      \
	{                                                                      \
		(uint8_t *)(uintptr_t)(name_), (uint8_t *)(uintptr_t)(value_), \
			strlen(name_), strlen(value_), NGHTTP2_NV_FLAG_NONE    \
	}

static inline size_t
receiver_status_fields(const struct step *step, nghttp2_nv *nv)
{
	size_t n = 0;

	if (step->grpc_status)
		nv[n++] = (nghttp2_nv)NV("grpc-status", step->grpc_status);
	if (step->message)
		nv[n++] = (nghttp2_nv)NV("grpc-message", step->message);
	if (step->details)
		nv[n++] = (nghttp2_nv)NV("grpc-status-details-bin", step->details);
	return n;
}

static ssize_t
receiver_on_read(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t size,
                 uint32_t *flags, nghttp2_data_source *source, void *userdata)
{
	struct receiver *r = userdata;
	size_t n = r->step->body_len - r->sent < size ? r->step->body_len - r->sent
	                                              : size;
	nghttp2_nv trailers[3];

	memcpy(buf, r->step->body + r->sent, n);
	r->sent += n;
	if (r->sent == r->step->body_len) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (r->step->grpc_status) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			nghttp2_submit_trailer(session, stream, trailers,
			                       receiver_status_fields(r->step, trailers));
		}
	}
	return (ssize_t)n;
}

static inline void
receiver_answer(struct receiver *r, int32_t stream)
{
	nghttp2_data_provider body = { .read_callback = receiver_on_read };
	const struct step *step = r->step = receiver_next(r);
	nghttp2_nv nv[5] = { NV(":status", step->http_status ? step->http_status : "200"),
		             NV("content-type", "application/grpc") };
	size_t n = 2;

	r->sent = 0;
	if (step->kind == RESET_STREAM) {
		nghttp2_submit_rst_stream(r->session, NGHTTP2_FLAG_NONE, stream,
		                          NGHTTP2_CANCEL);
		return;
	}
	if (step->kind == HANG || step->kind == CLOSE)
		return;
	if (!step->body)
		n += receiver_status_fields(step, nv + n);
	nghttp2_submit_response(r->session, stream, nv, n, step->body ? &body : NULL);
}

static int
receiver_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *userdata)
{
	if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
	    frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		receiver_answer(userdata, frame->hd.stream_id);
	return 0;
}

static int
receiver_on_header(nghttp2_session *session, const nghttp2_frame *frame,
                   const uint8_t *name, size_t name_len, const uint8_t *value,
                   size_t value_len, uint8_t flags, void *userdata)
{
	struct receiver *r = userdata;
	size_t have;

	pthread_mutex_lock(&r->lock);
	if (name_len == 7 && memcmp(name, ":method", 7) == 0) {
		*r->head = '\0';
		r->body_len = 0;
	}
	have = strlen(r->head);
	snprintf(r->head + have, sizeof r->head - have, "%.*s: %.*s\n", (int)name_len,
	         (const char *)name, (int)value_len, (const char *)value);
	pthread_mutex_unlock(&r->lock);
	return 0;
}

static int
receiver_on_data(nghttp2_session *session, uint8_t flags, int32_t stream,
                 const uint8_t *data, size_t len, void *userdata)
{
	struct receiver *r = userdata;

	pthread_mutex_lock(&r->lock);
	receiver_keep(r, data, len);
	pthread_mutex_unlock(&r->lock);
	return 0;
}

static inline bool
receiver_flush(struct receiver *r, int fd)
{
	const uint8_t *data;
	ssize_t n;

	while ((n = nghttp2_session_mem_send(r->session, &data)) > 0)
		if (!receiver_write(fd, (const char *)data, (size_t)n))
			return false;
	return true;
}

static inline void
receiver_grpc(struct receiver *r, int fd)
{
	nghttp2_session_callbacks *callbacks;
	char data[65536];
	ssize_t n;

	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
	                                                     receiver_on_frame);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, receiver_on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks,
	                                                          receiver_on_data);
	nghttp2_session_server_new(&r->session, callbacks, r);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(r->session, NGHTTP2_FLAG_NONE, NULL, 0);
	r->step = NULL;
	while (receiver_flush(r, fd) && (n = recv(fd, data, sizeof data, 0)) > 0) {
		if (nghttp2_session_mem_recv(r->session, (const uint8_t *)data,
		                             (size_t)n) < 0)
			break;
		if (r->step && r->step->kind == CLOSE)
			break;
		if (r->step && r->step->kind == REPLY_THEN_CLOSE) {
			receiver_flush(r, fd);
			shutdown(
				fd,
				SHUT_WR); /* and not at once for good: that would be a reset */
			receiver_hang(fd);
			break;
		}
	}
	nghttp2_session_del(r->session);
}

/* ---- life ---- */

static void *
receiver_main(void *arg)
{
	struct receiver *r = arg;
	int fd;

	while ((fd = accept(r->listener, NULL, NULL)) >= 0) {
		atomic_store(&r->current, fd);
		atomic_fetch_add(&r->connections, 1);
		if (!atomic_load(&r->stopping)) {
			if (r->grpc)
				receiver_grpc(r, fd);
			else
				receiver_http(r, fd);
		}
		atomic_store(&r->current, -1);
		close(fd);
		if (atomic_load(&r->stopping))
			break;
	}
	return NULL;
}

/* `steps` stays the caller's and must live as long as the receiver. */
static inline void
receiver_start(struct receiver *r, bool grpc, const struct step *steps, size_t n_steps)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof address;

	memset(r, 0, sizeof *r);
	r->grpc = grpc;
	r->steps = steps;
	r->n_steps = n_steps;
	atomic_init(&r->current, -1);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(r->listener, 0);
	ck_assert_int_eq(bind(r->listener, (struct sockaddr *)&address, sizeof address),
	                 0);
	ck_assert_int_eq(listen(r->listener, 8), 0);
	ck_assert_int_eq(getsockname(r->listener, (struct sockaddr *)&address, &len), 0);
	r->port = ntohs(address.sin_port);
	ck_assert_int_eq(pthread_create(&r->thread, NULL, receiver_main, r), 0);
}

/* Waits until `n` requests have come whole. */
static inline void
receiver_await(struct receiver *r, unsigned n)
{
	pthread_mutex_lock(&r->lock);
	while (atomic_load(&r->requests) < n)
		pthread_cond_wait(&r->changed, &r->lock);
	pthread_mutex_unlock(&r->lock);
}

static inline void
receiver_stop(struct receiver *r)
{
	int fd;

	atomic_store(&r->stopping, true);
	shutdown(r->listener, SHUT_RDWR); /* ends accept */
	fd = atomic_load(&r->current);
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
	pthread_join(r->thread, NULL);
	close(r->listener);
	free(r->body);
	r->body = NULL;
}

#endif
