/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "check-main.h"
#include "serving.h"
#include <cupola/service.h>

static const struct svc_host *given; /* what start got */
static atomic_int passed;            /* counts what a test wants counted */

static int
start(const struct svc_host *host, void **self, struct otel_error *err)
{
	(void)self;
	(void)err;
	given = host;
	return 0;
}

static void
stop(void *self)
{
	(void)self;
}

#define PLUGIN(handler)                                                       \
	(&(const struct svc_plugin){ SVC_ABI, .name = "test", .version = "1", \
	                             .start = start, .handle = (handler),     \
	                             .stop = stop })

/* Waits for what other threads do, without a fixed time. */
static void
until(int n)
{
	for (int i = 0; atomic_load(&passed) < n && i < 10000; i++)
		poll(NULL, 0, 1);
	ck_assert_int_ge(atomic_load(&passed), n);
}

/* ---- replies ---- */

static int
says_text(void *self, struct svc_request *req)
{
	(void)self;
	return svc_reply_text(req, 200, "hello\n");
}

START_TEST(text_is_answered)
{
	char *text;

	start_serving(PLUGIN(says_text));
	text = GET("/");
	ck_assert_int_eq(status_of(text), 200);
	ck_assert_ptr_nonnull(
		strcasestr(text, "content-type: text/plain; charset=utf-8\r\n"));
	ck_assert_str_eq(body_of(text), "hello\n");
	stop_serving();
}
END_TEST

static int
says_json(void *self, struct svc_request *req)
{
	(void)self;
	return svc_reply_json(req, 200,
	                      json_pack("{s:f, s:s}", "distance", 4321.12, "a", "b"));
}

START_TEST(json_is_answered_with_numbers_as_they_were_written)
{
	char *text;

	start_serving(PLUGIN(says_json));
	text = GET("/");
	ck_assert_ptr_nonnull(strcasestr(text, "content-type: application/json\r\n"));
	ck_assert_str_eq(body_of(text), "{\"distance\":4321.12,\"a\":\"b\"}");
	stop_serving();
}
END_TEST

static int
says_deep_json(void *self, struct svc_request *req)
{
	json_t *json = json_array();

	(void)self;
	for (int i = 0; i < 2000; i++)
		json = json_pack("[o]", json);
	return svc_reply_json(req, 200, json);
}

START_TEST(deep_json_does_not_overflow_the_fibers_stack)
{
	start_serving(PLUGIN(says_deep_json));
	ck_assert_uint_eq(strlen(body_of(GET("/"))), 4002);
	stop_serving();
}
END_TEST

static int
says_no_json(void *self, struct svc_request *req)
{
	(void)self;
	return svc_reply_json(req, 200, NULL);
}

static int
says_nothing(void *self, struct svc_request *req)
{
	(void)self;
	(void)req;
	return 0;
}

static int
fails(void *self, struct svc_request *req)
{
	(void)self;
	(void)req;
	return -EBADMSG;
}

START_TEST(no_reply_becomes_a_500_and_a_log_line)
{
	int (*const handlers[])(void *, struct svc_request *) = { says_no_json,
		                                                  says_nothing, fails };
	static const char *const lines[] = { "JSON", "without a reply", "Bad message" };

	start_serving(PLUGIN(handlers[_i]));
	ck_assert_int_eq(status_of(GET("/x")), 500);
	ck_assert_msg(strstr(logged, lines[_i]), "%s", logged);
	ck_assert_ptr_nonnull(strstr(logged, "GET /x"));
	stop_serving();
}
END_TEST

static int
says_twice(void *self, struct svc_request *req)
{
	(void)self;
	ck_assert_int_eq(svc_reply_text(req, 200, "first"), 0);
	ck_assert_int_eq(svc_reply_text(req, 200, "second"), -EALREADY);
	ck_assert_int_eq(svc_reply_begin(req, 200, NULL), -EALREADY);
	ck_assert_int_eq(svc_reply_header(req, "X", "y"), -EALREADY);
	ck_assert_int_eq(svc_reply_write(req, "x", 1), -EALREADY);
	atomic_fetch_add(&passed, 1);
	return 0;
}

START_TEST(a_second_reply_is_refused)
{
	start_serving(PLUGIN(says_twice));
	ck_assert_str_eq(body_of(GET("/")), "first");
	ck_assert_int_eq(atomic_load(&passed), 1);
	stop_serving();
}
END_TEST

