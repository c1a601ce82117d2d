/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the test suite of W3C Trace Context asks of a service that is called with certain headers, case
 * by case, and the other propagators.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "check-main.h"
#include "oom.h"
#include "pool_priv.h"
#include "tracestate_priv.h"
#include <otel/baggage.h>
#include <otel/propagation.h>
#include <otel/sdk.h>
#include <otel/trace.h>

#define TRACE  "12345678901234567890123456789012"
#define PARENT "1234567890123456"
#define GOOD   "00-" TRACE "-" PARENT "-00"

/* ---- a carrier: names and values in turn, NULL at the end ---- */

struct headers {
	char lines[20][2][20000];
	size_t n;
};

static struct headers in, out;

static bool
get(void *carrier, const char *name, size_t i, const char **value, size_t *len)
{
	const struct headers *headers = carrier;

	for (size_t at = 0; at < headers->n; at++)
		if (!strcasecmp(headers->lines[at][0], name) && !i--) {
			*value = headers->lines[at][1];
			*len = strlen(*value);
			return true;
		}
	return false;
}

static void
set(void *carrier, const char *name, const char *value, size_t len)
{
	struct headers *headers = carrier;

	strcpy(headers->lines[headers->n][0], name);
	snprintf(headers->lines[headers->n++][1], sizeof headers->lines[0][1], "%.*s",
	         (int)len, value);
}

static void
receive(const char *name, ...)
{
	va_list ap;

	in.n = 0;
	va_start(ap, name);
	for (; name; name = va_arg(ap, const char *)) {
		strcpy(in.lines[in.n][0], name);
		strcpy(in.lines[in.n++][1], va_arg(ap, const char *));
	}
	va_end(ap);
}

static const char *
sent(const char *name)
{
	for (size_t i = 0; i < out.n; i++)
		if (strcmp(out.lines[i][0], name) == 0)
			return out.lines[i][1];
	return NULL;
}

/* Extracts what was received, injects it again. */
static void
pass_on(const struct otel_propagator *propagator)
{
	struct otel_context *context = propagator->extract(propagator, NULL, get, &in);

	out.n = 0;
	propagator->inject(propagator, context, set, &out);
	otel_context_unref(context);
}

static const char *
tracestate_after(const char *first, const char *second, const char *third)
{
	receive("traceparent", GOOD, "tracestate", first, second ? "tracestate" : NULL,
	        second, third ? "tracestate" : NULL, third, NULL);
	pass_on(&otel_propagator_tracecontext);
	ck_assert_str_eq(sent("traceparent"), GOOD);
	return sent("tracestate");
}

/* ---- traceparent ---- */

