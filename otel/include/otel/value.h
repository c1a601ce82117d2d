/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/value.h - typed values and attributes, as they are passed to the API.
 *
 * A value borrows: whatever takes an attribute copies its bytes before it returns, so that nothing of
 * the SDK ever points into the memory of a caller (a service may be unloaded the next moment).
 *
 *	otel_span_set(span, OTEL_STR("peer.service", name), OTEL_INT("retry.count", n));
 *
 * Specification: common/README.md, AnyValue and Attribute.
 */
#ifndef OTEL_VALUE_H
#define OTEL_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <otel/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum otel_type {
	OTEL_TYPE_NONE,   /* an empty value: legal as a log body, ignored as an attribute */
	OTEL_TYPE_STRING, /* UTF-8; bytes that are not are replaced by U+FFFD when it is exported */
	OTEL_TYPE_BOOL,
	OTEL_TYPE_INT,
	OTEL_TYPE_DOUBLE,
	OTEL_TYPE_BYTES,
	OTEL_TYPE_ARRAY, /* of values; homogeneous in attributes */
	OTEL_TYPE_MAP    /* of attributes; in log bodies and log attributes */
};

struct otel_attribute;

struct otel_value {
	uint8_t type; /* enum otel_type */
	uint32_t len; /* bytes of a string or bytes value, elements of an array or map */
	union {
		const char *string; /* not necessarily NUL-terminated */
		bool boolean;
		int64_t integer;
		double number;
		const void *bytes;
		const struct otel_value *values;
		const struct otel_attribute *entries;
	};
};

/* A NULL or empty key makes an attribute that is ignored and counted. */
struct otel_attribute {
	const char *key; /* NUL-terminated UTF-8 */
	struct otel_value value;
};

static inline struct otel_value
otel_value_string_n(const char *text, size_t len)
{
	struct otel_value v = { OTEL_TYPE_STRING, (uint32_t)(len < UINT32_MAX ? len : UINT32_MAX), { text } };

	if (!text)
		v.type = OTEL_TYPE_NONE;
	return v;
}

/* NULL makes an empty value. */
static inline struct otel_value
otel_value_string(const char *text)
{
	return otel_value_string_n(text, text ? strlen(text) : 0);
}

static inline struct otel_value
otel_value_bool(bool boolean)
{
	struct otel_value v = { OTEL_TYPE_BOOL, 0, { NULL } };

	v.boolean = boolean;
	return v;
}

static inline struct otel_value
otel_value_int(int64_t integer)
{
	struct otel_value v = { OTEL_TYPE_INT, 0, { NULL } };

	v.integer = integer;
	return v;
}

static inline struct otel_value
otel_value_double(double number)
{
	struct otel_value v = { OTEL_TYPE_DOUBLE, 0, { NULL } };

	v.number = number;
	return v;
}

static inline struct otel_value
otel_value_bytes(const void *bytes, size_t len)
{
	struct otel_value v = otel_value_string_n((const char *)bytes, len);

	if (v.type)
		v.type = OTEL_TYPE_BYTES;
	return v;
}

static inline struct otel_value
otel_value_array(const struct otel_value *values, size_t n)
{
	struct otel_value v = { OTEL_TYPE_ARRAY, (uint32_t)n, { NULL } };

	v.values = values;
	return v;
}

static inline struct otel_value
otel_value_map(const struct otel_attribute *entries, size_t n)
{
	struct otel_value v = { OTEL_TYPE_MAP, (uint32_t)n, { NULL } };

	v.entries = entries;
	return v;
}

static inline struct otel_attribute
otel_attribute(const char *key, struct otel_value value)
{
	struct otel_attribute a = { key, value };

	return a;
}

#define OTEL_STR(key, text)         otel_attribute((key), otel_value_string(text))
#define OTEL_STRN(key, text, len)   otel_attribute((key), otel_value_string_n((text), (len)))
#define OTEL_INT(key, integer)      otel_attribute((key), otel_value_int(integer))
#define OTEL_DOUBLE(key, number)    otel_attribute((key), otel_value_double(number))
#define OTEL_BOOL(key, boolean)     otel_attribute((key), otel_value_bool(boolean))
#define OTEL_BYTES(key, bytes, len) otel_attribute((key), otel_value_bytes((bytes), (len)))

/* A string made on the spot, cut at 255 bytes; its storage lives to the end of the enclosing block. */
#define OTEL_STRF(key, ...) \
	otel_attribute((key), otel_value_format((char[256]){ 0 }, 256, __VA_ARGS__))
OTEL_EXPORT struct otel_value otel_value_format(char *storage, size_t size, const char *fmt, ...)
	OTEL_PRINTF(3, 4);

/*
 * Turns a list of attributes, which may be empty, into the two arguments `attributes, n_attributes`.
 * The sizeof is not evaluated, so each argument is computed once.
 */
#define OTEL_ATTRIBUTES(...) \
	((const struct otel_attribute[]){ { NULL, { 0, 0, { NULL } } }, ##__VA_ARGS__ }) + 1, \
	sizeof((const struct otel_attribute[]){ { NULL, { 0, 0, { NULL } } }, ##__VA_ARGS__ }) / \
		sizeof(struct otel_attribute) - 1

#ifdef __cplusplus
}
#endif

#endif
