/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline with real providers and an exporter of the test's own, which can be made to fail, to
 * hang until it is interrupted, or to hang for good. Nothing sleeps: the test waits on conditions.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check-main.h"
#include "lane_priv.h"
#include "oom.h"
#include "pipeline_priv.h"

/* ---- the exporter ---- */

enum mode { WORK, FAIL, HANG, HANG_FOR_GOOD, REFUSE_HALF };

static struct fake {
	struct otel_exporter base;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* guarded by lock: */
	enum mode mode;
	bool interrupted, freed;
	unsigned entered; /* exports begun */
	unsigned batches; /* exports ended */
	size_t items, largest;
	size_t points;
	int timeout_ms; /* of the last export */
	char names[400];
	sigset_t blocked; /* in the exporting thread */
	char thread[32];
	pthread_t self; /* the exporting thread */
} fake;

static void
lock(void)
{
	pthread_mutex_lock(&fake.lock);
}

static void
unlock(void)
{
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
}

static int
fake_export(size_t n, int timeout_ms, struct otel_error *err)
{
	int r = 0;

	fake.entered++;
	fake.timeout_ms = timeout_ms;
	pthread_sigmask(SIG_SETMASK, NULL, &fake.blocked);
	fake.self = pthread_self();
	pthread_getname_np(pthread_self(), fake.thread, sizeof fake.thread);
	pthread_cond_broadcast(&fake.changed);
	while (fake.mode == HANG_FOR_GOOD || (fake.mode == HANG && !fake.interrupted))
		pthread_cond_wait(&fake.changed, &fake.lock);
	fake.batches++;
	fake.items += n;
	if (n > fake.largest)
		fake.largest = n;
	if (fake.mode == FAIL)
		r = otel_error_set(err, -EIO, "the fake fails");
	else if (fake.interrupted)
		r = -ECANCELED;
	else if (fake.mode == REFUSE_HALF)
		r = (int)n / 2;
	return r;
}

static int
fake_spans(struct otel_exporter *self, const struct otel_span_data *const *spans,
           size_t n, int timeout_ms, struct otel_error *err)
{
	int r;

	lock();
	for (size_t i = 0;
	     i < n && strlen(fake.names) + strlen(spans[i]->name) < sizeof fake.names;
	     i++)
		strcat(fake.names, spans[i]->name);
	r = fake_export(n, timeout_ms, err);
	unlock();
	return r;
}

static int
fake_logs(struct otel_exporter *self, const struct otel_log_data *const *logs, size_t n,
          int timeout_ms, struct otel_error *err)
{
	int r;

	lock();
	r = fake_export(n, timeout_ms, err);
	unlock();
	return r;
}

static int
fake_metrics(struct otel_exporter *self, const struct otel_metric_data *metrics, size_t n,
             int timeout_ms, struct otel_error *err)
{
	int r;

	lock();
	for (size_t i = 0; i < n; i++)
		fake.points += metrics[i].n_points;
	r = fake_export(n, timeout_ms, err);
	unlock();
	return r;
}

static void
fake_interrupt(struct otel_exporter *self)
{
	lock();
	fake.interrupted = true;
	unlock();
}

static void
fake_free(struct otel_exporter *self)
{
	fake.freed = true;
}

static void
set_mode(enum mode mode)
{
	lock();
	fake.mode = mode;
	unlock();
}

/* Waits until `n` exports have begun (or ended); Check's own timeout ends a test that waits in vain. */
static void
await(const unsigned *counter, unsigned n)
{
	lock();
	while (*counter < n)
		pthread_cond_wait(&fake.changed, &fake.lock);
	unlock();
}

/* ---- around it ---- */

static struct otel_config config;
static struct otel_pipeline *pipeline;
static struct otel_resource *resource;
static struct otel_tracer_provider *tracers;
static struct otel_logger_provider *loggers;
static struct otel_meter_provider *meters;
static struct otel_tracer *tracer;
static struct otel_logger *logger;
static struct otel_meter *meter;
static char diagnostics[4096];
static const struct otel_scope_data scope = { .name = "test",
	                                      .version = "",
	                                      .schema_url = "" };

