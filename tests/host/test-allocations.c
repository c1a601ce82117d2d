/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request allocates nothing once its server is warm, dark or traced: not the server, not libevent, not
 * the SDK. The program's malloc counts for each thread; what is asserted is the loop's count.
 */
#include <semaphore.h>
#include <stdio.h>

#include "check-main.h"
#include "fiber-sanitize.h"
#include "serving.h"
#include <otel/sdk.h>

#define WARM     256
#define REQUESTS 2000
#define AT_ONCE  64 /* between two flushes, so that no queue fills up and no pool grows */

#if defined(HOST_ASAN) || defined(HOST_TSAN)

int
main(void)
{
	puts("1..0 # SKIP the sanitizers' malloc is not ours to replace");
	return 0;
}

#else

/* ---- counting ---- */

static __thread unsigned long n_allocations;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *ptr, size_t size);
/* Exported, so that the libraries call these too. */
OTEL_EXPORT void *malloc(size_t size);
OTEL_EXPORT void *calloc(size_t n, size_t size);
OTEL_EXPORT void *realloc(void *ptr, size_t size);

void *
malloc(size_t size)
{
	n_allocations++;
	return __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	n_allocations++;
	return __libc_calloc(n, size);
}

void *
realloc(void *ptr, size_t size)
{
	n_allocations++;
	return __libc_realloc(ptr, size);
}

static sem_t noted;
static unsigned long loops;

static void
note(void *arg)
{
	(void)arg;
	loops = n_allocations;
	sem_post(&noted);
}

/* Of the loop's thread; the message itself is the asking thread's. */
static unsigned long
allocations(void)
{
	ck_assert_int_eq(host_loop_call(loop, note, NULL), 0);
	sem_wait(&noted);
	return loops;
}

/* ---- a pipeline that forgets ---- */

static struct otel_pipeline *pipeline;
static struct otel_resource *resource;
static struct otel_tracer_provider *tracers;
static struct otel_meter_provider *meters;
static struct otel_logger_provider *loggers;
static struct otel_meter *meter;
static struct otel_counter *counter;
static struct host_service_config config;

static int
forget_spans(struct otel_exporter *self, const struct otel_span_data *const *spans,
             size_t n, int timeout_ms, struct otel_error *err)
{
	(void)self;
	(void)spans;
	(void)n;
	(void)timeout_ms;
	(void)err;
	return 0;
}

static int
forget_logs(struct otel_exporter *self, const struct otel_log_data *const *logs, size_t n,
            int timeout_ms, struct otel_error *err)
{
	(void)self;
	(void)logs;
	(void)n;
	(void)timeout_ms;
	(void)err;
	return 0;
}

static void
keep(struct otel_exporter *self)
{
	(void)self;
}

static void
set_up(void)
{
	static struct otel_exporter exporter = { .name = "forget",
		                                 .export_spans = forget_spans,
		                                 .export_logs = forget_logs,
		                                 .free = keep };
	const struct otel_scope_data scope = { "test", "1", "", NULL, 0 };
	struct otel_config c;

	sem_init(&noted, 0, 0);
	otel_config_init(&c);
	for (int i = 0; i < OTEL_N_SIGNALS; i++) {
		c.signal[i].exporter = i == OTEL_SIGNAL_METRICS ? OTEL_EXPORTER_NONE
		                                                : OTEL_EXPORTER_CUSTOM;
		c.signal[i].custom = &exporter;
	}
	ck_assert_int_eq(otel_resource_new(NULL, 0, NULL, &resource, NULL), 0);
	ck_assert_int_eq(otel_pipeline_new(&c, &pipeline, NULL), 0);
	ck_assert_int_eq(
		otel_tracer_provider_new(pipeline, resource, NULL, 0, &tracers, NULL), 0);
	ck_assert_int_eq(otel_meter_provider_new(pipeline, resource, &meters, NULL), 0);
	ck_assert_int_eq(otel_logger_provider_new(pipeline, resource, 0, &loggers, NULL),
	                 0);
	meter = otel_meter_provider_meter(meters, &scope);
	counter = otel_counter_new(meter, "handled", "{request}", "requests handled");
	config = (struct host_service_config){
		.generation = 1,
		.tracer = otel_tracer_provider_tracer(tracers, &scope),
		.meter = meter,
		.logger = otel_logger_provider_logger(loggers, &scope),
	};
	config.http_tracer = config.tracer;
	config.http_logger = config.logger;
	config.http_meter = meter;
}

