/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/trace.h - spans: what a request did, when, and inside what.
 *
 *	OTEL_SPAN(span, tracer, "reading-catalogue");      current until the end of this scope
 *	otel_span_set(span, OTEL_INT("catalogue.size", n));
 *
 * Nothing here fails, blocks or allocates in the steady state. Every call accepts NULL for the tracer
 * and the span and does nothing; what had to be dropped (limits, memory) is counted in the span or in
 * the SDK's own metrics. A span may be used by several threads at once.
 *
 * Specification: trace/api.md.
 */
#ifndef OTEL_TRACE_H
#define OTEL_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <otel/context.h>
#include <otel/error.h>
#include <otel/value.h>

#ifdef __cplusplus
extern "C" {
#endif

struct otel_tracer;
struct otel_span;

enum otel_span_kind { /* the numbers of OTLP */
	OTEL_SPAN_KIND_INTERNAL = 1,
	OTEL_SPAN_KIND_SERVER = 2,
	OTEL_SPAN_KIND_CLIENT = 3,
	OTEL_SPAN_KIND_PRODUCER = 4,
	OTEL_SPAN_KIND_CONSUMER = 5
};

enum otel_status { OTEL_STATUS_UNSET = 0, OTEL_STATUS_OK = 1, OTEL_STATUS_ERROR = 2 };

#define OTEL_TRACE_FLAG_SAMPLED (1u << 0)
#define OTEL_TRACE_FLAG_RANDOM  (1u << 1) /* W3C level 2: the last 56 bits of the id are random */

/* What of a span travels to other processes. Plain data. */
struct otel_span_context {
	uint8_t trace_id[16];
	uint8_t span_id[8];
	uint8_t flags;           /* OTEL_TRACE_FLAG_* */
	bool remote;             /* came from another process */
	const char *trace_state; /* W3C tracestate, NUL-terminated; NULL when empty; borrowed from the span */
};

struct otel_link {
	struct otel_span_context context;
	const struct otel_attribute *attributes;
	size_t n_attributes;
};

/* Everything optional about a start; zeroed members mean the default. */
struct otel_span_options {
	int kind;                    /* enum otel_span_kind; 0 is INTERNAL */
	struct otel_context *parent; /* NULL: the current context */
	bool root;                   /* no parent, whatever is current */
	uint64_t start_unix_ns;      /* 0: now */
	const struct otel_attribute *attributes; /* seen by the sampler, unlike those set later */
	size_t n_attributes;
	const struct otel_link *links;
	size_t n_links;
};

/*
 * Starts a span; `options` may be NULL. The caller owns it and must end it. NULL only for a NULL
 * tracer or without memory: all calls below accept that. The name is copied. [any]
 */
OTEL_EXPORT struct otel_span *otel_span_start(struct otel_tracer *tracer, const char *name,
                                              const struct otel_span_options *options);
/* Ends the span and gives up the caller's reference; twice needs a reference of one's own and is a no-op. [any] */
OTEL_EXPORT void otel_span_end(struct otel_span *span);
/* The same, at a time of the caller's (Unix nanoseconds). [any] */
OTEL_EXPORT void otel_span_end_at(struct otel_span *span, uint64_t end_unix_ns);
/*
 * Nanoseconds since it started, by one look at a clock that steps of the wall clock do not move;
 * *now_unix_ns, unless NULL, is what time that makes it, fit for otel_span_end_at. 0 and 0 for what is not
 * recording. [any]
 */
OTEL_EXPORT uint64_t otel_span_elapsed_ns(const struct otel_span *span, uint64_t *now_unix_ns);
/* Another reference, for whoever looks at the span after it has ended. [any] */
OTEL_EXPORT struct otel_span *otel_span_ref(struct otel_span *span);
OTEL_EXPORT void otel_span_unref(struct otel_span *span); /* NULL is fine; does not end it */

/* False for NULL, for what the sampler dropped, and after the end. [any] */
OTEL_EXPORT bool otel_span_is_recording(const struct otel_span *span);
/* Borrows; all zeros for NULL, so it can always be read. [any] */
OTEL_EXPORT const struct otel_span_context *otel_span_context(const struct otel_span *span);
OTEL_EXPORT bool otel_span_context_is_valid(const struct otel_span_context *context);
/* Borrows the context in which this span is the active one. [any] */
OTEL_EXPORT struct otel_context *otel_span_as_context(struct otel_span *span);
/* Borrows the active span of the current context; NULL when there is none. [any] */
OTEL_EXPORT struct otel_span *otel_span_current(void);
/* A span that only carries `context` (as from another process); owned, never recorded. NULL without memory. [any] */
OTEL_EXPORT OTEL_MUST_USE struct otel_span *
otel_span_wrap(const struct otel_span_context *context);

/* Sets attributes; one that is there is replaced. Past the limit they are dropped and counted. [any] */
OTEL_EXPORT void otel_span_set_attributes(struct otel_span *span,
                                          const struct otel_attribute *attributes, size_t n);
#define otel_span_set(span, ...) otel_span_set_attributes((span), OTEL_ATTRIBUTES(__VA_ARGS__))

/* Adds an event at `unix_ns` (0: now). [any] */
OTEL_EXPORT void otel_span_add_event_at(struct otel_span *span, uint64_t unix_ns, const char *name,
                                        const struct otel_attribute *attributes, size_t n);
#define otel_span_add_event(span, name, ...) \
	otel_span_add_event_at((span), 0, (name), OTEL_ATTRIBUTES(__VA_ARGS__))

/* Adds a link; one to nothing, without attributes or trace state, is ignored. [any] */
OTEL_EXPORT void otel_span_add_link(struct otel_span *span, const struct otel_link *link);

/*
 * OK is final; UNSET is ignored; a later ERROR replaces an earlier one. `description` is for ERROR
 * only and may be NULL. [any]
 */
OTEL_EXPORT void otel_span_set_status(struct otel_span *span, int status, const char *description);
/* Borrows the name that would be exported now, until it is updated or the span ends; "" for NULL. [any] */
OTEL_EXPORT const char *otel_span_name(const struct otel_span *span);
/* The name that is exported; samplers have seen the first. [any] */
OTEL_EXPORT void otel_span_update_name(struct otel_span *span, const char *name);

/*
 * Records an event `exception` with exception.type, exception.message, exception.stacktrace (each may
 * be NULL) and more attributes, which win over those. [any]
 */
OTEL_EXPORT void otel_span_record_exception(struct otel_span *span, const char *type,
                                            const char *message, const char *stacktrace,
                                            const struct otel_attribute *attributes, size_t n);
/*
 * For the failing line of a function: status ERROR with `message`, an exception event whose type is
 * the errno's name, attribute error.type; returns `code`, so `return otel_span_fail(...)`. [any]
 */
OTEL_EXPORT int otel_span_fail(struct otel_span *span, int code, const char *message);

/* The block form: the `with` of other languages. */
struct otel_span_scope {
	struct otel_span *span;
	struct otel_context *previous; /* borrowed */
};
/* Starts a span and makes it current; the other puts back what was, and ends it. What OTEL_SPAN is made of. [any] */
OTEL_EXPORT struct otel_span_scope otel_span_enter(struct otel_tracer *tracer, const char *name,
                                                   const struct otel_span_options *options);
OTEL_EXPORT void otel_span_leave(struct otel_span_scope *scope);

/*
 * OTEL_SPAN(variable, tracer, name[, options]) declares a span and makes it current until the enclosing
 * scope ends, however that is left.
 */
#define OTEL_SPAN(name_, tracer, ...) OTEL_SPAN_WITH(name_, tracer, __VA_ARGS__, NULL)
#define OTEL_SPAN_WITH(name_, tracer, span_name, options, ...) \
	struct otel_span_scope name_##_scope OTEL_CLEANUP(otel_span_leave) = \
		otel_span_enter((tracer), (span_name), (options)); \
	struct otel_span *const name_ __attribute__((unused)) = name_##_scope.span

/* Whether a span started now could be recorded: skip costly attributes when not. [any] */
OTEL_EXPORT bool otel_tracer_enabled(const struct otel_tracer *tracer);

/* Writes 32 or 16 lower-case hex digits and NUL. [any] */
OTEL_EXPORT void otel_trace_id_format(const uint8_t trace_id[16], char out[33]);
OTEL_EXPORT void otel_span_id_format(const uint8_t span_id[8], char out[17]);

#ifdef __cplusplus
}
#endif

#endif
