/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exemplars: beside what a metric adds up, a few single measurements with the span that they were made in.
 *
 * A series has one place for each bucket of a histogram, and one when it is something else. The first
 * measurement of an interval that passes the filter takes the place; until the reader has fetched it, all
 * others cost one load. The specification would rather have each measurement equally likely; that is a
 * random number and a clock for every one of them, on the hot path, for a choice nobody can see.
 *
 * Specification: metrics/sdk.md, Exemplar.
 */
#include "meter_priv.h"
#include "pipeline_priv.h"

enum state { EMPTY, BUSY, FULL };

__attribute__((noinline)) void
otelp_exemplar_offer(const struct otelp_stream *stream, struct otelp_exemplar *place,
                     uint64_t bits)
{
	const struct otel_span_context *context = otel_span_context(otel_span_current());
	bool sampled = otel_span_context_is_valid(context) &&
	               (context->flags & OTEL_TRACE_FLAG_SAMPLED);
	unsigned expected = EMPTY;

	if (!sampled && stream->exemplar_filter != OTEL_EXEMPLAR_FILTER_ALWAYS_ON)
		return;
	/* Who comes second leaves it to the first. */
	if (!atomic_compare_exchange_strong_explicit(&place->state, &expected, BUSY,
	                                             memory_order_acquire,
	                                             memory_order_relaxed))
		return;
	place->time_unix_ns = otelp_now_unix_ns();
	place->bits = bits;
	if (otel_span_context_is_valid(context)) {
		memcpy(place->trace_id, context->trace_id, sizeof place->trace_id);
		memcpy(place->span_id, context->span_id, sizeof place->span_id);
	} else {
		memset(place->trace_id, 0, sizeof place->trace_id);
		memset(place->span_id, 0, sizeof place->span_id);
	}
	atomic_store_explicit(&place->state, FULL, memory_order_release);
}

size_t
otelp_exemplars_take(const struct otelp_stream *stream, struct otelp_series *series,
                     bool keep, struct otel_exemplar_data *out)
{
	size_t n = 0;

	for (unsigned i = 0; i < stream->n_exemplars; i++) {
		struct otelp_exemplar *place = &series->exemplars[i];

		if (atomic_load_explicit(&place->state, memory_order_acquire) != FULL)
			continue;
		out[n].time_unix_ns = place->time_unix_ns;
		out[n].is_double = stream->kind != OTELP_COUNTER &&
		                   stream->kind != OTELP_UP_DOWN_COUNTER;
		memcpy(&out[n].integer, &place->bits, sizeof place->bits);
		memcpy(out[n].trace_id, place->trace_id, sizeof place->trace_id);
		memcpy(out[n].span_id, place->span_id, sizeof place->span_id);
		n++;
		if (!keep)
			atomic_store_explicit(&place->state, EMPTY, memory_order_release);
	}
	return n;
}

void
otelp_exemplars_reset(const struct otelp_stream *stream, struct otelp_series *series)
{
	for (unsigned i = 0; i < stream->n_exemplars; i++)
		atomic_store_explicit(&series->exemplars[i].state, EMPTY,
		                      memory_order_relaxed);
}
