/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "arena_priv.h"
#include "check-main.h"
#include "oom.h"
#include "value_priv.h"

static struct otelp_arena arena;
static char block[64];

static void
set_up(void)
{
	otelp_arena_init(&arena, block, sizeof block, 1 << 20);
}

static void
tear_down(void)
{
	otelp_arena_fini(&arena);
	ck_assert_uint_eq(oom_live(), 0);
}

START_TEST(an_arena_goes_on_in_chunks_and_is_aligned)
{
	for (size_t i = 1; i < 3000; i += 7) {
		char *text = otelp_arena_alloc(&arena, i, 1);
		uint64_t *number = otelp_arena_array(&arena, 1, uint64_t);

		ck_assert_ptr_nonnull(text);
		memset(text, 'x', i);
		ck_assert_uint_eq((uintptr_t)number % alignof(uint64_t), 0);
		*number = i;
	}
}
END_TEST

START_TEST(an_arena_respects_its_bound)
{
	otelp_arena_init(&arena, block, sizeof block, 5000);
	ck_assert_ptr_nonnull(otelp_arena_alloc(&arena, 4000, 1));
	ck_assert_ptr_nonnull(otelp_arena_alloc(&arena, 1000, 1));
	ck_assert_ptr_null(otelp_arena_alloc(&arena, 100, 1));
	ck_assert_uint_le(arena.heap, 5000);
}
END_TEST

START_TEST(arenas_share_a_budget)
{
	struct otelp_budget budget = { .max = 5000 };
	struct otelp_arena other;

	otelp_arena_init(&other, NULL, 0, 1 << 20);
	arena.budget = other.budget = &budget;
	ck_assert_ptr_nonnull(otelp_arena_alloc(&other, 4000, 1));
	ck_assert_ptr_null(otelp_arena_alloc(&arena, 1001, 1));
	otelp_arena_fini(&other);
	ck_assert_uint_eq(budget.used, 0);
	ck_assert_ptr_nonnull(otelp_arena_alloc(&arena, 5000, 1));
	ck_assert_ptr_null(otelp_arena_alloc(&arena, 1, 1));
}
END_TEST

/* Or the records of a burst, idle for ever after, would leave nothing for those in use. */
START_TEST(what_is_kept_leaves_half_of_the_budget)
{
	struct otelp_budget budget = { .max = 5 * 2048 };
	struct otelp_arena others[5];

	for (int i = 0; i < 5; i++) {
		otelp_arena_init(&others[i], NULL, 0, 1 << 20);
		others[i].budget = &budget;
		ck_assert_ptr_nonnull(otelp_arena_alloc(&others[i], 2000, 1));
	}
	for (int i = 0; i < 5; i++)
		otelp_arena_reset(&others[i], 8192);
	ck_assert_uint_gt(budget.used, 0);
	ck_assert_uint_le(budget.used, budget.max / 2);
	for (int i = 0; i < 5; i++)
		otelp_arena_fini(&others[i]);
}
END_TEST

START_TEST(an_arena_that_is_reset_stops_allocating)
{
	unsigned long before;

	for (int i = 0; i < 3; i++) {
		otelp_arena_reset(&arena, 8192);
		otelp_arena_alloc(&arena, 3000, 1);
		otelp_arena_alloc(&arena, 3000, 1);
		if (i == 0)
			before = oom_count();
	}
	ck_assert_uint_eq(oom_count(), before);
	otelp_arena_reset(&arena, 100);
	ck_assert_uint_eq(arena.heap, 0);
}
END_TEST

static const struct {
	const char *text;
	int max;
	size_t cut;
} cuts[] = {
	{ "abc", -1, 3 },
	{ "abc", 3, 3 },
	{ "abc", 2, 2 },
	{ "abc", 0, 0 },
	{ "a\xc3\xa4", 2, 1 },
	{ "a\xc3\xa4", 3, 3 },
	{ "\xe2\x82\xac", 2, 0 },
	{ "\xe2\x82\xac", 1, 0 },
	{ "\xe2\x82\xac", 3, 3 },
	{ "\xf0\x9f\x9b\xb0x", 3, 0 },
	{ "\xf0\x9f\x9b\xb0x", 4, 4 },
	{ "\x80\x80\x80\x80\x80\x80", 5, 5 }, /* not UTF-8: cut where it is */
};

START_TEST(cutting_keeps_utf8_whole)
{
	ck_assert_uint_eq(
		otelp_utf8_truncated(cuts[_i].text, strlen(cuts[_i].text), cuts[_i].max),
		cuts[_i].cut);
}
END_TEST

START_TEST(a_copy_is_equal_and_its_own)
{
	char text[] = "inner";
	struct otel_value items[] = { otel_value_string(text), otel_value_int(1),
		                      otel_value_bool(true) };
	struct otel_attribute entries[] = { { "list", otel_value_array(items, 3) },
		                            OTEL_DOUBLE("nan", NAN),
		                            OTEL_BYTES("bytes", "\0\1", 2) };
	struct otel_value from = otel_value_map(entries, 3), to;

	ck_assert(otelp_value_copy(&arena, &from, -1, &to));
	ck_assert(otelp_value_equal(&from, &to));
	text[0] = 'x';
	ck_assert(!otelp_value_equal(&from, &to));
	ck_assert_str_eq(to.entries[0].value.values[0].string, "inner");
}
END_TEST

