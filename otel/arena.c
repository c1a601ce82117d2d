/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "arena_priv.h"
#include "pipeline_priv.h"

#define CHUNK_MIN 2048

void
otelp_arena_init(struct otelp_arena *arena, void *first, size_t first_size,
                 size_t max_heap)
{
	static char
		nothing[1]; /* an empty block somewhere: no arithmetic is done on NULL */

	arena->at = arena->first = first ? first : nothing;
	arena->end = arena->at + first_size;
	arena->first_size = first_size;
	arena->chunks = arena->current = NULL;
	arena->heap = 0;
	arena->max_heap = max_heap;
	arena->budget = NULL;
}

static struct otelp_chunk *
chunk_new(struct otelp_budget *budget, size_t bytes)
{
	struct otelp_chunk *chunk = NULL;

	if (!budget ||
	    atomic_fetch_add_explicit(&budget->used, bytes, memory_order_relaxed) +
	                    bytes <=
	            budget->max)
		chunk = otelp_malloc(sizeof *chunk + bytes);
	if (chunk)
		chunk->size = bytes;
	else if (budget)
		atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
	return chunk;
}

static void
chunk_free(struct otelp_budget *budget, struct otelp_chunk *chunk)
{
	if (budget)
		atomic_fetch_sub_explicit(&budget->used, chunk->size,
		                          memory_order_relaxed);
	otelp_free(chunk);
}

void
otelp_arena_reset(struct otelp_arena *arena, size_t keep)
{
	struct otelp_chunk **link = &arena->chunks;

	arena->at = arena->first;
	arena->end = arena->first + arena->first_size;
	arena->current = NULL;
	/* What lies idle must not keep the others from theirs. */
	if (arena->budget &&
	    atomic_load_explicit(&arena->budget->used, memory_order_relaxed) >
	            arena->budget->max / 2)
		keep = 0;
	if (arena->heap <= keep)
		return;
	/* The later chunks are the larger ones: a record that was huge once does not stay so. */
	for (size_t kept = 0; *link && kept + (*link)->size <= keep;
	     link = &(*link)->next)
		kept += (*link)->size;
	while (*link) {
		struct otelp_chunk *chunk = *link;

		*link = chunk->next;
		arena->heap -= chunk->size;
		chunk_free(arena->budget, chunk);
	}
}

void
otelp_arena_fini(struct otelp_arena *arena)
{
	otelp_arena_reset(arena, 0);
}

static void
use(struct otelp_arena *arena, struct otelp_chunk *chunk)
{
	arena->current = chunk;
	arena->at = chunk->bytes;
	arena->end = chunk->bytes + chunk->size;
}

/* Goes on in a chunk that was kept, where it is large enough, or in a new one, put before those. */
void *
otelp_arena_alloc_slow(struct otelp_arena *arena, size_t size, size_t align)
{
	struct otelp_chunk **link = arena->current ? &arena->current->next
	                                           : &arena->chunks;
	struct otelp_chunk *chunk = *link;

	if (!chunk || chunk->size < size) {
		size_t bytes = CHUNK_MIN;

		if (arena->heap > bytes)
			bytes = arena->heap; /* doubles what there is */
		if (bytes < size)
			bytes = size;
		if (arena->heap >= arena->max_heap ||
		    size > arena->max_heap - arena->heap)
			return NULL;
		if (bytes > arena->max_heap - arena->heap)
			bytes = arena->max_heap - arena->heap;
		chunk = chunk_new(arena->budget, bytes);
		if (!chunk)
			return NULL;
		chunk->next = *link;
		*link = chunk;
		arena->heap += bytes;
	}
	use(arena, chunk);
	arena->at += size; /* a chunk's bytes are aligned for anything */
	return chunk->bytes;
}

char *
otelp_arena_string(struct otelp_arena *arena, const char *text, size_t len)
{
	char *copy = otelp_arena_alloc(arena, len + 1, 1);

	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}
