/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/baggage.h - name/value pairs that travel with a request.
 *
 * A baggage is immutable, so threads may share it by taking a reference; a change makes another one.
 * Limits of W3C Baggage hold: 8192 bytes and 64 members; names are tokens, values any UTF-8.
 *
 * Specification: baggage/api.md; W3C Baggage.
 */
#ifndef OTEL_BAGGAGE_H
#define OTEL_BAGGAGE_H

#include <stddef.h>

#include <otel/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct otel_baggage;

/*
 * Parses a W3C `baggage` value of `len` bytes (several header lines: joined with commas). Returns 0
 * and an owned *out (NULL for an empty text), -EINVAL or -ENOMEM. [any]
 */
OTEL_EXPORT OTEL_MUST_USE int otel_baggage_parse(const char *text, size_t len,
                                                 struct otel_baggage **out,
                                                 struct otel_error *err);
/*
 * An owned copy of `baggage` (NULL: empty) with `name` set to `value`, or without `name` when value is
 * NULL. `metadata` are the properties after the value, verbatim, or NULL. NULL on a bad name, past the
 * limits or without memory. [any]
 */
OTEL_EXPORT OTEL_MUST_USE struct otel_baggage *
otel_baggage_with(const struct otel_baggage *baggage, const char *name, const char *value,
                  const char *metadata);
/* Borrows the decoded value of `name` until the baggage dies; NULL when absent. [any] */
OTEL_EXPORT const char *otel_baggage_get(const struct otel_baggage *baggage, const char *name);
/* How many members; 0 for NULL. [any] */
OTEL_EXPORT size_t otel_baggage_count(const struct otel_baggage *baggage);
/* Borrows member `i`, in order; each out may be NULL. Returns false past the end. [any] */
OTEL_EXPORT int otel_baggage_at(const struct otel_baggage *baggage, size_t i, const char **name,
                                const char **value, const char **metadata);
/* Writes the header's value, percent-encoded, NUL-terminated; returns its length, as snprintf does. [any] */
OTEL_EXPORT size_t otel_baggage_format(const struct otel_baggage *baggage, char *buf, size_t size);

/* Another reference; NULL is fine. [any] */
OTEL_EXPORT struct otel_baggage *otel_baggage_ref(struct otel_baggage *baggage);
OTEL_EXPORT void otel_baggage_unref(struct otel_baggage *baggage); /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
