/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/sdk.h - for who configures telemetry: resources, pipelines, providers. Instrumented code does
 * not need this header.
 *
 *	config -> pipeline (threads, queues, exporters) -> providers (one of each signal per resource)
 *	       -> tracers, meters, loggers (one per instrumentation scope)
 *
 * A pipeline is what a process has one of, shared by the providers of many resources, each with a
 * quota of its queues. Its threads are made by otel_pipeline_new and joined by otel_pipeline_shutdown,
 * within its deadline even when a receiver hangs. After fork the child's pipelines are empty and start
 * threads of their own at the first use.
 *
 * Specification: trace/sdk.md, metrics/sdk.md, logs/sdk.md, resource/sdk.md.
 */
#ifndef OTEL_SDK_H
#define OTEL_SDK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <otel/error.h>
#include <otel/logs.h>
#include <otel/metrics.h>
#include <otel/trace.h>
#include <otel/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- diagnostics: what the SDK has to say about itself ---- */

enum otel_diagnostic_level { OTEL_DIAG_DEBUG, OTEL_DIAG_INFO, OTEL_DIAG_WARN, OTEL_DIAG_ERROR };
/* `message` ends with the call. Called from any thread, never with a lock held, never per item. */
typedef void otel_diagnostic_fn(int level, const char *message, void *userdata);
/* Default: warnings and errors to stderr, one line each. Before first use. */
OTEL_EXPORT void otel_set_diagnostics(otel_diagnostic_fn *fn, void *userdata);
/* Every allocation of the SDK goes through these. Before first use. */
OTEL_EXPORT void otel_set_allocator(void *(*malloc_fn)(size_t), void *(*realloc_fn)(void *, size_t),
                                    void (*free_fn)(void *));

/* ---- resources: who is speaking ---- */

struct otel_resource; /* immutable, counted */

/* A resource of these attributes. [any] */
OTEL_EXPORT OTEL_MUST_USE int otel_resource_new(const struct otel_attribute *attributes, size_t n,
                                                const char *schema_url, struct otel_resource **out,
                                                struct otel_error *err);
/* Owned; where both have a key, `over` wins. Schema URLs merge as specified. Either may be NULL. [any] */
OTEL_EXPORT OTEL_MUST_USE int otel_resource_merge(struct otel_resource *base,
                                                  struct otel_resource *over,
                                                  struct otel_resource **out);
/* telemetry.sdk.*, process.*, host.*, os.*, then OTEL_RESOURCE_ATTRIBUTES, then OTEL_SERVICE_NAME. [any] */
OTEL_EXPORT OTEL_MUST_USE int otel_resource_detect(struct otel_resource **out, struct otel_error *err);
/* What a program mostly wants: all that is detected, and these attributes, which win where both have a key. [any] */
OTEL_EXPORT OTEL_MUST_USE int otel_resource_create(const struct otel_attribute *attributes, size_t n,
                                                   struct otel_resource **out,
                                                   struct otel_error *err);
/* A detector by itself: "sdk", "process", "host", "os", "env" (the two OTEL_* variables); -ENOENT when unknown. */
OTEL_EXPORT OTEL_MUST_USE int otel_resource_detect_one(const char *detector,
                                                       struct otel_resource **out,
                                                       struct otel_error *err);
OTEL_EXPORT struct otel_resource *otel_resource_ref(struct otel_resource *resource);
OTEL_EXPORT void otel_resource_unref(struct otel_resource *resource); /* NULL is fine */
/* Borrow until the resource dies. */
OTEL_EXPORT const struct otel_attribute *otel_resource_attributes(const struct otel_resource *resource,
                                                                  size_t *n);
OTEL_EXPORT const char *otel_resource_schema_url(const struct otel_resource *resource);

/* ---- what an exporter sees: borrowed, for the length of the call ---- */

