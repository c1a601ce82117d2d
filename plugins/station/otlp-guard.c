/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp-guard.h"

#include <errno.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

enum { WIRE_VARINT, WIRE_64, WIRE_LEN, WIRE_START_GROUP, WIRE_END_GROUP, WIRE_32 };

/* Reads a varint at *at, below `end`. */
static bool
varint(const uint8_t *bytes, size_t end, size_t *at, uint64_t *out)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint8_t byte;

		if (*at >= end)
			return false;
		byte = bytes[(*at)++];
		value |= (uint64_t)(byte & 0x7f) << (shift < 64 ? shift : 63);
		if (!(byte & 0x80)) {
			*out = value;
			return true;
		}
	}
	return false;
}

/* Upper bounds of what protobuf-c keeps, and its scan with it, of a field with `len` bytes of payload. */
static size_t
cost_of(const ProtobufCFieldDescriptor *field, size_t len)
{
	const size_t scanned = 64, block = 2 * sizeof(void *);

	if (!field) /* kept as unknown, beside a copy of the bytes */
		return scanned + sizeof(ProtobufCMessageUnknownField) + 2 * block + len;
	if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
		const ProtobufCMessageDescriptor *descriptor = field->descriptor;

		return scanned + descriptor->sizeof_message + 2 * block;
	}
	if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_BYTES)
		return scanned + 2 * block + len;
	return scanned + 8 * len; /* numbers, packed ones take a byte at least */
}

int
otlp_guard_protobuf(const struct ProtobufCMessageDescriptor *descriptor,
                    const void *bytes, size_t len, struct otel_error *err)
{
	struct {
		const ProtobufCMessageDescriptor *descriptor;
		size_t end;
	} open[OTLP_MAX_DEPTH];
	size_t at = 0, depth = 1, built = 0;

	open[0].descriptor = descriptor;
	open[0].end = len;
	while (depth) {
		const ProtobufCFieldDescriptor *field;
		uint64_t tag, value = 0;
		size_t end = open[depth - 1].end, skip = 0;

		if (at == end) {
			depth--;
			continue;
		}
		if (!varint(bytes, end, &at, &tag) || !(tag >> 3) ||
		    tag >> 3 > UINT32_MAX)
			return otel_error_set(err, -EINVAL,
			                      "not protobuf: a bad tag at byte %zu", at);
		switch (tag & 7) {
		case WIRE_VARINT:
			if (!varint(bytes, end, &at, &value))
				return otel_error_set(
					err, -EINVAL,
					"not protobuf: a bad number at byte %zu", at);
			break;
		case WIRE_64:
			skip = 8;
			break;
		case WIRE_32:
			skip = 4;
			break;
		case WIRE_LEN:
			if (!varint(bytes, end, &at, &value) || value > end - at)
				return otel_error_set(
					err, -EINVAL,
					"not protobuf: a length beyond its message at byte %zu",
					at);
			skip = (size_t)value;
			break;
		default:
			return otel_error_set(err, -EINVAL,
			                      "not OTLP: wire type %u at byte %zu",
			                      (unsigned)(tag & 7), at);
		}
		if (skip > end - at)
			return otel_error_set(err, -EINVAL,
			                      "not protobuf: cut off at byte %zu", at);
		field = protobuf_c_message_descriptor_get_field(
			open[depth - 1].descriptor, (unsigned)(tag >> 3));
		built += cost_of(field, skip);
		if (built > OTLP_MAX_BUILT)
			return otel_error_set(err, -EMSGSIZE,
			                      "more than %zu MiB once decoded",
			                      OTLP_MAX_BUILT >> 20);
		if ((tag & 7) != WIRE_LEN || !field ||
		    field->type != PROTOBUF_C_TYPE_MESSAGE) {
			at += skip;
			continue;
		}
		if (depth == OTLP_MAX_DEPTH)
			return otel_error_set(err, -ELOOP,
			                      "nested deeper than %d messages",
			                      OTLP_MAX_DEPTH);
		open[depth].descriptor = field->descriptor;
		open[depth].end = at + skip;
		depth++;
	}
	return 0;
}

int
otlp_guard_json(const char *text, size_t len, struct otel_error *err)
{
	bool quoted = false;
	size_t depth = 0, values = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == ',' && ++values > OTLP_MAX_BUILT / 128) {
			return otel_error_set(err, -EMSGSIZE,
			                      "more than %zu values in one body",
			                      OTLP_MAX_BUILT / 128);
		} else if (c == '{' || c == '[') {
			values++;
			if (++depth > 2 * OTLP_MAX_DEPTH)
				return otel_error_set(err, -ELOOP,
				                      "nested deeper than %d brackets",
				                      2 * OTLP_MAX_DEPTH);
		} else if ((c == '}' || c == ']') && depth) {
			depth--;
		}
	}
	return 0;
}
