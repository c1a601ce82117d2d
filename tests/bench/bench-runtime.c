/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fibers, requests and outgoing calls cost the loop's thread: CPU time of that thread alone, and how
 * often it called malloc (libcurl and libevent included), in the steady state.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fiber.h"
#include "http-client.h"
#include "http-server.h"
#include "loop.h"
#include "service.h"
#include <otel/sdk.h>

#define SWITCHES 2000000
#define FIBERS   500000
#define REQUESTS 100000
#define CALLS    40000
#define AT_ONCE  64

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

static double
cpu_seconds(pthread_t thread)
{
	struct timespec ts;
	clockid_t clock;

	if (pthread_getcpuclockid(thread, &clock) != 0 || clock_gettime(clock, &ts) != 0)
		abort();
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
row(const char *what, double seconds, unsigned long n, const char *unit,
    unsigned long allocations)
{
	double scale = unit[0] == 'n' ? 1e9 : 1e6;

	printf("%-44s %9.2f %s %9.2f allocations\n", what, seconds * scale / (double)n,
	       unit, (double)allocations / (double)n);
	fflush(stdout);
}

static void
must(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-r));
	exit(1);
}

/* ---- fibers ---- */

static bool
let_go(void *arg)
{
	(void)arg;
	return true;
}

static void
waits_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < SWITCHES; i++)
		host_fiber_wait(let_go, NULL);
}

static void
ends(void *arg)
{
	(void)arg;
}

static void
bench_fibers(void)
{
	struct host_fibers *fibers;
	struct host_fiber *fiber;
	unsigned long before;
	double start;

	must(host_fibers_new(NULL, 0, 0, 0, &fibers), "fibers");
	fiber = host_fiber_new(fibers, waits_often, NULL, NULL, NULL, NULL);
	before = n_allocations;
	start = cpu_seconds(pthread_self());
	for (int i = 0; i <= SWITCHES; i++)
		host_fiber_run(fiber);
	row("fiber: there and back", cpu_seconds(pthread_self()) - start, SWITCHES, "ns",
	    n_allocations - before);
	before = n_allocations;
	start = cpu_seconds(pthread_self());
	for (int i = 0; i < FIBERS; i++)
		host_fiber_run(host_fiber_new(fibers, ends, NULL, NULL, NULL, NULL));
	row("fiber: new, run to its end", cpu_seconds(pthread_self()) - start, FIBERS,
	    "ns", n_allocations - before);
	host_fibers_free(fibers);
}

/* ---- a service on a loop, and who asks it ---- */

static struct host_loop *loop;
static struct http_server *server;
static struct host_service *service;
static int port;
static sem_t done;
static unsigned long loops_allocations;

static int
start(const struct svc_host *host, void **self, struct otel_error *err)
{
	(void)host;
	(void)self;
	(void)err;
	return 0;
}

static int
handle(void *self, struct svc_request *req)
{
	(void)self;
	return svc_reply_text(req, 200, svc_query(req, "name"));
}

static void
stop(void *self)
{
	(void)self;
}

static const struct svc_plugin plugin = { SVC_ABI,          .name = "bench",
	                                  .version = "1",   .start = start,
	                                  .handle = handle, .stop = stop };

static enum http_body
on_head(struct http_exchange *x)
{
	return host_service_head(service, loop, x);
}

static void
note_allocations(void *arg)
{
	(void)arg;
	loops_allocations = n_allocations;
	sem_post(&done);
}

static unsigned long
allocations_of_loop(struct host_loop *of)
{
	must(host_loop_call(of, note_allocations, NULL), "loop");
	sem_wait(&done);
	return loops_allocations;
}

static void
free_server(void *arg)
{
	(void)arg;
	http_server_free(server);
}

static void
serve(struct host_service_config *config)
{
	static struct http_ops ops;
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	struct http_listen on = { .fd = socket(AF_INET, SOCK_STREAM, 0) };

	if (bind(on.fd, (struct sockaddr *)&at, sizeof at) || listen(on.fd, 128) ||
	    getsockname(on.fd, (struct sockaddr *)&at, &len))
		abort();
	port = ntohs(at.sin_port);
	config->plugin = &plugin;
	config->generation = 1;
	must(host_loop_new(&(struct host_loop_config){ .name = "bench" }, &loop, NULL),
	     "loop");
	must(host_service_new(config, &service, NULL), "service");
	must(host_service_start(service, 1000, NULL), "start");
	must(host_service_attach(service, &loop, 1, NULL), "attach");
	ops = host_request_ops;
	ops.on_head = on_head;
	must(http_server_new(host_loop_base(loop), &ops, &(struct http_limits){ 0 },
	                     &server),
	     "server");
	must(http_server_listen(server, &on, NULL, NULL), "listen");
	must(host_loop_start(loop, NULL), "thread");
}

static void
serve_no_more(void)
{
	must(host_service_drain_wait(service, 5000), "drain");
	must(host_service_stop(service, 1000), "stop");
	host_service_free(service);
	must(host_loop_call(loop, free_server, NULL), "loop");
	host_loop_stop(loop);
	host_loop_join(loop);
	host_loop_free(loop);
}

/* One connection, 16 requests in each write: what is measured is our code more than the kernel's. */
static void
ask(int fd, int n)
{
	static const char one[] =
		"GET /?name=Ada HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\n\r\n";
	static char batch[16 * sizeof one], answers[1 << 16];
	size_t len = 0, marks = 0;

	for (int i = 0; i < 16; i++) {
		memcpy(batch + len, one, sizeof one - 1);
		len += sizeof one - 1;
	}
	for (int i = 0; i < n / 16; i++) {
		size_t want = marks + 16;

		if (write(fd, batch, len) != (ssize_t)len)
			abort();
		while (marks < want) {
			ssize_t got = read(fd, answers, sizeof answers);

			if (got <= 0)
				abort();
			for (ssize_t k = 0; k + 8 < got; k++)
				marks += memcmp(answers + k, "HTTP/1.1 ", 9) == 0;
		}
	}
}

