/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to send telemetry: bytes made from a batch, and spans from otel_span_start to a
 * receiver on loopback. CPU time; medians of many rounds.
 *
 * The shape is that of the specification's own benchmark: ten attributes of 20 + 20 characters.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "bench-receiver.h"
#include "otlp_priv.h"
#include "pipeline_priv.h"

enum { BATCH = 512, ROUNDS = 201, ATTRIBUTES = 10, SPANS = 400000 };

static struct otel_attribute attributes[ATTRIBUTES];
static char keys[ATTRIBUTES][21], values[ATTRIBUTES][21];

static double
cpu_seconds(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
fill_attributes(void)
{
	for (int i = 0; i < ATTRIBUTES; i++) {
		snprintf(keys[i], sizeof keys[i], "attribute.number.%03d", i);
		snprintf(values[i], sizeof values[i], "a value of twenty %02d", i);
		attributes[i] = OTEL_STR(keys[i], values[i]);
	}
}

/* ---- bytes ---- */

static void
bench_encode(const char *what,
             int (*encode)(struct otelp_encoder *, int, const struct otelp_items *),
             size_t n_attributes, bool zip)
{
	static const struct otel_scope_data scope = { .name = "bench",
		                                      .version = "1",
		                                      .schema_url = "" };
	static struct otel_span_data data[BATCH];
	static const struct otel_span_data *spans[BATCH];
	const struct otelp_items items = { spans, true, sizeof *spans, BATCH };
	struct otelp_encoder encoder = { 0 };
	struct otelp_gzip *gzip = NULL;
	struct otel_resource *resource;
	double times[ROUNDS];
	size_t len = 0;

	if (otel_resource_detect(&resource, NULL) < 0 || otelp_gzip_new(&gzip) < 0)
		exit(1);
	for (size_t i = 0; i < BATCH; i++) {
		data[i] = (struct otel_span_data){
			.resource = resource,
			.scope = &scope,
			.name = "getting-iss-coordinates",
			.status_message = "",
			.kind = OTEL_SPAN_KIND_CLIENT,
			.start_unix_ns = otelp_now_unix_ns(),
			.end_unix_ns = otelp_now_unix_ns(),
			.attributes = attributes,
			.n_attributes = n_attributes,
		};
		memset(data[i].context.trace_id, 0x5a, 16);
		memset(data[i].context.span_id, (int)i | 1, 8);
		memset(data[i].parent_span_id, 0x11, 8);
		spans[i] = &data[i];
	}
	for (int round = 0; round < ROUNDS; round++) {
		double began = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
		const uint8_t *bytes;
		uint8_t *zipped;

		if (encode(&encoder, OTEL_SIGNAL_TRACES, &items) < 0)
			exit(1);
		bytes = otelp_encoder_bytes(&encoder, &len);
		if (zip && otelp_gzip_run(gzip, 0, bytes, len, &zipped, &len) < 0)
			exit(1);
		times[round] = (cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - began) * 1e9 /
		               BATCH;
	}
	qsort(times, ROUNDS, sizeof *times, compare);
	printf("%-34s %8.0f ns/span %6zu bytes/span\n", what, times[ROUNDS / 2],
	       len / BATCH);
	otelp_encoder_fini(&encoder);
	otelp_gzip_free(gzip);
	otel_resource_unref(resource);
}

/* ---- end to end ---- */

static void
bench_end_to_end(const char *what, bool gzip)
{
	static const struct otel_scope_data scope = { .name = "bench",
		                                      .version = "1",
		                                      .schema_url = "" };
	struct otel_pipeline_stats stats;
	struct otel_tracer_provider *provider;
	struct otel_tracer *tracer;
	struct otel_pipeline *pipeline;
	struct otel_resource *resource;
	struct otel_config config;
	struct rusage usage;
	double wall, cpu;
	pid_t receiver;
	int port;

	receiver = bench_receiver(&port);
	otel_config_init(&config);
	config.signal[OTEL_SIGNAL_METRICS].exporter = OTEL_EXPORTER_NONE;
	config.signal[OTEL_SIGNAL_LOGS].exporter = OTEL_EXPORTER_NONE;
	config.signal[OTEL_SIGNAL_TRACES].otlp.gzip = gzip;
	snprintf(config.signal[OTEL_SIGNAL_TRACES].otlp.endpoint,
	         sizeof config.signal[OTEL_SIGNAL_TRACES].otlp.endpoint,
	         "http://127.0.0.1:%d", port);
	if (otel_pipeline_new(&config, &pipeline, NULL) < 0 ||
	    otel_resource_detect(&resource, NULL) < 0 ||
	    otel_tracer_provider_new(pipeline, resource, NULL, 0, &provider, NULL) < 0)
		exit(1);
	tracer = otel_tracer_provider_tracer(provider, &scope);
	wall = cpu_seconds(CLOCK_MONOTONIC);
	cpu = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < SPANS; i++) {
		struct otel_span *span = otel_span_start(tracer,
		                                         "getting-iss-coordinates", NULL);

		otel_span_set_attributes(span, attributes, ATTRIBUTES);
		otel_span_end(span);
		if (i % 256)
			continue;
		do { /* as fast as it goes, but without losses */
			otel_pipeline_stats(pipeline, OTEL_SIGNAL_TRACES, &stats);
		} while (stats.queue_size > stats.queue_capacity / 2 &&
		         sched_yield() == 0);
	}
	otel_pipeline_flush(pipeline, 30000);
	wall = cpu_seconds(CLOCK_MONOTONIC) - wall;
	cpu = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	otel_pipeline_stats(pipeline, OTEL_SIGNAL_TRACES, &stats);
	getrusage(RUSAGE_SELF, &usage);
	printf("%-34s %8.0f spans/s %6.2f us CPU/span, %llu exported, %llu lost, peak %ld kB\n",
	       what, (double)stats.exported / wall, cpu * 1e6 / SPANS,
	       (unsigned long long)stats.exported,
	       (unsigned long long)(stats.dropped_queue + stats.dropped_export),
	       usage.ru_maxrss);
	otel_pipeline_shutdown(pipeline, 5000);
	otel_tracer_provider_free(provider);
	otel_pipeline_free(pipeline);
	otel_resource_unref(resource);
	kill(receiver, SIGKILL);
	waitpid(receiver, NULL, 0);
}

int
main(void)
{
	fill_attributes();
	bench_encode("encode, no attributes", otelp_encode, 0, false);
	bench_encode("encode, 10 attributes", otelp_encode, ATTRIBUTES, false);
	bench_encode("encode and gzip, 10 attributes", otelp_encode, ATTRIBUTES, true);
	bench_encode("encode as JSON, 10 attributes", otelp_encode_json, ATTRIBUTES,
	             false);
	bench_end_to_end("end to end, 10 attributes", false);
	bench_end_to_end("end to end, gzip", true);
	return 0;
}