static const struct {
	const char *text, *passed_on; /* NULL: a new trace */
} traceparents[] = {
	{ "00-" TRACE "-" PARENT "-01", "00-" TRACE "-" PARENT "-01" },
	{ "00-" TRACE "-" PARENT "-02", "00-" TRACE "-" PARENT "-02" },
	{ "00-" TRACE "-" PARENT "-03", "00-" TRACE "-" PARENT "-03" },
	{ "00-" TRACE "-" PARENT "-fd", "00-" TRACE "-" PARENT "-01" },
	{ " 00-" TRACE "-" PARENT "-01", "00-" TRACE "-" PARENT "-01" },
	{ "\t00-" TRACE "-" PARENT "-01 \t", "00-" TRACE "-" PARENT "-01" },
	{ "cc-" TRACE "-" PARENT "-01", "00-" TRACE "-" PARENT "-01" },
	{ "cc-" TRACE "-" PARENT "-01-what-the-future-will-be-like",
	  "00-" TRACE "-" PARENT "-01" },
	{ "cc-" TRACE "-" PARENT "-01.what-the-future-will-be-like", NULL },
	{ "ff-" TRACE "-" PARENT "-01", NULL },
	{ "00-" TRACE "-" PARENT "-01.", NULL },
	{ "00-" TRACE "-" PARENT "-01-what-the-future-will-be-like", NULL },
	{ ".0-" TRACE "-" PARENT "-01", NULL },
	{ "0.-" TRACE "-" PARENT "-01", NULL },
	{ "000-" TRACE "-" PARENT "-01", NULL },
	{ "0-" TRACE "-" PARENT "-01", NULL },
	{ "00-00000000000000000000000000000000-" PARENT "-01", NULL },
	{ "00-.2345678901234567890123456789012-" PARENT "-01", NULL },
	{ "00-1234567890123456789012345678901.-" PARENT "-01", NULL },
	{ "00-123456789012345678901234567890123-" PARENT "-01", NULL },
	{ "00-1234567890123456789012345678901-" PARENT "-01", NULL },
	{ "00-" TRACE "-0000000000000000-01", NULL },
	{ "00-" TRACE "-.234567890123456-01", NULL },
	{ "00-" TRACE "-123456789012345.-01", NULL },
	{ "00-" TRACE "-12345678901234567-01", NULL },
	{ "00-" TRACE "-123456789012345-01", NULL },
	{ "00-" TRACE "-" PARENT "-.0", NULL },
	{ "00-" TRACE "-" PARENT "-0.", NULL },
	{ "00-" TRACE "-" PARENT "-001", NULL },
	{ "00-" TRACE "-" PARENT "-1", NULL },
	{ "00-ABCDEF78901234567890123456789012-" PARENT "-01", NULL },
	{ "", NULL },
};

START_TEST(a_traceparent_is_read_to_the_letter)
{
	receive("TraceParent", traceparents[_i].text, NULL);
	pass_on(&otel_propagator_tracecontext);
	if (traceparents[_i].passed_on)
		ck_assert_str_eq(sent("traceparent"), traceparents[_i].passed_on);
	else
		ck_assert_uint_eq(out.n, 0);
}
END_TEST

START_TEST(two_traceparents_are_none)
{
	receive("traceparent", GOOD, "traceparent", GOOD, "tracestate", "a=1", NULL);
	pass_on(&otel_propagator_tracecontext);
	ck_assert_uint_eq(out.n, 0);
}
END_TEST

START_TEST(a_tracestate_alone_is_nothing)
{
	receive("tracestate", "foo=1", NULL);
	pass_on(&otel_propagator_tracecontext);
	ck_assert_uint_eq(out.n, 0);
}
END_TEST

START_TEST(an_extracted_span_is_remote_and_not_recorded)
{
	struct otel_context *context;
	struct otel_span *span;

	receive("traceparent", "00-" TRACE "-" PARENT "-01", NULL);
	context = otel_propagator_tracecontext.extract(&otel_propagator_tracecontext,
	                                               NULL, get, &in);
	span = otel_context_span(context);
	ck_assert(otel_span_context(span)->remote);
	ck_assert_int_eq(otel_span_context(span)->flags, OTEL_TRACE_FLAG_SAMPLED);
	ck_assert(!otel_span_is_recording(span));
	otel_context_unref(context);
}
END_TEST

/* ---- tracestate ---- */

