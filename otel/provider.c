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

static bool
has(const struct otel_scope_data *scope, const struct otel_attribute *attribute)
{
	for (size_t i = 0; i < scope->n_attributes; i++)
		if (text_equal(scope->attributes[i].key, attribute->key))
			return otelp_value_equal(&scope->attributes[i].value,
			                         &attribute->value);
	return false;
}

/* As many attributes, and each of the one is in the other: so it has no key twice either. */
bool
otelp_scope_equal(const struct otel_scope_data *copy, const struct otel_scope_data *like)
{
	if (!text_equal(copy->name, like->name) ||
	    !text_equal(copy->version, like->version) ||
	    !text_equal(copy->schema_url, like->schema_url) ||
	    copy->n_attributes != like->n_attributes)
		return false;
	for (size_t i = 0; i < copy->n_attributes; i++)
		if (!has(like, &copy->attributes[i]))
			return false;
	return true;
}

int
otelp_provider_init(struct otelp_provider *provider, struct otel_pipeline *pipeline,
                    struct otel_resource *resource, int quota, struct otel_error *err)
{
	const struct otel_config *config;

	if (!pipeline || !resource)
		return otel_error_set(err, -EINVAL,
		                      "provider: needs a pipeline and a resource");
	config = otelp_pipeline_config(pipeline);
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
	/* What the copy leaves out may have been all that was new. */
	found = find(first, NULL, &made->data);
	if (found) {
		scope_free(made);
		return found;
	}
	for (;;) { /* another thread may have added the same one meanwhile */
		made->next = first;
		if (atomic_compare_exchange_weak_explicit(&provider->scopes, &first, made,
		                                          memory_order_acq_rel,
		                                          memory_order_acquire))
			return made;
		found = find(first, made->next, &made->data);
		if (found) {
			scope_free(made);
			return found;
		}
	}
}
