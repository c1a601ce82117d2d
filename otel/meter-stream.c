/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams by identity: scope, name (letters of either case are the same), kind and unit.
 *
 * An instrument that is made again finds its stream and goes on there, which is what carries a counter
 * over the reload of a service. One that is not made again, because the next version has another name
 * for it say, is reported once more after the last of its handles has gone, and then rests. What differs in kind or unit gets a stream of its own and one warning,
 * as the specification wants it. Bounds of a histogram are not part of the identity: within one meter
 * the first ones hold; another meter of the scope, the next version of a service that is, brings its
 * own, and the histogram starts anew with them.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <strings.h>

#include "meter_priv.h"
#include "pipeline_priv.h"

/* metrics/sdk.md, "Instrument advisory parameters" and the default of the explicit bucket histogram */
static const double default_bounds[] = { 0,   5,   10,   25,   50,   75,   100,  250,
	                                 500, 750, 1000, 2500, 5000, 7500, 10000 };

const char *
otelp_kind_name(int kind)
{
	static const char *const names[] = { "counter",
		                             "counter (double)",
		                             "up-down counter",
		                             "histogram",
		                             "gauge",
		                             "observable counter",
		                             "observable up-down counter",
		                             "observable gauge" };

	return names[kind];
}

/* ASCII whatever the locale */
static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
name_conforms(const char *name)
{
	size_t n = 1;

	if (!is_letter(name[0]))
		return false;
	for (; name[n]; n++)
		if (!is_letter(name[n]) && !(name[n] >= '0' && name[n] <= '9') &&
		    !strchr("_.-/", name[n]))
			return false;
	return n <= 255;
}

static bool
unit_conforms(const char *unit)
{
	size_t n = 0;

	for (; unit[n]; n++)
		if ((unsigned char)unit[n] >= 0x80)
			return false;
	return n <= 63;
}

static bool
bounds_conform(const double *bounds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(bounds[i]) || (i && bounds[i] <= bounds[i - 1]))
			return false;
	return n <= OTELP_MAX_BOUNDS;
}

static bool
same_bounds(const struct otelp_stream *stream, const struct otelp_stream_want *want)
{
	return stream->n_bounds == want->n_bounds &&
	       (!want->n_bounds || !memcmp(stream->bounds, want->bounds,
	                                   want->n_bounds * sizeof *want->bounds));
}

static uint32_t
stride_of(const struct otelp_stream_want *want)
{
	size_t n = sizeof(struct otelp_cell);

	if (want->kind == OTELP_HISTOGRAM)
		n = sizeof(struct otelp_histogram_cell) +
		    (want->n_bounds + 1) * sizeof(uint64_t);
	return (uint32_t)((n + OTELP_CACHE_LINE - 1) / OTELP_CACHE_LINE *
	                  OTELP_CACHE_LINE);
}

static int
describe(struct otelp_stream *stream, const char *description)
{
	struct otelp_text *text,
		*old = atomic_load_explicit(&stream->description, memory_order_relaxed);
	size_t size = strlen(description) + 1;

	if (old && (size == 1 || !strcmp(old->text, description)))
		return 0;
	text = otelp_malloc(sizeof *text + size);
	if (!text)
		return -ENOMEM;
	text->older = old;
	memcpy(text->text, description, size);
	atomic_store_explicit(&stream->description, text, memory_order_release);
	return 0;
}

