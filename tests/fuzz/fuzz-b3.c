/* SPDX-License-Identifier: Apache-2.0 */
/* Lines `b3`, trace id, span id, sampled, flags, in this order. What is accepted survives the way back. */
#include <string.h>

#include "fuzz.h"
#include <otel/propagation.h>

static const char *const names[] = { "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled",
	                             "x-b3-flags" };

struct lines {
	const char *text;
	size_t len;
};

static bool
get(void *carrier, const char *name, size_t i, const char **value, size_t *len)
{
	struct lines *lines = carrier;
	const char *at = lines->text, *end = at + lines->len, *next;
	size_t line = 0;

	while (line < sizeof names / sizeof *names && strcmp(names[line], name) != 0)
		line++;
	for (;; at = next + 1) {
		next = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
		if (!line--)
			break;
		if (!next)
			return false;
	}
	*value = at;
	*len = (size_t)((next ? next : end) - at);
	return i == 0;
}

static void
set(void *carrier, const char *name, const char *value, size_t len)
{
	FUZZ_CHECK(strcmp(name, "b3") == 0 && len == 51);
	memcpy(carrier, value, len + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct otel_propagator *p = &otel_propagator_b3;
	struct lines lines = { (const char *)data, size };
	char once[52] = "", twice[52] = "";
	struct otel_context *context = p->extract(p, NULL, get, &lines);

	p->inject(p, context, set, once);
	otel_context_unref(context);
	if (!*once)
		return 0;
	lines = (struct lines){ once, 51 };
	context = p->extract(p, NULL, get, &lines);
	p->inject(p, context, set, twice);
	otel_context_unref(context);
	FUZZ_CHECK(strcmp(once, twice) == 0);
	return 0;
}
