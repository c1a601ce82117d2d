/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A resource: attributes that say who speaks, made once and never changed. Everything lies in one
 * arena behind the struct.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline_priv.h"
#include "resource_priv.h"
#include "value_priv.h"

struct otel_resource {
	atomic_uint refs;
	struct otelp_arena arena;
	struct otel_attribute *attributes; /* in the arena, as the next */
	size_t n;
	const char *schema_url;
};

static struct otel_resource *
resource_alloc(const char *schema_url)
{
	struct otel_resource *resource = otelp_calloc(1, sizeof *resource);

	if (!resource)
		return NULL;
	atomic_init(&resource->refs, 1);
	otelp_arena_init(&resource->arena, NULL, 0, SIZE_MAX);
	resource->schema_url = otelp_arena_string(&resource->arena, schema_url,
	                                          strlen(schema_url));
	if (resource->schema_url)
		return resource;
	otel_resource_unref(resource);
	return NULL;
}

int
otel_resource_new(const struct otel_attribute *attributes, size_t n,
                  const char *schema_url, struct otel_resource **out,
                  struct otel_error *err)
{
	struct otel_resource *resource = resource_alloc(schema_url ? schema_url : "");
	uint32_t no_key = 0, lost = 0;

	if (!resource)
		return otel_error_set(err, -ENOMEM, "resource: out of memory");
	for (size_t i = 0; i < n; i++)
		no_key += !attributes[i].key || !*attributes[i].key;
	resource->n = otelp_attributes_copy(&resource->arena, attributes, n, -1, -1,
	                                    &resource->attributes, &lost);
	if (lost > no_key) { /* half a resource would be a wrong one */
		otel_resource_unref(resource);
		return otel_error_set(err, -ENOMEM, "resource: out of memory");
	}
	*out = resource;
	return 0;
}

/* resource/sdk.md: an empty URL yields to the other; two that differ leave none. */
static const char *
merged_schema_url(const char *base, const char *over)
{
	if (!*base)
		return over;
	if (!*over || strcmp(base, over) == 0)
		return base;
	otelp_diag_once(
		OTEL_DIAG_WARN,
		"resource: schemas %s and %s are merged, so the result names none", base,
		over);
	return "";
}

int
otel_resource_merge(struct otel_resource *base, struct otel_resource *over,
                    struct otel_resource **out)
{
	size_t n_base = base ? base->n : 0, n_over = over ? over->n : 0;
	struct otel_attribute *both;
	int r;

	both = otelp_calloc(n_base + n_over, sizeof *both);
	if (!both)
		return -ENOMEM;
	if (n_base)
		memcpy(both, base->attributes, n_base * sizeof *both);
	if (n_over)
		memcpy(both + n_base, over->attributes, n_over * sizeof *both);
	r = otel_resource_new(both, n_base + n_over,
	                      merged_schema_url(otel_resource_schema_url(base),
	                                        otel_resource_schema_url(over)),
	                      out, NULL);
	otelp_free(both);
	return r;
}

struct otel_resource *
otel_resource_ref(struct otel_resource *resource)
{
	if (resource)
		atomic_fetch_add_explicit(&resource->refs, 1, memory_order_relaxed);
	return resource;
}

void
otel_resource_unref(struct otel_resource *resource)
{
	if (!resource ||
	    atomic_fetch_sub_explicit(&resource->refs, 1, memory_order_acq_rel) != 1)
		return;
	otelp_arena_fini(&resource->arena);
	otelp_free(resource);
}

const struct otel_attribute *
otel_resource_attributes(const struct otel_resource *resource, size_t *n)
{
	*n = resource ? resource->n : 0;
	return resource ? resource->attributes : NULL;
}

const char *
otel_resource_schema_url(const struct otel_resource *resource)
{
	return resource ? resource->schema_url : "";
}
