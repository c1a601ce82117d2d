/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "check-main.h"
#include "fake/pipeline.h"
#include "oom.h"
#include "pool_priv.h"

static struct otel_resource *resource;
static struct otel_tracer_provider *provider;
static struct otel_tracer *tracer;

static void
open_provider(void)
{
	struct otel_scope_data scope = { .name = "test", .version = "1" };

	ck_assert_int_eq(otel_resource_new(NULL, 0, NULL, &resource, NULL), 0);
	ck_assert_int_eq(
		otel_tracer_provider_new(&fake, resource, NULL, 0, &provider, NULL), 0);
	tracer = otel_tracer_provider_tracer(provider, &scope);
	ck_assert_ptr_nonnull(tracer);
}

static void
set_up(void)
{
	fake_reset();
	open_provider();
}

static void
tear_down(void)
{
	fake_drop();
	otel_tracer_provider_free(provider);
	otel_resource_unref(resource);
	otelp_pool_drain();
}

static const struct otel_span_data *
ended(size_t i)
{
	ck_assert_uint_lt(i, fake.n_kept[OTEL_SIGNAL_TRACES]);
	return otelp_span_record_data(fake.kept[OTEL_SIGNAL_TRACES][i]);
}

static const struct otel_value *
attribute(const struct otel_attribute *attributes, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(attributes[i].key, key) == 0)
			return &attributes[i].value;
	return NULL;
}

static void
ck_string(const struct otel_value *value, const char *text)
{
	ck_assert_ptr_nonnull(value);
	ck_assert_int_eq(value->type, OTEL_TYPE_STRING);
	ck_assert_uint_eq(value->len, strlen(text));
	ck_assert_mem_eq(value->string, text, strlen(text));
}

START_TEST(a_span_carries_what_was_said_of_it)
{
	struct otel_span *span = otel_span_start(tracer, "reading", NULL);
	const struct otel_span_data *data;

	otel_span_set(span, OTEL_STR("s", "text"), OTEL_INT("i", -3),
	              OTEL_DOUBLE("d", 1.5), OTEL_BOOL("b", true));
	otel_span_add_event(span, "hit", OTEL_STR("cache", "l1"));
	otel_span_set_status(span, OTEL_STATUS_ERROR, "gone");
	otel_span_update_name(span, "writing");
	otel_span_end(span);

	data = ended(0);
	ck_assert_str_eq(data->name, "writing");
	ck_assert_int_eq(data->kind, OTEL_SPAN_KIND_INTERNAL);
	ck_assert_ptr_eq(data->resource, resource);
	ck_assert_str_eq(data->scope->name, "test");
	ck_assert_uint_eq(data->n_attributes, 4);
	ck_string(attribute(data->attributes, 4, "s"), "text");
	ck_assert_int_eq(attribute(data->attributes, 4, "i")->integer, -3);
	ck_assert(attribute(data->attributes, 4, "d")->number == 1.5);
	ck_assert(attribute(data->attributes, 4, "b")->boolean);
	ck_assert_uint_eq(data->n_events, 1);
	ck_assert_str_eq(data->events[0].name, "hit");
	ck_string(attribute(data->events[0].attributes, 1, "cache"), "l1");
	ck_assert_uint_ge(data->events[0].time_unix_ns, data->start_unix_ns);
	ck_assert_uint_ge(data->end_unix_ns, data->events[0].time_unix_ns);
	ck_assert_int_eq(data->status, OTEL_STATUS_ERROR);
	ck_assert_str_eq(data->status_message, "gone");
}
END_TEST