static int
says_headers(void *self, struct svc_request *req)
{
	(void)self;
	ck_assert_int_eq(svc_reply_header(req, "X-One", "1"), 0);
	ck_assert_int_eq(svc_reply_header(req, "Set-Cookie", "a=1"), 0);
	ck_assert_int_eq(svc_reply_header(req, "Set-Cookie", "b=2"), 0);
	ck_assert_int_eq(svc_reply_header(req, "X Two", "1"), -EINVAL);
	ck_assert_int_eq(svc_reply_header(req, "X-Two", "1\r\nX-Three: 1"), -EINVAL);
	ck_assert_int_eq(svc_reply_header(req, "", "1"), -EINVAL);
	return svc_reply(req, 201, "application/octet-stream", "\0\1", 2);
}

START_TEST(headers_keep_their_order_and_bad_ones_are_refused)
{
	char *text;

	start_serving(PLUGIN(says_headers));
	text = GET("/");
	ck_assert_int_eq(status_of(text), 201);
	ck_assert_ptr_nonnull(
		strcasestr(text, "X-One: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"));
	ck_assert_ptr_null(strcasestr(text, "two"));
	stop_serving();
}
END_TEST

static int
says_in_pieces(void *self, struct svc_request *req)
{
	static char block[300000];

	(void)self;
	memset(block, 'x', sizeof block);
	ck_assert_int_eq(svc_reply_write(req, "y", 1), -EINVAL);
	ck_assert_int_eq(svc_reply_begin(req, 200, "text/plain"), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(svc_reply_write(req, block, sizeof block), 0);
	ck_assert_int_eq(svc_reply_trailer(req, "X-Sum", "42"), 0);
	ck_assert_int_eq(svc_reply_end(req), 0);
	ck_assert_int_eq(svc_reply_end(req), -EALREADY);
	return 0;
}

START_TEST(pieces_arrive_whole_however_slow_the_client_is)
{
	char *text, *at;
	size_t n = 0;
	int fd;

	start_serving(PLUGIN(says_in_pieces));
	fd = dial(port);
	ck_assert_int_eq(
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){ 4096 }, sizeof(int)), 0);
	say_to(fd, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	text = hear_until(fd, NULL);
	for (at = strstr(text, "\r\n\r\n"); at && *at; at++)
		n += *at == 'x';
	ck_assert_uint_eq(n, 900000);
	ck_assert_ptr_nonnull(strcasestr(text, "\r\n0\r\nX-Sum: 42\r\n\r\n"));
	close(fd);
	stop_serving();
}
END_TEST

static int
says_half(void *self, struct svc_request *req)
{
	(void)self;
	ck_assert_int_eq(svc_reply_begin(req, 200, "text/plain"), 0);
	ck_assert_int_eq(svc_reply_write(req, "half", 4), 0);
	return svc_sleep(req->host, 1);
}

START_TEST(pieces_without_an_end_are_cut_off)
{
	char *text;

	start_serving(PLUGIN(says_half));
	text = GET("/");
	ck_assert_ptr_nonnull(strstr(text, "half"));
	ck_assert_ptr_null(strstr(text, "\r\n0\r\n"));
	stop_serving();
}
END_TEST

/* ---- requests ---- */

static int
checks_query(void *self, struct svc_request *req)
{
	(void)self;
	ck_assert_str_eq(svc_query(req, "a"), "1");
	ck_assert_str_eq(svc_query(req, "b"), "x y+z\xc3\xa9");
	ck_assert_str_eq(svc_query(req, "empty"), "");
	ck_assert_str_eq(svc_query(req, "bare"), "");
	ck_assert_str_eq(svc_query(req, "bad"), "%zz%00%4");
	ck_assert_str_eq(svc_query(req, "k&"), "=v");
	ck_assert_ptr_null(svc_query(req, "absent"));
	ck_assert_str_eq(req->path, "/p q");
	ck_assert_str_eq(req->listener, "main");
	ck_assert_str_eq(req->peer, "127.0.0.1");
	return svc_reply_text(req, 200, "ok");
}

START_TEST(the_query_is_decoded)
{
	start_serving(PLUGIN(checks_query));
	ck_assert_str_eq(
		body_of(GET(
			"/p%20q?a=1&a=2&b=x+y%2Bz%C3%A9&&empty=&bare&bad=%zz%00%4&k%26==v")),
		"ok");
	stop_serving();
}
END_TEST

static int
checks_headers(void *self, struct svc_request *req)
{
	struct svc_header h;

	(void)self;
	ck_assert_str_eq(svc_header(req, "x-a"), "1");
	ck_assert_str_eq(svc_header_n(req, "X-A", 1), "2");
	ck_assert_ptr_null(svc_header_n(req, "X-A", 2));
	ck_assert_int_eq(svc_header_at(req, 1, &h), 0);
	ck_assert_str_eq(h.name, "X-A");
	ck_assert_int_eq(svc_header_at(req, 99, &h), -ENOENT);
	ck_assert_uint_eq(req->len, 4);
	ck_assert_str_eq(req->body, "body");
	return svc_reply_text(req, 200, "ok");
}

