/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What connections share: listeners, deadlines, the drain.
 */
#include "http-server.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "http-priv.h"

#define POOL_MAX 64
#define ACCEPT_MAX \
	16 /* connections taken in one go, so that a flood of them starves nobody */
#define OVERFLOW    128 /* connections beyond the limit that are still told so */
#define TICK_MIN_MS 5
#define TICK_MAX_MS 200

/* ---- deadlines ---- */

void
http_server_update_time(struct http_server *server)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	server->now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* An eighth of the shortest deadline is exact enough for all of them. */
static void
tick_start(struct http_server *server)
{
	uint32_t ms = TICK_MAX_MS;

	for (int wait = 0; wait < HTTP_WAITS; wait++)
		if (server->wait_ms[wait] > 0 && server->wait_ms[wait] / 8 < ms)
			ms = server->wait_ms[wait] / 8;
	if (ms < TICK_MIN_MS)
		ms = TICK_MIN_MS;
	event_add(server->tick, &(struct timeval){ .tv_usec = (suseconds_t)ms * 1000 });
	server->is_ticking = true;
}

void
http_server_wait(struct http_server *server, struct http_timer *timer,
                 enum http_wait wait)
{
	if (timer->wait != HTTP_WAIT_NONE)
		TAILQ_REMOVE(&server->waits[timer->wait], timer, link);
	timer->wait = wait;
	timer->since_ms = server->now_ms;
	if (wait != HTTP_WAIT_NONE)
		TAILQ_INSERT_TAIL(&server->waits[wait], timer, link);
}

static struct http_conn *
conn_of(struct http_timer *timer)
{
	return (struct http_conn *)((char *)timer - offsetof(struct http_conn, timer));
}

static void
waits_expire(struct http_server *server, enum http_wait wait)
{
	struct http_timer *timer;

	while ((timer = TAILQ_FIRST(&server->waits[wait])) &&
	       server->now_ms - timer->since_ms >= server->wait_ms[wait]) {
		if (wait == HTTP_WAIT_STREAM_BODY || wait == HTTP_WAIT_STREAM_WRITE) {
			http_server_wait(server, timer, HTTP_WAIT_NONE);
			http_h2_expired(server, timer, wait);
		} else {
			http_server_wait(server, timer, HTTP_WAIT_OWNER);
			http_conn_expired(conn_of(timer), wait);
		}
	}
}

static void
listeners_pause(struct http_server *server, bool pause)
{
	struct http_listener *listener;

	server->is_paused = pause;
	SLIST_FOREACH (listener, &server->listeners, link)
		if (listener->event && pause)
			event_del(listener->event);
		else if (listener->event)
			event_add(listener->event, NULL);
}

static void
tick_cb(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *server = arg;

	http_server_update_time(server);
	for (int wait = 0; wait < HTTP_WAITS; wait++)
		if (server->wait_ms[wait] > 0)
			waits_expire(server, wait);
	if (server->is_paused)
		listeners_pause(server, false);
	if (server->counters.active == 0) { /* an idle server sleeps */
		event_del(server->tick);
		server->is_ticking = false;
	}
}

/* ---- accepting ---- */

/* Beyond the limit a connection is answered and closed; far beyond, only closed. */
static int
listener_take(struct http_listener *listener, int fd, const struct sockaddr *peer)
{
	struct http_server *server = listener->server;
	bool is_full = server->counters.active >= server->limits.max_connections;

	if (is_full)
		server->counters.refused_full++;
	if (is_full &&
	    server->counters.active >= server->limits.max_connections + OVERFLOW) {
		close(fd);
		return 0;
	}
	server->counters.accepted++;
	return http_conn_new(listener, fd, peer, is_full);
}

static void
accept_cb(evutil_socket_t listening, short what, void *arg)
{
	struct http_listener *listener = arg;
	struct http_server *server = listener->server;

	http_server_update_time(server);
	for (int i = 0; i < ACCEPT_MAX; i++) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof peer;
		int fd = accept4(listening, (struct sockaddr *)&peer, &len,
		                 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (!server->is_ticking)
			tick_start(server);
		/* Out of descriptors or memory: the backlog keeps them until the next tick. */
		if (fd < 0 || listener_take(listener, fd, (struct sockaddr *)&peer) < 0) {
			listeners_pause(server, true);
			break;
		}
	}
}

