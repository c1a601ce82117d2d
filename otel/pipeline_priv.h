/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/pipeline_priv.h - the seams inside the SDK.
 *
 *	span.c, log.c --(ended records)--> queue.c --(batches)--> pipeline.c's threads --> exporter
 *	meter.c --(otelp_meter_provider_collect)----------------^
 *
 * Records are pooled objects that own every byte they hold. A record enters the queue by pointer and
 * goes back to its pool once the exporter has seen it.
 */
#ifndef OTEL_PIPELINE_PRIV_H
#define OTEL_PIPELINE_PRIV_H

#include <stdatomic.h>

#include <otel/sdk.h>

enum { OTELP_MAX_QUEUE = 1 << 24 }; /* the largest queue that is made */

/* Counts the records of one provider in one queue, so that none takes it all. */
struct otelp_quota {
	atomic_int queued;
	int max; /* 0: none */
};

/*
 * Traces and logs: hands a record to the signal's queue, without lock, malloc or system call (but for
 * waking a sleeping thread when a batch is full or the processor is simple). False: it was dropped and
 * counted, and stays the caller's. [any]
 */
bool otelp_pipeline_push(struct otel_pipeline *pipeline, int signal, void *record,
                         struct otelp_quota *quota);
/* Whether anything exports this signal; when not, nothing need be recorded. [any] */
bool otelp_pipeline_has(const struct otel_pipeline *pipeline, int signal);
const struct otel_config *otelp_pipeline_config(const struct otel_pipeline *pipeline);
/* Counts a record that never reached the queue for want of memory. [any] */
void otelp_pipeline_count_no_memory(struct otel_pipeline *pipeline, int signal);

/* What the pipeline's threads do with a record: defined by span.c and log.c. */
const struct otel_span_data *otelp_span_record_data(void *record);
struct otelp_quota *otelp_span_record_quota(void *record);
void otelp_span_record_release(void *record);
const struct otel_log_data *otelp_log_record_data(void *record);
struct otelp_quota *otelp_log_record_quota(void *record);
void otelp_log_record_release(void *record);

/* The pipeline's list of meter providers, for the periodic reader. [any] */
void otelp_pipeline_add_meter_provider(struct otel_pipeline *pipeline,
                                       struct otel_meter_provider *provider);
/*
 * Takes a provider that nobody records to any more: it is collected once more and then handed to
 * `end`, at the latest by otel_pipeline_free. False: nothing is exported, it stays the caller's. [any]
 */
bool otelp_pipeline_retire_meter_provider(struct otel_pipeline *pipeline,
                                          struct otel_meter_provider *provider,
                                          void (*end)(struct otel_meter_provider *provider));
/*
 * Collects a provider's streams with the pipeline's temporality into an arena that lives until the
 * next collection of this provider. Sets *metrics and *n. [exporter]
 */
int otelp_meter_provider_collect(struct otel_meter_provider *provider, int temporality,
                                 const struct otel_metric_data **metrics, size_t *n);

/* Exporters, made from configuration. */
int otelp_exporter_otlp_new(const struct otel_otlp_config *config, int signal,
                            struct otel_exporter **out, struct otel_error *err);
int otelp_exporter_console_new(struct otel_exporter **out, struct otel_error *err);

/* Diagnostics: one line to the settable callback; `once` keeps a message from being said twice. */
void otelp_diag(int level, const char *fmt, ...) OTEL_PRINTF(2, 3);
#define otelp_diag_once(level, ...) \
	do { \
		static atomic_flag said = ATOMIC_FLAG_INIT; \
		if (!atomic_flag_test_and_set(&said)) \
			otelp_diag((level), __VA_ARGS__); \
	} while (0)

void *otelp_malloc(size_t size);
void *otelp_calloc(size_t n, size_t size); /* overflow-checked */
void *otelp_realloc(void *ptr, size_t size);
void otelp_free(void *ptr);
char *otelp_strdup(const char *text);

uint64_t otelp_now_unix_ns(void); /* [any], the vDSO clock */

#endif
