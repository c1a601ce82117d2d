/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attribute sets by content. The hash of a set is a sum over its attributes, so that the order in which
 * they are written does not matter; it is keyed by a secret of the process, because values come from
 * outside and nobody shall be able to choose sets that collide. Equal hashes are never enough: whoever
 * finds a candidate compares all bytes.
 */
#include <sys/random.h>
#include <time.h>

#include "meter_priv.h"

#define MULTIPLIER_A 0x9e3779b97f4a7c15ull
#define MULTIPLIER_B 0xd6e8feb86659fd93ull
#define MAX_DEPTH    16 /* of arrays and maps; what is deeper is not looked at */

static uint64_t secret = 0x243f6a8885a308d3ull;

__attribute__((constructor)) static void
secret_init(void)
{
	struct timespec now;

	if (getrandom(&secret, sizeof secret, GRND_NONBLOCK) != sizeof secret) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		secret ^= (uint64_t)now.tv_nsec * MULTIPLIER_A ^
		          (uint64_t)(uintptr_t)&now;
	}
	secret |= 1;
}

/* Both halves of the product, so that every bit of the input reaches every bit of the output. */
static inline uint64_t
mix(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
	a ^= a >> 32;
	a *= b | 1;
	a ^= a >> 29;
	a *= MULTIPLIER_B;
	return a ^ a >> 32;
#endif
}

static inline uint64_t
hash_bytes(const void *bytes, size_t n, uint64_t seed)
{
	const unsigned char *p = bytes;
	uint64_t h = seed ^ n * MULTIPLIER_A, word = 0;
	uint32_t a, b;

	if (n > 8) {
		for (; n > 8; p += 8, n -= 8) {
			memcpy(&word, p, 8);
			h = mix(h ^ word, MULTIPLIER_B);
		}
		memcpy(&word, p + n - 8, 8);
	} else if (n >= 4) {
		memcpy(&a, p, 4);
		memcpy(&b, p + n - 4, 4);
		word = (uint64_t)a << 32 | b;
	} else if (n) {
		word = (uint64_t)p[0] << 16 | (uint64_t)p[n / 2] << 8 | p[n - 1];
	}
	return mix(h ^ word, MULTIPLIER_A);
}

static uint64_t hash_nested(const struct otel_value *value, uint64_t seed, int depth);

static inline uint64_t
hash_value(const struct otel_value *value, uint64_t seed, int depth)
{
	uint64_t word = 0;

	seed += value->type;
	switch (value->type) {
	case OTEL_TYPE_STRING:
	case OTEL_TYPE_BYTES:
		return hash_bytes(value->string, value->len, seed);
	case OTEL_TYPE_BOOL:
		word = value->boolean;
		break;
	case OTEL_TYPE_INT:
	case OTEL_TYPE_DOUBLE:
		memcpy(&word, &value->integer, 8);
		break;
	case OTEL_TYPE_ARRAY:
	case OTEL_TYPE_MAP:
		return hash_nested(value, seed, depth);
	}
	return mix(word ^ seed, MULTIPLIER_B);
}

static __attribute__((noinline)) uint64_t
hash_nested(const struct otel_value *value, uint64_t seed, int depth)
{
	uint64_t h = mix(seed ^ value->len, MULTIPLIER_A);
	const char *key;

	if (depth >= MAX_DEPTH)
		return h;
	for (uint32_t i = 0; i < value->len; i++) {
		if (value->type == OTEL_TYPE_ARRAY) {
			h = hash_value(&value->values[i], h, depth + 1);
		} else {
			key = value->entries[i].key ? value->entries[i].key : "";
			h = hash_bytes(key, strlen(key), h);
			h = hash_value(&value->entries[i].value, h, depth + 1);
		}
	}
	return h;
}

static inline bool
ignored(const struct otel_attribute *attribute)
{
	return !attribute->key || !*attribute->key ||
	       attribute->value.type == OTEL_TYPE_NONE ||
	       attribute->value.type > OTEL_TYPE_MAP;
}

