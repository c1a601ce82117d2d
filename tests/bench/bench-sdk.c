/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the SDK costs the code that it observes, beside the machine's floor in the same run.
 *
 * Each row is run in bursts, with a flush between them that is not measured, so that the queue never
 * fills up: what is timed is the whole path up to the queue, on records that come back from the exporter
 * thread as they do in a service. CPU time of the thread, median over the bursts; allocations are those
 * of the SDK, counted from the second half on.
 *
 * A new row is a function that does its thing `n` times, and a line in the table.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <otel/baggage.h>
#include <otel/propagation.h>
#include <otel/sdk.h>

#define BURST  512
#define BURSTS 400
#define MANY   4000000

static struct otel_pipeline *pipeline;
static struct otel_tracer *tracer, *unsampled;
static struct otel_logger *logger;
static struct otel_context
	*context; /* one that came from another process, with baggage */

/* ---- counting allocations ---- */

static atomic_ulong n_allocations;

static void *
counting_malloc(size_t size)
{
	atomic_fetch_add_explicit(&n_allocations, 1, memory_order_relaxed);
	return malloc(size);
}

static void *
counting_realloc(void *ptr, size_t size)
{
	atomic_fetch_add_explicit(&n_allocations, 1, memory_order_relaxed);
	return realloc(ptr, size);
}

/* ---- the floor ---- */

static void
floor_clock(unsigned n)
{
	struct timespec ts;

	while (n--)
		clock_gettime(CLOCK_REALTIME, &ts);
}

static void
floor_malloc(unsigned n)
{
	while (n--) {
		void *volatile ptr = malloc(512);

		free(ptr);
	}
}

static void
floor_atomic(unsigned n)
{
	static atomic_ulong counter;

	while (n--)
		atomic_fetch_add_explicit(&counter, 1, memory_order_relaxed);
}

/* ---- traces: keys and values of 20 characters ---- */

static const struct otel_attribute ten[] = {
	{ "attribute.number.001", { OTEL_TYPE_STRING, 20, { "value.of.an.attr.001" } } },
	{ "attribute.number.002", { OTEL_TYPE_STRING, 20, { "value.of.an.attr.002" } } },
	{ "attribute.number.003", { OTEL_TYPE_STRING, 20, { "value.of.an.attr.003" } } },
	{ "attribute.number.004", { OTEL_TYPE_STRING, 20, { "value.of.an.attr.004" } } },
	{ "attribute.number.005", { OTEL_TYPE_STRING, 20, { "value.of.an.attr.005" } } },
	{ "attribute.number.006", { OTEL_TYPE_STRING, 20, { "value.of.an.attr.006" } } },
	{ "attribute.number.007", { OTEL_TYPE_STRING, 20, { "value.of.an.attr.007" } } },
	{ "attribute.number.008", { OTEL_TYPE_STRING, 20, { "value.of.an.attr.008" } } },
	{ "attribute.number.009", { OTEL_TYPE_STRING, 20, { "value.of.an.attr.009" } } },
	{ "attribute.number.010", { OTEL_TYPE_STRING, 20, { "value.of.an.attr.010" } } },
};

static void
span_with(unsigned n, size_t n_attributes)
{
	while (n--) {
		struct otel_span *span = otel_span_start(tracer, "benchmark", NULL);

		if (n_attributes)
			otel_span_set_attributes(span, ten, n_attributes);
		otel_span_end(span);
	}
}

static void
span_0(unsigned n)
{
	span_with(n, 0);
}

static void
span_1(unsigned n)
{
	span_with(n, 1);
}

static void
span_3(unsigned n)
{
	span_with(n, 3);
}

static void
span_10(unsigned n)
{
	span_with(n, 10);
}

static void
span_scope(unsigned n)
{
	while (n--) {
		OTEL_SPAN(span, tracer, "benchmark");
	}
}

static void
span_event(unsigned n)
{
	while (n--) {
		struct otel_span *span = otel_span_start(tracer, "benchmark", NULL);

		otel_span_set(span, OTEL_INT("attribute.number.001", 1));
		otel_span_add_event(span, "event");
		otel_span_end(span);
	}
}

static void
span_child(unsigned n)
{
	OTEL_SPAN(parent, unsampled, "parent");
	struct otel_span_options options = { .parent = context };

	while (n--)
		otel_span_end(otel_span_start(tracer, "benchmark", &options));
}

static void
span_unsampled(unsigned n)
{
	while (n--) {
		struct otel_span *span = otel_span_start(unsampled, "benchmark", NULL);

		otel_span_set_attributes(span, ten, 3);
		otel_span_end(span);
	}
}

/* ---- logs ---- */

static void
log_0(unsigned n)
{
	while (n--)
		otel_log_text(logger, OTEL_INFO, "a line of a log, of a usual length",
		              NULL, 0);
}

static void
log_4(unsigned n)
{
	while (n--)
		otel_log_text(logger, OTEL_INFO, "a line of a log, of a usual length",
		              ten, 4);
}

/* ---- metrics ---- */

