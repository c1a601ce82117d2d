/* SPDX-License-Identifier: Apache-2.0 */
/* Tracer providers and tracers, and the block form of a span. */
#include <errno.h>

#include "sampler_priv.h"
#include "span_priv.h"

struct otel_tracer_provider {
	struct otelp_provider base;
};

int
otel_tracer_provider_new(struct otel_pipeline *pipeline, struct otel_resource *resource,
                         const struct otel_sampler_config *sampler, int quota,
                         struct otel_tracer_provider **out, struct otel_error *err)
{
	struct otel_tracer_provider *provider = otelp_malloc(sizeof *provider);
	int r;

	if (!provider)
		return otel_error_set(err, -ENOMEM, "tracer provider: out of memory");
	r = otelp_provider_init(&provider->base, pipeline, resource, quota, err);
	if (r < 0) {
		otelp_free(provider);
		return r;
	}
	if (sampler)
		provider->base.sampler = *sampler;
	if (provider->base.sampler.kind == OTEL_SAMPLER_CUSTOM &&
	    !provider->base.sampler.custom) {
		otel_tracer_provider_free(provider);
		return otel_error_set(
			err, -EINVAL,
			"tracer provider: a custom sampler is asked for, and none given");
	}
	*out = provider;
	return 0;
}

void
otel_tracer_provider_free(struct otel_tracer_provider *provider)
{
	otelp_provider_close(provider ? &provider->base : NULL);
}

struct otel_tracer *
otel_tracer_provider_tracer(struct otel_tracer_provider *provider,
                            const struct otel_scope_data *scope)
{
	return (struct otel_tracer *)otelp_provider_scope(
		provider ? &provider->base : NULL, scope);
}

bool
otel_tracer_enabled(const struct otel_tracer *tracer)
{
	struct otel_pipeline *pipeline =
		tracer ? atomic_load_explicit(&tracer->scope.provider->pipeline,
	                                      memory_order_relaxed)
		       : NULL;

	return pipeline && otelp_pipeline_has(pipeline, OTEL_SIGNAL_TRACES) &&
	       otelp_sampler_may_record(&tracer->scope.provider->sampler);
}

struct otel_span_scope
otel_span_enter(struct otel_tracer *tracer, const char *name,
                const struct otel_span_options *options)
{
	struct otel_span_scope scope = { otel_span_start(tracer, name, options), NULL };

	if (scope.span)
		scope.previous = otel_context_swap(otel_span_as_context(scope.span));
	return scope;
}

void
otel_span_leave(struct otel_span_scope *scope)
{
	if (!scope->span)
		return;
	otel_context_swap(scope->previous);
	otel_span_end(scope->span);
	scope->span = NULL;
}

static void
hex(const uint8_t *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = '\0';
}

void
otel_trace_id_format(const uint8_t trace_id[16], char out[33])
{
	hex(trace_id, 16, out);
}

void
otel_span_id_format(const uint8_t span_id[8], char out[17])
{
	hex(span_id, 8, out);
}