/* The attributes without those to be ignored and, of a key that is there twice, the last. */
static __attribute__((noinline)) size_t
clean(const struct otel_attribute *attributes, size_t n, struct otel_attribute *out)
{
	size_t kept = 0, j;

	for (size_t i = 0; i < n; i++) {
		if (ignored(&attributes[i]))
			continue;
		for (j = 0; j < kept; j++)
			if (!strcmp(out[j].key, attributes[i].key))
				break;
		if (j == OTELP_MAX_SET)
			return OTELP_MAX_SET + 1;
		out[j] = attributes[i];
		if (j == kept)
			kept++;
	}
	return kept;
}

static __attribute__((noinline)) bool
has_twin(const struct otel_attribute *attributes, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (!strcmp(attributes[i].key, attributes[j].key))
				return true;
	return false;
}

bool
otelp_set_init(struct otelp_set *set, const struct otel_attribute *attributes, size_t n,
               struct otel_attribute *scratch)
{
	uint64_t sum, key, seen;
	bool collided;

again:
	if (unlikely(n > OTELP_MAX_SET)) {
		n = attributes == scratch ? n : clean(attributes, n, scratch);
		attributes = scratch;
		if (n > OTELP_MAX_SET)
			return false;
	}
	sum = n * MULTIPLIER_A;
	seen = 0;
	collided = false;
	for (size_t i = 0; i < n; i++) {
		if (unlikely(ignored(&attributes[i])))
			goto untidy;
		set->key_len[i] = (uint32_t)strlen(attributes[i].key);
		key = hash_bytes(attributes[i].key, set->key_len[i], secret);
		/* A filter of one word tells most sets without twins from those that may have some. */
		collided |= seen >> (key & 63) & 1;
		seen |= 1ull << (key & 63);
		set->of[i] = hash_value(&attributes[i].value, key, 0);
		sum += set->of[i];
	}
	if (unlikely(collided) && has_twin(attributes, n))
		goto untidy;
	set->attributes = attributes;
	set->n = n;
	set->hash = mix(sum ^ secret, MULTIPLIER_A);
	return true;
untidy:
	n = clean(attributes, n, scratch);
	attributes = scratch;
	goto again;
}

static bool
nested_equal(const struct otel_value *a, const struct otel_value *b, int depth)
{
	const struct otel_value *x, *y;

	if (depth > MAX_DEPTH)
		return true; /* neither hashed nor copied down there */
	for (uint32_t i = 0; i < a->len; i++) {
		if (a->type == OTEL_TYPE_MAP) {
			if (strcmp(a->entries[i].key ? a->entries[i].key : "",
			           b->entries[i].key ? b->entries[i].key : ""))
				return false;
			x = &a->entries[i].value;
			y = &b->entries[i].value;
		} else {
			x = &a->values[i];
			y = &b->values[i];
		}
		if (x->type != y->type)
			return false;
		if (x->type == OTEL_TYPE_ARRAY || x->type == OTEL_TYPE_MAP) {
			if (depth < MAX_DEPTH &&
			    (x->len != y->len || !nested_equal(x, y, depth + 1)))
				return false;
		} else if (!otelp_set_value_equal(x, y)) {
			return false;
		}
	}
	return true;
}

bool
otelp_set_value_equal(const struct otel_value *a, const struct otel_value *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case OTEL_TYPE_STRING:
	case OTEL_TYPE_BYTES:
		return a->len == b->len && otelp_bytes_equal(a->bytes, b->bytes, a->len);
	case OTEL_TYPE_BOOL:
		return a->boolean == b->boolean;
	case OTEL_TYPE_INT:
	case OTEL_TYPE_DOUBLE: /* by bits: a NaN equals itself */
		return !memcmp(&a->integer, &b->integer, 8);
	case OTEL_TYPE_ARRAY:
	case OTEL_TYPE_MAP:
		return a->len == b->len && nested_equal(a, b, 1);
	}
	return true;
}