/* common/README.md, attribute limits: any character counts as one. */
START_TEST(a_limit_counts_characters_of_strings_and_bytes_of_bytes)
{
	static const char text[] = "\xc3\xa4\xe2\x82\xac\xf0\x9f\x9b\xb0x\xff";
	struct otel_value string = otel_value_string(text), to;
	struct otel_value bytes = otel_value_bytes(text, strlen(text));
	static const uint32_t lens[] = { 0, 2, 5, 9, 10, 11, 11 };

	for (int max = 0; max < 7; max++) {
		ck_assert(otelp_value_copy(&arena, &string, max, &to));
		ck_assert_uint_eq(to.len, lens[max]);
		ck_assert(otelp_value_copy(&arena, &bytes, max, &to));
		ck_assert_uint_eq(to.len, max);
	}
}
END_TEST

/* common/README.md, map<string, AnyValue>: keys are unique. */
START_TEST(a_map_has_each_key_once)
{
	struct otel_attribute entries[] = { OTEL_INT("a", 1), OTEL_INT("b", 2),
		                            OTEL_STR("a", "last") };
	struct otel_value from = otel_value_map(entries, 3), to;

	ck_assert(otelp_value_copy(&arena, &from, -1, &to));
	ck_assert_uint_eq(to.len, 2);
	ck_assert_str_eq(to.entries[0].key, "a");
	ck_assert_str_eq(to.entries[0].value.string, "last");
	ck_assert_str_eq(to.entries[1].key, "b");
}
END_TEST

START_TEST(nested_strings_are_cut_too)
{
	struct otel_value items[] = { otel_value_string("12345"),
		                      otel_value_bytes("12345", 5) };
	struct otel_value from = otel_value_array(items, 2), to;

	ck_assert(otelp_value_copy(&arena, &from, 3, &to));
	ck_assert_uint_eq(to.values[0].len, 3);
	ck_assert_uint_eq(to.values[1].len, 3);
}
END_TEST

START_TEST(depth_is_bounded)
{
	struct otel_value chain[100], to;
	const struct otel_value *at = &to;
	int depth = 0;

	chain[0] = otel_value_int(1);
	for (int i = 1; i < 100; i++)
		chain[i] = otel_value_array(&chain[i - 1], 1);
	ck_assert(otelp_value_copy(&arena, &chain[99], -1, &to));
	for (; at->type == OTEL_TYPE_ARRAY; at = at->values)
		depth++;
	ck_assert_int_eq(depth, OTELP_VALUE_DEPTH);
	ck_assert_int_eq(at->type, OTEL_TYPE_NONE);
}
END_TEST

START_TEST(of_equal_keys_the_last_wins_at_the_place_of_the_first)
{
	struct otel_attribute from[] = { OTEL_INT("a", 1), OTEL_INT("b", 2),
		                         OTEL_INT("a", 3), OTEL_INT("", 4),
		                         OTEL_STR("none", NULL) };
	struct otel_attribute *to;
	uint32_t dropped = 0;

	ck_assert_uint_eq(otelp_attributes_copy(&arena, from, 5, -1, -1, &to, &dropped),
	                  2);
	ck_assert_str_eq(to[0].key, "a");
	ck_assert_int_eq(to[0].value.integer, 3);
	ck_assert_uint_eq(dropped, 1);
}
END_TEST

START_TEST(a_formatted_value_is_cut_at_its_storage)
{
	char small[4];
	struct otel_value value = otel_value_format(small, sizeof small, "%s",
	                                            "ab\xc3\xa4");

	ck_assert_uint_eq(value.len, 2);
	value = OTEL_STRF("k", "%d-%s", 7, "x").value;
	ck_assert_uint_eq(value.len, 3);
	ck_assert_mem_eq(value.string, "7-x", 3);
}
END_TEST

START_TEST(copies_survive_every_allocation_failure)
{
	static char large[4000];
	struct otel_value items[] = { otel_value_string_n(large, sizeof large),
		                      otel_value_string_n(large, sizeof large) };
	struct otel_value from = otel_value_array(items, 2), to;

	for (long n = 0;; n++) {
		bool copied;

		oom_arm(n);
		copied = otelp_value_copy(&arena, &from, -1, &to);
		oom_disarm();
		otelp_arena_fini(&arena);
		ck_assert_uint_eq(oom_live(), 0);
		ck_assert(copied == !oom_fired());
		if (!oom_fired())
			break;
		ck_assert_int_eq(to.type, OTEL_TYPE_NONE);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("value");
	TCase *memory = tcase_create("arena"), *values = tcase_create("values");

	oom_install();
	tcase_add_checked_fixture(memory, set_up, tear_down);
	tcase_add_checked_fixture(values, set_up, tear_down);
	suite_add_tcase(suite, memory);
	suite_add_tcase(suite, values);
	tcase_add_test(memory, an_arena_goes_on_in_chunks_and_is_aligned);
	tcase_add_test(memory, an_arena_respects_its_bound);
	tcase_add_test(memory, arenas_share_a_budget);
	tcase_add_test(memory, what_is_kept_leaves_half_of_the_budget);
	tcase_add_test(memory, an_arena_that_is_reset_stops_allocating);
	tcase_add_loop_test(values, cutting_keeps_utf8_whole, 0,
	                    sizeof cuts / sizeof *cuts);
	tcase_add_test(values, a_copy_is_equal_and_its_own);
	tcase_add_test(values, nested_strings_are_cut_too);
	tcase_add_test(values, a_limit_counts_characters_of_strings_and_bytes_of_bytes);
	tcase_add_test(values, a_map_has_each_key_once);
	tcase_add_test(values, depth_is_bounded);
	tcase_add_test(values, of_equal_keys_the_last_wins_at_the_place_of_the_first);
	tcase_add_test(values, a_formatted_value_is_cut_at_its_storage);
	tcase_add_test(values, copies_survive_every_allocation_failure);
	return check_main(suite);
}
