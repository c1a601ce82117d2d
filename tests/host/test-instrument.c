/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host tells of a service, seen where it arrives: an exporter that writes each span and log
 * record as one line "name key=value ...".
 */
#include <pthread.h>

#include "check-main.h"
#include "serving.h"
#include "url.h"
#include <otel/sdk.h>

struct line {
	char text[2048];
	char name[128];
	int kind, status;
	char trace[33], span[17], parent[17];
};

static struct line spans[64], logs[64];
static int n_spans, n_logs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- the exporter ---- */

static void
write_attributes(char *to, size_t size, const struct otel_attribute *a, size_t n)
{
	size_t at = 0;

	to[0] = '\0';
	for (size_t i = 0; i < n && at < size; i++) {
		const struct otel_value *v = &a[i].value;

		if (v->type == OTEL_TYPE_STRING)
			at += (size_t)snprintf(to + at, size - at, " %s=%.*s", a[i].key,
			                       (int)v->len, v->string);
		else if (v->type == OTEL_TYPE_INT)
			at += (size_t)snprintf(to + at, size - at, " %s=%lld", a[i].key,
			                       (long long)v->integer);
	}
	if (at < size)
		snprintf(to + at, size - at, " ");
}

static int
export_spans(struct otel_exporter *self, const struct otel_span_data *const *data,
             size_t n, int timeout_ms, struct otel_error *err)
{
	static const uint8_t none[8];

	(void)self;
	(void)timeout_ms;
	(void)err;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n && n_spans < 64; i++) {
		struct line *line = &spans[n_spans++];

		snprintf(line->name, sizeof line->name, "%s", data[i]->name);
		line->kind = data[i]->kind;
		line->status = data[i]->status;
		otel_trace_id_format(data[i]->context.trace_id, line->trace);
		otel_span_id_format(data[i]->context.span_id, line->span);
		if (memcmp(data[i]->parent_span_id, none, 8) != 0)
			otel_span_id_format(data[i]->parent_span_id, line->parent);
		write_attributes(line->text, sizeof line->text, data[i]->attributes,
		                 data[i]->n_attributes);
	}
	pthread_mutex_unlock(&lock);
	return 0;
}

static int
export_logs(struct otel_exporter *self, const struct otel_log_data *const *data, size_t n,
            int timeout_ms, struct otel_error *err)
{
	(void)self;
	(void)timeout_ms;
	(void)err;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n && n_logs < 64; i++) {
		struct line *line = &logs[n_logs++];

		snprintf(line->name, sizeof line->name, "%.*s", (int)data[i]->body.len,
		         data[i]->body.string);
		otel_trace_id_format(data[i]->trace_id, line->trace);
		otel_span_id_format(data[i]->span_id, line->span);
		write_attributes(line->text, sizeof line->text, data[i]->attributes,
		                 data[i]->n_attributes);
	}
	pthread_mutex_unlock(&lock);
	return 0;
}

static void
free_exporter(struct otel_exporter *self)
{
	(void)self;
}

static struct otel_exporter exporter = { .name = "test",
	                                 .export_spans = export_spans,
	                                 .export_logs = export_logs,
	                                 .free = free_exporter };

/* ---- a pipeline and an instrumented service ---- */

static struct otel_pipeline *pipeline;
static struct otel_resource *resource;
static struct otel_tracer_provider *tracers;
static struct otel_meter_provider *meters;
static struct otel_logger_provider *loggers;
static struct otel_meter *meter;
static struct host_service_config config;

static void
set_up(void)
{
	struct otel_config c;
	const struct otel_scope_data scope = { "cupola", "1", "", NULL, 0 };
	const struct otel_attribute name = OTEL_STR("service.name", "test");

	otel_config_init(&c);
	c.signal[OTEL_SIGNAL_TRACES].exporter = OTEL_EXPORTER_CUSTOM;
	c.signal[OTEL_SIGNAL_TRACES].custom = &exporter;
	c.signal[OTEL_SIGNAL_LOGS].exporter = OTEL_EXPORTER_CUSTOM;
	c.signal[OTEL_SIGNAL_LOGS].custom = &exporter;
	c.signal[OTEL_SIGNAL_METRICS].exporter = OTEL_EXPORTER_NONE;
	ck_assert_int_eq(otel_resource_new(&name, 1, NULL, &resource, NULL), 0);
	ck_assert_int_eq(otel_pipeline_new(&c, &pipeline, NULL), 0);
	ck_assert_int_eq(
		otel_tracer_provider_new(pipeline, resource, NULL, 0, &tracers, NULL), 0);
	ck_assert_int_eq(otel_meter_provider_new(pipeline, resource, &meters, NULL), 0);
	ck_assert_int_eq(otel_logger_provider_new(pipeline, resource, 0, &loggers, NULL),
	                 0);
	meter = otel_meter_provider_meter(meters, &scope);
	config = (struct host_service_config){
		.generation = 1,
		.instrument = true,
		.tracer = otel_tracer_provider_tracer(tracers, &scope),
		.http_tracer = otel_tracer_provider_tracer(tracers, &scope),
		.http_meter = meter,
		.http_logger = otel_logger_provider_logger(loggers, &scope),
	};
}

