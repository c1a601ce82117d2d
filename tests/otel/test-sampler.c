/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "check-main.h"
#include "sampler_priv.h"
#include "thread_priv.h"

static bool
decide(int kind, double ratio, const struct otel_span_context *parent, const uint8_t *id)
{
	struct otel_sampler_config config = { kind, ratio };

	return otelp_sampler_decide(&config, parent, id);
}

static const uint8_t id[16] = { 1 };
static const struct otel_span_context sampled = {
	{ 1 }, { 1 }, OTEL_TRACE_FLAG_SAMPLED, true, NULL
};
static const struct otel_span_context unsampled = { { 1 }, { 1 }, 0, true, NULL };

static const struct {
	int kind;
	bool root, below_sampled, below_unsampled;
} table[] = {
	{ OTEL_SAMPLER_ALWAYS_ON, true, true, true },
	{ OTEL_SAMPLER_ALWAYS_OFF, false, false, false },
	{ OTEL_SAMPLER_PARENTBASED_ALWAYS_ON, true, true, false },
	{ OTEL_SAMPLER_PARENTBASED_ALWAYS_OFF, false, true, false },
	{ OTEL_SAMPLER_PARENTBASED_TRACEIDRATIO, false, true, false }, /* at ratio 0 */
	{ OTEL_SAMPLER_TRACEIDRATIO, false, false, false },
};

START_TEST(the_built_in_samplers_decide_as_specified)
{
	ck_assert(decide(table[_i].kind, 0, NULL, id) == table[_i].root);
	ck_assert(decide(table[_i].kind, 0, &sampled, id) == table[_i].below_sampled);
	ck_assert(decide(table[_i].kind, 0, &unsampled, id) == table[_i].below_unsampled);
}
END_TEST

START_TEST(a_ratio_looks_at_the_last_56_bits)
{
	uint8_t low[16], high[16];

	memset(low, 0xff, 16);
	memset(low + 9, 0, 7);
	memset(high, 0, 16);
	memset(high + 9, 0xff, 7);
	ck_assert(!decide(OTEL_SAMPLER_TRACEIDRATIO, 0.5, NULL, low));
	ck_assert(decide(OTEL_SAMPLER_TRACEIDRATIO, 0.5, NULL, high));
	ck_assert(decide(OTEL_SAMPLER_TRACEIDRATIO, 1e-9, NULL, high));
	ck_assert(decide(OTEL_SAMPLER_TRACEIDRATIO, 1, NULL, low));
	ck_assert(!decide(OTEL_SAMPLER_TRACEIDRATIO, 0, NULL, high));
}
END_TEST

START_TEST(the_threshold_is_exact)
{
	uint8_t at[16] = { [9] = 0x80 },
		below[16] = { [9] = 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	ck_assert(decide(OTEL_SAMPLER_TRACEIDRATIO, 0.5, NULL, at));
	ck_assert(!decide(OTEL_SAMPLER_TRACEIDRATIO, 0.5, NULL, below));
}
END_TEST

START_TEST(what_a_small_ratio_takes_a_larger_one_takes_too)
{
	int small = 0, large = 0;

	for (int i = 0; i < 100000; i++) {
		uint64_t words[2] = { otelp_random(), otelp_random() };
		uint8_t bytes[16];
		bool a, b;

		memcpy(bytes, words, 16);
		a = decide(OTEL_SAMPLER_TRACEIDRATIO, 0.1, NULL, bytes);
		b = decide(OTEL_SAMPLER_TRACEIDRATIO, 0.3, NULL, bytes);
		ck_assert(!a || b);
		small += a;
		large += b;
	}
	/* Ten standard deviations: it fails once in longer than this project lasts. */
	ck_assert_int_gt(small, 10000 - 950);
	ck_assert_int_lt(small, 10000 + 950);
	ck_assert_int_gt(large, 30000 - 1450);
	ck_assert_int_lt(large, 30000 + 1450);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sampler");
	TCase *samplers = tcase_create("samplers");

	suite_add_tcase(suite, samplers);
	tcase_add_loop_test(samplers, the_built_in_samplers_decide_as_specified, 0,
	                    sizeof table / sizeof *table);
	tcase_add_test(samplers, a_ratio_looks_at_the_last_56_bits);
	tcase_add_test(samplers, the_threshold_is_exact);
	tcase_add_test(samplers, what_a_small_ratio_takes_a_larger_one_takes_too);
	return check_main(suite);
}