static void
keep_diagnostics(int level, const char *message, void *userdata)
{
	strncat(diagnostics, message, sizeof diagnostics - strlen(diagnostics) - 2);
	strcat(diagnostics, "\n");
}

static void
setup(void)
{
	otel_set_diagnostics(keep_diagnostics, NULL);
	pthread_mutex_init(&fake.lock, NULL);
	pthread_cond_init(&fake.changed, NULL);
	fake.base = (struct otel_exporter){
		.name = "fake",
		.export_spans = fake_spans,
		.export_logs = fake_logs,
		.export_metrics = fake_metrics,
		.interrupt = fake_interrupt,
		.free = fake_free,
	};
	otel_config_init(&config);
	for (int i = 0; i < OTEL_N_SIGNALS; i++) {
		config.signal[i].exporter = OTEL_EXPORTER_NONE;
		config.signal[i].custom = &fake.base;
		config.signal[i].schedule_delay_ms =
			3600 * 1000; /* only what the test provokes */
	}
	config.metric_interval_ms = 3600 * 1000;
}

static void
start(int quota)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct otel_attribute service[] = { OTEL_STR("service.name", "test") };

	ck_assert_msg(otel_pipeline_new(&config, &pipeline, &err) == 0, "%s",
	              err.message);
	ck_assert_int_eq(otel_resource_new(service, 1, NULL, &resource, &err), 0);
	ck_assert_int_eq(
		otel_tracer_provider_new(pipeline, resource, NULL, quota, &tracers, &err),
		0);
	ck_assert_int_eq(
		otel_logger_provider_new(pipeline, resource, quota, &loggers, &err), 0);
	ck_assert_int_eq(otel_meter_provider_new(pipeline, resource, &meters, &err), 0);
	tracer = otel_tracer_provider_tracer(tracers, &scope);
	logger = otel_logger_provider_logger(loggers, &scope);
	meter = otel_meter_provider_meter(meters, &scope);
}

static void
start_with(int signal)
{
	config.signal[signal].exporter = OTEL_EXPORTER_CUSTOM;
	start(0);
}

static void
finish(void)
{
	otel_pipeline_shutdown(pipeline, 5000);
	otel_meter_close(meter);
	otel_tracer_provider_free(tracers);
	otel_logger_provider_free(loggers);
	otel_meter_provider_free(meters);
	otel_pipeline_free(pipeline);
	otel_resource_unref(resource);
}

static void
spans(int n)
{
	for (int i = 0; i < n; i++)
		otel_span_end(otel_span_start(tracer, "s", NULL));
}

static struct otel_pipeline_stats
stats(int signal)
{
	struct otel_pipeline_stats out;

	otel_pipeline_stats(pipeline, signal, &out);
	return out;
}

#define TRACES stats(OTEL_SIGNAL_TRACES)

/* ---- batching ---- */

START_TEST(a_full_batch_is_exported_at_once)
{
	config.signal[OTEL_SIGNAL_TRACES].max_batch = 4;
	start_with(OTEL_SIGNAL_TRACES);
	spans(3);
	ck_assert_uint_eq(fake.entered, 0);
	spans(1);
	await(&fake.batches, 1);
	ck_assert_uint_eq(fake.items, 4);
	finish();
	ck_assert_uint_eq(fake.items, 4);
	ck_assert_uint_eq(fake.batches,
	                  1); /* nothing is exported when there is nothing */
}
END_TEST

START_TEST(a_simple_processor_exports_without_waiting)
{
	config.signal[OTEL_SIGNAL_TRACES].processor = OTEL_PROCESSOR_SIMPLE;
	start_with(OTEL_SIGNAL_TRACES);
	for (unsigned i = 1; i <= 5; i++) {
		spans(1);
		await(&fake.batches, i);
	}
	ck_assert_uint_eq(fake.items, 5);
	finish();
}
END_TEST

START_TEST(the_delay_exports_a_batch_that_is_not_full)
{
	config.signal[OTEL_SIGNAL_LOGS].schedule_delay_ms = 10;
	start_with(OTEL_SIGNAL_LOGS);
	otel_log(logger, OTEL_INFO, "hello");
	await(&fake.batches, 1);
	ck_assert_uint_eq(fake.items, 1);
	finish();
}
END_TEST

