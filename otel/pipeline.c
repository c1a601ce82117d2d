/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline of a process: a lane for each signal, the meter providers that its reader collects, and
 * what fork does to them.
 *
 * After fork the child has the memory but not the threads. The handler only forgets them and marks the
 * pipeline; the first push, flush or shutdown drops what the parent had queued and starts new threads.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/queue.h>

#include "lane_priv.h"
#include "pipeline_priv.h"
#include <otel/sdk.h>

enum {
	END_MARGIN_MS = 100, /* before a shutdown's deadline, for the threads to end in */
	END_GRACE_MS = 250,  /* after it, before a thread is given up */
};

struct member { /* a meter provider */
	struct otel_meter_provider *provider;
	bool busy; /* its points are being collected or exported */
	bool last; /* and by that it has told all that it has to tell */
	void (*destroy)(struct otel_meter_provider *provider); /* NULL: it is in use */
	TAILQ_ENTRY(member) entry;
};
TAILQ_HEAD(members, member);

struct otel_pipeline {
	struct otel_config config;
	struct otelp_lane lanes[OTEL_N_SIGNALS];
	atomic_bool forked; /* threads have to be started anew */

	pthread_mutex_t lock;
	pthread_cond_t idle; /* a member is no longer busy */
	/* guarded by lock: */
	struct members members;
	bool closed;

	LIST_ENTRY(otel_pipeline) entry; /* guarded by pipelines_lock */
};

static pthread_mutex_t pipelines_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, otel_pipeline) pipelines = LIST_HEAD_INITIALIZER(pipelines);

/* ---- fork ---- */

static void
fork_prepare(void)
{
	struct otel_pipeline *p;

	pthread_mutex_lock(&pipelines_lock);
	LIST_FOREACH (p, &pipelines, entry) {
		pthread_mutex_lock(&p->lock);
		for (int i = 0; i < OTEL_N_SIGNALS; i++)
			pthread_mutex_lock(&p->lanes[i].lock);
	}
}

static void
fork_parent(void)
{
	struct otel_pipeline *p;

	LIST_FOREACH (p, &pipelines, entry) {
		for (int i = 0; i < OTEL_N_SIGNALS; i++)
			pthread_mutex_unlock(&p->lanes[i].lock);
		pthread_mutex_unlock(&p->lock);
	}
	pthread_mutex_unlock(&pipelines_lock);
}

static void
fork_child(void)
{
	struct otel_pipeline *p;
	struct member *m;

	LIST_FOREACH (p, &pipelines, entry) {
		for (int i = 0; i < OTEL_N_SIGNALS; i++)
			otelp_lane_after_fork(&p->lanes[i]);
		TAILQ_FOREACH (m, &p->members, entry)
			m->busy = false;
		pthread_mutex_init(&p->lock, NULL);
		pthread_cond_init(&p->idle, NULL);
		atomic_store(&p->forked, !p->closed);
	}
	pthread_mutex_init(&pipelines_lock, NULL);
}

static void
watch_forks(void)
{
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}

