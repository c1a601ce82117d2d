/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <semaphore.h>

#include "check-main.h"
#include "serving.h"

static struct host_client_response rsp;
static struct host_fiber *asking;
static sem_t answered, heard;

/* ---- a server that says one thing to each connection, on a thread ---- */

static int raw_fd, raw_port;
static const char *raw_answer; /* NULL: never */
static char raw_heard[4096];

static void *
raw_main(void *arg)
{
	(void)arg;
	for (;;) {
		int fd = accept(raw_fd, NULL, NULL);
		ssize_t n;

		if (fd < 0)
			return NULL;
		n = read(fd, raw_heard, sizeof raw_heard - 1);
		raw_heard[n > 0 ? n : 0] = '\0';
		sem_post(&heard);
		if (raw_answer && n > 0) {
			say_to(fd, raw_answer);
			close(fd);
		} else if (n > 0) {
			hear_until(fd, NULL); /* until the other side has enough */
			close(fd);
		}
	}
}

static void
start_raw(const char *answer)
{
	pthread_t thread;

	raw_answer = answer;
	sem_init(&heard, 0, 0);
	raw_fd = listen_somewhere(&raw_port);
	ck_assert_int_eq(pthread_create(&thread, NULL, raw_main, NULL), 0);
	pthread_detach(thread);
}

/* ---- asking from a fiber ---- */

struct question {
	struct host_client_request request;
	int times;
};

static void
asks(void *arg)
{
	struct question *q = arg;

	for (int i = 0; i < q->times; i++)
		ck_assert_int_eq(
			host_client_perform(host_loop_client(loop), &q->request, &rsp),
			rsp.error);
}

static void
on_answer(void *arg)
{
	(void)arg;
	sem_post(&answered);
}

static void
begin(void *arg)
{
	asking = host_fiber_new(host_loop_fibers(loop), asks, on_answer, arg, NULL, NULL);
	host_fiber_ready(asking);
}

static void
cancel(void *arg)
{
	(void)arg;
	host_fiber_cancel(asking);
}

static void
wait_for_answer(void)
{
	while (sem_wait(&answered) < 0)
		;
}

static void
question(struct host_client_request request, int times)
{
	struct question q = { request, times };

	ck_assert_int_eq(host_loop_call(loop, begin, &q), 0);
	wait_for_answer();
}

static void
query(struct host_client_request request)
{
	question(request, 1);
}

static const char *
url_of(int to, const char *path)
{
	static char url[128];

	snprintf(url, sizeof url, "http://127.0.0.1:%d%s", to, path);
	return url;
}

static void
set_up(void)
{
	sem_init(&answered, 0, 0);
	start_loop();
	ck_assert_int_eq(host_loop_start(loop, NULL), 0);
}

static void
tear_down(void)
{
	host_loop_stop(loop);
	host_loop_join(loop);
	host_loop_free(loop);
	host_client_response_fini(&rsp);
	sem_destroy(&answered);
}

START_TEST(a_response_is_delivered)
{
	start_raw(
		"HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n"
		"HTTP/1.1 404 Not Found\r\nX-A:  1 \r\nx-a: 2\r\nEmpty:\r\nContent-Length: 4\r\n\r\nbody");
	query((struct host_client_request){ .url = url_of(raw_port, "/x?y#z") });
	ck_assert_int_eq(rsp.status, 404);
	ck_assert_int_eq(rsp.error, 0);
	ck_assert_str_eq(rsp.message, "");
	ck_assert_str_eq(rsp.body, "body");
	ck_assert_uint_eq(rsp.len, 4);
	ck_assert_int_eq(rsp.http_version, 11);
	ck_assert_str_eq(host_client_response_header(&rsp, "X-A", 0), "1");
	ck_assert_str_eq(host_client_response_header(&rsp, "X-A", 1), "2");
	ck_assert_str_eq(host_client_response_header(&rsp, "empty", 0), "");
	ck_assert_ptr_null(host_client_response_header(&rsp, "X-Early", 0));
	ck_assert_msg(strncmp(raw_heard, "GET /x?y HTTP/1.1\r\n", 19) == 0, "%s",
	              raw_heard);
}
END_TEST

