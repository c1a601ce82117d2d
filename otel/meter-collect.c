/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collection: what the streams hold, as data for exporters.
 *
 * The cells are emptied into totals that only collections touch, one for ever and one since the last
 * delta collection, so that readers of either temporality do not disturb each other, and recorders are
 * never held up. A measurement in flight is in this collection or in the next one, whole but for one
 * case: a histogram's sum, min and max may be ahead of its count by what is being recorded meanwhile.
 *
 * All memory is got before the first cell is emptied: a collection that fails loses nothing.
 */
#include <errno.h>
#include <math.h>

#include "meter_priv.h"
#include "pipeline_priv.h"

#define CHUNK_SIZE 16384

struct otelp_collection_chunk {
	struct otelp_collection_chunk *next;
	size_t size, used;
	unsigned char data[] __attribute__((aligned(16)));
};

static void *
get(struct otelp_collection *collection, size_t size)
{
	struct otelp_collection_chunk *chunk = collection->chunks;
	size_t room;
	void *p;

	size = (size + 15) & ~(size_t)15;
	if (!chunk || chunk->size - chunk->used < size) {
		room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
		chunk = otelp_malloc(sizeof *chunk + room);
		if (!chunk)
			return NULL;
		chunk->size = room;
		chunk->used = 0;
		chunk->next = collection->chunks;
		collection->chunks = chunk;
	}
	p = chunk->data + chunk->used;
	chunk->used += size;
	return p;
}

void
otelp_collection_reset(struct otelp_collection *collection)
{
	struct otelp_collection_chunk *chunk = collection->chunks, *next;

	for (; chunk; chunk = next) {
		next = chunk->next;
		otelp_free(chunk);
	}
	collection->chunks = NULL;
}

/* What is being collected, with room for all of it. */
struct target {
	struct otelp_stream *stream;
	unsigned orphan; /* see orphaned() */
	struct otel_metric_data *metric;
	struct otel_point_data *points;
	uint64_t *counts;
	struct otel_exemplar_data *exemplars;
	size_t n; /* series that were there when the room was made */
};

struct round {
	struct otel_meter_provider *provider;
	uint64_t now;
	int preference;
	bool is_reader; /* the pipeline's, and not somebody who looks */
};

static int
temporality_of(int kind, int preference)
{
	bool delta = false;

	switch (kind) {
	case OTELP_COUNTER:
	case OTELP_COUNTER_DOUBLE:
	case OTELP_HISTOGRAM:
		delta = preference != OTEL_TEMPORALITY_CUMULATIVE;
		break;
	case OTELP_OBSERVABLE_COUNTER:
		delta = preference == OTEL_TEMPORALITY_DELTA;
		break;
	}
	return delta ? OTEL_TEMPORALITY_DELTA : OTEL_TEMPORALITY_CUMULATIVE;
}

static int
type_of(int kind)
{
	if (kind == OTELP_HISTOGRAM)
		return OTEL_METRIC_HISTOGRAM;
	return kind == OTELP_GAUGE || kind == OTELP_OBSERVABLE_GAUGE ? OTEL_METRIC_GAUGE
	                                                             : OTEL_METRIC_SUM;
}

static bool
is_monotonic(int kind)
{
	return kind == OTELP_COUNTER || kind == OTELP_COUNTER_DOUBLE ||
	       kind == OTELP_OBSERVABLE_COUNTER;
}

static double
from_bits(uint64_t bits)
{
	double number;

	memcpy(&number, &bits, sizeof number);
	return number;
}

/* Empties a cell that a recorder may be adding to. */
static uint64_t
take(_Atomic uint64_t *cell, uint64_t empty)
{
	if (atomic_load_explicit(cell, memory_order_acquire) == empty)
		return empty;
	return atomic_exchange_explicit(cell, empty, memory_order_acquire);
}

static void
drain_sum(const struct otelp_stream *stream, struct otelp_series *series)
{
	struct otelp_cell *cell;
	uint64_t bits;

	for (unsigned i = 0; i < stream->n_shards; i++) {
		cell = (void *)(series->cells + (size_t)i * stream->stride);
		bits = take(&cell->bits, 0);
		if (stream->kind == OTELP_COUNTER_DOUBLE) {
			series->total.number += from_bits(bits);
			series->pending.number += from_bits(bits);
		} else { /* by way of unsigned: it may wrap */
			series->total.integer =
				(int64_t)((uint64_t)series->total.integer + bits);
			series->pending.integer =
				(int64_t)((uint64_t)series->pending.integer + bits);
		}
	}
}