struct otel_scope_data { /* InstrumentationScope */
	const char *name, *version, *schema_url; /* "" when there is none */
	const struct otel_attribute *attributes;
	size_t n_attributes;
};

struct otel_event_data {
	uint64_t time_unix_ns;
	const char *name;
	const struct otel_attribute *attributes;
	size_t n_attributes;
	uint32_t dropped_attributes;
};

struct otel_link_data {
	struct otel_span_context context;
	const struct otel_attribute *attributes;
	size_t n_attributes;
	uint32_t dropped_attributes;
};

struct otel_span_data {
	struct otel_resource *resource;
	const struct otel_scope_data *scope;
	struct otel_span_context context;
	uint8_t parent_span_id[8]; /* zeros: a root */
	bool parent_remote;
	int kind, status;
	const char *status_message; /* "" when there is none */
	const char *name;
	uint64_t start_unix_ns, end_unix_ns;
	const struct otel_attribute *attributes;
	size_t n_attributes;
	uint32_t dropped_attributes;
	const struct otel_event_data *events;
	size_t n_events;
	uint32_t dropped_events;
	const struct otel_link_data *links;
	size_t n_links;
	uint32_t dropped_links;
};

struct otel_log_data {
	struct otel_resource *resource;
	const struct otel_scope_data *scope;
	uint64_t time_unix_ns, observed_unix_ns;
	int severity;
	const char *severity_text, *event_name; /* "" when there is none */
	struct otel_value body;
	const struct otel_attribute *attributes;
	size_t n_attributes;
	uint32_t dropped_attributes;
	uint8_t trace_id[16], span_id[8]; /* zeros: none */
	uint8_t flags;
};

enum otel_metric_type { OTEL_METRIC_GAUGE, OTEL_METRIC_SUM, OTEL_METRIC_HISTOGRAM };
enum otel_temporality {
	OTEL_TEMPORALITY_DELTA = 1,
	OTEL_TEMPORALITY_CUMULATIVE = 2,
	OTEL_TEMPORALITY_LOWMEMORY = 3 /* as a preference only: delta, but observed sums cumulative */
};

/* One measurement of those that a point adds up, and the span that it was made in. */
struct otel_exemplar_data {
	uint64_t time_unix_ns;
	bool is_double;
	union {
		int64_t integer;
		double number;
	};
	uint8_t trace_id[16], span_id[8]; /* zeros: none */
};

struct otel_point_data {
	const struct otel_attribute *attributes;
	size_t n_attributes;
	uint64_t start_unix_ns, time_unix_ns;
	bool is_double; /* for gauges and sums */
	union {
		int64_t integer;
		double number;
	};
	/* histograms: */
	uint64_t count;
	double sum, min, max; /* min and max count only when count > 0 and min <= max */
	const uint64_t *bucket_counts; /* n_bounds + 1 */
	const double *bounds;
	size_t n_bounds;
	const struct otel_exemplar_data *exemplars;
	size_t n_exemplars;
};

struct otel_metric_data {
	struct otel_resource *resource;
	const struct otel_scope_data *scope;
	const char *name, *unit, *description; /* "" when there is none */
	int type;                              /* enum otel_metric_type */
	int temporality;                       /* enum otel_temporality; sums and histograms */
	bool monotonic;
	const struct otel_point_data *points;
	size_t n_points;
};

/*
 * An exporter. export_* are called from one [exporter] thread per signal, never twice at once for one
 * signal; they return 0, or how many of the items the receiver refused (it took the rest), or a negative
 * errno: then the items are lost, and counted as such. Each has to return within `timeout_ms` (INT_MAX:
 * no limit), and soon after `interrupt` was called (from another thread, at the end: nothing that
 * follows need be exported). Missing export functions are signals that it does not take; the others may
 * be missing too.
 */
