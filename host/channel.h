/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/channel.h - JSON objects, one a line, over a stream socket: between master and worker, and between
 * master and whoever types `cupola status`.
 *
 * Descriptors can go along with a message (SCM_RIGHTS) and are taken by its receiver in order. Everything
 * here belongs to the thread of its event base. [loop]
 */
#ifndef HOST_CHANNEL_H
#define HOST_CHANNEL_H

#include <stddef.h>

#include <otel/error.h>

struct event_base;
struct json_t;
struct host_channel;

/* `message` is borrowed for the length of the call. The channel may be freed in it. */
typedef void host_channel_message(struct host_channel *channel, struct json_t *message,
                                  void *arg);
/* The peer has gone, or sent what is no message (`error` is then a negative errno). Free the channel in it or later. */
typedef void host_channel_closed(struct host_channel *channel, int error, void *arg);

/* Takes `fd`, on failure too. */
OTEL_MUST_USE int host_channel_new(struct event_base *base, int fd,
                                   host_channel_message *message,
                                   host_channel_closed *closed, void *arg,
                                   struct host_channel **out);
/* What was sent and has not gone yet is tried once more, then dropped. Closes the socket. NULL is fine. */
void host_channel_free(struct host_channel *channel);

/* Queues a message; takes `json`, on failure too, NULL being -ENOMEM. `fds` are duplicated. */
int host_channel_send(struct host_channel *channel, struct json_t *json);
int host_channel_send_fds(struct host_channel *channel, struct json_t *json,
                          const int *fds, size_t n);
/* The next descriptor that came along, owned and close-on-exec; -ENOENT when there is none. */
int host_channel_take_fd(struct host_channel *channel);

#endif