static struct otelp_stream *
stream_new(struct otel_meter_provider *provider, struct otelp_scope *scope,
           const struct otelp_stream_want *want)
{
	struct otelp_stream *stream = otelp_calloc(1, sizeof *stream);
	double *bounds = NULL;

	if (!stream)
		return NULL;
	stream->provider = provider;
	stream->scope = scope;
	stream->kind = want->kind;
	stream->stride = stride_of(want);
	/* A last value has one place, or it could not be told which is the last. */
	stream->n_shards = want->kind >= OTELP_GAUGE ? 1 : provider->n_shards;
	stream->exemplar_filter = provider->exemplar_filter;
	/* What a callback observes is measured in nobody's span. */
	if (stream->exemplar_filter != OTEL_EXEMPLAR_FILTER_ALWAYS_OFF &&
	    want->kind <= OTELP_GAUGE)
		stream->n_exemplars = want->kind == OTELP_HISTOGRAM
		                              ? (uint32_t)want->n_bounds + 1
		                              : 1;
	stream->name = otelp_strdup(want->name);
	stream->unit = otelp_strdup(want->unit);
	if (want->kind == OTELP_HISTOGRAM) {
		bounds = otelp_malloc(want->n_bounds * sizeof *bounds + 1);
		if (bounds && want->n_bounds)
			memcpy(bounds, want->bounds, want->n_bounds * sizeof *bounds);
		stream->bounds = bounds;
		stream->n_bounds = (uint32_t)want->n_bounds;
	}
	if (!stream->name || !stream->unit || describe(stream, want->description) < 0 ||
	    (want->kind == OTELP_HISTOGRAM && !bounds)) {
		otelp_stream_free(stream);
		return NULL;
	}
	return stream;
}

void
otelp_stream_free(struct otelp_stream *stream)
{
	struct otelp_text *text, *older;

	if (!stream)
		return;
	otelp_stream_free_series(stream);
	for (text = atomic_load(&stream->description); text; text = older) {
		older = text->older;
		otelp_free(text);
	}
	otelp_free(stream->name);
	otelp_free(stream->unit);
	otelp_free((void *)(uintptr_t)stream->bounds);
	otelp_free(stream);
}

static void
link_stream(struct otelp_scope *scope, struct otelp_stream *stream)
{
	if (scope->last)
		atomic_store_explicit(&scope->last->next, stream, memory_order_release);
	else
		atomic_store_explicit(&scope->streams, stream, memory_order_release);
	scope->last = stream;
	stream->provider->n_streams++;
}

static bool
meter_has(const struct otel_meter *meter, const struct otelp_stream *stream)
{
	for (const struct otelp_instrument *i = meter->instruments; i; i = i->next)
		if (atomic_load_explicit(&i->stream, memory_order_relaxed) == stream)
			return true;
	return false;
}

/*
 * Puts a new stream in the place of one with other bounds. Who still records by an older handle is
 * moved too; a measurement that is on its way to the old cells meanwhile is lost with them.
 */
static struct otelp_stream *
supersede(struct otel_meter *meter, struct otelp_stream *old,
          const struct otelp_stream_want *want)
{
	struct otelp_stream *stream = stream_new(meter->provider, meter->scope, want);

	if (!stream)
		return NULL;
	link_stream(meter->scope, stream);
	atomic_store_explicit(&old->superseded, true, memory_order_release);
	for (struct otel_meter *m = meter->provider->meters; m; m = m->next)
		for (struct otelp_instrument *i = m->instruments; i; i = i->next)
			if (atomic_load_explicit(&i->stream, memory_order_relaxed) ==
			    old) {
				atomic_store_explicit(&i->stream, stream,
				                      memory_order_release);
				atomic_fetch_sub_explicit(&old->n_handles, 1,
				                          memory_order_relaxed);
				otelp_stream_attached(stream);
			}
	return stream;
}

static struct otelp_stream *
attach_again(struct otel_meter *meter, struct otelp_stream *stream,
             const struct otelp_stream_want *want, struct otelp_notes *notes)
{
	if (strcmp(stream->name, want->name) && !stream->said_case) {
		stream->said_case = true;
		notes->case_of = stream;
	}
	if (stream->kind == OTELP_HISTOGRAM && !same_bounds(stream, want)) {
		if (!meter_has(meter, stream)) {
			notes->replaced_bounds = true;
			if (meter->provider->n_streams < OTELP_MAX_STREAMS)
				return supersede(meter, stream, want);
			notes->too_many = true;
		} else if (!stream->said_bounds) {
			stream->said_bounds = true;
			notes->bounds_of = stream;
		}
	}
	describe(stream,
	         want->description); /* without memory the old one is still true */
	return stream;
}

