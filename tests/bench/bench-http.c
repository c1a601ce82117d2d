/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-http PORT - the HTTP server alone: one loop, a JSON body of 103 bytes, to be set beside
 * nginx's `return 200`.
 *
 * GET /quit ends it and prints the CPU time per request.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "http-server.h"

static struct event_base *base;

static void
answer(struct http_exchange *x)
{
	static const char body[] =
		"{\"distance\": 8231.44, \"location\": {\"latitude\": 49.87, \"longitude\": 8.65}, \"place\": \"Darmstadt, DE\"}\n";
	static const struct http_field type = { "Content-Type", "application/json" };

	http_reply(x, 200, &type, 1, body, sizeof body - 1);
	if (strcmp(x->path, "/quit") == 0)
		event_base_loopexit(base, NULL);
	http_exchange_done(x);
}

static void
gone(struct http_exchange *x, int why)
{
	http_exchange_done(x);
}

static double
cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return 1e6 * (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int
main(int argc, char **argv)
{
	static const struct http_ops ops = { .on_ready = answer, .on_gone = gone };
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_port = htons(
					       (uint16_t)atoi(argc > 1 ? argv[1] : "0")),
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof address;
	struct http_listen listen_on = { .fd = socket(AF_INET, SOCK_STREAM, 0),
		                         .label = "bench" };
	struct otel_error err = OTEL_ERROR_INIT;
	struct http_server *server;
	const struct http_counters *counters;
	double start;

	setsockopt(listen_on.fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(listen_on.fd, (struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(listen_on.fd, 4096) < 0 ||
	    getsockname(listen_on.fd, (struct sockaddr *)&address, &len) < 0) {
		perror("bench-http");
		return 1;
	}
	base = event_base_new();
	if (!base || http_server_new(base, &ops, NULL, &server) < 0 ||
	    http_server_listen(server, &listen_on, NULL, &err) < 0) {
		fprintf(stderr, "bench-http: %s\n", err.message);
		return 1;
	}
	printf("127.0.0.1:%d\n", ntohs(address.sin_port));
	fflush(stdout);
	start = cpu_us();
	event_base_dispatch(base);
	counters = http_server_counters(server);
	printf("%llu requests, %.2f us of CPU each\n",
	       (unsigned long long)counters->requests,
	       (cpu_us() - start) /
	               (double)(counters->requests ? counters->requests : 1));
	http_server_free(server);
	event_base_free(base);
	return 0;
}
