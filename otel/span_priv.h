/* SPDX-License-Identifier: Apache-2.0 */
/* otel/span_priv.h - what makes spans besides tracers: propagators. */
#ifndef OTEL_SPAN_PRIV_H
#define OTEL_SPAN_PRIV_H

#include "provider_priv.h"
#include <otel/trace.h>

struct otelp_tracestate;

/* A tracer is a scope of a tracer provider. */
struct otel_tracer {
	struct otelp_scope scope;
};

/*
 * A span that only carries `context`, with baggage and values of `parent` (NULL: none) and that state
 * (NULL: none; counted once more). NULL without memory.
 */
struct otel_span *otelp_span_wrap_in(const struct otel_context *parent,
                                     const struct otel_span_context *context,
                                     struct otelp_tracestate *trace_state);

#endif
