/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/2 against nghttp2's client, frame by frame in one thread.
 */
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check-main.h"
#include "http-fixture.h"
#include "http-server.h"

#define MAX_STREAMS 1000

struct answer {
	int status, n_heads;
	size_t len;
	char body[4096]; /* its beginning */
	char lines[512]; /* "name=value " of the head and, after a bar, of the trailers */
	bool is_closed;
	uint32_t code;
};

/* One h2 connection. */
struct h2 {
	struct client *client;
	nghttp2_session *session;
	size_t fed;
	struct answer *answers; /* by stream */
	bool has_goaway;
	uint32_t goaway_code;
	/* what is being sent */
	const char *body;
	size_t body_len;
	const char *trailer; /* value of "x-end" */
};

static int
header_cb(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
          size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *arg)
{
	struct h2 *h2 = arg;
	struct answer *a = &h2->answers[frame->hd.stream_id];
	size_t n = strlen(a->lines);

	if (strcmp((const char *)name, ":status") == 0)
		a->status = atoi((const char *)value);
	else
		snprintf(a->lines + n, sizeof a->lines - n, "%s=%s ", name, value);
	return 0;
}

static int
frame_cb(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2 *h2 = arg;

	if (frame->hd.type == NGHTTP2_HEADERS &&
	    h2->answers[frame->hd.stream_id].n_heads++ == 0)
		strcat(h2->answers[frame->hd.stream_id].lines, "|");
	if (frame->hd.type == NGHTTP2_GOAWAY) {
		h2->has_goaway = true;
		h2->goaway_code = frame->goaway.error_code;
	}
	return 0;
}

static int
data_cb(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
        size_t len, void *arg)
{
	struct answer *a = &((struct h2 *)arg)->answers[id];
	size_t room = a->len < sizeof a->body - 1 ? sizeof a->body - 1 - a->len : 0;

	memcpy(a->body + (room ? a->len : 0), data, len < room ? len : room);
	a->len += len;
	return 0;
}

static int
close_cb(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct answer *a = &((struct h2 *)arg)->answers[id];

	a->is_closed = true;
	a->code = code;
	return 0;
}

/* `window`: the client opens it by itself. */
static void
h2_init(struct h2 *h2, struct fixture *f, bool window)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;

	memset(h2, 0, sizeof *h2);
	h2->client = client_new(f);
	h2->answers = calloc(2 * MAX_STREAMS, sizeof *h2->answers);
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_option_new(&option);
	nghttp2_option_set_no_auto_window_update(option, !window);
	nghttp2_option_set_peer_max_concurrent_streams(option, MAX_STREAMS);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, header_cb);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_cb);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data_cb);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, close_cb);
	nghttp2_session_client_new2(&h2->session, callbacks, h2, option);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, NULL, 0);
}

static void
h2_flush(struct h2 *h2)
{
	const uint8_t *data;
	ssize_t n;

	while ((n = nghttp2_session_mem_send(h2->session, &data)) > 0)
		client_send(h2->client, data, (size_t)n);
}

static void
h2_feed(struct h2 *h2)
{
	struct client *c = h2->client;

	if (c->len > h2->fed) {
		ck_assert_int_ge(nghttp2_session_mem_recv(h2->session,
		                                          (uint8_t *)c->in + h2->fed,
		                                          c->len - h2->fed),
		                 0);
		h2->fed = c->len;
	}
	h2_flush(h2);
}

static void
h2_turn(struct h2 *h2)
{
	h2_flush(h2);
	if (h2->fed == h2->client->len)
		fixture_turn(h2->client->f);
	h2_feed(h2);
}

#define H2_AWAIT(h2, condition) \
	while (!(condition))    \
	h2_turn(h2)

static void
h2_fini(struct h2 *h2)
{
	nghttp2_session_del(h2->session);
	client_leave(h2->client, false);
	free(h2->answers);
}

