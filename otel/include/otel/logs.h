/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/logs.h - log records that know which span they belong to.
 *
 *	otel_log(logger, OTEL_WARN, "cache is cold", OTEL_STR("cache.name", name));
 *
 * Nothing here fails or blocks; past the bounds a record is dropped and counted. A NULL logger is fine.
 *
 * Specification: logs/api.md, logs/data-model.md.
 */
#ifndef OTEL_LOGS_H
#define OTEL_LOGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <otel/context.h>
#include <otel/error.h>
#include <otel/value.h>

#ifdef __cplusplus
extern "C" {
#endif

struct otel_logger;

enum otel_severity { /* the first of each range of four; n + 1 ... n + 3 are legal too */
	OTEL_TRACE = 1,
	OTEL_DEBUG = 5,
	OTEL_INFO = 9,
	OTEL_WARN = 13,
	OTEL_ERROR = 17,
	OTEL_FATAL = 21
};

/* A whole record; zeroed members mean the default. */
struct otel_log_record {
	int severity;              /* enum otel_severity; 0: unspecified */
	const char *severity_text; /* NULL: the severity's name */
	struct otel_value body;
	const char *event_name;       /* NULL: not an event */
	uint64_t time_unix_ns;        /* 0: unknown; otel_log uses now */
	uint64_t observed_unix_ns;    /* 0: now */
	struct otel_context *context; /* NULL: the current one; its span is noted */
	const struct otel_attribute *attributes;
	size_t n_attributes;
};

/* Emits a record; everything is copied. [any] */
OTEL_EXPORT void otel_logger_emit(struct otel_logger *logger, const struct otel_log_record *record);
/* Whether a record of that severity would go anywhere. [any] */
OTEL_EXPORT bool otel_logger_enabled(const struct otel_logger *logger, int severity);

/* Emits a text, now, in the current context. [any] */
OTEL_EXPORT void otel_log_text(struct otel_logger *logger, int severity, const char *text,
                               const struct otel_attribute *attributes, size_t n);
#define otel_log(logger, severity, text, ...) \
	otel_log_text((logger), (severity), (text), OTEL_ATTRIBUTES(__VA_ARGS__))
/* The same with a text made on the spot; it is cut at 1023 bytes. */
OTEL_EXPORT void otel_logf(struct otel_logger *logger, int severity, const char *fmt, ...)
	OTEL_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif

#endif