static struct otel_counter *counter, *own[2];
static struct otel_histogram *histogram;
static struct otel_gauge *gauge;

static void
counter_0(unsigned n)
{
	while (n--)
		otel_counter_add_n(counter, 1, ten, 0);
}

static void
counter_1(unsigned n)
{
	while (n--)
		otel_counter_add_n(counter, 1, ten, 1);
}

static void
counter_3(unsigned n)
{
	while (n--)
		otel_counter_add_n(counter, 1, ten, 3);
}

static void
counter_10(unsigned n)
{
	while (n--)
		otel_counter_add_n(counter, 1, ten, 10);
}

static void
histogram_0(unsigned n)
{
	while (n--)
		otel_histogram_record_n(histogram, n, ten, 0);
}

static void
histogram_1(unsigned n)
{
	while (n--)
		otel_histogram_record_n(histogram, n, ten, 1);
}

static void
histogram_3(unsigned n)
{
	while (n--)
		otel_histogram_record_n(histogram, n, ten, 3);
}

static void
histogram_10(unsigned n)
{
	while (n--)
		otel_histogram_record_n(histogram, n, ten, 10);
}

static void
gauge_0(unsigned n)
{
	while (n--)
		otel_gauge_record_n(gauge, n, ten, 0);
}

static void
gauge_1(unsigned n)
{
	while (n--)
		otel_gauge_record_n(gauge, n, ten, 1);
}

static void
gauge_3(unsigned n)
{
	while (n--)
		otel_gauge_record_n(gauge, n, ten, 3);
}

static void
gauge_10(unsigned n)
{
	while (n--)
		otel_gauge_record_n(gauge, n, ten, 10);
}

/* ---- propagation ---- */

static bool
carrier_get(void *carrier, const char *name, size_t i, const char **value, size_t *len)
{
	if (i || strcmp(name, "traceparent") != 0)
		return false;
	*value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	*len = 55;
	return true;
}

static bool
carrier_get_all(void *carrier, const char *name, size_t i, const char **value,
                size_t *len)
{
	if (carrier_get(carrier, name, i, value, len))
		return true;
	if (i)
		return false;
	if (strcmp(name, "tracestate") == 0)
		*value = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";
	else if (strcmp(name, "baggage") == 0)
		*value = "user.tier=gold,region=eu%20west";
	else
		return false;
	*len = strlen(*value);
	return true;
}

static void
carrier_set(void *carrier, const char *name, const char *value, size_t len)
{
	*(size_t *)carrier += len;
}

static void
extract(unsigned n)
{
	while (n--)
		otel_context_unref(otel_extract(NULL, carrier_get, NULL));
}

static void
extract_all(unsigned n)
{
	while (n--)
		otel_context_unref(otel_extract(NULL, carrier_get_all, NULL));
}

static void
inject(unsigned n)
{
	size_t bytes = 0;

	while (n--)
		otel_inject(context, carrier_set, &bytes);
}

static const struct row {
	const char *name;
	void (*run)(unsigned n);
} rows[] = {
	{ "floor: clock_gettime", floor_clock },
	{ "floor: malloc + free of 512 bytes", floor_malloc },
	{ "floor: atomic add", floor_atomic },
	{ "span, 0 attributes", span_0 },
	{ "span, 1 string attribute", span_1 },
	{ "span, 3 string attributes", span_3 },
	{ "span, 10 string attributes", span_10 },
	{ "span, current for its scope", span_scope },
	{ "span, 1 integer, 1 event", span_event },
	{ "span, child of a remote parent", span_child },
	{ "span, not sampled, 3 attributes", span_unsampled },
	{ "log, 0 attributes", log_0 },
	{ "log, 4 string attributes", log_4 },
	{ "counter, 0 attributes", counter_0 },
	{ "counter, 1 string attribute", counter_1 },
	{ "counter, 3 string attributes", counter_3 },
	{ "counter, 10 string attributes", counter_10 },
	{ "histogram, 0 attributes", histogram_0 },
	{ "histogram, 1 string attribute", histogram_1 },
	{ "histogram, 3 string attributes", histogram_3 },
	{ "histogram, 10 string attributes", histogram_10 },
	{ "gauge, 0 attributes", gauge_0 },
	{ "gauge, 1 string attribute", gauge_1 },
	{ "gauge, 3 string attributes", gauge_3 },
	{ "gauge, 10 string attributes", gauge_10 },
	{ "extract traceparent", extract },
	{ "extract with tracestate and baggage", extract_all },
	{ "inject traceparent, tracestate, baggage", inject },
};

/* ---- running ---- */

static double
cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
run(const struct row *row)
{
	static double ns[BURSTS];
	unsigned long allocations = 0;

	for (int i = 0; i < BURSTS; i++) {
		unsigned long before = atomic_load(&n_allocations);
		double start = cpu_ns();

		row->run(BURST);
		ns[i] = (cpu_ns() - start) / BURST;
		if (i >= BURSTS / 2)
			allocations += atomic_load(&n_allocations) - before;
		if (otel_pipeline_flush(pipeline, 10000) < 0)
			exit(EXIT_FAILURE);
	}
	qsort(ns, BURSTS, sizeof *ns, by_size);
	printf("%-42s %8.1f %8.1f %10.3f\n", row->name, ns[BURSTS / 2], ns[BURSTS / 20],
	       (double)allocations / (BURSTS - BURSTS / 2) / BURST);
}

