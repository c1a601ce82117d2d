/* SPDX-License-Identifier: Apache-2.0 */
#include "sampler_priv.h"

static uint64_t
randomness(const uint8_t trace_id[16])
{
	uint64_t r = 0;

	for (int i = 9; i < 16; i++)
		r = r << 8 | trace_id[i];
	return r;
}

static bool
ratio_decide(double ratio, const uint8_t trace_id[16])
{
	const double range = 72057594037927936.0; /* 2^56 */

	if (!(ratio > 0)) /* not a number either */
		return false;
	if (ratio >= 1)
		return true;
	return randomness(trace_id) >= (uint64_t)((1 - ratio) * range);
}

bool
otelp_sampler_decide(const struct otel_sampler_config *sampler,
                     const struct otel_span_context *parent, const uint8_t trace_id[16])
{
	bool parent_sampled = parent && parent->flags & OTEL_TRACE_FLAG_SAMPLED;

	switch ((enum otel_sampler_kind)sampler->kind) {
	case OTEL_SAMPLER_PARENTBASED_ALWAYS_ON:
		return parent ? parent_sampled : true;
	case OTEL_SAMPLER_PARENTBASED_ALWAYS_OFF:
		return parent_sampled;
	case OTEL_SAMPLER_PARENTBASED_TRACEIDRATIO:
		return parent ? parent_sampled : ratio_decide(sampler->ratio, trace_id);
	case OTEL_SAMPLER_ALWAYS_ON:
		return true;
	case OTEL_SAMPLER_ALWAYS_OFF:
		return false;
	case OTEL_SAMPLER_TRACEIDRATIO:
		return ratio_decide(sampler->ratio, trace_id);
	case OTEL_SAMPLER_CUSTOM:
		break;
	}
	return true;
}

bool
otelp_sampler_may_record(const struct otel_sampler_config *sampler)
{
	return sampler->kind != OTEL_SAMPLER_ALWAYS_OFF &&
	       (sampler->kind != OTEL_SAMPLER_TRACEIDRATIO || sampler->ratio > 0);
}
