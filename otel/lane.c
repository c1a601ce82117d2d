/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread of one signal. Nothing that pushes ever waits for it: a push looks at `asleep` and makes
 * the one system call that wakes it only when it sleeps and there is a reason.
 *
 *	push:  claim a place in the queue (sequentially consistent) ... then read asleep
 *	sleep: write asleep = 1 (sequentially consistent) ... then read the queue's size, then sleep
 *
 * So at least one of the two sees the other, and a full batch is never slept over.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lane_priv.h"
#include "pipeline_priv.h"

enum {
	DROPS_SAID_MS = 60000, /* a full queue is told of again after that long */
	STALL_MS = 100,        /* patience with a push that was interrupted halfway */
};

static const char *const signal_names[] = { "traces", "metrics", "logs" };
static const char *const item_names[] = { "spans", "points", "log records" };

int64_t
otelp_monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
otelp_deadline_ms(int64_t timeout_ms)
{
	return timeout_ms < 0 ? INT64_MAX : otelp_monotonic_ms() + timeout_ms;
}

/* ---- records, of whichever kind ---- */

static void
release(struct otelp_lane *lane, void *record)
{
	bool span = lane->signal == OTEL_SIGNAL_TRACES;
	struct otelp_quota *quota = span ? otelp_span_record_quota(record)
	                                 : otelp_log_record_quota(record);

	if (quota)
		atomic_fetch_sub_explicit(&quota->queued, 1, memory_order_relaxed);
	if (span)
		otelp_span_record_release(record);
	else
		otelp_log_record_release(record);
}

static void
release_batch(struct otelp_lane *lane, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		void *record = lane->batch[i];

		lane->batch[i] = NULL; /* first, so that a fork never finds it twice */
		release(lane, record);
	}
}

static void
count(atomic_uint_fast64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* ---- orders: to flush, to end ---- */

static bool
flush_pending(struct otelp_lane *lane, uint64_t *ticket)
{
	bool pending;

	pthread_mutex_lock(&lane->lock);
	*ticket = lane->flush_asked;
	pending = lane->flush_asked != lane->flush_done;
	pthread_mutex_unlock(&lane->lock);
	return pending;
}

static bool
has_orders(struct otelp_lane *lane)
{
	uint64_t ticket;

	return atomic_load(&lane->stopping) || flush_pending(lane, &ticket);
}

/* ---- exporting ---- */

/* How long an export may take now: INT_MAX is no limit, 0 is that there is no time left. */
static int
export_time(const struct otelp_lane *lane)
{
	int64_t left = atomic_load(&lane->deadline_ms);
	int64_t limit = lane->export_timeout_ms > 0 ? lane->export_timeout_ms : INT_MAX;

	if (left != INT64_MAX) {
		left -= otelp_monotonic_ms();
		if (left <= 0)
			return 0;
		if (lane->failing && left > OTELP_LAST_TRY_MS)
			left = OTELP_LAST_TRY_MS;
		if (left < limit)
			limit = left;
	}
	return (int)limit;
}

/* Says what is worth saying once: that exports fail, that they succeed again. */
static void
tell(struct otelp_lane *lane, int r, uint64_t items, const struct otel_error *err)
{
	const char *name = signal_names[lane->signal], *what = item_names[lane->signal];

	if (r < 0) {
		lane->lost += items;
		if (!lane->failing)
			otelp_diag(OTEL_DIAG_WARN,
			           "%s: %llu %s lost: %s (further losses are counted)",
			           name, (unsigned long long)items, what,
			           *err->message ? err->message : strerror(-r));
	} else if (lane->failing) {
		otelp_diag(OTEL_DIAG_INFO,
		           "%s: exports succeed again, after %llu %s were lost", name,
		           (unsigned long long)lane->lost, what);
		lane->lost = 0;
	}
	lane->failing = r < 0;
}

static void
tell_drops(struct otelp_lane *lane)
{
	uint64_t drops = atomic_load_explicit(&lane->dropped_queue, memory_order_relaxed);

	if (drops != lane->drops_seen) {
		int64_t now = otelp_monotonic_ms();

		if (!lane->drops_said_ms || now - lane->drops_said_ms > DROPS_SAID_MS)
			otelp_diag(OTEL_DIAG_WARN,
			           "%s: the queue was full, %llu %s dropped so far",
			           signal_names[lane->signal], (unsigned long long)drops,
			           item_names[lane->signal]);
		lane->drops_said_ms = now;
		lane->drops_seen = drops;
	}
}

/* Exports `n` of lane->batch, or of lane->metrics; counts and tells. `items` are spans, records, points. */
static int
export_now(struct otelp_lane *lane, size_t n, uint64_t items)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct otel_exporter *exporter = lane->exporter;
	int timeout_ms = export_time(lane), r;

	if (!timeout_ms) {
		count(&lane->dropped_export, items);
		return -ETIMEDOUT;
	}
	atomic_store(&lane->exporting, true);
	switch (lane->signal) {
	case OTEL_SIGNAL_TRACES:
		for (size_t i = 0; i < n; i++)
			lane->spans[i] = otelp_span_record_data(lane->batch[i]);
		r = exporter->export_spans(exporter, lane->spans, n, timeout_ms, &err);
		break;
	case OTEL_SIGNAL_LOGS:
		for (size_t i = 0; i < n; i++)
			lane->logs[i] = otelp_log_record_data(lane->batch[i]);
		r = exporter->export_logs(exporter, lane->logs, n, timeout_ms, &err);
		break;
	default:
		r = exporter->export_metrics(exporter, lane->metrics, n, timeout_ms,
		                             &err);
		break;
	}
	atomic_store(&lane->exporting, false);
	count(&lane->batches, 1);
	if (r < 0) {
		count(&lane->dropped_export, items);
		if (has_orders(lane)) /* which came while this went on, and mean it too */
			lane->late_result = r;
	} else {
		uint64_t rejected = (uint64_t)r < items ? (uint64_t)r : items;

		count(&lane->rejected, rejected);
		count(&lane->exported, items - rejected);
	}
	tell(lane, r, items, &err);
	return r < 0 ? r : 0;
}