START_TEST(nothing_points_into_the_callers_memory)
{
	char key[] = "key", value[] = "value", name[] = "name", event[] = "event",
	     message[] = "message";
	char state[] = "a=1";
	struct otel_link link = { .context = { { 1 }, { 1 }, 1, false, state } };
	struct otel_span *span = otel_span_start(tracer, name, NULL);
	const struct otel_span_data *data;

	otel_span_set(span, OTEL_STR(key, value));
	otel_span_add_event(span, event, OTEL_STR(key, value));
	otel_span_add_link(span, &link);
	otel_span_set_status(span, OTEL_STATUS_ERROR, message);
	memset(key, 'x', 3);
	memset(value, 'x', 5);
	memset(name, 'x', 4);
	memset(event, 'x', 5);
	memset(message, 'x', 7);
	memset(state, 'x', 3);
	otel_span_end(span);

	data = ended(0);
	ck_assert_str_eq(data->name, "name");
	ck_string(attribute(data->attributes, data->n_attributes, "key"), "value");
	ck_assert_str_eq(data->events[0].name, "event");
	ck_string(attribute(data->events[0].attributes, 1, "key"), "value");
	ck_assert_str_eq(data->links[0].context.trace_state, "a=1");
	ck_assert_str_eq(data->status_message, "message");
}
END_TEST

START_TEST(a_span_made_current_is_the_parent)
{
	uint8_t outer_id[8], trace[16];

	{
		OTEL_SPAN(outer, tracer, "outer");
		memcpy(outer_id, otel_span_context(outer)->span_id, 8);
		memcpy(trace, otel_span_context(outer)->trace_id, 16);
		ck_assert_ptr_eq(otel_span_current(), outer);
		{
			OTEL_SPAN(inner, tracer, "inner");
			ck_assert_ptr_eq(otel_span_current(), inner);
		}
		ck_assert_ptr_eq(otel_span_current(), outer);
	}
	ck_assert_ptr_null(otel_span_current());
	ck_assert_str_eq(ended(0)->name, "inner");
	ck_assert_mem_eq(ended(0)->parent_span_id, outer_id, 8);
	ck_assert_mem_eq(ended(0)->context.trace_id, trace, 16);
	ck_assert_mem_eq(ended(1)->parent_span_id, "\0\0\0\0\0\0\0\0", 8);
	ck_assert_uint_le(ended(1)->start_unix_ns, ended(0)->start_unix_ns);
	ck_assert_uint_ge(ended(1)->end_unix_ns, ended(0)->end_unix_ns);
}
END_TEST

START_TEST(a_root_ignores_what_is_current)
{
	struct otel_span_options root = { .root = true };

	OTEL_SPAN(outer, tracer, "outer");
	otel_span_end(otel_span_start(tracer, "root", &root));
	ck_assert_mem_eq(ended(0)->parent_span_id, "\0\0\0\0\0\0\0\0", 8);
	ck_assert_mem_ne(ended(0)->context.trace_id, otel_span_context(outer)->trace_id,
	                 16);
}
END_TEST

START_TEST(generated_traces_say_that_their_ids_are_random)
{
	otel_span_end(otel_span_start(tracer, "root", NULL));
	ck_assert_int_eq(ended(0)->context.flags,
	                 OTEL_TRACE_FLAG_SAMPLED | OTEL_TRACE_FLAG_RANDOM);
	ck_assert(otel_span_context_is_valid(&ended(0)->context));
}
END_TEST

START_TEST(a_childs_flag_is_its_traces)
{
	struct otel_span_context remote = {
		{ 1 }, { 2 }, OTEL_TRACE_FLAG_SAMPLED, true, "v=1"
	};
	struct otel_span *parent = otel_span_wrap(&remote);
	struct otel_span_options options = { .parent = otel_span_as_context(parent) };

	otel_span_end(otel_span_start(tracer, "child", &options));
	otel_span_unref(parent);
	ck_assert_int_eq(ended(0)->context.flags, OTEL_TRACE_FLAG_SAMPLED);
	ck_assert(ended(0)->parent_remote);
	ck_assert(!ended(0)->context.remote);
	ck_assert_str_eq(ended(0)->context.trace_state, "v=1");
	ck_assert_mem_eq(ended(0)->parent_span_id, remote.span_id, 8);
}
END_TEST

