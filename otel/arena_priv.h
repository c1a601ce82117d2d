/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/arena_priv.h - memory that is given out by moving a pointer and taken back all at once.
 *
 * An arena begins in a block of its owner's (which may be none) and goes on in chunks from the heap.
 * Resetting keeps some chunks, so that an owner that is used again and again stops allocating.
 */
#ifndef OTEL_ARENA_PRIV_H
#define OTEL_ARENA_PRIV_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct otelp_chunk {
	struct otelp_chunk *next;
	size_t size; /* of bytes */
	alignas(max_align_t) char bytes[];
};

/* What the chunks of many arenas may take together. */
struct otelp_budget {
	atomic_size_t used;
	size_t max;
};

struct otelp_arena {
	char *at, *end; /* what is free of the current chunk or of the first block */
	char *first;    /* borrowed: the owner's block */
	size_t first_size;
	struct otelp_chunk *chunks;  /* in the order of their use; NULL: none yet */
	struct otelp_chunk *current; /* NULL: in the first block */
	size_t heap, max_heap;       /* bytes of chunks, and how many there may be */
	struct otelp_budget *budget; /* borrowed; NULL: none but max_heap */
};

void otelp_arena_init(struct otelp_arena *arena, void *first, size_t first_size,
                      size_t max_heap);
/* Takes everything back; chunks of `keep` bytes in all stay for the next time, unless the budget is short. */
void otelp_arena_reset(struct otelp_arena *arena, size_t keep);
/* Frees the chunks. */
void otelp_arena_fini(struct otelp_arena *arena);

void *otelp_arena_alloc_slow(struct otelp_arena *arena, size_t size, size_t align);

/* NULL without memory or past max_heap or the budget. `align` is a power of two. */
static inline void *
otelp_arena_alloc(struct otelp_arena *arena, size_t size, size_t align)
{
	char *p = (char *)(((uintptr_t)arena->at + (align - 1)) &
	                   ~(uintptr_t)(align - 1));

	if (__builtin_expect(p > arena->end || size > (size_t)(arena->end - p), 0))
		return otelp_arena_alloc_slow(arena, size, align);
	arena->at = p + size;
	return p;
}

#define otelp_arena_array(arena, n, type) \
	((type *)otelp_arena_alloc((arena), (n) * sizeof(type), alignof(type)))

/* A copy of `len` bytes with a NUL behind them. */
char *otelp_arena_string(struct otelp_arena *arena, const char *text, size_t len);

#endif