/* One batch, of what is there. Sets *n, which is 0 when there is nothing (yet). */
static int
export_batch(struct otelp_lane *lane, size_t *n)
{
	int r;

	*n = otelp_queue_pop(&lane->queue, lane->batch, (size_t)lane->config->max_batch);
	if (!*n)
		return 0;
	r = export_now(lane, *n, *n);
	release_batch(lane, *n);
	tell_drops(lane);
	return r;
}

/* Everything that had been pushed when it was called, batch by batch. */
static int
drain(struct otelp_lane *lane)
{
	uint64_t target = atomic_load(&lane->queue.tail);
	int64_t stalled_ms = INT64_MAX;
	int result = 0;

	while (atomic_load(&lane->queue.head) < target) {
		size_t n;
		int r = export_batch(lane, &n);

		if (r < 0 && !result)
			result = r;
		if (n) {
			stalled_ms = INT64_MAX;
			continue;
		}
		/* A push has claimed its place and not yet filled it: its thread is not running. */
		if (stalled_ms == INT64_MAX)
			stalled_ms = otelp_deadline_ms(STALL_MS);
		else if (otelp_monotonic_ms() > stalled_ms)
			break;
		sched_yield();
	}
	return result;
}

static int
export_metrics(struct otelp_lane *lane)
{
	uint64_t points = 0;
	size_t n = 0;
	int r, result;

	r = otelp_pipeline_collect(lane->pipeline, lane, &n);
	for (size_t i = 0; i < n; i++)
		points += lane->metrics[i].n_points;
	count(&lane->accepted, points);
	result = points ? export_now(lane, n, points) : 0;
	otelp_pipeline_collected(lane->pipeline);
	return r < 0 ? r : result;
}

static int
export_all(struct otelp_lane *lane)
{
	int timeout_ms, r, flushed;

	r = lane->signal == OTEL_SIGNAL_METRICS ? export_metrics(lane) : drain(lane);
	timeout_ms = export_time(lane);
	if (!lane->exporter->flush || !timeout_ms)
		return r;
	flushed = lane->exporter->flush(lane->exporter, timeout_ms);
	return r < 0 ? r : flushed;
}

/* ---- sleeping ---- */

static void
futex(atomic_int *word, int op, int value, const struct timespec *timeout)
{
	syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}

void
otelp_lane_wake(struct otelp_lane *lane)
{
	if (atomic_load(&lane->asleep) && atomic_exchange(&lane->asleep, 0))
		futex(&lane->asleep, FUTEX_WAKE_PRIVATE, 1, NULL);
}

