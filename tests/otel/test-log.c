/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "check-main.h"
#include "fake/pipeline.h"
#include "oom.h"
#include "pool_priv.h"

static struct otel_resource *resource;
static struct otel_logger_provider *provider;
static struct otel_logger *logger;

static void
open_provider(void)
{
	struct otel_scope_data scope = { .name = "test" };

	ck_assert_int_eq(otel_resource_new(NULL, 0, NULL, &resource, NULL), 0);
	ck_assert_int_eq(otel_logger_provider_new(&fake, resource, 0, &provider, NULL),
	                 0);
	logger = otel_logger_provider_logger(provider, &scope);
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
	otel_logger_provider_free(provider);
	otel_resource_unref(resource);
	otelp_pool_drain();
}

static const struct otel_log_data *
emitted(size_t i)
{
	ck_assert_uint_lt(i, fake.n_kept[OTEL_SIGNAL_LOGS]);
	return otelp_log_record_data(fake.kept[OTEL_SIGNAL_LOGS][i]);
}

static void
ck_body(const struct otel_log_data *data, const char *text)
{
	ck_assert_int_eq(data->body.type, OTEL_TYPE_STRING);
	ck_assert_uint_eq(data->body.len, strlen(text));
	ck_assert_mem_eq(data->body.string, text, strlen(text));
}