START_TEST(header_lines_and_body_are_there)
{
	start_serving(PLUGIN(checks_headers));
	ck_assert_str_eq(
		body_of(ask(
			"POST / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nX-A: 2\r\nConnection: close\r\n"
			"Content-Length: 4\r\n\r\nbody")),
		"ok");
	stop_serving();
}
END_TEST

static int
echoes(void *self, struct svc_request *req)
{
	char buf[7];
	long n;

	(void)self;
	atomic_fetch_add(&passed, 1);
	ck_assert_int_eq(svc_reply_begin(req, 200, "text/plain"), 0);
	while ((n = svc_request_read(req, buf, sizeof buf)) > 0)
		ck_assert_int_eq(svc_reply_write(req, buf, (size_t)n), 0);
	ck_assert_int_eq(n, 0);
	return svc_reply_end(req);
}

START_TEST(a_streamed_body_is_read_as_it_comes)
{
	static const struct svc_plugin plugin = {
		SVC_ABI,        .name = "test",
		.version = "1", .flags = SVC_STREAM_BODY,
		.start = start, .handle = echoes,
		.stop = stop
	};
	char *text;
	int fd;

	start_serving(&plugin);
	fd = dial(port);
	say_to(fd,
	       "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 20\r\n\r\n");
	until(1); /* the handler runs before the body is there */
	say_to(fd, "0123456789");
	hear_until(fd, "789");
	say_to(fd, "abcdefghij");
	text = hear_until(fd, NULL);
	ck_assert_ptr_nonnull(strstr(text, "abcdefg"));
	ck_assert_ptr_nonnull(strstr(text, "\r\n0\r\n"));
	close(fd);
	stop_serving();
}
END_TEST

/* ---- waiting ---- */

static struct svc_mutex *mutex;
static struct svc_event *event;
static char order[64];

static int
makes_things(const struct svc_host *host, void **self, struct otel_error *err)
{
	(void)self;
	(void)err;
	given = host;
	mutex = svc_mutex_new(host);
	event = svc_event_new(host);
	return 0;
}

static void
frees_things(void *self)
{
	(void)self;
	svc_mutex_free(given, mutex);
	svc_event_free(given, event);
}

static int
locks(void *self, struct svc_request *req)
{
	const char *name = svc_query(req, "n");

	(void)self;
	atomic_fetch_add(&passed, 1);
	ck_assert_int_eq(svc_mutex_lock(req->host, mutex), 0);
	if (name[0] == '0')
		ck_assert_int_eq(svc_event_wait(req->host, event, -1), 0);
	strcat(order, name);
	svc_mutex_unlock(req->host, mutex);
	return svc_reply_text(req, 200, "ok");
}

static int
sets(void *self, struct svc_request *req)
{
	(void)self;
	svc_event_set(req->host, event);
	return svc_reply_text(req, 200, "set");
}

static int
locks_or_sets(void *self, struct svc_request *req)
{
	return strcmp(req->path, "/set") == 0 ? sets(self, req) : locks(self, req);
}

