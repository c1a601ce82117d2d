/* SPDX-License-Identifier: Apache-2.0 */
/* The first line is a traceparent, the others are tracestates. What is accepted survives the way back. */
#include <string.h>

#include "fuzz.h"
#include <otel/propagation.h>
#include <otel/trace.h>

struct lines {
	const char *text;
	size_t len;
};

static bool
get(void *carrier, const char *name, size_t i, const char **value, size_t *len)
{
	struct lines *lines = carrier;
	const char *at = lines->text, *end = at + lines->len, *next;

	if (strcmp(name, "tracestate") == 0)
		i++;
	else if (i)
		return false;
	for (;; at = next + 1) {
		next = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
		if (!i--)
			break;
		if (!next)
			return false;
	}
	*value = at;
	*len = (size_t)((next ? next : end) - at);
	return true;
}

struct headers {
	char text[20000];
	size_t len;
};

static void
set(void *carrier, const char *name, const char *value, size_t len)
{
	struct headers *headers = carrier;

	if (headers->len)
		headers->text[headers->len++] = '\n';
	FUZZ_CHECK(len < sizeof headers->text - headers->len);
	memcpy(headers->text + headers->len, value, len);
	headers->len += len;
}

static void
pass_on(const char *text, size_t len, struct headers *headers)
{
	const struct otel_propagator *p = &otel_propagator_tracecontext;
	struct lines lines = { text, len };
	struct otel_context *context = p->extract(p, NULL, get, &lines);

	headers->len = 0;
	p->inject(p, context, set, headers);
	otel_context_unref(context);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct headers once, twice;

	pass_on((const char *)data, size, &once);
	if (!once.len)
		return 0;
	FUZZ_CHECK(!memchr(once.text, '\r', once.len) &&
	           !memchr(once.text, '\0', once.len));
	pass_on(once.text, once.len, &twice);
	FUZZ_CHECK(once.len == twice.len && memcmp(once.text, twice.text, once.len) == 0);
	return 0;
}