struct otel_exporter {
	const char *name; /* "otlp", "console", ... */
	int (*export_spans)(struct otel_exporter *self, const struct otel_span_data *const *spans,
	                    size_t n, int timeout_ms, struct otel_error *err);
	int (*export_logs)(struct otel_exporter *self, const struct otel_log_data *const *logs,
	                   size_t n, int timeout_ms, struct otel_error *err);
	int (*export_metrics)(struct otel_exporter *self, const struct otel_metric_data *metrics,
	                      size_t n, int timeout_ms, struct otel_error *err);
	int (*flush)(struct otel_exporter *self, int timeout_ms);
	void (*interrupt)(struct otel_exporter *self);
	/* The process is about to end: from now on do not wait to try again where no receiver is. */
	void (*finish)(struct otel_exporter *self);
	uint64_t (*retries)(struct otel_exporter *self); /* attempts repeated so far; [any] */
	void (*free)(struct otel_exporter *self);
};

/* ---- configuration ---- */

enum otel_signal { OTEL_SIGNAL_TRACES, OTEL_SIGNAL_METRICS, OTEL_SIGNAL_LOGS, OTEL_N_SIGNALS };
enum otel_exporter_kind { OTEL_EXPORTER_OTLP, OTEL_EXPORTER_CONSOLE, OTEL_EXPORTER_NONE, OTEL_EXPORTER_CUSTOM };
enum otel_protocol { OTEL_PROTOCOL_HTTP_PROTOBUF, OTEL_PROTOCOL_GRPC, OTEL_PROTOCOL_HTTP_JSON };
enum otel_processor_kind { OTEL_PROCESSOR_BATCH, OTEL_PROCESSOR_SIMPLE };

struct otel_otlp_config {
	char endpoint[512]; /* as given; for HTTP of all signals: the base; "" is the protocol's default */
	bool endpoint_is_signal; /* used as is, no /v1/SIGNAL is appended */
	int protocol;            /* enum otel_protocol */
	char headers[1024];      /* k=v,k=v */
	char certificate[256], client_key[256], client_certificate[256];
	bool insecure; /* gRPC endpoints without a scheme */
	bool gzip;
	int timeout_ms; /* 10000; 0: no limit */
};

struct otel_signal_config {
	int exporter;                  /* enum otel_exporter_kind */
	struct otel_exporter *custom;  /* taken; for OTEL_EXPORTER_CUSTOM */
	struct otel_otlp_config otlp;
	int processor;                 /* enum otel_processor_kind; traces and logs */
	int schedule_delay_ms;         /* 5000 traces, 1000 logs */
	int export_timeout_ms;         /* 30000 */
	int max_queue;                 /* 2048 */
	int max_batch;                 /* 512 */
};

struct otel_limits {
	int attribute_count, attribute_value_length; /* 128, -1: none; characters of strings, bytes of bytes */
	int span_events, span_links;                 /* 128 */
	int event_attributes, link_attributes;       /* 128 */
	int log_attribute_count, log_attribute_value_length;
};

/* What a sampler of the program's own is asked about a span that starts; all of it is borrowed for the call. */
struct otel_sampling_question {
	const struct otel_context *parent;           /* NULL: the empty context */
	const struct otel_span_context *parent_span; /* NULL: the span is a root */
	const uint8_t *trace_id;                     /* 16 bytes */
	const char *name;
	int kind; /* enum otel_span_kind */
	const struct otel_attribute *attributes; /* given at the start */
	size_t n_attributes;
	const struct otel_link *links;
	size_t n_links;
};

/* What it answers; comes zeroed, and is copied before the next question is asked on this thread. */
struct otel_sampling_answer {
	bool sample;
	const struct otel_attribute *attributes; /* added to a sampled span */
	size_t n_attributes;
	const char *trace_state; /* NULL: the parent's; "": none */
};

/* Must not block. Called from any thread, never with a lock held; lives as long as its provider. */
struct otel_sampler {
	const char *name;
	void (*decide)(const struct otel_sampler *self, const struct otel_sampling_question *question,
	               struct otel_sampling_answer *answer);
};

