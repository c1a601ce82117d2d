/* SPDX-License-Identifier: Apache-2.0 */
#include "memcheck-drive.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* So that a service that extracts has something to extract, and to give back. */
#define TRACEPARENT \
	"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
#define PATIENCE_S 20 /* sanitizers are slow, and so is upstream when it is told to be */

#define REQUESTS(...)             \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

static const struct memcheck_drive drives[] = {
	{ "iss-distance-service",
	  REQUESTS("/?latitude=49.8728&longitude=8.6512",
	           "/?latitude=-33.9&longitude=151.2", "/?latitude=0&longitude=-180", "/",
	           "/?latitude=abc&longitude=8", "/?latitude=95&longitude=8",
	           "/?latitude=&longitude=", "/?latitude=1e999&longitude=8",
	           "POST /?latitude=1&longitude=2"),
	  "/?latitude=1&longitude=2",
	  { { "position_url", "upstream", "/iss-now.json" } },
	  { "upstream" } },
	{ "geolocator-service",
	  REQUESTS("/?location=Darmstadt", "/?location=Lima", "/?location=Darmstadt", "/",
	           "/?location=", "/?location=Nowhere%20at%20all",
	           "/?location=%c3%84%22%0a"),
	  "/?location=Oslo",
	  { { "search_url", "upstream", "/search" } },
	  { "upstream" } },
	{ "gateway",
	  REQUESTS("/?location=Darmstadt", "/?location=Lima", "/",
	           "/?location=", "/?location=Nowhere%20at%20all"),
	  "/?location=Oslo",
	  { { "geolocator_url", "geolocator-service", "/" },
	    { "iss_distance_url", "iss-distance-service", "/" } },
	  { "geolocator-service", "iss-distance-service", "upstream" } },
	{ "frontend",
	  REQUESTS("/", "/api/distance?location=Darmstadt", "/api/distance", "/api/iss",
	           "/api/suggest?q=da", "/api/suggest", "/nothing/here"),
	  NULL,
	  { { NULL } },
	  { NULL } },
};

static const struct memcheck_drive any = {
	"",       REQUESTS("/", "/?name=Ada", "/?name=", "/nothing/here?x=%20", "POST /"),
	NULL,     { { NULL } },
	{ NULL },
};

const struct memcheck_drive *
memcheck_drive(const char *service)
{
	for (size_t i = 0; i < sizeof drives / sizeof *drives; i++)
		if (strcmp(drives[i].service, service) == 0)
			return &drives[i];
	return &any;
}

static int
connect_to(unsigned port)
{
	const struct timeval patience = { PATIENCE_S, 0 };
	const struct sockaddr_in address = { .sin_family = AF_INET,
		                             .sin_port = htons((uint16_t)port),
		                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	close(fd);
	return -1;
}

int
memcheck_ask(unsigned port, const char *request)
{
	bool is_post = strncmp(request, "POST ", 5) == 0;
	char buf[4096], head[16] = "";
	size_t have = 0;
	int fd = connect_to(port), len, status = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -1;
	len = snprintf(
		buf, sizeof buf,
		"%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n" TRACEPARENT
		"%s\r\n%s",
		is_post ? "POST" : "GET", is_post ? request + 5 : request, port,
		is_post ? "Content-Length: 2\r\n" : "", is_post ? "{}" : "");
	if (len > 0 && (size_t)len < sizeof buf)
		n = send(fd, buf, (size_t)len, MSG_NOSIGNAL);
	while (n > 0 || (n < 0 && errno == EINTR)) {
		n = recv(fd, buf, sizeof buf, 0);
		for (ssize_t i = 0; i < n && have + 1 < sizeof head; i++)
			head[have++] = buf[i];
	}
	close(fd);
	if (sscanf(head, "HTTP/1.1 %3d", &status) != 1)
		return 0;
	return status;
}
