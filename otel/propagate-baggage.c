/* SPDX-License-Identifier: Apache-2.0 */
/* W3C Baggage as a propagator: the header is read and written by baggage.c. */
#include <string.h>

#include <otel/baggage.h>
#include <otel/propagation.h>

#define MAX_BYTES 8192

/* Several lines are one list. False when they are too long together. */
static bool
join_lines(otel_carrier_get *get, void *carrier, char *buf, size_t *total)
{
	const char *value;
	size_t len;

	*total = 0;
	for (size_t i = 0; get(carrier, "baggage", i, &value, &len); i++) {
		if (len + 1 > MAX_BYTES - *total)
			return false;
		if (i)
			buf[(*total)++] = ',';
		memcpy(buf + *total, value, len);
		*total += len;
	}
	return true;
}

static struct otel_context *
extract(const struct otel_propagator *self, struct otel_context *parent,
        otel_carrier_get *get, void *carrier)
{
	struct otel_baggage *baggage = NULL;
	struct otel_context *context;
	char lines[MAX_BYTES + 1];
	const char *value;
	size_t len;
	int r;

	if (!get(carrier, "baggage", 0, &value, &len))
		return otel_context_ref(parent);
	if (get(carrier, "baggage", 1, &value, &len)) {
		if (!join_lines(get, carrier, lines, &len))
			return otel_context_ref(parent);
		value = lines;
	} else if (!get(carrier, "baggage", 0, &value, &len)) {
		return otel_context_ref(parent);
	}
	r = otel_baggage_parse(value, len, &baggage, NULL);
	if (r < 0 || !baggage)
		return otel_context_ref(parent);
	context = otel_context_with_baggage(parent, baggage);
	otel_baggage_unref(baggage);
	return context ? context : otel_context_ref(parent);
}

static void
inject(const struct otel_propagator *self, const struct otel_context *context,
       otel_carrier_set *set, void *carrier)
{
	const struct otel_baggage *baggage = otel_context_baggage(context);
	char text[MAX_BYTES + 1];
	size_t len;

	if (!otel_baggage_count(baggage))
		return;
	len = otel_baggage_format(baggage, text, sizeof text);
	if (len < sizeof text)
		set(carrier, "baggage", text, len);
}

static const char *const fields[] = { "baggage", NULL };

const struct otel_propagator otel_propagator_baggage = { "baggage", fields, inject,
	                                                 extract, NULL };
