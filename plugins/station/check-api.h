/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/check-api.h - POST /api/check: a file of assertions against what arrives. docs/checking.md has the format.
 */
#ifndef STATION_CHECK_API_H
#define STATION_CHECK_API_H

#include "store.h"
#include <cupola/service.h>

#define CHECK_MAX_RUNNING 8

/* How many checks run; zeroed at first. */
struct check_runs {
	unsigned n;
};

/* Answers when every assertion is decided, at the latest when the file's `within` is over. [fiber] */
int check_handle(struct check_runs *runs, struct svc_request *req,
                 const struct store *store, struct svc_event *arrived);

#endif