/* OTEL_BSP_SCHEDULE_DELAY=0. Its thread must sleep all the same: by the exports, not by the clock. */
START_TEST(no_delay_exports_at_once_and_does_not_spin)
{
	struct timespec used;
	clockid_t clock;

	config.signal[OTEL_SIGNAL_TRACES].schedule_delay_ms = 0;
	start_with(OTEL_SIGNAL_TRACES);
	for (unsigned i = 1; i <= 3; i++) {
		spans(1);
		await(&fake.batches, i);
	}
	ck_assert_int_eq(pthread_getcpuclockid(fake.self, &clock), 0);
	poll(NULL, 0, 200); /* long enough for a thread that spins to be found out */
	clock_gettime(clock, &used);
	ck_assert_int_eq(used.tv_sec, 0);
	ck_assert_int_lt(used.tv_nsec, 50 * 1000 * 1000);
	finish();
}
END_TEST

START_TEST(a_flush_exports_all_in_batches)
{
	config.signal[OTEL_SIGNAL_TRACES].max_batch = 10;
	start_with(OTEL_SIGNAL_TRACES);
	set_mode(HANG); /* so that the queue fills */
	spans(10);
	await(&fake.entered, 1);
	spans(55);
	set_mode(WORK);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	ck_assert_uint_eq(fake.items, 65);
	ck_assert_uint_eq(fake.largest, 10);
	ck_assert_uint_eq(TRACES.exported, 65);
	ck_assert_uint_eq(TRACES.accepted, 65);
	ck_assert_uint_eq(TRACES.batches, fake.batches);
	finish();
}
END_TEST

START_TEST(a_batch_larger_than_the_queue_is_made_to_fit)
{
	config.signal[OTEL_SIGNAL_TRACES].max_queue = 5;
	start_with(OTEL_SIGNAL_TRACES);
	spans(5);
	await(&fake.batches, 1);
	ck_assert_uint_eq(fake.items, 5);
	finish();
}
END_TEST

START_TEST(metrics_are_collected_at_the_interval_and_at_a_flush)
{
	struct otel_counter *counter;

	config.metric_interval_ms = 10;
	start_with(OTEL_SIGNAL_METRICS);
	counter = otel_counter_new(meter, "c", "1", "");
	otel_counter_add(counter, 1);
	await(&fake.batches, 2);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	ck_assert_uint_ge(fake.points, 3);
	ck_assert_uint_eq(stats(OTEL_SIGNAL_METRICS).queue_capacity, 0);
	finish();
}
END_TEST

START_TEST(the_last_metrics_are_exported_at_shutdown)
{
	start_with(OTEL_SIGNAL_METRICS);
	otel_counter_add(otel_counter_new(meter, "c", "1", ""), 1, OTEL_INT("k", 1));
	ck_assert_int_eq(otel_pipeline_shutdown(pipeline, 5000), 0);
	ck_assert_uint_eq(fake.points, 1);
	ck_assert_uint_eq(stats(OTEL_SIGNAL_METRICS).accepted, 1);
	ck_assert_uint_eq(stats(OTEL_SIGNAL_METRICS).exported, 1);
	finish();
}
END_TEST

START_TEST(the_threads_have_names_and_take_no_signals)
{
	start_with(OTEL_SIGNAL_TRACES);
	spans(1);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	ck_assert_str_eq(fake.thread, "otel-traces");
	ck_assert(sigismember(&fake.blocked, SIGTERM) &&
	          sigismember(&fake.blocked, SIGPIPE) &&
	          sigismember(&fake.blocked, SIGUSR1));
	finish();
}
END_TEST

/* ---- losses ---- */

START_TEST(a_full_queue_drops_and_counts)
{
	config.signal[OTEL_SIGNAL_TRACES].max_queue = 8;
	config.signal[OTEL_SIGNAL_TRACES].max_batch = 8;
	start_with(OTEL_SIGNAL_TRACES);
	set_mode(HANG);
	spans(8);
	await(&fake.entered, 1); /* those are in the exporter's hands */
	spans(11);
	ck_assert_uint_eq(TRACES.queue_size, 8);
	ck_assert_uint_eq(TRACES.queue_capacity, 8);
	ck_assert_uint_eq(TRACES.dropped_queue, 3);
	set_mode(WORK);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	ck_assert_uint_eq(TRACES.exported, 16);
	ck_assert_ptr_nonnull(strstr(
		diagnostics, "traces: the queue was full, 3 spans dropped so far"));
	finish();
}
END_TEST

