/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes in and out of one connection.
 *
 * A keep-alive request costs a recv and a send (read() goes through the file layer first): what is read is
 * served at once, what is answered meanwhile is queued and written when all that was read has been served.
 * Only when the client does not take it is EV_WRITE armed. EV_READ stays armed while an answer is awaited, so
 * that a client that leaves is noticed. When there is no room to read into, the event is edge-triggered,
 * which tells of the client's leaving without telling of unread bytes again and again. (EV_CLOSED alone would
 * not do: libevent tells a reset as readable and writable.)
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "http-priv.h"

#define SCRATCH_SIZE 32768

/* ---- output ---- */

size_t
http_conn_queued(const struct http_conn *conn)
{
	return conn->out ? conn->out->end - conn->out->start : 0;
}

char *
http_conn_reserve(struct http_conn *conn, size_t len)
{
	struct http_out *out = conn->out;
	size_t size;
	char *data;

	if (!out)
		out = conn->out = http_out_get(conn->server);
	if (!out)
		return NULL;
	if (out->size - out->end >= len)
		return out->data + out->end;
	if (out->start > 0) {
		memmove(out->data, out->data + out->start, out->end - out->start);
		out->end -= out->start;
		out->start = 0;
	}
	for (size = out->size; size - out->end < len;)
		if (__builtin_mul_overflow(size, 2, &size))
			return NULL;
	if (size != out->size) {
		data = realloc(out->data, size);
		if (!data)
			return NULL;
		out->data = data;
		out->size = size;
	}
	return out->data + out->end;
}

int
http_conn_queue(struct http_conn *conn, const void *data, size_t len)
{
	char *room = len ? http_conn_reserve(conn, len) : NULL;

	if (len && !room)
		return -ENOMEM;
	if (len) {
		memcpy(room, data, len);
		conn->out->end += len;
	}
	return 0;
}