START_TEST(an_attribute_set_again_replaces)
{
	struct otel_span *span = otel_span_start(tracer, "s", NULL);

	otel_span_set(span, OTEL_STR("a", "one"), OTEL_INT("b", 1),
	              OTEL_STR("a", "a longer one"));
	otel_span_set(span, OTEL_STR("b", "now text"));
	otel_span_end(span);
	ck_assert_uint_eq(ended(0)->n_attributes, 2);
	ck_string(attribute(ended(0)->attributes, 2, "a"), "a longer one");
	ck_string(attribute(ended(0)->attributes, 2, "b"), "now text");
	ck_assert_uint_eq(ended(0)->dropped_attributes, 0);
}
END_TEST

START_TEST(replacing_for_ever_needs_no_more_memory)
{
	struct otel_span *span = otel_span_start(tracer, "s", NULL);

	for (int i = 0; i < 100000; i++)
		otel_span_set(span, OTEL_STRF("progress", "%06d", i));
	otel_span_end(span);
	ck_string(attribute(ended(0)->attributes, 1, "progress"), "099999");
	ck_assert_uint_eq(ended(0)->dropped_attributes, 0);
}
END_TEST

START_TEST(attributes_without_a_key_are_counted_and_empty_ones_ignored)
{
	struct otel_span *span = otel_span_start(tracer, "s", NULL);

	otel_span_set(span, OTEL_STR(NULL, "x"), OTEL_STR("", "x"), OTEL_STR("k", NULL),
	              OTEL_INT("n", 1));
	otel_span_end(span);
	ck_assert_uint_eq(ended(0)->n_attributes, 1);
	ck_assert_uint_eq(ended(0)->dropped_attributes, 2);
}
END_TEST

START_TEST(limits_hold_exactly_and_count_what_is_past_them)
{
	struct otel_link link = { .context = { { 1 }, { 1 }, 0, false, NULL } };
	struct otel_span *span;

	fake.config.limits.attribute_count = 20;
	fake.config.limits.span_events = 2;
	fake.config.limits.span_links = 5;
	fake.config.limits.event_attributes = 1;
	fake.config.limits.attribute_value_length = 4;
	otel_tracer_provider_free(provider);
	otel_resource_unref(resource);
	open_provider();

	span = otel_span_start(tracer, "s", NULL);
	for (int i = 0; i < 21; i++) {
		char key[16];

		snprintf(key, sizeof key, "k%d", i);
		otel_span_set(span, OTEL_STR(key, "ab\xc3\xa4\xc3\xb6z"));
	}
	otel_span_set(span, OTEL_STR("k0", "zz\xe2\x82\xac"));
	for (int i = 0; i < 3; i++)
		otel_span_add_event(span, "e", OTEL_INT("a", 1), OTEL_INT("b", 1));
	for (int i = 0; i < 6; i++)
		otel_span_add_link(span, &link);
	otel_span_end(span);

	ck_assert_uint_eq(ended(0)->n_attributes, 20);
	ck_assert_uint_eq(ended(0)->dropped_attributes, 1);
	ck_string(attribute(ended(0)->attributes, 20, "k1"), "ab\xc3\xa4\xc3\xb6");
	ck_string(attribute(ended(0)->attributes, 20, "k0"), "zz\xe2\x82\xac");
	ck_assert_uint_eq(ended(0)->n_events, 2);
	ck_assert_uint_eq(ended(0)->dropped_events, 1);
	ck_assert_uint_eq(ended(0)->events[0].n_attributes, 1);
	ck_assert_uint_eq(ended(0)->events[0].dropped_attributes, 1);
	ck_assert_uint_eq(ended(0)->n_links, 5);
	ck_assert_uint_eq(ended(0)->dropped_links, 1);
}
END_TEST

START_TEST(a_link_to_nothing_is_kept_only_when_it_says_something)
{
	struct otel_attribute why = OTEL_STR("why", "retry");
	struct otel_link empty = { .n_attributes = 0 },
			 talking = { .attributes = &why, .n_attributes = 1 };
	struct otel_span *span = otel_span_start(tracer, "s", NULL);

	otel_span_add_link(span, &empty);
	otel_span_add_link(span, &talking);
	otel_span_end(span);
	ck_assert_uint_eq(ended(0)->n_links, 1);
	ck_assert_uint_eq(ended(0)->dropped_links, 0);
	ck_string(attribute(ended(0)->links[0].attributes, 1, "why"), "retry");
}
END_TEST