START_TEST(a_quota_bounds_one_provider_and_not_another)
{
	struct otel_tracer_provider *other;
	struct otel_error err = OTEL_ERROR_INIT;

	config.signal[OTEL_SIGNAL_TRACES].exporter = OTEL_EXPORTER_CUSTOM;
	config.signal[OTEL_SIGNAL_TRACES].max_queue = 100;
	config.signal[OTEL_SIGNAL_TRACES].max_batch = 100;
	start(3);
	ck_assert_int_eq(
		otel_tracer_provider_new(pipeline, resource, NULL, 0, &other, &err), 0);
	spans(5);
	ck_assert_uint_eq(TRACES.queue_size, 3);
	ck_assert_uint_eq(TRACES.dropped_queue, 2);
	otel_span_end(
		otel_span_start(otel_tracer_provider_tracer(other, &scope), "o", NULL));
	ck_assert_uint_eq(TRACES.queue_size, 4);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	spans(3); /* there is room again */
	ck_assert_uint_eq(TRACES.dropped_queue, 2);
	ck_assert_int_eq(otel_pipeline_shutdown(pipeline, 5000), 0);
	otel_tracer_provider_free(other);
	finish();
}
END_TEST

START_TEST(a_failure_is_counted_and_said_once)
{
	start_with(OTEL_SIGNAL_TRACES);
	set_mode(FAIL);
	for (int i = 0; i < 3; i++) {
		spans(2);
		ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), -EIO);
	}
	ck_assert_uint_eq(TRACES.dropped_export, 6);
	ck_assert_str_eq(
		diagnostics,
		"traces: 2 spans lost: the fake fails (further losses are counted)\n");
	*diagnostics = '\0';
	set_mode(WORK);
	spans(1);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	ck_assert_str_eq(diagnostics,
	                 "traces: exports succeed again, after 6 spans were lost\n");
	finish();
}
END_TEST

START_TEST(what_a_receiver_refuses_is_counted)
{
	start_with(OTEL_SIGNAL_TRACES);
	set_mode(REFUSE_HALF);
	spans(10);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	ck_assert_uint_eq(TRACES.rejected, 5);
	ck_assert_uint_eq(TRACES.exported, 5);
	finish();
}
END_TEST

START_TEST(nothing_is_made_for_a_signal_that_goes_nowhere)
{
	start(0);
	ck_assert(!otelp_pipeline_has(pipeline, OTEL_SIGNAL_TRACES));
	spans(3);
	ck_assert_uint_eq(TRACES.accepted, 0);
	ck_assert_uint_eq(TRACES.dropped_queue, 0);
	finish();
}
END_TEST

START_TEST(a_disabled_sdk_exports_nothing)
{
	config.disabled = true;
	start_with(OTEL_SIGNAL_TRACES);
	spans(3);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	finish();
	ck_assert_uint_eq(fake.entered, 0);
	ck_assert(fake.freed);
}
END_TEST

/* ---- ends ---- */

START_TEST(a_flush_gives_up_at_its_deadline)
{
	start_with(OTEL_SIGNAL_TRACES);
	set_mode(HANG);
	spans(1);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 20), -ETIMEDOUT);
	set_mode(WORK);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	ck_assert_uint_eq(TRACES.exported, 1); /* giving up loses nothing */
	finish();
}
END_TEST

static void *
flush_again_and_again(void *arg)
{
	atomic_bool *over = arg;

	while (!atomic_load(over))
		otel_pipeline_flush(pipeline, 5000);
	return NULL;
}

START_TEST(a_flush_may_meet_a_shutdown)
{
	atomic_bool over = false;
	pthread_t thread;

	start_with(OTEL_SIGNAL_TRACES);
	ck_assert_int_eq(pthread_create(&thread, NULL, flush_again_and_again, &over), 0);
	spans(10);
	await(&fake.batches, 1);
	ck_assert_int_eq(otel_pipeline_shutdown(pipeline, 5000), 0);
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(fake.items, 10);
	finish();
}
END_TEST