static const struct {
	const char *lines[3], *passed_on;
} tracestates[] = {
	{ { "foo=1,bar=2" }, "foo=1,bar=2" },
	{ { "foo=1,bar=2", "rojo=1,congo=2", "baz=3" },
	  "foo=1,bar=2,rojo=1,congo=2,baz=3" },
	{ { "" }, NULL },
	{ { "foo=1", "" }, "foo=1" },
	{ { "", "foo=1" }, "foo=1" },
	{ { ", foo=1,,\t,bar=2," }, "foo=1,bar=2" },
	{ { "foo=1 \t , \t bar=2, \t baz=3" }, "foo=1,bar=2,baz=3" },
	{ { "\t foo=1 \t" }, "foo=1" },
	{ { "foo=1,foo=1" }, "foo=1" },
	{ { "foo=1", "foo=2" }, "foo=1" },
	{ { "foo=a b" }, "foo=a b" },
	{ { "0foo=1" }, "0foo=1" },
	{ { "foo@=1,bar=2" }, "foo@=1,bar=2" },
	{ { "foo@@bar=1,bar=2" }, "foo@@bar=1,bar=2" },
	{ { "@foo=1,bar=2" }, NULL },
	{ { "foo =1" }, NULL },
	{ { "FOO=1" }, NULL },
	{ { "foo.bar=1" }, NULL },
	{ { "foo=bar=baz" }, NULL },
	{ { "foo=,bar=3" }, NULL },
	{ { "foo" }, NULL },
	{ { "foo=\x7f" }, NULL },
	{ { "foo=1", "BAD=1" }, NULL },
	{ { "abcdefghijklmnopqrstuvwxyz0123456789_-*/@a-z0-9_-*/= !\"#$%&'()*+-./0:;<>?@AZ[\\]^_`az{|}~" },
	  "abcdefghijklmnopqrstuvwxyz0123456789_-*/@a-z0-9_-*/= !\"#$%&'()*+-./0:;<>?@AZ[\\]^_`az{|}~" },
};

START_TEST(a_tracestate_is_checked_and_passed_on)
{
	const char *const *lines = tracestates[_i].lines;
	const char *state = tracestate_after(lines[0], lines[1], lines[2]);

	if (tracestates[_i].passed_on)
		ck_assert_pstr_eq(state, tracestates[_i].passed_on);
	else
		ck_assert_ptr_null(state);
}
END_TEST

START_TEST(thirty_two_members_are_passed_on_and_one_more_is_too_many)
{
	char line[600] = "";

	for (int i = 1; i <= 32; i++)
		sprintf(line + strlen(line), "%sbar%02d=%02d", i > 1 ? "," : "", i, i);
	ck_assert_pstr_eq(tracestate_after(line, NULL, NULL), line);
	ck_assert_ptr_null(tracestate_after(line, "bar33=33", NULL));
}
END_TEST

START_TEST(keys_and_values_have_their_lengths)
{
	char line[600];

	memset(line, 'z', sizeof line);
	strcpy(line + 256, "=1");
	ck_assert_pstr_eq(tracestate_after(line, NULL, NULL), line);
	memset(line, 'z', 257);
	strcpy(line + 257, "=1");
	ck_assert_ptr_null(tracestate_after("foo=1", line, NULL));
	memset(line, 'v', sizeof line);
	memcpy(line, "k=", 2);
	line[2 + 256] = '\0';
	ck_assert_pstr_eq(tracestate_after(line, NULL, NULL), line);
	line[2 + 256] = 'v';
	line[2 + 257] = '\0';
	ck_assert_ptr_null(tracestate_after(line, NULL, NULL));
}
END_TEST

START_TEST(the_largest_tracestate_fits)
{
	static char lines[32][520];
	struct otelp_tracestate_reader *reader = malloc(sizeof *reader);

	otelp_tracestate_reader_init(reader);
	for (int i = 0; i < 32; i++) {
		memset(lines[i], 'x', 513);
		lines[i][0] = (char)('0' + i / 10);
		lines[i][1] = (char)('0' + i % 10);
		lines[i][256] = '=';
		ck_assert(otelp_tracestate_read(reader, lines[i], 513));
	}
	ck_assert_uint_eq(reader->len, 32 * 514 - 1);
	free(reader);
}
END_TEST

START_TEST(a_wrapped_spans_tracestate_is_checked_too)
{
	struct otel_span_context context = { { 1 }, { 2 }, 1, false, "a=1\r\nevil: 1" };
	struct otel_span *span = otel_span_wrap(&context);

	ck_assert_ptr_null(otel_span_context(span)->trace_state);
	otel_span_unref(span);
}
END_TEST

/* ---- baggage, composite, none, global ---- */

