/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/check-api.h - POST /api/check: a file of assertions against what arrives. docs/checking.md has the format.
 */
#ifndef STATION_CHECK_API_H
#define STATION_CHECK_API_H

#include "receive.h"
#include "store.h"
#include <cupola/service.h>

#define CHECK_MAX_RUNNING 8

/* What checks are made over; all borrowed. */
struct checks {
	const struct store *store;
	struct svc_event *arrived;       /* set when something has */
	const struct receiver *receiver; /* says what was refused */
	unsigned n_running;
};

/* Answers when every assertion is decided, at the latest when the file's `within` is over. [fiber] */
int check_handle(struct checks *checks, struct svc_request *req);

#endif
