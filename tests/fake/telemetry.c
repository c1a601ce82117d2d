/* SPDX-License-Identifier: Apache-2.0 */
#include "telemetry.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <check.h>

#include <otel/sdk.h>

#define MOST 32

struct said {
	uint8_t id[8], parent[8];
	uint64_t start_unix_ns;
	char name[64], text[512];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct said spans[MOST], logs[MOST]; /* guarded by lock */
static size_t n_spans, n_logs;
static char text[16384];

static struct otel_pipeline *pipeline;
static struct otel_resource *resource;
static struct otel_tracer_provider *tracers;
static struct otel_meter_provider *meters;
static struct otel_logger_provider *loggers;
static struct otel_meter *meter;

/* ---- text ---- */

static void
add(char *to, size_t size, const char *more)
{
	size_t len = strlen(to);

	ck_assert_uint_lt(len + strlen(more), size);
	strcpy(to + len, more);
}

static void
add_attributes(char *to, size_t size, const struct otel_attribute *a, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct otel_value *v = &a[i].value;
		char one[256];

		snprintf(one, sizeof one, " %s=", a[i].key);
		add(to, size, one);
		if (v->type == OTEL_TYPE_STRING)
			snprintf(one, sizeof one, "\"%.*s\"", (int)v->len, v->string);
		else if (v->type == OTEL_TYPE_DOUBLE)
			snprintf(one, sizeof one, "%.1f", v->number);
		else if (v->type == OTEL_TYPE_BOOL)
			snprintf(one, sizeof one, "%s", v->boolean ? "true" : "false");
		else
			snprintf(one, sizeof one, "%lld", (long long)v->integer);
		add(to, size, one);
	}
}

/* ---- the exporter ---- */

static int
export_spans(struct otel_exporter *self, const struct otel_span_data *const *data,
             size_t n, int timeout_ms, struct otel_error *err)
{
	static const char *const status[] = { "", " OK", " ERROR" };

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n && n_spans < MOST; i++) {
		struct said *said = &spans[n_spans++];

		memcpy(said->id, data[i]->context.span_id, 8);
		memcpy(said->parent, data[i]->parent_span_id, 8);
		said->start_unix_ns = data[i]->start_unix_ns;
		snprintf(said->name, sizeof said->name, "%s", data[i]->name);
		snprintf(said->text, sizeof said->text, "%s", status[data[i]->status]);
		add_attributes(said->text, sizeof said->text, data[i]->attributes,
		               data[i]->n_attributes);
	}
	pthread_mutex_unlock(&lock);
	return 0;
}

static int
export_logs(struct otel_exporter *self, const struct otel_log_data *const *data, size_t n,
            int timeout_ms, struct otel_error *err)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n && n_logs < MOST; i++) {
		struct said *said = &logs[n_logs++];

		memcpy(said->id, data[i]->span_id, 8);
		snprintf(said->name, sizeof said->name, "%s %.*s", data[i]->severity_text,
		         (int)data[i]->body.len, data[i]->body.string);
		said->text[0] = '\0';
		add_attributes(said->text, sizeof said->text, data[i]->attributes,
		               data[i]->n_attributes);
	}
	pthread_mutex_unlock(&lock);
	return 0;
}

static void
free_exporter(struct otel_exporter *self)
{
}

static struct otel_exporter exporter = { .name = "fake",
	                                 .export_spans = export_spans,
	                                 .export_logs = export_logs,
	                                 .free = free_exporter };

/* ---- the handles ---- */

