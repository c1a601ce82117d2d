/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp-json.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Where a field lives in a message of protobuf-c, and its case number when it is in a oneof. */
#define AT(message, offset, type) ((type *)(void *)((char *)(message) + (offset)))
#define CAT(message, offset, type) \
	((type const *)(const void *)((const char *)(message) + (offset)))

static void
camel_case(const char *name, char *out, size_t size)
{
	size_t n = 0;

	for (; *name && n + 1 < size; name++) {
		if (*name == '_' && name[1]) {
			name++;
			out[n++] = (char)toupper((unsigned char)*name);
		} else {
			out[n++] = *name;
		}
	}
	out[n] = '\0';
}

static bool
is_id(const ProtobufCFieldDescriptor *field)
{
	return !strcmp(field->name, "trace_id") || !strcmp(field->name, "span_id") ||
	       !strcmp(field->name, "parent_span_id");
}

static size_t
element_size(const ProtobufCFieldDescriptor *field)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_ENUM:
		return 4;
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	default:
		return 8;
	}
}

/* ---- writing ---- */

/* The fewest digits that read back as the same number. */
static void
write_shortest(struct buf *buf, double d)
{
	char text[32];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, d);
		if (strtod(text, NULL) == d)
			break;
	}
	buf_puts(buf, text);
}

static void
write_double(struct buf *buf, double d)
{
	if (isnan(d))
		buf_puts(buf, "\"NaN\"");
	else if (isinf(d))
		buf_puts(buf, d > 0 ? "\"Infinity\"" : "\"-Infinity\"");
	else
		write_shortest(buf, d);
}

static void
write_value(struct buf *buf, const ProtobufCFieldDescriptor *field, const void *at)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_ENUM:
		buf_printf(buf, "%" PRId32, *(const int32_t *)at);
		break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		buf_printf(buf, "%" PRIu32, *(const uint32_t *)at);
		break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		buf_printf(buf, "\"%" PRId64 "\"", *(const int64_t *)at);
		break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		buf_printf(buf, "\"%" PRIu64 "\"", *(const uint64_t *)at);
		break;
	case PROTOBUF_C_TYPE_FLOAT:
		write_double(buf, (double)*(const float *)at);
		break;
	case PROTOBUF_C_TYPE_DOUBLE:
		write_double(buf, *(const double *)at);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		buf_puts(buf, *(const protobuf_c_boolean *)at ? "true" : "false");
		break;
	case PROTOBUF_C_TYPE_STRING: {
		const char *text = *(const char *const *)at;

		buf_json_string(buf, text ? text : "", text ? strlen(text) : 0);
		break;
	}
	case PROTOBUF_C_TYPE_BYTES: {
		const ProtobufCBinaryData *bytes = at;

		buf_puts(buf, "\"");
		if (is_id(field))
			buf_hex(buf, bytes->data, bytes->len);
		else
			buf_base64(buf, bytes->data, bytes->len);
		buf_puts(buf, "\"");
		break;
	}
	case PROTOBUF_C_TYPE_MESSAGE:
		otlp_json_write(buf, *(const ProtobufCMessage *const *)at);
		break;
	}
}

/* Whether a singular field is there: a oneof by its case, others when they are not the default. */
static bool
has_value(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
	static const char zeros[8];

	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		return *CAT(message, field->quantifier_offset, uint32_t) == field->id;
	switch (field->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		return *CAT(message, field->offset, void *) != NULL;
	case PROTOBUF_C_TYPE_STRING: {
		const char *text = *CAT(message, field->offset, char *);

		return text && *text;
	}
	case PROTOBUF_C_TYPE_BYTES:
		return CAT(message, field->offset, ProtobufCBinaryData)->len != 0;
	default:
		return memcmp(CAT(message, field->offset, char), zeros,
		              element_size(field)) != 0;
	}
}

void
otlp_json_write(struct buf *buf, const ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *d = message->descriptor;
	bool first = true;
	char name[64];

	buf_puts(buf, "{");
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &d->fields[i];
		bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
		size_t n = repeated ? *CAT(message, field->quantifier_offset, size_t) : 0;

		if (repeated ? !n : !has_value(message, field))
			continue;
		camel_case(field->name, name, sizeof name);
		buf_printf(buf, "%s\"%s\":", first ? "" : ",", name);
		first = false;
		if (!repeated) {
			write_value(buf, field, CAT(message, field->offset, void));
			continue;
		}
		buf_puts(buf, "[");
		for (size_t k = 0; k < n; k++) {
			const char *elements = *CAT(message, field->offset, char *);

			if (k)
				buf_puts(buf, ",");
			write_value(buf, field, elements + k * element_size(field));
		}
		buf_puts(buf, "]");
	}
	buf_puts(buf, "}");
}

