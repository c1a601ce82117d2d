/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/privileges.h - becoming the user of `user =`, for good.
 */
#ifndef HOST_PRIVILEGES_H
#define HOST_PRIVILEGES_H

#include <otel/error.h>

/* Takes groups, group and user of `user`; the parent-death signal is set again after it. "" : stay. Before threads. */
OTEL_MUST_USE int host_privileges_drop(const char *user, struct otel_error *err);

#endif