static nghttp2_nv
nv(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value,
		             strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE };
}

static ssize_t
body_cb(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len, uint32_t *flags,
        nghttp2_data_source *source, void *arg)
{
	struct h2 *h2 = arg;
	size_t n = h2->body_len < len ? h2->body_len : len;

	memcpy(buf, h2->body, n);
	h2->body += n;
	h2->body_len -= n;
	if (h2->body_len == 0) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (h2->trailer) {
			nghttp2_nv line = nv("x-end", h2->trailer);

			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			nghttp2_submit_trailer(session, id, &line, 1);
		}
	}
	return (ssize_t)n;
}

/* Sends a request, with h2->body if that is set; its stream. */
static int32_t
h2_request(struct h2 *h2, const char *method, const char *path)
{
	nghttp2_nv lines[] = { nv(":method", method), nv(":path", path),
		               nv(":scheme", "http"), nv(":authority", "a"),
		               nv("x-case", "kept") };
	nghttp2_data_provider data = { .read_callback = body_cb };
	int32_t id = nghttp2_submit_request(h2->session, NULL, lines, 5,
	                                    h2->body ? &data : NULL, NULL);

	ck_assert_int_gt(id, 0);
	h2_flush(h2);
	return id;
}

static const struct answer *
h2_get(struct h2 *h2, const char *path)
{
	int32_t id = h2_request(h2, "GET", path);

	H2_AWAIT(h2, h2->answers[id].is_closed);
	return &h2->answers[id];
}

/* ---- */

