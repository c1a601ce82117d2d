/* SPDX-License-Identifier: Apache-2.0 */
/* Observables and their ends, threads that record while others collect, and fork. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "meter-fixture.h"

static int64_t observed;
static const char *observed_set; /* NULL: without attributes */
static int calls;

static void
observe_value(struct otel_observation *observation, void *userdata)
{
	const int64_t *own = userdata;

	calls++;
	otel_observe_int(observation, own ? *own : observed, OTEL_STR("k", observed_set));
}

static struct otel_observable *
watch(int kind, void *userdata)
{
	return otel_observable_new(meter, kind, "o", NULL, NULL, observe_value, userdata);
}

START_TEST(an_observable_is_asked_at_each_collection)
{
	watch(OTEL_OBSERVABLE_COUNTER, NULL);
	observed = 5;
	collect_cumulative();
	ck_assert_int_eq(point_of("o")->integer, 5);
	ck_assert(metric_named("o")->monotonic);
	observed = 7;
	collect_cumulative();
	ck_assert_int_eq(point_of("o")->integer, 7);
	ck_assert_int_eq(calls, 2);
}
END_TEST

START_TEST(an_observed_counter_gives_deltas)
{
	watch(OTEL_OBSERVABLE_COUNTER, NULL);
	observed = 5;
	collect_delta();
	ck_assert_int_eq(metric_named("o")->temporality, OTEL_TEMPORALITY_DELTA);
	ck_assert_int_eq(point_of("o")->integer, 5);
	observed = 7;
	collect_cumulative();
	ck_assert_int_eq(point_of("o")->integer, 7);
	collect_delta();
	ck_assert_int_eq(point_of("o")->integer, 2);
	observed = 3; /* started again */
	collect_delta();
	ck_assert_int_eq(point_of("o")->integer, 3);
}
END_TEST

START_TEST(low_memory_keeps_observed_counters_cumulative)
{
	watch(OTEL_OBSERVABLE_COUNTER, NULL);
	otel_counter_add(otel_counter_new(meter, "c", NULL, NULL), 1);
	observed = 5;
	collect_as(OTEL_TEMPORALITY_LOWMEMORY);
	collect_as(OTEL_TEMPORALITY_LOWMEMORY);
	ck_assert_uint_eq(n_metrics, 1);
	ck_assert_int_eq(metric_named("o")->temporality, OTEL_TEMPORALITY_CUMULATIVE);
	ck_assert_int_eq(point_of("o")->integer, 5);
}
END_TEST

START_TEST(an_observed_counter_that_falls_starts_anew)
{
	uint64_t start, time;

	watch(OTEL_OBSERVABLE_COUNTER, NULL);
	observed = 5;
	collect_cumulative();
	start = point_of("o")->start_unix_ns;
	time = point_of("o")->time_unix_ns;
	observed = 2;
	collect_cumulative();
	ck_assert_int_eq(point_of("o")->integer, 2);
	ck_assert_uint_gt(point_of("o")->start_unix_ns, start);
	ck_assert_uint_eq(point_of("o")->start_unix_ns, time);
}
END_TEST

START_TEST(a_set_no_longer_observed_is_not_reported)
{
	watch(OTEL_OBSERVABLE_UP_DOWN_COUNTER, NULL);
	observed = -5;
	observed_set = "a";
	collect_cumulative();
	ck_assert(!metric_named("o")->monotonic);
	ck_assert_int_eq(point_with("o", "k", "a")->integer, -5);
	observed_set = "b";
	collect_cumulative();
	ck_assert_ptr_null(point_with("o", "k", "a"));
	ck_assert_int_eq(point_with("o", "k", "b")->integer, -5);
}
END_TEST

START_TEST(a_freed_observable_is_not_called_and_its_sum_told_once_more)
{
	struct otel_observable *o = watch(OTEL_OBSERVABLE_COUNTER, NULL);

	observed = 5;
	collect_cumulative();
	otel_observable_free(o);
	calls = 0;
	collect_cumulative();
	ck_assert_int_eq(calls, 0);
	ck_assert_int_eq(point_of("o")->integer, 5);
	collect_cumulative();
	ck_assert_uint_eq(n_metrics, 0);
}
END_TEST

