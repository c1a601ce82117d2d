/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/lane_priv.h - one signal's way out of the process: a queue, a thread, an exporter.
 *
 *	push [any] --> queue --> lane's thread: sleeps until a batch is full, the delay is over,
 *	                         a flush is asked for or the end is near; then exports
 *
 * The metrics lane has no queue: its thread collects from the pipeline's meter providers instead.
 */
#ifndef OTEL_LANE_PRIV_H
#define OTEL_LANE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "queue_priv.h"
#include <otel/sdk.h>

enum {
	OTELP_LAST_TRY_MS = 1000
}; /* at shutdown, for a receiver that failed the last time */

struct otelp_lane {
	/* immutable once started: */
	struct otel_pipeline *pipeline;
	int signal;
	const struct otel_signal_config *config;
	struct otel_exporter
		*exporter; /* NULL: nothing exports this signal, and there is no thread */
	uint64_t wake_at;  /* queue size at which a sleeping thread is woken */
	int delay_ms, export_timeout_ms;

	struct otelp_queue queue;
	atomic_int asleep;     /* 1 while the thread sleeps, or is about to: the futex */
	atomic_bool exporting; /* inside the exporter: what it records is not recorded */
	atomic_bool failing;   /* the last export failed, and that has been said */
	atomic_bool closed;    /* after shutdown: nothing enters */
	atomic_bool stopping;  /* the thread drains and ends */
	atomic_int_fast64_t deadline_ms; /* of the shutdown, monotonic */

	atomic_uint_fast64_t
		accepted;       /* metrics: points; traces and logs: see accepted_base */
	uint64_t accepted_base; /* the queue's tail when counting began */
	atomic_uint_fast64_t exported, dropped_queue, dropped_memory, dropped_export,
		rejected, batches;

	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* guarded by lock: */
	bool running, finished, abandoned;
	uint64_t flush_asked, flush_done;
	int flush_result; /* of the flushes up to flush_done: the last one's */

	/* the thread's own: */
	void **batch; /* max_batch records, NULL once released */
	union {       /* what the exporter sees of them */
		void *data;
		const struct otel_span_data **spans;
		const struct otel_log_data **logs;
	};
	struct otel_metric_data *metrics;
	size_t metrics_size; /* allocated, in elements */
	int late_result;     /* of an export during which a flush was asked for */
	uint64_t lost;       /* items, since it fails */
	uint64_t drops_seen; /* dropped_queue, when last looked at */
	int64_t drops_said_ms;
};

/* Takes nothing of *config, which must stay. 0 or -ENOMEM; fini copes with the half-built. */
int otelp_lane_init(struct otelp_lane *lane, struct otel_pipeline *pipeline, int signal,
                    const struct otel_config *config, struct otel_exporter *exporter);
/* The thread must have ended. Releases what is still queued. */
void otelp_lane_fini(struct otelp_lane *lane);
int otelp_lane_start(struct otelp_lane *lane);

/* Asks for a flush and returns its ticket, for otelp_lane_wait_flush; 0: there is no thread to do it. */
uint64_t otelp_lane_ask_flush(struct otelp_lane *lane);
/* Waits until that flush is over: 0, what the export said, or -ETIMEDOUT. */
int otelp_lane_wait_flush(struct otelp_lane *lane, uint64_t ticket, int64_t deadline_ms);
/* Tells the thread to drain and end by then; what it cannot send is dropped. Does not wait. */
void otelp_lane_stop(struct otelp_lane *lane, int64_t deadline_ms);
/* Waits until the thread has ended; false when it has not by then. */
bool otelp_lane_wait_end(struct otelp_lane *lane, int64_t deadline_ms);
/* Wakes the thread if it sleeps. [any] */
void otelp_lane_wake(struct otelp_lane *lane);
/* In the child of a fork: forgets the thread; then, at the first use, drops what was the parent's. */
void otelp_lane_after_fork(struct otelp_lane *lane);
void otelp_lane_salvage(struct otelp_lane *lane);

/* pipeline.c, for the metrics lane: collects every provider into lane->metrics and keeps the providers alive until release. */
int otelp_pipeline_collect(struct otel_pipeline *pipeline, struct otelp_lane *lane,
                           size_t *n);
void otelp_pipeline_collected(struct otel_pipeline *pipeline);

int64_t otelp_monotonic_ms(void);
/* now + timeout; a negative timeout is for ever (INT64_MAX). */
int64_t otelp_deadline_ms(int64_t timeout_ms);

#endif
