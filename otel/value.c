/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "otlp_priv.h"
#include "value_priv.h"

#define CHECKED_ENTRIES 128 /* of a map, for keys that are there twice */

struct otel_value
otel_value_format(char *storage, size_t size, const char *fmt, ...)
{
	int saved = errno, n;
	va_list ap;

	va_start(ap, fmt);
	n = vsnprintf(storage, size, fmt, ap);
	va_end(ap);
	errno = saved;
	if (n < 0 || !size)
		return otel_value_string(NULL);
	if ((size_t)n < size)
		return otel_value_string_n(storage, (size_t)n);
	return otel_value_string_n(
		storage, otelp_utf8_truncated(storage, size - 1, (int)size - 1));
}

static bool
continues(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

/*
 * Steps back from the cut over a sequence that it would split. At most three bytes: what is longer is
 * not UTF-8, and is cut where it is.
 */
size_t
otelp_utf8_truncated(const char *text, size_t len, int max)
{
	size_t cut = (size_t)max, start;
	unsigned char lead;
	size_t need;

	if (max < 0)
		return len;
	if (len < cut)
		cut = len;
	start = cut;
	while (start > 0 && cut - start < 3 && continues(text[start - 1]))
		start--;
	if (start == 0)
		return cut;
	lead = (unsigned char)text[start - 1];
	need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	return cut - (start - 1) < need ? start - 1 : cut;
}

size_t
otelp_utf8_limited(const char *text, size_t len, int max)
{
	size_t at = 0;

	for (; at < len && max > 0; max--) {
		size_t n = otelp_utf8_len(text + at, len - at);

		at += n ? n : 1;
	}
	return at;
}

static bool copy_at_depth(struct otelp_arena *arena, const struct otel_value *from,
                          int max_len, int depth, struct otel_value *to);

static bool
copy_string(struct otelp_arena *arena, const struct otel_value *from, int max_len,
            struct otel_value *to)
{
	size_t len = from->len;
	char *copy;

	if (max_len >= 0 && len > (size_t)max_len)
		len = from->type == OTEL_TYPE_STRING
		              ? otelp_utf8_limited(from->string, len, max_len)
		              : (size_t)max_len;
	copy = otelp_arena_string(arena, from->string, len);
	if (!copy)
		return false;
	to->type = from->type;
	to->len = (uint32_t)len;
	to->string = copy;
	return true;
}

static bool
copy_array(struct otelp_arena *arena, const struct otel_value *from, int max_len,
           int depth, struct otel_value *to)
{
	struct otel_value *copy = otelp_arena_array(arena, from->len, struct otel_value);

	if (!copy && from->len)
		return false;
	for (uint32_t i = 0; i < from->len; i++)
		if (!copy_at_depth(arena, &from->values[i], max_len, depth + 1, &copy[i]))
			return false;
	*to = otel_value_array(copy, from->len);
	return true;
}

static size_t
find(const struct otel_attribute *attributes, size_t n, const char *key)
{
	size_t i = 0;

	while (i < n && strcmp(attributes[i].key, key) != 0)
		i++;
	return i;
}

static bool
copy_map(struct otelp_arena *arena, const struct otel_value *from, int max_len, int depth,
         struct otel_value *to)
{
	struct otel_attribute *copy = otelp_arena_array(arena, from->len,
	                                                struct otel_attribute);
	size_t n = 0;

	if (!copy && from->len)
		return false;
	for (uint32_t i = 0; i < from->len; i++) {
		const struct otel_attribute *entry = &from->entries[i];
		size_t at = n;

		if (!entry->key)
			continue;
		if (from->len <= CHECKED_ENTRIES)
			at = find(copy, n, entry->key);
		if (at == n) {
			copy[n].key = otelp_arena_string(arena, entry->key,
			                                 strlen(entry->key));
			if (!copy[n++].key)
				return false;
		}
		if (!copy_at_depth(arena, &entry->value, max_len, depth + 1,
		                   &copy[at].value))
			return false;
	}
	*to = otel_value_map(copy, n);
	return true;
}

static bool
copy_at_depth(struct otelp_arena *arena, const struct otel_value *from, int max_len,
              int depth, struct otel_value *to)
{
	*to = otel_value_string(NULL);
	switch (from->type) {
	case OTEL_TYPE_STRING:
	case OTEL_TYPE_BYTES:
		return copy_string(arena, from, max_len, to);
	case OTEL_TYPE_BOOL:
	case OTEL_TYPE_INT:
	case OTEL_TYPE_DOUBLE:
		*to = *from;
		return true;
	case OTEL_TYPE_ARRAY:
		return depth >= OTELP_VALUE_DEPTH ||
		       copy_array(arena, from, max_len, depth, to);
	case OTEL_TYPE_MAP:
		return depth >= OTELP_VALUE_DEPTH ||
		       copy_map(arena, from, max_len, depth, to);
	default:
		return true;
	}
}

bool
otelp_value_copy(struct otelp_arena *arena, const struct otel_value *from, int max_len,
                 struct otel_value *to)
{
	return copy_at_depth(arena, from, max_len, 0, to);
}

static bool
entries_equal(const struct otel_attribute *a, const struct otel_attribute *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(a[i].key, b[i].key) != 0 ||
		    !otelp_value_equal(&a[i].value, &b[i].value))
			return false;
	return true;
}

bool
otelp_value_equal(const struct otel_value *a, const struct otel_value *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case OTEL_TYPE_STRING:
	case OTEL_TYPE_BYTES:
		return a->len == b->len &&
		       (!a->len || memcmp(a->string, b->string, a->len) == 0);
	case OTEL_TYPE_BOOL:
		return a->boolean == b->boolean;
	case OTEL_TYPE_INT:
		return a->integer == b->integer;
	case OTEL_TYPE_DOUBLE: /* by bits, so that NaN equals itself */
		return memcmp(&a->number, &b->number, sizeof a->number) == 0;
	case OTEL_TYPE_ARRAY:
		for (uint32_t i = 0; a->len == b->len && i < a->len; i++)
			if (!otelp_value_equal(&a->values[i], &b->values[i]))
				return false;
		return a->len == b->len;
	case OTEL_TYPE_MAP:
		return a->len == b->len && entries_equal(a->entries, b->entries, a->len);
	default:
		return true;
	}
}

size_t
otelp_attributes_copy(struct otelp_arena *arena, const struct otel_attribute *from,
                      size_t n, int max, int max_len, struct otel_attribute **to,
                      uint32_t *dropped)
{
	size_t room = max >= 0 && n > (size_t)max ? (size_t)max : n, kept = 0;
	struct otel_attribute *copy = otelp_arena_array(arena, room,
	                                                struct otel_attribute);

	*to = copy;
	if (!copy)
		room = 0;
	for (size_t i = 0; i < n; i++) {
		const struct otel_attribute *a = &from[i];
		struct otel_value value;
		size_t at;

		if (a->key && *a->key && a->value.type == OTEL_TYPE_NONE)
			continue;
		if (!a->key || !*a->key) {
			++*dropped;
			continue;
		}
		at = find(copy, kept, a->key);
		if (at == room || !otelp_value_copy(arena, &a->value, max_len, &value)) {
			++*dropped;
			continue;
		}
		if (at == kept) {
			copy[at].key = otelp_arena_string(arena, a->key, strlen(a->key));
			if (!copy[at].key) {
				++*dropped;
				continue;
			}
			kept++;
		}
		copy[at].value = value;
	}
	return kept;
}