static int
start_lanes(struct otel_pipeline *p)
{
	for (int i = 0; i < OTEL_N_SIGNALS; i++) {
		int r = p->lanes[i].exporter ? otelp_lane_start(&p->lanes[i]) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* The first use after a fork; others wait until the queues are empty and the threads there. */
static void
revive(struct otel_pipeline *p)
{
	int r = 0;

	pthread_mutex_lock(&p->lock);
	if (atomic_load(&p->forked)) {
		for (int i = 0; i < OTEL_N_SIGNALS; i++)
			otelp_lane_salvage(&p->lanes[i]);
		r = start_lanes(p);
		atomic_store(&p->forked, false);
	}
	pthread_mutex_unlock(&p->lock);
	if (r < 0)
		otelp_diag(OTEL_DIAG_ERROR, "telemetry: no threads after fork: %s",
		           strerror(-r));
}

/* ---- life ---- */

static int
check(struct otel_config *config, struct otel_error *err)
{
	for (int i = 0; i < OTEL_N_SIGNALS; i++) {
		struct otel_signal_config *s = &config->signal[i];

		if (s->max_queue < 1 || s->max_batch < 1 ||
		    s->max_queue > OTELP_MAX_QUEUE)
			return otel_error_set(
				err, -EINVAL,
				"telemetry: a queue of %d with batches of %d makes no sense",
				s->max_queue, s->max_batch);
		if (s->max_batch > s->max_queue)
			s->max_batch = s->max_queue;
		if (s->exporter == OTEL_EXPORTER_CUSTOM && !s->custom)
			return otel_error_set(err, -EINVAL,
			                      "telemetry: a custom exporter is missing");
	}
	if (config->metric_interval_ms < 1)
		return otel_error_set(err, -EINVAL,
		                      "telemetry: metrics every %d ms make no sense",
		                      config->metric_interval_ms);
	return 0;
}

/* *out is NULL when this signal is not exported. */
static int
make_exporter(const struct otel_config *config, int signal, struct otel_exporter **out,
              struct otel_error *err)
{
	const struct otel_signal_config *s = &config->signal[signal];

	*out = NULL;
	switch (s->exporter) {
	case OTEL_EXPORTER_OTLP:
		return config->disabled
		               ? 0
		               : otelp_exporter_otlp_new(&s->otlp, signal, out, err);
	case OTEL_EXPORTER_CONSOLE:
		return config->disabled ? 0 : otelp_exporter_console_new(out, err);
	case OTEL_EXPORTER_CUSTOM:
		*out = s->custom;
		return 0;
	default:
		return 0;
	}
}

static bool
takes(const struct otel_exporter *exporter, int signal)
{
	switch (signal) {
	case OTEL_SIGNAL_TRACES:
		return exporter->export_spans;
	case OTEL_SIGNAL_METRICS:
		return exporter->export_metrics;
	default:
		return exporter->export_logs;
	}
}

/* Frees what the pipeline took, once, though one exporter may serve several signals. */
static void
free_exporters(struct otel_exporter *exporters[OTEL_N_SIGNALS])
{
	for (int i = 0; i < OTEL_N_SIGNALS; i++) {
		bool again = false;

		for (int k = 0; k < i; k++)
			again |= exporters[k] == exporters[i];
		if (exporters[i] && !again && exporters[i]->free)
			exporters[i]->free(exporters[i]);
	}
}

static void
destroy(struct otel_pipeline *p)
{
	struct otel_exporter *exporters[OTEL_N_SIGNALS];
	struct member *m;

	for (int i = 0; i < OTEL_N_SIGNALS; i++) {
		otelp_lane_fini(&p->lanes[i]);
		exporters[i] = p->lanes[i].exporter;
		/* A custom one is ours even if it was never asked to export. */
		if (p->config.signal[i].exporter == OTEL_EXPORTER_CUSTOM)
			exporters[i] = p->config.signal[i].custom;
	}
	free_exporters(exporters);
	while ((m = TAILQ_FIRST(&p->members))) {
		TAILQ_REMOVE(&p->members, m, entry);
		if (m->destroy)
			m->destroy(m->provider);
		otelp_free(m);
	}
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->idle);
	otelp_free(p);
}

static int
init_lanes(struct otel_pipeline *p, struct otel_error *err)
{
	for (int i = 0; i < OTEL_N_SIGNALS; i++) {
		struct otel_exporter *exporter;
		int r = make_exporter(&p->config, i, &exporter, err);

		if (r < 0)
			return r;
		if (p->config.disabled || (exporter && !takes(exporter, i)))
			exporter =
				NULL; /* a custom one stays in the config, to be freed */
		r = otelp_lane_init(&p->lanes[i], p, i, &p->config, exporter);
		if (r < 0)
			return otel_error_set(err, r, "telemetry: no memory for queues");
	}
	return 0;
}

int
otel_pipeline_new(const struct otel_config *config, struct otel_pipeline **out,
                  struct otel_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct otel_pipeline *p = otelp_calloc(1, sizeof *p);
	int r;

	if (!p)
		return otel_error_set(err, -ENOMEM, "telemetry: no memory");
	pthread_once(&once, watch_forks);
	p->config = *config;
	TAILQ_INIT(&p->members);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->idle, NULL);
	r = check(&p->config, err);
	if (r == 0)
		r = init_lanes(p, err);
	if (r < 0) {
		destroy(p);
		return r;
	}
	pthread_mutex_lock(&pipelines_lock);
	LIST_INSERT_HEAD(&pipelines, p, entry);
	pthread_mutex_unlock(&pipelines_lock);
	r = start_lanes(p);
	if (r < 0) {
		otel_pipeline_free(p);
		return otel_error_set(err, r, "telemetry: starting a thread: %s",
		                      strerror(-r));
	}
	*out = p;
	return 0;
}

