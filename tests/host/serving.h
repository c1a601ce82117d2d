/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/host/serving.h - a service made of functions of the test, served on a free port by a loop thread.
 *
 *	start_serving(&plugin);                    or with a struct host_service_config
 *	text = ask("GET / HTTP/1.1\r\n...");       blocking, from the test's thread
 *	stop_serving();
 */
#ifndef TESTS_HOST_SERVING_H
#define TESTS_HOST_SERVING_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>

#include "fiber.h"
#include "http-client.h"
#include "http-server.h"
#include "loop.h"
#include "offload.h"
#include "service.h"

#define SECONDS 1000

static struct host_loop *loop;
static struct http_server *server;
static struct host_service *service;
static struct host_offload *pool;
static int port;
static char logged[4096];

OTEL_PRINTF(3, 0)
static inline void
remember_log(void *arg, int level, const char *fmt, va_list ap)
{
	size_t len = strlen(logged);

	(void)arg;
	(void)level;
	vsnprintf(logged + len, sizeof logged - len, fmt, ap);
}

/* A listening socket on a free port of 127.0.0.1. */
static inline int
listen_somewhere(int *out_port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*out_port = ntohs(at.sin_port);
	return fd;
}

static inline enum http_body
on_head(struct http_exchange *x)
{
	return host_service_head(service, loop, x);
}

static inline void
start_loop(void)
{
	struct host_loop_config config = { .name = "test" };

	ck_assert_int_eq(host_loops_init(NULL), 0);
	ck_assert_int_eq(host_loop_new(&config, &loop, NULL), 0);
}

static inline void
start_serving_with(struct host_service_config *config)
{
	static struct http_ops ops;
	struct http_listen listen_on = { .label = "main" };
	struct otel_error err = OTEL_ERROR_INIT;

	start_loop();
	ck_assert_int_eq(host_offload_new(2, 4, &pool), 0);
	config->offload = pool;
	config->log = remember_log;
	ck_assert_int_eq(host_service_new(config, &service, &err), 0);
	ck_assert_msg(host_service_start(service, 5 * SECONDS, &err) == 0, "%s",
	              err.message);
	ck_assert_int_eq(host_service_attach(service, &loop, 1, &err), 0);
	ops = host_request_ops;
	ops.on_head = on_head;
	ck_assert_int_eq(http_server_new(host_loop_base(loop), &ops,
	                                 &(struct http_limits){ 0 }, &server),
	                 0);
	listen_on.fd = listen_somewhere(&port);
	ck_assert_int_eq(http_server_listen(server, &listen_on, NULL, &err), 0);
	ck_assert_int_eq(host_loop_start(loop, &err), 0);
}

static inline void
start_serving(const struct svc_plugin *plugin)
{
	struct host_service_config config = { .plugin = plugin, .generation = 1 };

	start_serving_with(&config);
}

static inline void
free_server(void *arg)
{
	(void)arg;
	http_server_free(server);
}

static inline void
stop_serving(void)
{
	host_service_cancel(service, HOST_CANCEL_ALL);
	ck_assert_int_eq(host_service_drain_wait(service, 5 * SECONDS), 0);
	ck_assert_int_eq(host_service_stop(service, 5 * SECONDS), 0);
	host_service_free(service);
	ck_assert_int_eq(host_loop_call(loop, free_server, NULL), 0);
	host_loop_stop(loop);
	host_loop_join(loop);
	host_loop_free(loop);
	host_offload_free(pool);
}

/* ---- a client that blocks ---- */

static inline int
dial(int to)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		                  .sin_port = htons((uint16_t)to) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

static inline void
say_to(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Reads until `until` is in it or the other side closes. */
static inline char *
hear_until(int fd, const char *until)
{
	static char text[1 << 20];
	size_t len = 0;

	text[0] = '\0';
	while (!until || !strstr(text, until)) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		ck_assert_msg(poll(&p, 1, 10 * SECONDS) == 1, "nothing came after: %s",
		              text);
		n = read(fd, text + len, sizeof text - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
		text[len] = '\0';
	}
	return text;
}

/* One request on a connection of its own; the whole answer, borrowed until the next one. */
static inline char *
ask(const char *request)
{
	int fd = dial(port);
	char *text;

	say_to(fd, request);
	text = hear_until(fd, NULL);
	close(fd);
	return text;
}

#define GET(target)       \
	ask("GET " target \
	    " HTTP/1.1\r\nHost: localhost:5000\r\nConnection: close\r\n\r\n")

static inline const char *
body_of(const char *response)
{
	const char *end = strstr(response, "\r\n\r\n");

	return end ? end + 4 : "";
}

static inline int
status_of(const char *response)
{
	return strncmp(response, "HTTP/1.1 ", 9) == 0 ? atoi(response + 9) : 0;
}

#endif
