/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/activity.h - what a service did lately: requests, failures and how long they took, in slots of
 * ten seconds over ten minutes. Adding is O(1) and needs no memory, so a page may ask as often as it likes.
 */
#ifndef STATION_ACTIVITY_H
#define STATION_ACTIVITY_H

#include <stdbool.h>
#include <stdint.h>

#define ACTIVITY_SLOTS   60
#define ACTIVITY_SLOT_NS UINT64_C(10000000000)
/* Four steps for each doubling of a microsecond: a percentile is right to about 10 %. */
#define ACTIVITY_STEPS 108

struct activity {
	struct {
		uint64_t number; /* of the slot: Unix time by ACTIVITY_SLOT_NS */
		uint32_t n, failed;
		uint16_t steps[ACTIVITY_STEPS];
	} slots[ACTIVITY_SLOTS]; /* a ring */
};

struct activity_slot {
	uint32_t n, failed;
	uint64_t p95_ns; /* 0 without requests */
};

void activity_add(struct activity *activity, uint64_t now_unix_ns, uint64_t took_ns,
                  bool failed);
/* The slot that is `ago` slots before the one of now. */
struct activity_slot activity_get(const struct activity *activity, uint64_t now_unix_ns,
                                  unsigned ago);

#endif