static void
drain_histogram(const struct otelp_stream *stream, struct otelp_series *series)
{
	struct otelp_distribution *all = &series->all, *recent = &series->recent;
	struct otelp_histogram_cell *cell;
	double sum, min, max, infinity = INFINITY;
	uint64_t count, empty_min;

	memcpy(&empty_min, &infinity, sizeof infinity);
	for (unsigned i = 0; i < stream->n_shards; i++) {
		cell = (void *)(series->cells + (size_t)i * stream->stride);
		/* The counts first: see otel_histogram_record_n. */
		for (unsigned b = 0; b <= stream->n_bounds; b++) {
			count = take(&cell->counts[b], 0);
			all->counts[b] += count;
			all->count += count;
			recent->counts[b] += count;
			recent->count += count;
		}
		sum = from_bits(take(&cell->sum, 0));
		min = from_bits(take(&cell->min, empty_min));
		max = from_bits(take(&cell->max, 0));
		all->sum += sum;
		recent->sum += sum;
		all->min = fmin(all->min, min);
		recent->min = fmin(recent->min, min);
		all->max = fmax(all->max, max);
		recent->max = fmax(recent->max, max);
	}
}

static bool
is_observable(int kind)
{
	return kind >= OTELP_OBSERVABLE_COUNTER;
}

/* A total that falls has been started again, by the next version of a service say. */
static void
take_observation(const struct round *round, const struct otelp_stream *stream,
                 struct otelp_series *series)
{
	union otelp_number seen = series->seen, *total = &series->total,
			   *pending = &series->pending;
	bool fell;

	if (series->observed != round->provider->collections)
		return;
	if (stream->kind == OTELP_OBSERVABLE_COUNTER) {
		if (series->is_double != series->was_double) {
			memset(pending, 0, sizeof *pending);
			memset(total, 0, sizeof *total);
			series->was_double = series->is_double;
		}
		fell = series->is_double ? seen.number < total->number
		                         : seen.integer < total->integer;
		if (fell)
			atomic_store_explicit(&series->start_unix_ns,
			                      series->collected_unix_ns,
			                      memory_order_relaxed);
		if (series->is_double)
			pending->number += fell ? seen.number
			                        : seen.number - total->number;
		else
			pending->integer += fell ? seen.integer
			                         : seen.integer - total->integer;
	}
	*total = seen;
	series->collected_unix_ns = round->now;
}

static void
fill_number(const struct otelp_stream *stream, struct otelp_series *series, bool delta,
            struct otel_point_data *point)
{
	union otelp_number value = delta ? series->pending : series->total;

	point->is_double = is_observable(stream->kind)
	                           ? series->is_double
	                           : stream->kind != OTELP_COUNTER &&
	                                     stream->kind != OTELP_UP_DOWN_COUNTER;
	if (point->is_double)
		point->number = value.number;
	else
		point->integer = value.integer;
	if (delta)
		memset(&series->pending, 0, sizeof series->pending);
}

static void
fill_histogram(struct otelp_stream const *stream, struct otelp_series *series, bool delta,
               struct otel_point_data *point, uint64_t *counts)
{
	struct otelp_distribution *from = delta ? &series->recent : &series->all;

	memcpy(counts, from->counts, (stream->n_bounds + 1) * sizeof *counts);
	point->bucket_counts = counts;
	point->bounds = stream->bounds;
	point->n_bounds = stream->n_bounds;
	point->count = from->count;
	point->sum = from->sum;
	point->min = from->count ? from->min : 0;
	point->max = from->max;
	point->is_double = true;
	if (delta) {
		from->count = 0;
		from->sum = from->max = 0;
		from->min = INFINITY;
		memset(from->counts, 0, (stream->n_bounds + 1) * sizeof *from->counts);
	}
}

/* Takes what has been recorded; false when there is nothing to report. */
static bool
drain(const struct round *round, const struct otelp_stream *stream,
      struct otelp_series *series, bool delta)
{
	const struct otelp_cell *cell;