START_TEST(method_headers_and_body_are_sent)
{
	const struct host_client_header headers[] = { { "X-A", "1" },
		                                      { "X-Empty", "" },
		                                      { "Content-Length", "99" },
		                                      { "User-Agent", "me" } };

	start_raw("HTTP/1.1 204 No Content\r\n\r\n");
	query((struct host_client_request){ .method = "PUT",
	                                    .url = url_of(raw_port, "/"),
	                                    .headers = headers,
	                                    .n_headers = 4,
	                                    .body = "data",
	                                    .len = 4 });
	ck_assert_int_eq(rsp.status, 204);
	ck_assert_str_eq(rsp.body, "");
	ck_assert_msg(strncmp(raw_heard, "PUT / HTTP/1.1\r\n", 16) == 0, "%s", raw_heard);
	ck_assert_ptr_nonnull(strstr(raw_heard, "\r\nX-A: 1\r\n"));
	ck_assert_ptr_nonnull(strstr(raw_heard, "\r\nX-Empty:"));
	ck_assert_ptr_nonnull(strstr(raw_heard, "\r\nContent-Length: 4\r\n"));
	ck_assert_ptr_nonnull(strstr(raw_heard, "\r\nUser-Agent: me\r\n"));
	ck_assert_ptr_null(strcasestr(raw_heard, "expect"));
	ck_assert_ptr_null(strcasestr(raw_heard, "content-type"));
	ck_assert_ptr_nonnull(strstr(raw_heard, "\r\n\r\ndata"));
}
END_TEST

START_TEST(a_handle_forgets_its_last_call)
{
	const struct host_client_header header = { "X-A", "1" };
	const char *url;

	start_raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	url = url_of(raw_port, "/");
	query((struct host_client_request){ .method = "PATCH",
	                                    .url = url,
	                                    .headers = &header,
	                                    .n_headers = 1,
	                                    .body = "data",
	                                    .len = 4 });
	ck_assert(strncmp(raw_heard, "PATCH ", 6) == 0);
	query((struct host_client_request){ .url = url });
	ck_assert(strncmp(raw_heard, "GET ", 4) == 0);
	ck_assert_ptr_null(strstr(raw_heard, "X-A"));
	ck_assert_ptr_null(strstr(raw_heard, "data"));
	query((struct host_client_request){ .method = "HEAD", .url = url });
	ck_assert(strncmp(raw_heard, "HEAD ", 5) == 0);
	ck_assert_uint_eq(rsp.len, 0);
	query((struct host_client_request){ .method = "DELETE", .url = url });
	ck_assert(strncmp(raw_heard, "DELETE ", 7) == 0);
	query((struct host_client_request){ .method = "POST", .url = url });
	ck_assert(strncmp(raw_heard, "POST ", 5) == 0);
	ck_assert_ptr_nonnull(strstr(raw_heard, "\r\nContent-Length: 0\r\n"));
	query((struct host_client_request){ .url = url });
	ck_assert(strncmp(raw_heard, "GET ", 4) == 0);
	ck_assert_str_eq(rsp.body, "ok");
}
END_TEST