/* Sleeps until `due_ms`, or until there is a full batch or an order. */
static void
sleep_until(struct otelp_lane *lane, int64_t due_ms)
{
	int64_t left = due_ms - otelp_monotonic_ms();
	struct timespec timeout;

	if (left <= 0)
		return;
	timeout = (struct timespec){ left / 1000, left % 1000 * 1000000 };
	atomic_store(&lane->asleep, 1);
	if (!has_orders(lane) && otelp_queue_size(&lane->queue) < lane->wake_at)
		futex(&lane->asleep, FUTEX_WAIT_PRIVATE, 1, &timeout);
	atomic_store(&lane->asleep, 0);
}

static void
flush(struct otelp_lane *lane, uint64_t ticket)
{
	int r = export_all(lane);

	if (!r)
		r = lane->late_result;
	lane->late_result = 0;
	pthread_mutex_lock(&lane->lock);
	lane->flush_done = ticket;
	lane->flush_result = r;
	pthread_cond_broadcast(&lane->changed);
	pthread_mutex_unlock(&lane->lock);
}

static void *
lane_main(void *arg)
{
	struct otelp_lane *lane = arg;
	int64_t due_ms = otelp_deadline_ms(lane->delay_ms);
	bool full = false;

	while (!atomic_load(&lane->stopping)) {
		uint64_t ticket;

		if (flush_pending(lane, &ticket)) {
			flush(lane, ticket);
		} else if (otelp_monotonic_ms() >= due_ms) {
			due_ms = otelp_deadline_ms(
				lane->delay_ms); /* from the start, so that it does not drift */
			if (lane->signal == OTEL_SIGNAL_METRICS)
				export_metrics(lane);
			else
				drain(lane);
			tell_drops(lane);
		} else if (full) {
			size_t n;

			export_batch(lane, &n);
			if (!n)
				sched_yield();
			due_ms = otelp_deadline_ms(lane->delay_ms);
		} else {
			sleep_until(lane, due_ms);
		}
		full = lane->signal != OTEL_SIGNAL_METRICS &&
		       otelp_queue_size(&lane->queue) >= lane->wake_at;
	}
	flush(lane, UINT64_MAX); /* also ends the wait of whoever flushes now or later */
	pthread_mutex_lock(&lane->lock);
	lane->finished = true;
	pthread_cond_broadcast(&lane->changed);
	pthread_mutex_unlock(&lane->lock);
	return NULL;
}

/* ---- the other side: whoever starts, flushes and stops it ---- */

static void
init_sync(struct otelp_lane *lane)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&lane->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&lane->changed, &attr);
	pthread_condattr_destroy(&attr);
}

int
otelp_lane_init(struct otelp_lane *lane, struct otel_pipeline *pipeline, int signal,
                const struct otel_config *config, struct otel_exporter *exporter)
{
	const struct otel_signal_config *own = &config->signal[signal];
	bool metrics = signal == OTEL_SIGNAL_METRICS;

	lane->pipeline = pipeline;
	lane->signal = signal;
	lane->config = own;
	lane->exporter = exporter;
	lane->delay_ms = metrics ? config->metric_interval_ms : own->schedule_delay_ms;
	lane->export_timeout_ms = metrics ? config->metric_timeout_ms
	                                  : own->export_timeout_ms;
	lane->wake_at = own->processor == OTEL_PROCESSOR_SIMPLE
	                        ? 1
	                        : (uint64_t)own->max_batch;
	if (!metrics && !lane->delay_ms) { /* a clock that is always due would spin */
		lane->delay_ms = -1;
		lane->wake_at = 1;
	}
	atomic_init(&lane->deadline_ms, INT64_MAX);
	init_sync(lane);
	if (!exporter || metrics) {
		lane->wake_at = UINT64_MAX;
		return 0;
	}
	lane->batch = otelp_calloc((size_t)own->max_batch, sizeof *lane->batch);
	lane->data = otelp_calloc((size_t)own->max_batch, sizeof(void *));
	if (!lane->batch || !lane->data)
		return -ENOMEM;
	return otelp_queue_init(&lane->queue, (size_t)own->max_queue);
}

static void
drop_queue(struct otelp_lane *lane)
{
	size_t n;

	while ((n = otelp_queue_salvage(&lane->queue, lane->batch,
	                                (size_t)lane->config->max_batch))) {
		count(&lane->dropped_export, n);
		release_batch(lane, n);
	}
}