static void
bench_requests(const char *what, struct host_service_config *config)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	unsigned long before;
	double begun;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	serve(config);
	at.sin_port = htons((uint16_t)port);
	if (connect(fd, (struct sockaddr *)&at, sizeof at))
		abort();
	ask(fd, REQUESTS / 10);
	before = allocations_of_loop(loop);
	begun = cpu_seconds(host_loop_thread(loop));
	ask(fd, REQUESTS);
	row(what, cpu_seconds(host_loop_thread(loop)) - begun, REQUESTS, "us",
	    allocations_of_loop(loop) - before);
	close(fd);
	serve_no_more();
}

/* ---- telemetry that goes nowhere ---- */

static int
take_spans(struct otel_exporter *self, const struct otel_span_data *const *spans,
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
take_logs(struct otel_exporter *self, const struct otel_log_data *const *logs, size_t n,
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
free_taker(struct otel_exporter *self)
{
	(void)self;
}

static void
bench_instrumented(void)
{
	static struct otel_exporter taker = { .name = "none",
		                              .export_spans = take_spans,
		                              .export_logs = take_logs,
		                              .free = free_taker };
	const struct otel_scope_data scope = { "cupola", "1", "", NULL, 0 };
	struct otel_pipeline *pipeline;
	struct otel_tracer_provider *tracers;
	struct otel_meter_provider *meters;
	struct otel_logger_provider *loggers;
	struct otel_resource *resource;
	struct otel_meter *meter;
	struct otel_config c;
	struct host_service_config config = { .instrument = true };

	otel_config_init(&c);
	c.signal[OTEL_SIGNAL_TRACES].exporter = c.signal[OTEL_SIGNAL_LOGS].exporter =
		OTEL_EXPORTER_CUSTOM;
	c.signal[OTEL_SIGNAL_TRACES].custom = c.signal[OTEL_SIGNAL_LOGS].custom = &taker;
	c.signal[OTEL_SIGNAL_METRICS].exporter = OTEL_EXPORTER_NONE;
	must(otel_resource_new(NULL, 0, NULL, &resource, NULL), "resource");
	must(otel_pipeline_new(&c, &pipeline, NULL), "pipeline");
	must(otel_tracer_provider_new(pipeline, resource, NULL, 0, &tracers, NULL),
	     "tracers");
	must(otel_meter_provider_new(pipeline, resource, &meters, NULL), "meters");
	must(otel_logger_provider_new(pipeline, resource, 0, &loggers, NULL), "loggers");
	meter = otel_meter_provider_meter(meters, &scope);
	config.http_tracer = otel_tracer_provider_tracer(tracers, &scope);
	config.http_logger = otel_logger_provider_logger(loggers, &scope);
	config.http_meter = meter;
	bench_requests("request, pipelined, instrumented", &config);
	otel_meter_close(meter);
	otel_tracer_provider_free(tracers);
	otel_meter_provider_free(meters);
	otel_logger_provider_free(loggers);
	otel_pipeline_shutdown(pipeline, 1000);
	otel_pipeline_free(pipeline);
	otel_resource_unref(resource);
}

/* ---- outgoing calls, from a loop of their own ---- */

static struct host_loop *asking;
static char url[64];
static int calls_left, fibers_left;

static void
calls(void *arg)
{
	struct host_client_request request = { .url = url };
	struct host_client_response rsp = { 0 };

	(void)arg;
	while (calls_left-- > 0)
		if (host_client_perform(host_loop_client(asking), &request, &rsp) < 0)
			abort();
	host_client_response_fini(&rsp);
	if (--fibers_left == 0)
		sem_post(&done);
}

static void
begin_calls(void *arg)
{
	calls_left = *(int *)arg;
	fibers_left = AT_ONCE;
	for (int i = 0; i < AT_ONCE; i++)
		host_fiber_ready(host_fiber_new(host_loop_fibers(asking), calls, NULL,
		                                NULL, NULL, NULL));
}

static void
call(int n)
{
	must(host_loop_call(asking, begin_calls, &n), "loop");
	sem_wait(&done);
}

static void
bench_calls(void)
{
	struct host_service_config config = { 0 };
	unsigned long before;
	double begun;

	serve(&config);
	snprintf(url, sizeof url, "http://127.0.0.1:%d/?name=Ada", port);
	must(host_loop_new(&(struct host_loop_config){ .name = "asking" }, &asking, NULL),
	     "loop");
	must(host_loop_start(asking, NULL), "thread");
	call(CALLS / 10);
	before = allocations_of_loop(asking);
	begun = cpu_seconds(host_loop_thread(asking));
	call(CALLS);
	row("outgoing call, 64 at once", cpu_seconds(host_loop_thread(asking)) - begun,
	    CALLS, "us", allocations_of_loop(asking) - before);
	printf("%-44s %9llu connects\n", "",
	       (unsigned long long)host_client_counters(host_loop_client(asking))
	               ->connects);
	host_loop_stop(asking);
	host_loop_join(asking);
	host_loop_free(asking);
	serve_no_more();
}

int
main(void)
{
	struct host_service_config dark = { 0 };

	sem_init(&done, 0, 0);
	must(host_loops_init(NULL), "libcurl");
	bench_fibers();
	bench_requests("request, pipelined, dark", &dark);
	bench_instrumented();
	bench_calls();
	return 0;
}