START_TEST(shutdown_exports_what_is_queued)
{
	start_with(OTEL_SIGNAL_TRACES);
	spans(7);
	ck_assert_int_eq(otel_pipeline_shutdown(pipeline, 5000), 0);
	ck_assert_uint_eq(fake.items, 7);
	ck_assert_uint_eq(TRACES.exported, 7);
	spans(1); /* providers stay valid and do nothing */
	ck_assert_uint_eq(TRACES.accepted, 7);
	ck_assert_int_eq(otel_pipeline_shutdown(pipeline, 5000), 0); /* twice is fine */
	finish();
	ck_assert(fake.freed);
}
END_TEST

START_TEST(shutdown_keeps_its_deadline_when_the_receiver_hangs)
{
	int64_t began;

	config.signal[OTEL_SIGNAL_TRACES].max_batch = 2;
	start_with(OTEL_SIGNAL_TRACES);
	set_mode(HANG);
	spans(9);
	await(&fake.entered, 1);
	began = otelp_monotonic_ms();
	ck_assert_int_lt(otel_pipeline_shutdown(pipeline, 200), 0);
	ck_assert_int_lt(otelp_monotonic_ms() - began, 1000);
	ck_assert(fake.interrupted);
	ck_assert_uint_eq(TRACES.dropped_export, 9); /* every loss is counted */
	ck_assert_uint_eq(TRACES.queue_size, 0);
	finish();
	ck_assert(fake.freed);
}
END_TEST

START_TEST(shutdown_in_no_time_drops_what_is_queued)
{
	start_with(OTEL_SIGNAL_TRACES);
	spans(9);
	otel_pipeline_shutdown(pipeline, 0);
	ck_assert_uint_eq(TRACES.exported + TRACES.dropped_export, 9);
	finish();
}
END_TEST

START_TEST(a_thread_that_never_returns_is_left_behind)
{
	int64_t began;

	start_with(OTEL_SIGNAL_TRACES);
	set_mode(HANG_FOR_GOOD);
	spans(512);
	await(&fake.entered, 1);
	began = otelp_monotonic_ms();
	ck_assert_int_eq(otel_pipeline_shutdown(pipeline, 50), -ETIMEDOUT);
	ck_assert_int_lt(otelp_monotonic_ms() - began, 2000);
	ck_assert_ptr_nonnull(strstr(diagnostics, "the fake exporter does not return"));
	otel_pipeline_free(pipeline);
	ck_assert(!fake.freed); /* it is still in use */
}
END_TEST

START_TEST(time_left_at_shutdown_bounds_an_export)
{
	start_with(OTEL_SIGNAL_TRACES);
	spans(1);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	ck_assert_int_eq(fake.timeout_ms, 30000);
	spans(1);
	ck_assert_int_eq(otel_pipeline_shutdown(pipeline, 3000), 0);
	ck_assert_int_le(fake.timeout_ms, 3000);
	ck_assert_int_gt(fake.timeout_ms, 1000);
	finish();
}
END_TEST

START_TEST(a_receiver_that_fails_gets_little_of_the_last_time)
{
	start_with(OTEL_SIGNAL_TRACES);
	set_mode(FAIL);
	spans(1);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), -EIO);
	spans(1);
	ck_assert_int_eq(otel_pipeline_shutdown(pipeline, 10000), -EIO);
	ck_assert_int_le(fake.timeout_ms, 1000);
	finish();
}
END_TEST

START_TEST(a_receiver_that_fails_and_hangs_does_not_hold_up_the_end)
{
	int64_t began;

	start_with(OTEL_SIGNAL_TRACES);
	set_mode(FAIL);
	spans(1);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), -EIO);
	set_mode(HANG);
	spans(512);
	await(&fake.entered, 2);
	began = otelp_monotonic_ms();
	ck_assert_int_lt(otel_pipeline_shutdown(pipeline, 60000), 0);
	ck_assert_int_lt(otelp_monotonic_ms() - began, 10000);
	ck_assert_uint_eq(TRACES.dropped_export, 513);
	finish();
}
END_TEST