START_TEST(ok_is_final_and_unset_is_ignored)
{
	struct otel_span *span = otel_span_start(tracer, "s", NULL);

	otel_span_set_status(span, OTEL_STATUS_ERROR, "bad");
	otel_span_set_status(span, OTEL_STATUS_UNSET, NULL);
	otel_span_set_status(span, OTEL_STATUS_OK, "ignored");
	otel_span_set_status(span, OTEL_STATUS_ERROR, "late");
	otel_span_end(span);
	ck_assert_int_eq(ended(0)->status, OTEL_STATUS_OK);
	ck_assert_str_eq(ended(0)->status_message, "");
}
END_TEST

START_TEST(failing_says_it_three_times)
{
	struct otel_span *span = otel_span_start(tracer, "s", NULL);

	ck_assert_int_eq(otel_span_fail(span, -EBADMSG, "no position"), -EBADMSG);
	otel_span_end(span);
	ck_assert_int_eq(ended(0)->status, OTEL_STATUS_ERROR);
	ck_assert_str_eq(ended(0)->status_message, "no position");
	ck_string(attribute(ended(0)->attributes, ended(0)->n_attributes, "error.type"),
	          "EBADMSG");
	ck_assert_str_eq(ended(0)->events[0].name, "exception");
	ck_string(attribute(ended(0)->events[0].attributes, 2, "exception.type"),
	          "EBADMSG");
	ck_string(attribute(ended(0)->events[0].attributes, 2, "exception.message"),
	          "no position");
}
END_TEST

START_TEST(an_exceptions_own_attributes_win)
{
	struct otel_attribute more[] = { OTEL_STR("exception.type", "mine"),
		                         OTEL_INT("x", 1) };
	struct otel_span *span = otel_span_start(tracer, "s", NULL);

	otel_span_record_exception(span, "theirs", "m", "at f()", more, 2);
	otel_span_end(span);
	ck_assert_uint_eq(ended(0)->events[0].n_attributes, 4);
	ck_string(attribute(ended(0)->events[0].attributes, 4, "exception.type"), "mine");
	ck_string(attribute(ended(0)->events[0].attributes, 4, "exception.stacktrace"),
	          "at f()");
}
END_TEST

START_TEST(ending_twice_is_a_no_op)
{
	struct otel_span *span = otel_span_ref(otel_span_start(tracer, "s", NULL));

	otel_span_end(span);
	ck_assert(!otel_span_is_recording(span));
	otel_span_set(span, OTEL_INT("late", 1));
	otel_span_end(span);
	otel_span_unref(span);
	ck_assert_uint_eq(fake.n_kept[OTEL_SIGNAL_TRACES], 1);
	ck_assert_uint_eq(ended(0)->n_attributes, 0);
}
END_TEST

START_TEST(times_of_the_callers_are_kept_and_never_run_backwards)
{
	struct otel_span_options at = { .start_unix_ns = 5000 };

	otel_span_end_at(otel_span_start(tracer, "a", &at), 6000);
	otel_span_end_at(otel_span_start(tracer, "b", &at), 4000);
	ck_assert_uint_eq(ended(0)->start_unix_ns, 5000);
	ck_assert_uint_eq(ended(0)->end_unix_ns, 6000);
	ck_assert_uint_eq(ended(1)->end_unix_ns, 5000);
}
END_TEST

START_TEST(the_time_since_the_start_is_the_time_that_the_end_says)
{
	struct otel_span *span = otel_span_start(tracer, "s", NULL);
	uint64_t now, ns = otel_span_elapsed_ns(span, &now);

	ck_assert_uint_lt(ns, 60000000000);
	otel_span_end_at(span, now);
	ck_assert_uint_eq(ended(0)->end_unix_ns - ended(0)->start_unix_ns, ns);
}
END_TEST

