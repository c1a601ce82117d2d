/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SDK's allocations, all through three replaceable functions, so that a host can account for them
 * and a test can fail each of them in turn.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline_priv.h"

static void *(*malloc_hook)(size_t) = malloc;
static void *(*realloc_hook)(void *, size_t) = realloc;
static void (*free_hook)(void *) = free;

void
otel_set_allocator(void *(*malloc_fn)(size_t), void *(*realloc_fn)(void *, size_t),
                   void (*free_fn)(void *))
{
	malloc_hook = malloc_fn ? malloc_fn : malloc;
	realloc_hook = realloc_fn ? realloc_fn : realloc;
	free_hook = free_fn ? free_fn : free;
}

void *
otelp_malloc(size_t size)
{
	return malloc_hook(size ? size : 1);
}

void *
otelp_calloc(size_t n, size_t size)
{
	size_t bytes;
	void *ptr;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	ptr = otelp_malloc(bytes);
	if (ptr)
		memset(ptr, 0, bytes);
	return ptr;
}

void *
otelp_realloc(void *ptr, size_t size)
{
	return realloc_hook(ptr, size ? size : 1);
}

void
otelp_free(void *ptr)
{
	free_hook(ptr);
}

char *
otelp_strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = otelp_malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}
