/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans: pooled records that own every byte they hold.
 *
 * Life: start takes one from the pool and fills it; the calls that change it take a flag of its own for
 * some nanoseconds; end closes it for ever and hands the caller's reference to the queue; the exporter
 * gives that up when it has seen it. Contexts and otel_span_ref hold references of their own, so the last
 * of them, whoever it is, puts the record back. What does not change after the start (ids, flags) is read
 * without the flag.
 *
 * A span that is not recorded has ids and nothing else.
 */
#include <sched.h>
#include <string.h>

#include "clock_priv.h"
#include "sampler_priv.h"
#include "span_priv.h"
#include "tracestate_priv.h"

#define MAX_HEAP  (1024 * 1024) /* of one span, beyond that */
#define KEPT_HEAP 8192          /* that a record keeps while it is idle */
#define MAX_ALIVE 65536

static const struct otel_span_context no_context;

static void
span_init(void *record)
{
	struct otel_span *span = record;

	otelp_arena_init(&span->arena, span->bytes, sizeof span->bytes, MAX_HEAP);
	span->arena.budget = &otelp_pool_budget;
}

static void
span_fini(void *record)
{
	struct otel_span *span = record;

	otelp_arena_fini(&span->arena);
	otelp_scope_pin(&span->scope, NULL);
}

const struct otelp_pool_type otelp_span_pool_type = { sizeof(struct otel_span), MAX_ALIVE,
	                                              span_init, span_fini };

/* ---- state ---- */

static void
wait_a_little(unsigned *tries)
{
	if (++*tries < 64) {
#if defined(__x86_64__) || defined(__i386__)
		__builtin_ia32_pause();
#elif defined(__aarch64__)
		__asm__ volatile("yield");
#endif
	} else {
		sched_yield(); /* its holder was preempted */
	}
}

bool
otelp_span_enter_state(struct otel_span *span, unsigned to)
{
	unsigned state = atomic_load_explicit(&span->state, memory_order_relaxed),
		 tries = 0;

	if (state & (OTELP_SPAN_ENDED | OTELP_SPAN_SILENT))
		return false;
	state = 0;
	while (!atomic_compare_exchange_weak_explicit(
		&span->state, &state, to, memory_order_acquire, memory_order_relaxed)) {
		if (state & (OTELP_SPAN_ENDED | OTELP_SPAN_SILENT))
			return false;
		if (state & OTELP_SPAN_BUSY)
			wait_a_little(&tries);
		state = 0;
	}
	return true;
}

/* ---- making and giving up ---- */

static void
release(struct otel_span *span)
{
	otelp_context_clear(&span->context);
	otelp_tracestate_unref(span->trace_state);
	otelp_arena_reset(&span->arena, KEPT_HEAP);
	otelp_pool_put(OTELP_POOL_SPANS, span);
}

static void
set_context(struct otel_span *span, const struct otel_span_context *context,
            struct otelp_tracestate *trace_state)
{
	span->data.context = *context;
	span->trace_state = trace_state;
	span->data.context.trace_state = trace_state ? trace_state->text : NULL;
}

/* A span of one reference in that state, with nothing but its context. NULL without memory. */
static struct otel_span *
span_take(const struct otel_context *parent, unsigned state)
{
	struct otel_span *span = otelp_pool_get(OTELP_POOL_SPANS);

	if (!span)
		return NULL;
	atomic_store_explicit(&span->refs, 1, memory_order_relaxed);
	atomic_store_explicit(&span->state, state, memory_order_relaxed);
	otelp_context_embed(&span->context, span, parent);
	return span;
}

/* Takes trace_state. */
static struct otel_span *
span_silent(const struct otel_context *parent, const struct otel_span_context *context,
            struct otelp_tracestate *trace_state)
{
	struct otel_span *span = span_take(parent, OTELP_SPAN_SILENT);

	if (span)
		set_context(span, context, trace_state);
	else
		otelp_tracestate_unref(trace_state);
	return span;
}