static void
tear_down(void)
{
	otel_meter_close(meter);
	otel_tracer_provider_free(tracers);
	otel_meter_provider_free(meters);
	otel_logger_provider_free(loggers);
	ck_assert_int_eq(otel_pipeline_shutdown(pipeline, 5 * SECONDS), 0);
	otel_pipeline_free(pipeline);
	otel_resource_unref(resource);
}

static int
start(const struct svc_host *host, void **self, struct otel_error *err)
{
	(void)host;
	(void)self;
	(void)err;
	return 0;
}

static void
stop(void *self)
{
	(void)self;
}

static struct svc_plugin plugin = { SVC_ABI, .name = "test", .version = "1",
	                            .start = start, .stop = stop };

static void
serve(int (*handle)(void *self, struct svc_request *req))
{
	plugin.handle = handle;
	config.plugin = &plugin;
	start_serving_with(&config);
}

/* Afterwards spans and logs can be looked at. */
static void
stop_and_flush(void)
{
	stop_serving();
	ck_assert_int_eq(otel_pipeline_flush(pipeline, 5 * SECONDS), 0);
}

static const struct line *
span_of(int kind, const char *with)
{
	for (int i = 0; i < n_spans; i++)
		if (spans[i].kind == kind && strstr(spans[i].text, with))
			return &spans[i];
	ck_abort_msg("no span of kind %d with %s", kind, with);
	return NULL;
}

#define assert_has(line, what) \
	ck_assert_msg(strstr((line)->text, what), "no %s in%s", what, (line)->text)

static int
says_ok(void *self, struct svc_request *req)
{
	(void)self;
	return svc_reply_text(req, strcmp(req->path, "/absent") == 0 ? 404 : 200, "ok");
}

START_TEST(a_request_becomes_a_server_span)
{
	const struct line *s;

	serve(says_ok);
	ask("GET /a%20b?q=1&sig=secret HTTP/1.1\r\nHost: example.org:81\r\nUser-Agent: curl/8\r\nConnection: close\r\n\r\n");
	stop_and_flush();
	ck_assert_int_eq(n_spans, 1);
	s = span_of(OTEL_SPAN_KIND_SERVER, "");
	ck_assert_str_eq(s->name, "GET");
	ck_assert_int_eq(s->status, OTEL_STATUS_UNSET);
	ck_assert_str_eq(s->parent, "");
	assert_has(s, " http.request.method=GET ");
	assert_has(s, " url.scheme=http ");
	assert_has(s, " url.path=/a b ");
	assert_has(s, " url.query=q=1&sig=REDACTED ");
	assert_has(s, " server.address=example.org ");
	assert_has(s, " server.port=81 ");
	assert_has(s, " client.address=127.0.0.1 ");
	assert_has(s, " network.protocol.version=1.1 ");
	assert_has(s, " user_agent.original=curl/8 ");
	assert_has(s, " http.response.status_code=200 ");
	ck_assert_ptr_null(strstr(s->text, "error.type"));
}
END_TEST

START_TEST(an_access_log_record_belongs_to_its_span)
{
	serve(says_ok);
	GET("/x");
	stop_and_flush();
	ck_assert_int_eq(n_logs, 1);
	ck_assert_msg(strncmp(logs[0].name, "GET /x 200 in ", 14) == 0, "%s",
	              logs[0].name);
	ck_assert_str_eq(logs[0].trace, spans[0].trace);
	ck_assert_str_eq(logs[0].span, spans[0].span);
	assert_has(&logs[0], " http.response.status_code=200 ");
}
END_TEST

