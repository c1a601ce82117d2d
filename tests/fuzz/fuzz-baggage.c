/* SPDX-License-Identifier: Apache-2.0 */
/* A baggage that was read is written and read again, and is the same. */
#include <string.h>

#include "fuzz.h"
#include <otel/baggage.h>

static void
check_equal(const struct otel_baggage *a, const struct otel_baggage *b)
{
	const char *name, *value, *metadata, *name_b, *value_b, *metadata_b;

	FUZZ_CHECK(otel_baggage_count(a) == otel_baggage_count(b));
	for (size_t i = 0; otel_baggage_at(a, i, &name, &value, &metadata); i++) {
		FUZZ_CHECK(otel_baggage_at(b, i, &name_b, &value_b, &metadata_b));
		FUZZ_CHECK(!strcmp(name, name_b) && !strcmp(value, value_b) &&
		           !strcmp(metadata, metadata_b));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[8193];
	struct otel_baggage *baggage = NULL, *again = NULL;
	size_t len;

	if (otel_baggage_parse((const char *)data, size, &baggage, NULL) < 0 || !baggage)
		return 0;
	len = otel_baggage_format(baggage, text, sizeof text);
	FUZZ_CHECK(len < sizeof text && strlen(text) == len);
	FUZZ_CHECK(otel_baggage_parse(text, len, &again, NULL) == 0);
	check_equal(baggage, again);
	otel_baggage_unref(baggage);
	otel_baggage_unref(again);
	return 0;
}