struct otel_span *
otel_span_ref(struct otel_span *span)
{
	if (span)
		atomic_fetch_add_explicit(&span->refs, 1, memory_order_relaxed);
	return span;
}

void
otel_span_unref(struct otel_span *span)
{
	if (!span)
		return;
	/* The only holder needs no locked instruction: nobody else could add a reference. */
	if (atomic_load_explicit(&span->refs, memory_order_acquire) == 1 ||
	    atomic_fetch_sub_explicit(&span->refs, 1, memory_order_acq_rel) == 1)
		release(span);
}

/* ---- start ---- */

static void
put_64(uint8_t *to, uint64_t bits)
{
	memcpy(to, &bits, 8);
}

/* Ids of a child of `parent`, or of a root: its random flag says so (W3C level 2). */
static void
make_ids(struct otel_span_context *context, const struct otel_span_context *parent)
{
	if (parent) {
		memcpy(context->trace_id, parent->trace_id, 16);
		context->flags = parent->flags & OTEL_TRACE_FLAG_RANDOM;
	} else {
		put_64(context->trace_id, otelp_random());
		put_64(context->trace_id + 8, otelp_random_nonzero());
		context->flags = OTEL_TRACE_FLAG_RANDOM;
	}
	put_64(context->span_id, otelp_random_nonzero());
	context->remote = false;
	context->trace_state = NULL;
}

static int
kind_of(const struct otel_span_options *options)
{
	return options && options->kind ? options->kind : OTEL_SPAN_KIND_INTERNAL;
}

static void
fill(struct otel_span *span, struct otel_tracer *tracer, const char *name,
     const struct otel_span_options *options, const struct otel_span *parent)
{
	struct otel_span_data *data = &span->data;

	otelp_scope_pin(&span->scope, &tracer->scope);
	data->resource = tracer->scope.provider->resource;
	data->scope = &tracer->scope.data;
	if (parent) {
		memcpy(data->parent_span_id, parent->data.context.span_id, 8);
		data->parent_remote = parent->data.context.remote;
	} else {
		memset(data->parent_span_id, 0, 8);
		data->parent_remote = false;
	}
	data->kind = kind_of(options);
	data->status = OTEL_STATUS_UNSET;
	data->status_message = "";
	data->name = name ? otelp_span_text(span, name) : "";
	if (!data->name)
		data->name = "";
	data->n_events = data->n_links = 0;
	data->dropped_events = data->dropped_links = 0;
	span->events_capacity = span->links_capacity = 0;
	span->events = NULL;
	span->links = NULL;
	otelp_attributes_clear(&span->attributes);
	if (!options)
		return;
	if (options->n_attributes)
		otelp_span_record_attributes(span, options->attributes,
		                             options->n_attributes);
	for (size_t i = 0; i < options->n_links; i++)
		otelp_span_record_link(span, &options->links[i]);
}

/* Local parents lend their offset, so that all of a trace in this process is on one clock. */
static void
stamp(struct otel_span *span, const struct otel_span_options *options,
      const struct otel_span *parent)
{
	if (parent && !(atomic_load_explicit(&parent->state, memory_order_relaxed) &
	                OTELP_SPAN_SILENT)) {
		span->clock_offset_ns = parent->clock_offset_ns;
		span->data.start_unix_ns = otelp_clock_within(span->clock_offset_ns);
	} else {
		span->data.start_unix_ns = otelp_clock_start(&span->clock_offset_ns);
	}
	if (options && options->start_unix_ns)
		span->data.start_unix_ns = options->start_unix_ns;
}

bool
otelp_span_context_valid(const struct otel_span_context *context)
{
	uint64_t a, b, c;

	memcpy(&a, context->trace_id, 8);
	memcpy(&b, context->trace_id + 8, 8);
	memcpy(&c, context->span_id, 8);
	return (a | b) && c;
}