static void
tear_down(void)
{
	otel_meter_close(meter);
	otel_tracer_provider_free(tracers);
	otel_meter_provider_free(meters);
	otel_logger_provider_free(loggers);
	otel_pipeline_shutdown(pipeline, 1000);
	otel_pipeline_free(pipeline);
	otel_resource_unref(resource);
}

/* ---- services ---- */

static int
start(const struct svc_host *host, void **self, struct otel_error *err)
{
	(void)err;
	*self = (void *)(uintptr_t)host;
	return 0;
}

static int
answer(void *self, struct svc_request *req)
{
	(void)self;
	return svc_reply_text(req, 200, svc_query(req, "name"));
}

/* A handler that tells of itself with all three signals. */
static int
answer_and_tell(void *self, struct svc_request *req)
{
	const struct svc_host *host = self;

	OTEL_SPAN(span, host->tracer, "answering");
	otel_span_set(span, OTEL_STR("name", svc_query(req, "name")), OTEL_INT("n", 1));
	otel_span_add_event(span, "asked");
	otel_counter_add(counter, 1, OTEL_STR("name", "Ada"));
	otel_log(host->logger, OTEL_INFO, "somebody asked", OTEL_STR("name", "Ada"));
	return answer(self, req);
}

static void
stop(void *self)
{
	(void)self;
}

static const struct svc_plugin quiet = { SVC_ABI,        .name = "quiet",  .version = "1",
	                                 .start = start, .handle = answer, .stop = stop };
static const struct svc_plugin telling = {
	SVC_ABI,        .name = "telling",         .version = "1",
	.start = start, .handle = answer_and_tell, .stop = stop
};

/* ---- tests ---- */

#define PLAIN \
	"GET /?name=Ada HTTP/1.1\r\nHost: localhost:5000\r\nUser-Agent: test\r\n\r\n"
#define TRACED                                                                    \
	"GET /?name=Ada HTTP/1.1\r\nHost: localhost:5000\r\nUser-Agent: test\r\n" \
	"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n"

static void
ask_often(int fd, const char *request, int n)
{
	for (int i = 0; i < n; i++) {
		say_to(fd, request);
		hear_until(fd, "\r\n\r\nAda");
		if (i % AT_ONCE == AT_ONCE - 1)
			ck_assert_int_eq(otel_pipeline_flush(pipeline, 5 * SECONDS), 0);
	}
}

/* Allocations of the loop for REQUESTS requests, after some to warm up. */
static unsigned long
cost(const struct svc_plugin *plugin, bool instrument, const char *request)
{
	unsigned long before;
	int fd;

	config.plugin = plugin;
	config.instrument = instrument;
	start_serving_with(&config);
	fd = dial(port);
	ask_often(fd, request, WARM);
	before = allocations();
	ask_often(fd, request, REQUESTS);
	before = allocations() - before;
	close(fd);
	stop_serving();
	return before;
}

START_TEST(a_dark_request_allocates_nothing)
{
	ck_assert_uint_eq(cost(&quiet, false, PLAIN), 0);
}
END_TEST

START_TEST(a_request_with_a_span_a_record_and_metrics_allocates_nothing)
{
	ck_assert_uint_eq(cost(&quiet, true, PLAIN), 0);
}
END_TEST

START_TEST(a_request_within_a_trace_allocates_nothing)
{
	ck_assert_uint_eq(cost(&quiet, true, TRACED), 0);
}
END_TEST

START_TEST(a_handler_that_tells_of_itself_allocates_nothing)
{
	ck_assert_uint_eq(cost(&telling, true, TRACED), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("allocations");
	TCase *steady = tcase_create("steady");

	tcase_add_checked_fixture(steady, set_up, tear_down);
	tcase_set_timeout(steady, 60);
	tcase_add_test(steady, a_dark_request_allocates_nothing);
	tcase_add_test(steady,
	               a_request_with_a_span_a_record_and_metrics_allocates_nothing);
	tcase_add_test(steady, a_request_within_a_trace_allocates_nothing);
	tcase_add_test(steady, a_handler_that_tells_of_itself_allocates_nothing);
	suite_add_tcase(suite, steady);
	return check_main(suite);
}

#endif
