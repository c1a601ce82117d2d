/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store under load and without memory. Linked with --wrap, so that the station's own allocations, and
 * nobody else's, fail one after the other.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "activity.h"
#include "check-main.h"
#include "otlp-json.h"
#include "otlp.h"
#include "query.h"
#include "store.h"

/* ---- an allocator that fails when told ---- */

static long allocations_left = -1;
static bool has_failed;

static bool
fails(void)
{
	if (allocations_left < 0 || allocations_left-- != 0)
		return false;
	has_failed = true;
	return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
/* Visible, as the linker takes libotel's calls for calls of these too; at run time they are not. */
OTEL_EXPORT void *__wrap_malloc(size_t size);
OTEL_EXPORT void *__wrap_calloc(size_t n, size_t size);
OTEL_EXPORT void *__wrap_realloc(void *old, size_t size);
OTEL_EXPORT char *__wrap_strdup(const char *text);

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

char *
__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

/* ---- helpers ---- */

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* A batch of `n` spans of one service, each of a trace of its own from `first` on, or all of one. */
static otlp_traces *
batch_new(const char *service, size_t n)
{
	char *text = malloc(n * 300 + 1000), *p = text;
	json_t *json;
	ProtobufCMessage *message = NULL;

	p += sprintf(
		p,
		"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\","
		"\"value\":{\"stringValue\":\"%s\"}}]},\"scopeSpans\":[{\"spans\":[",
		service);
	for (size_t i = 0; i < n; i++)
		p += sprintf(
			p,
			"%s{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"%016zx\","
			"\"name\":\"GET /things\",\"kind\":2,\"startTimeUnixNano\":\"%zu\","
			"\"endTimeUnixNano\":\"%zu\",\"attributes\":[{\"key\":\"http.request.method\","
			"\"value\":{\"stringValue\":\"GET\"}}]}",
			i ? "," : "", i + 1, 1000 + i, 2000 + i);
	strcpy(p, "]}]}]}");
	json = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(json);
	ck_assert_int_eq(otlp_json_read(&otlp_traces_descriptor, json, &message, NULL),
	                 0);
	json_decref(json);
	free(text);
	return (otlp_traces *)message;
}

static void
batch_renumber(otlp_traces *batch, uint64_t first)
{
	otlp_span **spans = batch->resource_spans[0]->scope_spans[0]->spans;

	for (size_t i = 0; i < batch->resource_spans[0]->scope_spans[0]->n_spans; i++) {
		uint64_t id = first + i;

		for (int k = 0; k < 8; k++)
			spans[i]->trace_id.data[8 + k] = (uint8_t)(id >> (56 - 8 * k));
	}
}

static long
add(struct store *store, const otlp_traces *batch)
{
	struct otel_error why = OTEL_ERROR_INIT;
	uint64_t rejected;

	return store_add(store, STORE_SPANS, &batch->base, 5000, &rejected, &why);
}

static void
batch_free(otlp_traces *batch)
{
	protobuf_c_message_free_unpacked(&batch->base, NULL);
}

/* ---- tests ---- */

START_TEST(nothing_leaks_or_breaks_whatever_allocation_fails)
{
	otlp_traces *batch = batch_new("gateway", 3);

	batch_renumber(batch, 1);
	for (long n = 0;; n++) {
		const struct store_item *items[8];
		struct store_stats held = { 0 }, cleared = { 0 };
		struct store *store;
		struct buf buf = { 0 };
		size_t n_items = 0;
		bool no_service = true;
		long taken = -1;

		/* Check allocates too: nothing is asserted while allocations fail. */
		has_failed = false;
		allocations_left = n;
		store = store_new(1 << 20);
		if (store) {
			struct store_item *item;

			taken = add(store, batch);
			TAILQ_FOREACH (item, store_items(store, STORE_SPANS), all)
				items[n_items++] = item;
			query_write(&buf, STORE_SPANS, items, n_items);
			store_get_stats(store, &held);
			store_clear(store);
			store_get_stats(store, &cleared);
			no_service = TAILQ_EMPTY(store_services(store));
			store_free(store);
		}
		allocations_left = -1;
		if (store) {
			ck_assert(buf.failed || buf.len >= 20);
			ck_assert(taken == 3 || taken == -ENOMEM);
		}
		buf_fini(&buf);
		ck_assert_uint_eq(held.held[STORE_SPANS], n_items);
		ck_assert_uint_eq(cleared.bytes, 0);
		ck_assert_uint_eq(cleared.traces + cleared.span_traces, 0);
		ck_assert(no_service);
		if (!has_failed) {
			ck_assert_int_eq(taken, 3);
			ck_assert_int_gt(n, 10);
			break;
		}
	}
	batch_free(batch);
}
END_TEST

START_TEST(the_budget_is_what_the_allocator_gives_out)
{
	const size_t budget = (size_t)32 << 20;
	otlp_traces *batch = batch_new("gateway", 512);
	struct store *store = store_new(budget);
	struct store_stats stats;
	size_t before = mallinfo2().uordblks, used;

	for (uint64_t i = 0; i < 200; i++) {
		batch_renumber(batch, i * 512 + 1);
		ck_assert_int_eq(add(store, batch), 512);
		store_get_stats(store, &stats);
		ck_assert_uint_le(stats.bytes, stats.budget);
	}
	ck_assert_uint_gt(stats.evicted[STORE_SPANS], 0);
	used = mallinfo2().uordblks - before;
	if (mallinfo2().uordblks) /* a sanitizer's allocator says nothing */
		ck_assert_msg(used > budget * 9 / 10 && used < budget * 11 / 10,
		              "%zu in use, %zu accounted for", used, stats.bytes);
	store_free(store);
	batch_free(batch);
}
END_TEST

START_TEST(counts_by_service_follow_what_is_held)
{
	otlp_traces *one = batch_new("one", 4), *two = batch_new("two", 2);
	struct store *store = store_new(1 << 20);
	const struct store_service *service;
	struct activity_slot slot;

	one->resource_spans[0]->scope_spans[0]->spans[0]->status = calloc(
		1, sizeof(Opentelemetry__Proto__Trace__V1__Status));
	opentelemetry__proto__trace__v1__status__init(
		one->resource_spans[0]->scope_spans[0]->spans[0]->status);
	one->resource_spans[0]->scope_spans[0]->spans[0]->status->code = 2;
	ck_assert_int_eq(add(store, one), 4);
	ck_assert_int_eq(add(store, two), 2);
	service = TAILQ_FIRST(store_services(store));
	ck_assert_str_eq(service->name, "one");
	ck_assert_uint_eq(service->held[STORE_SPANS], 4);
	ck_assert_uint_eq(service->errors, 1);
	slot = activity_get(service->activity, 5000, 0);
	ck_assert_uint_eq(slot.n, 4);
	ck_assert_uint_eq(slot.failed, 1);
	ck_assert_uint_ge(slot.p95_ns, 900);
	ck_assert_uint_le(slot.p95_ns, 1300);
	service = TAILQ_NEXT(service, all);
	ck_assert_uint_eq(service->held[STORE_SPANS], 2);
	store_clear(store);
	ck_assert(TAILQ_EMPTY(store_services(store)));
	store_free(store);
	batch_free(one);
	batch_free(two);
}
END_TEST

START_TEST(an_item_beyond_the_budget_does_not_stay)
{
	otlp_traces *batch = batch_new("gateway", 1);
	struct store *store = store_new(100);
	struct store_stats stats;

	ck_assert_int_eq(add(store, batch), 1);
	store_get_stats(store, &stats);
	ck_assert_uint_eq(stats.held[STORE_SPANS], 0);
	ck_assert_uint_eq(stats.evicted[STORE_SPANS], 1);
	ck_assert_uint_eq(stats.bytes, 0);
	store_free(store);
	batch_free(batch);
}
END_TEST

START_TEST(times_are_right_again_after_eviction)
{
	otlp_traces *batch = batch_new("gateway", 64);
	struct store *store = store_new(sizeof(struct activity) + 11000);
	struct store_stats stats;
	const struct store_trace *trace;

	ck_assert_int_eq(add(store, batch), 64);
	store_get_stats(store, &stats);
	ck_assert_uint_gt(stats.evicted[STORE_SPANS], 0);
	trace = store_trace(
		store, batch->resource_spans[0]->scope_spans[0]->spans[0]->trace_id.data);
	ck_assert_ptr_nonnull(trace);
	ck_assert_uint_eq(trace->n_spans, stats.held[STORE_SPANS]);
	ck_assert_uint_eq(trace->start_unix_ns, 1000 + 64 - trace->n_spans);
	ck_assert_uint_eq(trace->end_unix_ns, 2063);
	store_free(store);
	batch_free(batch);
}
END_TEST

/* Two million spans through a store that holds a tenth of them: constant time for each, or this takes minutes. */
START_TEST(eviction_of_millions_and_a_hundred_thousand_traces_are_cheap)
{
	otlp_traces *batch = batch_new("gateway", 512);
	struct store *store = store_new((size_t)96 << 20);
	struct store_stats stats;
	uint64_t begin = now_ns(), took;
	size_t n = 0;

	for (; n < 2000000; n += 512) {
		if (n < 1000000) /* then all into one trace, whose oldest spans go */
			batch_renumber(batch, n + 1);
		ck_assert_int_eq(add(store, batch), 512);
		if (n == 512 * 400) {
			store_get_stats(store, &stats);
			ck_assert_uint_gt(stats.traces, 100000);
		}
	}
	took = now_ns() - begin;
	store_get_stats(store, &stats);
	ck_assert_uint_eq(stats.held[STORE_SPANS] + stats.evicted[STORE_SPANS], n);
	printf("# %zu spans, %.0f ns each, a batch of 512 in %.0f us\n", n,
	       (double)took / (double)n, (double)took / (double)n * 0.512);
	ck_assert_uint_lt(took / n, 20000);
	store_free(store);
	batch_free(batch);
}
END_TEST

START_TEST(a_slot_of_activity_is_forgotten_after_ten_minutes)
{
	static struct activity activity;
	uint64_t t = 1000 * ACTIVITY_SLOT_NS;

	for (int i = 0; i < 100; i++)
		activity_add(&activity, t, i < 90 ? 1000000 : 50000000, i == 0);
	ck_assert_uint_eq(activity_get(&activity, t, 0).n, 100);
	ck_assert_uint_ge(activity_get(&activity, t, 0).p95_ns, 44000000);
	ck_assert_uint_le(activity_get(&activity, t, 0).p95_ns, 56000000);
	ck_assert_uint_eq(activity_get(&activity, t + 59 * ACTIVITY_SLOT_NS, 59).n, 100);
	ck_assert_uint_eq(activity_get(&activity, t + 60 * ACTIVITY_SLOT_NS, 0).n, 0);
	activity_add(&activity, t + 60 * ACTIVITY_SLOT_NS, UINT64_MAX, false);
	ck_assert_uint_eq(activity_get(&activity, t + 60 * ACTIVITY_SLOT_NS, 0).n, 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("store");
	TCase *tc = tcase_create("memory");

	tcase_add_test(tc, nothing_leaks_or_breaks_whatever_allocation_fails);
	tcase_add_test(tc, the_budget_is_what_the_allocator_gives_out);
	tcase_add_test(tc, an_item_beyond_the_budget_does_not_stay);
	tcase_add_test(tc, times_are_right_again_after_eviction);
	suite_add_tcase(suite, tc);
	tc = tcase_create("counts");
	tcase_add_test(tc, counts_by_service_follow_what_is_held);
	tcase_add_test(tc, a_slot_of_activity_is_forgotten_after_ten_minutes);
	suite_add_tcase(suite, tc);
	tc = tcase_create("load");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, eviction_of_millions_and_a_hundred_thousand_traces_are_cheap);
	suite_add_tcase(suite, tc);
	return check_main(suite);
}