int
otel_pipeline_flush(struct otel_pipeline *p, int timeout_ms)
{
	int64_t deadline_ms = otelp_deadline_ms(timeout_ms);
	uint64_t tickets[OTEL_N_SIGNALS] = { 0 };
	int result = 0;

	if (atomic_load(&p->forked))
		revive(p);
	for (int i = 0; i < OTEL_N_SIGNALS; i++)
		tickets[i] = otelp_lane_ask_flush(&p->lanes[i]);
	for (int i = 0; i < OTEL_N_SIGNALS; i++) {
		int r = tickets[i] ? otelp_lane_wait_flush(&p->lanes[i], tickets[i],
		                                           deadline_ms)
		                   : 0;

		if (r < 0 && !result)
			result = r;
	}
	return result;
}

/* Joins the lane's thread, or gives it up if it does not end. */
static int
end_lane(struct otelp_lane *lane, int64_t last_try_ms, int64_t interrupt_ms,
         int64_t give_up_ms)
{
	/* It may be in the middle of trying again and again. */
	if (atomic_load(&lane->failing) && last_try_ms < interrupt_ms)
		interrupt_ms = last_try_ms;
	if (!otelp_lane_wait_end(lane, interrupt_ms) && lane->exporter->interrupt)
		lane->exporter->interrupt(lane->exporter);
	if (!otelp_lane_wait_end(lane, give_up_ms)) {
		otelp_diag(
			OTEL_DIAG_ERROR,
			"telemetry: the %s exporter does not return; its thread is left behind",
			lane->exporter->name ? lane->exporter->name : "custom");
		pthread_detach(lane->thread);
		lane->abandoned = true;
		return -ETIMEDOUT;
	}
	pthread_join(lane->thread, NULL);
	pthread_mutex_lock(&lane->lock); /* somebody may be asking for a flush */
	lane->running = false;
	pthread_mutex_unlock(&lane->lock);
	return lane->flush_result;
}

int
otel_pipeline_shutdown(struct otel_pipeline *p, int timeout_ms)
{
	int64_t deadline_ms = otelp_deadline_ms(timeout_ms), end_ms = deadline_ms;
	int64_t last_try_ms = otelp_deadline_ms(OTELP_LAST_TRY_MS);
	int result = 0;
	bool closed;

	if (atomic_load(&p->forked))
		revive(p);
	pthread_mutex_lock(&p->lock);
	closed = p->closed;
	p->closed = true;
	pthread_mutex_unlock(&p->lock);
	if (closed)
		return 0;
	if (timeout_ms > 0)
		end_ms -= timeout_ms / 10 < END_MARGIN_MS ? timeout_ms / 10
		                                          : END_MARGIN_MS;
	for (int i = 0; i < OTEL_N_SIGNALS; i++) {
		struct otelp_lane *lane = &p->lanes[i];

		atomic_store(&lane->closed, true);
		if (!lane->running)
			continue;
		otelp_lane_stop(lane, end_ms);
		if (lane->exporter->finish)
			lane->exporter->finish(lane->exporter);
	}
	for (int i = 0; i < OTEL_N_SIGNALS; i++) {
		struct otelp_lane *lane = &p->lanes[i];
		int r = 0;

		if (lane->running && !lane->abandoned)
			r = end_lane(lane, last_try_ms, end_ms,
			             timeout_ms < 0 ? INT64_MAX
			                            : deadline_ms + END_GRACE_MS);
		if (r < 0 && !result)
			result = r;
	}
	return result;
}