/* Writes the queue and then data, as much as the client takes; the rest of data is queued. */
int
http_conn_send(struct http_conn *conn, const void *data, size_t len)
{
	size_t queued = http_conn_queued(conn), sent;
	struct iovec parts[2] = {
		{ .iov_base = queued ? conn->out->data + conn->out->start : NULL,
		  .iov_len = queued },
		{ .iov_base = (void *)(uintptr_t)data, .iov_len = len },
	};
	struct iovec *only = queued ? &parts[0] : &parts[1];
	struct msghdr both = { .msg_iov = parts, .msg_iovlen = 2 };
	evutil_socket_t fd = event_get_fd(&conn->event);
	ssize_t n;

	if (queued + len == 0)
		return 0;
	do
		n = queued && len ? sendmsg(fd, &both, MSG_NOSIGNAL)
		                  : send(fd, only->iov_base, only->iov_len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
		return -ECANCELED;
	sent = n > 0 ? (size_t)n : 0;
	conn->server->counters.bytes_out += sent;
	conn->has_moved |= sent > 0;
	conn->is_blocked = sent < queued + len;
	if (sent < queued) {
		conn->out->start += sent;
		return http_conn_queue(conn, data, len);
	}
	http_out_put(conn->server, conn->out);
	conn->out = NULL;
	sent -= queued;
	return sent < len ? http_conn_queue(conn, (const char *)data + sent, len - sent)
	                  : 0;
}

static int
conn_sent(struct http_conn *conn, int r)
{
	if (r == 0) {
		http_conn_rearm(conn);
		return 0;
	}
	if (conn->slot)
		http_slot_detach(conn->slot);
	http_conn_close(conn, true);
	return r;
}

int
http_conn_write(struct http_conn *conn, const void *data, size_t len)
{
	if (conn->is_blocked ||
	    (conn->entered && http_conn_queued(conn) + len <= HTTP_OUT_FULL))
		return conn_sent(conn, http_conn_queue(conn, data, len));
	return conn_sent(conn, http_conn_send(conn, data, len));
}

int
http_conn_flush(struct http_conn *conn)
{
	return conn->is_blocked ? 0 : conn_sent(conn, http_conn_send(conn, NULL, 0));
}

/* ---- what is waited for ---- */

/* Without moving what is lent; see in_make_room. */
static bool
conn_has_room(const struct http_conn *conn)
{
	const struct http_in *in = conn->in;

	if (conn->state == HTTP_MULTIPLEXED)
		return http_conn_queued(conn) < HTTP_OUT_FULL;
	if (conn->state == HTTP_HEAD && http_conn_queued(conn) >= HTTP_OUT_FULL)
		return false; /* it asks and asks and does not take the answers */
	if (conn->state == HTTP_LINGER || conn->state == HTTP_BODY || !in)
		return true;
	return in->end < in->size || (in->start > in->mark && !in->patched);
}

static short
conn_wanted_events(const struct http_conn *conn)
{
	short events = EV_PERSIST;

	if (conn->is_blocked)
		events |= EV_WRITE;
	if (conn->has_eof || conn->state == HTTP_FLUSH)
		return events;
	return events | EV_READ | (conn_has_room(conn) ? 0 : EV_CLOSED | EV_ET);
}

static void conn_cb(evutil_socket_t fd, short what, void *arg);

static void
conn_arm(struct http_conn *conn)
{
	short events = conn_wanted_events(conn);
	evutil_socket_t fd = event_get_fd(&conn->event);

	if (events == conn->armed)
		return;
	event_del(&conn->event);
	event_assign(&conn->event, conn->server->base, fd, events, conn_cb, conn);
	conn->armed = events;
	if (events != EV_PERSIST && event_add(&conn->event, NULL) < 0)
		conn->armed = EV_PERSIST; /* its deadline will end it */
}

static enum http_wait
conn_wanted_wait(const struct http_conn *conn)
{
	if (conn->is_blocked)
		return HTTP_WAIT_WRITE;
	switch (conn->state) {
	case HTTP_MULTIPLEXED:
		return http_h2_wanted_wait(conn);
	case HTTP_HEAD:
		return conn->in ? HTTP_WAIT_HEAD : HTTP_WAIT_IDLE;
	case HTTP_BODY:
	case HTTP_SKIP:
		return HTTP_WAIT_BODY;
	case HTTP_STREAMED:
		return conn->in->start == conn->in->end ? HTTP_WAIT_BODY
		                                        : HTTP_WAIT_OWNER;
	case HTTP_LINGER:
		return HTTP_WAIT_LINGER;
	default:
		return HTTP_WAIT_OWNER;
	}
}

static void
conn_await(struct http_conn *conn)
{
	enum http_wait wait = conn_wanted_wait(conn);

	conn_arm(conn);
	if (wait != conn->timer.wait || conn->has_moved || wait == HTTP_WAIT_IDLE)
		http_server_wait(conn->server, &conn->timer, wait);
	conn->has_moved = false;
}

void
http_conn_rearm(struct http_conn *conn)
{
	if (!conn->entered)
		conn_await(conn);
}

/* ---- making and ending ---- */

int
http_conn_new(struct http_listener *listener, int fd, const struct sockaddr *peer,
              bool is_full)
{
	struct http_server *server = listener->server;
	struct http_conn *conn = calloc(1, sizeof *conn);

	if (!conn) {
		close(fd);
		return -ENOMEM;
	}
	conn->server = server;
	conn->listener = listener;
	conn->peer_family = (uint8_t)peer->sa_family;
	if (peer->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)
			peer;

		memcpy(conn->peer.v4, &in->sin_addr, 4);
		conn->peer_port = ntohs(in->sin_port);
	} else if (peer->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in =
			(const struct sockaddr_in6 *)(const void *)peer;

		memcpy(conn->peer.v6, &in->sin6_addr, 16);
		conn->peer_port = ntohs(in->sin6_port);
	}
	conn->state = HTTP_HEAD;
	conn->is_fresh = true;
	conn->armed = EV_PERSIST;
	event_assign(&conn->event, server->base, fd, EV_READ | EV_PERSIST, conn_cb, conn);
	server->counters.active++;
	http_server_wait(server, &conn->timer, HTTP_WAIT_IDLE);
	if (is_full) {
		http_conn_enter(conn);
		http_h1_refuse(conn, &(struct http_refusal){
					     503, "there are too many connections" });
		http_conn_leave(conn);
	} else {
		/* The request is mostly there by now. One that ends the connection has then been
		 * answered without epoll. */
		conn_cb(fd, EV_READ, conn);
	}
	return 0;
}

