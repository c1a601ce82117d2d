/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/otel/meter-fixture.h - a provider without a pipeline, a collection to look at, and the warnings
 * that were said meanwhile.
 */
#ifndef TESTS_OTEL_METER_FIXTURE_H
#define TESTS_OTEL_METER_FIXTURE_H

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "check-main.h"
#include "pipeline_priv.h"

static struct otel_meter_provider *provider;
static struct otel_meter *meter;
static pthread_mutex_t saying = PTHREAD_MUTEX_INITIALIZER;
static char said[8192];
static int n_said;

static inline void
note_diagnostic(int level, const char *message, void *userdata)
{
	size_t used;

	if (level < OTEL_DIAG_WARN)
		return;
	pthread_mutex_lock(&saying);
	used = strlen(said);
	n_said++;
	snprintf(said + used, sizeof said - used, "%s\n", message);
	pthread_mutex_unlock(&saying);
}

static inline struct otel_meter *
meter_named(const char *name)
{
	struct otel_scope_data scope = { name, "1.0", "", NULL, 0 };

	return otel_meter_provider_meter(provider, &scope);
}

static inline void
setup(void)
{
	otel_set_diagnostics(note_diagnostic, NULL);
	said[0] = '\0';
	n_said = 0;
	ck_assert_int_eq(otel_meter_provider_new(NULL, NULL, &provider, NULL), 0);
	meter = meter_named("test");
	ck_assert_ptr_nonnull(meter);
}

static inline void
teardown(void)
{
	otel_meter_provider_free(provider);
	provider = NULL;
}

static const struct otel_metric_data *metrics;
static size_t n_metrics;

static inline void
collect_as(int temporality)
{
	ck_assert_int_eq(
		otelp_meter_provider_collect(provider, temporality, &metrics, &n_metrics),
		0);
}

static inline void
collect_cumulative(void)
{
	collect_as(OTEL_TEMPORALITY_CUMULATIVE);
}

static inline void
collect_delta(void)
{
	collect_as(OTEL_TEMPORALITY_DELTA);
}

/* The metric of that name that was collected last; NULL when there is none. */
static inline const struct otel_metric_data *
metric_named(const char *name)
{
	for (size_t i = 0; i < n_metrics; i++)
		if (!strcmp(metrics[i].name, name))
			return &metrics[i];
	return NULL;
}

/* Its only point. */
static inline const struct otel_point_data *
point_of(const char *name)
{
	const struct otel_metric_data *metric = metric_named(name);

	ck_assert_msg(metric != NULL, "%s is not reported", name);
	ck_assert_uint_eq(metric->n_points, 1);
	return &metric->points[0];
}

/* The point whose only attribute is that. */
static inline const struct otel_point_data *
point_with(const char *name, const char *key, const char *text)
{
	const struct otel_metric_data *metric = metric_named(name);
	const struct otel_attribute *a;

	ck_assert_msg(metric != NULL, "%s is not reported", name);
	for (size_t i = 0; i < metric->n_points; i++) {
		a = metric->points[i].attributes;
		if (metric->points[i].n_attributes == 1 && !strcmp(a->key, key) &&
		    a->value.type == OTEL_TYPE_STRING && !strcmp(a->value.string, text))
			return &metric->points[i];
	}
	return NULL;
}

#endif
