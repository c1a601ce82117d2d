/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server with the nth allocation failing, for every n, and in the steady state with none at
 * all.
 *
 * The program is linked with --wrap, so that what the server's own files allocate is counted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check-main.h"
#include "http-fixture.h"
#include "http-server.h"

static long armed = -1; /* allocations until the one that fails */
static bool fired;
static unsigned long total;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
OTEL_EXPORT void *__wrap_malloc(size_t size);
OTEL_EXPORT void *__wrap_calloc(size_t n, size_t size);
OTEL_EXPORT void *__wrap_realloc(void *old, size_t size);

static bool
fails(void)
{
	total++;
	if (armed < 0 || armed-- > 0)
		return false;
	fired = true;
	return true;
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

static void
arm(long n)
{
	armed = n;
	fired = false;
}

/* Answers in pieces with what is there, as far as memory allows. */
static void
answer(struct fixture *f, unsigned i)
{
	struct http_exchange *x = f->held[i];
	char buf[3000];
	long n = -EAGAIN;

	if (strcmp(x->path, "/stream") == 0)
		while ((n = http_read(x, buf, sizeof buf)) > 0)
			;
	if (n != -ECANCELED && http_reply_begin(x, 200, NULL, 0) == 0) {
		(void)http_reply_write(x, buf, sizeof buf);
		(void)http_reply_trailer(x, "X-End", "1");
		(void)http_reply_end(x);
	}
	(void)http_exchange_alloc(x, 20000);
	http_exchange_done(x);
}

static char body[70000];

/* Every kind of request and answer; the client gets what it gets. */
static void
converse(struct fixture *f, struct client *c)
{
	char head[64];

	client_say(c, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
	              "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n");
	client_send(c, body, sizeof body);
	client_say(
		c,
		"POST /later HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	snprintf(head, sizeof head, "%zx\r\n", sizeof body);
	client_say(c, head);
	client_send(c, body, sizeof body);
	client_say(
		c,
		"\r\n0\r\nT: 1\r\n\r\nPOST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
		"chunked\r\n\r\n5\r\nhello\r\n0\r\nT: 1\r\n\r\nGET /x HTTP/1.0\r\n\r\n");
	for (unsigned done = 0; !c->has_eof;) {
		if (done < f->n_held)
			answer(f, done++);
		else
			fixture_turn(f);
	}
}

START_TEST(server_survives_every_allocation_failure)
{
	const struct http_limits limits = { .max_fields = 10, .linger_ms = 40 };
	struct fixture f;

	memset(body, 'b', sizeof body);
	for (long n = 0;; n++) {
		struct client *c;

		fixture_init(&f, &limits);
		c = client_new(&f);
		f.is_forgetful = true;
		arm(n);
		converse(&f, c);
		armed = -1;
		client_leave(c, false);
		fixture_fini(&f);
		if (!fired)
			break;
		ck_assert_int_lt(n, 1000);
	}
	ck_assert_uint_eq(f.n_ready, 5); /* nothing was in the way of the last round */
}
END_TEST

START_TEST(server_is_not_made_without_memory)
{
	static const struct http_ops ops;
	struct event_base *base = event_base_new();
	struct http_server *server = NULL;

	arm(0);
	ck_assert_int_eq(http_server_new(base, &ops, NULL, &server), -ENOMEM);
	armed = -1;
	ck_assert_ptr_null(server);
	event_base_free(base);
}
END_TEST

START_TEST(steady_state_allocates_nothing)
{
	static const char request[] =
		"POST /x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
	struct fixture f;
	struct client *c;
	unsigned long before = 0;

	fixture_init(&f, NULL);
	f.is_forgetful = true;
	c = client_new(&f);
	for (unsigned i = 1; i <= 20; i++) {
		client_say(c, request);
		AWAIT(&f, client_count(c, "hello") == i);
		if (i == 2)
			before = total;
	}
	ck_assert_uint_eq(total, before);
	client_leave(c, false);
	fixture_fini(&f);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http-memory");
	TCase *memory = tcase_create("memory");

	tcase_set_timeout(memory, 60);
	tcase_add_test(memory, server_survives_every_allocation_failure);
	tcase_add_test(memory, server_is_not_made_without_memory);
	tcase_add_test(memory, steady_state_allocates_nothing);
	suite_add_tcase(suite, memory);
	return check_main(suite);
}