/* ---- fork ---- */

static int
in_child(void (*work)(void))
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		work();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void
child_exports_only_its_own(void)
{
	fake.items = 0;
	*fake.names = '\0';
	otel_span_end(otel_span_start(tracer, "child", NULL));
	if (otel_pipeline_flush(pipeline, 5000) != 0)
		_exit(1);
	if (fake.items != 1 || strcmp(fake.names, "child") != 0)
		_exit(2);
	if (TRACES.accepted != 1 || TRACES.exported != 1)
		_exit(3);
	if (otel_pipeline_shutdown(pipeline, 5000) != 0)
		_exit(4);
}

START_TEST(a_child_exports_its_own_spans_and_not_the_parent_s)
{
	start_with(OTEL_SIGNAL_TRACES);
	spans(5);
	ck_assert_int_eq(in_child(child_exports_only_its_own), 0);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	ck_assert_uint_eq(fake.items, 5); /* and the parent goes on */
	finish();
}
END_TEST

static void
child_fills_its_queue(void)
{
	pthread_mutex_init(&fake.lock, NULL); /* the parent's thread was inside */
	pthread_cond_init(&fake.changed, NULL);
	fake.mode = WORK;
	fake.items = 0;
	spans(8);
	if (TRACES.dropped_queue)
		_exit(1);
	if (otel_pipeline_flush(pipeline, 5000) != 0 || fake.items != 8)
		_exit(2);
	finish();
}

/* What the parent's thread had in hand does not take up the child's quota for ever. */
START_TEST(a_child_of_a_busy_parent_has_all_its_room)
{
	config.signal[OTEL_SIGNAL_TRACES].exporter = OTEL_EXPORTER_CUSTOM;
	config.signal[OTEL_SIGNAL_TRACES].max_queue = 8;
	config.signal[OTEL_SIGNAL_TRACES].max_batch = 4;
	start(8);
	set_mode(HANG);
	spans(4);
	await(&fake.entered, 1);
	spans(4);
	ck_assert_int_eq(in_child(child_fills_its_queue), 0);
	set_mode(WORK);
	finish();
	ck_assert_uint_eq(fake.items, 8);
}
END_TEST

static void
child_ends_at_once(void)
{
	finish();
}

START_TEST(a_child_that_only_ends_does_so)
{
	config.signal[OTEL_SIGNAL_METRICS].exporter = OTEL_EXPORTER_CUSTOM;
	start_with(OTEL_SIGNAL_TRACES);
	spans(5);
	ck_assert_int_eq(in_child(child_ends_at_once), 0);
	finish();
	ck_assert_uint_eq(fake.items, 5);
}
END_TEST

/* ---- telemetry about telemetry ---- */

static int
export_and_trace(struct otel_exporter *self, const struct otel_span_data *const *data,
                 size_t n, int timeout_ms, struct otel_error *err)
{
	int r = fake_spans(self, data, n, timeout_ms, err);

	spans(1); /* an exporter that is instrumented itself */
	return r;
}

START_TEST(what_an_exporter_records_is_not_exported)
{
	config.signal[OTEL_SIGNAL_TRACES].processor = OTEL_PROCESSOR_SIMPLE;
	fake.base.export_spans = export_and_trace;
	start_with(OTEL_SIGNAL_TRACES);
	spans(1);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5000), 0);
	ck_assert_uint_eq(fake.items, 1);
	ck_assert_uint_eq(TRACES.accepted, 1);
	finish();
}
END_TEST

START_TEST(making_one_survives_every_allocation_failure)
{
	struct otel_error err;
	long n;

	for (int i = 0; i < OTEL_N_SIGNALS; i++) {
		config.signal[i].exporter = OTEL_EXPORTER_OTLP;
		config.signal[i].otlp.gzip = i == OTEL_SIGNAL_LOGS;
	}
	config.signal[OTEL_SIGNAL_METRICS].exporter = OTEL_EXPORTER_CONSOLE;
	oom_install();
	for (n = 0;; n++) {
		int r;

		err = (struct otel_error)OTEL_ERROR_INIT;
		pipeline = NULL;
		oom_arm(n);
		r = otel_pipeline_new(&config, &pipeline, &err);
		oom_disarm();
		otel_pipeline_free(pipeline);
		ck_assert_uint_eq(oom_live(), 0);
		if (!oom_fired()) {
			ck_assert_int_eq(r, 0);
			break;
		}
		ck_assert_int_eq(r, -ENOMEM);
		ck_assert_str_ne(err.message, "");
	}
	ck_assert_int_gt(n, 8);
}
END_TEST

