/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-paced PORT RATE SECONDS - a strict client at a fixed pace: 16 keep-alive connections, each request
 * sent when it is due and not when the one before is answered.
 *
 * Prints a line of totals, `sent answered lost closed`, and then one of each request: when it was due on
 * the monotonic clock and how long after that its answer was whole, both in microseconds. Lost is what got
 * no whole 200 on a connection that lived when it was sent; closed is what the server ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 16
#define DEPTH       64 /* requests in flight on one connection, at most */

struct connection {
	int fd;
	size_t have;
	char data[8192];
	unsigned first, n;
	uint64_t due[DEPTH];
};

static struct connection connections[CONNECTIONS];
static struct sockaddr_in address = { .sin_family = AF_INET };
static unsigned long sent, answered, lost, closed_by_it;
static struct {
	uint64_t due_us;
	uint32_t took_us;
} * samples;
static int poll_fd;

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void
open_it(struct connection *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0) {
		perror("bench-paced: connect");
		exit(1);
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	c->have = c->n = 0;
	epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &event);
}

static void
reopen(struct connection *c)
{
	closed_by_it++;
	lost += c->n;
	close(c->fd);
	open_it(c);
}

static void
ask(struct connection *c, uint64_t due)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

	if (c->n == DEPTH) {
		lost++;
		return;
	}
	c->due[(c->first + c->n++) % DEPTH] = due;
	sent++;
	if (send(c->fd, request, sizeof request - 1, MSG_NOSIGNAL) !=
	    (ssize_t)sizeof request - 1)
		reopen(c);
}

/* Takes one whole answer out of the buffer. */
static bool
take(struct connection *c)
{
	char *end = memmem(c->data, c->have, "\r\n\r\n", 4), *field;
	size_t whole;
	uint64_t due;

	if (!end)
		return false;
	*end = '\0';
	field = strcasestr(c->data, "content-length:");
	*end = '\r';
	whole = (size_t)(end + 4 - c->data) + (field ? strtoul(field + 15, NULL, 10) : 0);
	if (c->have < whole)
		return false;
	due = c->due[c->first];
	c->first = (c->first + 1) % DEPTH;
	c->n--;
	if (memcmp(c->data, "HTTP/1.1 200", 12) != 0) {
		lost++;
	} else {
		samples[answered].due_us = due;
		samples[answered++].took_us = (uint32_t)(now_us() - due);
	}
	c->have -= whole;
	memmove(c->data, c->data + whole, c->have);
	return true;
}

static void
hear(struct connection *c)
{
	ssize_t n = recv(c->fd, c->data + c->have, sizeof c->data - 1 - c->have, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		reopen(c);
		return;
	}
	c->have += (size_t)n;
	c->data[c->have] = '\0';
	while (c->n && take(c))
		;
}

/* Until then, or until nothing is awaited. */
static void
listen_until(uint64_t until, bool idle_too)
{
	struct epoll_event events[CONNECTIONS];

	for (;;) {
		uint64_t now = now_us();
		struct timespec left = { 0, 0 };
		unsigned waiting = 0;
		int n;

		for (int i = 0; i < CONNECTIONS; i++)
			waiting += connections[i].n;
		if (now >= until || (!idle_too && !waiting))
			return;
		left.tv_sec = (time_t)((until - now) / 1000000);
		left.tv_nsec = (long)((until - now) % 1000000 * 1000);
		n = epoll_pwait2(poll_fd, events, CONNECTIONS, &left, NULL);
		for (int i = 0; i < n; i++)
			hear(events[i].data.ptr);
	}
}

int
main(int argc, char **argv)
{
	unsigned long rate = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned long total = argc > 3 ? rate * strtoul(argv[3], NULL, 10) : 0;
	uint64_t start;

	if (!total) {
		fprintf(stderr, "usage: bench-paced PORT RATE SECONDS\n");
		return 2;
	}
	address.sin_port = htons((uint16_t)atoi(argv[1]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	samples = calloc(total, sizeof *samples);
	poll_fd = epoll_create1(0);
	if (!samples || poll_fd < 0)
		return 1;
	prctl(PR_SET_TIMERSLACK, 1);
	for (int i = 0; i < CONNECTIONS; i++)
		open_it(&connections[i]);
	start = now_us();
	for (unsigned long i = 0; i < total; i++) {
		uint64_t due = start + i * 1000000 / rate;

		listen_until(due, true);
		ask(&connections[i % CONNECTIONS], due);
	}
	listen_until(now_us() + 2000000, false);
	for (int i = 0; i < CONNECTIONS; i++)
		lost += connections[i].n;
	printf("%lu %lu %lu %lu\n", sent, answered, lost, closed_by_it);
	for (unsigned long i = 0; i < answered; i++)
		printf("%llu %u\n", (unsigned long long)samples[i].due_us,
		       samples[i].took_us);
	return 0;
}
