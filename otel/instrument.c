/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Synchronous instruments: handles on a stream, and the calls that record.
 *
 * A handle belongs to its meter; asking a meter twice for one instrument gives the same handle, so that
 * code which makes its instruments over and over does not grow. Recording is: find the series, add to
 * this thread's cell.
 */
#include <math.h>

#include "context_priv.h"
#include "meter_priv.h"
#include "pipeline_priv.h"

struct otel_counter {
	struct otelp_instrument base;
};
struct otel_counter_double {
	struct otelp_instrument base;
};
struct otel_up_down_counter {
	struct otelp_instrument base;
};
struct otel_histogram {
	struct otelp_instrument base;
};
struct otel_gauge {
	struct otelp_instrument base;
};

static void *
instrument_new(struct otel_meter *meter, struct otelp_stream_want *want)
{
	struct otelp_notes notes = { 0 };
	struct otelp_instrument *instrument = NULL;
	struct otelp_stream *stream = NULL;

	if (!meter)
		return NULL;
	want->name = want->name ? want->name : "";
	want->unit = want->unit ? want->unit : "";
	want->description = want->description ? want->description : "";
	pthread_mutex_lock(&otelp_metrics_lock);
	if (!meter->provider->disabled)
		stream = otelp_stream_attach(meter, want, &notes);
	/* Those that record nothing share one handle too. */
	for (instrument = meter->instruments; instrument; instrument = instrument->next)
		if (atomic_load_explicit(&instrument->stream, memory_order_relaxed) ==
		    stream)
			break;
	if (!instrument && (stream || meter->provider->disabled || notes.too_many)) {
		instrument = otelp_calloc(1, sizeof *instrument);
		if (instrument) {
			atomic_init(&instrument->stream, stream);
			if (stream)
				otelp_stream_attached(stream);
			instrument->next = meter->instruments;
			meter->instruments = instrument;
		}
	}
	pthread_mutex_unlock(&otelp_metrics_lock);
	otelp_notes_say(&notes, meter, want);
	if (!instrument)
		otelp_diag_once(OTEL_DIAG_WARN,
		                "metrics: out of memory, an instrument is missing");
	return instrument;
}

struct otel_counter *
otel_counter_new(struct otel_meter *meter, const char *name, const char *unit,
                 const char *description)
{
	return instrument_new(meter, &(struct otelp_stream_want){ OTELP_COUNTER, name,
	                                                          unit, description });
}

struct otel_counter_double *
otel_counter_double_new(struct otel_meter *meter, const char *name, const char *unit,
                        const char *description)
{
	return instrument_new(meter,
	                      &(struct otelp_stream_want){ OTELP_COUNTER_DOUBLE, name,
	                                                   unit, description });
}

struct otel_up_down_counter *
otel_up_down_counter_new(struct otel_meter *meter, const char *name, const char *unit,
                         const char *description)
{
	return instrument_new(meter,
	                      &(struct otelp_stream_want){ OTELP_UP_DOWN_COUNTER, name,
	                                                   unit, description });
}

struct otel_gauge *
otel_gauge_new(struct otel_meter *meter, const char *name, const char *unit,
               const char *description)
{
	return instrument_new(meter, &(struct otelp_stream_want){ OTELP_GAUGE, name, unit,
	                                                          description });
}

struct otel_histogram *
otel_histogram_new(struct otel_meter *meter, const char *name, const char *unit,
                   const char *description, const double *bounds, size_t n_bounds)
{
	return instrument_new(meter, &(struct otelp_stream_want){ OTELP_HISTOGRAM, name,
	                                                          unit, description,
	                                                          bounds, n_bounds });
}

static __attribute__((noinline)) void
refuse(struct otelp_stream *stream, const char *why)
{
	if (!atomic_flag_test_and_set(&stream->said_value))
		otelp_diag(OTEL_DIAG_WARN, "metrics: %s '%s': %s",
		           otelp_kind_name(stream->kind), stream->name, why);
}

static inline struct otelp_series *
series_of(struct otelp_stream *stream, const struct otel_attribute *attributes, size_t n)
{
	struct otelp_series *series;

	if (n)
		return otelp_stream_series_n(stream, attributes, n);
	series = atomic_load_explicit(&stream->bare, memory_order_acquire);
	return likely(series != NULL) ? series : otelp_stream_bare(stream);
}

static inline void *
cell_of(const struct otelp_stream *stream, const struct otelp_series *series)
{
	return series->cells + (size_t)otelp_shard() * stream->stride;
}

/* Beside the cell, which has it in any case: a measurement as an example of all of them. */
static inline void
offer_exemplar(const struct otelp_stream *stream, const struct otelp_series *series,
               unsigned place, uint64_t bits)
{
	/* Outside any span, the one load tells that there is nothing to offer. */
	if ((otelp_context_now ||
	     stream->exemplar_filter == OTEL_EXEMPLAR_FILTER_ALWAYS_ON) &&
	    stream->n_exemplars &&
	    !atomic_load_explicit(&series->exemplars[place].state, memory_order_relaxed))
		otelp_exemplar_offer(stream, &series->exemplars[place], bits);
}

static inline void
add_int(struct otelp_stream *stream, int64_t value,
        const struct otel_attribute *attributes, size_t n)
{
	struct otelp_series *series = series_of(stream, attributes, n);
	struct otelp_cell *cell;

	if (unlikely(!series))
		return;
	cell = cell_of(stream, series);
	atomic_fetch_add_explicit(&cell->bits, (uint64_t)value, memory_order_relaxed);
	offer_exemplar(stream, series, 0, (uint64_t)value);
}