START_TEST(baggage_travels)
{
	receive("Baggage", "a=1,b=x%20y;p", NULL);
	pass_on(&otel_propagator_baggage);
	ck_assert_pstr_eq(sent("baggage"), "a=1,b=x%20y;p");
	receive("baggage", "a=1", "baggage", "b=2", NULL);
	pass_on(&otel_propagator_baggage);
	ck_assert_pstr_eq(sent("baggage"), "a=1,b=2");
	receive("baggage", "a b", NULL);
	pass_on(&otel_propagator_baggage);
	ck_assert_uint_eq(out.n, 0);
}
END_TEST

#define B3_TRACE "80f198ee56343ba864fe8b2a57d3eff7"
#define B3_SPAN  "e457b5a2e4d86bd1"

static const struct {
	const char *single, *passed_on;
} b3s[] = {
	{ B3_TRACE "-" B3_SPAN "-1", B3_TRACE "-" B3_SPAN "-1" },
	{ B3_TRACE "-" B3_SPAN "-0", B3_TRACE "-" B3_SPAN "-0" },
	{ B3_TRACE "-" B3_SPAN "-d", B3_TRACE "-" B3_SPAN "-d" },
	{ B3_TRACE "-" B3_SPAN, B3_TRACE "-" B3_SPAN "-0" },
	{ B3_TRACE "-" B3_SPAN "-1-05e3ac9a4f6e3b90", B3_TRACE "-" B3_SPAN "-1" },
	{ "64fe8b2a57d3eff7-" B3_SPAN "-1",
	  "000000000000000064fe8b2a57d3eff7-" B3_SPAN "-1" },
	{ "0", NULL },
	{ "", NULL },
	{ "64fe8b2a57d3eff-" B3_SPAN "-1", NULL },
	{ B3_TRACE "-" B3_SPAN "-x", NULL },
	{ B3_TRACE "-" B3_SPAN "-1x", NULL },
	{ B3_TRACE "-" B3_SPAN "-", NULL },
	{ B3_TRACE "-e457b5a2e4d86bd-1", NULL },
	{ "00000000000000000000000000000000-" B3_SPAN "-1", NULL },
};

START_TEST(a_single_b3_header_is_read_and_written)
{
	receive("B3", b3s[_i].single, NULL);
	pass_on(&otel_propagator_b3);
	ck_assert_pstr_eq(sent("b3"), b3s[_i].passed_on);
}
END_TEST

START_TEST(several_b3_headers_are_read_and_written)
{
	receive("X-B3-TraceId", B3_TRACE, "X-B3-SpanId", B3_SPAN, "X-B3-Sampled", "1",
	        "X-B3-ParentSpanId", "05e3ac9a4f6e3b90", NULL);
	pass_on(&otel_propagator_b3multi);
	ck_assert_uint_eq(out.n, 3);
	ck_assert_pstr_eq(sent("x-b3-traceid"), B3_TRACE);
	ck_assert_pstr_eq(sent("x-b3-spanid"), B3_SPAN);
	ck_assert_pstr_eq(sent("x-b3-sampled"), "1");
	receive("X-B3-TraceId", B3_TRACE, "X-B3-SpanId", B3_SPAN, "X-B3-Flags", "1",
	        NULL);
	pass_on(&otel_propagator_b3multi);
	ck_assert_pstr_eq(sent("x-b3-flags"), "1");
	ck_assert_ptr_null(sent("x-b3-sampled"));
	pass_on(&otel_propagator_b3);
	ck_assert_pstr_eq(sent("b3"), B3_TRACE "-" B3_SPAN "-d");
	receive("X-B3-TraceId", B3_TRACE, NULL);
	pass_on(&otel_propagator_b3multi);
	ck_assert_uint_eq(out.n, 0);
}
END_TEST