struct otelp_stream *
otelp_stream_attach(struct otel_meter *meter, const struct otelp_stream_want *given,
                    struct otelp_notes *notes)
{
	struct otelp_stream_want want = *given;
	struct otelp_stream *stream, *other = NULL;

	if (want.kind == OTELP_HISTOGRAM) {
		if (want.bounds && !bounds_conform(want.bounds, want.n_bounds)) {
			notes->bad_bounds = true;
			want.bounds = NULL;
		}
		if (!want.bounds) {
			want.bounds = default_bounds;
			want.n_bounds = sizeof default_bounds / sizeof *default_bounds;
		}
	}
	for (stream = atomic_load(&meter->scope->streams); stream;
	     stream = atomic_load(&stream->next)) {
		if (strcasecmp(stream->name, want.name) ||
		    atomic_load_explicit(&stream->superseded, memory_order_relaxed))
			continue;
		if (stream->kind == want.kind && !strcmp(stream->unit, want.unit))
			return attach_again(meter, stream, &want, notes);
		other = other ? other : stream;
	}
	if (meter->provider->n_streams >= OTELP_MAX_STREAMS) {
		notes->too_many = true;
		return NULL;
	}
	stream = stream_new(meter->provider, meter->scope, &want);
	if (!stream)
		return NULL;
	link_stream(meter->scope, stream);
	notes->conflict = other;
	notes->bad_name = !name_conforms(want.name);
	notes->bad_unit = !unit_conforms(want.unit);
	return stream;
}

void
otelp_notes_say(const struct otelp_notes *notes, const struct otel_meter *meter,
                const struct otelp_stream_want *want)
{
	const char *scope = meter->scope->data.name;

	if (notes->bad_name)
		otelp_diag(
			OTEL_DIAG_WARN,
			"metrics: %s: the name '%s' does not conform: a letter, then up to 254 letters, "
			"digits, '_', '.', '-', '/'",
			scope, want->name);
	if (notes->bad_unit)
		otelp_diag(
			OTEL_DIAG_WARN,
			"metrics: %s: the unit of '%s' does not conform: up to 63 ASCII characters",
			scope, want->name);
	if (notes->bad_bounds)
		otelp_diag(
			OTEL_DIAG_WARN,
			"metrics: %s: the bounds of '%s' are not finite and increasing, or more than %d; "
			"the default ones are taken",
			scope, want->name, OTELP_MAX_BOUNDS);
	if (notes->conflict)
		otelp_diag(
			OTEL_DIAG_WARN,
			"metrics: %s: '%s' is made as %s in '%s', but is %s in '%s' already; both are "
			"reported, which most back ends cannot tell apart",
			scope, want->name, otelp_kind_name(want->kind), want->unit,
			otelp_kind_name(notes->conflict->kind), notes->conflict->unit);
	if (notes->case_of)
		otelp_diag(
			OTEL_DIAG_WARN,
			"metrics: %s: '%s' is the same instrument as '%s', which is the name reported",
			scope, want->name, notes->case_of->name);
	if (notes->bounds_of)
		otelp_diag(
			OTEL_DIAG_WARN,
			"metrics: %s: histogram '%s' is made again with other bounds; the first ones hold",
			scope, want->name);
	if (notes->replaced_bounds)
		otelp_diag(OTEL_DIAG_INFO,
		           "metrics: %s: histogram '%s' has new bounds and starts anew",
		           scope, want->name);
	if (notes->too_many)
		otelp_diag(
			OTEL_DIAG_WARN,
			"metrics: %s: '%s' is one instrument more than %d; it records nothing",
			scope, want->name, OTELP_MAX_STREAMS);
}