START_TEST(a_gauge_ends_with_its_observable)
{
	observed = 5;
	watch(OTEL_OBSERVABLE_GAUGE, NULL);
	collect_cumulative();
	ck_assert_int_eq(metric_named("o")->type, OTEL_METRIC_GAUGE);
	ck_assert_int_eq(point_of("o")->integer, 5);
	otel_meter_close(meter);
	calls = 0;
	collect_cumulative();
	ck_assert_int_eq(calls, 0);
	ck_assert_uint_eq(n_metrics, 0);
}
END_TEST

START_TEST(the_observable_made_last_has_the_last_word)
{
	static int64_t one = 1, two = 2;
	struct otel_meter *next = meter_named("test");

	watch(OTEL_OBSERVABLE_GAUGE, &one);
	otel_observable_new(next, OTEL_OBSERVABLE_GAUGE, "o", NULL, NULL, observe_value,
	                    &two);
	collect_cumulative();
	ck_assert_int_eq(point_of("o")->integer, 2);
	otel_meter_close(next);
	collect_cumulative();
	ck_assert_int_eq(point_of("o")->integer, 1);
}
END_TEST

static void
observe_nan(struct otel_observation *observation, void *userdata)
{
	otel_observe_double(observation, (double)NAN);
	otel_observe_double(observation, -1.5);
}

START_TEST(what_cannot_be_is_not_observed)
{
	otel_observable_new(meter, OTEL_OBSERVABLE_COUNTER, "o", NULL, NULL, observe_nan,
	                    NULL);
	collect_cumulative();
	collect_cumulative();
	ck_assert_uint_eq(n_metrics, 0);
	ck_assert_int_eq(n_said, 1);
}
END_TEST

static struct otel_observable *other, *self;

static void
free_other(struct otel_observation *observation, void *userdata)
{
	calls++;
	otel_observable_free(other);
	other = NULL;
}

static void
free_self(struct otel_observation *observation, void *userdata)
{
	calls++;
	otel_observable_free(self);
	otel_observe_int(observation, 1);
}

static void
close_own_meter(struct otel_observation *observation, void *userdata)
{
	calls++;
	otel_meter_close(userdata);
	otel_observe_int(observation, 1);
}

static void
collect_inside(struct otel_observation *observation, void *userdata)
{
	int *result = userdata;

	*result = otel_meter_provider_collect(provider, NULL, NULL);
}

START_TEST(a_callback_may_end_another)
{
	otel_observable_new(meter, OTEL_OBSERVABLE_GAUGE, "a", NULL, NULL, free_other,
	                    NULL);
	other = watch(OTEL_OBSERVABLE_GAUGE, NULL);
	collect_cumulative();
	ck_assert_int_eq(calls, 1);
	collect_cumulative();
	ck_assert_int_eq(calls, 2);
}
END_TEST

START_TEST(a_callback_may_end_itself)
{
	self = otel_observable_new(meter, OTEL_OBSERVABLE_COUNTER, "o", NULL, NULL,
	                           free_self, NULL);
	collect_cumulative();
	ck_assert_int_eq(point_of("o")->integer, 1);
	collect_cumulative();
	ck_assert_int_eq(calls, 1);
}
END_TEST

START_TEST(a_callback_may_close_its_meter)
{
	otel_observable_new(meter, OTEL_OBSERVABLE_COUNTER, "o", NULL, NULL,
	                    close_own_meter, meter);
	watch(OTEL_OBSERVABLE_COUNTER, NULL);
	collect_cumulative();
	ck_assert_int_eq(calls, 1);
	collect_cumulative();
	ck_assert_int_eq(calls, 1);
}
END_TEST

START_TEST(a_callback_may_not_collect)
{
	int result = 0;

	otel_observable_new(meter, OTEL_OBSERVABLE_GAUGE, "o", NULL, NULL, collect_inside,
	                    &result);
	collect_cumulative();
	ck_assert_int_eq(result, -EDEADLK);
}
END_TEST

/* Two steps that threads meet at. */
static pthread_barrier_t inside, outside;
static atomic_bool returned;

static void
observe_slowly(struct otel_observation *observation, void *userdata)
{
	pthread_barrier_wait(&inside);
	pthread_barrier_wait(&outside);
	atomic_store(&returned, true);
}

static void *
collect_thread(void *userdata)
{
	const struct otel_metric_data *m;
	size_t n;

	otelp_meter_provider_collect(provider, OTEL_TEMPORALITY_CUMULATIVE, &m, &n);
	return NULL;
}