int
http_server_listen(struct http_server *server, const struct http_listen *listen,
                   struct http_listener **out, struct otel_error *err)
{
	const char *label = listen->label ? listen->label : "";
	struct http_listener *listener = calloc(1, sizeof *listener + strlen(label) + 1);
	int flags = fcntl(listen->fd, F_GETFL), one = 1, r = -ENOMEM;

	if (!listener)
		goto fail;
	strcpy(listener->label, label);
	listener->server = server;
	listener->owner = listen->owner;
	listener->max_body = listen->max_body ? listen->max_body : 1u << 20;
	if (flags < 0 || fcntl(listen->fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(listen->fd, F_SETFD, FD_CLOEXEC) < 0) {
		r = -errno;
		goto fail;
	}
	/* Accepted sockets inherit it; unix sockets have no such thing. */
	(void)setsockopt(listen->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	listener->event = event_new(server->base, listen->fd, EV_READ | EV_PERSIST,
	                            accept_cb, listener);
	if (!listener->event || event_add(listener->event, NULL) < 0)
		goto fail;
	SLIST_INSERT_HEAD(&server->listeners, listener, link);
	if (out)
		*out = listener;
	return 0;
fail:
	if (listener && listener->event)
		event_free(listener->event);
	free(listener);
	close(listen->fd);
	return otel_error_set(err, r, "listener %s: cannot be watched: %s", label,
	                      strerror(-r));
}

void
http_listener_close(struct http_listener *listener)
{
	int fd;

	if (!listener->event)
		return;
	fd = event_get_fd(listener->event);
	event_free(listener->event);
	listener->event = NULL;
	close(fd);
}

const char *
http_listener_label(const struct http_listener *listener)
{
	return listener->label;
}

void *
http_listener_owner(const struct http_listener *listener)
{
	return listener->owner;
}

void
http_listener_set_max_body(struct http_listener *listener, size_t max_body)
{
	listener->max_body = max_body;
}

/* ---- making and ending ---- */

/* Runs what connections put off, and the last word of a drain. */
static void
kick_cb(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *server = arg;
	struct http_conn *conn, *last = TAILQ_LAST(&server->kicked, http_conns);

	http_server_update_time(server);
	while (last && (conn = TAILQ_FIRST(&server->kicked))) {
		bool is_last =
			conn ==
			last; /* those that are added meanwhile have a round of theirs */

		TAILQ_REMOVE(&server->kicked, conn, kick);
		conn->is_kicked = false;
		http_conn_kicked(conn);
		if (is_last)
			break;
	}
	if (server->is_draining && server->drained && server->counters.active == 0 &&
	    server->counters.exchanges == 0) {
		void (*drained)(void *arg) = server->drained;

		server->drained = NULL;
		drained(server->drained_arg);
	}
}

void
http_server_check_drained(struct http_server *server)
{
	if (server->is_draining && server->drained && server->counters.active == 0 &&
	    server->counters.exchanges == 0)
		event_active(server->kick, EV_TIMEOUT, 0);
}

void
http_server_drain(struct http_server *server, uint32_t quiet_ms, void (*done)(void *arg),
                  void *arg)
{
	struct http_listener *listener;

	server->is_draining = true;
	server->drained = done;
	server->drained_arg = arg;
	SLIST_FOREACH (listener, &server->listeners, link)
		http_listener_close(listener);
	server->wait_ms[HTTP_WAIT_IDLE] = quiet_ms > 0 ? quiet_ms : 1;
	if (server->is_ticking)
		tick_start(server);
	for (int wait = 0; wait < HTTP_WAIT_STREAM_BODY; wait++) {
		struct http_timer *timer, *next;

		for (timer = TAILQ_FIRST(&server->waits[wait]); timer; timer = next) {
			next = TAILQ_NEXT(timer, link);
			http_conn_drain(conn_of(timer));
		}
	}
	http_server_check_drained(server);
}

static uint32_t
or_default(uint32_t value, uint32_t fallback)
{
	return value ? value : fallback;
}

static void
limits_complete(struct http_limits *limits)
{
	limits->max_connections = or_default(limits->max_connections, 10000);
	limits->max_head = or_default(limits->max_head, 16384);
	limits->max_target = or_default(limits->max_target, 8192);
	limits->max_fields = or_default(limits->max_fields, 100);
	limits->max_streams = or_default(limits->max_streams, 100);
	limits->head_ms = or_default(limits->head_ms, 10000);
	limits->body_ms = or_default(limits->body_ms, 30000);
	limits->idle_ms = or_default(limits->idle_ms, 75000);
	limits->write_ms = or_default(limits->write_ms, 30000);
	limits->linger_ms = or_default(limits->linger_ms, 2000);
}

int
http_server_new(struct event_base *base, const struct http_ops *ops,
                const struct http_limits *limits, struct http_server **out)
{
	struct http_server *server = calloc(1, sizeof *server);

	if (!server)
		return -ENOMEM;
	server->base = base;
	server->ops = ops;
	if (limits)
		server->limits = *limits;
	limits_complete(&server->limits);
	for (int wait = 0; wait < HTTP_WAITS; wait++)
		TAILQ_INIT(&server->waits[wait]);
	server->wait_ms[HTTP_WAIT_IDLE] = server->limits.idle_ms;
	server->wait_ms[HTTP_WAIT_HEAD] = server->limits.head_ms;
	server->wait_ms[HTTP_WAIT_BODY] = server->limits.body_ms;
	server->wait_ms[HTTP_WAIT_WRITE] = server->limits.write_ms;
	server->wait_ms[HTTP_WAIT_LINGER] = server->limits.linger_ms;
	server->wait_ms[HTTP_WAIT_STREAM_BODY] = server->limits.body_ms;
	server->wait_ms[HTTP_WAIT_STREAM_WRITE] = server->limits.write_ms;
	SLIST_INIT(&server->listeners);
	TAILQ_INIT(&server->kicked);
	server->tick = event_new(base, -1, EV_PERSIST, tick_cb, server);
	server->kick = event_new(base, -1, 0, kick_cb, server);
	if (!server->tick || !server->kick) {
		http_server_free(server);
		return -ENOMEM;
	}
	http_server_update_time(server);
	*out = server;
	return 0;
}

static void
server_destroy(struct http_server *server)
{
	while (!SLIST_EMPTY(&server->listeners)) {
		struct http_listener *listener = SLIST_FIRST(&server->listeners);

		SLIST_REMOVE_HEAD(&server->listeners, link);
		free(listener);
	}
	http_pools_free(server);
	free(server);
}

void
http_server_exchange_done(struct http_server *server)
{
	server->counters.exchanges--;
	if (server->is_freed && server->counters.exchanges == 0)
		server_destroy(server);
	else
		http_server_check_drained(server);
}

void
http_server_free(struct http_server *server)
{
	struct http_listener *listener;

	if (!server)
		return;
	server->is_draining = true;
	server->drained = NULL;
	for (int wait = 0; wait < HTTP_WAIT_STREAM_BODY; wait++) {
		struct http_timer *timer;

		while ((timer = TAILQ_FIRST(&server->waits[wait]))) {
			struct http_conn *conn = conn_of(timer);

			http_conn_enter(conn);
			http_conn_lost(conn, -ECONNRESET);
			http_conn_leave(conn);
		}
	}
	SLIST_FOREACH (listener, &server->listeners, link)
		http_listener_close(listener);
	if (server->tick)
		event_free(server->tick);
	if (server->kick)
		event_free(server->kick);
	server->is_freed = true;
	if (server->counters.exchanges == 0)
		server_destroy(server);
}

const struct http_counters *
http_server_counters(const struct http_server *server)
{
	return &server->counters;
}

const char *
http_server_date(struct http_server *server, size_t *len)
{
	time_t now = time(NULL);

	if (now != server->date_s) {
		struct tm tm;

		server->date_s = now;
		server->date_len = strftime(server->date, sizeof server->date,
		                            "Date: %a, %d %b %Y %H:%M:%S GMT\r\n",
		                            gmtime_r(&now, &tm));
	}
	*len = server->date_len;
	return server->date;
}
