/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Meter providers, their scopes and their meters.
 *
 * A provider owns what is aggregated; a meter owns handles. Closing a meter therefore loses nothing: the
 * next one of the same scope finds the streams as they were left.
 *
 * After fork the child starts from zero: what the parent has counted is the parent's to report.
 */
#include <errno.h>

#include "meter_priv.h"
#include "pipeline_priv.h"

pthread_mutex_t otelp_metrics_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t otelp_metrics_observed = PTHREAD_COND_INITIALIZER;

static struct otel_meter_provider *providers; /* guarded by otelp_metrics_lock */
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void
fork_prepare(void)
{
	pthread_mutex_lock(&otelp_metrics_lock);
}

static void
fork_parent(void)
{
	pthread_mutex_unlock(&otelp_metrics_lock);
}

static void
reset_provider(struct otel_meter_provider *provider, uint64_t now)
{
	struct otelp_scope *scope;
	struct otelp_stream *stream;
	struct otelp_series *series;

	for (scope = atomic_load(&provider->scopes); scope;
	     scope = atomic_load(&scope->next))
		for (stream = atomic_load(&scope->streams); stream;
		     stream = atomic_load(&stream->next))
			for (series = atomic_load(&stream->series); series;
			     series = atomic_load(&series->next))
				otelp_series_reset(stream, series, now);
	provider->last_delta_unix_ns = 0;
}

/* A collection that another thread was in has stopped half-way; its memory is given up. */
static void
fork_child(void)
{
	struct otel_meter_provider *provider;
	uint64_t now = otelp_now_unix_ns();

	for (provider = providers; provider; provider = provider->next) {
		pthread_mutex_init(&provider->collecting, NULL);
		provider->running = NULL;
		provider->reader.chunks = NULL;
		reset_provider(provider, now);
	}
	pthread_cond_init(&otelp_metrics_observed, NULL);
	pthread_mutex_unlock(&otelp_metrics_lock);
}

static void
fork_setup(void)
{
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}

int
otel_meter_provider_new(struct otel_pipeline *pipeline, struct otel_resource *resource,
                        struct otel_meter_provider **out, struct otel_error *err)
{
	const struct otel_config *config = pipeline ? otelp_pipeline_config(pipeline)
	                                            : NULL;
	struct otel_meter_provider *provider = otelp_calloc(1, sizeof *provider);

	if (!provider)
		return otel_error_set(err, -ENOMEM, "meter provider: out of memory");
	pthread_once(&fork_once, fork_setup);
	pthread_mutex_init(&provider->collecting, NULL);
	provider->pipeline = pipeline;
	provider->resource = resource ? otel_resource_ref(resource) : NULL;
	provider->limit = config && config->cardinality_limit > 1
	                          ? (unsigned)config->cardinality_limit
	                          : 2000;
	provider->exemplar_filter = config ? config->exemplar_filter
	                                   : OTEL_EXEMPLAR_FILTER_TRACE_BASED;
	provider->n_shards = otelp_n_shards();
	provider->disabled = config && config->disabled;
	pthread_mutex_lock(&otelp_metrics_lock);
	provider->next = providers;
	provider->prev = &providers;
	if (providers)
		providers->prev = &provider->next;
	providers = provider;
	pthread_mutex_unlock(&otelp_metrics_lock);
	if (pipeline)
		otelp_pipeline_add_meter_provider(pipeline, provider);
	*out = provider;
	return 0;
}

static void
scope_free(struct otelp_scope *scope)
{
	struct otelp_stream *stream = atomic_load(&scope->streams), *next;

	for (; stream; stream = next) {
		next = atomic_load(&stream->next);
		otelp_stream_free(stream);
	}
	otelp_free(scope);
}

static void
provider_destroy(struct otel_meter_provider *provider)
{
	struct otelp_scope *scope, *next;

	pthread_mutex_lock(&otelp_metrics_lock);
	*provider->prev = provider->next;
	if (provider->next)
		provider->next->prev = provider->prev;
	pthread_mutex_unlock(&otelp_metrics_lock);
	for (scope = atomic_load(&provider->scopes); scope; scope = next) {
		next = atomic_load(&scope->next);
		scope_free(scope);
	}
	otelp_collection_reset(&provider->reader);
	pthread_mutex_destroy(&provider->collecting);
	otel_resource_unref(provider->resource);
	otelp_free(provider);
}

/* The pipeline reports what has been counted since the last time, and ends the provider then. */
void
otel_meter_provider_free(struct otel_meter_provider *provider)
{
	if (!provider)
		return;
	while (provider->meters)
		otel_meter_close(provider->meters);
	if (!provider->pipeline ||
	    !otelp_pipeline_retire_meter_provider(provider->pipeline, provider,
	                                          provider_destroy))
		provider_destroy(provider);
}

