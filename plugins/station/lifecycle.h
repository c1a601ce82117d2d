/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/lifecycle.h - what the host tells of its plugins: loaded, reloaded, refused, crashed.
 *
 * These are log records whose event name begins with "cupola.". They are few, and they explain what is seen
 * around them, so the newest are kept beside the store as well: a flood of other records does not evict them.
 */
#ifndef STATION_LIFECYCLE_H
#define STATION_LIFECYCLE_H

#include <stddef.h>
#include <stdint.h>

#include "otlp.h"
#include "store.h"

#define LIFECYCLE_EVENTS 256

struct lifecycle_event {
	char *service, *event;
	char *record_json; /* the log record, in OTLP/JSON */
	uint64_t time_unix_ns, arrived_unix_ns;
};

struct lifecycle {
	struct lifecycle_event events[LIFECYCLE_EVENTS]; /* a ring */
	uint64_t n;                                      /* ever */
};

/* Keeps the record when it is one of those; without memory it is not kept. */
void lifecycle_note(struct lifecycle *lifecycle, const struct store_owner *owner,
                    const otlp_log *record, uint64_t now_unix_ns);
/* The one that is `ago` before the newest; NULL when there is none. */
const struct lifecycle_event *lifecycle_get(const struct lifecycle *lifecycle,
                                            unsigned ago);
void lifecycle_clear(struct lifecycle *lifecycle);

#endif