/* ---- reading ---- */

static int
wrong(struct otel_error *err, const char *key, const char *expected)
{
	return otel_error_set(err, -EINVAL, "%s: expected %s", key, expected);
}

static bool
json_int64(const json_t *json, int64_t *out)
{
	char *end;

	if (json_is_integer(json)) {
		*out = json_integer_value(json);
		return true;
	}
	if (json_is_real(json) && json_real_value(json) == trunc(json_real_value(json)) &&
	    fabs(json_real_value(json)) < 9e18) {
		*out = (int64_t)json_real_value(json);
		return true;
	}
	if (!json_is_string(json) || !*json_string_value(json))
		return false;
	errno = 0;
	*out = strtoll(json_string_value(json), &end, 10);
	return !*end && !errno;
}

static bool
json_uint64(const json_t *json, uint64_t *out)
{
	int64_t small;
	char *end;

	if (json_is_string(json) && *json_string_value(json) &&
	    *json_string_value(json) != '-') {
		errno = 0;
		*out = strtoull(json_string_value(json), &end, 10);
		return !*end && !errno;
	}
	if (!json_int64(json, &small) || small < 0)
		return false;
	*out = (uint64_t)small;
	return true;
}

static bool
json_double(const json_t *json, double *out)
{
	const char *text = json_string_value(json);
	char *end;

	if (json_is_number(json)) {
		*out = json_number_value(json);
		return true;
	}
	if (!text || !*text)
		return false;
	if (!strcmp(text, "Infinity") || !strcmp(text, "-Infinity")) {
		*out = *text == '-' ? -INFINITY : INFINITY;
		return true;
	}
	if (!strcmp(text, "NaN")) {
		*out = NAN;
		return true;
	}
	*out = strtod(text, &end);
	return !*end;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

/* Decodes into `bytes`, which takes strlen(text) bytes; returns how many, or -1. */
static long
decode_bytes(const char *text, bool hex, uint8_t *bytes)
{
	uint32_t value = 0;
	long n = 0;
	int bits = 0;

	if (hex) {
		for (; text[0] && text[1]; text += 2) {
			int high = hex_digit(text[0]), low = hex_digit(text[1]);

			if (high < 0 || low < 0)
				return -1;
			bytes[n++] = (uint8_t)(high << 4 | low);
		}
		return *text ? -1 : n;
	}
	for (; *text && *text != '='; text++) {
		int digit = base64_digit(*text);

		if (digit < 0)
			return -1;
		value = value << 6 | (uint32_t)digit;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			bytes[n++] = (uint8_t)(value >> bits);
		}
	}
	while (*text == '=')
		text++;
	return *text ? -1 : n;
}

static int
read_bytes(const ProtobufCFieldDescriptor *field, const json_t *json, const char *key,
           ProtobufCBinaryData *out, struct otel_error *err)
{
	const char *text = json_string_value(json);
	uint8_t *bytes;
	long n;

	if (!text)
		return wrong(err, key,
		             is_id(field) ? "a hexadecimal id (OTLP has no base64 there)"
		                          : "base64 text");
	bytes = malloc(strlen(text) + 1);
	if (!bytes)
		return otel_error_set(err, -ENOMEM, "out of memory");
	n = decode_bytes(text, is_id(field), bytes);
	if (n < 0) {
		free(bytes);
		return wrong(err, key, is_id(field) ? "a hexadecimal id (OTLP has no base64 there)" : "base64 text");
	}
	out->data = bytes;
	out->len = (size_t)n;
	return 0;
}