static bool
same_scope(const struct otelp_scope *scope, const struct otel_scope_data *data,
           const struct otelp_set *set)
{
	struct otel_attribute scratch[OTELP_MAX_SET];
	struct otelp_set own;

	return !strcmp(scope->data.name, data->name) &&
	       !strcmp(scope->data.version, data->version) &&
	       !strcmp(scope->data.schema_url, data->schema_url) &&
	       otelp_set_init(&own, scope->data.attributes, scope->data.n_attributes,
	                      scratch) &&
	       otelp_set_equal(&own, set);
}

/* One block: the scope, its attributes, its three strings. */
static struct otelp_scope *
scope_new(const struct otel_scope_data *data, const struct otelp_set *set)
{
	size_t name = strlen(data->name) + 1, version = strlen(data->version) + 1;
	size_t url = strlen(data->schema_url) + 1,
	       attributes = (otelp_set_size(set) + 7) & ~(size_t)7;
	struct otelp_scope *scope;
	char *text;

	if (attributes > OTELP_MAX_SET_BYTES + 7)
		return NULL;
	scope = otelp_malloc(sizeof *scope + attributes + name + version + url);
	if (!scope)
		return NULL;
	memset(scope, 0, sizeof *scope);
	scope->data.attributes = otelp_set_copy(set, scope + 1);
	scope->data.n_attributes = set->n;
	text = (char *)(scope + 1) + attributes;
	scope->data.name = memcpy(text, data->name, name);
	scope->data.version = memcpy(text + name, data->version, version);
	scope->data.schema_url = memcpy(text + name + version, data->schema_url, url);
	return scope;
}

static struct otelp_scope *
scope_of(struct otel_meter_provider *provider, const struct otel_scope_data *data,
         const struct otelp_set *set)
{
	struct otelp_scope *scope;

	for (scope = atomic_load(&provider->scopes); scope;
	     scope = atomic_load(&scope->next))
		if (same_scope(scope, data, set))
			return scope;
	scope = scope_new(data, set);
	if (!scope)
		return NULL;
	if (provider->last_scope)
		atomic_store_explicit(&provider->last_scope->next, scope,
		                      memory_order_release);
	else
		atomic_store_explicit(&provider->scopes, scope, memory_order_release);
	provider->last_scope = scope;
	return scope;
}

struct otel_meter *
otel_meter_provider_meter(struct otel_meter_provider *provider,
                          const struct otel_scope_data *scope)
{
	struct otel_scope_data data = scope ? *scope : (struct otel_scope_data){ 0 };
	struct otel_attribute scratch[OTELP_MAX_SET];
	struct otel_meter *meter;
	struct otelp_set set;

	if (!provider)
		return NULL;
	data.name = data.name ? data.name : "";
	data.version = data.version ? data.version : "";
	data.schema_url = data.schema_url ? data.schema_url : "";
	if (!*data.name)
		otelp_diag(OTEL_DIAG_WARN,
		           "metrics: a meter is asked for without a name");
	if (!otelp_set_init(&set, data.attributes, data.n_attributes, scratch))
		otelp_set_init(&set, NULL, 0, scratch);
	meter = otelp_calloc(1, sizeof *meter);
	if (!meter)
		return NULL;
	meter->provider = provider;
	pthread_mutex_lock(&otelp_metrics_lock);
	meter->scope = scope_of(provider, &data, &set);
	if (meter->scope) {
		meter->next = provider->meters;
		meter->prev = &provider->meters;
		if (meter->next)
			meter->next->prev = &meter->next;
		provider->meters = meter;
	}
	pthread_mutex_unlock(&otelp_metrics_lock);
	if (!meter->scope) {
		otelp_free(meter);
		return NULL;
	}
	return meter;
}

void
otel_meter_close(struct otel_meter *meter)
{
	struct otelp_instrument *instrument, *next;
	struct otelp_stream *stream;

	if (!meter)
		return;
	otelp_observables_end(meter->provider, meter);
	pthread_mutex_lock(&otelp_metrics_lock);
	*meter->prev = meter->next;
	if (meter->next)
		meter->next->prev = meter->prev;
	for (instrument = meter->instruments; instrument; instrument = instrument->next) {
		stream = atomic_load_explicit(&instrument->stream, memory_order_relaxed);
		if (stream)
			atomic_fetch_sub_explicit(&stream->n_handles, 1,
			                          memory_order_release);
	}
	pthread_mutex_unlock(&otelp_metrics_lock);
	for (instrument = meter->instruments; instrument; instrument = next) {
		next = instrument->next;
		otelp_free(instrument);
	}
	otelp_free(meter);
}