/*
 * What two threads pay who count the same thing, beside two who count one each: wall time per add, the
 * best of some rounds, since other work on the machine only ever adds to it.
 */
static void *
add_many(void *counted)
{
	for (int i = 0; i < MANY; i++)
		otel_counter_add((struct otel_counter *)counted, 1);
	return NULL;
}

static double
wall_ns(struct otel_counter *first, struct otel_counter *second)
{
	struct timespec start, end;
	pthread_t threads[2];

	clock_gettime(CLOCK_MONOTONIC, &start);
	pthread_create(&threads[0], NULL, add_many, first);
	pthread_create(&threads[1], NULL, add_many, second);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((double)(end.tv_sec - start.tv_sec) * 1e9 +
	        (double)(end.tv_nsec - start.tv_nsec)) /
	       MANY;
}

static void
run_two_threads(void)
{
	double each = 1e9, shared = 1e9, ns;

	for (int i = 0; i < 8; i++) {
		ns = wall_ns(own[0], own[1]);
		each = ns < each ? ns : each;
		ns = wall_ns(counter, counter);
		shared = ns < shared ? ns : shared;
	}
	printf("%-42s %8.1f\n", "two threads, a counter each (wall)", each);
	printf("%-42s %8.1f   ratio %.2f\n", "two threads, one counter (wall)", shared,
	       each / shared);
}

static int
forget_spans(struct otel_exporter *self, const struct otel_span_data *const *spans,
             size_t n, int timeout_ms, struct otel_error *err)
{
	return 0;
}

static int
forget_logs(struct otel_exporter *self, const struct otel_log_data *const *logs, size_t n,
            int timeout_ms, struct otel_error *err)
{
	return 0;
}

static void
keep(struct otel_exporter *self)
{
}

static int
set_up(struct otel_error *err)
{
	static struct otel_exporter exporter = { .name = "forget",
		                                 .export_spans = forget_spans,
		                                 .export_logs = forget_logs,
		                                 .free = keep };
	struct otel_sampler_config never = { OTEL_SAMPLER_ALWAYS_OFF, 0 };
	struct otel_scope_data scope = { .name = "bench" };
	struct otel_tracer_provider *traces, *silence;
	struct otel_logger_provider *logs;
	struct otel_meter_provider *metrics;
	struct otel_resource *resource;
	struct otel_meter *meter;
	struct otel_config config;
	int r;

	otel_config_init(&config);
	for (int i = 0; i < OTEL_N_SIGNALS; i++) {
		config.signal[i].exporter = i == OTEL_SIGNAL_METRICS
		                                    ? OTEL_EXPORTER_NONE
		                                    : OTEL_EXPORTER_CUSTOM;
		config.signal[i].custom = &exporter;
		config.signal[i].max_queue = 4 * BURST;
		config.signal[i].max_batch =
			2 * BURST; /* so that no burst wakes the exporter */
		config.signal[i].schedule_delay_ms = 60000;
	}
	r = otel_pipeline_new(&config, &pipeline, err);
	if (r == 0)
		r = otel_resource_detect(&resource, err);
	if (r == 0)
		r = otel_tracer_provider_new(pipeline, resource, NULL, 0, &traces, err);
	if (r == 0)
		r = otel_tracer_provider_new(pipeline, resource, &never, 0, &silence,
		                             err);
	if (r == 0)
		r = otel_logger_provider_new(pipeline, resource, 0, &logs, err);
	if (r == 0)
		r = otel_meter_provider_new(pipeline, resource, &metrics, err);
	if (r < 0)
		return r;
	tracer = otel_tracer_provider_tracer(traces, &scope);
	unsampled = otel_tracer_provider_tracer(silence, &scope);
	logger = otel_logger_provider_logger(logs, &scope);
	context = otel_extract(NULL, carrier_get_all, NULL);
	meter = otel_meter_provider_meter(metrics, &scope);
	counter = otel_counter_new(meter, "counter", NULL, NULL);
	own[0] = otel_counter_new(meter, "own.first", NULL, NULL);
	own[1] = otel_counter_new(meter, "own.second", NULL, NULL);
	histogram = otel_histogram_new(meter, "histogram", NULL, NULL, NULL, 0);
	gauge = otel_gauge_new(meter, "gauge", NULL, NULL);
	return 0;
}

int
main(void)
{
	struct otel_error err = OTEL_ERROR_INIT;

	otel_set_allocator(counting_malloc, counting_realloc, free);
	if (set_up(&err) < 0) {
		fprintf(stderr, "bench-sdk: %s\n", err.message);
		return EXIT_FAILURE;
	}
	printf("%-42s %8s %8s %10s\n", "operation", "ns (med)", "ns (p5)", "allocs");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		run(&rows[i]);
	run_two_threads();
	return EXIT_SUCCESS;
}