START_TEST(what_is_not_recording_has_no_time)
{
	struct otel_span *span = otel_span_ref(otel_span_start(tracer, "s", NULL));
	uint64_t now = 1;

	otel_span_end(span);
	ck_assert_uint_eq(otel_span_elapsed_ns(span, &now), 0);
	ck_assert_uint_eq(now, 0);
	ck_assert_uint_eq(otel_span_elapsed_ns(NULL, NULL), 0);
	otel_span_unref(span);
}
END_TEST

START_TEST(null_is_accepted_everywhere)
{
	struct otel_span *span = otel_span_start(NULL, "x", NULL);

	ck_assert_ptr_null(span);
	otel_span_set(span, OTEL_INT("a", 1));
	otel_span_add_event(span, "e");
	otel_span_add_link(span, NULL);
	otel_span_set_status(span, OTEL_STATUS_OK, NULL);
	otel_span_update_name(span, "y");
	ck_assert_int_eq(otel_span_fail(span, -EIO, "z"), -EIO);
	ck_assert(!otel_span_is_recording(span));
	ck_assert(!otel_span_context_is_valid(otel_span_context(span)));
	ck_assert_ptr_null(otel_span_as_context(span));
	otel_span_end(span);
	otel_span_unref(span);
	{
		OTEL_SPAN(scoped, NULL, "x");
		ck_assert_ptr_null(scoped);
	}
}
END_TEST

static void
sample_with(int kind, double ratio)
{
	struct otel_sampler_config sampler = { kind, ratio };

	otel_tracer_provider_free(provider);
	ck_assert_int_eq(
		otel_tracer_provider_new(&fake, resource, &sampler, 0, &provider, NULL),
		0);
	tracer = otel_tracer_provider_tracer(provider, NULL);
}

START_TEST(an_unsampled_span_has_ids_for_others_and_is_not_exported)
{
	struct otel_span *span, *child;
	struct otel_span_options options;

	sample_with(OTEL_SAMPLER_ALWAYS_OFF, 0);
	span = otel_span_ref(otel_span_start(tracer, "s", NULL));
	ck_assert(!otel_span_is_recording(span));
	ck_assert(otel_span_context_is_valid(otel_span_context(span)));
	ck_assert_int_eq(otel_span_context(span)->flags, OTEL_TRACE_FLAG_RANDOM);
	options = (struct otel_span_options){ .parent = otel_span_as_context(span) };
	child = otel_span_start(tracer, "child", &options);
	ck_assert_mem_eq(otel_span_context(child)->trace_id,
	                 otel_span_context(span)->trace_id, 16);
	ck_assert_mem_ne(otel_span_context(child)->span_id,
	                 otel_span_context(span)->span_id, 8);
	otel_span_end(child);
	otel_span_set(span, OTEL_INT("x", 1));
	otel_span_end(span);
	otel_span_end(span);
	otel_span_unref(span);
	ck_assert_uint_eq(fake.n_kept[OTEL_SIGNAL_TRACES], 0);
}
END_TEST

static void
decide_by_route(const struct otel_sampler *self,
                const struct otel_sampling_question *question,
                struct otel_sampling_answer *answer)
{
	static const struct otel_attribute mark = {
		"sampler", { OTEL_TYPE_STRING, 5, { "route" } }
	};

	ck_assert_int_eq(question->kind, OTEL_SPAN_KIND_SERVER);
	ck_assert_str_eq(question->name, "GET");
	answer->sample = question->n_attributes == 1 &&
	                 strcmp(question->attributes[0].value.string, "/healthz") != 0;
	answer->attributes = &mark;
	answer->n_attributes = 1;
	answer->trace_state = question->parent_span ? "mine=1" : "";
}