struct otel_sampler_config {
	int kind; /* enum otel_sampler_kind */
	double ratio;
	const struct otel_sampler *custom; /* for OTEL_SAMPLER_CUSTOM; borrowed */
};
enum otel_sampler_kind {
	OTEL_SAMPLER_PARENTBASED_ALWAYS_ON,
	OTEL_SAMPLER_PARENTBASED_ALWAYS_OFF,
	OTEL_SAMPLER_PARENTBASED_TRACEIDRATIO,
	OTEL_SAMPLER_ALWAYS_ON,
	OTEL_SAMPLER_ALWAYS_OFF,
	OTEL_SAMPLER_TRACEIDRATIO,
	OTEL_SAMPLER_CUSTOM
};

/* Which measurements may become exemplars: metrics/sdk.md, ExemplarFilter. */
enum otel_exemplar_filter {
	OTEL_EXEMPLAR_FILTER_TRACE_BASED, /* those made in a sampled span */
	OTEL_EXEMPLAR_FILTER_ALWAYS_ON,
	OTEL_EXEMPLAR_FILTER_ALWAYS_OFF
};

struct otel_config {
	bool disabled; /* OTEL_SDK_DISABLED */
	struct otel_signal_config signal[OTEL_N_SIGNALS];
	struct otel_sampler_config sampler;
	struct otel_limits limits;
	int metric_interval_ms, metric_timeout_ms; /* 60000, 30000 */
	int temporality;                           /* enum otel_temporality: the preference */
	int cardinality_limit;                     /* 2000 streams per instrument */
	int exemplar_filter;                       /* enum otel_exemplar_filter: trace_based */
};

/* The specification's defaults. [any] */
OTEL_EXPORT void otel_config_init(struct otel_config *config);
/*
 * Applies one setting by the name of its OTEL_* variable, as from the environment. Returns 0, 1
 * (OTEL_CONFIG_UNKNOWN) for a name that is not ours, or -EINVAL with *err: then the setting stays as it
 * was (a boolean that is neither is false). An empty value changes nothing. The last call wins: a
 * variable for all signals sets each of them. [any]
 */
#define OTEL_CONFIG_UNKNOWN 1
OTEL_EXPORT int otel_config_set(struct otel_config *config, const char *variable, const char *value,
                                struct otel_error *err);
/* Applies the process's OTEL_* variables in the right order; what is wrong is warned of and ignored. [any] */
OTEL_EXPORT void otel_config_from_env(struct otel_config *config);

/* ---- pipeline ---- */

struct otel_pipeline;

/* Copies *config. Starts the threads. 0, -ENOMEM, -EINVAL (an endpoint that is no URL ...). [any] */
OTEL_EXPORT OTEL_MUST_USE int otel_pipeline_new(const struct otel_config *config,
                                                struct otel_pipeline **out, struct otel_error *err);
/* Exports what is queued now, and collects metrics once. 0, -ETIMEDOUT, or what the export said. A negative timeout waits for ever. Not [loop]. */
OTEL_EXPORT int otel_pipeline_flush(struct otel_pipeline *pipeline, int timeout_ms);
/* Flushes and ends; after the deadline what is left is dropped and counted. Joins the threads. Providers stay valid and do nothing. Not [loop]. */
OTEL_EXPORT int otel_pipeline_shutdown(struct otel_pipeline *pipeline, int timeout_ms);
/* After shutdown (or it shuts down with 0 ms) and after its providers have been freed. NULL is fine. */
OTEL_EXPORT void otel_pipeline_free(struct otel_pipeline *pipeline);

