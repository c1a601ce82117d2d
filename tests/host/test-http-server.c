/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check-main.h"
#include "http-cases.h"
#include "http-fixture.h"
#include "http-server.h"

#define GET(path)          "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path, fields) "POST " path " HTTP/1.1\r\nHost: a\r\n" fields "\r\n"

static const struct http_counters *
counters(const struct fixture *f)
{
	return http_server_counters(f->server);
}

/* ---- framing on the wire ---- */

static void
assert_case(struct fixture *f, const struct http_case *c, size_t piece)
{
	struct client *client = client_new(f);

	for (size_t at = 0; at < c->len; at += piece) {
		client_send(client, c->bytes + at,
		            c->len - at < piece ? c->len - at : piece);
		if (piece < c->len)
			event_base_loop(f->base, EVLOOP_NONBLOCK);
	}
	fixture_settle(f);
	shutdown(client->fd, SHUT_WR); /* what has not been answered by now never is */
	AWAIT(f, client->has_eof);
	ck_assert_msg(strcmp(client_statuses(client), c->statuses) == 0,
	              "%s, %zu bytes at once: %s:\n%s", c->name, piece,
	              client_statuses(client), client->in);
	ck_assert_msg(!client->has_reset, "%s: reset", c->name);
	client_leave(client, false);
}

START_TEST(every_case_is_answered_alike_however_it_comes)
{
	const struct http_case *c = &http_cases[_i];
	struct fixture f;

	fixture_init(&f, NULL);
	assert_case(&f, c, c->len);
	assert_case(&f, c, 1);
	assert_case(&f, c, 7);
	fixture_fini(&f);
}
END_TEST

START_TEST(refusal_says_what_is_wrong_and_closes)
{
	struct fixture f;
	struct client *c;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, "GET / HTTP/1.1\r\n\r\n");
	AWAIT(&f, c->has_eof);
	ck_assert_ptr_nonnull(
		strstr(c->in, "Connection: close\r\n\r\nthe Host line is missing\n"));
	ck_assert_uint_eq(counters(&f)->refused_framing, 1);
	ck_assert_uint_eq(f.n_heads, 0);
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(refused_client_that_still_sends_can_read_the_answer)
{
	static char rest[200000];
	struct fixture f;
	struct client *c;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, POST("/", "Content-Length: 200000\r\n"));
	AWAIT(&f, counters(&f)->refused_body == 1);
	client_send(c, rest, sizeof rest);
	AWAIT(&f, c->has_eof);
	ck_assert(!c->has_reset);
	ck_assert_str_eq(client_statuses(c), "413");
	ck_assert_int_eq(f.why, -EMSGSIZE);
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

/* ---- exchanges ---- */

