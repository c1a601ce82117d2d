/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host measures of itself, under its own Resource: what became of telemetry, and how reloads went.
 * Callbacks run on the reader's thread, while it holds locks of the SDK: they read atomics, and take no lock
 * under which anything of the SDK is called.
 */
#include "loop.h"
#include "telemetry.h"
#include "worker_priv.h"

static void
observe_telemetry(struct otel_observation *observation, void *userdata)
{
	static const char *const signals[] = { "traces", "metrics", "logs" };
	static const char *const outcomes[] = { "exported", "rejected",
		                                "dropped.queue_full",
		                                "dropped.export_failed",
		                                "dropped.no_memory" };
	const struct worker *worker = userdata;

	for (int signal = 0; signal < OTEL_N_SIGNALS; signal++) {
		struct otel_pipeline_stats st;

		telemetry_stats(worker->telemetry, signal, &st);
		const uint64_t values[] = { st.exported, st.rejected, st.dropped_queue,
			                    st.dropped_export, st.dropped_memory };

		for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
			if (values[i] || i == 0)
				otel_observe_int(observation, (int64_t)values[i],
				                 OTEL_STR("signal", signals[signal]),
				                 OTEL_STR("outcome", outcomes[i]));
	}
}

static void
observe_mounts(struct worker *worker, struct otel_observation *observation,
               int64_t (*value)(const struct mount *mount))
{
	pthread_mutex_lock(&worker->lock);
	for (const struct mounted *m = worker->mounted; m; m = m->next)
		otel_observe_int(observation, value(m->mount),
		                 OTEL_STR("cupola.service", m->mount->name));
	pthread_mutex_unlock(&worker->lock);
}

static int64_t
reloads(const struct mount *mount)
{
	return (int64_t)atomic_load(&mount->reloads);
}

static int64_t
refused_loads(const struct mount *mount)
{
	return (int64_t)atomic_load(&mount->refused_loads);
}

static int64_t
parked(const struct mount *mount)
{
	return (int64_t)atomic_load(&mount->n_parked);
}

static int64_t
refused_requests(const struct mount *mount)
{
	return (int64_t)atomic_load(&mount->admission.refused);
}

static void
observe_reloads(struct otel_observation *observation, void *userdata)
{
	observe_mounts(userdata, observation, reloads);
}

static void
observe_refused_loads(struct otel_observation *observation, void *userdata)
{
	observe_mounts(userdata, observation, refused_loads);
}

static void
observe_parked(struct otel_observation *observation, void *userdata)
{
	observe_mounts(userdata, observation, parked);
}

static void
observe_refused_requests(struct otel_observation *observation, void *userdata)
{
	observe_mounts(userdata, observation, refused_requests);
}

struct otel_meter *
worker_metrics_start(struct worker *worker)
{
	static const struct {
		int kind;
		const char *name, *unit, *description;
		otel_observe_fn *observe;
	} metrics[] = {
		{ OTEL_OBSERVABLE_COUNTER, "cupola.telemetry.items", "{item}",
		  "spans, points and records, by what became of them",
		  observe_telemetry },
		{ OTEL_OBSERVABLE_COUNTER, "cupola.service.reloads", "{reload}",
		  "generations that took over from another", observe_reloads },
		{ OTEL_OBSERVABLE_COUNTER, "cupola.service.loads.refused", "{load}",
		  "loads that failed; what was running went on", observe_refused_loads },
		{ OTEL_OBSERVABLE_GAUGE, "cupola.service.generations.parked",
		  "{generation}", "old generations that could not be unloaded",
		  observe_parked },
		{ OTEL_OBSERVABLE_COUNTER, "cupola.service.requests.refused", "{request}",
		  "requests answered 503 because of a bound", observe_refused_requests },
	};
	struct otel_meter *meter = voice_meter(telemetry_host_voice(worker->telemetry),
	                                       "cupola", PACKAGE_VERSION);

	/* They end with their meter. */
	for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
		(void)otel_observable_new(meter, metrics[i].kind, metrics[i].name,
		                          metrics[i].unit, metrics[i].description,
		                          metrics[i].observe, worker);
	return meter;
}
