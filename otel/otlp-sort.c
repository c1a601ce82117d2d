/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch has items of many resources and scopes in the order in which they came; a request has them by
 * scope by resource. Items keep their order within a scope, resources and scopes that of their first item.
 */
#include <errno.h>
#include <string.h>

#include "otlp_priv.h"
#include "pipeline_priv.h"

/* What all three kinds of items begin with. */
struct source {
	struct otel_resource *resource;
	const struct otel_scope_data *scope;
};
#define BEGINS_AS_SOURCE(type)                                                          \
	_Static_assert(                                                                 \
		offsetof(struct type, resource) == offsetof(struct source, resource) && \
			offsetof(struct type, scope) == offsetof(struct source, scope), \
		"an item begins with its resource and its scope")
BEGINS_AS_SOURCE(otel_span_data);
BEGINS_AS_SOURCE(otel_log_data);
BEGINS_AS_SOURCE(otel_metric_data);

const void *
otelp_item_at(const struct otelp_items *items, size_t i)
{
	const void *item = (const char *)items->first + i * items->stride;

	if (items->pointers)
		memcpy(&item, item, sizeof item);
	return item;
}

/* Makes the array that `array` is the address of hold at least n elements. What was in it stays. */
static bool
reserve(void *array, size_t *size, size_t n, size_t element)
{
	void *grown;

	if (n <= *size)
		return true;
	memcpy(&grown, array, sizeof grown);
	n += n / 2 + 8;
	grown = otelp_realloc(grown, n * element);
	if (!grown)
		return false;
	memcpy(array, &grown, sizeof grown);
	*size = n;
	return true;
}

/* The number of the resource, that of its first group. */
static uint32_t
owner_of(const struct otelp_sorter *s, const struct otel_resource *resource)
{
	for (uint32_t i = 0; i < s->n_groups; i++)
		if (s->groups[i].resource == resource)
			return s->groups[i].owner;
	return s->n_owners;
}

static bool
is_group(const struct otelp_group *group, const struct source *source)
{
	return group->scope == source->scope && group->resource == source->resource;
}

/* Sets *group to the item's; it is most likely that of the item before it. */
static bool
find_group(struct otelp_sorter *s, const struct source *source, uint32_t *group)
{
	uint32_t owner;

	if (*group < s->n_groups && is_group(&s->groups[*group], source))
		return true;
	for (*group = 0; *group < s->n_groups; ++*group)
		if (is_group(&s->groups[*group], source))
			return true;
	if (!reserve(&s->groups, &s->groups_size, *group + 1, sizeof *s->groups))
		return false;
	owner = owner_of(s, source->resource);
	if (owner == s->n_owners)
		s->n_owners++;
	s->groups[s->n_groups++] = (struct otelp_group){ .resource = source->resource,
		                                         .scope = source->scope,
		                                         .owner = owner };
	return true;
}

int
otelp_sort(struct otelp_sorter *s, const struct otelp_items *items)
{
	uint32_t group = 0, first = 0;

	s->n_groups = s->n_owners = 0;
	if (!reserve(&s->order, &s->order_size, 2 * items->n, sizeof *s->order))
		return -ENOMEM;
	for (size_t i = 0; i < items->n; i++) {
		struct source source;

		memcpy(&source, otelp_item_at(items, i), sizeof source);
		if (!find_group(s, &source, &group))
			return -ENOMEM;
		s->order[items->n + i] =
			group; /* the array's second half: whose each item is */
		s->groups[group].n++;
	}
	for (group = 0; group < s->n_groups; group++) {
		s->groups[group].first = first;
		first += s->groups[group].n;
		s->groups[group].n = 0;
	}
	for (uint32_t i = 0; i < items->n; i++) {
		struct otelp_group *g = &s->groups[s->order[items->n + i]];

		s->order[g->first + g->n++] = i;
	}
	return 0;
}

struct otel_resource *
otelp_sorter_resource(const struct otelp_sorter *s, uint32_t owner)
{
	for (uint32_t i = 0; i < s->n_groups; i++)
		if (s->groups[i].owner == owner)
			return s->groups[i].resource;
	return NULL;
}

void
otelp_sorter_fini(struct otelp_sorter *s)
{
	otelp_free(s->order);
	otelp_free(s->groups);
	memset(s, 0, sizeof *s);
}