START_TEST(request_is_answered)
{
	struct fixture f;
	struct h2 h2;
	const struct answer *a;

	fixture_init(&f, NULL);
	h2_init(&h2, &f, true);
	a = h2_get(&h2, "/a%20b/../c?d=e");
	ck_assert_int_eq(a->status, 200);
	ck_assert_str_eq(a->body, "GET /c?d=e a 0 ");
	ck_assert_uint_eq(a->code, NGHTTP2_NO_ERROR);
	ck_assert_ptr_nonnull(strstr(a->lines, "server=cupola "));
	ck_assert_ptr_nonnull(strstr(a->lines, "content-length=15 "));
	ck_assert_uint_eq(http_server_counters(f.server)->requests_h2, 1);
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

START_TEST(body_and_trailers_arrive)
{
	static char body[90000];
	struct fixture f;
	struct h2 h2;
	int32_t id;

	memset(body, 'b', sizeof body);
	fixture_init(&f, NULL);
	h2_init(&h2, &f, true);
	h2.body = body;
	h2.body_len = sizeof body;
	h2.trailer = "yes";
	id = h2_request(&h2, "POST", "/");
	H2_AWAIT(&h2, h2.answers[id].is_closed);
	ck_assert_ptr_nonnull(strstr(h2.answers[id].body, "POST /? a 90000 bbb"));
	ck_assert_uint_eq(h2.answers[id].len,
	                  strlen("POST /? a 90000  x-end=yes") + sizeof body);
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

START_TEST(streams_are_answered_as_they_are_ready)
{
	struct fixture f;
	struct h2 h2;
	int32_t first, second;

	fixture_init(&f, NULL);
	h2_init(&h2, &f, true);
	first = h2_request(&h2, "GET", "/later");
	second = h2_request(&h2, "GET", "/later");
	ck_assert_int_eq(h2_get(&h2, "/now")->status, 200);
	ck_assert_str_eq(http_exchange_field(f.held[0], "X-Case", 0), "kept");
	ck_assert_str_eq(f.held[0]->host, "a");
	ck_assert_int_eq(f.held[0]->version, 20);
	fixture_answer(&f, 1);
	H2_AWAIT(&h2, h2.answers[second].is_closed);
	ck_assert(!h2.answers[first].is_closed);
	fixture_answer(&f, 0);
	H2_AWAIT(&h2, h2.answers[first].is_closed);
	ck_assert_str_eq(h2.answers[first].body, "held");
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

START_TEST(grpc_trailers_follow_the_data)
{
	static const struct http_field type = { "Content-Type", "application/grpc" };
	struct fixture f;
	struct h2 h2;
	struct http_exchange *x;
	int32_t id;

	fixture_init(&f, NULL);
	h2_init(&h2, &f, true);
	id = h2_request(&h2, "POST", "/later");
	H2_AWAIT(&h2, f.n_held == 1);
	x = f.held[0];
	ck_assert_int_eq(http_reply_begin(x, 200, &type, 1), 0);
	H2_AWAIT(&h2, h2.answers[id].status == 200);
	ck_assert_int_eq(http_reply_write(x, "\0\0\0\0\0", 5), 5);
	H2_AWAIT(&h2, h2.answers[id].len == 5);
	ck_assert_int_eq(http_reply_trailer(x, "Grpc-Status", "0"), 0);
	ck_assert_int_eq(http_reply_end(x), 0);
	http_exchange_done(x); /* before a frame is made of it */
	H2_AWAIT(&h2, h2.answers[id].is_closed);
	ck_assert_ptr_nonnull(
		strstr(h2.answers[id].lines, "content-type=application/grpc "));
	ck_assert_ptr_nonnull(strstr(h2.answers[id].lines, "|grpc-status=0 "));
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

START_TEST(grpc_error_is_one_head)
{
	static const struct http_field lines[] = { { "content-type", "application/grpc" },
		                                   { "grpc-status", "12" } };
	struct fixture f;
	struct h2 h2;
	int32_t id;

	fixture_init(&f, NULL);
	h2_init(&h2, &f, true);
	id = h2_request(&h2, "POST", "/later");
	H2_AWAIT(&h2, f.n_held == 1);
	ck_assert_int_eq(http_reply(f.held[0], 200, lines, 2, NULL, 0), 0);
	http_exchange_done(f.held[0]);
	H2_AWAIT(&h2, h2.answers[id].is_closed);
	ck_assert_int_eq(h2.answers[id].n_heads, 1);
	ck_assert_ptr_nonnull(strstr(h2.answers[id].lines, "grpc-status=12 "));
	ck_assert_ptr_null(strstr(h2.answers[id].lines, "content-length"));
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

START_TEST(closed_window_makes_the_writer_wait)
{
	static char piece[100000];
	struct fixture f;
	struct h2 h2;
	size_t total = 0;
	int32_t id;
	long n;

	fixture_init(&f, NULL);
	h2_init(&h2, &f, false);
	id = h2_request(&h2, "GET", "/later");
	H2_AWAIT(&h2, f.n_held == 1);
	ck_assert_int_eq(http_reply_begin(f.held[0], 200, NULL, 0), 0);
	while ((n = http_reply_write(f.held[0], piece, sizeof piece)) > 0)
		total += (size_t)n;
	ck_assert_int_eq(n, -EAGAIN);
	H2_AWAIT(&h2, h2.answers[id].len == 65535 && f.n_writable == 1);
	while ((n = http_reply_write(f.held[0], piece, sizeof piece)) > 0)
		total += (size_t)n;
	ck_assert_int_eq(n, -EAGAIN); /* the window is closed now */
	ck_assert_uint_lt(total, 65535 + 65536 + 1);
	fixture_settle(&f);
	ck_assert_uint_eq(f.n_writable, 1);
	nghttp2_session_consume(h2.session, id, 65535);
	H2_AWAIT(&h2, f.n_writable == 2);
	ck_assert_int_eq(http_reply_end(f.held[0]), 0);
	http_exchange_done(f.held[0]);
	nghttp2_session_consume(h2.session, id, h2.answers[id].len - 65535);
	while (!h2.answers[id].is_closed) {
		size_t before = h2.answers[id].len;

		h2_turn(&h2);
		nghttp2_session_consume(h2.session, id, h2.answers[id].len - before);
	}
	ck_assert_uint_eq(h2.answers[id].len, total);
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

START_TEST(unread_stream_keeps_its_window_closed)
{
	static char body[90000], buf[8192];
	struct fixture f;
	struct h2 h2;
	size_t total = 0;
	int32_t id;
	long n;

	fixture_init(&f, NULL);
	h2_init(&h2, &f, true);
	h2.body = body;
	h2.body_len = sizeof body;
	h2.trailer = "1";
	id = h2_request(&h2, "POST", "/stream");
	H2_AWAIT(&h2, f.n_held == 1);
	for (int i = 0; i < 20; i++) {
		h2_flush(&h2);
		fixture_settle(&f);
	}
	ck_assert_uint_eq(h2.body_len, sizeof body - 65535);
	while ((n = http_read(f.held[0], buf, sizeof buf)) != 0) {
		if (n == -EAGAIN) {
			h2_turn(&h2);
			continue;
		}
		ck_assert_int_gt(n, 0);
		total += (size_t)n;
	}
	ck_assert_uint_eq(total, sizeof body);
	ck_assert_uint_eq(f.held[0]->n_trailers, 1);
	ck_assert_int_eq(
		nghttp2_session_get_stream_remote_window_size(h2.session, id) > 0, 1);
	fixture_answer(&f, 0);
	H2_AWAIT(&h2, h2.answers[id].is_closed);
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

START_TEST(reset_stream_is_gone_and_the_others_stay)
{
	struct fixture f;
	struct h2 h2;
	int32_t first, second;

	fixture_init(&f, NULL);
	f.keeps_gone = true;
	h2_init(&h2, &f, true);
	first = h2_request(&h2, "GET", "/later");
	second = h2_request(&h2, "GET", "/later");
	H2_AWAIT(&h2, f.n_held == 2);
	nghttp2_submit_rst_stream(h2.session, NGHTTP2_FLAG_NONE, first, NGHTTP2_CANCEL);
	H2_AWAIT(&h2, f.n_gone == 1);
	ck_assert_int_eq(f.why, -ECONNRESET);
	ck_assert(http_exchange_is_gone(f.held[0]));
	ck_assert_str_eq(http_exchange_peer(f.held[0]), "127.0.0.1");
	ck_assert_str_eq(f.held[0]->path, "/later");
	http_exchange_done(f.held[0]);
	fixture_answer(&f, 1);
	H2_AWAIT(&h2, h2.answers[second].is_closed);
	ck_assert_str_eq(h2.answers[second].body, "held");
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

START_TEST(lost_connection_takes_all_its_streams)
{
	struct fixture f;
	struct h2 h2;

	fixture_init(&f, NULL);
	h2_init(&h2, &f, true);
	for (int i = 0; i < 5; i++)
		h2_request(&h2, "GET", "/later");
	H2_AWAIT(&h2, f.n_held == 5);
	h2_fini(&h2);
	AWAIT(&f, f.n_gone == 5);
	fixture_fini(&f);
}
END_TEST

START_TEST(large_body_is_refused)
{
	static char body[100001];
	struct fixture f;
	struct h2 h2;
	int32_t id;

	fixture_init(&f, NULL);
	h2_init(&h2, &f, true);
	h2.body = body;
	h2.body_len = sizeof body;
	id = h2_request(&h2, "POST", "/");
	H2_AWAIT(&h2, h2.answers[id].is_closed);
	ck_assert_int_eq(h2.answers[id].status, 413);
	ck_assert_str_eq(h2.answers[id].body, "the body of the request is too large\n");
	ck_assert_int_eq(f.why, -EMSGSIZE);
	ck_assert_uint_eq(f.n_ready, 0);
	h2.body = NULL;
	ck_assert_int_eq(h2_get(&h2, "/next")->status, 200);
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

START_TEST(early_reply_asks_the_client_to_stop)
{
	static char body[90000];
	struct fixture f;
	struct h2 h2;
	int32_t id;

	fixture_init(&f, NULL);
	h2_init(&h2, &f, true);
	h2.body = body;
	h2.body_len = sizeof body;
	id = h2_request(&h2, "POST", "/busy");
	H2_AWAIT(&h2, h2.answers[id].is_closed);
	ck_assert_int_eq(h2.answers[id].status, 503);
	ck_assert_str_eq(h2.answers[id].body, "come back later\n");
	ck_assert_uint_eq(h2.answers[id].code, NGHTTP2_NO_ERROR);
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

START_TEST(bad_heads_are_refused)
{
	static char path[10000], value[20000];
	struct fixture f;
	struct h2 h2;
	nghttp2_nv lines[104] = { nv(":method", "GET"), nv(":path", "/"),
		                  nv(":scheme", "http"), nv(":authority", "a") };
	int32_t id;

	fixture_init(&f, NULL);
	h2_init(&h2, &f, true);
	memset(path, '/', sizeof path - 1);
	memset(value, 'v', sizeof value - 1);
	ck_assert_int_eq(h2_get(&h2, "/a/../../b")->status, 400);
	ck_assert_int_eq(h2_get(&h2, "/%00")->status, 400);
	ck_assert_uint_eq(h2_get(&h2, "http://b/")->code, NGHTTP2_PROTOCOL_ERROR);
	ck_assert_int_eq(h2_get(&h2, path)->status, 414);
	lines[4] = nv("host", "b"); /* another than :authority */
	id = nghttp2_submit_request(h2.session, NULL, lines, 5, NULL, NULL);
	H2_AWAIT(&h2, h2.answers[id].is_closed);
	ck_assert_int_eq(h2.answers[id].status, 400);
	lines[4] = nv("x", value);
	id = nghttp2_submit_request(h2.session, NULL, lines, 5, NULL, NULL);
	H2_AWAIT(&h2, h2.answers[id].is_closed);
	ck_assert_int_eq(h2.answers[id].status, 431);
	for (int i = 4; i < 104; i++)
		lines[i] = nv("x", "y");
	id = nghttp2_submit_request(h2.session, NULL, lines, 104, NULL, NULL);
	H2_AWAIT(&h2, h2.answers[id].is_closed);
	ck_assert_int_eq(h2.answers[id].status, 200); /* exactly the limit */
	id = nghttp2_submit_request(h2.session, NULL, lines, 103, NULL, NULL);
	H2_AWAIT(&h2, h2.answers[id].is_closed);
	ck_assert_uint_eq(f.n_heads, 2);
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

START_TEST(cookie_crumbs_are_joined)
{
	struct fixture f;
	struct h2 h2;
	nghttp2_nv lines[] = { nv(":method", "GET"),  nv(":path", "/later"),
		               nv(":scheme", "http"), nv(":authority", "a"),
		               nv("cookie", "a=1"),   nv("x", "y"),
		               nv("cookie", "b=2"),   nv("cookie", "c=3"),
		               nv("z", "z") };
	int32_t id;

	fixture_init(&f, NULL);
	h2_init(&h2, &f, true);
	id = nghttp2_submit_request(h2.session, NULL, lines, 9, NULL, NULL);
	H2_AWAIT(&h2, f.n_held == 1);
	ck_assert_uint_eq(f.held[0]->n_fields, 3);
	ck_assert_str_eq(f.held[0]->fields[0].value, "a=1; b=2; c=3");
	ck_assert_str_eq(f.held[0]->fields[1].name, "x");
	ck_assert_str_eq(f.held[0]->fields[2].name, "z");
	fixture_answer(&f, 0);
	H2_AWAIT(&h2, h2.answers[id].is_closed);
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

START_TEST(head_request_has_no_body)
{
	struct fixture f;
	struct h2 h2;
	int32_t id;

	fixture_init(&f, NULL);
	h2_init(&h2, &f, true);
	id = h2_request(&h2, "HEAD", "/x");
	H2_AWAIT(&h2, h2.answers[id].is_closed);
	ck_assert_uint_eq(h2.answers[id].len, 0);
	ck_assert_ptr_nonnull(strstr(h2.answers[id].lines, "content-length=13 "));
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

START_TEST(reply_cut_off_is_a_reset)
{
	struct fixture f;
	struct h2 h2;
	int32_t id;

	fixture_init(&f, NULL);
	h2_init(&h2, &f, true);
	id = h2_request(&h2, "GET", "/later");
	H2_AWAIT(&h2, f.n_held == 1);
	ck_assert_int_eq(http_reply_begin(f.held[0], 200, NULL, 0), 0);
	ck_assert_int_eq(http_reply_write(f.held[0], "half", 4), 4);
	H2_AWAIT(&h2, h2.answers[id].len == 4);
	http_exchange_done(f.held[0]);
	H2_AWAIT(&h2, h2.answers[id].is_closed);
	ck_assert_uint_eq(h2.answers[id].code, NGHTTP2_INTERNAL_ERROR);
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

START_TEST(rapid_resets_end_the_connection)
{
	struct fixture f;
	struct h2 h2;

	fixture_init(&f, NULL);
	h2_init(&h2, &f, true);
	for (int i = 0; i < 400 && !h2.has_goaway; i++) {
		int32_t id = h2_request(&h2, "GET", "/later");

		f.n_held = 0;
		nghttp2_submit_rst_stream(h2.session, NGHTTP2_FLAG_NONE, id,
		                          NGHTTP2_CANCEL);
		h2_flush(&h2);
		fixture_settle(&f);
		h2_feed(&h2);
	}
	H2_AWAIT(&h2, h2.has_goaway);
	ck_assert_uint_eq(h2.goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
	AWAIT(&f, h2.client->has_eof);
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

START_TEST(slow_body_is_reset)
{
	struct fixture f;
	struct h2 h2;
	nghttp2_nv lines[] = { nv(":method", "POST"), nv(":path", "/"),
		               nv(":scheme", "http"), nv(":authority", "a") };
	int32_t id;

	fixture_init(&f, &(struct http_limits){ .body_ms = 60 });
	h2_init(&h2, &f, true);
	id = nghttp2_submit_headers(h2.session, NGHTTP2_FLAG_NONE, -1, NULL, lines, 4,
	                            NULL);
	H2_AWAIT(&h2, h2.answers[id].is_closed);
	ck_assert_int_eq(f.why, -ETIMEDOUT);
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

START_TEST(client_that_takes_nothing_is_reset)
{
	static char body[500000];
	struct fixture f;
	struct h2 h2;
	int32_t id;

	fixture_init(&f, &(struct http_limits){ .write_ms = 60 });
	h2_init(&h2, &f, false);
	id = h2_request(&h2, "GET", "/later");
	H2_AWAIT(&h2, f.n_held == 1);
	ck_assert_int_eq(http_reply(f.held[0], 200, NULL, 0, body, sizeof body), 0);
	http_exchange_done(f.held[0]);
	H2_AWAIT(&h2, h2.answers[id].is_closed);
	ck_assert_uint_eq(h2.answers[id].code, NGHTTP2_CANCEL);
	ck_assert_uint_eq(h2.answers[id].len, 65535);
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

static void
drained(void *arg)
{
	((struct fixture *)arg)->n_drained++;
}

START_TEST(drain_finishes_streams_first)
{
	struct fixture f;
	struct h2 h2;
	int32_t id;

	fixture_init(&f, NULL);
	h2_init(&h2, &f, true);
	id = h2_request(&h2, "GET", "/later");
	H2_AWAIT(&h2, f.n_held == 1);
	http_server_drain(f.server, 30, drained, &f);
	H2_AWAIT(&h2, h2.has_goaway);
	ck_assert_uint_eq(h2.goaway_code, NGHTTP2_NO_ERROR);
	fixture_answer(&f, 0);
	H2_AWAIT(&h2, h2.answers[id].is_closed);
	ck_assert_str_eq(h2.answers[id].body, "held");
	AWAIT(&f, h2.client->has_eof);
	h2_fini(&h2);
	AWAIT(&f, f.n_drained == 1);
	fixture_fini(&f);
}
END_TEST

START_TEST(idle_connection_is_closed)
{
	struct fixture f;
	struct h2 h2;

	fixture_init(&f, &(struct http_limits){ .idle_ms = 40, .linger_ms = 40 });
	h2_init(&h2, &f, true);
	ck_assert_int_eq(h2_get(&h2, "/")->status, 200);
	AWAIT(&f, h2.client->has_eof);
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

START_TEST(what_only_begins_like_a_preface_is_closed)
{
	struct fixture f;
	struct client *c;

	fixture_init(&f, NULL);
	c = client_new(&f);
	client_say(c, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
	AWAIT(&f, c->has_eof);
	client_leave(c, false);
	ck_assert_uint_eq(f.n_heads, 0);
	fixture_fini(&f);
}
END_TEST

START_TEST(bytes_may_come_one_by_one)
{
	struct fixture f;
	struct h2 h2;
	const uint8_t *data;
	nghttp2_nv lines[] = { nv(":method", "GET"), nv(":path", "/slowly"),
		               nv(":scheme", "http"), nv(":authority", "a") };
	int32_t id;
	ssize_t n;

	fixture_init(&f, NULL);
	h2_init(&h2, &f, true);
	id = nghttp2_submit_request(h2.session, NULL, lines, 4, NULL, NULL);
	while ((n = nghttp2_session_mem_send(h2.session, &data)) > 0)
		for (ssize_t i = 0; i < n; i++) {
			client_send(h2.client, data + i, 1);
			fixture_settle(&f);
		}
	H2_AWAIT(&h2, h2.answers[id].is_closed);
	ck_assert_int_eq(h2.answers[id].status, 200);
	h2_fini(&h2);
	fixture_fini(&f);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http-h2");
	TCase *request = tcase_create("request"), *flow = tcase_create("flow"),
	      *end = tcase_create("end");

	tcase_add_test(request, request_is_answered);
	tcase_add_test(request, body_and_trailers_arrive);
	tcase_add_test(request, streams_are_answered_as_they_are_ready);
	tcase_add_test(request, grpc_trailers_follow_the_data);
	tcase_add_test(request, grpc_error_is_one_head);
	tcase_add_test(request, large_body_is_refused);
	tcase_add_test(request, early_reply_asks_the_client_to_stop);
	tcase_add_test(request, bad_heads_are_refused);
	tcase_add_test(request, cookie_crumbs_are_joined);
	tcase_add_test(request, head_request_has_no_body);
	tcase_add_test(request, bytes_may_come_one_by_one);
	suite_add_tcase(suite, request);
	tcase_add_test(flow, closed_window_makes_the_writer_wait);
	tcase_add_test(flow, unread_stream_keeps_its_window_closed);
	tcase_add_test(flow, slow_body_is_reset);
	tcase_add_test(flow, client_that_takes_nothing_is_reset);
	suite_add_tcase(suite, flow);
	tcase_add_test(end, reset_stream_is_gone_and_the_others_stay);
	tcase_add_test(end, lost_connection_takes_all_its_streams);
	tcase_add_test(end, reply_cut_off_is_a_reset);
	tcase_add_test(end, rapid_resets_end_the_connection);
	tcase_add_test(end, drain_finishes_streams_first);
	tcase_add_test(end, idle_connection_is_closed);
	tcase_add_test(end, what_only_begins_like_a_preface_is_closed);
	suite_add_tcase(suite, end);
	return check_main(suite);
}