START_TEST(a_sampler_of_ones_own_sees_the_start_and_may_add)
{
	static const struct otel_sampler by_route = { "route", decide_by_route };
	struct otel_sampler_config sampler = { .kind = OTEL_SAMPLER_CUSTOM,
		                               .custom = &by_route };
	struct otel_span_context remote = { { 1 }, { 2 }, 0, true, "theirs=1" };
	struct otel_span *parent = otel_span_wrap(&remote), *span;
	struct otel_attribute route = OTEL_STR("http.route", "/healthz");
	struct otel_span_options options = { .kind = OTEL_SPAN_KIND_SERVER,
		                             .parent = otel_span_as_context(parent),
		                             .attributes = &route,
		                             .n_attributes = 1 };

	otel_tracer_provider_free(provider);
	ck_assert_int_eq(
		otel_tracer_provider_new(&fake, resource, &sampler, 0, &provider, NULL),
		0);
	tracer = otel_tracer_provider_tracer(provider, NULL);
	span = otel_span_start(tracer, "GET", &options);
	ck_assert(!otel_span_is_recording(span));
	ck_assert_str_eq(otel_span_context(span)->trace_state, "mine=1");
	otel_span_end(span);
	route = OTEL_STR("http.route", "/api");
	otel_span_end(otel_span_start(tracer, "GET", &options));
	otel_span_unref(parent);
	ck_assert_uint_eq(fake.n_kept[OTEL_SIGNAL_TRACES], 1);
	ck_string(attribute(ended(0)->attributes, 2, "sampler"), "route");
	ck_assert_str_eq(ended(0)->context.trace_state, "mine=1");

	sampler.custom = NULL;
	otel_tracer_provider_free(provider);
	provider = NULL;
	ck_assert_int_eq(
		otel_tracer_provider_new(&fake, resource, &sampler, 0, &provider, NULL),
		-EINVAL);
}
END_TEST

START_TEST(without_an_exporter_contexts_pass_through)
{
	struct otel_span_context remote = {
		{ 1 }, { 2 }, OTEL_TRACE_FLAG_SAMPLED, true, NULL
	};
	struct otel_span *parent = otel_span_wrap(&remote), *span;
	struct otel_span_options options = { .parent = otel_span_as_context(parent) };

	fake.absent[OTEL_SIGNAL_TRACES] = true;
	span = otel_span_start(tracer, "s", &options);
	ck_assert_mem_eq(otel_span_context(span)->span_id, remote.span_id, 8);
	ck_assert_int_eq(otel_span_context(span)->flags, OTEL_TRACE_FLAG_SAMPLED);
	otel_span_end(span);
	otel_span_unref(parent);
	ck_assert(!otel_tracer_enabled(tracer));
}
END_TEST

START_TEST(a_full_queue_gives_the_record_back)
{
	fake.full = true;
	for (int i = 0; i < 1000; i++)
		otel_span_end(otel_span_start(tracer, "s", NULL));
	ck_assert_int_le(otelp_pool_alive(OTELP_POOL_SPANS), 2);
}
END_TEST

START_TEST(a_span_outlives_its_provider)
{
	struct otel_span *span = otel_span_start(tracer, "s", NULL);

	otel_tracer_provider_free(provider);
	provider = NULL;
	otel_span_set(span, OTEL_INT("a", 1));
	otel_span_end(span);
	ck_assert_uint_eq(fake.n_kept[OTEL_SIGNAL_TRACES], 0);
	otel_resource_unref(resource);
	open_provider();
}
END_TEST

static int n_values_freed;

static void
count_free(void *value)
{
	n_values_freed++;
}

/* A service frees its values by code of its own, which may be gone when the exporter comes to the span. */
START_TEST(a_span_in_the_queue_holds_nothing_of_its_context)
{
	struct otel_context *context = otel_context_with_value(
		NULL, otel_context_key_new("k"), NULL, count_free);
	struct otel_span_options options = { .parent = context };
	struct otel_span *span = otel_span_start(tracer, "s", &options);

	otel_context_unref(context);
	ck_assert_int_eq(n_values_freed, 0);
	otel_span_end(span);
	ck_assert_uint_eq(fake.n_kept[OTEL_SIGNAL_TRACES], 1);
	ck_assert_int_eq(n_values_freed, 1);
}
END_TEST

