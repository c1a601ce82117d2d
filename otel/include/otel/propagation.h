/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/propagation.h - carrying a context over headers, environments or any list of names and values.
 *
 * A carrier is two functions, so no header type is imposed. Propagators are constant objects; which
 * ones are used by default is configuration (OTEL_PROPAGATORS: tracecontext, baggage, b3, b3multi, none). An unparsable header is as if it were not there; it never fails a request.
 *
 * Specification: context/api-propagators.md; W3C Trace Context level 2; W3C Baggage.
 */
#ifndef OTEL_PROPAGATION_H
#define OTEL_PROPAGATION_H

#include <stdbool.h>
#include <stddef.h>

#include <otel/context.h>
#include <otel/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Hands out the `i`th header line (from 0) whose name is `name`, compared without regard to case;
 * false when there is none. The value need not end in NUL and is borrowed until the next call.
 */
typedef bool otel_carrier_get(void *carrier, const char *name, size_t i, const char **value,
                              size_t *len);
/* Sets header `name` to `value`, in place of any that is there. */
typedef void otel_carrier_set(void *carrier, const char *name, const char *value, size_t len);

struct otel_propagator {
	const char *name;          /* as in OTEL_PROPAGATORS */
	const char *const *fields; /* the headers that inject may set, NULL-terminated */
	void (*inject)(const struct otel_propagator *self, const struct otel_context *context,
	               otel_carrier_set *set, void *carrier);
	/* Returns an owned context: a child of `parent`, or `parent` itself with a reference added. */
	struct otel_context *(*extract)(const struct otel_propagator *self,
	                                struct otel_context *parent, otel_carrier_get *get,
	                                void *carrier);
	const void *data; /* for composites: NULL-terminated array of propagators */
};

OTEL_EXPORT extern const struct otel_propagator otel_propagator_tracecontext;
OTEL_EXPORT extern const struct otel_propagator otel_propagator_baggage;
OTEL_EXPORT extern const struct otel_propagator otel_propagator_b3; /* one header; reads both forms */
OTEL_EXPORT extern const struct otel_propagator otel_propagator_b3multi; /* X-B3-*; reads both forms */
OTEL_EXPORT extern const struct otel_propagator otel_propagator_none;

/* The process's propagator: what OTEL_PROPAGATORS asks for, or tracecontext and baggage. [any] */
OTEL_EXPORT const struct otel_propagator *otel_propagator_global(void);
/*
 * What is used when OTEL_PROPAGATORS is not set, written as there; may be said again when a configuration
 * changes. 0 or -ENOMEM. From one thread at a time.
 */
OTEL_EXPORT int otel_propagator_set_default(const char *names);
/* Before the first use; `propagator` must live as long as the process. NULL resets. [any] */
OTEL_EXPORT void otel_propagator_set_global(const struct otel_propagator *propagator);

/* Writes the current or given context's headers by the global propagator. [any] */
OTEL_EXPORT void otel_inject(const struct otel_context *context, otel_carrier_set *set,
                             void *carrier);
/* Reads headers by the global propagator; returns an owned context, or NULL when it is empty. [any] */
OTEL_EXPORT OTEL_MUST_USE struct otel_context *
otel_extract(struct otel_context *parent, otel_carrier_get *get, void *carrier);

#ifdef __cplusplus
}
#endif

#endif