void
otel_pipeline_free(struct otel_pipeline *p)
{
	bool left_behind = false;

	if (!p)
		return;
	otel_pipeline_shutdown(p, 0);
	pthread_mutex_lock(&pipelines_lock);
	LIST_REMOVE(p, entry);
	pthread_mutex_unlock(&pipelines_lock);
	for (int i = 0; i < OTEL_N_SIGNALS; i++)
		left_behind |= p->lanes[i].abandoned;
	if (!left_behind) /* otherwise a thread still uses it, and a leak is the lesser evil */
		destroy(p);
}

/* ---- what providers call ---- */

/* Whether the caller is one of our threads inside an exporter: telemetry about telemetry has no end. */
static bool
is_exporting(const struct otel_pipeline *p)
{
	for (int i = 0; i < OTEL_N_SIGNALS; i++)
		if (atomic_load_explicit(&p->lanes[i].exporting, memory_order_relaxed) &&
		    pthread_equal(p->lanes[i].thread, pthread_self()))
			return true;
	return false;
}

bool
otelp_pipeline_push(struct otel_pipeline *p, int signal, void *record,
                    struct otelp_quota *quota)
{
	struct otelp_lane *lane = &p->lanes[signal];
	uint64_t size;

	if (atomic_load_explicit(&p->forked, memory_order_relaxed))
		revive(p);
	if (!lane->exporter || is_exporting(p))
		return false;
	if (atomic_load_explicit(&lane->closed, memory_order_relaxed))
		goto drop;
	if (quota &&
	    atomic_fetch_add_explicit(&quota->queued, 1, memory_order_relaxed) >=
	            quota->max &&
	    quota->max > 0)
		goto drop_quota;
	if (!otelp_queue_push(&lane->queue, record, &size))
		goto drop_quota;
	if (size >= lane->wake_at)
		otelp_lane_wake(lane);
	return true;
drop_quota:
	if (quota)
		atomic_fetch_sub_explicit(&quota->queued, 1, memory_order_relaxed);
drop:
	atomic_fetch_add_explicit(&lane->dropped_queue, 1, memory_order_relaxed);
	return false;
}

bool
otelp_pipeline_has(const struct otel_pipeline *p, int signal)
{
	return p->lanes[signal].exporter &&
	       !atomic_load_explicit(&p->lanes[signal].closed, memory_order_relaxed);
}

const struct otel_config *
otelp_pipeline_config(const struct otel_pipeline *p)
{
	return &p->config;
}

void
otelp_pipeline_count_no_memory(struct otel_pipeline *p, int signal)
{
	atomic_fetch_add_explicit(&p->lanes[signal].dropped_memory, 1,
	                          memory_order_relaxed);
}

void
otel_pipeline_stats(const struct otel_pipeline *p, int signal,
                    struct otel_pipeline_stats *out)
{
	const struct otelp_lane *lane = &p->lanes[signal];
	bool queued = lane->queue.places;

	*out = (struct otel_pipeline_stats){
		.accepted = queued ? atomic_load(&lane->queue.tail) - lane->accepted_base
		                   : atomic_load(&lane->accepted),
		.exported = atomic_load(&lane->exported),
		.dropped_queue = atomic_load(&lane->dropped_queue),
		.dropped_memory = atomic_load(&lane->dropped_memory),
		.dropped_export = atomic_load(&lane->dropped_export),
		.rejected = atomic_load(&lane->rejected),
		.batches = atomic_load(&lane->batches),
		.queue_size = queued ? otelp_queue_size(&lane->queue) : 0,
		.queue_capacity = queued ? lane->queue.capacity : 0,
	};
	if (lane->exporter && lane->exporter->retries)
		out->retries = lane->exporter->retries(lane->exporter);
}

/* ---- meter providers ---- */

void
otelp_pipeline_add_meter_provider(struct otel_pipeline *p,
                                  struct otel_meter_provider *provider)
{
	struct member *m = otelp_calloc(1, sizeof *m);

