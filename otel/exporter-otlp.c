/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline_priv.h"

int
otelp_exporter_otlp_new(const struct otel_otlp_config *config, int signal,
                        struct otel_exporter **out, struct otel_error *err)
{
	*out = NULL; /* nothing is exported until the encoder and the client are here */
	return 0;
}

/* Weak, until span.c, log.c and meter.c define them. */
#define WEAK __attribute__((weak))
WEAK const struct otel_span_data *
otelp_span_record_data(void *record)
{
	return NULL;
}
WEAK struct otelp_quota *
otelp_span_record_quota(void *record)
{
	return NULL;
}
WEAK void
otelp_span_record_release(void *record)
{
}
WEAK const struct otel_log_data *
otelp_log_record_data(void *record)
{
	return NULL;
}
WEAK struct otelp_quota *
otelp_log_record_quota(void *record)
{
	return NULL;
}
WEAK void
otelp_log_record_release(void *record)
{
}
WEAK int
otelp_meter_provider_collect(struct otel_meter_provider *provider, int temporality,
                             const struct otel_metric_data **metrics, size_t *n)
{
	*n = 0;
	return 0;
}