START_TEST(what_is_not_valid_is_refused)
{
	const struct host_client_header bad[] = { { "X-A", "1\r\nX-B: 2" },
		                                  { "X A", "1" },
		                                  { "", "1" },
		                                  { "X:A", "1" },
		                                  { "X-A", NULL } };
	const char *url;

	start_raw("HTTP/1.1 200 OK\r\n\r\n");
	url = url_of(raw_port, "/");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		query((struct host_client_request){
			.url = url, .headers = &bad[i], .n_headers = 1 });
		ck_assert_int_eq(rsp.error, -EINVAL);
		ck_assert_int_eq(rsp.status, 0);
	}
	query((struct host_client_request){ .url = url,
	                                    .method = "GET / HTTP/1.1\r\nX:" });
	ck_assert_int_eq(rsp.error, -EINVAL);
	query((struct host_client_request){ .url = "" });
	ck_assert_int_eq(rsp.error, -EINVAL);
	query((struct host_client_request){ .url = "file:///etc/passwd" });
	ck_assert_int_lt(rsp.error, 0);
	ck_assert_str_eq(rsp.body, "");
	ck_assert_str_eq(raw_heard, "");
}
END_TEST

START_TEST(a_closed_port_is_refused)
{
	int fd = listen_somewhere(&raw_port);

	close(fd);
	query((struct host_client_request){ .url = url_of(raw_port, "/") });
	ck_assert_int_eq(rsp.error, -ECONNREFUSED);
	ck_assert_int_eq(rsp.status, 0);
	ck_assert_str_ne(rsp.message, "");
}
END_TEST

START_TEST(a_server_that_never_answers_times_out)
{
	start_raw(NULL);
	query((struct host_client_request){ .url = url_of(raw_port, "/"),
	                                    .timeout_ms = 20 });
	ck_assert_int_eq(rsp.error, -ETIMEDOUT);
	ck_assert_int_eq(rsp.status, 0);
}
END_TEST

START_TEST(what_is_no_http_is_an_error)
{
	static const struct {
		const char *answer;
		int error;
	} cases[] = {
		{ "garbage\r\n\r\n", -EBADMSG },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", -ECONNRESET },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0 },
	};

	start_raw(cases[_i].answer);
	query((struct host_client_request){ .url = url_of(raw_port, "/"),
	                                    .timeout_ms = 5000 });
	ck_assert_int_lt(rsp.error, 0);
	if (cases[_i].error)
		ck_assert_int_eq(rsp.error, cases[_i].error);
	ck_assert_int_eq(rsp.status, 0);
	ck_assert_uint_eq(rsp.len, 0);
	ck_assert_str_eq(rsp.body, "");
}
END_TEST

START_TEST(a_body_of_exactly_max_body_passes_and_one_more_does_not)
{
	start_raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789");
	query((struct host_client_request){ .url = url_of(raw_port, "/"),
	                                    .max_body = 10 });
	ck_assert_int_eq(rsp.status, 200);
	ck_assert_str_eq(rsp.body, "0123456789");
	query((struct host_client_request){ .url = url_of(raw_port, "/"),
	                                    .max_body = 9 });
	ck_assert_int_eq(rsp.error, -EMSGSIZE);
	ck_assert_int_eq(rsp.status, 0);
	ck_assert_uint_eq(rsp.len, 0);
}
END_TEST

START_TEST(cancel_ends_a_call_at_once)
{
	struct question q = { { .timeout_ms = 60 * SECONDS }, 2 };

	start_raw(NULL);
	q.request.url = url_of(raw_port, "/");
	ck_assert_int_eq(host_loop_call(loop, begin, &q), 0);
	while (sem_wait(&heard) < 0)
		;
	ck_assert_int_eq(host_loop_call(loop, cancel, NULL), 0);
	wait_for_answer();
	ck_assert_int_eq(rsp.error, -ECANCELED);
	ck_assert_int_eq(rsp.status, 0);
}
END_TEST

START_TEST(outside_of_a_fiber_a_call_is_an_error)
{
	ck_assert_int_eq(
		host_client_perform(
			NULL, &(struct host_client_request){ .url = "http://a/" }, &rsp),
		-EINVAL);
	ck_assert_str_eq(rsp.body, "");
}
END_TEST

static int
says_ok(void *self, struct svc_request *req)
{
	(void)self;
	return svc_reply_text(req, 200, "ok");
}