START_TEST(a_mistake_in_the_configuration_is_refused)
{
	struct otel_error err = OTEL_ERROR_INIT;

	config.signal[OTEL_SIGNAL_TRACES].exporter = OTEL_EXPORTER_OTLP;
	strcpy(config.signal[OTEL_SIGNAL_TRACES].otlp.endpoint, "localhost:4318");
	ck_assert_int_eq(otel_pipeline_new(&config, &pipeline, &err), -EINVAL);
	ck_assert_str_eq(
		err.message,
		"OTLP endpoint localhost:4318: expected http://HOST[:PORT] or https://...");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pipeline");
	TCase *batch = tcase_create("batch"), *loss = tcase_create("loss"),
	      *end = tcase_create("end");
	TCase *forks = tcase_create("fork");

	tcase_add_checked_fixture(batch, setup, NULL);
	tcase_add_test(batch, a_full_batch_is_exported_at_once);
	tcase_add_test(batch, a_simple_processor_exports_without_waiting);
	tcase_add_test(batch, the_delay_exports_a_batch_that_is_not_full);
	tcase_add_test(batch, no_delay_exports_at_once_and_does_not_spin);
	tcase_add_test(batch, a_flush_exports_all_in_batches);
	tcase_add_test(batch, a_batch_larger_than_the_queue_is_made_to_fit);
	tcase_add_test(batch, metrics_are_collected_at_the_interval_and_at_a_flush);
	tcase_add_test(batch, the_last_metrics_are_exported_at_shutdown);
	tcase_add_test(batch, the_threads_have_names_and_take_no_signals);
	tcase_add_test(batch, what_an_exporter_records_is_not_exported);
	tcase_add_test(batch, making_one_survives_every_allocation_failure);
	tcase_add_test(batch, a_mistake_in_the_configuration_is_refused);
	suite_add_tcase(suite, batch);
	tcase_add_checked_fixture(loss, setup, NULL);
	tcase_add_test(loss, a_full_queue_drops_and_counts);
	tcase_add_test(loss, a_quota_bounds_one_provider_and_not_another);
	tcase_add_test(loss, a_failure_is_counted_and_said_once);
	tcase_add_test(loss, what_a_receiver_refuses_is_counted);
	tcase_add_test(loss, nothing_is_made_for_a_signal_that_goes_nowhere);
	tcase_add_test(loss, a_disabled_sdk_exports_nothing);
	suite_add_tcase(suite, loss);
	tcase_add_checked_fixture(end, setup, NULL);
	tcase_add_test(end, a_flush_gives_up_at_its_deadline);
	tcase_add_test(end, a_flush_may_meet_a_shutdown);
	tcase_add_test(end, shutdown_exports_what_is_queued);
	tcase_add_test(end, shutdown_keeps_its_deadline_when_the_receiver_hangs);
	tcase_add_test(end, shutdown_in_no_time_drops_what_is_queued);
	tcase_add_test(end, a_thread_that_never_returns_is_left_behind);
	tcase_add_test(end, time_left_at_shutdown_bounds_an_export);
	tcase_add_test(end, a_receiver_that_fails_gets_little_of_the_last_time);
	tcase_add_test(end, a_receiver_that_fails_and_hangs_does_not_hold_up_the_end);
	tcase_set_timeout(end, 30);
	suite_add_tcase(suite, end);
	tcase_add_checked_fixture(forks, setup, NULL);
	tcase_add_test(forks, a_child_exports_its_own_spans_and_not_the_parent_s);
	tcase_add_test(forks, a_child_of_a_busy_parent_has_all_its_room);
	tcase_add_test(forks, a_child_that_only_ends_does_so);
#ifndef __SANITIZE_THREAD__ /* which allows no threads after a fork */
	suite_add_tcase(suite, forks);
#endif
	return check_main(suite);
}