	switch (stream->kind) {
	case OTELP_HISTOGRAM:
		drain_histogram(stream, series);
		return !delta || series->recent.count;
	case OTELP_GAUGE:
		cell = (const void *)series->cells;
		if (!atomic_load_explicit(&cell->set, memory_order_acquire))
			return false;
		series->total.number = from_bits(
			atomic_load_explicit(&cell->bits, memory_order_relaxed));
		return true;
	case OTELP_OBSERVABLE_GAUGE:
		take_observation(round, stream, series);
		return series->observed == round->provider->collections;
	case OTELP_OBSERVABLE_COUNTER:
	case OTELP_OBSERVABLE_UP_DOWN_COUNTER:
		take_observation(round, stream, series);
		if (!series->observed)
			return false;
		if (delta) /* bits: a zero of either type */
			return series->pending.integer != 0;
		/* A set that its callback no longer tells of has ended; without one, it rests. */
		return series->observed == round->provider->collections ||
		       !atomic_load_explicit(&stream->n_handles, memory_order_relaxed);
	default:
		drain_sum(stream, series);
		return !delta || series->pending.integer != 0;
	}
}

static void
fill(const struct round *round, const struct target *target)
{
	const struct otelp_stream *stream = target->stream;
	struct otelp_series *series = atomic_load_explicit(&stream->series,
	                                                   memory_order_acquire);
	bool delta = target->metric->temporality == OTEL_TEMPORALITY_DELTA;
	struct otel_point_data *point = target->points;
	uint64_t *counts = target->counts;
	struct otel_exemplar_data *exemplars = target->exemplars;
	uint64_t start;

	for (size_t i = 0; i < target->n; i++) {
		if (drain(round, stream, series, delta)) {
			memset(point, 0, sizeof *point);
			point->attributes = series->attributes;
			point->n_attributes = series->n;
			start = atomic_load_explicit(&series->start_unix_ns,
			                             memory_order_relaxed);
			if (delta && start < round->provider->last_delta_unix_ns)
				start = round->provider->last_delta_unix_ns;
			point->start_unix_ns = target->metric->type == OTEL_METRIC_GAUGE
			                               ? 0
			                               : start;
			point->time_unix_ns = round->now > start ? round->now : start;
			if (stream->kind == OTELP_HISTOGRAM) {
				fill_histogram(stream, series, delta, point, counts);
				counts += stream->n_bounds + 1;
			} else {
				fill_number(stream, series, delta, point);
			}
			point->exemplars = exemplars;
			point->n_exemplars = otelp_exemplars_take(
				stream, series, !round->is_reader, exemplars);
			exemplars += point->n_exemplars;
			point++;
		}
		series = atomic_load_explicit(&series->next, memory_order_acquire);
	}
	target->metric->n_points = (size_t)(point - target->points);
}

static int
make_room(const struct round *round, struct otelp_stream *stream, struct target *target,
          struct otelp_collection *memory)
{
	struct otel_metric_data *metric = target->metric;
	size_t n = atomic_load_explicit(&stream->n_series, memory_order_acquire);

	target->stream = stream;
	target->n = n;
	target->points = get(memory, n * sizeof *target->points);
	target->counts = stream->kind == OTELP_HISTOGRAM
	                         ? get(memory, n * (stream->n_bounds + 1) *
	                                               sizeof *target->counts)
	                         : NULL;
	target->exemplars = stream->n_exemplars
	                            ? get(memory, n * stream->n_exemplars *
	                                                  sizeof *target->exemplars)
	                            : NULL;
	if (!target->points || (stream->kind == OTELP_HISTOGRAM && !target->counts) ||
	    (stream->n_exemplars && !target->exemplars))
		return -ENOMEM;
	memset(metric, 0, sizeof *metric);
	metric->resource = round->provider->resource;
	metric->scope = &stream->scope->data;
	metric->name = stream->name;
	metric->unit = stream->unit;
	metric->description =
		atomic_load_explicit(&stream->description, memory_order_acquire)->text;
	metric->type = type_of(stream->kind);
	metric->temporality = temporality_of(stream->kind, round->preference);
	metric->monotonic = is_monotonic(stream->kind);
	metric->points = target->points;
	return 0;
}