/* What was queued, sent and lost so far, per signal. [any] */
struct otel_pipeline_stats {
	uint64_t accepted;        /* items that entered the queue (metrics: points collected) */
	uint64_t exported;        /* items that the receiver took */
	uint64_t dropped_queue;   /* the queue or the quota was full */
	uint64_t dropped_memory;  /* no memory */
	uint64_t dropped_export;  /* refused, failed for good, or left at shutdown */
	uint64_t rejected;        /* partial success: the receiver took the rest */
	uint64_t retries, batches;
	uint64_t queue_size, queue_capacity;
};
OTEL_EXPORT void otel_pipeline_stats(const struct otel_pipeline *pipeline, int signal,
                                     struct otel_pipeline_stats *out);

/* ---- providers: one resource each ---- */

struct otel_tracer_provider;
struct otel_meter_provider;
struct otel_logger_provider;

/*
 * `quota`: the most items of this provider in a queue at once; 0: no quota beyond the queue itself.
 * `sampler` NULL: the pipeline's. The pipeline must outlive the provider. [any]
 */
OTEL_EXPORT OTEL_MUST_USE int
otel_tracer_provider_new(struct otel_pipeline *pipeline, struct otel_resource *resource,
                         const struct otel_sampler_config *sampler, int quota,
                         struct otel_tracer_provider **out, struct otel_error *err);
OTEL_EXPORT OTEL_MUST_USE int otel_meter_provider_new(struct otel_pipeline *pipeline,
                                                      struct otel_resource *resource,
                                                      struct otel_meter_provider **out,
                                                      struct otel_error *err);
OTEL_EXPORT OTEL_MUST_USE int
otel_logger_provider_new(struct otel_pipeline *pipeline, struct otel_resource *resource, int quota,
                         struct otel_logger_provider **out, struct otel_error *err);
/* Ends its tracers or loggers; what they have queued is exported still. NULL is fine. [any] */
OTEL_EXPORT void otel_tracer_provider_free(struct otel_tracer_provider *provider);
OTEL_EXPORT void otel_logger_provider_free(struct otel_logger_provider *provider);
/*
 * Closes its meters. What was counted since the last collection is exported by the pipeline with the
 * next one, or at its shutdown; none of that is waited for. NULL is fine. [any]
 */
OTEL_EXPORT void otel_meter_provider_free(struct otel_meter_provider *provider);

/*
 * Handles for one instrumentation scope. scope->name "" is legal and warned of. Strings are copied.
 * Tracers and loggers of the same scope are the same object and live as long as their provider. A meter
 * is the caller's own: otel_meter_close ends its observables (waiting for one that runs) and frees it
 * and its instruments, while their streams stay with the provider and go on when they are made again.
 * NULL without memory. [any]
 */
OTEL_EXPORT struct otel_tracer *otel_tracer_provider_tracer(struct otel_tracer_provider *provider,
                                                            const struct otel_scope_data *scope);
OTEL_EXPORT struct otel_logger *otel_logger_provider_logger(struct otel_logger_provider *provider,
                                                            const struct otel_scope_data *scope);
OTEL_EXPORT struct otel_meter *otel_meter_provider_meter(struct otel_meter_provider *provider,
                                                         const struct otel_scope_data *scope);
OTEL_EXPORT void otel_meter_close(struct otel_meter *meter);
/*
 * Ends the callbacks of its observables, waiting for one that runs, and leaves every handle valid: for
 * whoever is about to free what those callbacks use. NULL is fine. [any]
 */
OTEL_EXPORT void otel_meter_quiet(struct otel_meter *meter);

/*
 * Tells of every stream of the provider as it is now: for a Prometheus page, a status command, a test.
 * Sums and histograms are cumulative. Observables run. What is handed to `visit` is borrowed for the
 * length of that call; what it returns other than 0 ends the visit and is returned. -ENOMEM; -EDEADLK
 * from within a callback. Not [loop].
 */
OTEL_EXPORT int otel_meter_provider_collect(struct otel_meter_provider *provider,
                                            int (*visit)(const struct otel_metric_data *metric,
                                                         void *userdata),
                                            void *userdata);

#ifdef __cplusplus
}
#endif

#endif