static void *
release_thread(void *userdata)
{
	pthread_barrier_wait(&outside);
	return NULL;
}

START_TEST(freeing_waits_for_a_callback_that_runs)
{
	bool close = _i;
	struct otel_observable *o;
	pthread_t collector, releaser;

	pthread_barrier_init(&inside, NULL, 2);
	pthread_barrier_init(&outside, NULL, 2);
	o = otel_observable_new(meter, OTEL_OBSERVABLE_GAUGE, "o", NULL, NULL,
	                        observe_slowly, NULL);
	pthread_create(&collector, NULL, collect_thread, NULL);
	pthread_barrier_wait(&inside);
	ck_assert(!atomic_load(&returned));
	pthread_create(&releaser, NULL, release_thread, NULL);
	if (close)
		otel_meter_close(meter);
	else
		otel_observable_free(o);
	ck_assert(atomic_load(&returned));
	pthread_join(collector, NULL);
	pthread_join(releaser, NULL);
}
END_TEST

enum { N_THREADS = 4, N_ROUNDS = 20000 };

struct work {
	struct otel_counter *counter;
	struct otel_counter_double *sum;
	struct otel_histogram *histogram;
	struct otel_gauge *gauge;
};
static atomic_int running;

static void *
record_thread(void *userdata)
{
	struct work *work = userdata;

	for (int i = 0; i < N_ROUNDS; i++) {
		otel_counter_add(work->counter, 1);
		otel_counter_add(work->counter, 1, OTEL_INT("i", i % 300),
		                 OTEL_STR("k", "v"));
		otel_counter_double_add(work->sum, 0.5);
		otel_histogram_record(work->histogram, i % 100, OTEL_BOOL("odd", i & 1));
		otel_gauge_record(work->gauge, i);
	}
	atomic_fetch_sub(&running, 1);
	return NULL;
}

/* Sums of all that delta collections tell of must be what was recorded, whoever else looks on. */
START_TEST(nothing_is_lost_or_counted_twice_by_collections)
{
	struct work work = { otel_counter_new(meter, "c", NULL, NULL),
		             otel_counter_double_new(meter, "d", NULL, NULL),
		             otel_histogram_new(meter, "h", NULL, NULL, NULL, 0),
		             otel_gauge_new(meter, "g", NULL, NULL) };
	uint64_t count = 0, buckets = 0;
	pthread_t threads[N_THREADS];
	double sum = 0, sums = 0;
	int64_t total = 0;
	bool last;

	atomic_store(&running, N_THREADS);
	for (int i = 0; i < N_THREADS; i++)
		pthread_create(&threads[i], NULL, record_thread, &work);
	do {
		const struct otel_metric_data *m;

		last = !atomic_load(&running);
		collect_delta();
		m = metric_named("c");
		for (size_t i = 0; m && i < m->n_points; i++)
			total += m->points[i].integer;
		m = metric_named("d");
		for (size_t i = 0; m && i < m->n_points; i++)
			sum += m->points[i].number;
		m = metric_named("h");
		for (size_t i = 0; m && i < m->n_points; i++) {
			count += m->points[i].count;
			sums += m->points[i].sum;
			for (size_t b = 0; b <= m->points[i].n_bounds; b++)
				buckets += m->points[i].bucket_counts[b];
		}
		collect_cumulative();
	} while (!last);
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(total, 2 * N_THREADS * N_ROUNDS);
	ck_assert_double_eq(sum, 0.5 * N_THREADS * N_ROUNDS);
	ck_assert_uint_eq(count, N_THREADS * N_ROUNDS);
	ck_assert_uint_eq(buckets, count);
	ck_assert_double_eq(sums, 49.5 * N_THREADS * N_ROUNDS);
	ck_assert_uint_eq(metric_named("c")->n_points, 301);
	ck_assert_double_eq(point_of("g")->number, N_ROUNDS - 1);
}
END_TEST

static void *
reload_thread(void *userdata)
{
	static const double bounds[][2] = { { 1, 2 }, { 1, 3 } };

	for (int i = 0; i < 200; i++) {
		struct otel_meter *own = meter_named("test");
		struct otel_counter *c = otel_counter_new(own, "c", NULL, NULL);

		otel_observable_new(own, OTEL_OBSERVABLE_GAUGE, "o", NULL, NULL,
		                    observe_nan, NULL);
		otel_histogram_record(
			otel_histogram_new(own, "h", NULL, NULL, bounds[i & 1], 2), 1);
		otel_counter_add(c, 1, OTEL_INT("i", i));
		otel_meter_close(own);
	}
	atomic_fetch_sub(&running, 1);
	return NULL;
}

