/* SPDX-License-Identifier: Apache-2.0 */
#include "activity.h"

#include <math.h>
#include <string.h>

static unsigned
step_of(uint64_t took_ns)
{
	double step = took_ns > 1000 ? 4 * log2((double)took_ns / 1000) : 0;

	return step < ACTIVITY_STEPS - 1 ? (unsigned)step : ACTIVITY_STEPS - 1;
}

void
activity_add(struct activity *activity, uint64_t now_unix_ns, uint64_t took_ns,
             bool failed)
{
	uint64_t number = now_unix_ns / ACTIVITY_SLOT_NS;
	unsigned i = (unsigned)(number % ACTIVITY_SLOTS), step = step_of(took_ns);

	if (activity->slots[i].number != number) {
		memset(&activity->slots[i], 0, sizeof activity->slots[i]);
		activity->slots[i].number = number;
	}
	activity->slots[i].n++;
	activity->slots[i].failed += failed;
	if (activity->slots[i].steps[step] < UINT16_MAX)
		activity->slots[i].steps[step]++;
}

struct activity_slot
activity_get(const struct activity *activity, uint64_t now_unix_ns, unsigned ago)
{
	uint64_t number = now_unix_ns / ACTIVITY_SLOT_NS - ago;
	unsigned i = (unsigned)(number % ACTIVITY_SLOTS);
	struct activity_slot slot = { 0 };
	uint32_t total = 0, seen = 0;

	if (activity->slots[i].number != number)
		return slot;
	slot.n = activity->slots[i].n;
	slot.failed = activity->slots[i].failed;
	for (unsigned k = 0; k < ACTIVITY_STEPS; k++)
		total += activity->slots[i].steps[k];
	for (unsigned k = 0; k < ACTIVITY_STEPS && !slot.p95_ns; k++) {
		seen += activity->slots[i].steps[k];
		if (seen && (uint64_t)seen * 100 >= (uint64_t)total * 95)
			slot.p95_ns = (uint64_t)(1000 * exp2((k + 0.5) / 4));
	}
	return slot;
}
