/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/prometheus.h - metrics as a text that Prometheus reads (exposition format 0.0.4).
 *
 * Names and units follow the OpenTelemetry specification (compatibility/prometheus_and_openmetrics.md): dots become
 * underscores, a unit becomes a suffix, counters end in _total, the service is the label `job`, and the scope
 * the label otel_scope_name. Every call copes with want of memory: then there is no text. [any]
 */
#ifndef HOST_PROMETHEUS_H
#define HOST_PROMETHEUS_H

#include <stddef.h>
#include <stdint.h>

struct otel_meter_provider;
struct prometheus;

struct prometheus *prometheus_new(void); /* NULL without memory */
void prometheus_free(struct prometheus *page);

/* # HELP and # TYPE; a counter's name is given without _total. */
void prometheus_family(struct prometheus *page, const char *name, const char *help,
                       const char *type);
void prometheus_sample(struct prometheus *page, const char *name, const char *suffix,
                       const char *label, const char *label_value, uint64_t value);

/* Every stream of a provider as it is now. Observables run: not [loop]. */
void prometheus_provider(struct prometheus *page, struct otel_meter_provider *provider);

/* Borrows the whole text; families that came in parts are put together. NULL without memory. */
const char *prometheus_text(struct prometheus *page, size_t *len);

#endif
