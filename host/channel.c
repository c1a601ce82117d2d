/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output is a list of chunks, one for each message: descriptors travel with the first byte of theirs. A
 * peer that sends a line of more than LINE_LIMIT bytes, or that lets OUTPUT_LIMIT bytes wait, is cut off.
 */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#define LINE_LIMIT   (4u << 20)
#define OUTPUT_LIMIT (16u << 20)
#define FDS_LIMIT    250 /* the kernel's SCM_MAX_FD is 253 */

struct chunk {
	STAILQ_ENTRY(chunk) link;
	char *bytes;
	size_t len, sent;
	int *fds;
	size_t n_fds;
};

struct host_channel {
	int fd;
	struct event *readable, *writable;
	host_channel_message *message;
	host_channel_closed *closed;
	void *arg;
	char *in;
	size_t in_len, in_size, scanned; /* scanned: so far there is no newline */
	STAILQ_HEAD(, chunk) out;
	size_t waiting;
	int fds[FDS_LIMIT]; /* came, and not taken yet */
	size_t n_fds;
	bool dispatching, dead; /* freed inside a callback: the caller frees it */
};

static void
chunk_free(struct chunk *chunk)
{
	for (size_t i = 0; i < chunk->n_fds; i++)
		close(chunk->fds[i]);
	free(chunk->fds);
	free(chunk->bytes);
	free(chunk);
}

static void
release(struct host_channel *channel)
{
	struct chunk *chunk;

	while ((chunk = STAILQ_FIRST(&channel->out))) {
		STAILQ_REMOVE_HEAD(&channel->out, link);
		chunk_free(chunk);
	}
	for (size_t i = 0; i < channel->n_fds; i++)
		close(channel->fds[i]);
	if (channel->readable)
		event_free(channel->readable);
	if (channel->writable)
		event_free(channel->writable);
	close(channel->fd);
	free(channel->in);
	free(channel);
}

/* ---- sending ---- */

/* Sends some of the chunk. 0, or -errno (-EAGAIN: later). */
static int
send_some(int fd, struct chunk *chunk)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * FDS_LIMIT)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { chunk->bytes + chunk->sent, chunk->len - chunk->sent };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (chunk->n_fds && !chunk->sent) {
		struct cmsghdr *head;

		memset(&control, 0, sizeof control);
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * chunk->n_fds);
		head = CMSG_FIRSTHDR(&msg);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int) * chunk->n_fds);
		memcpy(CMSG_DATA(head), chunk->fds, sizeof(int) * chunk->n_fds);
	}
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	chunk->sent += (size_t)n;
	return 0;
}

static int
flush_out(struct host_channel *channel)
{
	struct chunk *chunk;
	int r;

	while ((chunk = STAILQ_FIRST(&channel->out))) {
		r = send_some(channel->fd, chunk);
		if (r == -EAGAIN) {
			event_add(channel->writable, NULL);
			return 0;
		}
		if (r < 0)
			return r;
		if (chunk->sent == chunk->len) {
			channel->waiting -= chunk->len;
			STAILQ_REMOVE_HEAD(&channel->out, link);
			chunk_free(chunk);
		}
	}
	return 0;
}

static int
duplicate(struct chunk *chunk, const int *fds, size_t n)
{
	chunk->fds = calloc(n, sizeof *chunk->fds);
	if (!chunk->fds)
		return -ENOMEM;
	for (; chunk->n_fds < n; chunk->n_fds++) {
		int fd = fcntl(fds[chunk->n_fds], F_DUPFD_CLOEXEC, 0);

		if (fd < 0)
			return -errno;
		chunk->fds[chunk->n_fds] = fd;
	}
	return 0;
}

int
host_channel_send_fds(struct host_channel *channel, struct json_t *json, const int *fds,
                      size_t n)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	struct chunk *chunk = text ? calloc(1, sizeof *chunk) : NULL;
	int r = 0;

	json_decref(json);
	if (!chunk) {
		free(text);
		return -ENOMEM;
	}
	chunk->bytes = text;
	chunk->len = strlen(text) + 1;
	text[chunk->len - 1] = '\n'; /* in the place of the NUL */
	if (n > FDS_LIMIT)
		r = -E2BIG;
	else if (channel->waiting + chunk->len > OUTPUT_LIMIT)
		r = -ENOBUFS;
	else if (n)
		r = duplicate(chunk, fds, n);
	if (r < 0) {
		chunk_free(chunk);
		return r;
	}
	channel->waiting += chunk->len;
	STAILQ_INSERT_TAIL(&channel->out, chunk, link);
	return flush_out(channel);
}

int
host_channel_send(struct host_channel *channel, struct json_t *json)
{
	return host_channel_send_fds(channel, json, NULL, 0);
}

