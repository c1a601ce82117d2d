/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "attributes_priv.h"
#include "value_priv.h"

/* Length and three characters tell most keys apart; those that it does not are compared. */
static inline uint32_t
signature(const char *key, size_t len)
{
	return (uint32_t)len << 24 ^ (uint32_t)(unsigned char)key[len / 2] << 16 ^
	       (uint32_t)(unsigned char)key[len - 1] << 8 ^
	       (unsigned char)key[len * 3 / 4];
}

static inline uint32_t
find(const struct otelp_attributes *list, const char *key, uint32_t sign)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (list->signatures[i] == sign && strcmp(list->items[i].key, key) == 0)
			return i;
	return list->n;
}

static bool
grow(struct otelp_attributes *list, struct otelp_arena *arena)
{
	uint32_t capacity = list->capacity * 2;
	struct otel_attribute *items = otelp_arena_array(arena, capacity,
	                                                 struct otel_attribute);
	uint32_t *signatures = otelp_arena_array(arena, capacity, uint32_t);

	if (!items || !signatures)
		return false;
	memcpy(items, list->items, list->n * sizeof *items);
	memcpy(signatures, list->signatures, list->n * sizeof *signatures);
	list->items = items;
	list->signatures = signatures;
	list->capacity = capacity;
	return true;
}

/* A string that fits where the last one was goes there: setting one key for ever needs no more memory. */
static bool
replace(struct otelp_arena *arena, struct otel_value *old, const struct otel_value *value,
        int max_len)
{
	struct otel_value copy;

	if (value->type == OTEL_TYPE_STRING && old->type == OTEL_TYPE_STRING &&
	    value->len <= old->len && (max_len < 0 || value->len <= (uint32_t)max_len)) {
		char *bytes = (char *)(uintptr_t)old->string; /* the arena's own */

		memmove(bytes, value->string, value->len);
		bytes[value->len] = '\0';
		old->len = value->len;
		return true;
	}
	if (!otelp_value_copy(arena, value, max_len, &copy))
		return false;
	*old = copy;
	return true;
}

/* Key and string in one piece, being the common case. */
static bool
append_string(struct otelp_arena *arena, const struct otel_attribute *a, size_t key_len,
              int max_len, struct otel_attribute *to)
{
	size_t len = a->value.len;
	char *bytes;

	if (max_len >= 0 && len > (size_t)max_len)
		len = otelp_utf8_limited(a->value.string, len, max_len);
	bytes = otelp_arena_alloc(arena, key_len + len + 2, 1);
	if (!bytes)
		return false;
	memcpy(bytes, a->key, key_len + 1);
	to->key = bytes;
	bytes += key_len + 1;
	memcpy(bytes, a->value.string, len);
	bytes[len] = '\0';
	to->value = otel_value_string_n(bytes, len);
	return true;
}

static bool
append(struct otelp_arena *arena, const struct otel_attribute *a, size_t key_len,
       int max_len, struct otel_attribute *to)
{
	char *key;

	if (a->value.type == OTEL_TYPE_STRING)
		return append_string(arena, a, key_len, max_len, to);
	key = otelp_arena_string(arena, a->key, key_len);
	to->key = key;
	return key && otelp_value_copy(arena, &a->value, max_len, &to->value);
}

static bool
set_one(struct otelp_attributes *list, struct otelp_arena *arena,
        const struct otel_attribute *a, int max, int max_len)
{
	size_t key_len = a->key ? strlen(a->key) : 0;
	uint32_t sign, at;

	if (!key_len)
		return false;
	if (a->value.type == OTEL_TYPE_NONE)
		return true;
	sign = signature(a->key, key_len);
	at = find(list, a->key, sign);
	if (at < list->n)
		return replace(arena, &list->items[at].value, &a->value, max_len);
	if (max >= 0 && at >= (uint32_t)max)
		return false;
	if (at == list->capacity && !grow(list, arena))
		return false;
	if (!append(arena, a, key_len, max_len, &list->items[at]))
		return false;
	list->signatures[at] = sign;
	list->n++;
	return true;
}

void
otelp_attributes_set(struct otelp_attributes *list, struct otelp_arena *arena,
                     const struct otel_attribute *from, size_t n, int max, int max_len)
{
	for (size_t i = 0; i < n; i++)
		if (!set_one(list, arena, &from[i], max, max_len))
			list->dropped++;
}
