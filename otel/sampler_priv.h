/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/sampler_priv.h - whether a span is recorded.
 *
 * Ratios compare the last 56 bits of the trace id, which level 2 of W3C Trace Context promises to be
 * random, with a threshold: so every service that samples with the same ratio keeps the same traces.
 *
 * Specification: trace/sdk.md, built-in samplers; trace/tracestate-probability-sampling.md.
 */
#ifndef OTEL_SAMPLER_PRIV_H
#define OTEL_SAMPLER_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include <otel/sdk.h>

/* What the built-in ones decide; `parent` is NULL for a root. [any] */
bool otelp_sampler_decide(const struct otel_sampler_config *sampler,
                          const struct otel_span_context *parent,
                          const uint8_t trace_id[16]);
/* Whether it could say yes at all. */
bool otelp_sampler_may_record(const struct otel_sampler_config *sampler);

#endif