/* What is known of a span before there is one. */
struct birth {
	struct otel_context *around; /* the parent context */
	struct otel_span *parent;    /* NULL: a root */
	struct otel_span_context context;
	struct otelp_tracestate *trace_state; /* counted */
	struct otel_sampling_answer answer;
};

/* Nobody looks: what came in goes on as it is; a root still has ids, for the logs. */
static struct otel_span *
pass_through(struct birth *birth, bool disabled)
{
	if (birth->parent)
		birth->context = birth->parent->data.context;
	else if (disabled)
		birth->context = no_context;
	else
		make_ids(&birth->context, NULL);
	return span_silent(birth->around, &birth->context, birth->trace_state);
}

static void
ask_custom(struct birth *birth, const struct otel_sampler *sampler, const char *name,
           const struct otel_span_options *options)
{
	struct otel_sampling_question question = {
		.parent = birth->around,
		.parent_span = birth->parent ? &birth->parent->data.context : NULL,
		.trace_id = birth->context.trace_id,
		.name = name ? name : "",
		.kind = kind_of(options),
	};

	if (options) {
		question.attributes = options->attributes;
		question.n_attributes = options->n_attributes;
		question.links = options->links;
		question.n_links = options->n_links;
	}
	sampler->decide(sampler, &question, &birth->answer);
	if (birth->answer.trace_state) {
		otelp_tracestate_unref(birth->trace_state);
		birth->trace_state = otelp_tracestate_parse(birth->answer.trace_state);
	}
}

static bool
sample(struct birth *birth, const struct otel_sampler_config *sampler, const char *name,
       const struct otel_span_options *options)
{
	if (sampler->kind != OTEL_SAMPLER_CUSTOM)
		return otelp_sampler_decide(
			sampler, birth->parent ? &birth->parent->data.context : NULL,
			birth->context.trace_id);
	ask_custom(birth, sampler->custom, name, options);
	return birth->answer.sample;
}

struct otel_span *
otel_span_start(struct otel_tracer *tracer, const char *name,
                const struct otel_span_options *options)
{
	struct otelp_provider *provider;
	struct otel_pipeline *pipeline;
	struct otel_span *span;
	struct birth birth;

	if (!tracer)
		return NULL;
	birth.around = options && options->parent ? options->parent
	                                          : otel_context_current();
	birth.parent = birth.around && !(options && options->root) ? birth.around->span
	                                                           : NULL;
	if (birth.parent && !otelp_span_context_valid(&birth.parent->data.context))
		birth.parent = NULL;
	birth.trace_state = birth.parent ? otelp_tracestate_ref(birth.parent->trace_state)
	                                 : NULL;
	birth.answer = (struct otel_sampling_answer){ false };
	provider = tracer->scope.provider;
	pipeline = atomic_load_explicit(&provider->pipeline, memory_order_relaxed);
	if (!pipeline || !otelp_pipeline_has(pipeline, OTEL_SIGNAL_TRACES))
		return pass_through(&birth, provider->disabled);
	make_ids(&birth.context, birth.parent ? &birth.parent->data.context : NULL);
	if (!sample(&birth, &provider->sampler, name, options))
		return span_silent(birth.around, &birth.context, birth.trace_state);
	birth.context.flags |= OTEL_TRACE_FLAG_SAMPLED;
	span = span_take(birth.around, 0);
	otelp_pool_fetch_next(OTELP_POOL_SPANS);
	if (!span) {
		otelp_tracestate_unref(birth.trace_state);
		otelp_pipeline_count_no_memory(pipeline, OTEL_SIGNAL_TRACES);
		return NULL;
	}
	set_context(span, &birth.context, birth.trace_state);
	fill(span, tracer, name, options, birth.parent);
	if (birth.answer.n_attributes)
		otelp_span_record_attributes(span, birth.answer.attributes,
		                             birth.answer.n_attributes);
	stamp(span, options, birth.parent);
	return span;
}

/* ---- end ---- */

