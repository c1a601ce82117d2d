/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log records: pooled, filled in one call and handed over at once, so nothing ever changes one that
 * somebody else can see.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "attributes_priv.h"
#include "pool_priv.h"
#include "provider_priv.h"
#include "value_priv.h"
#include <otel/logs.h>

#define INLINE_BYTES 1024
#define MAX_HEAP     (1024 * 1024) /* of one record, beyond that */
#define KEPT_HEAP    8192          /* that a record keeps while it is idle */
#define MAX_ALIVE    65536
#define MAX_TEXT     1024 /* of otel_logf, NUL included */

/* A logger is a scope of a logger provider. */
struct otel_logger {
	struct otelp_scope scope;
};

struct otel_logger_provider {
	struct otelp_provider base;
};

struct log_record {
	struct otelp_record record;
	struct otelp_scope *scope; /* pinned; NULL: never used */
	struct otel_log_data data;
	struct otelp_arena arena;
	struct otelp_attributes attributes;
	char bytes[INLINE_BYTES];
};

static void
log_init(void *record)
{
	struct log_record *log = record;

	otelp_arena_init(&log->arena, log->bytes, sizeof log->bytes, MAX_HEAP);
	log->arena.budget = &otelp_pool_budget;
}

static void
log_fini(void *record)
{
	struct log_record *log = record;

	otelp_arena_fini(&log->arena);
	otelp_scope_pin(&log->scope, NULL);
}

const struct otelp_pool_type otelp_log_pool_type = { sizeof(struct log_record), MAX_ALIVE,
	                                             log_init, log_fini };

/* logs/data-model.md, "Displaying Severity"; constants, so a record may point to them. */
static const char *
severity_name(int severity)
{
	static const char *const names[] = {
		"",       "TRACE",  "TRACE2", "TRACE3", "TRACE4", "DEBUG",  "DEBUG2",
		"DEBUG3", "DEBUG4", "INFO",   "INFO2",  "INFO3",  "INFO4",  "WARN",
		"WARN2",  "WARN3",  "WARN4",  "ERROR",  "ERROR2", "ERROR3", "ERROR4",
		"FATAL",  "FATAL2", "FATAL3", "FATAL4"
	};

	return names[severity];
}

static struct otel_pipeline *
pipeline_of(const struct otel_logger *logger)
{
	struct otel_pipeline *pipeline =
		logger ? atomic_load_explicit(&logger->scope.provider->pipeline,
	                                      memory_order_relaxed)
		       : NULL;

	return pipeline && otelp_pipeline_has(pipeline, OTEL_SIGNAL_LOGS) ? pipeline
	                                                                  : NULL;
}

/* A copy of `text`, or "" without memory. */
static const char *
copy_text(struct log_record *log, const char *text)
{
	const char *copy = text ? otelp_arena_string(&log->arena, text, strlen(text))
	                        : NULL;

	return copy ? copy : "";
}

/* logs/api.md: the span of the context that the record was made in. */
static void
correlate(struct otel_log_data *data, const struct otel_context *context)
{
	const struct otel_span_context *span = otel_span_context(
		otel_context_span(context));

	memcpy(data->trace_id, span->trace_id, sizeof data->trace_id);
	memcpy(data->span_id, span->span_id, sizeof data->span_id);
	data->flags = span->flags;
}

/* False when the body does not fit: a record without it would say nothing. */
static bool
fill(struct log_record *log, struct otel_logger *logger,
     const struct otel_log_record *from, uint64_t time_unix_ns, uint64_t observed_unix_ns)
{
	const struct otel_limits *limits = &logger->scope.provider->limits;
	struct otel_log_data *data = &log->data;

	otelp_scope_pin(&log->scope, &logger->scope);
	data->resource = logger->scope.provider->resource;
	data->scope = &logger->scope.data;
	data->time_unix_ns = time_unix_ns;
	data->observed_unix_ns = observed_unix_ns;
	data->severity = from->severity >= 0 && from->severity <= OTEL_FATAL + 3
	                         ? from->severity
	                         : 0;
	data->severity_text = from->severity_text ? copy_text(log, from->severity_text)
	                                          : severity_name(data->severity);
	data->event_name = from->event_name ? copy_text(log, from->event_name) : "";
	correlate(data, from->context ? from->context : otel_context_current());
	if (!otelp_value_copy(&log->arena, &from->body, -1, &data->body))
		return false;
	otelp_attributes_clear(&log->attributes);
	otelp_attributes_set(&log->attributes, &log->arena, from->attributes,
	                     from->n_attributes, limits->log_attribute_count,
	                     limits->log_attribute_value_length);
	data->attributes = log->attributes.items;
	data->n_attributes = log->attributes.n;
	data->dropped_attributes = log->attributes.dropped;
	return true;
}

