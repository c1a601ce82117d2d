/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Observable instruments: callbacks that report values when somebody collects.
 *
 * Callbacks of one provider run one after another on the collecting thread, with no lock held but the
 * one that keeps other collections out. Who ends an observable waits until its callback has returned;
 * a callback that ends itself, or closes its own meter, is not waited for, and its observable is freed
 * when it returns. While several observables of one stream are alive, as they are for a moment when a
 * service is reloaded, the one made last has the last word.
 */
#include <math.h>

#include "meter_priv.h"
#include "pipeline_priv.h"

struct otel_observation {
	struct otelp_stream *stream;
	uint64_t collection;
};

struct otel_observable *
otel_observable_new(struct otel_meter *meter, int kind, const char *name,
                    const char *unit, const char *description, otel_observe_fn *observe,
                    void *userdata)
{
	struct otelp_stream_want want = { OTELP_OBSERVABLE_COUNTER + kind,
		                          name ? name : "", unit ? unit : "",
		                          description ? description : "" };
	struct otelp_notes notes = { 0 };
	struct otel_observable *observable, **last;
	struct otelp_stream *stream = NULL;

	if (!meter || !observe || kind < OTEL_OBSERVABLE_COUNTER ||
	    kind > OTEL_OBSERVABLE_GAUGE)
		return NULL;
	observable = otelp_calloc(1, sizeof *observable);
	pthread_mutex_lock(&otelp_metrics_lock);
	if (observable && !meter->provider->disabled)
		stream = otelp_stream_attach(meter, &want, &notes);
	if (observable && !stream && !meter->provider->disabled && !notes.too_many) {
		otelp_free(observable);
		observable = NULL;
	}
	if (observable) {
		observable->provider = meter->provider;
		observable->meter = meter;
		observable->stream = stream;
		observable->observe = observe;
		observable->userdata = userdata;
		for (last = &meter->provider->observables; *last; last = &(*last)->next)
			;
		observable->prev = last;
		*last = observable;
		if (stream)
			otelp_stream_attached(stream);
	}
	pthread_mutex_unlock(&otelp_metrics_lock);
	otelp_notes_say(&notes, meter, &want);
	if (!observable)
		otelp_diag_once(OTEL_DIAG_WARN,
		                "metrics: out of memory, an instrument is missing");
	return observable;
}

static void
unlink_observable(struct otel_observable *observable)
{
	*observable->prev = observable->next;
	if (observable->next)
		observable->next->prev = observable->prev;
	otelp_free(observable);
}

/* It is not called from now on; if it was the last of its stream, the sums there are told once more. */
static void
retire(struct otel_observable *observable)
{
	if (!observable->ending && observable->stream)
		atomic_fetch_sub_explicit(&observable->stream->n_handles, 1,
		                          memory_order_relaxed);
	observable->ending = true;
}

static bool
runs_here(const struct otel_meter_provider *provider,
          const struct otel_observable *observable)
{
	return provider->running == observable &&
	       pthread_equal(provider->running_thread, pthread_self());
}

/* Locked. Waits for the callback, unless it is the one that asks. */
static void
end(struct otel_meter_provider *provider, struct otel_observable *observable)
{
	retire(observable);
	if (runs_here(provider, observable)) {
		observable->abandoned = true;
		return;
	}
	while (provider->running == observable)
		pthread_cond_wait(&otelp_metrics_observed, &otelp_metrics_lock);
	unlink_observable(observable);
}

void
otel_observable_free(struct otel_observable *observable)
{
	if (!observable)
		return;
	pthread_mutex_lock(&otelp_metrics_lock);
	end(observable->provider, observable);
	pthread_mutex_unlock(&otelp_metrics_lock);
}

