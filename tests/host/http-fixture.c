/* SPDX-License-Identifier: Apache-2.0 */
#include "http-fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct fixture *
fixture_of(struct http_exchange *x)
{
	return http_listener_owner(x->listener);
}

/* ---- the owner ---- */

static enum http_body
on_head(struct http_exchange *x)
{
	struct fixture *f = fixture_of(x);

	f->n_heads++;
	x->user = f;
	if (strcmp(x->path, "/busy") == 0) {
		ck_assert_int_eq(http_reply_busy(x, 7, "come back later\n"), 0);
		http_exchange_done(x);
		return HTTP_BUFFER;
	}
	return strcmp(x->path, "/stream") == 0 ? HTTP_STREAM : HTTP_BUFFER;
}

static void
echo(struct http_exchange *x)
{
	static const struct http_field type = { "Content-Type", "text/plain" };
	size_t size = x->len + 2048;
	char *text = http_exchange_alloc(x, size);
	size_t n;

	if (!text && fixture_of(x)->is_forgetful) {
		http_exchange_done(x);
		return;
	}
	n = (size_t)snprintf(text, size, "%s %s?%s %s %zu %s", x->method, x->path,
	                     x->query, x->host, x->len, x->body);
	for (size_t i = 0; i < x->n_trailers; i++)
		n += (size_t)snprintf(text + n, size - n, " %s=%s", x->trailers[i].name,
		                      x->trailers[i].value);
	if (fixture_of(x)->is_forgetful) {
		(void)http_reply(x, 200, &type, 1, text, n);
	} else {
		ck_assert_int_eq(x->body[x->len], '\0');
		ck_assert_int_eq(http_reply(x, 200, &type, 1, text, n), 0);
		ck_assert_int_eq(http_reply(x, 200, &type, 1, text, n), -EALREADY);
	}
	http_exchange_done(x);
}

static void
on_ready(struct http_exchange *x)
{
	struct fixture *f = x->user;

	f->n_ready++;
	if (strcmp(x->path, "/later") == 0 || strcmp(x->path, "/stream") == 0)
		f->held[f->n_held++] = x;
	else
		echo(x);
}

static void
on_body(struct http_exchange *x)
{
	fixture_of(x)->n_body++;
}

static void
on_writable(struct http_exchange *x)
{
	fixture_of(x)->n_writable++;
}

static void
on_gone(struct http_exchange *x, int why)
{
	struct fixture *f = fixture_of(x);

	f->n_gone++;
	f->why = why;
	if (!f->is_forgetful) {
		ck_assert(http_exchange_is_gone(x));
		ck_assert_int_eq(http_reply(x, 200, NULL, 0, "", 0), -ECANCELED);
	}
	if (!f->keeps_gone)
		http_exchange_done(x);
}

static void
on_tls(struct http_listener *listener)
{
	((struct fixture *)http_listener_owner(listener))->n_tls++;
}

/* ---- the fixture ---- */

static void
give_up(evutil_socket_t fd, short what, void *arg)
{
	ck_abort_msg("nothing happens");
}

void
fixture_init(struct fixture *f, const struct http_limits *limits)
{
	static const struct http_ops ops = { on_head,     on_ready, on_body,
		                             on_writable, on_gone,  on_tls };
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof address;
	struct http_listen listen_on = { .fd = socket(AF_INET, SOCK_STREAM, 0),
		                         .label = "test",
		                         .max_body = 100000,
		                         .owner = f };

	memset(f, 0, sizeof *f);
	f->base = event_base_new();
	ck_assert_int_eq(bind(listen_on.fd, (struct sockaddr *)&address, sizeof address),
	                 0);
	ck_assert_int_eq(listen(listen_on.fd, 64), 0);
	getsockname(listen_on.fd, (struct sockaddr *)&address, &len);
	f->port = ntohs(address.sin_port);
	ck_assert_int_eq(http_server_new(f->base, &ops, limits, &f->server), 0);
	ck_assert_int_eq(http_server_listen(f->server, &listen_on, &f->listener, NULL),
	                 0);
	ck_assert_str_eq(http_listener_label(f->listener), "test");
}

void
fixture_fini(struct fixture *f)
{
	const struct http_counters *counters = http_server_counters(f->server);

	AWAIT(f, counters->active == 0);
	ck_assert_uint_eq(counters->exchanges, 0);
	http_server_free(f->server);
	event_base_free(f->base);
}

void
fixture_answer(struct fixture *f, unsigned i)
{
	ck_assert_int_eq(http_reply(f->held[i], 200, NULL, 0, "held", 4), 0);
	http_exchange_done(f->held[i]);
}

void
fixture_turn(struct fixture *f)
{
	struct event *guard = evtimer_new(f->base, give_up, NULL);

	evtimer_add(guard, &(struct timeval){ .tv_sec = 10 });
	event_base_loop(f->base, EVLOOP_ONCE);
	event_free(guard);
}

void
fixture_settle(struct fixture *f)
{
	/*
	 * Loopback delivers within the call that sends, so a few rounds without waiting see
	 * everything.
	 */
	for (int i = 0; i < 8; i++)
		event_base_loop(f->base, EVLOOP_NONBLOCK);
}

/* ---- clients ---- */

static void
client_read(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	ssize_t n;

	if (c->size - c->len < 65536) {
		c->size = c->size * 2 + 131072;
		c->in = realloc(c->in, c->size);
	}
	n = read(fd, c->in + c->len, c->size - c->len - 1);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0) {
		c->len += (size_t)n;
		c->in[c->len] = '\0';
		return;
	}
	c->has_eof = true;
	c->has_reset = n < 0;
	event_del(c->event);
}

struct client *
client_new(struct fixture *f)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_port = htons((uint16_t)f->port),
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct client *c = calloc(1, sizeof *c);

	c->f = f;
	c->size = 262144;
	c->in = calloc(1, c->size);
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(c->fd, (struct sockaddr *)&address, sizeof address), 0);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	c->event = event_new(f->base, c->fd, EV_READ | EV_PERSIST, client_read, c);
	event_add(c->event, NULL);
	return c;
}

void
client_send(struct client *c, const void *bytes, size_t len)
{
	const char *from = bytes;

	while (len > 0) {
		ssize_t n = send(c->fd, from, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return; /* the server has closed, as tests of refusals expect */
		if (n < 0) {
			fixture_settle(c->f);
			continue;
		}
		from += n;
		len -= (size_t)n;
	}
}

void
client_say(struct client *c, const char *text)
{
	client_send(c, text, strlen(text));
}

void
client_pause(struct client *c)
{
	event_del(c->event);
}

void
client_resume(struct client *c)
{
	event_add(c->event, NULL);
}

void
client_leave(struct client *c, bool reset)
{
	event_free(c->event);
	if (reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 },
		           sizeof(struct linger));
	close(c->fd);
	free(c->in);
	free(c);
}

unsigned
client_count(const struct client *c, const char *text)
{
	unsigned n = 0;

	for (const char *at = c->in; (at = strstr(at, text)); at++)
		n++;
	return n;
}

const char *
client_statuses(const struct client *c)
{
	static char statuses[256];
	size_t n = 0;

	statuses[0] = '\0';
	for (const char *at = c->in; (at = strstr(at, "HTTP/1.1 ")) && n < 250; at += 9)
		n += (size_t)snprintf(statuses + n, sizeof statuses - n, "%s%.3s",
		                      n ? " " : "", at + 9);
	return statuses;
}