/*
 * When nobody feeds the stream, so that after this collection nothing is left to tell: the number of
 * handles that it has had. Read first: one that comes and goes meanwhile makes it another number.
 */
static unsigned
orphaned(const struct otelp_stream *stream)
{
	unsigned attached = atomic_load(&stream->n_attached);

	return atomic_load(&stream->n_handles) ? 0 : attached;
}

static bool
has_something_to_tell(const struct otelp_stream *stream, unsigned orphan)
{
	return !(orphan && orphan == stream->told_last) &&
	       !atomic_load_explicit(&stream->superseded, memory_order_acquire) &&
	       atomic_load_explicit(&stream->n_series, memory_order_acquire);
}

/* Metrics without points are left out, in their order. */
static size_t
squeeze(struct otel_metric_data *metrics, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (metrics[i].n_points)
			metrics[kept++] = metrics[i];
	return kept;
}

static int
collect_into(struct round *round, struct otelp_collection *memory,
             const struct otel_metric_data **out, size_t *n_out)
{
	struct otel_meter_provider *provider = round->provider;
	struct otel_metric_data *metrics;
	struct target *targets;
	struct otelp_scope *scope;
	struct otelp_stream *stream;
	size_t room, n = 0;
	int r;

	provider->collections++;
	otelp_observables_run(provider);
	round->now = otelp_now_unix_ns();
	pthread_mutex_lock(&otelp_metrics_lock);
	room = provider->n_streams;
	pthread_mutex_unlock(&otelp_metrics_lock);
	metrics = get(memory, room * sizeof *metrics);
	targets = get(memory, room * sizeof *targets);
	if (!metrics || !targets)
		return -ENOMEM;
	for (scope = atomic_load_explicit(&provider->scopes, memory_order_acquire); scope;
	     scope = atomic_load_explicit(&scope->next, memory_order_acquire))
		for (stream = atomic_load_explicit(&scope->streams, memory_order_acquire);
		     stream;
		     stream = atomic_load_explicit(&stream->next, memory_order_acquire)) {
			unsigned orphan = orphaned(stream);

			if (n == room || !has_something_to_tell(stream, orphan))
				continue;
			targets[n].orphan = orphan;
			targets[n].metric = &metrics[n];
			r = make_room(round, stream, &targets[n], memory);
			if (r < 0)
				return r;
			n++;
		}
	for (size_t i = 0; i < n; i++) {
		fill(round, &targets[i]);
		if (round->is_reader)
			targets[i].stream->told_last = targets[i].orphan;
	}
	if (round->preference != OTEL_TEMPORALITY_CUMULATIVE)
		provider->last_delta_unix_ns = round->now;
	*n_out = squeeze(metrics, n);
	*out = metrics;
	return 0;
}

static int
collect(struct otel_meter_provider *provider, int preference,
        struct otelp_collection *memory, const struct otel_metric_data **metrics,
        size_t *n)
{
	struct round round = { provider, 0, preference, memory == &provider->reader };
	int r;

	if (otelp_observables_run_here(provider))
		return -EDEADLK;
	pthread_mutex_lock(&provider->collecting);
	if (memory == &provider->reader)
		otelp_collection_reset(memory);
	r = collect_into(&round, memory, metrics, n);
	pthread_mutex_unlock(&provider->collecting);
	return r;
}

int
otelp_meter_provider_collect(struct otel_meter_provider *provider, int temporality,
                             const struct otel_metric_data **metrics, size_t *n)
{
	return collect(provider, temporality, &provider->reader, metrics, n);
}

int
otel_meter_provider_collect(struct otel_meter_provider *provider,
                            int (*visit)(const struct otel_metric_data *metric,
                                         void *userdata),
                            void *userdata)
{
	struct otelp_collection memory = { NULL };
	const struct otel_metric_data *metrics;
	size_t n = 0;
	int r;

	if (!provider)
		return 0;
	r = collect(provider, OTEL_TEMPORALITY_CUMULATIVE, &memory, &metrics, &n);
	for (size_t i = 0; i < n && !r; i++)
		r = visit(&metrics[i], userdata);
	otelp_collection_reset(&memory);
	return r;
}