static int
start_nothing(const struct svc_host *host, void **self, struct otel_error *err)
{
	(void)host;
	(void)self;
	(void)err;
	return 0;
}

static void
stop_nothing(void *self)
{
	(void)self;
}

static const struct svc_plugin ok_plugin = { SVC_ABI,           .name = "test",
	                                     .version = "1",    .start = start_nothing,
	                                     .handle = says_ok, .stop = stop_nothing };

START_TEST(connections_are_used_again)
{
	const struct host_client_counters *counters;

	sem_init(&answered, 0, 0);
	start_serving(&ok_plugin);
	question((struct host_client_request){ .url = url_of(port, "/") }, 100);
	ck_assert_str_eq(rsp.body, "ok");
	counters = host_client_counters(host_loop_client(loop));
	ck_assert_uint_eq(counters->calls, 100);
	ck_assert_uint_eq(counters->connects, 1);
	ck_assert_uint_eq(counters->in_flight, 0);
	stop_serving();
	host_client_response_fini(&rsp);
}
END_TEST

static int done;

static void
asks_for_itself(void *arg)
{
	struct host_client_request request = { .url = arg };
	struct host_client_response mine = { 0 };

	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(
			host_client_perform(host_loop_client(loop), &request, &mine), 0);
		ck_assert_str_eq(mine.body, "ok");
	}
	host_client_response_fini(&mine);
	if (++done == 200)
		sem_post(&answered);
}

static void
begin_many(void *arg)
{
	for (int i = 0; i < 200; i++)
		host_fiber_ready(host_fiber_new(host_loop_fibers(loop), asks_for_itself,
		                                NULL, arg, NULL, NULL));
}

START_TEST(many_calls_at_once_keep_their_connections)
{
	const struct host_client_counters *counters;
	char url[128];

	sem_init(&answered, 0, 0);
	start_serving(&ok_plugin);
	snprintf(url, sizeof url, "%s", url_of(port, "/"));
	ck_assert_int_eq(host_loop_call(loop, begin_many, url), 0);
	wait_for_answer();
	counters = host_client_counters(host_loop_client(loop));
	ck_assert_uint_eq(counters->calls, 600);
	ck_assert_uint_le(counters->connects, 200);
	stop_serving();
}
END_TEST

START_TEST(loopback_never_goes_through_a_proxy)
{
	setenv("http_proxy", "http://127.0.0.1:1", 1); /* where nobody listens */
	start_raw("HTTP/1.1 200 OK\r\n\r\n");
	query((struct host_client_request){ .url = url_of(raw_port, "/") });
	ck_assert_msg(rsp.status == 200, "%s", rsp.message);
	query((struct host_client_request){
		.url = "http://192.0.2.1/" }); /* elsewhere it counts */
	ck_assert_int_eq(rsp.error, -ECONNREFUSED);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http-client");
	TCase *tc = tcase_create("calls"), *served = tcase_create("served");

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_response_is_delivered);
	tcase_add_test(tc, method_headers_and_body_are_sent);
	tcase_add_test(tc, a_handle_forgets_its_last_call);
	tcase_add_test(tc, what_is_not_valid_is_refused);
	tcase_add_test(tc, a_closed_port_is_refused);
	tcase_add_test(tc, a_server_that_never_answers_times_out);
	tcase_add_loop_test(tc, what_is_no_http_is_an_error, 0, 3);
	tcase_add_test(tc, a_body_of_exactly_max_body_passes_and_one_more_does_not);
	tcase_add_test(tc, cancel_ends_a_call_at_once);
	tcase_add_test(tc, outside_of_a_fiber_a_call_is_an_error);
	tcase_add_test(tc, loopback_never_goes_through_a_proxy);
	suite_add_tcase(suite, tc);
	tcase_set_timeout(served, 30);
	tcase_add_test(served, connections_are_used_again);
	tcase_add_test(served, many_calls_at_once_keep_their_connections);
	suite_add_tcase(suite, served);
	return check_main(suite);
}