void
http_conn_close(struct http_conn *conn, bool reset)
{
	struct http_server *server = conn->server;
	evutil_socket_t fd = event_get_fd(&conn->event);

	if (conn->state == HTTP_DEAD)
		return;
	conn->state = HTTP_DEAD;
	if (conn->is_kicked)
		TAILQ_REMOVE(&server->kicked, conn, kick);
	http_server_wait(server, &conn->timer, HTTP_WAIT_NONE);
	event_del(&conn->event);
	if (reset)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER,
		                 &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
	close(fd);
	http_out_put(server, conn->out);
	http_in_put(server, conn->in);
	conn->out = NULL;
	conn->in = NULL;
	if (conn->h2)
		http_h2_free(conn);
	server->counters.active--;
	http_server_check_drained(server);
	if (!conn->entered)
		free(conn);
}

void
http_conn_lost(struct http_conn *conn, int why)
{
	struct http_slot *slot = conn->slot;

	if (conn->state == HTTP_DEAD)
		return;
	if (slot)
		http_slot_detach(slot);
	if (conn->h2)
		http_h2_lost(conn, why);
	http_conn_close(conn, false);
	if (slot)
		http_slot_gone(slot, why);
}

void
http_conn_enter(struct http_conn *conn)
{
	conn->entered++;
}

/* Closing in the gentlest way that is still possible. */
static void
conn_settle_end(struct http_conn *conn)
{
	if (conn->is_blocked)
		return;
	if (conn->state == HTTP_FLUSH || conn->has_eof) {
		http_conn_close(conn, false);
	} else if (!conn->is_shut) {
		conn->is_shut = true;
		conn->has_moved = true;
		shutdown(event_get_fd(&conn->event), SHUT_WR);
	}
}

static void
conn_settle(struct http_conn *conn)
{
	if (http_conn_queued(conn) > 0 && !conn->is_blocked &&
	    http_conn_send(conn, NULL, 0) < 0) {
		http_conn_lost(conn, -ECONNRESET);
		return;
	}
	if (conn->in && !conn->slot && conn->in->start == conn->in->end) {
		http_in_put(conn->server, conn->in);
		conn->in = NULL;
	}
	if (conn->state == HTTP_FLUSH || conn->state == HTTP_LINGER)
		conn_settle_end(conn);
	if (conn->state != HTTP_DEAD)
		conn_await(conn);
}

void
http_conn_leave(struct http_conn *conn)
{
	if (conn->entered == 1 && conn->state != HTTP_DEAD)
		conn_settle(conn);
	if (--conn->entered == 0 && conn->state == HTTP_DEAD)
		free(conn);
}

/* ---- events ---- */

/* Moves what is not lent and not taken, so that there is room behind it. */
static void
in_make_room(struct http_in *in)
{
	size_t len = in->end - in->start;

	if (in->patched || in->start == in->mark)
		return;
	if (len == 0 || in->size - in->end < HTTP_IN_EXTRA / 2) {
		memmove(in->data + in->mark, in->data + in->start, len);
		in->start = in->mark;
		in->end = in->mark + len;
	}
}

/* Where to read to: straight into a long body, else behind what is there. */
static char *
conn_read_target(struct http_conn *conn, size_t *room)
{
	if (!conn->in) {
		conn->in = http_in_get(conn->server);
		if (!conn->in)
			return NULL;
	}
	if (http_h1_reads_direct(conn))
		return http_h1_direct(conn, room);
	in_make_room(conn->in);
	*room = conn->in->size - conn->in->end;
	return conn->in->data + conn->in->end;
}

static void
conn_eof(struct http_conn *conn)
{
	conn->has_eof = true;
	if (conn->h2 || (conn->slot && !conn->slot->is_ended)) {
		http_conn_lost(conn, -ECONNRESET);
	} else if (http_conn_queued(conn) > 0 || conn->slot) {
		conn->is_keep_alive = false; /* what it asked for is still answered */
		if (!conn->slot)
			conn->state = HTTP_FLUSH;
	} else {
		http_conn_close(conn, false);
	}
}