START_TEST(tracers_of_one_scope_are_one)
{
	struct otel_attribute a = OTEL_STR("k", "v");
	struct otel_scope_data one = { .name = "x", .attributes = &a, .n_attributes = 1 },
			       other = { .name = "x" };

	ck_assert_ptr_eq(otel_tracer_provider_tracer(provider, &one),
	                 otel_tracer_provider_tracer(provider, &one));
	ck_assert_ptr_ne(otel_tracer_provider_tracer(provider, &one),
	                 otel_tracer_provider_tracer(provider, &other));
}
END_TEST

/* Or a service that asks with each request would grow for ever. */
START_TEST(a_scope_written_otherwise_is_the_same_scope)
{
	struct otel_attribute one[] = { OTEL_STR("a", "1"), OTEL_STR("b", "2") },
			      turned[] = { OTEL_STR("b", "2"), OTEL_STR("a", "1") },
			      untidy[] = { OTEL_STR("a", "0"), OTEL_STR("none", NULL),
		                           OTEL_STR("b", "2"), OTEL_STR(NULL, "x"),
		                           OTEL_STR("a", "1") };
	struct otel_scope_data scope = { .name = "x",
		                         .attributes = one,
		                         .n_attributes = 2 };
	struct otel_tracer *first = otel_tracer_provider_tracer(provider, &scope);

	scope.attributes = turned;
	ck_assert_ptr_eq(otel_tracer_provider_tracer(provider, &scope), first);
	scope.attributes = untidy;
	scope.n_attributes = 5;
	ck_assert_ptr_eq(otel_tracer_provider_tracer(provider, &scope), first);
	one[0] = OTEL_STR("a", "2");
	scope.attributes = one;
	scope.n_attributes = 2;
	ck_assert_ptr_ne(otel_tracer_provider_tracer(provider, &scope), first);
}
END_TEST

static void
one_of_each(void)
{
	OTEL_SPAN(outer, tracer, "outer");
	{
		OTEL_SPAN(span, tracer, "a name as long as names are");
		otel_span_set(span,
		              OTEL_STR("key.of.some.length", "a value of twenty by"),
		              OTEL_INT("n", 1));
		otel_span_add_event(span, "event", OTEL_STR("key", "value"));
	}
}

START_TEST(the_steady_state_allocates_nothing)
{
	unsigned long before;

	fake.discards = true;
	for (int i = 0; i < 100; i++)
		one_of_each();
	before = oom_count();
	for (int i = 0; i < 10000; i++)
		one_of_each();
	ck_assert_uint_eq(oom_count() - before, 0);
}
END_TEST

static void
everything(void)
{
	struct otel_resource *made;
	struct otel_tracer_provider *from;
	struct otel_scope_data scope = { .name = "oom",
		                         .version = "1",
		                         .schema_url = "u" };
	struct otel_attribute attributes[] = { OTEL_STR("a", "b"), OTEL_INT("c", 1) };
	char large[3000];

	if (otel_resource_new(attributes, 2, "url", &made, NULL) < 0)
		return;
	if (otel_tracer_provider_new(&fake, made, NULL, 0, &from, NULL) == 0) {
		struct otel_span_context remote = { { 1 }, { 2 }, 1, true, "a=1,b=2" };
		struct otel_span *above = otel_span_wrap(&remote), *span;
		struct otel_span_options options = { .parent = otel_span_as_context(
							     above) };

		span = otel_span_start(otel_tracer_provider_tracer(from, &scope), "s",
		                       &options);
		memset(large, 'x', sizeof large);
		otel_span_set(span, OTEL_STRN("large", large, sizeof large));
		for (int i = 0; i < 40; i++)
			otel_span_set(
				span,
				OTEL_INT(((char[3]){ 'k', (char)('0' + i), 0 }), i));
		for (int i = 0; i < 40; i++)
			otel_span_add_event(span, "e", OTEL_STRN("x", large, 100));
		otel_span_fail(span, -EIO, "failed");
		otel_span_end(span);
		otel_span_unref(above);
		otel_tracer_provider_free(from);
	}
	otel_resource_unref(made);
	fake_drop();
}

