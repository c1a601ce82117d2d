/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fake/pipeline.h - a pipeline without threads: it keeps what is pushed, for the test to look at.
 *
 * Include it in the one .c file of a test; its functions take the place of those in otel/pipeline.c.
 */
#ifndef TESTS_FAKE_PIPELINE_H
#define TESTS_FAKE_PIPELINE_H

#include <string.h>

#include "pipeline_priv.h"

#define FAKE_KEEPS 4096

struct otel_pipeline {
	struct otel_config config;
	bool absent[OTEL_N_SIGNALS]; /* nothing exports it */
	bool full;                   /* refuses what is pushed */
	bool discards; /* releases at once, as an exporter with nothing to do would */
	void *kept[OTEL_N_SIGNALS][FAKE_KEEPS];
	atomic_size_t n_kept[OTEL_N_SIGNALS];
	atomic_uint no_memory[OTEL_N_SIGNALS];
};

static struct otel_pipeline fake;

static inline void
fake_release(int signal, void *record)
{
	if (signal == OTEL_SIGNAL_TRACES)
		otelp_span_record_release(record);
	else
		otelp_log_record_release(record);
}

bool
otelp_pipeline_push(struct otel_pipeline *pipeline, int signal, void *record,
                    struct otelp_quota *quota)
{
	size_t at;

	if (pipeline->full)
		return false;
	if (pipeline->discards) {
		fake_release(signal, record);
		return true;
	}
	at = atomic_fetch_add(&pipeline->n_kept[signal], 1);
	if (at >= FAKE_KEEPS)
		abort();
	pipeline->kept[signal][at] = record;
	return true;
}

bool
otelp_pipeline_has(const struct otel_pipeline *pipeline, int signal)
{
	return !pipeline->absent[signal];
}

const struct otel_config *
otelp_pipeline_config(const struct otel_pipeline *pipeline)
{
	return pipeline ? &pipeline->config : NULL;
}

void
otelp_pipeline_count_no_memory(struct otel_pipeline *pipeline, int signal)
{
	atomic_fetch_add(&pipeline->no_memory[signal], 1);
}

static inline void
fake_drop(void)
{
	for (int signal = 0; signal < OTEL_N_SIGNALS; signal++) {
		for (size_t i = 0; i < atomic_load(&fake.n_kept[signal]); i++)
			fake_release(signal, fake.kept[signal][i]);
		atomic_store(&fake.n_kept[signal], 0);
	}
}

static inline void
fake_reset(void)
{
	fake_drop();
	memset(&fake, 0, sizeof fake);
	otel_config_init(&fake.config);
}

#endif