static int
read_value(const ProtobufCFieldDescriptor *field, const json_t *json, const char *key,
           void *at, struct otel_error *err)
{
	int64_t i;
	uint64_t u;
	double d;

	switch (field->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_ENUM:
		if (!json_int64(json, &i) || i < INT32_MIN || i > INT32_MAX)
			return wrong(err, key,
			             field->type == PROTOBUF_C_TYPE_ENUM
			                     ? "an enum as an integer"
			                     : "a 32-bit integer");
		*(int32_t *)at = (int32_t)i;
		return 0;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		if (!json_uint64(json, &u) || u > UINT32_MAX)
			return wrong(err, key, "an unsigned 32-bit integer");
		*(uint32_t *)at = (uint32_t)u;
		return 0;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		if (!json_int64(json, at))
			return wrong(err, key, "a 64-bit integer as a decimal string");
		return 0;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		if (!json_uint64(json, at))
			return wrong(err, key,
			             "an unsigned 64-bit integer as a decimal string");
		return 0;
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_DOUBLE:
		if (!json_double(json, &d))
			return wrong(err, key, "a number");
		if (field->type == PROTOBUF_C_TYPE_FLOAT)
			*(float *)at = (float)d;
		else
			*(double *)at = d;
		return 0;
	case PROTOBUF_C_TYPE_BOOL:
		if (!json_is_boolean(json))
			return wrong(err, key, "true or false");
		*(protobuf_c_boolean *)at = json_is_true(json);
		return 0;
	case PROTOBUF_C_TYPE_STRING: {
		char *copy;

		if (!json_is_string(json))
			return wrong(err, key, "a string");
		copy = strdup(json_string_value(json));
		if (!copy)
			return otel_error_set(err, -ENOMEM, "out of memory");
		*(char **)at = copy;
		return 0;
	}
	case PROTOBUF_C_TYPE_BYTES:
		return read_bytes(field, json, key, at, err);
	case PROTOBUF_C_TYPE_MESSAGE: {
		ProtobufCMessage *message = NULL;
		int r = otlp_json_read(field->descriptor, json, &message, err);

		if (r < 0) {
			otel_error_prefix(err, "%s", key);
			return r;
		}
		*(ProtobufCMessage **)at = message;
		return 0;
	}
	}
	return -EINVAL;
}

static int
read_repeated(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
              const json_t *json, const char *key, struct otel_error *err)
{
	size_t *n = AT(message, field->quantifier_offset, size_t),
	       count = json_array_size(json);
	char *elements;

	if (!json_is_array(json))
		return wrong(err, key, "an array");
	if (!count || *n)
		return 0;
	elements = calloc(count, element_size(field));
	if (!elements)
		return otel_error_set(err, -ENOMEM, "out of memory");
	*AT(message, field->offset, char *) = elements;
	for (size_t i = 0; i < count; i++) {
		int r = read_value(field, json_array_get(json, i), key,
		                   elements + i * element_size(field), err);

		if (r < 0)
			return r;
		*n = i + 1; /* what is counted is freed */
	}
	return 0;
}

static const ProtobufCFieldDescriptor *
field_by_camel_case(const ProtobufCMessageDescriptor *d, const char *key)
{
	char name[64];

	for (unsigned i = 0; i < d->n_fields; i++) {
		camel_case(d->fields[i].name, name, sizeof name);
		if (!strcmp(name, key))
			return &d->fields[i];
	}
	return NULL;
}

static int
read_field(ProtobufCMessage *message, const char *key, const json_t *json,
           struct otel_error *err)
{
	const ProtobufCFieldDescriptor *field = field_by_camel_case(message->descriptor,
	                                                            key);
	int r;

	if (!field || json_is_null(json))
		return 0;
	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return read_repeated(message, field, json, key, err);
	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		uint32_t *which = AT(message, field->quantifier_offset, uint32_t);

		if (*which)
			return wrong(err, key, "one of its alternatives only");
		r = read_value(field, json, key, AT(message, field->offset, void), err);
		if (r == 0)
			*which = field->id;
		return r;
	}
	return read_value(field, json, key, AT(message, field->offset, void), err);
}

int
otlp_json_read(const ProtobufCMessageDescriptor *descriptor, const json_t *json,
               ProtobufCMessage **out, struct otel_error *err)
{
	ProtobufCMessage *message;
	const char *key;
	json_t *value;
	int r = 0;

	if (!json_is_object(json))
		return otel_error_set(err, -EINVAL, "expected an object");
	message = malloc(descriptor->sizeof_message);
	if (!message)
		return otel_error_set(err, -ENOMEM, "out of memory");
	protobuf_c_message_init(descriptor, message);
	/* json_object_foreach wants a mutable object, and does not change it. */
	for (void *it = json_object_iter((json_t *)(uintptr_t)json); it && r == 0;
	     it = json_object_iter_next((json_t *)(uintptr_t)json, it)) {
		key = json_object_iter_key(it);
		value = json_object_iter_value(it);
		r = read_field(message, key, value, err);
	}
	if (r < 0) {
		protobuf_c_message_free_unpacked(message, NULL);
		return r;
	}
	*out = message;
	return 0;
}
