/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "otlp-json.h"

#define PREFIX   "cupola."
#define MAX_JSON (64u << 10) /* a longer one is in the store alone */

static void
event_fini(struct lifecycle_event *event)
{
	free(event->service);
	free(event->event);
	free(event->record_json);
	memset(event, 0, sizeof *event);
}

void
lifecycle_note(struct lifecycle *lifecycle, const struct store_owner *owner,
               const otlp_log *record, uint64_t now_unix_ns)
{
	struct lifecycle_event event = {
		.time_unix_ns = record->time_unix_nano ? record->time_unix_nano
		                                       : record->observed_time_unix_nano,
		.arrived_unix_ns = now_unix_ns,
	};
	struct lifecycle_event *place =
		&lifecycle->events[lifecycle->n % LIFECYCLE_EVENTS];
	struct buf json = { 0 };

	if (strncmp(record->event_name, PREFIX, strlen(PREFIX)) != 0)
		return;
	otlp_json_write(&json, &record->base);
	event.service = strdup(owner->service->name);
	event.event = strdup(record->event_name);
	if (!event.service || !event.event || json.failed || json.len > MAX_JSON) {
		event_fini(&event);
		buf_fini(&json);
		return;
	}
	event.record_json = json.data;
	event_fini(place);
	*place = event;
	lifecycle->n++;
}

const struct lifecycle_event *
lifecycle_get(const struct lifecycle *lifecycle, unsigned ago)
{
	if (ago >= LIFECYCLE_EVENTS || ago >= lifecycle->n)
		return NULL;
	return &lifecycle->events[(lifecycle->n - 1 - ago) % LIFECYCLE_EVENTS];
}

void
lifecycle_clear(struct lifecycle *lifecycle)
{
	for (size_t i = 0; i < LIFECYCLE_EVENTS; i++)
		event_fini(&lifecycle->events[i]);
	lifecycle->n = 0;
}