	if (!m) {
		otelp_diag(OTEL_DIAG_ERROR,
		           "metrics: no memory, a provider is not exported");
		return;
	}
	m->provider = provider;
	pthread_mutex_lock(&p->lock);
	TAILQ_INSERT_TAIL(&p->members, m, entry);
	pthread_mutex_unlock(&p->lock);
}

static struct member *
find_member(struct otel_pipeline *p, const struct otel_meter_provider *provider)
{
	struct member *m;

	TAILQ_FOREACH (m, &p->members, entry)
		if (m->provider == provider)
			return m;
	return NULL;
}

/*
 * What it counted since the last collection is worth an export too, though who owned it is gone. When
 * nothing collects any more, an export of its points that goes on is waited for: they are its memory.
 */
bool
otelp_pipeline_retire_meter_provider(struct otel_pipeline *p,
                                     struct otel_meter_provider *provider,
                                     void (*end)(struct otel_meter_provider *provider))
{
	struct otelp_lane *lane = &p->lanes[OTEL_SIGNAL_METRICS];
	struct member *m;
	bool taken;

	pthread_mutex_lock(&p->lock);
	m = find_member(p, provider);
	taken = m && !p->closed && lane->exporter && lane->running;
	if (taken)
		m->destroy = end;
	while (m && !taken && m->busy)
		pthread_cond_wait(&p->idle, &p->lock);
	if (m && !taken)
		TAILQ_REMOVE(&p->members, m, entry);
	pthread_mutex_unlock(&p->lock);
	if (!taken)
		otelp_free(m);
	return taken;
}

static int
append(struct otelp_lane *lane, size_t *n, const struct otel_metric_data *metrics,
       size_t count)
{
	if (*n + count > lane->metrics_size) {
		size_t size = (*n + count) * 2;
		void *grown = otelp_realloc(lane->metrics, size * sizeof *lane->metrics);

		if (!grown)
			return -ENOMEM;
		lane->metrics = grown;
		lane->metrics_size = size;
	}
	for (size_t i = 0; i < count; i++)
		if (metrics[i].n_points) /* an empty envelope is not sent */
			lane->metrics[(*n)++] = metrics[i];
	return 0;
}

/* The lock is not held while observables run; a busy member stays in the list, and so does its place in it. */
int
otelp_pipeline_collect(struct otel_pipeline *p, struct otelp_lane *lane, size_t *n)
{
	struct member *m;
	int result = 0;

	*n = 0;
	pthread_mutex_lock(&p->lock);
	TAILQ_FOREACH (m, &p->members, entry) {
		const struct otel_metric_data *metrics = NULL;
		size_t n_metrics = 0;
		int r;

		m->busy = true;
		m->last = m->destroy != NULL;
		pthread_mutex_unlock(&p->lock);
		r = otelp_meter_provider_collect(m->provider, p->config.temporality,
		                                 &metrics, &n_metrics);
		if (r == 0)
			r = append(lane, n, metrics, n_metrics);
		if (r < 0) {
			atomic_fetch_add(&lane->dropped_memory,
			                 n_metrics ? n_metrics : 1);
			result = r;
		}
		pthread_mutex_lock(&p->lock);
		m->last &= r == 0;
	}
	pthread_mutex_unlock(&p->lock);
	return result;
}

void
otelp_pipeline_collected(struct otel_pipeline *p)
{
	struct members gone = TAILQ_HEAD_INITIALIZER(gone);
	struct member *m, *next;

	pthread_mutex_lock(&p->lock);
	for (m = TAILQ_FIRST(&p->members); m; m = next) {
		next = TAILQ_NEXT(m, entry);
		m->busy = false;
		if (m->last) {
			TAILQ_REMOVE(&p->members, m, entry);
			TAILQ_INSERT_TAIL(&gone, m, entry);
		}
	}
	pthread_cond_broadcast(&p->idle);
	pthread_mutex_unlock(&p->lock);
	while ((m = TAILQ_FIRST(&gone))) {
		TAILQ_REMOVE(&gone, m, entry);
		m->destroy(m->provider);
		otelp_free(m);
	}
}
