/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <string.h>

#include "check-main.h"
#include "oom.h"
#include "pool_priv.h"
#include <otel/baggage.h>
#include <otel/trace.h>

static int freed;

static void
count_free(void *value)
{
	freed++;
}

static void
set_up(void)
{
	freed = 0;
	otelp_pool_drain();
}

START_TEST(the_empty_context_is_null)
{
	ck_assert_ptr_null(otel_context_current());
	ck_assert_ptr_null(otel_context_span(NULL));
	ck_assert_ptr_null(otel_context_baggage(NULL));
	ck_assert_ptr_null(otel_context_ref(NULL));
	otel_context_unref(NULL);
}
END_TEST

START_TEST(swap_returns_the_one_before)
{
	const struct otel_context_key *key = otel_context_key_new("k");
	int value;
	struct otel_context *context = otel_context_with_value(NULL, key, &value, NULL);

	ck_assert_ptr_null(otel_context_swap(context));
	ck_assert_ptr_eq(otel_context_current(), context);
	ck_assert_ptr_eq(otel_context_swap(NULL), context);
	otel_context_unref(context);
}
END_TEST

static void *
look(void *arg)
{
	return otel_context_current();
}

START_TEST(each_thread_has_its_own)
{
	const struct otel_context_key *key = otel_context_key_new("k");
	struct otel_context *context = otel_context_with_value(NULL, key, &freed, NULL);
	void *seen = context;
	pthread_t thread;

	otel_context_swap(context);
	pthread_create(&thread, NULL, look, NULL);
	pthread_join(thread, &seen);
	ck_assert_ptr_null(seen);
	otel_context_swap(NULL);
	otel_context_unref(context);
}
END_TEST

START_TEST(values_are_inherited_and_hidden_but_not_changed)
{
	const struct otel_context_key *a = otel_context_key_new("same name"),
				      *b = otel_context_key_new("same name");
	int one, two, three;
	struct otel_context *first = otel_context_with_value(NULL, a, &one, NULL);
	struct otel_context *second = otel_context_with_value(first, b, &two, NULL);
	struct otel_context *third = otel_context_with_value(second, a, &three, NULL);

	ck_assert_ptr_eq(otel_context_value(first, a), &one);
	ck_assert_ptr_null(otel_context_value(first, b));
	ck_assert_ptr_eq(otel_context_value(third, a), &three);
	ck_assert_ptr_eq(otel_context_value(third, b), &two);
	ck_assert_ptr_eq(otel_context_value(second, a), &one);
	otel_context_unref(first);
	otel_context_unref(second);
	otel_context_unref(third);
}
END_TEST

START_TEST(a_value_is_freed_with_the_last_context_that_holds_it)
{
	const struct otel_context_key *key = otel_context_key_new("k");
	struct otel_context *first = otel_context_with_value(NULL, key, &freed,
	                                                     count_free);
	struct otel_context *second = otel_context_with_value(first, key, &freed,
	                                                      count_free);

	otel_context_unref(first);
	ck_assert_int_eq(freed, 0);
	otel_context_unref(second);
	ck_assert_int_eq(freed, 2);
}
END_TEST

START_TEST(a_spans_context_holds_the_span)
{
	struct otel_span_context remote = { { 1 }, { 2 }, 1, true, NULL };
	struct otel_span *span = otel_span_wrap(&remote);
	struct otel_context *context = otel_context_ref(otel_span_as_context(span));

	otel_span_unref(span);
	ck_assert_mem_eq(otel_span_context(otel_context_span(context))->trace_id,
	                 remote.trace_id, 16);
	otel_context_unref(context);
}
END_TEST

START_TEST(making_a_span_current_allocates_nothing)
{
	struct otel_span_context remote = { { 1 }, { 2 }, 1, true, NULL };
	struct otel_span *span = otel_span_wrap(&remote);
	unsigned long before = oom_count();

	otel_context_swap(otel_span_as_context(span));
	ck_assert_ptr_eq(otel_span_current(), span);
	otel_context_swap(NULL);
	ck_assert_uint_eq(oom_count(), before);
	otel_span_unref(span);
}
END_TEST

START_TEST(span_and_baggage_are_set_apart)
{
	struct otel_span_context remote = { { 1 }, { 2 }, 1, true, NULL };
	struct otel_span *span = otel_span_wrap(&remote);
	struct otel_baggage *baggage = otel_baggage_with(NULL, "a", "1", NULL);
	struct otel_context *with_span = otel_context_with_span(NULL, span);
	struct otel_context *both = otel_context_with_baggage(with_span, baggage);
	struct otel_context *neither = otel_context_with_span(both, NULL);

	ck_assert_ptr_eq(otel_context_span(both), span);
	ck_assert_ptr_eq(otel_context_baggage(both), baggage);
	ck_assert_ptr_null(otel_context_baggage(with_span));
	ck_assert_ptr_null(otel_context_span(neither));
	ck_assert_ptr_eq(otel_context_baggage(neither), baggage);
	otel_context_unref(with_span);
	otel_context_unref(both);
	otel_context_unref(neither);
	otel_baggage_unref(baggage);
	otel_span_unref(span);
}
END_TEST

static void
one_of_each(void)
{
	static const struct otel_context_key *key;
	struct otel_span_context remote = { { 1 }, { 2 }, 1, true, "a=1" };
	struct otel_span *span = otel_span_wrap(&remote);
	struct otel_baggage *baggage = otel_baggage_with(NULL, "a", "1", "p=2");
	struct otel_context *contexts[3];

	if (!key)
		key = otel_context_key_new("k");
	contexts[0] = otel_context_with_span(NULL, span);
	contexts[1] = otel_context_with_baggage(contexts[0], baggage);
	contexts[2] = otel_context_with_value(contexts[1], key, &freed, count_free);
	for (int i = 0; i < 3; i++)
		otel_context_unref(contexts[i]);
	otel_baggage_unref(baggage);
	otel_span_unref(span);
}

START_TEST(every_allocation_may_fail)
{
	unsigned long live;

	one_of_each();
	otelp_pool_drain();
	live = oom_live();
	for (long n = 0;; n++) {
		freed = 0;
		oom_arm(n);
		one_of_each();
		oom_disarm();
		otelp_pool_drain();
		ck_assert_uint_eq(oom_live(), live);
		ck_assert_int_eq(freed, 1);
		if (!oom_fired())
			break;
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("context");
	TCase *contexts = tcase_create("contexts");

	oom_install();
	tcase_add_checked_fixture(contexts, set_up, NULL);
	suite_add_tcase(suite, contexts);
	tcase_add_test(contexts, the_empty_context_is_null);
	tcase_add_test(contexts, swap_returns_the_one_before);
	tcase_add_test(contexts, each_thread_has_its_own);
	tcase_add_test(contexts, values_are_inherited_and_hidden_but_not_changed);
	tcase_add_test(contexts, a_value_is_freed_with_the_last_context_that_holds_it);
	tcase_add_test(contexts, a_spans_context_holds_the_span);
	tcase_add_test(contexts, making_a_span_current_allocates_nothing);
	tcase_add_test(contexts, span_and_baggage_are_set_apart);
	tcase_add_test(contexts, every_allocation_may_fail);
	return check_main(suite);
}
