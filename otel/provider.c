/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "provider_priv.h"
#include "value_priv.h"

bool
otelp_scope_copy(struct otelp_arena *arena, const struct otel_scope_data *from,
                 struct otel_scope_data *to)
{
	const char *name = from->name ? from->name : "",
		   *version = from->version ? from->version : "",
		   *url = from->schema_url ? from->schema_url : "";
	struct otel_attribute *attributes;
	uint32_t dropped = 0, no_key = 0;

	for (size_t i = 0; i < from->n_attributes; i++)
		no_key += !from->attributes[i].key || !*from->attributes[i].key;
	to->name = otelp_arena_string(arena, name, strlen(name));
	to->version = otelp_arena_string(arena, version, strlen(version));
	to->schema_url = otelp_arena_string(arena, url, strlen(url));
	to->n_attributes = otelp_attributes_copy(arena, from->attributes,
	                                         from->n_attributes, -1, -1, &attributes,
	                                         &dropped);
	to->attributes = attributes;
	return to->name && to->version && to->schema_url && dropped == no_key;
}

static bool
text_equal(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

bool
otelp_scope_equal(const struct otel_scope_data *a, const struct otel_scope_data *b)
{
	if (!text_equal(a->name, b->name) || !text_equal(a->version, b->version) ||
	    !text_equal(a->schema_url, b->schema_url) ||
	    a->n_attributes != b->n_attributes)
		return false;
	for (size_t i = 0; i < a->n_attributes; i++)
		if (!text_equal(a->attributes[i].key, b->attributes[i].key) ||
		    !otelp_value_equal(&a->attributes[i].value, &b->attributes[i].value))
			return false;
	return true;
}

int
otelp_provider_init(struct otelp_provider *provider, struct otel_pipeline *pipeline,
                    struct otel_resource *resource, int quota, struct otel_error *err)
{
	const struct otel_config *config = otelp_pipeline_config(pipeline);

	if (!pipeline || !resource)
		return otel_error_set(err, -EINVAL,
		                      "provider: needs a pipeline and a resource");
	memset(provider, 0, sizeof *provider);
	atomic_init(&provider->refs, 1);
	atomic_init(&provider->pipeline, pipeline);
	atomic_init(&provider->scopes, NULL);
	provider->resource = otel_resource_ref(resource);
	provider->sampler = config->sampler;
	provider->limits = config->limits;
	provider->disabled = config->disabled;
	atomic_init(&provider->quota.queued, 0);
	provider->quota.max = quota;
	return 0;
}

static void
scope_free(struct otelp_scope *scope)
{
	otelp_arena_fini(&scope->arena);
	otelp_free(scope);
}

void
otelp_provider_unref(struct otelp_provider *provider)
{
	struct otelp_scope *scope, *next;

	if (atomic_fetch_sub_explicit(&provider->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (scope = atomic_load(&provider->scopes); scope; scope = next) {
		next = scope->next;
		scope_free(scope);
	}
	otel_resource_unref(provider->resource);
	otelp_free(provider);
}

void
otelp_provider_close(struct otelp_provider *provider)
{
	if (!provider)
		return;
	atomic_store(&provider->pipeline, NULL);
	otelp_provider_unref(provider);
}

static struct otelp_scope *
scope_new(struct otelp_provider *provider, const struct otel_scope_data *like)
{
	struct otelp_scope *scope = otelp_calloc(1, sizeof *scope);

	if (!scope)
		return NULL;
	scope->provider = provider;
	otelp_arena_init(&scope->arena, NULL, 0, SIZE_MAX);
	if (otelp_scope_copy(&scope->arena, like, &scope->data))
		return scope;
	scope_free(scope);
	return NULL;
}

/* The list from `from` up to, not including, `until`. */
static struct otelp_scope *
find(struct otelp_scope *from, const struct otelp_scope *until,
     const struct otel_scope_data *like)
{
	while (from != until && !otelp_scope_equal(&from->data, like))
		from = from->next;
	return from != until ? from : NULL;
}

struct otelp_scope *
otelp_provider_scope(struct otelp_provider *provider, const struct otel_scope_data *like)
{
	static const struct otel_scope_data unnamed = { "", "", "", NULL, 0 };
	struct otelp_scope *first, *found, *made;

	if (!provider)
		return NULL;
	if (!like)
		like = &unnamed;
	first = atomic_load_explicit(&provider->scopes, memory_order_acquire);
	found = find(first, NULL, like);
	if (found)
		return found;
	if (!like->name || !*like->name)
		otelp_diag_once(OTEL_DIAG_WARN,
		                "a tracer or logger was asked for without a name");
	made = scope_new(provider, like);
	if (!made)
		return NULL;
	for (;;) { /* another thread may have added the same one meanwhile */
		made->next = first;
		if (atomic_compare_exchange_weak_explicit(&provider->scopes, &first, made,
		                                          memory_order_acq_rel,
		                                          memory_order_acquire))
			return made;
		found = find(first, made->next, like);
		if (found) {
			scope_free(made);
			return found;
		}
	}
}
