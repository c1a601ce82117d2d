/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service flagged SVC_CONCURRENT on two loops: its mutexes and events are shared by fibers of both.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "check-main.h"
#include "serving.h"

#define LOOPS    2
#define CLIENTS  8
#define REQUESTS 50

static struct host_loop *loops[LOOPS];
static struct http_server *servers[LOOPS];
static int ports[LOOPS];
static struct svc_mutex *mutex;
static struct svc_event *event;
static const struct svc_host *given;
static long counter; /* guarded by mutex */
static atomic_int waiting, woken;

static int
start(const struct svc_host *host, void **self, struct otel_error *err)
{
	(void)self;
	(void)err;
	given = host;
	mutex = svc_mutex_new(host);
	event = svc_event_new(host);
	return 0;
}

static void
stop(void *self)
{
	(void)self; /* mutex and event are left to the host */
}

static int
handle(void *self, struct svc_request *req)
{
	long seen;

	(void)self;
	if (strcmp(req->path, "/wait") == 0) {
		atomic_fetch_add(&waiting, 1);
		ck_assert_int_eq(svc_event_wait(req->host, event, -1), 0);
		atomic_fetch_add(&woken, 1);
		return svc_reply_text(req, 200, "woken");
	}
	ck_assert_int_eq(svc_mutex_lock(req->host, mutex), 0);
	seen = counter;
	ck_assert_int_eq(svc_sleep(req->host, 0), 0);
	counter = seen + 1;
	svc_mutex_unlock(req->host, mutex);
	return svc_reply_text(req, 200, "ok");
}

static const struct svc_plugin plugin = { SVC_ABI,        .name = "test",
	                                  .version = "1", .flags = SVC_CONCURRENT,
	                                  .start = start, .handle = handle,
	                                  .stop = stop };

static enum http_body
route(struct http_exchange *x)
{
	return host_service_head(service, host_loop_current(), x);
}

static void
set_up(void)
{
	static struct http_ops ops;
	struct host_service_config config = { .plugin = &plugin,
		                              .generation = 1,
		                              .log = remember_log };
	struct otel_error err = OTEL_ERROR_INIT;

	ck_assert_int_eq(host_loops_init(NULL), 0);
	ck_assert_int_eq(host_service_new(&config, &service, &err), 0);
	ck_assert_int_eq(host_service_start(service, 5 * SECONDS, &err), 0);
	for (int i = 0; i < LOOPS; i++)
		ck_assert_int_eq(host_loop_new(&(struct host_loop_config){ .index = i },
		                               &loops[i], &err),
		                 0);
	ck_assert_int_eq(host_service_attach(service, loops, LOOPS, &err), 0);
	ops = host_request_ops;
	ops.on_head = route;
	for (int i = 0; i < LOOPS; i++) {
		struct http_listen on = { .fd = listen_somewhere(&ports[i]) };

		ck_assert_int_eq(http_server_new(host_loop_base(loops[i]), &ops,
		                                 &(struct http_limits){ 0 }, &servers[i]),
		                 0);
		ck_assert_int_eq(http_server_listen(servers[i], &on, NULL, &err), 0);
		ck_assert_int_eq(host_loop_start(loops[i], &err), 0);
	}
}

static void
free_one_server(void *arg)
{
	http_server_free(arg);
}

static void
tear_down(void)
{
	ck_assert_int_eq(host_service_drain_wait(service, 5 * SECONDS), 0);
	ck_assert_int_eq(host_service_stop(service, 5 * SECONDS), 0);
	host_service_free(service);
	for (int i = 0; i < LOOPS; i++) {
		ck_assert_int_eq(host_loop_call(loops[i], free_one_server, servers[i]),
		                 0);
		host_loop_stop(loops[i]);
		host_loop_join(loops[i]);
		host_loop_free(loops[i]);
	}
}

/* Blocking, and safe in many threads at once. */
static bool
ask_and_read(int fd, const char *path)
{
	char text[1024];
	size_t len = 0;
	ssize_t n;

	n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
	if (write(fd, text, (size_t)n) != n)
		return false;
	while ((n = read(fd, text + len, sizeof text - 1 - len)) > 0) {
		len += (size_t)n;
		text[len] = '\0';
		if (strstr(text, "\r\n\r\nok") || strstr(text, "\r\n\r\nwoken"))
			return true;
	}
	return false;
}

static void *
asks_many(void *arg)
{
	int fd = dial(*(int *)arg);
	long good = 0;

	for (int i = 0; i < REQUESTS; i++)
		good += ask_and_read(fd, "/");
	close(fd);
	return (void *)(intptr_t)good;
}

START_TEST(a_mutex_holds_across_loops)
{
	pthread_t threads[CLIENTS];
	void *good;

	for (int i = 0; i < CLIENTS; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, asks_many, &ports[i % LOOPS]),
			0);
	for (int i = 0; i < CLIENTS; i++) {
		pthread_join(threads[i], &good);
		ck_assert_int_eq((int)(intptr_t)good, REQUESTS);
	}
	ck_assert_int_eq(counter, CLIENTS * REQUESTS);
}
END_TEST

static void *
waits(void *arg)
{
	int fd = dial(*(int *)arg);
	bool good = ask_and_read(fd, "/wait");

	close(fd);
	return (void *)(intptr_t)good;
}

START_TEST(an_event_set_by_any_thread_wakes_fibers_of_all_loops)
{
	pthread_t threads[CLIENTS];
	void *good;

	for (int i = 0; i < CLIENTS; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, waits, &ports[i % LOOPS]), 0);
	while (atomic_load(&waiting) < CLIENTS)
		poll(NULL, 0, 1);
	ck_assert_int_eq(host_loop_barrier(loops, LOOPS, 5 * SECONDS), 0);
	ck_assert_int_eq(atomic_load(&woken), 0);
	svc_event_set(given, event);
	for (int i = 0; i < CLIENTS; i++) {
		pthread_join(threads[i], &good);
		ck_assert(good != NULL);
	}
}
END_TEST

/* ---- a start that cannot even be cancelled ---- */

static sem_t never;

static int
start_blocks(const struct svc_host *host, void **self, struct otel_error *err)
{
	(void)host;
	(void)self;
	(void)err;
	while (sem_wait(&never) < 0)
		;
	return 0;
}

START_TEST(a_start_that_hangs_is_left_behind)
{
	struct svc_plugin hangs = plugin;
	struct host_service_config config = { .plugin = &hangs,
		                              .generation = 1,
		                              .log = remember_log };
	struct otel_error err = OTEL_ERROR_INIT;

	hangs.start = start_blocks;
	sem_init(&never, 0, 0);
	if (host_loops_init(NULL) < 0 || host_service_new(&config, &service, &err) < 0)
		_exit(1);
	if (host_service_start(service, 10, &err) != -ETIMEDOUT ||
	    !strstr(err.message, "hangs"))
		_exit(2);
	sem_post(&never); /* it may end late: nobody is told, nothing breaks */
	_exit(0);         /* what is left behind stays behind */
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("concurrent");
	TCase *tc = tcase_create("two loops"), *hang = tcase_create("hang");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_mutex_holds_across_loops);
	tcase_add_test(tc, an_event_set_by_any_thread_wakes_fibers_of_all_loops);
	suite_add_tcase(suite, tc);
	tcase_add_exit_test(hang, a_start_that_hangs_is_left_behind, 0);
	suite_add_tcase(suite, hang);
	return check_main(suite);
}