void
otel_meter_quiet(struct otel_meter *meter)
{
	struct otel_meter_provider *provider = meter ? meter->provider : NULL;
	struct otel_observable *observable;

	if (!meter)
		return;
	pthread_mutex_lock(&otelp_metrics_lock);
	for (observable = provider->observables; observable;
	     observable = observable->next)
		if (observable->meter == meter)
			retire(observable);
	while (provider->running && provider->running->meter == meter &&
	       !runs_here(provider, provider->running))
		pthread_cond_wait(&otelp_metrics_observed, &otelp_metrics_lock);
	pthread_mutex_unlock(&otelp_metrics_lock);
}

void
otelp_observables_end(struct otel_meter_provider *provider, struct otel_meter *meter)
{
	struct otel_observable *observable;

	pthread_mutex_lock(&otelp_metrics_lock);
	/* None of them is to be called any more while one of them is waited for. */
	for (observable = provider->observables; observable;
	     observable = observable->next)
		if (!meter || observable->meter == meter)
			retire(observable);
	do {
		for (observable = provider->observables; observable;
		     observable = observable->next)
			if ((!meter || observable->meter == meter) &&
			    !observable->abandoned)
				break;
		if (observable)
			end(provider, observable);
	} while (observable);
	pthread_mutex_unlock(&otelp_metrics_lock);
}

bool
otelp_observables_run_here(struct otel_meter_provider *provider)
{
	bool here;

	pthread_mutex_lock(&otelp_metrics_lock);
	here = provider->running && runs_here(provider, provider->running);
	pthread_mutex_unlock(&otelp_metrics_lock);
	return here;
}

void
otelp_observables_run(struct otel_meter_provider *provider)
{
	struct otel_observation observation = { NULL, provider->collections };
	struct otel_observable *observable, *next;

	pthread_mutex_lock(&otelp_metrics_lock);
	provider->running_thread = pthread_self();
	for (observable = provider->observables; observable; observable = next) {
		if (!observable->ending && observable->stream) {
			provider->running = observable;
			observation.stream = observable->stream;
			pthread_mutex_unlock(&otelp_metrics_lock);
			observable->observe(&observation, observable->userdata);
			pthread_mutex_lock(&otelp_metrics_lock);
			provider->running = NULL;
			pthread_cond_broadcast(&otelp_metrics_observed);
		}
		/* It is in the list still: who ends it waits, and has not had the lock yet. */
		next = observable->next;
		if (observable->abandoned)
			unlink_observable(observable);
	}
	pthread_mutex_unlock(&otelp_metrics_lock);
}

/* What is observed is the value itself; meter-collect.c makes deltas of it. */
static void
observe(struct otel_observation *observation, bool is_double, union otelp_number value,
        const struct otel_attribute *attributes, size_t n)
{
	struct otelp_stream *stream = observation->stream;
	struct otelp_series *series = n ? otelp_stream_series_n(stream, attributes, n)
	                                : otelp_stream_bare(stream);

	if (!series)
		return;
	if (stream->kind == OTELP_OBSERVABLE_COUNTER &&
	    (is_double ? value.number < 0 : value.integer < 0)) {
		if (!atomic_flag_test_and_set(&stream->said_value))
			otelp_diag(OTEL_DIAG_WARN,
			           "metrics: %s '%s': a negative value is ignored",
			           otelp_kind_name(stream->kind), stream->name);
		return;
	}
	series->is_double = is_double;
	series->seen = value;
	series->observed = observation->collection;
}

void
otel_observe_int_n(struct otel_observation *observation, int64_t value,
                   const struct otel_attribute *attributes, size_t n)
{
	if (observation)
		observe(observation, false, (union otelp_number){ .integer = value },
		        attributes, n);
}

void
otel_observe_double_n(struct otel_observation *observation, double value,
                      const struct otel_attribute *attributes, size_t n)
{
	if (!observation)
		return;
	if (isfinite(value))
		observe(observation, true, (union otelp_number){ .number = value },
		        attributes, n);
	else if (!atomic_flag_test_and_set(&observation->stream->said_value))
		otelp_diag(OTEL_DIAG_WARN,
		           "metrics: %s '%s': a value that is not finite is ignored",
		           otelp_kind_name(observation->stream->kind),
		           observation->stream->name);
}
