/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/listen.h - listening addresses: how they are written, and their sockets.
 */
#ifndef HOST_LISTEN_H
#define HOST_LISTEN_H

#include <stddef.h>
#include <stdint.h>

#include <otel/error.h>

struct host_listen;

/*
 * Reads "[label=]address:port, ..." (commas or spaces between) over *list, whose old contents are freed.
 * Several may share a label. Addresses are numeric, IPv6 in brackets; "localhost" is 127.0.0.1 and "*" all of IPv4. 0 or -EINVAL with
 * "expected ..., found ...".
 */
OTEL_MUST_USE int host_listen_parse(const char *value, struct host_listen **list,
                                    size_t *n, struct otel_error *err);
void host_listen_free(struct host_listen *list, size_t n);
/* "127.0.0.1:5000", "[::1]:5000"; returns buf. */
const char *host_listen_text(const char *address, unsigned port, char *buf, size_t size);

/*
 * Opens `n` listening sockets of one address, non-blocking and close-on-exec, all sharing its connections.
 * The first is bound without SO_REUSEPORT, so whoever has the port already, another run of ours too, is
 * noticed; the siblings join afterwards. *port is the real one where 0 was asked for. 0 or -errno; a taken
 * port's message names who holds it where /proc tells.
 */
OTEL_MUST_USE int host_listen_open(const struct host_listen *listen, size_t n, int *fds,
                                   uint16_t *port, struct otel_error *err);

/* Who listens on the port: "nginx (pid 123)", or that the system does not tell. Returns buf. [any] */
const char *host_listen_holder(uint16_t port, char *buf, size_t size);

#endif
