/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's bytes, HTTP/1.1 or HTTP/2, through the whole server: nothing may crash, leak an
 * exchange or call back in the wrong order.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "http-priv.h"
#include "http-server.h"

/* Exchanges of /l..., which are gone on with later. */
static struct http_exchange *held[64];
static unsigned n_held;

static enum http_body
on_head(struct http_exchange *x)
{
	FUZZ_CHECK(!x->user);
	x->user = x;
	if (x->path[1] == 'b') {
		http_reply_busy(x, 1, "busy\n");
		http_exchange_done(x);
		return HTTP_BUFFER;
	}
	return x->path[1] == 's' ? HTTP_STREAM : HTTP_BUFFER;
}

static void
on_body(struct http_exchange *x)
{
	char buf[100];
	long n;

	while ((n = http_read(x, buf, sizeof buf)) > 0)
		if (http_reply_write(x, buf, (size_t)n) < 0)
			break;
	if (n == 0) {
		http_reply_trailer(x, "x-end", "1");
		http_reply_end(x);
	}
	if (n == 0 || http_exchange_is_gone(x))
		http_exchange_done(x);
}

static void
on_ready(struct http_exchange *x)
{
	FUZZ_CHECK(x->user == x && x->body[x->len] == '\0');
	if (x->path[1] == 's') {
		http_reply_begin(x, 200, NULL, 0);
		on_body(x);
		return;
	}
	if (x->path[1] == 'l' && n_held < 64) {
		held[n_held++] = x;
		return;
	}
	http_reply(x, 200, x->fields, x->path[1] == 'h' ? x->n_fields : 0, x->body,
	           x->len);
	http_exchange_done(x);
}

static void
on_gone(struct http_exchange *x, int why)
{
	FUZZ_CHECK(why < 0 && x->user == x && http_exchange_is_gone(x));
	for (unsigned i = 0; i < n_held; i++)
		if (held[i] == x)
			return; /* as a suspended handler does */
	http_exchange_done(x);
}

/* The second letter of its path says how far the oldest gets. */
static void
finish_one(void)
{
	struct http_exchange *x = held[0];
	char how = x->path[2];

	memmove(held, held + 1, --n_held * sizeof *held);
	if (how == 'r') {
		http_reply(x, 200, NULL, 0, x->body, x->len);
	} else if (how) {
		http_reply_begin(x, 200, NULL, 0);
		http_reply_write(x, x->body, x->len);
		if (how == 'e')
			http_reply_end(x);
	}
	http_exchange_done(x);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct http_ops ops = { on_head, on_ready, on_body, NULL, on_gone };
	static const struct http_limits limits = { .max_head = 4096, .max_streams = 8 };
	static struct event_base *base;
	struct http_listener *listener = calloc(1, sizeof *listener + 1);
	const struct http_counters *counters;
	struct http_server *server;
	char sink[65536];
	int pair[2], r;

	if (!base)
		base = event_base_new();
	r = http_server_new(base, &ops, &limits, &server);
	FUZZ_CHECK(r == 0);
	r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
	FUZZ_CHECK(r == 0);
	listener->server = server;
	listener->max_body = 200;
	r = http_conn_new(listener, pair[0], &(struct sockaddr){ .sa_family = AF_UNIX },
	                  false);
	FUZZ_CHECK(r == 0);
	counters = http_server_counters(server);
	for (size_t at = 0; at < len && counters->active > 0;) {
		size_t n = len - at < 200 ? len - at : 200;

		at += n;
		if (send(pair[1], data + at - n, n, MSG_NOSIGNAL) < 0)
			break;
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (n_held > 0)
			finish_one();
		while (read(pair[1], sink, sizeof sink) > 0)
			;
	}
	close(pair[1]);
	for (int i = 0; i < 10 && (counters->active > 0 || n_held > 0); i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (i > 0 && n_held > 0)
			finish_one();
	}
	while (n_held > 0)
		finish_one();
	for (int i = 0; i < 10 && counters->active > 0; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	FUZZ_CHECK(counters->active == 0 && counters->exchanges == 0);
	http_server_free(server);
	free(listener);
	return 0;
}