/* For connections whose input is not kept. */
static void
conn_read_scratch(struct http_conn *conn)
{
	char scratch[SCRATCH_SIZE];
	ssize_t n = recv(event_get_fd(&conn->event), scratch, sizeof scratch, 0);

	if (n > 0) {
		conn->server->counters.bytes_in += (size_t)n;
		if (conn->state == HTTP_MULTIPLEXED)
			http_h2_input(conn, scratch, (size_t)n);
	} else if (n == 0) {
		conn_eof(conn);
	} else if (errno != EAGAIN && errno != EINTR) {
		http_conn_lost(conn, -ECONNRESET);
	}
}

static void
conn_read(struct http_conn *conn)
{
	size_t room;
	char *to;
	ssize_t n;

	if (conn->h2 || conn->state == HTTP_LINGER) {
		conn_read_scratch(conn);
		return;
	}
	to = conn_read_target(conn, &room);
	if (!to) {
		http_conn_lost(conn, -ENOMEM);
		return;
	}
	if (room == 0)
		return;
	n = recv(event_get_fd(&conn->event), to, room, 0);
	if (n > 0) {
		conn->server->counters.bytes_in += (size_t)n;
		http_h1_input(conn, (size_t)n);
	} else if (n == 0) {
		conn_eof(conn);
	} else if (errno != EAGAIN && errno != EINTR) {
		http_conn_lost(conn, -ECONNRESET);
	}
}

/* Readable while there is no room: only the end of the connection matters. */
static void
conn_peek(struct http_conn *conn, short what)
{
	int error = 0;
	socklen_t len = sizeof error;

	(void)getsockopt(event_get_fd(&conn->event), SOL_SOCKET, SO_ERROR, &error, &len);
	if (error != 0)
		http_conn_lost(conn, -ECONNRESET);
	else if ((what & EV_CLOSED) && conn->state == HTTP_OWNED)
		conn_eof(conn);
}

/* The queue can be written on. */
static void
conn_writable(struct http_conn *conn)
{
	conn->is_blocked = false;
	if (http_conn_send(conn, NULL, 0) < 0) {
		http_conn_lost(conn, -ECONNRESET);
		return;
	}
	if (conn->h2) {
		http_h2_run(conn);
		return;
	}
	if (conn->slot && conn->slot->wants_room &&
	    http_conn_queued(conn) < HTTP_OUT_FULL / 2) {
		conn->slot->wants_room = false;
		conn->server->ops->on_writable(&conn->slot->x);
	}
	if (conn->state != HTTP_DEAD)
		http_h1_run(conn);
}

static void
conn_cb(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *conn = arg;

	http_server_update_time(conn->server);
	http_conn_enter(conn);
	if (what & EV_WRITE)
		conn_writable(conn);
	if (conn->state != HTTP_DEAD && (what & (EV_READ | EV_CLOSED))) {
		if (conn->armed & EV_ET)
			conn_peek(conn, what);
		else if (what & EV_READ)
			conn_read(conn);
	}
	http_conn_leave(conn);
}

void
http_conn_kick(struct http_conn *conn)
{
	struct http_server *server = conn->server;

	if (conn->is_kicked || conn->state == HTTP_DEAD)
		return;
	if (TAILQ_EMPTY(&server->kicked))
		event_active(server->kick, EV_TIMEOUT, 0);
	TAILQ_INSERT_TAIL(&server->kicked, conn, kick);
	conn->is_kicked = true;
}

void
http_conn_kicked(struct http_conn *conn)
{
	http_conn_enter(conn);
	if (conn->h2)
		http_h2_run(conn);
	else
		http_h1_run(conn);
	http_conn_leave(conn);
}

void
http_conn_expired(struct http_conn *conn, enum http_wait wait)
{
	http_conn_enter(conn);
	if (wait == HTTP_WAIT_HEAD || wait == HTTP_WAIT_BODY || wait == HTTP_WAIT_WRITE)
		conn->server->counters.refused_slow++;
	if (conn->h2 && wait == HTTP_WAIT_IDLE)
		http_h2_drain(conn);
	else if (!conn->h2 && (wait == HTTP_WAIT_HEAD || wait == HTTP_WAIT_BODY))
		http_h1_refuse(conn, &(struct http_refusal){
					     408, "the request came too slowly" });
	else
		http_conn_lost(conn, -ETIMEDOUT);
	http_conn_leave(conn);
}

void
http_conn_drain(struct http_conn *conn)
{
	conn->is_keep_alive = false;
	if (conn->h2) {
		http_h2_drain(conn);
		http_conn_kick(conn);
	}
}