bool
otelp_set_equal(const struct otelp_set *a, const struct otelp_set *b)
{
	size_t j;

	if (a->n != b->n || a->hash != b->hash)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		for (j = 0; j < b->n && a->of[i] != b->of[j];)
			j++;
		if (j == b->n || strcmp(a->attributes[i].key, b->attributes[j].key) ||
		    !otelp_set_value_equal(&a->attributes[i].value,
		                           &b->attributes[j].value))
			return false;
	}
	return true;
}

static size_t
align8(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

static size_t
value_size(const struct otel_value *value, int depth)
{
	size_t size = 0;

	switch (value->type) {
	case OTEL_TYPE_STRING:
	case OTEL_TYPE_BYTES:
		return align8((size_t)value->len + 1);
	case OTEL_TYPE_ARRAY:
		if (depth >= MAX_DEPTH)
			return 0;
		size = value->len * sizeof *value->values;
		for (uint32_t i = 0; i < value->len && size <= OTELP_MAX_SET_BYTES; i++)
			size += value_size(&value->values[i], depth + 1);
		return size;
	case OTEL_TYPE_MAP:
		if (depth >= MAX_DEPTH)
			return 0;
		size = value->len * sizeof *value->entries;
		for (uint32_t i = 0; i < value->len && size <= OTELP_MAX_SET_BYTES; i++) {
			if (value->entries[i].key)
				size += align8(strlen(value->entries[i].key) + 1);
			size += value_size(&value->entries[i].value, depth + 1);
		}
		return size;
	}
	return 0;
}

size_t
otelp_set_size(const struct otelp_set *set)
{
	size_t size = set->n * sizeof *set->attributes;

	for (size_t i = 0; i < set->n && size <= OTELP_MAX_SET_BYTES; i++)
		size += align8((size_t)set->key_len[i] + 1) +
		        value_size(&set->attributes[i].value, 0);
	return size;
}

static char *
copy_text(const void *text, size_t len, unsigned char **to)
{
	char *copy = (char *)*to;

	memcpy(copy, text, len);
	copy[len] = '\0';
	*to += align8(len + 1);
	return copy;
}

static struct otel_value
copy_value(const struct otel_value *value, unsigned char **to, int depth)
{
	struct otel_value copy = *value, *values;
	struct otel_attribute *entries;
	const char *key;

	switch (value->type) {
	case OTEL_TYPE_STRING:
	case OTEL_TYPE_BYTES:
		copy.string = copy_text(value->string, value->len, to);
		break;
	case OTEL_TYPE_ARRAY:
		if (depth >= MAX_DEPTH) {
			copy.len = 0;
			break;
		}
		values = (struct otel_value *)(void *)*to;
		*to += value->len * sizeof *values;
		for (uint32_t i = 0; i < value->len; i++)
			values[i] = copy_value(&value->values[i], to, depth + 1);
		copy.values = values;
		break;
	case OTEL_TYPE_MAP:
		if (depth >= MAX_DEPTH) {
			copy.len = 0;
			break;
		}
		entries = (struct otel_attribute *)(void *)*to;
		*to += value->len * sizeof *entries;
		for (uint32_t i = 0; i < value->len; i++) {
			key = value->entries[i].key;
			entries[i].key = key ? copy_text(key, strlen(key), to) : NULL;
			entries[i].value = copy_value(&value->entries[i].value, to,
			                              depth + 1);
		}
		copy.entries = entries;
		break;
	}
	return copy;
}

struct otel_attribute *
otelp_set_copy(const struct otelp_set *set, void *to)
{
	struct otel_attribute *copy = to;
	unsigned char *rest = (unsigned char *)to + set->n * sizeof *copy;

	for (size_t i = 0; i < set->n; i++) {
		copy[i].key = copy_text(set->attributes[i].key, set->key_len[i], &rest);
		copy[i].value = copy_value(&set->attributes[i].value, &rest, 0);
	}
	return copy;
}
