/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/attributes_priv.h - the attributes of a record: a list that replaces by key and respects limits.
 *
 * Room for sixteen is part of the list; more live in the record's arena. A four-byte signature of each
 * key makes the search for an equal one a scan of one cache line.
 */
#ifndef OTEL_ATTRIBUTES_PRIV_H
#define OTEL_ATTRIBUTES_PRIV_H

#include "arena_priv.h"
#include <otel/value.h>

#define OTELP_INLINE_ATTRIBUTES 16

struct otelp_attributes {
	struct otel_attribute *items;
	uint32_t *signatures;
	uint32_t n, capacity;
	uint32_t dropped;
	uint32_t first_signatures[OTELP_INLINE_ATTRIBUTES];
	struct otel_attribute first_items[OTELP_INLINE_ATTRIBUTES];
};

static inline void
otelp_attributes_clear(struct otelp_attributes *list)
{
	list->items = list->first_items;
	list->signatures = list->first_signatures;
	list->n = list->dropped = 0;
	list->capacity = OTELP_INLINE_ATTRIBUTES;
}

/*
 * Copies attributes into the list. One that has a key of the list's replaces it; those without a key,
 * past `max` (negative: no limit) or without memory are dropped and counted; empty values are ignored.
 * Strings are cut at `max_len` characters (negative: never).
 */
void otelp_attributes_set(struct otelp_attributes *list, struct otelp_arena *arena,
                          const struct otel_attribute *from, size_t n, int max,
                          int max_len);

#endif
