/* SPDX-License-Identifier: Apache-2.0 */
/*
 * W3C Trace Context, level 2.
 *
 *	traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
 *	             |  trace id (16 bytes)              parent id         flags
 *	             version
 *
 * What does not follow the grammar to the letter is as if it had not come; a bad tracestate does not
 * spoil a good traceparent. Of later versions the part that looks like ours is used.
 */
#include <string.h>

#include "percent_priv.h"
#include "span_priv.h"
#include "tracestate_priv.h"
#include <otel/propagation.h>

#define TRACEPARENT_LEN 55
#define KNOWN_FLAGS     (OTEL_TRACE_FLAG_SAMPLED | OTEL_TRACE_FLAG_RANDOM)

static bool
read_hex(const char *text, uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char a = text[2 * i], b = text[2 * i + 1];
		int high = otelp_hex_digit(a), low = otelp_hex_digit(b);

		if (high < 0 || low < 0 || (a >= 'A' && a <= 'F') ||
		    (b >= 'A' && b <= 'F'))
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool
read_traceparent(const char *text, size_t len, struct otel_span_context *context)
{
	uint8_t version, flags;

	while (len && (*text == ' ' || *text == '\t')) {
		text++;
		len--;
	}
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	if (len < TRACEPARENT_LEN || text[2] != '-' || text[35] != '-' || text[52] != '-')
		return false;
	if (!read_hex(text, &version, 1) || version == 0xff)
		return false;
	if (len > TRACEPARENT_LEN && (version == 0 || text[TRACEPARENT_LEN] != '-'))
		return false;
	if (!read_hex(text + 3, context->trace_id, 16) ||
	    !read_hex(text + 36, context->span_id, 8) || !read_hex(text + 53, &flags, 1))
		return false;
	context->flags = flags & KNOWN_FLAGS;
	context->remote = true;
	context->trace_state = NULL;
	return otel_span_context_is_valid(context);
}

/* Section 3.3.1.1: several lines are one list, in their order. */
static struct otelp_tracestate *
get_tracestate(otel_carrier_get *get, void *carrier)
{
	struct otelp_tracestate_reader reader;
	const char *value;
	size_t len;

	if (!get(carrier, "tracestate", 0, &value, &len))
		return NULL;
	otelp_tracestate_reader_init(&reader);
	for (size_t i = 0; get(carrier, "tracestate", i, &value, &len); i++)
		if (!otelp_tracestate_read(&reader, value, len))
			return NULL;
	return otelp_tracestate_new(reader.text, reader.len);
}

static struct otel_context *
extract(const struct otel_propagator *self, struct otel_context *parent,
        otel_carrier_get *get, void *carrier)
{
	struct otel_span_context context;
	struct otelp_tracestate *state;
	struct otel_span *span;
	const char *value;
	size_t len;

	if (!get(carrier, "traceparent", 0, &value, &len) ||
	    !read_traceparent(value, len, &context) ||
	    get(carrier, "traceparent", 1, &value, &len)) /* two say nothing */
		return otel_context_ref(parent);
	state = get_tracestate(get, carrier);
	span = otelp_span_wrap_in(parent, &context, state);
	otelp_tracestate_unref(state);
	return span ? otel_span_as_context(span) : otel_context_ref(parent);
}

static void
inject(const struct otel_propagator *self, const struct otel_context *context,
       otel_carrier_set *set, void *carrier)
{
	static const char digits[] = "0123456789abcdef";
	const struct otel_span_context *span = otel_span_context(
		otel_context_span(context));
	uint8_t flags = span->flags & KNOWN_FLAGS;
	char text[TRACEPARENT_LEN + 1] = "00-";

	if (!otel_span_context_is_valid(span))
		return;
	otel_trace_id_format(span->trace_id, text + 3);
	text[35] = '-';
	otel_span_id_format(span->span_id, text + 36);
	text[52] = '-';
	text[53] = digits[flags >> 4];
	text[54] = digits[flags & 15];
	text[TRACEPARENT_LEN] = '\0';
	set(carrier, "traceparent", text, TRACEPARENT_LEN);
	if (span->trace_state)
		set(carrier, "tracestate", span->trace_state, strlen(span->trace_state));
}

static const char *const fields[] = { "traceparent", "tracestate", NULL };

const struct otel_propagator otel_propagator_tracecontext = { "tracecontext", fields,
	                                                      inject, extract, NULL };
