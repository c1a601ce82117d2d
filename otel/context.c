/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts, and the thread-local pointer to the current one. The pointer lives in initial-exec storage:
 * reading it is one instruction, and a fiber switch swaps it by otel_context_swap.
 */
#include <string.h>

#include "context_priv.h"
#include "pipeline_priv.h"
#include <otel/baggage.h>
#include <otel/trace.h>

__thread struct otel_context *otelp_context_now;

struct otel_context_key {
	struct otel_context_key *next; /* never freed, but never lost either */
	char name[1];                  /* for a debugger */
};

static _Atomic(struct otel_context_key *) keys;

/* Immutable; contexts share the tails of their lists. */
struct otelp_context_entry {
	const struct otel_context_key *key;
	void *value;
	void (*free_value)(void *value);
	struct otelp_context_entry *next;
	atomic_uint refs;
};

static struct otelp_context_entry *
entry_ref(struct otelp_context_entry *entry)
{
	if (entry)
		atomic_fetch_add_explicit(&entry->refs, 1, memory_order_relaxed);
	return entry;
}

static void
entry_unref(struct otelp_context_entry *entry)
{
	while (entry &&
	       atomic_fetch_sub_explicit(&entry->refs, 1, memory_order_acq_rel) == 1) {
		struct otelp_context_entry *next = entry->next;

		if (entry->free_value)
			entry->free_value(entry->value);
		otelp_free(entry);
		entry = next;
	}
}

void
otelp_context_embed(struct otel_context *context, struct otel_span *span,
                    const struct otel_context *parent)
{
	context->span = span;
	context->baggage = parent && parent->baggage ? otel_baggage_ref(parent->baggage)
	                                             : NULL;
	context->entries = parent ? entry_ref(parent->entries) : NULL;
	context->embedded = true;
}

void
otelp_context_clear(struct otel_context *context)
{
	if (context->baggage)
		otel_baggage_unref(context->baggage);
	entry_unref(context->entries);
	context->baggage = NULL;
	context->entries = NULL;
}

/* A copy of `parent` on the heap, counted once. */
static struct otel_context *
context_new(const struct otel_context *parent)
{
	struct otel_context *context = otelp_calloc(1, sizeof *context);

	if (!context)
		return NULL;
	atomic_init(&context->refs, 1);
	if (parent) {
		context->span = otel_span_ref(parent->span);
		context->baggage = otel_baggage_ref(parent->baggage);
		context->entries = entry_ref(parent->entries);
	}
	return context;
}

struct otel_context *
otel_context_current(void)
{
	return otelp_context_now;
}

struct otel_context *
otel_context_swap(struct otel_context *context)
{
	struct otel_context *before = otelp_context_now;

	otelp_context_now = context;
	return before;
}

struct otel_context *
otel_context_ref(struct otel_context *context)
{
	if (context && context->embedded)
		otel_span_ref(context->span);
	else if (context)
		atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
	return context;
}

void
otel_context_unref(struct otel_context *context)
{
	if (!context)
		return;
	if (context->embedded) {
		otel_span_unref(context->span);
		return;
	}
	if (atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) != 1)
		return;
	otel_span_unref(context->span);
	otelp_context_clear(context);
	otelp_free(context);
}

const struct otel_context_key *
otel_context_key_new(const char *name)
{
	size_t len = name ? strlen(name) : 0;
	struct otel_context_key *key = otelp_malloc(sizeof *key + len);

	if (!key)
		return NULL;
	memcpy(key->name, name ? name : "", len + 1);
	key->next = atomic_load_explicit(&keys, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
		&keys, &key->next, key, memory_order_release, memory_order_relaxed))
		;
	return key;
}

void *
otel_context_value(const struct otel_context *context, const struct otel_context_key *key)
{
	const struct otelp_context_entry *entry = context ? context->entries : NULL;

	while (entry && entry->key != key)
		entry = entry->next;
	return entry ? entry->value : NULL;
}

struct otel_context *
otel_context_with_value(struct otel_context *parent, const struct otel_context_key *key,
                        void *value, void (*free_value)(void *value))
{
	struct otelp_context_entry *entry = key ? otelp_malloc(sizeof *entry) : NULL;
	struct otel_context *context = entry ? context_new(parent) : NULL;

	if (!context) {
		otelp_free(entry);
		if (free_value)
			free_value(value);
		return NULL;
	}
	entry->key = key;
	entry->value = value;
	entry->free_value = free_value;
	entry->next = context->entries;
	atomic_init(&entry->refs, 1);
	context->entries = entry;
	return context;
}

struct otel_context *
otel_context_with_span(struct otel_context *parent, struct otel_span *span)
{
	struct otel_context *context = context_new(parent);

	if (!context)
		return NULL;
	otel_span_unref(context->span);
	context->span = otel_span_ref(span);
	return context;
}

struct otel_span *
otel_context_span(const struct otel_context *context)
{
	return context ? context->span : NULL;
}

struct otel_context *
otel_context_with_baggage(struct otel_context *parent, struct otel_baggage *baggage)
{
	struct otel_context *context = context_new(parent);

	if (!context)
		return NULL;
	otel_baggage_unref(context->baggage);
	context->baggage = otel_baggage_ref(baggage);
	return context;
}

struct otel_baggage *
otel_context_baggage(const struct otel_context *context)
{
	return context ? context->baggage : NULL;
}
