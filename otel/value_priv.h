/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/value_priv.h - copying values and attributes out of the caller's memory.
 *
 * Copies own every byte, in an arena. Strings of copies end in a NUL that their length does not count.
 */
#ifndef OTEL_VALUE_PRIV_H
#define OTEL_VALUE_PRIV_H

#include <stdbool.h>

#include "arena_priv.h"
#include <otel/value.h>

#define OTELP_VALUE_DEPTH 16 /* values nested deeper become empty ones */

/* How much of `text` fits into `max` bytes without cutting a UTF-8 sequence; max < 0: all of it. */
size_t otelp_utf8_truncated(const char *text, size_t len, int max);
/* How many bytes its first `max` characters are; what is not UTF-8 counts byte by byte. */
size_t otelp_utf8_limited(const char *text, size_t len, int max);

/*
 * Copies a value; strings, nested ones too, are cut at `max_len` characters, byte strings at as many bytes
 * (negative: never). Of an equal key in a map of up to 128 entries the last wins. False without memory,
 * and *to is then an empty value.
 */
bool otelp_value_copy(struct otelp_arena *arena, const struct otel_value *from,
                      int max_len, struct otel_value *to);
bool otelp_value_equal(const struct otel_value *a, const struct otel_value *b);

/*
 * Copies attributes: the last of several with one key wins, at the place of the first; those without a
 * key, past `max` (negative: no limit), or without memory are left out and added to *dropped; empty
 * values are left out. Returns how many there are in *to.
 */
size_t otelp_attributes_copy(struct otelp_arena *arena, const struct otel_attribute *from,
                             size_t n, int max, int max_len, struct otel_attribute **to,
                             uint32_t *dropped);

#endif
