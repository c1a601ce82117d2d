/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
must(void *p)
{
	if (!p) {
		fputs("cupola: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	return p;
}

void *
xcalloc(size_t n, size_t size)
{
	return must(calloc(n ? n : 1, size));
}

char *
xstrdup(const char *text)
{
	return must(strdup(text));
}

char *
xstrndup(const char *text, size_t len)
{
	return must(strndup(text, len));
}

char *
xasprintf(const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return must(n < 0 ? NULL : text);
}

void *
xgrow(void *array, size_t *n, size_t size)
{
	void **at = array;
	char *last;

	*at = must(reallocarray(*at, *n + 1, size));
	last = (char *)*at + *n * size;
	(*n)++;
	return memset(last, 0, size);
}
