/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/context.h - what belongs to the work that is being done: the span, the baggage, own values.
 *
 * A context is immutable and counted, so threads may share it. Each thread has a current one (each
 * fiber of the host its own); NULL is the empty context everywhere. A span carries the context in
 * which it is the active span, so that making a span current allocates nothing.
 *
 * Specification: context/README.md.
 */
#ifndef OTEL_CONTEXT_H
#define OTEL_CONTEXT_H

#include <otel/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct otel_context;
struct otel_span;
struct otel_baggage;

/* Borrows the calling thread's current context; NULL when it is empty. [any] */
OTEL_EXPORT struct otel_context *otel_context_current(void);
/*
 * Makes `context` current on this thread and returns the one that was, to be put back by another
 * call: attach is `old = otel_context_swap(ctx)`, detach is `otel_context_swap(old)`. Borrows: the
 * caller keeps a reference for as long as it is current. [any]
 */
OTEL_EXPORT struct otel_context *otel_context_swap(struct otel_context *context);

/* Another reference; of a span's own context it is one to the span. [any] */
OTEL_EXPORT struct otel_context *otel_context_ref(struct otel_context *context);
OTEL_EXPORT void otel_context_unref(struct otel_context *context); /* NULL is fine */

/* A key is unique by its address; the name is for people and is copied. Keys are never freed. NULL without memory. [any] */
struct otel_context_key;
OTEL_EXPORT const struct otel_context_key *otel_context_key_new(const char *name);
/* Borrows the value under `key`, or NULL. [any] */
OTEL_EXPORT void *otel_context_value(const struct otel_context *context,
                                     const struct otel_context_key *key);
/*
 * An owned child of `parent` in which `key` is `value`. `free_value`, when not NULL, is called with
 * the value once no context holds it; a service must drop such contexts before it stops. NULL without
 * memory, and then the value has been freed. [any]
 */
OTEL_EXPORT OTEL_MUST_USE struct otel_context *
otel_context_with_value(struct otel_context *parent, const struct otel_context_key *key,
                        void *value, void (*free_value)(void *value));

/* An owned child of `parent` in which `span` is the active span. Takes a reference of its own. NULL without memory. [any] */
OTEL_EXPORT OTEL_MUST_USE struct otel_context *otel_context_with_span(struct otel_context *parent,
                                                                      struct otel_span *span);
/* Borrows the active span; NULL when there is none. [any] */
OTEL_EXPORT struct otel_span *otel_context_span(const struct otel_context *context);

/* An owned child of `parent` with that baggage (NULL: without any). Takes a reference of its own. NULL without memory. [any] */
OTEL_EXPORT OTEL_MUST_USE struct otel_context *
otel_context_with_baggage(struct otel_context *parent, struct otel_baggage *baggage);
/* Borrows the baggage; NULL when there is none. [any] */
OTEL_EXPORT struct otel_baggage *otel_context_baggage(const struct otel_context *context);

#ifdef __cplusplus
}
#endif

#endif
