/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/error.h - how calls fail, and the few macros that every header uses.
 *
 * 0 is success. Negative is -errno: unexpected here, passed up unchanged. Positive is an outcome that
 * this one function documents, to be handled by the caller, never passed on. So `if (r < 0) return r;`
 * is always right. Where a person will read the result, the last parameter is `struct otel_error *err`:
 * caller's storage, may be NULL, never allocates, the first message wins.
 *
 * Thread tags, at the end of a comment: [any] any thread; [loop] the event loop's thread, never blocks;
 * [fiber] a request's fiber, may suspend the request; [exporter] the SDK's own threads.
 */
#ifndef OTEL_ERROR_H
#define OTEL_ERROR_H

#include <stddef.h>

#if defined(__GNUC__)
#define OTEL_EXPORT       __attribute__((visibility("default")))
#define OTEL_MUST_USE     __attribute__((warn_unused_result))
#define OTEL_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define OTEL_CLEANUP(fn)  __attribute__((cleanup(fn)))
#else
#define OTEL_EXPORT
#define OTEL_MUST_USE
#define OTEL_PRINTF(f, a)
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct otel_error {
	int code;          /* negative errno, or 0 when unset */
	char message[400]; /* lower case, names the thing, the act and the cause; no trailing newline */
};

#define OTEL_ERROR_INIT { 0, "" }

/* Records the first error; returns `code`, so `return otel_error_set(...)` ends a call. Keeps errno. [any] */
OTEL_EXPORT int otel_error_set(struct otel_error *err, int code, const char *fmt, ...)
	OTEL_PRINTF(3, 4);

/* Puts "PREFIX: " before the message that is there, as an error travels up. Keeps errno. [any] */
OTEL_EXPORT int otel_error_prefix(struct otel_error *err, const char *fmt, ...) OTEL_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif

#endif
