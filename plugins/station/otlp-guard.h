/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/otlp-guard.h - looks at bytes from outside before a recursive decoder does.
 *
 * protobuf-c recurses for each nested message without a limit: a body of 34 kB overflows a stack of
 * 8 MiB. And two bytes of it may become a hundred in memory. These scans are iterative and need no
 * memory, so that depth and size are known before anything is built.
 */
#ifndef STATION_OTLP_GUARD_H
#define STATION_OTLP_GUARD_H

#include <stddef.h>

#include <otel/error.h>

struct ProtobufCMessageDescriptor;

/* Messages in messages. An attribute value takes two or three of them for each level of nesting. */
#define OTLP_MAX_DEPTH 64
/* What may be built from one body, in bytes of memory; JSON's values are reckoned at 128 bytes each. */
#define OTLP_MAX_BUILT ((size_t)384 << 20)

/*
 * Follows the fields that `descriptor` knows as messages. 0, -EINVAL where the bytes are no protobuf
 * (with the offset), -ELOOP when they are nested deeper than OTLP_MAX_DEPTH, -EMSGSIZE when more than
 * OTLP_MAX_BUILT would be built of them.
 */
OTEL_MUST_USE int otlp_guard_protobuf(const struct ProtobufCMessageDescriptor *descriptor,
                                      const void *bytes, size_t len,
                                      struct otel_error *err);
/* The same for brackets in JSON text, of which an attribute value takes up to four a level. */
OTEL_MUST_USE int otlp_guard_json(const char *text, size_t len, struct otel_error *err);

#endif
