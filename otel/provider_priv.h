/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/provider_priv.h - what tracer and logger providers have in common: a resource, settings, a quota
 * and a list of scopes, whose handles (tracers, loggers) are interned.
 *
 * Counted, because records refer to their scope until they have been exported. A pooled record keeps its
 * reference while it is idle, so that a record which serves the same provider again touches no counter;
 * a provider that was freed lives on, closed, until the last such record has found another.
 */
#ifndef OTEL_PROVIDER_PRIV_H
#define OTEL_PROVIDER_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>

#include "arena_priv.h"
#include "pipeline_priv.h"
#include <otel/sdk.h>

struct otelp_provider;

struct otelp_scope { /* immutable once it is in the list */
	struct otelp_scope *next;
	struct otelp_provider *provider;
	struct otel_scope_data data; /* in the arena */
	struct otelp_arena arena;
};

struct otelp_provider {
	atomic_uint refs;
	_Atomic(struct otel_pipeline *)
		pipeline; /* borrowed; NULL once the provider was freed */
	struct otel_resource *resource;
	struct otel_sampler_config sampler; /* traces */
	struct otel_limits limits;
	bool disabled; /* OTEL_SDK_DISABLED: contexts pass through, nothing is made */
	struct otelp_quota quota;
	_Atomic(struct otelp_scope *) scopes; /* grows only */
};

int otelp_provider_init(struct otelp_provider *provider, struct otel_pipeline *pipeline,
                        struct otel_resource *resource, int quota,
                        struct otel_error *err);
/* What the owner does: closes it and gives up its reference. */
void otelp_provider_close(struct otelp_provider *provider);
void otelp_provider_unref(struct otelp_provider *provider);
/* The provider's scope that equals `like` (NULL: an unnamed one); NULL without memory. [any] */
struct otelp_scope *otelp_provider_scope(struct otelp_provider *provider,
                                         const struct otel_scope_data *like);

/* Makes *pinned, a record's scope (NULL at first), be `scope`, moving the reference when it has to. */
static inline void
otelp_scope_pin(struct otelp_scope **pinned, struct otelp_scope *scope)
{
	struct otelp_provider *old = *pinned ? (*pinned)->provider : NULL;

	*pinned = scope;
	if (__builtin_expect(scope && old == scope->provider, 1))
		return;
	if (scope)
		atomic_fetch_add_explicit(&scope->provider->refs, 1,
		                          memory_order_relaxed);
	if (old)
		otelp_provider_unref(old);
}

/* Copies of scopes, for whoever keeps them otherwise (meters). */
bool otelp_scope_copy(struct otelp_arena *arena, const struct otel_scope_data *from,
                      struct otel_scope_data *to);
/* Whether a copy is of that scope, in whatever order its attributes were given. */
bool otelp_scope_equal(const struct otel_scope_data *copy,
                       const struct otel_scope_data *like);

#endif
