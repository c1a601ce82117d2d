/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check-main.h"
#include "fake/svc-host.h"
#include "fake/telemetry.h"
#include "frontend/app.c"

#define GATEWAY "http://127.0.0.1:5001/"

static struct fake_host fake;
static char data_dir[] = "/tmp/frontend-XXXXXX";

static void
write_file(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", data_dir, name);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static void
make_folder(const char *name)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", data_dir, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void
remove_all(const char *const *names)
{
	for (; *names; names++) {
		char path[256];

		snprintf(path, sizeof path, "%s/%s", data_dir, *names);
		remove(path);
	}
	rmdir(data_dir);
}

static void
setup(void)
{
	strcpy(data_dir + sizeof data_dir - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(data_dir));
	make_folder("frontend");
	make_folder("frontend/app");
	make_folder("frontend/app/js");
	write_file("frontend/app/index.html", "<!doctype html><title>page</title>");
	write_file("frontend/app/js/map.js", "export {}\n");
	write_file("frontend/app/.secret", "hidden");
	write_file("secret.txt", "outside");

	fake_init(&fake, &svc_plugin);
	fake.host.data_dir = data_dir;
	fake_set(&fake, "elements", ISS_TLE);
	fake_set(&fake, "places", CITIES);
	fake_answer(&fake, GATEWAY, 200, "{\"distance\": 1.5}");
	fake_start(&fake);
}

static void
teardown(void)
{
	fake_fini(&fake);
	remove_all((const char *const[]){
		"frontend/app/js/map.js", "frontend/app/js", "frontend/app/index.html",
		"frontend/app/.secret", "frontend/app", "frontend", "secret.txt", NULL });
}

START_TEST(distance_is_what_gateway_says)
{
	struct fake_request *rq = fake_get(&fake,
	                                   "/api/distance?location=S%C3%A3o+Paulo");

	ck_assert_int_eq(rq->status, 200);
	ck_assert_str_eq(rq->body, "{\"distance\": 1.5}");
	ck_assert_str_eq(rq->type, "application/json");
	ck_assert_str_eq(fake.calls[0].url, GATEWAY "?location=S%C3%A3o%20Paulo");
	/* Nobody has made a span: nothing to point at. */
	ck_assert_ptr_null(fake_reply_header(rq, "traceresponse"));
}
END_TEST

START_TEST(the_answer_names_the_trace_it_came_of)
{
	struct otel_span_context context = { .trace_id = { 0x0a, 0xf7,
		                                           0x65, [15] = 0x9c },
		                             .span_id = { 0xb7, [7] = 0x31 },
		                             .flags = OTEL_TRACE_FLAG_SAMPLED };
	struct otel_span *span = otel_span_wrap(&context);
	struct otel_context *before = otel_context_swap(otel_span_as_context(span));
	struct fake_request *rq = fake_get(&fake, "/api/distance?location=x");

	otel_context_swap(before);
	ck_assert_str_eq(fake_reply_header(rq, "traceresponse"),
	                 "00-0af7650000000000000000000000009c-b700000000000031-01");
	otel_span_unref(span);
}
END_TEST

START_TEST(failures_of_gateway_pass_through)
{
	struct fake_request *rq;

	fake_answer(&fake, GATEWAY, 404, "There is no place of that name\n");
	rq = fake_get(&fake, "/api/distance?location=x");
	ck_assert_int_eq(rq->status, 404);
	ck_assert_str_eq(rq->body, "There is no place of that name\n");
	fake_no_answer(&fake, GATEWAY, -ECONNREFUSED, "refused");
	ck_assert_int_eq(fake_get(&fake, "/api/distance?location=x")->status, 502);
	fake_no_answer(&fake, GATEWAY, -ETIMEDOUT, "timed out");
	ck_assert_int_eq(fake_get(&fake, "/api/distance?location=x")->status, 504);
}
END_TEST

START_TEST(without_a_location_gateway_has_the_word)
{
	fake_answer(&fake, GATEWAY, 400, "No location given");
	ck_assert_str_eq(fake_get(&fake, "/api/distance")->body, "No location given");
	ck_assert_str_eq(fake.calls[0].url, GATEWAY "?location=");
}
END_TEST

START_TEST(a_huge_location_is_a_400)
{
	char target[8000] = "/api/distance?location=";

	memset(target + 23, '%', sizeof target - 24);
	ck_assert_int_eq(fake_get(&fake, target)->status, 400);
	ck_assert_uint_eq(fake.n_calls, 0);
}
END_TEST

START_TEST(the_live_map_has_position_track_and_source)
{
	struct fake_request *rq = fake_get(&fake, "/api/iss?at=1787673132");
	double latitude, longitude, altitude, at, lat, lon, period;
	const char *epoch, *name;
	json_t *json = json_loads(rq->body, 0, NULL), *past, *ahead;
	int simulated;

	ck_assert_int_eq(rq->status, 200);
	ck_assert_int_eq(
		json_unpack(json, "{s:F, s:F, s:F, s:b, s:{s:s, s:s}, s:F, s:{s:o, s:o}}",
	                    "latitude", &latitude, "longitude", &longitude, "altitude_km",
	                    &altitude, "simulated", &simulated, "elements", "name", &name,
	                    "epoch", &epoch, "period_s", &period, "track", "past", &past,
	                    "ahead", &ahead),
		0);
	ck_assert_double_eq_tol(latitude, 3.059011, 1e-5);
	ck_assert_double_eq_tol(longitude, 106.665852, 1e-5);
	ck_assert_double_eq_tol(altitude, 417.2, 0.1);
	ck_assert(simulated);
	ck_assert_str_eq(epoch, "2026-08-25T15:51:11.984Z");
	ck_assert_str_eq(name, "ISS (ZARYA)");
	ck_assert_uint_gt(json_array_size(past), 90);
	ck_assert_int_eq(json_unpack(json_array_get(past, json_array_size(past) - 1),
	                             "[F, F, F]", &at, &lat, &lon),
	                 0);
	ck_assert_double_eq(at, 1787673132);
	ck_assert_double_eq(lat, latitude);
	ck_assert_int_eq(
		json_unpack(json_array_get(ahead, 0), "[F, F, F]", &at, &lat, &lon), 0);
	ck_assert_double_eq(lon, longitude);
	ck_assert_int_eq(json_unpack(json_array_get(ahead, json_array_size(ahead) - 1),
	                             "[F, F, F]", &at, &lat, &lon),
	                 0);
	ck_assert_double_eq_tol(at, 1787673132 + period, 0.1);
	json_decref(json);
	ck_assert_uint_eq(fake.n_calls, 0);
	ck_assert_ptr_null(strstr(fake_get(&fake, "/api/iss?track=no")->body, "track"));
	ck_assert_int_eq(fake_get(&fake, "/api/iss?at=x")->status, 400);
}
END_TEST

START_TEST(suggestions_come_while_typing)
{
	struct fake_request *rq = fake_get(&fake, "/api/suggest?q=darms");
	const char *name, *label;
	json_t *json = json_loads(rq->body, 0, NULL);

	ck_assert_int_eq(rq->status, 200);
	ck_assert_int_eq(json_unpack(json, "{s:[{s:s, s:s}]}", "suggestions", "name",
	                             &name, "label", &label),
	                 0);
	ck_assert_str_eq(name, "Darmstadt");
	ck_assert_str_eq(label, "Darmstadt, Hesse, Germany");
	json_decref(json);
	ck_assert_str_eq(fake_get(&fake, "/api/suggest")->body, "{\"suggestions\":[]}");
	ck_assert_str_eq(fake_get(&fake, "/api/suggest?q=%00")->body,
	                 "{\"suggestions\":[]}");
	ck_assert_int_eq(fake_get(&fake, "/api/suggest?q=a&limit=x")->status, 400);
	json = json_loads(fake_get(&fake, "/api/suggest?q=s&limit=3")->body, 0, NULL);
	ck_assert_uint_eq(json_array_size(json_object_get(json, "suggestions")), 3);
	json_decref(json);
	ck_assert_uint_eq(fake.n_calls, 0);
}
END_TEST

START_TEST(the_page_is_served_with_its_policy)
{
	struct fake_request *rq = fake_get(&fake, "/");
	struct svc_header have = { "If-None-Match", fake_reply_header(rq, "ETag") };

	ck_assert_int_eq(rq->status, 200);
	ck_assert_str_eq(rq->type, "text/html; charset=utf-8");
	ck_assert_str_eq(rq->body, "<!doctype html><title>page</title>");
	ck_assert_ptr_nonnull(strstr(fake_reply_header(rq, "Content-Security-Policy"),
	                             "default-src 'self'"));
	ck_assert_ptr_null(
		strstr(fake_reply_header(rq, "Content-Security-Policy"), "unsafe"));
	ck_assert_int_eq(fake_begin(&fake, "GET", "/", NULL, &have, 1)->status, 304);
	ck_assert_str_eq(fake_get(&fake, "/js/map.js")->type,
	                 "text/javascript; charset=utf-8");
}
END_TEST

START_TEST(nothing_outside_the_page_is_served)
{
	static const char *const targets[] = { "/../../secret.txt",
		                               "/js/../../../secret.txt",
		                               "/.secret",
		                               "//secret.txt",
		                               "/js",
		                               "/js/",
		                               "/api/",
		                               "/api/x",
		                               "/index.html/x" };

	for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
		ck_assert_int_eq(fake_get(&fake, targets[i])->status, 404);
	ck_assert_int_eq(fake_post(&fake, "/", NULL)->status, 405);
	ck_assert_int_eq(fake_post(&fake, "/api/distance?location=x", NULL)->status, 405);
}
END_TEST

START_TEST(without_a_page_the_answers_are_there)
{
	struct fake_host bare;

	fake_init(&bare, &svc_plugin);
	fake_set(&bare, "elements", ISS_TLE);
	fake_set(&bare, "places", CITIES);
	fake_start(&bare);
	ck_assert_ptr_nonnull(strstr(bare.logged, "no page: /nowhere/frontend/app"));
	ck_assert_int_eq(fake_get(&bare, "/")->status, 404);
	ck_assert_int_eq(fake_get(&bare, "/api/iss")->status, 200);
	fake_fini(&bare);
}
END_TEST

#define TRACE_ID "0af7651916cd43dd8448eb211c80319c"

START_TEST(a_trace_is_what_the_station_has_of_it)
{
	struct fake_request *rq;

	fake_answer(&fake, "http://127.0.0.1:5050/", 200, "{\"resourceSpans\": []}");
	rq = fake_get(&fake, "/api/trace?trace_id=" TRACE_ID);
	ck_assert_int_eq(rq->status, 200);
	ck_assert_str_eq(rq->body, "{\"resourceSpans\": []}");
	ck_assert_str_eq(fake.calls[0].url,
	                 "http://127.0.0.1:5050/api/telemetry/spans?trace_id=" TRACE_ID);
	fake_no_answer(&fake, "http://127.0.0.1:5050/", -ECONNREFUSED, "refused");
	ck_assert_int_eq(fake_get(&fake, "/api/trace?trace_id=" TRACE_ID)->status, 502);
	ck_assert_int_eq(fake_get(&fake, "/api/trace")->status, 400);
	ck_assert_int_eq(fake_get(&fake, "/api/trace?trace_id=1")->status, 400);
	ck_assert_int_eq(fake_get(&fake, "/api/trace?trace_id=" TRACE_ID "0")->status,
	                 400);
	ck_assert_int_eq(
		fake_get(&fake, "/api/trace?trace_id=../../../../../../../../../secret")
			->status,
		400);
}
END_TEST

/* ---- what it says of itself ---- */

static void
setup_observed(void)
{
	fake_init(&fake, &svc_plugin);
	fake_telemetry_init(&fake);
	fake_set(&fake, "elements", ISS_TLE);
	fake_set(&fake, "places", CITIES);
	fake_answer(&fake, GATEWAY, 200, "{\"distance\": 1.5}");
	fake_start(&fake);
}

static void
teardown_observed(void)
{
	fake_fini(&fake);
	fake_telemetry_fini();
}

START_TEST(an_answer_is_a_span_and_names_its_trace)
{
	struct fake_request *rq = fake_get(&fake, "/api/distance?location=x");
	const char *trace = fake_reply_header(rq, "traceresponse");

	ck_assert_ptr_nonnull(trace);
	ck_assert_uint_eq(strlen(trace), 55);
	ck_assert_str_eq(fake_spans(), "asking-gateway http.response.status_code=200\n");
	ck_assert_str_eq(fake_logs(), "INFO gateway gave an answer [asking-gateway]\n");
	ck_assert_str_eq(fake_points(), "incoming.requests {request} 1\n");
}
END_TEST

START_TEST(refusals_are_warnings_and_failures_errors)
{
	fake_answer(&fake, GATEWAY, 404, "no such place");
	fake_get(&fake, "/api/distance?location=x");
	fake_no_answer(&fake, GATEWAY, -ECONNREFUSED, "refused");
	fake_get(&fake, "/api/distance?location=x");
	ck_assert_str_eq(fake_spans(),
	                 "asking-gateway ERROR http.response.status_code=404\n"
	                 "asking-gateway ERROR error.type=\"_OTHER\"\n");
	ck_assert_str_eq(
		fake_logs(),
		"WARN gateway gave no answer [asking-gateway] http.response.status_code=404\n"
		"ERROR gateway gave no answer [asking-gateway] error.type=\"_OTHER\"\n");
}
END_TEST

/* What the page does on its own would drown what somebody asked for. */
START_TEST(the_map_and_the_suggestions_say_nothing)
{
	fake_get(&fake, "/api/iss");
	fake_get(&fake, "/api/suggest?q=darm");
	fake_get(&fake, "/api/about");
	ck_assert_str_eq(fake_spans(), "");
	ck_assert_str_eq(fake_logs(), "");
	ck_assert_str_eq(fake_points(), "");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("frontend");
	TCase *tcase = tcase_create("handle"), *observed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, distance_is_what_gateway_says);
	tcase_add_test(tcase, the_answer_names_the_trace_it_came_of);
	tcase_add_test(tcase, failures_of_gateway_pass_through);
	tcase_add_test(tcase, without_a_location_gateway_has_the_word);
	tcase_add_test(tcase, a_huge_location_is_a_400);
	tcase_add_test(tcase, the_live_map_has_position_track_and_source);
	tcase_add_test(tcase, suggestions_come_while_typing);
	tcase_add_test(tcase, the_page_is_served_with_its_policy);
	tcase_add_test(tcase, nothing_outside_the_page_is_served);
	tcase_add_test(tcase, without_a_page_the_answers_are_there);
	tcase_add_test(tcase, a_trace_is_what_the_station_has_of_it);
	suite_add_tcase(suite, tcase);
	observed = tcase_create("observed");
	tcase_add_checked_fixture(observed, setup_observed, teardown_observed);
	tcase_add_test(observed, an_answer_is_a_span_and_names_its_trace);
	tcase_add_test(observed, refusals_are_warnings_and_failures_errors);
	tcase_add_test(observed, the_map_and_the_suggestions_say_nothing);
	suite_add_tcase(suite, observed);
	return check_main(suite);
}
