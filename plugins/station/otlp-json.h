/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/otlp-json.h - OTLP messages as JSON and back, by their descriptors.
 *
 * OTLP/JSON is proto3 JSON with three differences: trace and span ids are hexadecimal, enums are
 * integers, and names are lowerCamelCase only. Fields that have their default value are left out.
 *
 * Specification: opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding".
 */
#ifndef STATION_OTLP_JSON_H
#define STATION_OTLP_JSON_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include "buf.h"
#include <otel/error.h>

/* Appends the message as a JSON object. */
void otlp_json_write(struct buf *buf, const ProtobufCMessage *message);

/*
 * Makes a message of `descriptor` from a JSON object; unknown keys are ignored. 0 and an owned *out
 * (protobuf_c_message_free_unpacked), -EINVAL with a sentence that names the key, or -ENOMEM.
 * `json` must not be nested deeper than OTLP_MAX_DEPTH of otlp-guard.h allows.
 */
OTEL_MUST_USE int otlp_json_read(const ProtobufCMessageDescriptor *descriptor,
                                 const json_t *json, ProtobufCMessage **out,
                                 struct otel_error *err);

#endif