START_TEST(the_callers_trace_goes_on)
{
	const struct line *s;

	serve(says_ok);
	ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
	    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n");
	stop_and_flush();
	s = span_of(OTEL_SPAN_KIND_SERVER, "");
	ck_assert_str_eq(s->trace, "0af7651916cd43dd8448eb211c80319c");
	ck_assert_str_eq(s->parent, "b7ad6b7169203331");
}
END_TEST

static int
says_nothing(void *self, struct svc_request *req)
{
	(void)self;
	(void)req;
	return 0;
}

START_TEST(a_server_error_is_an_error_and_a_client_error_is_not)
{
	const struct line *s;

	serve(says_ok);
	GET("/absent");
	stop_and_flush();
	s = span_of(OTEL_SPAN_KIND_SERVER, "status_code=404");
	ck_assert_int_eq(s->status, OTEL_STATUS_UNSET);
	ck_assert_ptr_null(strstr(s->text, "error.type"));

	n_spans = 0;
	serve(says_nothing);
	GET("/");
	stop_and_flush();
	s = span_of(OTEL_SPAN_KIND_SERVER, "status_code=500");
	ck_assert_int_eq(s->status, OTEL_STATUS_ERROR);
	assert_has(s, " error.type=500 ");
}
END_TEST

START_TEST(an_unknown_method_is_other)
{
	const struct line *s;

	serve(says_ok);
	ask("BREW / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	stop_and_flush();
	s = span_of(OTEL_SPAN_KIND_SERVER, "");
	ck_assert_str_eq(s->name, "HTTP");
	assert_has(s, " http.request.method=_OTHER ");
	assert_has(s, " http.request.method_original=BREW ");
}
END_TEST

static int
asks(void *self, struct svc_request *req)
{
	const struct svc_header by_hand = {
		"TraceParent", "00-11111111111111111111111111111111-2222222222222222-01"
	};
	struct svc_call call = { .headers = &by_hand, .n_headers = 1 };
	char url[128];

	(void)self;
	if (strcmp(req->path, "/inner") == 0) {
		ck_assert_ptr_null(svc_header_n(req, "traceparent", 1));
		return svc_reply_text(req, 503, "no");
	}
	snprintf(url, sizeof url,
	         "http://me:secret@127.0.0.1:%d/inner?x=1&Signature=abc#f", port);
	call.url = url;
	SVC_RESPONSE(rsp, svc_http(req->host, &call));
	ck_assert_int_eq(rsp->status, 503);
	return svc_reply_text(req, 200, "ok");
}

START_TEST(a_call_becomes_a_client_span_and_carries_the_trace)
{
	const struct line *outer, *client, *inner;
	char full[256];

	serve(asks);
	GET("/outer");
	stop_and_flush();
	ck_assert_int_eq(n_spans, 3);
	outer = span_of(OTEL_SPAN_KIND_SERVER, "url.path=/outer");
	client = span_of(OTEL_SPAN_KIND_CLIENT, "");
	inner = span_of(OTEL_SPAN_KIND_SERVER, "url.path=/inner");
	ck_assert_str_eq(client->parent, outer->span);
	ck_assert_str_eq(inner->parent,
	                 client->span); /* not what the service wrote by hand */
	ck_assert_str_eq(inner->trace, outer->trace);
	ck_assert_str_eq(client->name, "GET");
	ck_assert_int_eq(client->status, OTEL_STATUS_ERROR);
	assert_has(client, " http.request.method=GET ");
	snprintf(
		full, sizeof full,
		" url.full=http://REDACTED:REDACTED@127.0.0.1:%d/inner?x=1&Signature=REDACTED ",
		port);
	assert_has(client, full);
	assert_has(client, " server.address=127.0.0.1 ");
	snprintf(full, sizeof full, " server.port=%d ", port);
	assert_has(client, full);
	assert_has(client, " http.response.status_code=503 ");
	assert_has(client, " error.type=503 ");
}
END_TEST

static int
asks_nobody(void *self, struct svc_request *req)
{
	(void)self;
	SVC_RESPONSE(rsp, svc_http_get(req->host, "http://127.0.0.1:1/"));
	return svc_reply_text(req, 502, rsp->message);
}

START_TEST(a_call_that_fails_says_how)
{
	const struct line *client;

	serve(asks_nobody);
	GET("/");
	stop_and_flush();
	client = span_of(OTEL_SPAN_KIND_CLIENT, "");
	ck_assert_int_eq(client->status, OTEL_STATUS_ERROR);
	assert_has(client, " error.type=ECONNREFUSED ");
	ck_assert_ptr_null(strstr(client->text, "status_code"));
}
END_TEST

static int
makes_spans(void *self, struct svc_request *req)
{
	const struct otel_span_context *tag;
	uint8_t mine[8];

	(void)self;
	OTEL_SPAN(span, req->host->tracer, "inside");
	tag = otel_span_context(span);
	memcpy(mine, tag->span_id, sizeof mine);
	svc_sleep(req->host, 1); /* others run meanwhile, in contexts of their own */
	ck_assert_ptr_eq(otel_span_current(), span);
	ck_assert_mem_eq(mine, otel_span_context(otel_span_current())->span_id,
	                 sizeof mine);
	return svc_reply_text(req, 200, "ok");
}

START_TEST(spans_of_requests_at_once_do_not_mix)
{
	int fds[10];

	serve(makes_spans);
	for (int i = 0; i < 10; i++) {
		fds[i] = dial(port);
		say_to(fds[i], "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	}
	for (int i = 0; i < 10; i++) {
		ck_assert_str_eq(body_of(hear_until(fds[i], NULL)), "ok");
		close(fds[i]);
	}
	stop_and_flush();
	ck_assert_int_eq(n_spans, 20);
	for (int i = 0; i < n_spans; i++) {
		const struct line *parent = NULL;

		if (spans[i].kind != OTEL_SPAN_KIND_INTERNAL)
			continue;
		for (int k = 0; k < n_spans; k++)
			if (strcmp(spans[k].span, spans[i].parent) == 0)
				parent = &spans[k];
		ck_assert_ptr_nonnull(parent);
		ck_assert_str_eq(parent->trace, spans[i].trace);
		ck_assert_int_eq(parent->kind, OTEL_SPAN_KIND_SERVER);
	}
}
END_TEST

static int
asks_in_the_dark(void *self, struct svc_request *req)
{
	char url[128];

	(void)self;
	if (strcmp(req->path, "/inner") == 0) {
		ck_assert_ptr_null(svc_header(req, "traceparent"));
		return svc_reply_text(req, 200, "ok");
	}
	snprintf(url, sizeof url, "http://127.0.0.1:%d/inner", port);
	SVC_RESPONSE(rsp, svc_http_get(req->host, url));
	return svc_reply_text(req, rsp->status, "ok");
}

START_TEST(a_dark_service_makes_and_carries_nothing)
{
	config.instrument = false;
	serve(asks_in_the_dark);
	ck_assert_int_eq(
		status_of(ask(
			"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
			"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n")),
		200);
	stop_and_flush();
	ck_assert_int_eq(n_spans, 0);
	ck_assert_int_eq(n_logs, 0);
}
END_TEST

START_TEST(nothing_is_made_of_untraced_paths_nor_of_their_calls)
{
	config.untraced = "/";
	serve(asks_in_the_dark);
	ck_assert_int_eq(status_of(GET("/")), 200);
	stop_and_flush();
	ck_assert_int_eq(n_spans, 0);
	ck_assert_int_eq(n_logs, 0);
}
END_TEST

static char metrics[8192];

static int
note_metric(const struct otel_metric_data *metric, void *userdata)
{
	size_t at = strlen(metrics);

	(void)userdata;
	for (size_t i = 0; i < metric->n_points; i++) {
		const struct otel_point_data *p = &metric->points[i];

		at += (size_t)snprintf(metrics + at, sizeof metrics - at, "%s{%s}",
		                       metric->name, metric->unit);
		write_attributes(metrics + at, sizeof metrics - at, p->attributes,
		                 p->n_attributes);
		at = strlen(metrics);
		if (metric->type == OTEL_METRIC_HISTOGRAM)
			at += (size_t)snprintf(metrics + at, sizeof metrics - at,
			                       "count=%llu bounds=%zu\n",
			                       (unsigned long long)p->count, p->n_bounds);
		else
			at += (size_t)snprintf(metrics + at, sizeof metrics - at,
			                       "value=%lld\n", (long long)p->integer);
	}
	return 0;
}

static const char *
metric_line(const char *name, const char *with)
{
	char *at = metrics;
	static char line[1024];

	while (*at) {
		size_t len = strcspn(at, "\n");

		snprintf(line, sizeof line, "%.*s", (int)len, at);
		if (strncmp(line, name, strlen(name)) == 0 && strstr(line, with))
			return line;
		at += len + 1;
	}
	ck_abort_msg("no %s with %s in:\n%s", name, with, metrics);
	return NULL;
}

START_TEST(durations_and_requests_in_flight_are_metrics)
{
	const char *line;

	serve(asks);
	GET("/outer");
	GET("/outer");
	stop_and_flush();
	ck_assert_int_eq(otel_meter_provider_collect(meters, note_metric, NULL), 0);
	line = metric_line("http.server.request.duration{s}", "status_code=200");
	ck_assert_msg(strstr(line, "count=2 bounds=14"), "%s", line);
	ck_assert_ptr_nonnull(strstr(line, " http.request.method=GET "));
	ck_assert_ptr_nonnull(strstr(line, " url.scheme=http "));
	ck_assert_ptr_null(strstr(line, "url.path"));
	line = metric_line("http.server.request.duration{s}", "status_code=503");
	ck_assert_ptr_nonnull(strstr(line, " error.type=503 "));
	line = metric_line("http.client.request.duration{s}", "server.address=127.0.0.1");
	ck_assert_msg(strstr(line, "count=2"), "%s", line);
	line = metric_line("http.server.active_requests{{request}}",
	                   "http.request.method=GET");
	ck_assert_msg(strstr(line, "value=0"), "%s", line);
}
END_TEST

static const struct {
	const char *url, *host;
	int port;
	const char *redacted; /* NULL: no URL of ours */
} urls[] = {
	{ "http://a/", "a", 80, "http://a/" },
	{ "https://a", "a", 443, "https://a" },
	{ "HTTP://A:8080/x?y=1#z", "A", 8080, "HTTP://A:8080/x?y=1" },
	{ "http://[::1]:81/x", "::1", 81, "http://[::1]:81/x" },
	{ "http://me@a/", "a", 80, "http://REDACTED@a/" },
	{ "http://me:pw@a:1/?sig=x&b", "a", 1,
	  "http://REDACTED:REDACTED@a:1/?sig=REDACTED&b" },
	{ "http://a/p@q", "a", 80, "http://a/p@q" },
	{ "http://a?sig=", "a", 80, "http://a?sig=REDACTED" },
	{ "ftp://a/", "", 0, NULL },
	{ "http://", "", 0, NULL },
	{ "http:///x", "", 0, NULL },
	{ "", "", 0, NULL },
};

START_TEST(urls_are_taken_apart_and_lose_their_secrets)
{
	struct host_url url;
	char text[256], small[12];

	ck_assert_int_eq(host_url_parse(urls[_i].url, &url), urls[_i].redacted != NULL);
	if (!urls[_i].redacted)
		return;
	ck_assert_uint_eq(url.host_len, strlen(urls[_i].host));
	ck_assert_mem_eq(url.host, urls[_i].host, url.host_len);
	ck_assert_int_eq(url.port, urls[_i].port);
	ck_assert_uint_eq(host_url_redact(urls[_i].url, &url, text, sizeof text),
	                  strlen(text));
	ck_assert_str_eq(text, urls[_i].redacted);
	ck_assert_uint_le(host_url_redact(urls[_i].url, &url, small, sizeof small),
	                  sizeof small - 1);
	ck_assert_uint_le(strlen(small), sizeof small - 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("instrument");
	TCase *tc = tcase_create("service"), *url = tcase_create("url");

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_request_becomes_a_server_span);
	tcase_add_test(tc, an_access_log_record_belongs_to_its_span);
	tcase_add_test(tc, the_callers_trace_goes_on);
	tcase_add_test(tc, a_server_error_is_an_error_and_a_client_error_is_not);
	tcase_add_test(tc, an_unknown_method_is_other);
	tcase_add_test(tc, a_call_becomes_a_client_span_and_carries_the_trace);
	tcase_add_test(tc, a_call_that_fails_says_how);
	tcase_add_test(tc, spans_of_requests_at_once_do_not_mix);
	tcase_add_test(tc, a_dark_service_makes_and_carries_nothing);
	tcase_add_test(tc, nothing_is_made_of_untraced_paths_nor_of_their_calls);
	tcase_add_test(tc, durations_and_requests_in_flight_are_metrics);
	suite_add_tcase(suite, tc);
	tcase_add_loop_test(url, urls_are_taken_apart_and_lose_their_secrets, 0,
	                    sizeof urls / sizeof *urls);
	suite_add_tcase(suite, url);
	return check_main(suite);
}