static void
end_at(struct otel_span *span, uint64_t end_unix_ns)
{
	struct otel_span_data *data = &span->data;
	struct otelp_provider *provider = span->scope->provider;
	struct otel_pipeline *pipeline;

	data->end_unix_ns = end_unix_ns > data->start_unix_ns ? end_unix_ns
	                                                      : data->start_unix_ns;
	data->attributes = span->attributes.items;
	data->n_attributes = span->attributes.n;
	data->dropped_attributes = span->attributes.dropped;
	data->events = span->events;
	data->links = span->links;
	/*
	 * Nobody else holds it, so nobody asks for its context any more. The values there are freed by
	 * code of the caller's, which may be unloaded before the exporter is done with the span.
	 */
	if (atomic_load_explicit(&span->refs, memory_order_acquire) == 1)
		otelp_context_clear(&span->context);
	pipeline = atomic_load_explicit(&provider->pipeline, memory_order_relaxed);
	if (!pipeline ||
	    !otelp_pipeline_push(pipeline, OTEL_SIGNAL_TRACES, span, &provider->quota))
		otel_span_unref(span);
}

/* Closes it; false when there is nothing more to do. */
static bool
close_span(struct otel_span *span)
{
	if (!span)
		return false;
	if (otelp_span_enter_state(span, OTELP_SPAN_ENDED))
		return true;
	if (!(atomic_fetch_or_explicit(&span->state, OTELP_SPAN_ENDED,
	                               memory_order_relaxed) &
	      OTELP_SPAN_ENDED))
		otel_span_unref(span); /* a silent one ends for the first time */
	return false;
}

void
otel_span_end(struct otel_span *span)
{
	if (close_span(span))
		end_at(span, otelp_clock_within(span->clock_offset_ns));
}

void
otel_span_end_at(struct otel_span *span, uint64_t end_unix_ns)
{
	if (close_span(span))
		end_at(span, end_unix_ns);
}

/* ---- reading ---- */

bool
otel_span_is_recording(const struct otel_span *span)
{
	return span && !(atomic_load_explicit(&span->state, memory_order_relaxed) &
	                 (OTELP_SPAN_ENDED | OTELP_SPAN_SILENT));
}

uint64_t
otel_span_elapsed_ns(const struct otel_span *span, uint64_t *now_unix_ns)
{
	uint64_t start = 0, now = 0;

	if (otel_span_is_recording(span)) {
		start = span->data.start_unix_ns;
		now = otelp_clock_within(span->clock_offset_ns);
		if (now < start)
			now = start; /* one that the caller chose */
	}
	if (now_unix_ns)
		*now_unix_ns = now;
	return now - start;
}

const struct otel_span_context *
otel_span_context(const struct otel_span *span)
{
	return span ? &span->data.context : &no_context;
}

const char *
otel_span_name(const struct otel_span *span)
{
	return span && span->data.name ? span->data.name : "";
}

bool
otel_span_context_is_valid(const struct otel_span_context *context)
{
	return context && otelp_span_context_valid(context);
}

struct otel_context *
otel_span_as_context(struct otel_span *span)
{
	return span ? &span->context : NULL;
}

struct otel_span *
otel_span_current(void)
{
	return otel_context_span(otel_context_current());
}

struct otel_span *
otelp_span_wrap_in(const struct otel_context *parent,
                   const struct otel_span_context *context,
                   struct otelp_tracestate *trace_state)
{
	return span_silent(parent, context, otelp_tracestate_ref(trace_state));
}

struct otel_span *
otel_span_wrap(const struct otel_span_context *context)
{
	const char *state = context->trace_state;

	return span_silent(NULL, context, state ? otelp_tracestate_parse(state) : NULL);
}

/* ---- for the pipeline ---- */

const struct otel_span_data *
otelp_span_record_data(void *record)
{
	return &((struct otel_span *)record)->data;
}

struct otelp_quota *
otelp_span_record_quota(void *record)
{
	return &((struct otel_span *)record)->scope->provider->quota;
}

void
otelp_span_record_release(void *record)
{
	otel_span_unref(record);
}