START_TEST(request_is_shown_to_its_owner)
{
	struct fixture f;
	struct client *c;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, POST("/a%20b/../c?d=e",
	                   "X: 1\r\nx: 2\r\nContent-Length: 3\r\n") "xyz");
	AWAIT(&f, client_count(c, "xyz"));
	ck_assert_ptr_nonnull(strstr(c->in, "\r\n\r\nPOST /c?d=e a 3 xyz"));
	ck_assert_ptr_nonnull(strstr(c->in, "Content-Length: 19\r\n"));
	ck_assert_ptr_nonnull(strstr(c->in, "Server: cupola\r\n"));
	ck_assert_ptr_nonnull(strstr(c->in, " GMT\r\n"));
	ck_assert_ptr_null(strstr(c->in, "Connection:"));
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(fields_peer_and_memory_live_until_done)
{
	struct fixture f;
	struct client *c;
	struct http_exchange *x;

	fixture_init(&f, NULL);
	f.keeps_gone = true;
	c = client_new(&f);
	client_say(c, POST("/later",
	                   "X: 1\r\nx: 2\r\nContent-Length: 3\r\n") "xyz" GET("/"));
	AWAIT(&f, f.n_held == 1);
	x = f.held[0];
	client_leave(c, true);
	AWAIT(&f, f.n_gone == 1);
	ck_assert_uint_eq(counters(&f)->active, 0);
	ck_assert_str_eq(http_exchange_field(x, "X", 1), "2");
	ck_assert_ptr_null(http_exchange_field(x, "X", 2));
	ck_assert_str_eq(http_exchange_peer(x), "127.0.0.1");
	ck_assert_str_eq(x->body, "xyz");
	ck_assert_ptr_nonnull(http_exchange_alloc(x, 100000));
	ck_assert_int_eq(http_reply_write(x, "a", 1), -ECANCELED);
	http_exchange_done(x);
	fixture_fini(&f);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
	struct fixture f;
	struct client *c;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, GET("/1") GET("/later") GET("/3") GET("/later") GET("/5"));
	AWAIT(&f, f.n_held == 1);
	ck_assert_uint_eq(f.n_ready, 2); /* the third waits */
	fixture_answer(&f, 0);
	AWAIT(&f, f.n_held == 2);
	fixture_answer(&f, 1);
	AWAIT(&f, client_count(c, "/5"));
	ck_assert_uint_eq(f.n_ready, 5);
	ck_assert(strstr(c->in, "/1?") < strstr(c->in, "held"));
	ck_assert(strstr(c->in, "held") < strstr(c->in, "/3?"));
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(flood_of_pipelined_requests_is_answered_whole)
{
	enum { N = 5000 };
	struct fixture f;
	struct client *c;
	struct client *other;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_pause(c); /* asks and asks and does not take the answers */
	for (int i = 0; i < N; i++)
		client_say(c, GET("/flood"));
	other = client_new(&f);
	client_say(other, GET("/"));
	AWAIT(&f, client_count(other, "200 OK"));
	client_resume(c);
	AWAIT(&f, client_count(c, "GET /flood") == N);
	client_leave(c, false);
	client_leave(other, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(bodies_of_every_size_arrive)
{
	static const size_t sizes[] = { 1,     4095,  16383, 16384, 32768,
		                        65535, 65536, 99999, 100000 };
	static char body[100001], head[128];
	struct fixture f;

	memset(body, 'b', sizeof body - 1);
	fixture_init(&f, NULL);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct client *c = client_new(&f);
		char expected[64];

		/* By length, in chunks, and a request right behind. */
		snprintf(head, sizeof head, POST("/", "Content-Length: %zu\r\n"),
		         sizes[i]);
		client_say(c, head);
		client_send(c, body, sizes[i]);
		client_say(c, POST("/", "Transfer-Encoding: chunked\r\n"));
		for (size_t at = 0, n; at < sizes[i]; at += n) {
			n = sizes[i] - at < 5000 ? sizes[i] - at : 5000;
			snprintf(head, sizeof head, "%zx\r\n", n);
			client_say(c, head);
			client_send(c, body, n);
			client_say(c, "\r\n");
		}
		client_say(c, "0\r\nEnd: yes\r\n\r\n" GET("/next"));
		AWAIT(&f, client_count(c, "/next"));
		snprintf(expected, sizeof expected, "POST /? a %zu bbb", sizes[i]);
		if (sizes[i] > 3)
			ck_assert_uint_eq(client_count(c, expected), 2);
		ck_assert_uint_eq(client_count(c, "b End=yes"), 1);
		client_leave(c, false);
	}
	fixture_fini(&f);
}
END_TEST

START_TEST(long_trailers_fit_behind_a_full_buffer)
{
	static char bytes[32768], line[128];
	struct fixture f;
	struct client *c;
	size_t len = 0, last = strlen(POST("/stream", "Transfer-Encoding: chunked\r\n"));
	char buf[16];

	fixture_init(&f, NULL);
	for (int streamed = 0; streamed < 2; streamed++) {
		c = client_new(&f);
		/* The last head ends where the buffer does. */
		for (len = 0; len + 100 < sizeof bytes - last; len += strlen(GET("/")))
			memcpy(bytes + len, GET("/"), strlen(GET("/")));
		memset(bytes + len, '\n', sizeof bytes - last - len);
		memcpy(bytes + sizeof bytes - last,
		       streamed ? POST("/stream", "Transfer-Encoding: chunked\r\n")
		                : POST("/a00000", "Transfer-Encoding: chunked\r\n"),
		       last);
		client_send(c, bytes, sizeof bytes);
		fixture_settle(&f);
		client_say(c, "5\r\nhello\r\n0\r\n");
		for (int i = 0; i < 20; i++) {
			snprintf(line, sizeof line, "X: %0100d\r\n", i);
			client_say(c, line);
			fixture_settle(&f);
		}
		if (streamed) {
			AWAIT(&f, f.n_held == 1);
			ck_assert_int_eq(http_read(f.held[0], buf, sizeof buf), 5);
			ck_assert_int_eq(http_read(f.held[0], buf, sizeof buf), -EAGAIN);
		}
		client_say(c, "\r\n");
		if (streamed) {
			fixture_settle(&f);
			ck_assert_int_eq(http_read(f.held[0], buf, sizeof buf), 0);
			ck_assert_uint_eq(f.held[0]->n_trailers, 20);
			fixture_answer(&f, 0);
		}
		AWAIT(&f, client_count(c, streamed ? "held" : "5 hello X=0"));
		client_leave(c, false);
	}
	fixture_fini(&f);
}
END_TEST

START_TEST(body_beyond_the_limit_is_refused)
{
	static char body[100001];
	struct fixture f;
	struct client *c;

	memset(body, 'b', sizeof body);
	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, POST("/", "Content-Length: 100001\r\n"));
	AWAIT(&f, c->has_eof);
	ck_assert_str_eq(client_statuses(c), "413");
	client_leave(c, false);
	c = client_new(&f);
	client_say(c, POST("/", "Transfer-Encoding: chunked\r\n") "186a1\r\n");
	client_send(c, body, sizeof body);
	AWAIT(&f, c->has_eof);
	ck_assert_str_eq(client_statuses(c), "413");
	ck_assert_uint_eq(f.n_ready, 0);
	ck_assert_uint_eq(f.n_gone, 2);
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(admission_comes_before_the_body)
{
	struct fixture f;
	struct client *c;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, POST("/busy", "Content-Length: 5\r\n"));
	AWAIT(&f, client_count(c, "come back later"));
	ck_assert_str_eq(client_statuses(c), "503");
	ck_assert_ptr_nonnull(strstr(c->in, "Retry-After: 7\r\n"));
	ck_assert_uint_eq(f.n_ready, 0);
	client_say(c, "hello" GET("/next")); /* the connection is of use still */
	AWAIT(&f, client_count(c, "/next"));
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(expectation_is_met_after_admission)
{
	struct fixture f;
	struct client *c;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, POST("/", "Expect: 100-continue\r\nContent-Length: 5\r\n"));
	AWAIT(&f, client_count(c, "HTTP/1.1 100 Continue\r\n\r\n"));
	client_say(c, "hello");
	AWAIT(&f, client_count(c, "hello"));
	ck_assert_str_eq(client_statuses(c), "100 200");
	client_say(c, POST("/busy", "Expect: 100-continue\r\nContent-Length: 5\r\n"));
	AWAIT(&f, c->has_eof);
	ck_assert_str_eq(client_statuses(c), "100 200 503");
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(head_has_the_length_but_not_the_body)
{
	struct fixture f;
	struct client *c;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n" GET("/next"));
	AWAIT(&f, client_count(c, "/next"));
	ck_assert_ptr_nonnull(strstr(c->in, "Content-Length: 13\r\n\r\nHTTP/1.1 200"));
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(exchange_without_a_reply_becomes_500)
{
	struct fixture f;
	struct client *c;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, GET("/later"));
	AWAIT(&f, f.n_held == 1);
	http_exchange_done(f.held[0]);
	AWAIT(&f, client_count(c, "the service gave no answer"));
	ck_assert_str_eq(client_statuses(c), "500");
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

/* ---- replies ---- */

START_TEST(reply_refuses_what_is_not_http)
{
	static const struct http_field bad[] = { { "X", "a\r\nY: b" },
		                                 { "X Y", "a" },
		                                 { "", "a" } };
	struct fixture f;
	struct client *c;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, GET("/later"));
	AWAIT(&f, f.n_held == 1);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(http_reply(f.held[0], 200, &bad[i], 1, "", 0), -EINVAL);
	ck_assert_int_eq(http_reply(f.held[0], 100, NULL, 0, "", 0), -EINVAL);
	ck_assert_int_eq(http_reply(f.held[0], 1000, NULL, 0, "", 0), -EINVAL);
	ck_assert_int_eq(http_reply_write(f.held[0], "a", 1), -EINVAL);
	ck_assert(!http_exchange_is_replied(f.held[0]));
	fixture_answer(&f, 0);
	AWAIT(&f, client_count(c, "held"));
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(framing_lines_of_the_owner_are_left_out)
{
	static const struct http_field fields[] = { { "content-length", "99" },
		                                    { "Transfer-Encoding", "chunked" },
		                                    { "Server", "mine" },
		                                    { "Connection", "close" } };
	struct fixture f;
	struct client *c;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, GET("/later"));
	AWAIT(&f, f.n_held == 1);
	ck_assert_int_eq(http_reply(f.held[0], 299, fields, 4, "abc", 3), 0);
	http_exchange_done(f.held[0]);
	AWAIT(&f, c->has_eof);
	ck_assert_uint_eq(client_count(c, "ontent-"), 1);
	ck_assert_uint_eq(client_count(c, "Content-Length: 3\r\n"), 1);
	ck_assert_uint_eq(client_count(c, "Transfer"), 0);
	ck_assert_uint_eq(client_count(c, "Server: "), 1);
	ck_assert_uint_eq(client_count(c, "Server: mine\r\n"), 1);
	ck_assert_uint_eq(client_count(c, "Connection: close\r\n"), 1);
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(no_content_has_no_length)
{
	struct fixture f;
	struct client *c;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c,
	           GET("/later") "HEAD /later HTTP/1.1\r\nHost: a\r\n\r\n" GET("/next"));
	for (unsigned i = 0; i < 2; i++) {
		AWAIT(&f, f.n_held == i + 1);
		ck_assert_int_eq(http_reply(f.held[i], i ? 304 : 204, NULL, 0, "body", 4),
		                 0);
		http_exchange_done(f.held[i]);
	}
	AWAIT(&f, client_count(c, "/next"));
	ck_assert_str_eq(client_statuses(c), "204 304 200");
	ck_assert_uint_eq(client_count(c, "Content-Length"), 1);
	ck_assert_uint_eq(client_count(c, "body"), 0);
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(reply_in_pieces_is_chunked)
{
	struct fixture f;
	struct client *c;
	struct http_exchange *x;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, GET("/later") GET("/next"));
	AWAIT(&f, f.n_held == 1);
	x = f.held[0];
	ck_assert_int_eq(http_reply_begin(x, 200, NULL, 0), 0);
	AWAIT(&f,
	      client_count(
		      c,
		      "Transfer-Encoding: chunked\r\n\r\n")); /* the head does not wait */
	ck_assert_int_eq(http_reply_write(x, "hello", 5), 5);
	AWAIT(&f, client_count(c, "5\r\nhello\r\n"));
	ck_assert_int_eq(http_reply_write(x, "", 0), 0);
	ck_assert_int_eq(http_reply_trailer(x, "X", "a\nb"), -EINVAL);
	ck_assert_int_eq(http_reply_trailer(x, "Grpc-Status", "0"), 0);
	ck_assert_int_eq(http_reply_end(x), 0);
	ck_assert_int_eq(http_reply_end(x), -EALREADY);
	AWAIT(&f, client_count(c, "5\r\nhello\r\n0\r\nGrpc-Status: 0\r\n\r\n"));
	ck_assert_uint_eq(client_count(c, "/next"), 0);
	http_exchange_done(x);
	AWAIT(&f, client_count(c, "/next"));
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(reply_in_pieces_ends_with_the_connection_in_1_0)
{
	struct fixture f;
	struct client *c;
	struct http_exchange *x;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, "GET /later HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	AWAIT(&f, f.n_held == 1);
	x = f.held[0];
	ck_assert_int_eq(http_reply_begin(x, 200, NULL, 0), 0);
	ck_assert_int_eq(http_reply_write(x, "hello", 5), 5);
	ck_assert_int_eq(http_reply_trailer(x, "X", "1"), 0);
	ck_assert_int_eq(http_reply_end(x), 0);
	http_exchange_done(x);
	AWAIT(&f, c->has_eof);
	ck_assert(!c->has_reset);
	ck_assert_ptr_nonnull(strstr(c->in, "Connection: close\r\n\r\nhello"));
	ck_assert_str_eq(c->in + c->len - 5, "hello");
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(reply_cut_off_shows_as_such)
{
	struct fixture f;
	struct client *c;

	fixture_init(&f, NULL);
	for (int version = 0; version < 2; version++) {
		c = client_new(&f);
		client_say(c, version ? GET("/later") : "GET /later HTTP/1.0\r\n\r\n");
		AWAIT(&f, f.n_held == (unsigned)version + 1);
		ck_assert_int_eq(http_reply_begin(f.held[version], 200, NULL, 0), 0);
		ck_assert_int_eq(http_reply_write(f.held[version], "half", 4), 4);
		AWAIT(&f, client_count(c, "half"));
		http_exchange_done(f.held[version]);
		AWAIT(&f, c->has_eof);
		ck_assert(c->has_reset);
		client_leave(c, false);
	}
	fixture_fini(&f);
}
END_TEST

START_TEST(slow_client_makes_the_writer_wait)
{
	static char piece[50000];
	size_t total = 0, taken;
	struct fixture f;
	struct client *c;
	long n;

	memset(piece, 'p', sizeof piece);
	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, GET("/later"));
	AWAIT(&f, f.n_held == 1);
	client_pause(c);
	ck_assert_int_eq(http_reply_begin(f.held[0], 200, NULL, 0), 0);
	while ((n = http_reply_write(f.held[0], piece, sizeof piece)) > 0)
		total += (size_t)n;
	ck_assert_int_eq(n, -EAGAIN);
	ck_assert_uint_eq(f.n_writable, 0);
	client_resume(c);
	AWAIT(&f, f.n_writable == 1);
	n = http_reply_write(f.held[0], piece, sizeof piece);
	ck_assert_int_gt(n, 0);
	total += (size_t)n;
	ck_assert_int_eq(http_reply_end(f.held[0]), 0);
	http_exchange_done(f.held[0]);
	AWAIT(&f, strstr(c->in + (c->len > 9 ? c->len - 9 : 0), "p\r\n0\r\n\r\n"));
	taken = 0;
	for (size_t i = 0; i < c->len; i++)
		taken += c->in[i] == 'p';
	ck_assert_uint_eq(taken, total + 1); /* and that of "cupola" */
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(large_reply_reaches_a_slow_client_whole)
{
	static char body[5000000];
	struct fixture f;
	struct client *c;

	memset(body, 'b', sizeof body);
	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, GET("/later") GET("/next"));
	AWAIT(&f, f.n_held == 1);
	client_pause(c);
	ck_assert_int_eq(http_reply(f.held[0], 200, NULL, 0, body, sizeof body), 0);
	http_exchange_done(f.held[0]);
	fixture_settle(&f);
	client_resume(c);
	AWAIT(&f, client_count(c, "GET /next"));
	ck_assert_uint_gt(c->len, sizeof body);
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

/* ---- streamed bodies ---- */

/* Reads on until the end; the length, with every byte checked. */
static size_t
read_all(struct fixture *f, struct http_exchange *x)
{
	char buf[1000];
	size_t total = 0;
	long n;

	while ((n = http_read(x, buf, sizeof buf)) != 0) {
		if (n == -EAGAIN) {
			unsigned before = f->n_body;

			AWAIT(f, f->n_body > before);
			continue;
		}
		ck_assert_int_gt(n, 0);
		for (long i = 0; i < n; i++)
			ck_assert_int_eq(buf[i], 's');
		total += (size_t)n;
	}
	return total;
}

START_TEST(streamed_body_is_read_in_pieces)
{
	static char piece[3000];
	struct fixture f;
	struct client *c;
	struct http_exchange *x;

	memset(piece, 's', sizeof piece);
	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, POST("/stream", "Content-Length: 6000\r\n"));
	AWAIT(&f, f.n_held == 1); /* before the body */
	x = f.held[0];
	ck_assert_int_eq(http_read(x, piece, 1), -EAGAIN);
	client_send(c, piece, 3000);
	AWAIT(&f, f.n_body > 0);
	ck_assert_int_eq(http_read(x, piece, 10), 10);
	client_send(c, piece, 3000);
	ck_assert_uint_eq(read_all(&f, x), 5990);
	ck_assert_int_eq(http_read(x, piece, 1), 0);
	client_say(c, GET("/next"));
	fixture_answer(&f, 0);
	AWAIT(&f, client_count(c, "/next"));

	client_say(c, POST("/stream", "Transfer-Encoding: chunked\r\n"));
	AWAIT(&f, f.n_held == 2);
	x = f.held[1];
	client_say(c, "3\r\nsss\r\n1;x\r\n");
	AWAIT(&f, f.n_body > 0);
	client_say(c, "s\r\n0\r\nA: 1\r\n\r\n" GET("/last"));
	ck_assert_uint_eq(read_all(&f, x), 4);
	ck_assert_uint_eq(x->n_trailers, 1);
	ck_assert_str_eq(x->trailers[0].value, "1");
	fixture_answer(&f, 1);
	AWAIT(&f, client_count(c, "/last"));
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(unread_stream_holds_its_client_back)
{
	static char body[100000];
	struct fixture f;
	struct client *c;
	int one = 4096;

	memset(body, 's', sizeof body);
	fixture_init(&f, NULL);
	c = client_new(&f);
	setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &one, sizeof one);
	client_say(c, POST("/stream", "Content-Length: 100000\r\n"));
	AWAIT(&f, f.n_held == 1);
	client_send(c, body, sizeof body);
	fixture_settle(&f);
	ck_assert_uint_lt(counters(&f)->bytes_in,
	                  50000); /* no more than its buffer holds */
	ck_assert_uint_eq(read_all(&f, f.held[0]), 100000);
	fixture_answer(&f, 0);
	AWAIT(&f, client_count(c, "held"));
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(mistake_in_a_stream_cancels_the_reader)
{
	struct fixture f;
	struct client *c;
	char buf[10];

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, POST("/stream", "Transfer-Encoding: chunked\r\n") "1\r\nsX");
	AWAIT(&f, f.n_held == 1);
	ck_assert_int_eq(http_read(f.held[0], buf, sizeof buf), 1);
	ck_assert_int_eq(http_read(f.held[0], buf, sizeof buf), -ECANCELED);
	ck_assert_uint_eq(f.n_gone, 0); /* it has been told already */
	http_exchange_done(f.held[0]);
	AWAIT(&f, c->has_eof);
	ck_assert_str_eq(client_statuses(c), "400");
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(tls_is_refused_by_its_name)
{
	static const char hello[] = "\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03";
	struct fixture f;
	struct client *c;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_send(c, hello, sizeof hello - 1);
	AWAIT(&f, c->has_eof);
	ck_assert_str_eq(client_statuses(c), "400");
	ck_assert_uint_eq(f.n_tls, 1);
	ck_assert_uint_eq(f.n_heads, 0);
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(stream_left_unread_ends_the_connection)
{
	struct fixture f;
	struct client *c;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, POST("/stream", "Transfer-Encoding: chunked\r\n") "1\r\ns\r\n");
	AWAIT(&f, f.n_held == 1);
	fixture_answer(&f, 0);
	client_say(c, "0\r\n\r\n" GET("/next"));
	AWAIT(&f, c->has_eof);
	ck_assert_uint_eq(f.n_ready, 1);
	ck_assert_uint_eq(client_count(c, "held"), 1);
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

/* ---- clients that leave, are slow, are many ---- */

START_TEST(client_that_leaves_is_noticed)
{
	struct fixture f;
	struct client *c;

	fixture_init(&f, NULL);
	for (unsigned reset = 0; reset < 2; reset++) {
		c = client_new(&f);
		client_say(c, GET("/later"));
		AWAIT(&f, f.n_held == reset + 1);
		client_leave(c, reset);
		AWAIT(&f, f.n_gone == reset + 1);
		ck_assert_int_eq(f.why, -ECONNRESET);
	}
	ck_assert_uint_eq(counters(&f)->gone, 2);
	fixture_fini(&f);
}
END_TEST

START_TEST(client_that_leaves_behind_a_full_buffer_is_noticed)
{
	static char more[60000];
	struct fixture f;
	struct client *c;

	memset(more, '\n', sizeof more); /* empty lines before a next request */
	fixture_init(&f, NULL);
	for (unsigned reset = 0; reset < 2; reset++) {
		c = client_new(&f);
		client_say(c, GET("/later"));
		AWAIT(&f, f.n_held == reset + 1);
		client_send(c, more, sizeof more);
		fixture_settle(&f);
		ck_assert_uint_eq(f.n_gone, reset);
		client_leave(c, reset);
		AWAIT(&f, f.n_gone == reset + 1);
	}
	fixture_fini(&f);
}
END_TEST

START_TEST(client_that_leaves_amid_a_body_is_noticed)
{
	struct fixture f;
	struct client *c;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, POST("/", "Content-Length: 5\r\n") "he");
	AWAIT(&f, f.n_heads == 1);
	client_leave(c, false);
	AWAIT(&f, f.n_gone == 1);
	ck_assert_uint_eq(f.n_ready, 0);
	fixture_fini(&f);
}
END_TEST

START_TEST(write_to_a_client_that_left_is_canceled)
{
	struct fixture f;
	struct client *c;
	long n = 0;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, GET("/later"));
	AWAIT(&f, f.n_held == 1);
	ck_assert_int_eq(http_reply_begin(f.held[0], 200, NULL, 0), 0);
	client_leave(c, true);
	while (n >= 0) /* without a turn of the loop, so only the write can tell */
		n = http_reply_write(f.held[0], "x", 1);
	ck_assert_int_eq(n, -ECANCELED);
	fixture_settle(&f);
	ck_assert_uint_eq(f.n_gone, 0);
	http_exchange_done(f.held[0]);
	fixture_fini(&f);
}
END_TEST

/* A client that sends a byte now and then must not outlive a deadline for the whole. */
static void
drip(struct fixture *f, struct client *c, const char *text)
{
	while (!c->has_eof) {
		if (*text)
			client_send(c, text++, 1);
		fixture_turn(f);
	}
}

START_TEST(slow_head_is_refused)
{
	struct fixture f;
	struct client *c;

	fixture_init(&f, &(struct http_limits){ .head_ms = 60 });
	c = client_new(&f);
	drip(&f, c,
	     "GET / HTTP/1.1\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	ck_assert_str_eq(client_statuses(c), "408");
	ck_assert_uint_eq(counters(&f)->refused_slow, 1);
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(slow_body_is_refused)
{
	struct fixture f;
	struct client *c;

	fixture_init(&f, &(struct http_limits){ .body_ms = 60 });
	c = client_new(&f);
	client_say(c, POST("/", "Content-Length: 100\r\n"));
	drip(&f, c, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	ck_assert_str_eq(client_statuses(c), "408");
	ck_assert_int_eq(f.why, -ETIMEDOUT);
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(idle_connection_is_closed)
{
	struct fixture f;
	struct client *fresh, *used;

	fixture_init(&f, &(struct http_limits){ .idle_ms = 60 });
	fresh = client_new(&f);
	used = client_new(&f);
	client_say(used, GET("/"));
	AWAIT(&f, fresh->has_eof && used->has_eof);
	ck_assert_uint_eq(fresh->len, 0);
	ck_assert_str_eq(client_statuses(used), "200");
	client_leave(fresh, false);
	client_leave(used, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(waiting_for_the_owner_has_no_deadline)
{
	struct fixture f;
	struct client *slow, *idle;

	fixture_init(
		&f, &(struct http_limits){ .idle_ms = 40, .head_ms = 40, .body_ms = 40 });
	slow = client_new(&f);
	client_say(slow, GET("/later"));
	AWAIT(&f, f.n_held == 1);
	idle = client_new(&f);
	AWAIT(&f, idle->has_eof);
	ck_assert(!slow->has_eof);
	fixture_answer(&f, 0);
	AWAIT(&f, client_count(slow, "held"));
	client_leave(slow, false);
	client_leave(idle, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(client_that_takes_nothing_is_cut)
{
	static char piece[50000];
	struct fixture f;
	struct client *c;
	long n;

	fixture_init(&f, &(struct http_limits){ .write_ms = 60 });
	c = client_new(&f);
	client_say(c, GET("/later"));
	AWAIT(&f, f.n_held == 1);
	client_pause(c);
	ck_assert_int_eq(http_reply_begin(f.held[0], 200, NULL, 0), 0);
	do
		n = http_reply_write(f.held[0], piece, sizeof piece);
	while (n > 0);
	AWAIT(&f, f.n_gone == 1);
	ck_assert_int_eq(f.why, -ETIMEDOUT);
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(connections_beyond_the_limit_are_told)
{
	struct fixture f;
	struct client *first, *second;

	fixture_init(&f, &(struct http_limits){ .max_connections = 1 });
	first = client_new(&f);
	client_say(first, GET("/"));
	AWAIT(&f, client_count(first, "200 OK"));
	second = client_new(&f);
	client_say(second, GET("/"));
	AWAIT(&f, second->has_eof);
	ck_assert_str_eq(client_statuses(second), "503");
	ck_assert_ptr_nonnull(strstr(second->in, "Retry-After: 1\r\n"));
	ck_assert_uint_eq(counters(&f)->refused_full, 1);
	client_leave(second, false);
	client_leave(first, false);
	AWAIT(&f, counters(&f)->active == 0);
	second = client_new(&f);
	client_say(second, GET("/"));
	AWAIT(&f, client_count(second, "200 OK"));
	client_leave(second, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(running_out_of_descriptors_is_survived)
{
	struct fixture f;
	struct client *first, *second;
	struct rlimit full, old;

	fixture_init(&f, NULL);
	first = client_new(&f);
	client_say(first, GET("/"));
	AWAIT(&f, client_count(first, "200 OK"));
	second = client_new(&f);
	client_say(second, GET("/"));
	getrlimit(RLIMIT_NOFILE, &old);
	full = old;
	full.rlim_cur = (rlim_t)second->fd + 1;
	setrlimit(RLIMIT_NOFILE, &full);
	fixture_settle(&f);
	client_say(first, GET("/again")); /* the server is well meanwhile */
	AWAIT(&f, client_count(first, "/again"));
	ck_assert_uint_eq(second->len, 0);
	setrlimit(RLIMIT_NOFILE, &old);
	AWAIT(&f, client_count(second, "200 OK"));
	client_leave(first, false);
	client_leave(second, false);
	fixture_fini(&f);
}
END_TEST

/* ---- the end ---- */

static void
drained(void *arg)
{
	((struct fixture *)arg)->n_drained++;
}

START_TEST(drain_lets_everything_end)
{
	struct fixture f;
	struct client *idle, *busy;

	fixture_init(&f, NULL);
	idle = client_new(&f);
	client_say(idle, GET("/"));
	busy = client_new(&f);
	client_say(busy, GET("/later"));
	AWAIT(&f, f.n_held == 1 && client_count(idle, "200 OK"));
	http_server_drain(f.server, 50, drained, &f);
	ck_assert_uint_eq(f.n_drained, 0);
	client_say(idle, GET("/last")); /* one that crosses the announcement */
	AWAIT(&f, idle->has_eof);
	ck_assert_uint_eq(client_count(idle, "/last"), 1);
	ck_assert_uint_eq(client_count(idle, "Connection: close"), 1);
	ck_assert_uint_eq(f.n_drained, 0);
	fixture_answer(&f, 0);
	AWAIT(&f, busy->has_eof);
	ck_assert_uint_eq(client_count(busy, "Connection: close"), 1);
	client_leave(idle, false);
	client_leave(busy, false);
	AWAIT(&f, f.n_drained == 1);
	fixture_fini(&f);
}
END_TEST

START_TEST(drain_of_nothing_ends_at_once)
{
	struct fixture f;

	fixture_init(&f, NULL);
	http_server_drain(f.server, 1000, drained, &f);
	AWAIT(&f, f.n_drained == 1);
	fixture_fini(&f);
}
END_TEST

START_TEST(quiet_connections_are_closed_by_a_drain)
{
	struct fixture f;
	struct client *c;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, GET("/"));
	AWAIT(&f, client_count(c, "200 OK"));
	http_server_drain(f.server, 30, drained, &f);
	AWAIT(&f, c->has_eof && f.n_drained == 1);
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

START_TEST(freeing_the_server_tells_the_owner)
{
	struct fixture f;
	struct client *c, *idle;

	fixture_init(&f, NULL);
	f.keeps_gone = true;
	c = client_new(&f);
	idle = client_new(&f);
	client_say(c, GET("/later"));
	AWAIT(&f, f.n_held == 1);
	http_server_free(f.server);
	ck_assert_uint_eq(f.n_gone, 1);
	ck_assert_str_eq(f.held[0]->path, "/later"); /* its memory stays */
	ck_assert_str_eq(http_listener_label(f.held[0]->listener), "test");
	ck_assert_int_eq(http_reply(f.held[0], 200, NULL, 0, "", 0), -ECANCELED);
	http_exchange_done(f.held[0]);
	client_leave(c, false);
	client_leave(idle, false);
	event_base_free(f.base);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http-server");
	TCase *framing = tcase_create("framing"), *exchange = tcase_create("exchange"),
	      *reply = tcase_create("reply"), *stream = tcase_create("stream"),
	      *client = tcase_create("client"), *end = tcase_create("end");

	tcase_add_loop_test(framing, every_case_is_answered_alike_however_it_comes, 0,
	                    (int)N_HTTP_CASES);
	tcase_add_test(framing, refusal_says_what_is_wrong_and_closes);
	tcase_add_test(framing, refused_client_that_still_sends_can_read_the_answer);
	suite_add_tcase(suite, framing);
	tcase_add_test(exchange, request_is_shown_to_its_owner);
	tcase_add_test(exchange, fields_peer_and_memory_live_until_done);
	tcase_add_test(exchange, pipelined_requests_are_answered_in_order);
	tcase_add_test(exchange, flood_of_pipelined_requests_is_answered_whole);
	tcase_add_test(exchange, bodies_of_every_size_arrive);
	tcase_add_test(exchange, long_trailers_fit_behind_a_full_buffer);
	tcase_add_test(exchange, body_beyond_the_limit_is_refused);
	tcase_add_test(exchange, admission_comes_before_the_body);
	tcase_add_test(exchange, expectation_is_met_after_admission);
	tcase_add_test(exchange, head_has_the_length_but_not_the_body);
	tcase_add_test(exchange, exchange_without_a_reply_becomes_500);
	suite_add_tcase(suite, exchange);
	tcase_add_test(reply, reply_refuses_what_is_not_http);
	tcase_add_test(reply, framing_lines_of_the_owner_are_left_out);
	tcase_add_test(reply, no_content_has_no_length);
	tcase_add_test(reply, reply_in_pieces_is_chunked);
	tcase_add_test(reply, reply_in_pieces_ends_with_the_connection_in_1_0);
	tcase_add_test(reply, reply_cut_off_shows_as_such);
	tcase_add_test(reply, slow_client_makes_the_writer_wait);
	tcase_add_test(reply, large_reply_reaches_a_slow_client_whole);
	suite_add_tcase(suite, reply);
	tcase_add_test(stream, streamed_body_is_read_in_pieces);
	tcase_add_test(stream, unread_stream_holds_its_client_back);
	tcase_add_test(stream, mistake_in_a_stream_cancels_the_reader);
	tcase_add_test(stream, stream_left_unread_ends_the_connection);
	suite_add_tcase(suite, stream);
	tcase_add_test(client, client_that_leaves_is_noticed);
	tcase_add_test(client, client_that_leaves_behind_a_full_buffer_is_noticed);
	tcase_add_test(client, client_that_leaves_amid_a_body_is_noticed);
	tcase_add_test(client, write_to_a_client_that_left_is_canceled);
	tcase_add_test(client, slow_head_is_refused);
	tcase_add_test(client, slow_body_is_refused);
	tcase_add_test(client, idle_connection_is_closed);
	tcase_add_test(client, waiting_for_the_owner_has_no_deadline);
	tcase_add_test(client, client_that_takes_nothing_is_cut);
	tcase_add_test(client, connections_beyond_the_limit_are_told);
	tcase_add_test(client, running_out_of_descriptors_is_survived);
	tcase_add_test(client, tls_is_refused_by_its_name);
	suite_add_tcase(suite, client);
	tcase_add_test(end, drain_lets_everything_end);
	tcase_add_test(end, drain_of_nothing_ends_at_once);
	tcase_add_test(end, quiet_connections_are_closed_by_a_drain);
	tcase_add_test(end, freeing_the_server_tells_the_owner);
	suite_add_tcase(suite, end);
	return check_main(suite);
}