void
fake_telemetry_init(struct fake_host *fake)
{
	const struct otel_scope_data scope = { .name = fake->host.name };
	struct otel_config config;

	n_spans = n_logs = 0;
	otel_config_init(&config);
	for (int i = 0; i < OTEL_N_SIGNALS; i++) {
		config.signal[i].exporter = i == OTEL_SIGNAL_METRICS
		                                    ? OTEL_EXPORTER_NONE
		                                    : OTEL_EXPORTER_CUSTOM;
		config.signal[i].custom = &exporter;
	}
	ck_assert_int_eq(otel_resource_new(NULL, 0, NULL, &resource, NULL), 0);
	ck_assert_int_eq(otel_pipeline_new(&config, &pipeline, NULL), 0);
	ck_assert_int_eq(
		otel_tracer_provider_new(pipeline, resource, NULL, 0, &tracers, NULL), 0);
	ck_assert_int_eq(otel_meter_provider_new(pipeline, resource, &meters, NULL), 0);
	ck_assert_int_eq(otel_logger_provider_new(pipeline, resource, 0, &loggers, NULL),
	                 0);
	meter = otel_meter_provider_meter(meters, &scope);
	fake->host.tracer = otel_tracer_provider_tracer(tracers, &scope);
	fake->host.meter = meter;
	fake->host.logger = otel_logger_provider_logger(loggers, &scope);
}

void
fake_telemetry_fini(void)
{
	otel_meter_close(meter);
	otel_tracer_provider_free(tracers);
	otel_meter_provider_free(meters);
	otel_logger_provider_free(loggers);
	ck_assert_int_eq(otel_pipeline_shutdown(pipeline, 5000), 0);
	otel_pipeline_free(pipeline);
	otel_resource_unref(resource);
}

/* ---- reading ---- */

static const struct said *
span_of(const uint8_t *id)
{
	for (size_t i = 0; i < n_spans; i++)
		if (memcmp(spans[i].id, id, 8) == 0)
			return &spans[i];
	return NULL;
}

static void
add_path(const struct said *span)
{
	const struct said *parent = span_of(span->parent);

	if (parent) {
		add_path(parent);
		add(text, sizeof text, " > ");
	}
	add(text, sizeof text, span->name);
}

/* The first span that started after `last`. */
static const struct said *
next_span(const struct said *last)
{
	const struct said *next = NULL;

	for (size_t i = 0; i < n_spans; i++)
		if ((!last || spans[i].start_unix_ns > last->start_unix_ns) &&
		    (!next || spans[i].start_unix_ns < next->start_unix_ns))
			next = &spans[i];
	return next;
}

const char *
fake_spans(void)
{
	const struct said *span = NULL;

	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	text[0] = '\0';
	pthread_mutex_lock(&lock);
	while ((span = next_span(span))) {
		add_path(span);
		add(text, sizeof text, span->text);
		add(text, sizeof text, "\n");
	}
	pthread_mutex_unlock(&lock);
	return text;
}

const char *
fake_logs(void)
{
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	text[0] = '\0';
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n_logs; i++) {
		const struct said *span = span_of(logs[i].id);

		add(text, sizeof text, logs[i].name);
		add(text, sizeof text, " [");
		add(text, sizeof text, span ? span->name : "");
		add(text, sizeof text, "]");
		add(text, sizeof text, logs[i].text);
		add(text, sizeof text, "\n");
	}
	pthread_mutex_unlock(&lock);
	return text;
}

static int
add_metric(const struct otel_metric_data *metric, void *userdata)
{
	for (size_t i = 0; i < metric->n_points; i++) {
		const struct otel_point_data *point = &metric->points[i];
		char value[64];

		add(text, sizeof text, metric->name);
		add(text, sizeof text, " ");
		add(text, sizeof text, metric->unit);
		add_attributes(text, sizeof text, point->attributes, point->n_attributes);
		snprintf(value, sizeof value, " %lld\n",
		         (long long)(metric->type == OTEL_METRIC_HISTOGRAM
		                             ? (int64_t)point->count
		                             : point->integer));
		add(text, sizeof text, value);
	}
	return 0;
}

const char *
fake_points(void)
{
	text[0] = '\0';
	ck_assert_int_eq(otel_meter_provider_collect(meters, add_metric, NULL), 0);
	return text;
}