/* ---- receiving ---- */

static void
keep_fds(struct host_channel *channel, struct msghdr *msg)
{
	for (struct cmsghdr *head = CMSG_FIRSTHDR(msg); head;
	     head = CMSG_NXTHDR(msg, head)) {
		size_t n;

		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
			if (channel->n_fds < FDS_LIMIT)
				channel->fds[channel->n_fds++] = fd;
			else
				close(fd);
		}
	}
}

/* Bytes read, 0 at the end, or -errno. */
static ssize_t
receive(struct host_channel *channel)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * FDS_LIMIT)];
		struct cmsghdr align;
	} control;
	struct iovec iov;
	struct msghdr msg = { .msg_iov = &iov,
		              .msg_iovlen = 1,
		              .msg_control = control.bytes,
		              .msg_controllen = sizeof control.bytes };
	ssize_t n;

	if (channel->in_size - channel->in_len < 4096) {
		size_t size = channel->in_size * 2 + 8192;
		char *in = channel->in_len > LINE_LIMIT ? NULL
		                                        : realloc(channel->in, size);

		if (!in)
			return -EMSGSIZE;
		channel->in = in;
		channel->in_size = size;
	}
	iov.iov_base = channel->in + channel->in_len;
	iov.iov_len = channel->in_size - channel->in_len;
	n = recvmsg(channel->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	keep_fds(channel, &msg);
	channel->in_len += (size_t)n;
	return n;
}

/* Hands on every whole line. 0, or -EBADMSG for one that is no JSON object. */
static int
dispatch(struct host_channel *channel)
{
	size_t done = 0;
	int r = 0;

	while (!channel->dead && !r) {
		size_t from = done > channel->scanned ? done : channel->scanned;
		char *newline = memchr(channel->in + from, '\n', channel->in_len - from);
		size_t len = newline ? (size_t)(newline - channel->in) - done : 0;
		json_t *json;

		if (!newline)
			break;
		json = json_loadb(channel->in + done, len, 0, NULL);
		done += len + 1;
		if (json_is_object(json))
			channel->message(channel, json, channel->arg);
		else
			r = -EBADMSG;
		json_decref(json);
	}
	if (channel->dead)
		return 0;
	channel->in_len -= done;
	channel->scanned = channel->in_len;
	memmove(channel->in, channel->in + done, channel->in_len);
	if (!channel->in_len) {
		free(channel->in);
		channel->in = NULL;
		channel->in_size = 0;
	}
	return r;
}

static void
end(struct host_channel *channel, int error)
{
	event_del(channel->readable);
	event_del(channel->writable);
	channel->closed(channel, error, channel->arg);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct host_channel *channel = arg;
	ssize_t n = receive(channel);
	int r = 0;

	if (n == -EAGAIN || n == -EINTR)
		return;
	channel->dispatching = true;
	if (n > 0)
		r = dispatch(channel);
	if (!channel->dead && (n <= 0 || r < 0))
		end(channel, n < 0 ? (int)n : r);
	channel->dispatching = false;
	if (channel->dead)
		release(channel);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct host_channel *channel = arg;
	int r = flush_out(channel);

	/* The peer may have left a last word: the end comes when all of it has been read. */
	(void)r;
}

int
host_channel_new(struct event_base *base, int fd, host_channel_message *message,
                 host_channel_closed *closed, void *arg, struct host_channel **out)
{
	struct host_channel *channel = calloc(1, sizeof *channel);

	if (!channel) {
		close(fd);
		return -ENOMEM;
	}
	channel->fd = fd;
	channel->message = message;
	channel->closed = closed;
	channel->arg = arg;
	STAILQ_INIT(&channel->out);
	evutil_make_socket_nonblocking(fd);
	channel->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable,
	                              channel);
	channel->writable = event_new(base, fd, EV_WRITE, on_writable, channel);
	if (!channel->readable || !channel->writable ||
	    event_add(channel->readable, NULL) < 0) {
		release(channel);
		return -ENOMEM;
	}
	*out = channel;
	return 0;
}

void
host_channel_free(struct host_channel *channel)
{
	if (!channel)
		return;
	if (channel->dead)
		return;
	flush_out(channel);
	if (channel->dispatching) {
		channel->dead = true;
		event_del(channel->readable);
		event_del(channel->writable);
	} else {
		release(channel);
	}
}

int
host_channel_take_fd(struct host_channel *channel)
{
	int fd;

	if (!channel->n_fds)
		return -ENOENT;
	fd = channel->fds[0];
	memmove(channel->fds, channel->fds + 1, --channel->n_fds * sizeof fd);
	return fd;
}
