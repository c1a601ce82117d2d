/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl says which sockets it waits for, and takes each back when a call ends. With keep-alive that is
 * two epoll_ctl calls per request for nothing, so removal is lazy: a connection that libcurl is done
 * with stays in epoll, marked idle, and most often is wanted again for the same. Only when it becomes
 * readable while idle (the server closed it) or is closed is it taken out. That takes 6 system calls per
 * call down to 4.
 *
 * Sockets that were not opened by us (the resolver's) are closed without a word, so they are taken out at once.
 *
 * The timer is lazy too: libcurl moves it with each call, mostly further away. It is armed when it has to
 * come earlier, and looks again when it fires.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http-client-priv.h"
#include "loop.h"

/* ---- sockets ---- */

static void
disarm(struct client_socket *s)
{
	if (s->armed)
		event_del(&s->event);
	s->armed = 0;
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct client_socket *s = arg;
	struct host_client *client = s->client;
	int mask = (what & EV_READ ? CURL_CSELECT_IN : 0) |
	           (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
	int running;

	if (s->idle) {
		disarm(s); /* libcurl will find it closed when it looks for a connection */
		return;
	}
	curl_multi_socket_action(client->multi, fd, mask, &running);
	client->check = true;
}

/* Keeps one per number for the client's life, so that nothing is allocated once all have been seen. */
static struct client_socket *
socket_of(struct host_client *client, curl_socket_t fd)
{
	struct client_socket *s;

	if ((size_t)fd >= client->n_sockets) {
		size_t n = client->n_sockets ? client->n_sockets : 64;
		struct client_socket **grown;

		while (n <= (size_t)fd)
			n *= 2;
		grown = realloc(client->sockets, n * sizeof(struct client_socket *));
		if (!grown)
			return NULL;
		for (size_t i = client->n_sockets; i < n; i++)
			grown[i] = NULL;
		client->sockets = grown;
		client->n_sockets = n;
	}
	s = client->sockets[fd];
	if (!s) {
		s = calloc(1, sizeof *s);
		if (!s)
			return NULL;
		s->client = client;
		client->sockets[fd] = s;
	}
	return s;
}

static int
socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	struct host_client *client = arg;
	struct client_socket *s = socket_of(client, fd);
	short want = (short)((what & CURL_POLL_IN ? EV_READ : 0) |
	                     (what & CURL_POLL_OUT ? EV_WRITE : 0));

	(void)easy;
	(void)unused;
	if (!s)
		return -1;
	if (what == CURL_POLL_REMOVE) {
		s->idle = true;
		if (!s->connection || s->armed & EV_WRITE)
			disarm(s);
		return 0;
	}
	s->idle = false;
	if (s->armed == want)
		return 0;
	disarm(s);
	if (!want)
		return 0;
	event_assign(&s->event, client->base, fd, want | EV_PERSIST, on_socket, s);
	if (event_add(&s->event, NULL) < 0)
		return -1;
	s->armed = want;
	return 0;
}

curl_socket_t
host_client_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct host_client *client = arg;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC,
	                address->protocol);
	struct client_socket *s;

	(void)purpose;
	if (fd < 0)
		return CURL_SOCKET_BAD;
	s = socket_of(client, fd);
	if (!s) {
		close(fd);
		return CURL_SOCKET_BAD;
	}
	s->connection = true;
	client->counters.connects++;
	return fd;
}

int
host_client_close_socket(void *arg, curl_socket_t fd)
{
	struct host_client *client = arg;
	struct client_socket *s = (size_t)fd < client->n_sockets ? client->sockets[fd]
	                                                         : NULL;

	if (s) {
		disarm(s);
		s->connection = false;
	}
	return close(fd);
}

/* ---- the timer ---- */

static void
arm_timer(struct host_client *client, uint64_t now)
{
	uint64_t left = client->timer_wanted_ns > now ? client->timer_wanted_ns - now : 0;
	uint64_t us = left / 1000 + 1;
	struct timeval tv = { (time_t)(us / 1000000), (suseconds_t)(us % 1000000) };

	if (evtimer_add(&client->timer, &tv) == 0)
		client->timer_armed_ns = client->timer_wanted_ns;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct host_client *client = arg;
	uint64_t now = host_now_ns();

	(void)fd;
	(void)what;
	client->timer_armed_ns = 0;
	if (!client->timer_wanted_ns)
		return;
	if (now < client->timer_wanted_ns) {
		arm_timer(client, now);
		return;
	}
	client->timer_wanted_ns = 0;
	client->kick = true;
}

static int
timer_wanted(CURLM *multi, long timeout_ms, void *arg)
{
	struct host_client *client = arg;
	uint64_t now;

	(void)multi;
	client->timer_wanted_ns = 0;
	if (timeout_ms < 0)
		return 0;
	if (timeout_ms == 0) {
		client->kick = true; /* host_client_pump runs in this round */
		return 0;
	}
	now = host_now_ns();
	client->timer_wanted_ns = now + (uint64_t)timeout_ms * 1000000;
	if (!client->timer_armed_ns || client->timer_armed_ns > client->timer_wanted_ns)
		arm_timer(client, now);
	return 0;
}

/* ---- both ---- */

void
host_client_events_init(struct host_client *client)
{
	evtimer_assign(&client->timer, client->base, on_timer, client);
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
}

void
host_client_events_fini(struct host_client *client)
{
	if (event_initialized(&client->timer))
		evtimer_del(&client->timer);
	for (size_t fd = 0; fd < client->n_sockets; fd++) {
		if (!client->sockets[fd])
			continue;
		disarm(client->sockets[fd]);
		free(client->sockets[fd]);
	}
	free(client->sockets);
}
