/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/bench/bench-receiver.h - a process that takes every POST and answers 200 at once.
 *
 * In a process of its own, so that its CPU time is nobody else's. Fork it before there are threads.
 */
#ifndef BENCH_RECEIVER_H
#define BENCH_RECEIVER_H

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void
bench_serve(int fd)
{
	static const char reply[] =
		"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"
		"Content-Length: 0\r\n\r\n";
	static char data[1 << 20];
	size_t have = 0;
	ssize_t n;

	while ((n = recv(fd, data + have, sizeof data - 1 - have, 0)) > 0) {
		size_t length, head;
		char *end, *field;

		have += (size_t)n;
		data[have] = '\0';
		end = memmem(data, have, "\r\n\r\n", 4);
		field = end ? strcasestr(data, "content-length:") : NULL;
		if (!field)
			continue;
		head = (size_t)(end + 4 - data);
		for (length = head + strtoul(field + 15, NULL, 10); have < length;
		     have += (size_t)n) {
			n = recv(fd, data, sizeof data,
			         0); /* the body is of no interest */
			if (n <= 0)
				return;
		}
		have = 0;
		if (send(fd, reply, sizeof reply - 1, MSG_NOSIGNAL) < 0)
			return;
	}
}

/* Returns its process id and sets its port. */
static pid_t
bench_receiver(int *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	socklen_t len = sizeof address;
	pid_t pid;

	if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(listener, 8) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &len) < 0)
		exit(1);
	*port = ntohs(address.sin_port);
	fflush(stdout);
	pid = fork();
	if (pid != 0) {
		close(listener);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (fork() == 0) { /* each exporter has a connection of its own */
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			bench_serve(fd);
			_exit(0);
		}
		close(fd);
	}
	_exit(0);
}

#endif