START_TEST(the_single_b3_header_comes_first)
{
	receive("X-B3-TraceId", TRACE, "X-B3-SpanId", PARENT, "b3",
	        B3_TRACE "-" B3_SPAN "-1", NULL);
	pass_on(&otel_propagator_b3multi);
	ck_assert_pstr_eq(sent("x-b3-traceid"), B3_TRACE);
	receive("X-B3-TraceId", TRACE, "X-B3-SpanId", PARENT, "b3", "broken", NULL);
	pass_on(&otel_propagator_b3multi);
	ck_assert_pstr_eq(sent("x-b3-traceid"), TRACE);
	ck_assert_pstr_eq(sent("x-b3-sampled"), "0");
}
END_TEST

START_TEST(the_default_is_tracecontext_and_baggage)
{
	const struct otel_propagator *global;

	unsetenv("OTEL_PROPAGATORS");
	global = otel_propagator_global();
	receive("traceparent", GOOD, "tracestate", "a=1", "baggage", "b=2", NULL);
	pass_on(global);
	ck_assert_uint_eq(out.n, 3);
	ck_assert_str_eq(global->fields[0], "traceparent");
	ck_assert_str_eq(global->fields[1], "tracestate");
	ck_assert_str_eq(global->fields[2], "baggage");
	ck_assert_ptr_null(global->fields[3]);
}
END_TEST

static char said[400];

static void
hear(int level, const char *message, void *userdata)
{
	snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", message);
}

START_TEST(the_environment_chooses)
{
	otel_set_diagnostics(hear, NULL);
	setenv("OTEL_PROPAGATORS", "Baggage, martian ,baggage", 1);
	receive("traceparent", GOOD, "baggage", "b=2", NULL);
	pass_on(otel_propagator_global());
	pass_on(otel_propagator_global());
	ck_assert_uint_eq(out.n, 1);
	ck_assert_pstr_eq(sent("baggage"), "b=2");
	ck_assert_str_eq(
		said, "propagators: there is none named 'martian' here; it is ignored\n");
	ck_assert_str_eq(otel_propagator_global()->fields[0], "baggage");
	ck_assert_ptr_null(otel_propagator_global()->fields[1]);
}
END_TEST

START_TEST(the_program_chooses_when_the_environment_does_not)
{
	const struct otel_propagator *before;
	unsigned long allocations;

	unsetenv("OTEL_PROPAGATORS");
	ck_assert_int_eq(otel_propagator_set_default("b3,baggage"), 0);
	before = otel_propagator_global();
	allocations = oom_live();
	ck_assert_int_eq(otel_propagator_set_default("b3, baggage"), 0);
	ck_assert_ptr_eq(otel_propagator_global(), before);
	ck_assert_uint_eq(oom_live(), allocations);
	ck_assert_str_eq(before->fields[0], "b3");
	ck_assert_int_eq(otel_propagator_set_default("none"), 0);
	ck_assert_ptr_null(otel_propagator_global()->fields[0]);
	setenv("OTEL_PROPAGATORS", "baggage", 1);
	ck_assert_int_eq(otel_propagator_set_default("b3"), 0);
	ck_assert_ptr_null(otel_propagator_global()->fields[0]);
}
END_TEST

START_TEST(the_environment_wins_over_the_program)
{
	setenv("OTEL_PROPAGATORS", "baggage", 1);
	ck_assert_int_eq(otel_propagator_set_default("b3"), 0);
	ck_assert_str_eq(otel_propagator_global()->fields[0], "baggage");
}
END_TEST

START_TEST(none_is_none)
{
	setenv("OTEL_PROPAGATORS", "none", 1);
	receive("traceparent", GOOD, "baggage", "b=2", NULL);
	ck_assert_ptr_null(otel_extract(NULL, get, &in));
}
END_TEST

START_TEST(one_that_was_set_wins)
{
	otel_propagator_set_global(&otel_propagator_baggage);
	ck_assert_ptr_eq(otel_propagator_global(), &otel_propagator_baggage);
	otel_propagator_set_global(NULL);
	ck_assert_ptr_ne(otel_propagator_global(), &otel_propagator_baggage);
}
END_TEST

