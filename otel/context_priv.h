/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/context_priv.h - what a context is made of.
 *
 * Three counted things and no parent: a context that is kept keeps no chain of ended spans alive. A span
 * embeds the context in which it is active; references to that one are references to the span.
 */
#ifndef OTEL_CONTEXT_PRIV_H
#define OTEL_CONTEXT_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>

#include <otel/context.h>

struct otelp_context_entry; /* a key and its value, and the ones before */

struct otel_context {
	struct otel_span *span; /* embedded: the span around it, not counted */
	struct otel_baggage *baggage;
	struct otelp_context_entry *entries;
	atomic_uint refs; /* of a context on the heap */
	bool embedded;
};

/* The calling thread's current one, NULL for none; for who must not pay for a call to look. */
extern __thread struct otel_context *otelp_context_now
	__attribute__((tls_model("initial-exec")));

/* Makes a span's own context: baggage and values of `parent` (NULL: none), and itself. */
void otelp_context_embed(struct otel_context *context, struct otel_span *span,
                         const struct otel_context *parent);
/* Gives up what an embedded context holds. */
void otelp_context_clear(struct otel_context *context);

#endif