START_TEST(meters_come_and_go_while_others_collect)
{
	const struct otel_metric_data *m;
	pthread_t threads[N_THREADS];
	int64_t total = 0;

	otel_counter_new(meter, "c", NULL, NULL); /* so that it is told at the end */
	atomic_store(&running, N_THREADS);
	for (int i = 0; i < N_THREADS; i++)
		pthread_create(&threads[i], NULL, reload_thread, NULL);
	while (atomic_load(&running))
		collect_cumulative();
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	collect_cumulative();
	m = metric_named("c");
	for (size_t i = 0; i < m->n_points; i++)
		total += m->points[i].integer;
	ck_assert_int_eq(total, N_THREADS * 200);
}
END_TEST

START_TEST(after_fork_the_child_counts_from_zero)
{
	struct otel_counter *c = otel_counter_new(meter, "c", NULL, NULL);
	struct otel_histogram *h = otel_histogram_new(meter, "h", NULL, NULL, NULL, 0);
	int status;
	pid_t pid;

	otel_counter_add(c, 5);
	otel_counter_add(c, 5, OTEL_STR("k", "v"));
	otel_histogram_record(h, 5);
	collect_cumulative();
	pid = fork();
	if (!pid) {
		otel_counter_add(c, 1);
		otel_histogram_record(h, 7);
		if (otelp_meter_provider_collect(provider, OTEL_TEMPORALITY_CUMULATIVE,
		                                 &metrics, &n_metrics) < 0)
			_exit(1);
		if (metric_named("c")->points[0].integer != 1)
			_exit(2);
		if (point_of("h")->count != 1 || point_of("h")->min != 7)
			_exit(3);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	collect_cumulative();
	ck_assert_int_eq(metric_named("c")->points[0].integer, 5);
}
END_TEST

START_TEST(fork_while_a_callback_runs_leaves_the_child_free)
{
	pthread_t collector, releaser;
	int status;
	pid_t pid;

	pthread_barrier_init(&inside, NULL, 2);
	pthread_barrier_init(&outside, NULL, 2);
	otel_observable_new(meter, OTEL_OBSERVABLE_GAUGE, "o", NULL, NULL, observe_slowly,
	                    NULL);
	pthread_create(&collector, NULL, collect_thread, NULL);
	pthread_barrier_wait(&inside);
	pid = fork();
	if (!pid) {
		alarm(20); /* hanging is the failure */
		otel_meter_close(meter);
		otel_meter_provider_free(provider);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	pthread_create(&releaser, NULL, release_thread, NULL);
	pthread_join(collector, NULL);
	pthread_join(releaser, NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("meter-threads");
	TCase *tc = tcase_create("observables");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, an_observable_is_asked_at_each_collection);
	tcase_add_test(tc, an_observed_counter_gives_deltas);
	tcase_add_test(tc, low_memory_keeps_observed_counters_cumulative);
	tcase_add_test(tc, an_observed_counter_that_falls_starts_anew);
	tcase_add_test(tc, a_set_no_longer_observed_is_not_reported);
	tcase_add_test(tc, a_freed_observable_is_not_called_and_its_sum_told_once_more);
	tcase_add_test(tc, a_gauge_ends_with_its_observable);
	tcase_add_test(tc, the_observable_made_last_has_the_last_word);
	tcase_add_test(tc, what_cannot_be_is_not_observed);
	tcase_add_test(tc, a_callback_may_end_another);
	tcase_add_test(tc, a_callback_may_end_itself);
	tcase_add_test(tc, a_callback_may_close_its_meter);
	tcase_add_test(tc, a_callback_may_not_collect);
	tcase_add_loop_test(tc, freeing_waits_for_a_callback_that_runs, 0, 2);
	suite_add_tcase(suite, tc);

	tc = tcase_create("threads");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, nothing_is_lost_or_counted_twice_by_collections);
	tcase_add_test(tc, meters_come_and_go_while_others_collect);
	tcase_add_test(tc, after_fork_the_child_counts_from_zero);
	tcase_add_test(tc, fork_while_a_callback_runs_leaves_the_child_free);
	suite_add_tcase(suite, tc);
	return check_main(suite);
}
