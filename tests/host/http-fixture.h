/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/host/http-fixture.h - a server, its owner and its clients, all in the test's own thread.
 *
 * The owner does as the path says:
 *   /later  keeps the exchange in fixture.held, for the test to go on with
 *   /busy   refuses at the head
 *   /stream streams the body and keeps the exchange
 *   others  answer 200 with "METHOD path?query host body-length body trailers"
 */
#ifndef TESTS_HTTP_FIXTURE_H
#define TESTS_HTTP_FIXTURE_H

#include <check.h>
#include <event2/event.h>

#include "http-server.h"

struct fixture {
	struct event_base *base;
	struct http_server *server;
	struct http_listener *listener;
	struct http_exchange *held[16]; /* in the order in which they came */
	unsigned n_held;
	unsigned n_heads, n_ready, n_body, n_gone, n_writable, n_drained, n_tls;
	int why;         /* of the last on_gone */
	bool keeps_gone; /* on_gone leaves http_exchange_done to the test */
	bool is_forgetful; /* memory may be out: replies may fail, and nothing is asserted, since that allocates */
	int port;
};

struct client {
	struct fixture *f;
	struct event *event;
	int fd;
	char *in; /* what has come, NUL-terminated */
	size_t len, size;
	bool has_eof, has_reset;
};

void fixture_init(struct fixture *f, const struct http_limits *limits);
/* Fails the test when an exchange or a connection is left. */
void fixture_fini(struct fixture *f);
/* Answers 200 "held" and finishes the i-th held exchange. */
void fixture_answer(struct fixture *f, unsigned i);
/*
 * One turn of the loop, which waits for something to happen; fails the test after ten seconds of
 * nothing.
 */
void fixture_turn(struct fixture *f);
/* Lets everything happen that can happen at once. */
void fixture_settle(struct fixture *f);

#define AWAIT(f, condition)  \
	while (!(condition)) \
	fixture_turn(f)

struct client *client_new(struct fixture *f);
void client_send(struct client *c, const void *bytes, size_t len);
void client_say(struct client *c, const char *text);
/* Stops to take what comes. */
void client_pause(struct client *c);
void client_resume(struct client *c);
/* Closes; `reset`: by RST. NULL afterwards. */
void client_leave(struct client *c, bool reset);
/* How often text has come. */
unsigned client_count(const struct client *c, const char *text);
/* The statuses of the answers that have come, "200 400"; static. */
const char *client_statuses(const struct client *c);

#endif