START_TEST(a_mutex_is_first_come_first_served)
{
	struct svc_plugin plugin = *PLUGIN(locks_or_sets);
	int fds[6];

	plugin.start = makes_things;
	plugin.stop = frees_things;
	start_serving(&plugin);
	for (int i = 0; i < 6; i++) {
		char text[100];

		snprintf(text, sizeof text,
		         "GET /?n=%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		         i);
		fds[i] = dial(port);
		say_to(fds[i], text);
		until(i + 1);
	}
	ck_assert_str_eq(order, "");
	GET("/set");
	for (int i = 0; i < 6; i++) {
		ck_assert_str_eq(body_of(hear_until(fds[i], NULL)), "ok");
		close(fds[i]);
	}
	ck_assert_str_eq(order, "012345");
	stop_serving();
}
END_TEST

static int
waits_in_vain(void *self, struct svc_request *req)
{
	(void)self;
	ck_assert_int_eq(svc_event_wait(req->host, event, 1), -ETIMEDOUT);
	ck_assert_int_eq(svc_sleep(req->host, 1), 0);
	ck_assert_int_eq(svc_sleep(req->host, 0), 0);
	return svc_reply_text(req, 200, "ok");
}

START_TEST(waiting_has_an_end)
{
	struct svc_plugin plugin = *PLUGIN(waits_in_vain);

	plugin.start = makes_things;
	plugin.stop = frees_things;
	start_serving(&plugin);
	ck_assert_str_eq(body_of(GET("/")), "ok");
	stop_serving();
}
END_TEST

static pthread_t loops_thread;

static void
blocks(void *arg)
{
	ck_assert(!pthread_equal(pthread_self(), loops_thread));
	ck_assert_ptr_null(host_fiber_self());
	ck_assert_str_eq(host_current->doing, "offload");
	*(int *)arg = 7;
}

static int
offloads(void *self, struct svc_request *req)
{
	int n = 0;

	(void)self;
	loops_thread = pthread_self();
	ck_assert_int_eq(svc_offload(req->host, blocks, &n), 0);
	ck_assert_int_eq(n, 7);
	return svc_reply_text(req, 200, "ok");
}

START_TEST(offload_runs_elsewhere_and_waits)
{
	start_serving(PLUGIN(offloads));
	ck_assert_str_eq(body_of(GET("/")), "ok");
	stop_serving();
}
END_TEST

struct ring {
	const struct svc_host *host;
	struct svc_event *event;
};

static void
rings(void *arg)
{
	struct ring *ring = arg;

	svc_event_set(ring->host, ring->event);
}

static void
rings_elsewhere(void *arg)
{
	struct ring *ring = arg;

	while (svc_offload(ring->host, rings, ring) == -EAGAIN)
		svc_sleep(ring->host, 0);
	free(ring);
}

static void
ends_soon(void *arg)
{
	svc_sleep(arg, 0);
}

static int
starts_what_ends_soon(const struct svc_host *host, void **self, struct otel_error *err)
{
	(void)self;
	(void)err;
	return svc_spawn(host, ends_soon, (void *)(uintptr_t)host);
}

START_TEST(a_service_may_be_freed_once_it_has_drained)
{
	struct svc_plugin plugin = *PLUGIN(says_text);
	struct host_service_config config = { .plugin = &plugin };

	start_loop();
	ck_assert_int_eq(host_loop_start(loop, NULL), 0);
	plugin.start = starts_what_ends_soon;
	for (int i = 0; i < 200; i++) {
		ck_assert_int_eq(host_service_new(&config, &service, NULL), 0);
		ck_assert_int_eq(host_service_start(service, 5 * SECONDS, NULL), 0);
		ck_assert_int_eq(host_service_attach(service, &loop, 1, NULL), 0);
		host_service_drain(service, NULL, NULL);
		/* It may end at any point of this. */
		host_service_cancel(service, HOST_CANCEL_ALL);
		ck_assert_int_eq(host_service_drain_wait(service, 5 * SECONDS), 0);
		host_service_free(service);
	}
	host_loop_stop(loop);
	host_loop_join(loop);
	host_loop_free(loop);
}
END_TEST

static int
waits_and_frees(void *self, struct svc_request *req)
{
	(void)self;
	for (int i = 0; i < 500; i++) {
		struct ring *ring = malloc(sizeof *ring);

		ck_assert_ptr_nonnull(ring);
		*ring = (struct ring){ req->host, svc_event_new(req->host) };
		ck_assert_int_eq(svc_spawn(req->host, rings_elsewhere, ring), 0);
		ck_assert_int_eq(svc_event_wait(req->host, ring->event, -1), 0);
		svc_event_free(req->host, ring->event);
	}
	return svc_reply_text(req, 200, "ok");
}

START_TEST(an_event_may_be_freed_by_who_waited_for_it)
{
	start_serving(PLUGIN(waits_and_frees));
	ck_assert_str_eq(body_of(GET("/")), "ok");
	stop_serving();
}
END_TEST

static void
spawned(void *arg)
{
	ck_assert_str_eq(host_current->doing, "spawn");
	while (svc_sleep(arg, 1) == 0)
		atomic_fetch_add(&passed, 1);
	strcat(order, "unwound");
}

static int
spawns(void *self, struct svc_request *req)
{
	const struct svc_host *host = req->host;

	(void)self;
	ck_assert_int_eq(svc_spawn(host, spawned, (void *)(uintptr_t)host), 0);
	return svc_reply_text(req, 200, "ok");
}

static int
starts_spawning(const struct svc_host *host, void **self, struct otel_error *err)
{
	(void)self;
	(void)err;
	return svc_spawn(host, spawned, (void *)(uintptr_t)host);
}

START_TEST(a_spawned_fiber_outlives_its_request_and_ends_with_the_service)
{
	start_serving(PLUGIN(spawns));
	ck_assert_str_eq(body_of(GET("/")), "ok");
	until(3);
	stop_serving();
	ck_assert_str_eq(order, "unwound");
}
END_TEST

START_TEST(start_may_spawn)
{
	struct svc_plugin plugin = *PLUGIN(says_text);

	plugin.start = starts_spawning;
	start_serving(&plugin);
	until(3);
	stop_serving();
	ck_assert_str_eq(order, "unwound");
}
END_TEST

static struct svc_timer *timer;
static int within;

static void
ticks(void *arg)
{
	ck_assert_int_eq(within++, 0); /* never twice at once */
	svc_sleep(arg, 2);
	within--;
	atomic_fetch_add(&passed, 1);
}

static int
starts_ticking(const struct svc_host *host, void **self, struct otel_error *err)
{
	(void)self;
	(void)err;
	timer = svc_timer_new(host, 1, 1, ticks, (void *)(uintptr_t)host);
	return 0;
}

static int
stops_ticking(void *self, struct svc_request *req)
{
	(void)self;
	svc_timer_free(req->host, timer);
	return svc_reply_text(req, 200, "ok");
}

START_TEST(a_timer_ticks_until_it_is_freed)
{
	struct svc_plugin plugin = *PLUGIN(stops_ticking);
	struct host_service_stats stats;

	plugin.start = starts_ticking;
	start_serving(&plugin);
	until(3);
	host_service_stats(service, &stats);
	ck_assert_uint_eq(stats.timers, 1);
	GET("/");
	stop_serving();
	ck_assert_int_eq(within, 0);
}
END_TEST

START_TEST(a_timer_that_nobody_frees_ends_with_the_service)
{
	struct svc_plugin plugin = *PLUGIN(says_text);

	plugin.start = starts_ticking;
	start_serving(&plugin);
	until(1);
	stop_serving();
	ck_assert_int_eq(within, 0);
}
END_TEST

/* ---- endings ---- */

static int
sleeps_long(void *self, struct svc_request *req)
{
	int r;

	(void)self;
	atomic_fetch_add(&passed, 1);
	r = svc_sleep(req->host, 100 * SECONDS);
	ck_assert_int_eq(r, -ECANCELED);
	ck_assert_int_eq(svc_sleep(req->host, 0), -ECANCELED);
	ck_assert_int_eq(svc_reply_text(req, 200, "late"), -ECANCELED);
	atomic_fetch_add(&passed, 1);
	return r;
}

START_TEST(a_client_that_leaves_cancels_its_request)
{
	int fd;

	start_serving(PLUGIN(sleeps_long));
	fd = dial(port);
	say_to(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	until(1);
	close(fd);
	until(2);
	stop_serving();
}
END_TEST

static atomic_bool has_left;

/* Keeps its loop from seeing the client leave: it is the write that finds out. */
static int
writes_on(void *self, struct svc_request *req)
{
	static const char piece[4096];
	int r = 0;

	(void)self;
	ck_assert_int_eq(svc_reply_begin(req, 200, "text/plain"), 0);
	atomic_fetch_add(&passed, 1);
	while (!atomic_load(&has_left))
		sched_yield();
	while (r == 0)
		r = svc_reply_write(req, piece, sizeof piece);
	ck_assert_int_eq(r, -ECANCELED);
	ck_assert_int_eq(svc_sleep(req->host, 0), -ECANCELED);
	atomic_fetch_add(&passed, 1);
	return r;
}

START_TEST(a_write_that_finds_the_client_gone_cancels_its_request)
{
	struct linger at_once = { 1, 0 };
	int fd;

	start_serving(PLUGIN(writes_on));
	fd = dial(port);
	say_to(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	until(1);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(fd);
	atomic_store(&has_left, true);
	until(2);
	stop_serving();
}
END_TEST

static sem_t loop_is_blocked, client_left;

static int
replies_too_late(void *self, struct svc_request *req)
{
	int r;

	(void)self;
	ck_assert_int_eq(svc_sleep(req->host, 1), 0); /* so that it writes at once */
	sem_post(&loop_is_blocked);
	while (sem_wait(&client_left) < 0)
		;
	r = svc_reply_text(req, 200, "ok");
	ck_assert_int_eq(r, -ECANCELED);
	ck_assert_int_eq(svc_sleep(req->host, 1000), -ECANCELED);
	return r;
}

START_TEST(a_reply_to_a_client_that_has_left_is_nobodys_mistake)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	struct linger reset = { .l_onoff = 1 };
	struct host_service_stats stats;
	int fd;

	sem_init(&loop_is_blocked, 0, 0);
	sem_init(&client_left, 0, 0);
	start_serving(PLUGIN(replies_too_late));
	fd = dial(port);
	ck_assert_int_eq(send(fd, text, sizeof text - 1, 0), sizeof text - 1);
	while (sem_wait(&loop_is_blocked) < 0)
		;
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
	close(fd);
	sem_post(&client_left);
	ck_assert_int_eq(host_service_drain_wait(service, 5 * SECONDS), 0);
	host_service_stats(service, &stats);
	ck_assert_uint_eq(stats.requests, 1);
	ck_assert_uint_eq(stats.errors, 0);
	ck_assert_str_eq(logged, "");
	stop_serving();
}
END_TEST

START_TEST(past_its_deadline_a_request_is_503)
{
	struct host_service_config config = { .plugin = PLUGIN(sleeps_long),
		                              .deadline_ms = 20 };
	char *text;

	start_serving_with(&config);
	text = GET("/");
	ck_assert_int_eq(status_of(text), 503);
	ck_assert_ptr_nonnull(strcasestr(text, "retry-after: 1"));
	ck_assert_str_eq(body_of(text), "the service took too long\n");
	stop_serving();
}
END_TEST

START_TEST(cancelling_all_ends_ordinary_requests)
{
	int fd;

	start_serving(PLUGIN(sleeps_long));
	fd = dial(port);
	say_to(fd, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	until(1);
	host_service_cancel(service, HOST_CANCEL_STREAMS);
	ck_assert_int_eq(host_loop_barrier(&loop, 1, 5 * SECONDS), 0);
	ck_assert_int_eq(atomic_load(&passed), 1);
	ck_assert_int_eq(host_service_drain_wait(service, 0), -ETIMEDOUT);
	host_service_cancel(service, HOST_CANCEL_ALL);
	ck_assert_int_eq(status_of(hear_until(fd, NULL)), 503);
	close(fd);
	stop_serving();
}
END_TEST

static int
streams(void *self, struct svc_request *req)
{
	int r;

	(void)self;
	ck_assert_int_eq(svc_reply_begin(req, 200, "text/event-stream"), 0);
	ck_assert_int_eq(svc_reply_write(req, "data: 1\n\n", 9), 0);
	while ((r = svc_sleep(req->host, 100 * SECONDS)) == 0)
		;
	ck_assert_int_eq(svc_reply_write(req, "x", 1), -ECANCELED);
	atomic_fetch_add(&passed, 1);
	return r;
}

START_TEST(cancelling_streams_ends_replies_in_pieces_only)
{
	struct host_service_config config = { .plugin = PLUGIN(streams),
		                              .deadline_ms = 1 };
	struct host_service_stats stats;
	int fd;

	start_serving_with(&config); /* whose deadline does not count for streams */
	fd = dial(port);
	say_to(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	hear_until(fd, "data: 1");
	host_service_stats(service, &stats);
	ck_assert_uint_eq(stats.streams, 1);
	host_service_cancel(service, HOST_CANCEL_STREAMS);
	hear_until(fd, NULL);
	until(1);
	close(fd);
	stop_serving();
}
END_TEST

START_TEST(what_is_over_the_bound_is_503_and_costs_no_fiber)
{
	struct host_admission admission;
	struct host_service_config config = { .plugin = PLUGIN(sleeps_long),
		                              .admission = &admission };
	struct host_service_stats stats;
	int fd;

	host_admission_init(&admission, 1);
	start_serving_with(&config);
	fd = dial(port);
	say_to(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	until(1);
	ck_assert_int_eq(status_of(GET("/")), 503);
	host_service_stats(service, &stats);
	ck_assert_uint_eq(stats.refused, 1);
	ck_assert_uint_eq(stats.in_flight, 1);
	close(fd);
	until(2);
	stop_serving();
	ck_assert_uint_eq(atomic_load(&admission.in_flight), 0);
}
END_TEST

/* ---- start ---- */

static int
start_fails(const struct svc_host *host, void **self, struct otel_error *err)
{
	(void)host;
	(void)self;
	return otel_error_set(err, -EINVAL, "no catalogue");
}

static int
start_waits(const struct svc_host *host, void **self, struct otel_error *err)
{
	(void)self;
	(void)err;
	return svc_sleep(host, 100 * SECONDS);
}

START_TEST(a_start_that_fails_says_why)
{
	struct svc_plugin plugin = *PLUGIN(says_text);
	struct host_service_config config = { .plugin = &plugin };
	struct otel_error err = OTEL_ERROR_INIT;

	ck_assert_int_eq(host_loops_init(NULL), 0);
	plugin.start = start_fails;
	ck_assert_int_eq(host_service_new(&config, &service, &err), 0);
	ck_assert_int_eq(host_service_start(service, 5 * SECONDS, &err), -EINVAL);
	ck_assert_str_eq(err.message, "no catalogue");
	host_service_free(service);
}
END_TEST

static int
start_times_out(const struct svc_host *host, void **self, struct otel_error *err)
{
	(void)host;
	(void)self;
	(void)err;
	return -ETIMEDOUT;
}

START_TEST(a_start_that_reports_a_timeout_has_come_back)
{
	struct svc_plugin plugin = *PLUGIN(says_text);
	struct host_service_config config = { .plugin = &plugin };
	struct otel_error err = OTEL_ERROR_INIT;

	ck_assert_int_eq(host_loops_init(NULL), 0);
	plugin.start = start_times_out;
	ck_assert_int_eq(host_service_new(&config, &service, &err), 0);
	ck_assert_int_eq(host_service_start(service, 5 * SECONDS, &err), -ETIME);
	ck_assert_ptr_nonnull(strstr(err.message, strerror(ETIMEDOUT)));
	host_service_free(service);
}
END_TEST

START_TEST(a_start_that_waits_too_long_is_given_up)
{
	struct svc_plugin plugin = *PLUGIN(says_text);
	struct host_service_config config = { .plugin = &plugin };
	struct otel_error err = OTEL_ERROR_INIT;

	ck_assert_int_eq(host_loops_init(NULL), 0);
	plugin.start = start_waits;
	ck_assert_int_eq(host_service_new(&config, &service, &err), 0);
	ck_assert_int_eq(host_service_start(service, 10, &err), -ECANCELED);
	ck_assert_ptr_nonnull(strstr(err.message, "10 ms"));
	host_service_free(service);
}
END_TEST

static int asked;

static int
start_asks(const struct svc_host *host, void **self, struct otel_error *err)
{
	char url[64];

	(void)self;
	snprintf(url, sizeof url, "http://127.0.0.1:%d/", asked);
	SVC_RESPONSE(rsp, svc_http_get(host, url));
	return rsp->status == 200 ? 0 : otel_error_set(err, -EIO, "%s", rsp->message);
}

START_TEST(start_may_make_calls)
{
	struct svc_plugin plugin = *PLUGIN(says_text);
	struct host_service_config config = { .plugin = &plugin };
	struct otel_error err = OTEL_ERROR_INIT;
	struct host_service *second;

	start_serving(PLUGIN(says_text));
	asked = port;
	plugin.start = start_asks;
	ck_assert_int_eq(host_service_new(&config, &second, &err), 0);
	ck_assert_msg(host_service_start(second, 5 * SECONDS, &err) == 0, "%s",
	              err.message);
	ck_assert_int_eq(host_service_stop(second, 5 * SECONDS), 0);
	host_service_free(second);
	stop_serving();
}
END_TEST

/* ---- calls ---- */

static int
asks_itself(void *self, struct svc_request *req)
{
	char url[64];

	(void)self;
	if (strcmp(req->path, "/inner") == 0) {
		ck_assert_str_eq(req->method, "POST");
		ck_assert_str_eq(svc_header(req, "Content-Type"), "text/x");
		ck_assert_str_eq(req->body, "question");
		svc_reply_header(req, "X-Answer", "42");
		return svc_reply_text(req, 202, "answer");
	}
	snprintf(url, sizeof url, "http://127.0.0.1:%d/inner", port);
	SVC_RESPONSE(rsp, svc_http_post(req->host, url, "text/x", "question", 8));
	ck_assert_int_eq(rsp->status, 202);
	ck_assert_str_eq(rsp->body, "answer");
	ck_assert_str_eq(svc_response_header(rsp, "x-answer"), "42");
	return svc_reply_text(req, 200, "ok");
}

START_TEST(services_may_call_each_other_on_one_loop)
{
	start_serving(PLUGIN(asks_itself));
	for (int i = 0; i < 5; i++)
		ck_assert_str_eq(body_of(GET("/")), "ok");
	stop_serving();
}
END_TEST

static int
asks_in_vain(void *self, struct svc_request *req)
{
	char url[64];

	(void)self;
	if (strcmp(req->path, "/inner") == 0) {
		svc_sleep(req->host, 100 * SECONDS);
		return 0;
	}
	snprintf(url, sizeof url, "http://127.0.0.1:%d/inner", port);
	SVC_RESPONSE(rsp, svc_http_get(req->host, url));
	ck_assert_int_eq(rsp->status, 0);
	ck_assert_int_eq(rsp->error, -ETIMEDOUT);
	return svc_reply_text(req, 504, rsp->message);
}

START_TEST(a_call_gets_what_is_left_of_the_requests_time)
{
	struct host_service_config config = { .plugin = PLUGIN(asks_in_vain),
		                              .deadline_ms = 1500 };

	start_serving_with(&config);
	ck_assert_int_eq(status_of(GET("/")),
	                 504); /* by the handler, before the host's own 503 */
	stop_serving();
}
END_TEST

static int
streams_and_asks(void *self, struct svc_request *req)
{
	struct svc_call call = { .timeout_ms = 600 }; /* longer than a stream's grace */
	uint64_t before = host_now_ns();
	char url[64];

	(void)self;
	if (strcmp(req->path, "/inner") == 0) {
		svc_sleep(req->host, 100 * SECONDS);
		return 0;
	}
	snprintf(url, sizeof url, "http://127.0.0.1:%d/inner", port);
	call.url = url;
	ck_assert_int_eq(svc_reply_begin(req, 200, "text/plain"), 0);
	SVC_RESPONSE(rsp, svc_http(req->host, &call));
	ck_assert_int_eq(rsp->error, -ETIMEDOUT);
	ck_assert_uint_ge(host_now_ns() - before, 590000000);
	ck_assert_int_eq(svc_reply_write(req, "ok", 2), 0);
	return svc_reply_end(req);
}

START_TEST(a_call_from_a_stream_has_all_its_time)
{
	struct host_service_config config = { .plugin = PLUGIN(streams_and_asks),
		                              .deadline_ms = 5 * SECONDS };

	start_serving_with(&config);
	ck_assert_ptr_nonnull(strstr(GET("/"), "ok"));
	stop_serving();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("service");
	TCase *tc = tcase_create("service");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, text_is_answered);
	tcase_add_test(tc, json_is_answered_with_numbers_as_they_were_written);
	tcase_add_test(tc, deep_json_does_not_overflow_the_fibers_stack);
	tcase_add_loop_test(tc, no_reply_becomes_a_500_and_a_log_line, 0, 3);
	tcase_add_test(tc, a_second_reply_is_refused);
	tcase_add_test(tc, headers_keep_their_order_and_bad_ones_are_refused);
	tcase_add_test(tc, pieces_arrive_whole_however_slow_the_client_is);
	tcase_add_test(tc, pieces_without_an_end_are_cut_off);
	tcase_add_test(tc, the_query_is_decoded);
	tcase_add_test(tc, header_lines_and_body_are_there);
	tcase_add_test(tc, a_streamed_body_is_read_as_it_comes);
	tcase_add_test(tc, a_mutex_is_first_come_first_served);
	tcase_add_test(tc, waiting_has_an_end);
	tcase_add_test(tc, offload_runs_elsewhere_and_waits);
	tcase_add_test(tc, an_event_may_be_freed_by_who_waited_for_it);
	tcase_add_test(tc, a_service_may_be_freed_once_it_has_drained);
	tcase_add_test(tc,
	               a_spawned_fiber_outlives_its_request_and_ends_with_the_service);
	tcase_add_test(tc, start_may_spawn);
	tcase_add_test(tc, a_timer_ticks_until_it_is_freed);
	tcase_add_test(tc, a_timer_that_nobody_frees_ends_with_the_service);
	tcase_add_test(tc, a_client_that_leaves_cancels_its_request);
	tcase_add_test(tc, a_write_that_finds_the_client_gone_cancels_its_request);
	tcase_add_test(tc, a_reply_to_a_client_that_has_left_is_nobodys_mistake);
	tcase_add_test(tc, past_its_deadline_a_request_is_503);
	tcase_add_test(tc, cancelling_all_ends_ordinary_requests);
	tcase_add_test(tc, cancelling_streams_ends_replies_in_pieces_only);
	tcase_add_test(tc, what_is_over_the_bound_is_503_and_costs_no_fiber);
	tcase_add_test(tc, a_start_that_fails_says_why);
	tcase_add_test(tc, a_start_that_reports_a_timeout_has_come_back);
	tcase_add_test(tc, a_start_that_waits_too_long_is_given_up);
	tcase_add_test(tc, start_may_make_calls);
	tcase_add_test(tc, services_may_call_each_other_on_one_loop);
	tcase_add_test(tc, a_call_gets_what_is_left_of_the_requests_time);
	tcase_add_test(tc, a_call_from_a_stream_has_all_its_time);
	suite_add_tcase(suite, tc);
	return check_main(suite);
}
