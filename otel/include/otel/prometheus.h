/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/prometheus.h - the metrics of providers as a page that Prometheus scrapes.
 *
 *	otel_prometheus_write(providers, n, 0, append, &body);
 *
 * Names and attribute keys are sanitised, units become words at the end of the name, monotonic sums are
 * counters named ..._total, other sums gauges. Each series has the labels otel_scope_name and
 * otel_scope_version, and otel_scope_KEY for the attributes of its scope; target_info has a resource's
 * attributes. With more than one provider on a page, or OTEL_PROMETHEUS_JOB, each series says whose it
 * is in the labels `job` (service.namespace/service.name) and `instance` (service.instance.id): scrape
 * such a page with honor_labels.
 *
 * Specification: compatibility/prometheus_and_openmetrics.md.
 */
#ifndef OTEL_PROMETHEUS_H
#define OTEL_PROMETHEUS_H

#include <stddef.h>
#include <stdint.h>

#include <otel/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct otel_meter_provider;

/* What the page is to be announced as. */
#define OTEL_PROMETHEUS_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define OTEL_PROMETHEUS_OPENMETRICS_TYPE \
	"application/openmetrics-text; version=1.0.0; charset=utf-8"

enum otel_prometheus_flags {
	OTEL_PROMETHEUS_OPENMETRICS = 1u << 0,    /* OpenMetrics 1.0 instead of the text format 0.0.4 */
	OTEL_PROMETHEUS_NO_UNITS = 1u << 1,       /* names without units */
	OTEL_PROMETHEUS_NO_TOTAL = 1u << 2,       /* counters without _total; not in OpenMetrics */
	OTEL_PROMETHEUS_NO_SCOPE = 1u << 3,       /* no otel_scope_* labels */
	OTEL_PROMETHEUS_NO_TARGET_INFO = 1u << 4,  /* no target_info */
	OTEL_PROMETHEUS_JOB = 1u << 5 /* job and instance, also when there is one provider only */
};

/* Takes the next piece of the page; returns 0, or what otel_prometheus_write shall return. */
typedef int otel_prometheus_write_fn(void *userdata, const char *bytes, size_t len);

/*
 * Collects from each provider and writes one page, of `flags`. 0, -ENOMEM, what `write` returned, or
 * what otel_meter_provider_collect says. Metrics that cannot be on one page, such as a gauge and a
 * counter of one name, are left out from the second on and warned of once. Not [loop].
 */
OTEL_EXPORT OTEL_MUST_USE int
otel_prometheus_write(struct otel_meter_provider *const *providers, size_t n_providers,
                      uint32_t flags, otel_prometheus_write_fn *write, void *userdata);

#ifdef __cplusplus
}
#endif

#endif
