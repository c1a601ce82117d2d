/* SPDX-License-Identifier: Apache-2.0 */
/*
 * B3, the headers of Zipkin, in their two forms:
 *
 *	b3: TRACEID-SPANID-SAMPLED-PARENTID      sampled is 1, 0 or d (debug); the last two may be missing
 *	X-B3-TraceId, X-B3-SpanId, X-B3-Sampled (1, 0), X-B3-Flags (1: debug)
 *
 * Both propagators read both forms, the single one first, and each writes its own. A trace id of 64 bits
 * is filled up with zeros on the left. Debug means sampled, and is handed on. The parent's id is not.
 *
 * Specification: context/api-propagators.md, "B3 Requirements"; openzipkin/b3-propagation.
 */
#include <pthread.h>
#include <string.h>

#include "percent_priv.h"
#include "span_priv.h"
#include <otel/propagation.h>

struct received {
	struct otel_span_context context;
	bool debug;
};

/* Its presence in a context, whatever the value, is the debug flag. */
static const struct otel_context_key *debug_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
make_key(void)
{
	debug_key = otel_context_key_new("b3 debug");
}

static bool
read_hex(const char *text, size_t len, uint8_t *bytes)
{
	for (size_t i = 0; i < len; i += 2) {
		int high = otelp_hex_digit(text[i]), low = otelp_hex_digit(text[i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i / 2] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool
read_trace_id(const char *text, size_t len, uint8_t id[16])
{
	memset(id, 0, 16);
	if (len == 32)
		return read_hex(text, 32, id);
	return len == 16 && read_hex(text, 16, id + 8);
}

/* One field of the single form: up to a '-' or the end. */
static size_t
field_len(const char *text, size_t len)
{
	const char *dash = len ? memchr(text, '-', len) : NULL;

	return dash ? (size_t)(dash - text) : len;
}

static bool
read_single(const char *text, size_t len, struct received *out)
{
	size_t n = field_len(text, len);

	if (!read_trace_id(text, n, out->context.trace_id) || len - n < 17 ||
	    text[n] != '-')
		return false;
	text += n + 1;
	len -= n + 1;
	if (field_len(text, len) != 16 || !read_hex(text, 16, out->context.span_id))
		return false;
	text += 16;
	len -= 16;
	if (len == 0)
		return true;
	if (len < 2 || (len > 2 && text[2] != '-'))
		return false;
	out->debug = text[1] == 'd';
	if (out->debug || text[1] == '1')
		out->context.flags = OTEL_TRACE_FLAG_SAMPLED;
	return out->debug || text[1] == '1' || text[1] == '0';
}

static bool
is(const char *value, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(value, text, len) == 0;
}

static bool
read_multi(otel_carrier_get *get, void *carrier, struct received *out)
{
	const char *value;
	size_t len;

	if (!get(carrier, "x-b3-traceid", 0, &value, &len) ||
	    !read_trace_id(value, len, out->context.trace_id) ||
	    !get(carrier, "x-b3-spanid", 0, &value, &len) || len != 16 ||
	    !read_hex(value, len, out->context.span_id))
		return false;
	if (get(carrier, "x-b3-sampled", 0, &value, &len) &&
	    (is(value, len, "1") ||
	     is(value, len, "true"))) /* "true" is of old tracers */
		out->context.flags = OTEL_TRACE_FLAG_SAMPLED;
	if (get(carrier, "x-b3-flags", 0, &value, &len) && is(value, len, "1")) {
		out->context.flags = OTEL_TRACE_FLAG_SAMPLED;
		out->debug = true;
	}
	return true;
}

static struct otel_context *
with_debug(struct otel_context *context)
{
	static char set;
	struct otel_context *marked;

	pthread_once(&once, make_key);
	marked = otel_context_with_value(context, debug_key, &set, NULL);
	if (!marked)
		return context;
	otel_context_unref(context);
	return marked;
}

static struct otel_context *
extract(const struct otel_propagator *self, struct otel_context *parent,
        otel_carrier_get *get, void *carrier)
{
	struct received received = { .context.remote = true };
	struct otel_span *span;
	const char *value;
	size_t len;

	if (!(get(carrier, "b3", 0, &value, &len) &&
	      read_single(value, len, &received))) {
		received = (struct received){ .context.remote = true };
		if (!read_multi(get, carrier, &received))
			return otel_context_ref(parent);
	}
	if (!otel_span_context_is_valid(&received.context))
		return otel_context_ref(parent);
	span = otelp_span_wrap_in(parent, &received.context, NULL);
	if (!span)
		return otel_context_ref(parent);
	return received.debug ? with_debug(otel_span_as_context(span))
	                      : otel_span_as_context(span);
}

static bool
is_debug(const struct otel_context *context)
{
	pthread_once(&once, make_key);
	return debug_key && otel_context_value(context, debug_key);
}

static char
sampling_state(const struct otel_context *context, const struct otel_span_context *span)
{
	if (is_debug(context))
		return 'd';
	return span->flags & OTEL_TRACE_FLAG_SAMPLED ? '1' : '0';
}

static void
inject_single(const struct otel_propagator *self, const struct otel_context *context,
              otel_carrier_set *set, void *carrier)
{
	const struct otel_span_context *span = otel_span_context(
		otel_context_span(context));
	char text[32 + 1 + 16 + 1 + 1 + 1];

	if (!otel_span_context_is_valid(span))
		return;
	otel_trace_id_format(span->trace_id, text);
	text[32] = '-';
	otel_span_id_format(span->span_id, text + 33);
	text[49] = '-';
	text[50] = sampling_state(context, span);
	text[51] = '\0';
	set(carrier, "b3", text, 51);
}

static void
inject_multi(const struct otel_propagator *self, const struct otel_context *context,
             otel_carrier_set *set, void *carrier)
{
	const struct otel_span_context *span = otel_span_context(
		otel_context_span(context));
	char trace_id[33], span_id[17], state = sampling_state(context, span);

	if (!otel_span_context_is_valid(span))
		return;
	otel_trace_id_format(span->trace_id, trace_id);
	otel_span_id_format(span->span_id, span_id);
	set(carrier, "x-b3-traceid", trace_id, 32);
	set(carrier, "x-b3-spanid", span_id, 16);
	if (state == 'd') /* it implies the other */
		set(carrier, "x-b3-flags", "1", 1);
	else
		set(carrier, "x-b3-sampled", state == '1' ? "1" : "0", 1);
}

static const char *const single_fields[] = { "b3", NULL };
static const char *const multi_fields[] = { "x-b3-traceid", "x-b3-spanid", "x-b3-sampled",
	                                    "x-b3-flags", NULL };

const struct otel_propagator otel_propagator_b3 = { "b3", single_fields, inject_single,
	                                            extract, NULL };
const struct otel_propagator otel_propagator_b3multi = { "b3multi", multi_fields,
	                                                 inject_multi, extract, NULL };