static void
emit(struct otel_logger *logger, const struct otel_log_record *record,
     uint64_t time_unix_ns, uint64_t observed_unix_ns)
{
	struct otel_pipeline *pipeline = pipeline_of(logger);
	struct log_record *log;

	if (!pipeline)
		return;
	log = otelp_pool_get(OTELP_POOL_LOGS);
	otelp_pool_fetch_next(OTELP_POOL_LOGS);
	if (!log) {
		otelp_pipeline_count_no_memory(pipeline, OTEL_SIGNAL_LOGS);
		return;
	}
	if (!fill(log, logger, record, time_unix_ns, observed_unix_ns)) {
		otelp_pipeline_count_no_memory(pipeline, OTEL_SIGNAL_LOGS);
		otelp_log_record_release(log);
		return;
	}
	if (!otelp_pipeline_push(pipeline, OTEL_SIGNAL_LOGS, log,
	                         &logger->scope.provider->quota))
		otelp_log_record_release(log);
}

void
otel_logger_emit(struct otel_logger *logger, const struct otel_log_record *record)
{
	uint64_t observed = record->observed_unix_ns;

	if (pipeline_of(logger))
		emit(logger, record, record->time_unix_ns,
		     observed ? observed : otelp_now_unix_ns());
}

bool
otel_logger_enabled(const struct otel_logger *logger, int severity)
{
	return pipeline_of(logger) != NULL;
}

void
otel_log_text(struct otel_logger *logger, int severity, const char *text,
              const struct otel_attribute *attributes, size_t n)
{
	struct otel_log_record record = { .severity = severity,
		                          .body = otel_value_string(text),
		                          .attributes = attributes,
		                          .n_attributes = n };
	uint64_t now;

	if (!pipeline_of(logger))
		return;
	now = otelp_now_unix_ns();
	emit(logger, &record, now, now);
}

void
otel_logf(struct otel_logger *logger, int severity, const char *fmt, ...)
{
	int saved = errno;
	char text[MAX_TEXT];
	va_list ap;
	int n;

	if (!pipeline_of(logger))
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof text)
		text[otelp_utf8_truncated(text, sizeof text - 1, sizeof text - 1)] = '\0';
	if (n >= 0)
		otel_log_text(logger, severity, text, NULL, 0);
	errno = saved;
}

int
otel_logger_provider_new(struct otel_pipeline *pipeline, struct otel_resource *resource,
                         int quota, struct otel_logger_provider **out,
                         struct otel_error *err)
{
	struct otel_logger_provider *provider = otelp_malloc(sizeof *provider);
	int r;

	if (!provider)
		return otel_error_set(err, -ENOMEM, "logger provider: out of memory");
	r = otelp_provider_init(&provider->base, pipeline, resource, quota, err);
	if (r < 0) {
		otelp_free(provider);
		return r;
	}
	*out = provider;
	return 0;
}

void
otel_logger_provider_free(struct otel_logger_provider *provider)
{
	otelp_provider_close(provider ? &provider->base : NULL);
}

struct otel_logger *
otel_logger_provider_logger(struct otel_logger_provider *provider,
                            const struct otel_scope_data *scope)
{
	return (struct otel_logger *)otelp_provider_scope(
		provider ? &provider->base : NULL, scope);
}

/* ---- for the pipeline ---- */

const struct otel_log_data *
otelp_log_record_data(void *record)
{
	return &((struct log_record *)record)->data;
}

struct otelp_quota *
otelp_log_record_quota(void *record)
{
	return &((struct log_record *)record)->scope->provider->quota;
}

void
otelp_log_record_release(void *record)
{
	struct log_record *log = record;

	otelp_arena_reset(&log->arena, KEPT_HEAP);
	otelp_pool_put(OTELP_POOL_LOGS, log);
}