START_TEST(every_allocation_may_fail)
{
	unsigned long live;

	otelp_pool_drain();
	live = oom_live();
	for (long n = 0;; n++) {
		oom_arm(n);
		everything();
		oom_disarm();
		otelp_pool_drain();
		ck_assert_uint_eq(oom_live(), live);
		if (!oom_fired())
			break;
	}
}
END_TEST

#define THREADS 4

static void *
beat_on(void *arg)
{
	struct otel_span *span = arg;

	for (int i = 0; i < 2000; i++) {
		OTEL_SPAN(own, tracer, "own");
		otel_span_set(span, OTEL_STRF("k", "%d", i), OTEL_INT("i", i));
		otel_span_add_event(span, "e");
		otel_span_end(otel_span_start(tracer, "child", NULL));
	}
	otel_span_end(span);
	otel_span_unref(span);
	return NULL;
}

START_TEST(threads_share_a_span)
{
	struct otel_span *span = otel_span_start(tracer, "shared", NULL);
	pthread_t threads[THREADS];

	fake.discards = true;
	for (int i = 0; i < THREADS; i++) /* all before the first thread ends it */
		otel_span_ref(span);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, beat_on, span);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	otelp_pool_drain();
	ck_assert_int_eq(otelp_pool_alive(OTELP_POOL_SPANS), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("span");
	TCase *data = tcase_create("data"), *limits = tcase_create("limits"),
	      *end = tcase_create("end"), *sampling = tcase_create("sampling"),
	      *memory = tcase_create("memory");
	TCase *all[] = { data, limits, end, sampling, memory };

	oom_install();
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		tcase_add_checked_fixture(all[i], set_up, tear_down);
		suite_add_tcase(suite, all[i]);
	}
	tcase_add_test(data, a_span_carries_what_was_said_of_it);
	tcase_add_test(data, nothing_points_into_the_callers_memory);
	tcase_add_test(data, a_span_made_current_is_the_parent);
	tcase_add_test(data, a_root_ignores_what_is_current);
	tcase_add_test(data, generated_traces_say_that_their_ids_are_random);
	tcase_add_test(data, a_childs_flag_is_its_traces);
	tcase_add_test(data, an_attribute_set_again_replaces);
	tcase_add_test(data, failing_says_it_three_times);
	tcase_add_test(data, an_exceptions_own_attributes_win);
	tcase_add_test(data, ok_is_final_and_unset_is_ignored);
	tcase_add_test(data, tracers_of_one_scope_are_one);
	tcase_add_test(data, a_scope_written_otherwise_is_the_same_scope);
	tcase_add_test(limits, limits_hold_exactly_and_count_what_is_past_them);
	tcase_add_test(limits,
	               attributes_without_a_key_are_counted_and_empty_ones_ignored);
	tcase_add_test(limits, a_link_to_nothing_is_kept_only_when_it_says_something);
	tcase_add_test(end, ending_twice_is_a_no_op);
	tcase_add_test(end, times_of_the_callers_are_kept_and_never_run_backwards);
	tcase_add_test(end, the_time_since_the_start_is_the_time_that_the_end_says);
	tcase_add_test(end, what_is_not_recording_has_no_time);
	tcase_add_test(end, null_is_accepted_everywhere);
	tcase_add_test(end, a_full_queue_gives_the_record_back);
	tcase_add_test(end, a_span_outlives_its_provider);
	tcase_add_test(end, a_span_in_the_queue_holds_nothing_of_its_context);
	tcase_add_test(sampling,
	               an_unsampled_span_has_ids_for_others_and_is_not_exported);
	tcase_add_test(sampling, a_sampler_of_ones_own_sees_the_start_and_may_add);
	tcase_add_test(sampling, without_an_exporter_contexts_pass_through);
	tcase_add_test(memory, replacing_for_ever_needs_no_more_memory);
	tcase_add_test(memory, the_steady_state_allocates_nothing);
	tcase_add_test(memory, every_allocation_may_fail);
	tcase_add_test(memory, threads_share_a_span);
	return check_main(suite);
}
