/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/span_priv.h - what a span is made of, shared by span.c (its life), span-record.c (what is said of
 * it) and the propagators.
 */
#ifndef OTEL_SPAN_PRIV_H
#define OTEL_SPAN_PRIV_H

#include "attributes_priv.h"
#include "context_priv.h"
#include "pool_priv.h"
#include "provider_priv.h"
#include <otel/trace.h>

struct otelp_tracestate;

/* A tracer is a scope of a tracer provider. */
struct otel_tracer {
	struct otelp_scope scope;
};

/* Strings of ten attributes of 20 + 20 bytes, with room to spare. */
#define OTELP_SPAN_BYTES 1024

/* otel_span.state; 0: open and at rest */
#define OTELP_SPAN_BUSY   1u /* somebody changes it */
#define OTELP_SPAN_ENDED  2u
#define OTELP_SPAN_SILENT 4u /* it is not recorded */

struct otel_span {
	struct otelp_record record;
	atomic_uint refs;
	atomic_uint state;
	/* set at the start and not changed: */
	struct otel_context context; /* in which this span is the active one */
	struct otelp_scope *scope;   /* pinned; NULL: never used by a tracer */
	struct otelp_tracestate *trace_state;
	int64_t clock_offset_ns;
	/* changed by who made the state BUSY, and by who ended it: */
	struct otel_span_data data; /* data.context is set at the start */
	struct otel_event_data *events;
	struct otel_link_data *links;
	uint32_t events_capacity, links_capacity;
	struct otelp_arena arena;
	struct otelp_attributes attributes;
	char bytes[OTELP_SPAN_BYTES];
};

/* Moves the state from 0 to `to`, waiting while it is BUSY; false once it is ENDED, or SILENT. */
bool otelp_span_enter_state(struct otel_span *span, unsigned to);

/* A copy in the span's arena; NULL without memory. */
char *otelp_span_text(struct otel_span *span, const char *text);
/* Of a span that nobody else sees, or that is BUSY. */
void otelp_span_record_attributes(struct otel_span *span,
                                  const struct otel_attribute *attributes, size_t n);
void otelp_span_record_link(struct otel_span *span, const struct otel_link *link);

bool otelp_span_context_valid(const struct otel_span_context *context);
/*
 * A span that only carries `context`, with baggage and values of `parent` (NULL: none) and that state
 * (NULL: none; counted once more). NULL without memory.
 */
struct otel_span *otelp_span_wrap_in(const struct otel_context *parent,
                                     const struct otel_span_context *context,
                                     struct otelp_tracestate *trace_state);

#endif