static inline double
from_bits(uint64_t bits)
{
	double number;

	memcpy(&number, &bits, sizeof number);
	return number;
}

static inline uint64_t
to_bits(double number)
{
	uint64_t bits;

	memcpy(&bits, &number, sizeof bits);
	return bits;
}

static inline void
add_double(_Atomic uint64_t *cell, double value)
{
	uint64_t old = atomic_load_explicit(cell, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(
		cell, &old, to_bits(from_bits(old) + value), memory_order_relaxed,
		memory_order_relaxed))
		;
}

void
otel_counter_add_n(struct otel_counter *counter, int64_t value,
                   const struct otel_attribute *attributes, size_t n)
{
	struct otelp_stream *stream;

	if (!counter)
		return;
	stream = atomic_load_explicit(&counter->base.stream, memory_order_acquire);
	if (unlikely(!stream))
		return;
	if (unlikely(value < 0))
		refuse(stream, "a negative value is ignored");
	else
		add_int(stream, value, attributes, n);
}

void
otel_up_down_counter_add_n(struct otel_up_down_counter *counter, int64_t value,
                           const struct otel_attribute *attributes, size_t n)
{
	struct otelp_stream *stream;

	if (!counter)
		return;
	stream = atomic_load_explicit(&counter->base.stream, memory_order_acquire);
	if (likely(stream != NULL))
		add_int(stream, value, attributes, n);
}

void
otel_counter_double_add_n(struct otel_counter_double *counter, double value,
                          const struct otel_attribute *attributes, size_t n)
{
	struct otelp_stream *stream;
	struct otelp_series *series;
	struct otelp_cell *cell;

	if (!counter)
		return;
	stream = atomic_load_explicit(&counter->base.stream, memory_order_acquire);
	if (unlikely(!stream))
		return;
	if (unlikely(!(value >= 0) || isinf(value))) {
		refuse(stream, "a value that is negative or not finite is ignored");
		return;
	}
	series = series_of(stream, attributes, n);
	if (unlikely(!series))
		return;
	cell = cell_of(stream, series);
	add_double(&cell->bits, value);
	offer_exemplar(stream, series, 0, to_bits(value));
}

void
otel_gauge_record_n(struct otel_gauge *gauge, double value,
                    const struct otel_attribute *attributes, size_t n)
{
	struct otelp_stream *stream;
	struct otelp_series *series;
	struct otelp_cell *cell;

	if (!gauge)
		return;
	stream = atomic_load_explicit(&gauge->base.stream, memory_order_acquire);
	if (unlikely(!stream))
		return;
	if (unlikely(!isfinite(value))) {
		refuse(stream, "a value that is not finite is ignored");
		return;
	}
	series = series_of(stream, attributes, n);
	if (unlikely(!series))
		return;
	cell = (void *)series->cells;
	atomic_store_explicit(&cell->bits, to_bits(value), memory_order_relaxed);
	atomic_store_explicit(&cell->set, true, memory_order_release);
	offer_exemplar(stream, series, 0, to_bits(value));
}

/* The first bucket whose upper bound is not below the value: bounds are inclusive. */
static inline unsigned
bucket_of(const struct otelp_stream *stream, double value)
{
	const double *bounds = stream->bounds;
	unsigned base = 0, left = stream->n_bounds, half;

	while (left > 1) {
		half = left / 2;
		base = bounds[base + half - 1] < value ? base + half : base;
		left -= half;
	}
	return base + (left && bounds[base] < value);
}

void
otel_histogram_record_n(struct otel_histogram *histogram, double value,
                        const struct otel_attribute *attributes, size_t n)
{
	struct otelp_histogram_cell *cell;
	struct otelp_stream *stream;
	struct otelp_series *series;
	uint64_t bits, old;
	unsigned bucket;

	if (!histogram)
		return;
	stream = atomic_load_explicit(&histogram->base.stream, memory_order_acquire);
	if (unlikely(!stream))
		return;
	if (unlikely(!(value >= 0) || isinf(value))) {
		refuse(stream, "a value that is negative or not finite is ignored");
		return;
	}
	series = series_of(stream, attributes, n);
	if (unlikely(!series))
		return;
	cell = cell_of(stream, series);
	value += 0.0; /* of the two zeros, the one whose bits are 0 */
	bits = to_bits(value);
	/* Doubles that are not negative are in the order of their bits. */
	old = atomic_load_explicit(&cell->min, memory_order_relaxed);
	while (bits < old && !atomic_compare_exchange_weak_explicit(
				     &cell->min, &old, bits, memory_order_relaxed,
				     memory_order_relaxed))
		;
	old = atomic_load_explicit(&cell->max, memory_order_relaxed);
	while (bits > old && !atomic_compare_exchange_weak_explicit(
				     &cell->max, &old, bits, memory_order_relaxed,
				     memory_order_relaxed))
		;
	add_double(&cell->sum, value);
	/* Last, and with release order: what is counted has its part in sum, min and max. */
	bucket = bucket_of(stream, value);
	atomic_fetch_add_explicit(&cell->counts[bucket], 1, memory_order_release);
	offer_exemplar(stream, series, bucket, bits);
}