START_TEST(extraction_keeps_what_the_parent_has)
{
	const struct otel_context_key *key = otel_context_key_new("k");
	struct otel_context *parent = otel_context_with_value(NULL, key, &in, NULL),
			    *child;

	receive("traceparent", GOOD, "baggage", "b=2", NULL);
	child = otel_extract(parent, get, &in);
	ck_assert_ptr_eq(otel_context_value(child, key), &in);
	ck_assert_str_eq(otel_baggage_get(otel_context_baggage(child), "b"), "2");
	ck_assert(
		otel_span_context_is_valid(otel_span_context(otel_context_span(child))));
	otel_context_unref(child);
	in.n = 0;
	child = otel_extract(parent, get, &in);
	ck_assert_ptr_eq(child, parent);
	otel_context_unref(child);
	otel_context_unref(parent);
}
END_TEST

START_TEST(inject_without_a_context_takes_the_current_one)
{
	struct otel_span_context span_context = { { 1 }, { 2 }, 1, false, NULL };
	struct otel_span *span = otel_span_wrap(&span_context);

	otel_context_swap(otel_span_as_context(span));
	out.n = 0;
	otel_inject(NULL, set, &out);
	otel_context_swap(NULL);
	otel_span_unref(span);
	ck_assert_str_eq(sent("traceparent"),
	                 "00-01000000000000000000000000000000-0200000000000000-01");
}
END_TEST

START_TEST(every_allocation_may_fail)
{
	unsigned long live;

	otelp_pool_drain();
	live = oom_live();
	receive("traceparent", GOOD, "tracestate", "a=1", "baggage", "b=2", NULL);
	for (long n = 0;; n++) {
		oom_arm(n);
		pass_on(otel_propagator_global());
		oom_disarm();
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
	Suite *suite = suite_create("propagation");
	TCase *parent = tcase_create("traceparent"), *state = tcase_create("tracestate"),
	      *rest = tcase_create("others");

	oom_install();
	suite_add_tcase(suite, parent);
	suite_add_tcase(suite, state);
	suite_add_tcase(suite, rest);
	tcase_add_loop_test(parent, a_traceparent_is_read_to_the_letter, 0,
	                    sizeof traceparents / sizeof *traceparents);
	tcase_add_test(parent, two_traceparents_are_none);
	tcase_add_test(parent, a_tracestate_alone_is_nothing);
	tcase_add_test(parent, an_extracted_span_is_remote_and_not_recorded);
	tcase_add_loop_test(state, a_tracestate_is_checked_and_passed_on, 0,
	                    sizeof tracestates / sizeof *tracestates);
	tcase_add_test(state, thirty_two_members_are_passed_on_and_one_more_is_too_many);
	tcase_add_test(state, keys_and_values_have_their_lengths);
	tcase_add_test(state, the_largest_tracestate_fits);
	tcase_add_test(state, a_wrapped_spans_tracestate_is_checked_too);
	tcase_add_test(rest, baggage_travels);
	tcase_add_loop_test(rest, a_single_b3_header_is_read_and_written, 0,
	                    sizeof b3s / sizeof *b3s);
	tcase_add_test(rest, several_b3_headers_are_read_and_written);
	tcase_add_test(rest, the_single_b3_header_comes_first);
	tcase_add_test(rest, the_default_is_tracecontext_and_baggage);
	tcase_add_test(rest, the_environment_chooses);
	tcase_add_test(rest, the_program_chooses_when_the_environment_does_not);
	tcase_add_test(rest, the_environment_wins_over_the_program);
	tcase_add_test(rest, none_is_none);
	tcase_add_test(rest, one_that_was_set_wins);
	tcase_add_test(rest, extraction_keeps_what_the_parent_has);
	tcase_add_test(rest, inject_without_a_context_takes_the_current_one);
	tcase_add_test(rest, every_allocation_may_fail);
	return check_main(suite);
}