void
otelp_lane_fini(struct otelp_lane *lane)
{
	if (lane->queue.places)
		drop_queue(lane);
	otelp_queue_fini(&lane->queue);
	otelp_free(lane->batch);
	otelp_free(lane->data);
	otelp_free(lane->metrics);
	if (lane->pipeline) {
		pthread_mutex_destroy(&lane->lock);
		pthread_cond_destroy(&lane->changed);
	}
}

int
otelp_lane_start(struct otelp_lane *lane)
{
	static const char *const thread_names[] = { "otel-traces", "otel-metrics",
		                                    "otel-logs" };
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all,
	                &before); /* the program's signals are not for us */
	r = pthread_create(&lane->thread, NULL, lane_main, lane);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return -r;
	pthread_setname_np(lane->thread, thread_names[lane->signal]);
	lane->running = true;
	return 0;
}

uint64_t
otelp_lane_ask_flush(struct otelp_lane *lane)
{
	uint64_t ticket;

	pthread_mutex_lock(&lane->lock);
	ticket = !lane->running || lane->flush_done == UINT64_MAX ? 0
	                                                          : ++lane->flush_asked;
	pthread_mutex_unlock(&lane->lock);
	otelp_lane_wake(lane);
	return ticket;
}

/* Waits on lane->changed; false once the deadline has passed. Under lane->lock. */
static bool
wait_changed(struct otelp_lane *lane, int64_t deadline_ms)
{
	struct timespec until = { deadline_ms / 1000, deadline_ms % 1000 * 1000000 };

	if (deadline_ms == INT64_MAX)
		return pthread_cond_wait(&lane->changed, &lane->lock) == 0;
	return pthread_cond_timedwait(&lane->changed, &lane->lock, &until) != ETIMEDOUT;
}

int
otelp_lane_wait_flush(struct otelp_lane *lane, uint64_t ticket, int64_t deadline_ms)
{
	int r = 0;

	pthread_mutex_lock(&lane->lock);
	while (lane->flush_done < ticket && r == 0)
		if (!wait_changed(lane, deadline_ms) && lane->flush_done < ticket)
			r = -ETIMEDOUT;
	if (r == 0)
		r = lane->flush_result;
	pthread_mutex_unlock(&lane->lock);
	return r;
}

void
otelp_lane_stop(struct otelp_lane *lane, int64_t deadline_ms)
{
	atomic_store(&lane->deadline_ms, deadline_ms);
	atomic_store(&lane->stopping, true);
	otelp_lane_wake(lane);
}

bool
otelp_lane_wait_end(struct otelp_lane *lane, int64_t deadline_ms)
{
	bool finished;

	pthread_mutex_lock(&lane->lock);
	while (!lane->finished && wait_changed(lane, deadline_ms))
		;
	finished = lane->finished;
	pthread_mutex_unlock(&lane->lock);
	return finished;
}

/* ---- fork ---- */

void
otelp_lane_after_fork(struct otelp_lane *lane)
{
	init_sync(
		lane); /* the parent's lock was held by prepare; waiters are not with us */
	lane->running = lane->finished = false;
	lane->flush_asked = lane->flush_done = 0;
	atomic_store(&lane->asleep, 0);
	atomic_store(&lane->exporting, false);
	lane->metrics = NULL; /* the parent's thread may have been making it larger */
	lane->metrics_size = 0;
}

static bool
is_queued(const struct otelp_queue *queue, const void *record)
{
	for (uint64_t i = 0; i <= queue->mask; i++)
		if (atomic_load_explicit(&queue->places[i], memory_order_relaxed) ==
		    record)
			return true;
	return false;
}

void
otelp_lane_salvage(struct otelp_lane *lane)
{
	if (lane->queue.places) {
		/* The parent's thread may have been between copying a pointer out and clearing its place. */
		for (int i = 0; i < lane->config->max_batch; i++) {
			void *record = lane->batch[i];

			lane->batch[i] = NULL;
			if (record && !is_queued(&lane->queue, record))
				release(lane, record);
		}
		drop_queue(lane);
		lane->accepted_base = atomic_load(&lane->queue.tail);
	}
	atomic_store(&lane->accepted, 0);
	atomic_store(&lane->exported, 0);
	atomic_store(&lane->dropped_queue, 0);
	atomic_store(&lane->dropped_memory, 0);
	atomic_store(&lane->dropped_export, 0);
	atomic_store(&lane->rejected, 0);
	atomic_store(&lane->batches, 0);
	lane->failing = false;
	lane->lost = lane->drops_seen = 0;
}
