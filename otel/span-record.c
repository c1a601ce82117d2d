/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of a span while it lasts: attributes, events, links, status, name. Each call makes the
 * span busy for its length, so any thread may; what does not fit the limits or the memory is counted.
 */
#include <string.h>

#include "clock_priv.h"
#include "span_priv.h"
#include "value_priv.h"

static inline bool
lock(struct otel_span *span)
{
	return span && otelp_span_enter_state(span, OTELP_SPAN_BUSY);
}

static inline void
unlock(struct otel_span *span)
{
	atomic_store_explicit(&span->state, 0, memory_order_release);
}

char *
otelp_span_text(struct otel_span *span, const char *text)
{
	return otelp_arena_string(&span->arena, text, strlen(text));
}

static const struct otel_limits *
limits_of(const struct otel_span *span)
{
	return &span->scope->provider->limits;
}

void
otelp_span_record_attributes(struct otel_span *span,
                             const struct otel_attribute *attributes, size_t n)
{
	otelp_attributes_set(&span->attributes, &span->arena, attributes, n,
	                     limits_of(span)->attribute_count,
	                     limits_of(span)->attribute_value_length);
}

void
otel_span_set_attributes(struct otel_span *span, const struct otel_attribute *attributes,
                         size_t n)
{
	if (!lock(span))
		return;
	otelp_span_record_attributes(span, attributes, n);
	unlock(span);
}

/* Makes room for one more of `size` bytes each. */
static bool
make_room(struct otelp_arena *arena, void **items, size_t n, uint32_t *capacity,
          size_t size)
{
	uint32_t more = *capacity ? *capacity * 2 : 4;
	void *room;

	if (n < *capacity)
		return true;
	room = otelp_arena_alloc(arena, more * size, alignof(max_align_t));
	if (!room)
		return false;
	if (n)
		memcpy(room, *items, n * size);
	*items = room;
	*capacity = more;
	return true;
}

static bool
within(size_t n, int max)
{
	return max < 0 || n < (size_t)max;
}

static bool
append_event(struct otel_span *span, uint64_t unix_ns, const char *name,
             const struct otel_attribute *attributes, size_t n)
{
	const struct otel_limits *limits = limits_of(span);
	void *items = span->events;
	struct otel_attribute *copies;
	struct otel_event_data *event;

	if (!within(span->data.n_events, limits->span_events) ||
	    !make_room(&span->arena, &items, span->data.n_events, &span->events_capacity,
	               sizeof *event))
		return false;
	span->events = items;
	event = &span->events[span->data.n_events];
	event->name = otelp_span_text(span, name ? name : "");
	if (!event->name)
		return false;
	event->time_unix_ns = unix_ns;
	event->dropped_attributes = 0;
	event->n_attributes = otelp_attributes_copy(
		&span->arena, attributes, n, limits->event_attributes,
		limits->attribute_value_length, &copies, &event->dropped_attributes);
	event->attributes = copies;
	span->data.n_events++;
	return true;
}

static void
add_event(struct otel_span *span, uint64_t unix_ns, const char *name,
          const struct otel_attribute *attributes, size_t n)
{
	if (!append_event(span,
	                  unix_ns ? unix_ns : otelp_clock_within(span->clock_offset_ns),
	                  name, attributes, n))
		span->data.dropped_events++;
}

void
otel_span_add_event_at(struct otel_span *span, uint64_t unix_ns, const char *name,
                       const struct otel_attribute *attributes, size_t n)
{
	if (!lock(span))
		return;
	add_event(span, unix_ns, name, attributes, n);
	unlock(span);
}

static bool
append_link(struct otel_span *span, const struct otel_link *link)
{
	const struct otel_limits *limits = limits_of(span);
	const char *state = link->context.trace_state;
	void *items = span->links;
	struct otel_attribute *copies;
	struct otel_link_data *data;

	if (!within(span->data.n_links, limits->span_links) ||
	    !make_room(&span->arena, &items, span->data.n_links, &span->links_capacity,
	               sizeof *data))
		return false;
	span->links = items;
	data = &span->links[span->data.n_links];
	data->context = link->context;
	data->context.trace_state = state && *state ? otelp_span_text(span, state) : NULL;
	data->dropped_attributes = 0;
	data->n_attributes = otelp_attributes_copy(
		&span->arena, link->attributes, link->n_attributes,
		limits->link_attributes, limits->attribute_value_length, &copies,
		&data->dropped_attributes);
	data->attributes = copies;
	span->data.n_links++;
	return true;
}

/* trace/api.md: a link to nothing is kept when it says something by itself. */
void
otelp_span_record_link(struct otel_span *span, const struct otel_link *link)
{
	const char *state = link->context.trace_state;

	if (!otelp_span_context_valid(&link->context) && !link->n_attributes &&
	    !(state && *state))
		return;
	if (!append_link(span, link))
		span->data.dropped_links++;
}

void
otel_span_add_link(struct otel_span *span, const struct otel_link *link)
{
	if (!link || !lock(span))
		return;
	otelp_span_record_link(span, link);
	unlock(span);
}

static void
set_status(struct otel_span *span, int status, const char *description)
{
	const char *copy = "";

	if (span->data.status == OTEL_STATUS_OK ||
	    (status != OTEL_STATUS_OK && status != OTEL_STATUS_ERROR))
		return;
	if (status == OTEL_STATUS_ERROR && description && *description)
		copy = otelp_span_text(span, description);
	span->data.status = status;
	span->data.status_message = copy ? copy : "";
}

void
otel_span_set_status(struct otel_span *span, int status, const char *description)
{
	if (!lock(span))
		return;
	set_status(span, status, description);
	unlock(span);
}

void
otel_span_update_name(struct otel_span *span, const char *name)
{
	const char *copy;

	if (!name || !lock(span))
		return;
	copy = otelp_span_text(span, name);
	if (copy)
		span->data.name = copy;
	unlock(span);
}