START_TEST(a_text_becomes_a_record)
{
	uint64_t before = otelp_now_unix_ns();

	otel_log(logger, OTEL_WARN, "cache is cold", OTEL_STR("cache.name", "l1"));
	ck_body(emitted(0), "cache is cold");
	ck_assert_int_eq(emitted(0)->severity, OTEL_WARN);
	ck_assert_str_eq(emitted(0)->severity_text, "WARN");
	ck_assert_str_eq(emitted(0)->event_name, "");
	ck_assert_uint_ge(emitted(0)->time_unix_ns, before);
	ck_assert_uint_eq(emitted(0)->observed_unix_ns, emitted(0)->time_unix_ns);
	ck_assert_uint_eq(emitted(0)->n_attributes, 1);
	ck_assert_str_eq(emitted(0)->attributes[0].key, "cache.name");
	ck_assert_ptr_eq(emitted(0)->resource, resource);
	ck_assert_str_eq(emitted(0)->scope->name, "test");
	ck_assert_mem_eq(emitted(0)->trace_id, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}
END_TEST

START_TEST(a_whole_record_is_kept)
{
	char text[] = "text", name[] = "event", severity[] = "loud";
	struct otel_attribute entries[] = { OTEL_INT("n", 1), OTEL_STR("s", text) };
	struct otel_log_record record = { .severity = 14,
		                          .severity_text = severity,
		                          .body = otel_value_map(entries, 2),
		                          .event_name = name,
		                          .time_unix_ns = 7,
		                          .observed_unix_ns = 8,
		                          .attributes = entries,
		                          .n_attributes = 2 };
	const struct otel_log_data *data;

	otel_logger_emit(logger, &record);
	memset(text, 'x', 4);
	memset(name, 'x', 5);
	memset(severity, 'x', 4);
	data = emitted(0);
	ck_assert_int_eq(data->severity, 14);
	ck_assert_str_eq(data->severity_text, "loud");
	ck_assert_str_eq(data->event_name, "event");
	ck_assert_uint_eq(data->time_unix_ns, 7);
	ck_assert_uint_eq(data->observed_unix_ns, 8);
	ck_assert_int_eq(data->body.type, OTEL_TYPE_MAP);
	ck_assert_mem_eq(data->body.entries[1].value.string, "text", 4);
	ck_assert_mem_eq(data->attributes[1].value.string, "text", 4);
}
END_TEST

START_TEST(an_unknown_time_stays_unknown_and_the_observed_one_is_now)
{
	struct otel_log_record record = { .body = otel_value_int(1) };

	otel_logger_emit(logger, &record);
	ck_assert_uint_eq(emitted(0)->time_unix_ns, 0);
	ck_assert_uint_gt(emitted(0)->observed_unix_ns, 1600000000000000000u);
	ck_assert_int_eq(emitted(0)->severity, 0);
	ck_assert_str_eq(emitted(0)->severity_text, "");
}
END_TEST

START_TEST(severities_have_their_names)
{
	static const char *const names[] = { "TRACE", "TRACE4", "DEBUG2", "INFO3",
		                             "ERROR", "FATAL4", "" };
	static const int numbers[] = { 1, 4, 6, 11, 17, 24, 25 };

	for (size_t i = 0; i < 7; i++) {
		otel_log(logger, numbers[i], "x");
		ck_assert_str_eq(emitted(i)->severity_text, names[i]);
	}
}
END_TEST

START_TEST(a_record_knows_its_span)
{
	struct otel_span_context context = { { 1 }, { 2 }, 3, true, NULL },
				 other = { { 4 }, { 5 }, 0, 0, NULL };
	struct otel_span *span = otel_span_wrap(&context),
			 *explicit = otel_span_wrap(&other);
	struct otel_log_record record = { .context = otel_span_as_context(explicit) };

	otel_context_swap(otel_span_as_context(span));
	otel_log(logger, OTEL_INFO, "current");
	otel_logger_emit(logger, &record);
	otel_context_swap(NULL);
	otel_span_unref(span);
	otel_span_unref(explicit);
	ck_assert_mem_eq(emitted(0)->trace_id, context.trace_id, 16);
	ck_assert_mem_eq(emitted(0)->span_id, context.span_id, 8);
	ck_assert_int_eq(emitted(0)->flags, 3);
	ck_assert_mem_eq(emitted(1)->trace_id, other.trace_id, 16);
}
END_TEST

START_TEST(formatted_texts_are_cut_at_1023_bytes)
{
	char text[2000];

	memset(text, 'x', sizeof text);
	text[1022] = (char)0xc3;
	text[1023] = (char)0xa4;
	text[1999] = '\0';
	errno = EIO;
	otel_logf(logger, OTEL_INFO, "%s", text);
	otel_logf(logger, OTEL_INFO, "%d and %s", 1, "two");
	ck_assert_int_eq(errno, EIO);
	ck_assert_uint_eq(emitted(0)->body.len, 1022);
	ck_body(emitted(1), "1 and two");
}
END_TEST

START_TEST(limits_hold)
{
	struct otel_attribute attributes[5];
	char keys[5][16];

	fake.config.limits.log_attribute_count = 4;
	fake.config.limits.log_attribute_value_length = 2;
	otel_logger_provider_free(provider);
	otel_resource_unref(resource);
	open_provider();
	for (int i = 0; i < 5; i++) {
		snprintf(keys[i], sizeof keys[i], "k%d", i);
		attributes[i] = OTEL_STR(keys[i], "long");
	}
	otel_log_text(logger, OTEL_INFO, "the body is never cut", attributes, 5);
	ck_assert_uint_eq(emitted(0)->n_attributes, 4);
	ck_assert_uint_eq(emitted(0)->dropped_attributes, 1);
	ck_assert_uint_eq(emitted(0)->attributes[3].value.len, 2);
	ck_body(emitted(0), "the body is never cut");
}
END_TEST

START_TEST(a_body_past_the_bounds_is_a_record_lost_and_counted)
{
	static char large[2 << 20];
	struct otel_log_record record = {
		.body = otel_value_string_n(large, sizeof large),
	};

	otel_logger_emit(logger, &record);
	ck_assert_uint_eq(fake.n_kept[OTEL_SIGNAL_LOGS], 0);
	ck_assert_uint_eq(fake.no_memory[OTEL_SIGNAL_LOGS], 1);
	otel_log(logger, OTEL_INFO, "the next one is not harmed");
	ck_body(emitted(0), "the next one is not harmed");
}
END_TEST

START_TEST(nobody_listening_means_nothing_made)
{
	ck_assert(otel_logger_enabled(logger, OTEL_DEBUG));
	fake.absent[OTEL_SIGNAL_LOGS] = true;
	ck_assert(!otel_logger_enabled(logger, OTEL_FATAL));
	otel_log(logger, OTEL_INFO, "x");
	otel_logf(logger, OTEL_INFO, "x");
	otel_log(NULL, OTEL_INFO, "x");
	otel_logf(NULL, OTEL_INFO, "x");
	ck_assert(!otel_logger_enabled(NULL, OTEL_INFO));
	ck_assert_uint_eq(fake.n_kept[OTEL_SIGNAL_LOGS], 0);
	ck_assert_int_eq(otelp_pool_alive(OTELP_POOL_LOGS), 0);
}
END_TEST

START_TEST(the_steady_state_allocates_nothing)
{
	unsigned long before = 0;

	fake.discards = true;
	for (int i = 0; i < 2000; i++) {
		if (i == 100)
			before = oom_count();
		otel_log(logger, OTEL_INFO, "text", OTEL_STR("a", "b"), OTEL_INT("c", i));
		otel_logf(logger, OTEL_INFO, "%d", i);
	}
	ck_assert_uint_eq(oom_count(), before);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
	static char large[5000];
	unsigned long live;

	otelp_pool_drain();
	live = oom_live();
	for (long n = 0;; n++) {
		struct otel_logger_provider *made = NULL;
		struct otel_scope_data scope = { .name = "oom" };

		oom_arm(n);
		if (otel_logger_provider_new(&fake, resource, 0, &made, NULL) == 0)
			otel_log(otel_logger_provider_logger(made, &scope), OTEL_INFO,
			         "x", OTEL_STRN("large", large, sizeof large),
			         OTEL_STR("small", "x"));
		oom_disarm();
		fake_drop();
		if (made)
			otel_logger_provider_free(made);
		otelp_pool_drain();
		ck_assert_uint_eq(oom_live(), live);
		if (!oom_fired())
			break;
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("log");
	TCase *records = tcase_create("records"), *memory = tcase_create("memory");

	oom_install();
	tcase_add_checked_fixture(records, set_up, tear_down);
	tcase_add_checked_fixture(memory, set_up, tear_down);
	suite_add_tcase(suite, records);
	suite_add_tcase(suite, memory);
	tcase_add_test(records, a_text_becomes_a_record);
	tcase_add_test(records, a_whole_record_is_kept);
	tcase_add_test(records,
	               an_unknown_time_stays_unknown_and_the_observed_one_is_now);
	tcase_add_test(records, severities_have_their_names);
	tcase_add_test(records, a_record_knows_its_span);
	tcase_add_test(records, formatted_texts_are_cut_at_1023_bytes);
	tcase_add_test(records, limits_hold);
	tcase_add_test(records, a_body_past_the_bounds_is_a_record_lost_and_counted);
	tcase_add_test(records, nobody_listening_means_nothing_made);
	tcase_add_test(memory, the_steady_state_allocates_nothing);
	tcase_add_test(memory, every_allocation_may_fail);
	return check_main(suite);
}
