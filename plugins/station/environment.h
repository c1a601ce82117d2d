/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/environment.h - why there may be no data: OTEL_* variables of this host that win over host.conf.
 *
 * The station runs in the host whose services it shows, with the same environment. A variable that names another
 * receiver, or switches a signal off, is the commonest reason for an empty page.
 */
#ifndef STATION_ENVIRONMENT_H
#define STATION_ENVIRONMENT_H

#include <stdbool.h>

#include "buf.h"

/* Whether something has arrived that was sent to this host:port. */
typedef bool environment_is_here(const void *arg, const char *authority);

/*
 * Appends [{"variable","value","signals":[..],"effect":"elsewhere"|"off"|"here","text"}], for each variable that is
 * set and decides where a signal goes. Passwords in addresses are left out.
 */
void environment_write(struct buf *buf, environment_is_here *is_here, const void *arg);

#endif
