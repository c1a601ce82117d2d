/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "check-main.h"
#include "fake/svc-host.h"
#include "fake/telemetry.h"
#include "iss-distance-service/app.c"

#define POSITION "http://127.0.0.1:5004/iss-now.json"

static struct fake_host fake;

static void
setup(void)
{
	fake_init(&fake, &svc_plugin);
	fake_answer(
		&fake, POSITION, 200,
		"{\"message\": \"success\", \"timestamp\": 1787673132, "
		"\"iss_position\": {\"latitude\": \"3.0590\", \"longitude\": \"106.6659\"}}");
	fake_start(&fake);
}

static void
teardown(void)
{
	fake_fini(&fake);
}

START_TEST(a_place_has_a_distance)
{
	struct fake_request *rq = fake_get(&fake,
	                                   "/?latitude=49.87167&longitude=8.65027");
	double distance, latitude, longitude;
	json_t *json;

	ck_assert_int_eq(rq->status, 200);
	ck_assert_str_eq(rq->type, "application/json");
	json = json_loads(rq->body, 0, NULL);
	ck_assert_int_eq(json_unpack(json, "{s:F, s:{s:F, s:F!}!}", "distance", &distance,
	                             "location", "latitude", &latitude, "longitude",
	                             &longitude),
	                 0);
	ck_assert_double_eq(latitude, 3.059);
	ck_assert_double_eq(longitude, 106.6659);
	ck_assert_double_eq_tol(distance,
	                        geodesic_km(&(struct coordinates){ 49.87167, 8.65027 },
	                                    &(struct coordinates){ 3.059, 106.6659 }),
	                        1e-6);
	json_decref(json);
	ck_assert_uint_eq(fake.n_calls, 1);
	ck_assert_str_eq(fake.calls[0].url, POSITION);
	ck_assert_int_eq(fake.calls[0].timeout_ms, 3000);
}
END_TEST

static const struct {
	const char *target, *text;
} wrong[] = {
	{ "/", "latitude and longitude are needed, in degrees\n" },
	{ "/?latitude=1", "latitude and longitude are needed, in degrees\n" },
	{ "/?longitude=1", "latitude and longitude are needed, in degrees\n" },
	{ "/?latitude=&longitude=1", "latitude must be a number from -90 to 90\n" },
	{ "/?latitude=x&longitude=1", "latitude must be a number from -90 to 90\n" },
	{ "/?latitude=nan&longitude=1", "latitude must be a number from -90 to 90\n" },
	{ "/?latitude=1e999&longitude=1", "latitude must be a number from -90 to 90\n" },
	{ "/?latitude=0x10&longitude=1", "latitude must be a number from -90 to 90\n" },
	{ "/?latitude=1,5&longitude=1", "latitude must be a number from -90 to 90\n" },
	{ "/?latitude=%201&longitude=1", "latitude must be a number from -90 to 90\n" },
	{ "/?latitude=90.0001&longitude=1",
	  "latitude must be a number from -90 to 90\n" },
	{ "/?latitude=-91&longitude=1", "latitude must be a number from -90 to 90\n" },
	{ "/?latitude=1&longitude=inf", "longitude must be a number from -180 to 180\n" },
	{ "/?latitude=1&longitude=180.1",
	  "longitude must be a number from -180 to 180\n" },
	{ "/?latitude=1&longitude=--1", "longitude must be a number from -180 to 180\n" },
	{ "/?latitude=1&longitude=1e", "longitude must be a number from -180 to 180\n" },
};

START_TEST(what_is_no_place_is_a_400_and_asks_nobody)
{
	struct fake_request *rq = fake_get(&fake, wrong[_i].target);

	ck_assert_int_eq(rq->status, 400);
	ck_assert_str_eq(rq->body, wrong[_i].text);
	ck_assert_uint_eq(fake.n_calls, 0);
}
END_TEST

START_TEST(the_edges_of_the_world_are_places)
{
	ck_assert_int_eq(fake_get(&fake, "/?latitude=90&longitude=-180")->status, 200);
	ck_assert_int_eq(fake_get(&fake, "/?latitude=-90.0&longitude=1.8e2")->status,
	                 200);
	ck_assert_int_eq(fake_get(&fake, "/?latitude=0&longitude=0")->status, 200);
}
END_TEST

static const struct {
	const char *body;
	int status;
} answers[] = {
	{ "{\"iss_position\": {\"latitude\": 1.5, \"longitude\": 2}}", 200 },
	{ "{\"timestamp\": \"178\", \"iss_position\": {\"latitude\": \"1.5\", \"longitude\": 2}}",
	  200 },
	{ "", 502 },
	{ "{\"iss_position\": {\"latitude\": \"5", 502 },
	{ "null", 502 },
	{ "[]", 502 },
	{ "{}", 502 },
	{ "{\"iss_position\": []}", 502 },
	{ "{\"iss_position\": {\"latitude\": \"1.5\"}}", 502 },
	{ "{\"iss_position\": {\"latitude\": \"\", \"longitude\": \"\"}}", 502 },
	{ "{\"iss_position\": {\"latitude\": \"nan\", \"longitude\": \"1\"}}", 502 },
	{ "{\"iss_position\": {\"latitude\": \"91\", \"longitude\": \"1\"}}", 502 },
	{ "{\"iss_position\": {\"latitude\": true, \"longitude\": 1}}", 502 },
	{ "{\"message\": \"failure\", \"iss_position\": {\"latitude\": 1, \"longitude\": 1}}",
	  502 },
	{ "{\"timestamp\": \"now\", \"iss_position\": {\"latitude\": 1, \"longitude\": 1}}",
	  502 },
	{ "<html>busy</html>", 502 },
};

START_TEST(only_a_position_is_taken_for_one)
{
	struct fake_request *rq;

	fake_answer(&fake, POSITION, 200, answers[_i].body);
	rq = fake_get(&fake, "/?latitude=1&longitude=2");
	ck_assert_int_eq(rq->status, answers[_i].status);
	if (rq->status == 502)
		ck_assert_str_eq(rq->body, "the ISS position service gave no position\n");
}
END_TEST

START_TEST(upstream_failure_becomes_502)
{
	fake_answer(&fake, POSITION, 503,
	            "{\"iss_position\": {\"latitude\": 1, \"longitude\": 1}}");
	ck_assert_int_eq(fake_get(&fake, "/?latitude=1&longitude=2")->status, 502);
	fake_no_answer(&fake, POSITION, -ECONNREFUSED, "connection refused");
	ck_assert_int_eq(fake_get(&fake, "/?latitude=1&longitude=2")->status, 502);
	fake_no_answer(&fake, POSITION, -EMSGSIZE, "the answer is too large");
	ck_assert_int_eq(fake_get(&fake, "/?latitude=1&longitude=2")->status, 502);
}
END_TEST

START_TEST(upstream_silence_becomes_504)
{
	struct fake_request *rq;

	fake_no_answer(&fake, POSITION, -ETIMEDOUT, "no answer in time");
	rq = fake_get(&fake, "/?latitude=1&longitude=2");
	ck_assert_int_eq(rq->status, 504);
	ck_assert_str_eq(rq->body, "the ISS position service took too long\n");
}
END_TEST

START_TEST(a_cancelled_request_ends)
{
	struct fake_request *rq;

	fake.hold_http = true;
	rq = fake_begin(&fake, "GET", "/?latitude=1&longitude=2", NULL, NULL, 0);
	ck_assert(!rq->done);
	fake_cancel(rq);
	ck_assert(rq->done);
}
END_TEST

/* ---- what it says of itself ---- */

static void
setup_observed(void)
{
	fake_init(&fake, &svc_plugin);
	fake_telemetry_init(&fake);
	fake_start(&fake);
}

static void
teardown_observed(void)
{
	fake_fini(&fake);
	fake_telemetry_fini();
}

#define ASKED \
	"http.request.method=\"GET\" url.full=\"http://127.0.0.1:5004/iss-now.json\" "

START_TEST(an_answer_is_two_spans_a_record_and_three_points)
{
	fake_answer(&fake, POSITION, 200,
	            "{\"iss_position\": {\"latitude\": 0, \"longitude\": -90}}");
	fake_get(&fake, "/?latitude=0&longitude=0");
	ck_assert_str_eq(
		fake_spans(),
		"calculating-iss-distance iss.distance=10018.8\n"
		"calculating-iss-distance > getting-iss-coordinates " ASKED
		"http.response.status_code=200 iss.position=\"0.0000,-90.0000\"\n");
	ck_assert_str_eq(
		fake_logs(),
		"INFO calculated the distance of the ISS [calculating-iss-distance] iss.distance=10018.8\n");
	ck_assert_str_eq(fake_points(),
	                 "incoming.requests {request} 1\n"
	                 "iss.requests {request} http.response.status_code=200 1\n"
	                 "iss.request.duration s http.response.status_code=200 1\n");
}
END_TEST

START_TEST(a_refusal_is_a_warning_and_no_error)
{
	fake_get(&fake, "/?latitude=x");
	ck_assert_str_eq(fake_spans(), "calculating-iss-distance\n");
	ck_assert_str_eq(fake_logs(),
	                 "WARN bad latitude or longitude [calculating-iss-distance]\n");
	ck_assert_str_eq(fake_points(), "incoming.requests {request} 1\n");
}
END_TEST

static const struct {
	int status, error;
	const char *outcome, *type;
} failures[] = {
	{ 503, 0, "http.response.status_code=503", "EBADMSG" },
	{ 200, 0, "http.response.status_code=200", "EBADMSG" },
	{ 0, -ETIMEDOUT, "error.type=\"timeout\"", "ETIMEDOUT" },
	{ 0, -ECONNREFUSED, "error.type=\"_OTHER\"", "ECONNREFUSED" },
};

START_TEST(a_failure_is_an_error_on_both_spans_and_in_a_record)
{
	const char *outcome = failures[_i].outcome, *type = failures[_i].type;
	char expected[1024];

	if (failures[_i].error)
		fake_no_answer(&fake, POSITION, failures[_i].error, "no answer");
	else
		fake_answer(&fake, POSITION, failures[_i].status, "<html>");
	fake_get(&fake, "/?latitude=0&longitude=0");

	snprintf(expected, sizeof expected,
	         "calculating-iss-distance ERROR error.type=\"%s\"\n"
	         "calculating-iss-distance > getting-iss-coordinates ERROR " ASKED
	         "%s%serror.type=\"%s\"\n",
	         type, failures[_i].error ? "" : outcome, failures[_i].error ? "" : " ",
	         type);
	ck_assert_str_eq(fake_spans(), expected);
	snprintf(expected, sizeof expected,
	         "ERROR no position of the ISS [getting-iss-coordinates] %s\n", outcome);
	ck_assert_str_eq(fake_logs(), expected);
	snprintf(expected, sizeof expected,
	         "incoming.requests {request} 1\n"
	         "iss.requests {request} %s 1\n"
	         "iss.request.duration s %s 1\n",
	         outcome, outcome);
	ck_assert_str_eq(fake_points(), expected);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("iss-distance-service");
	TCase *tcase = tcase_create("handle"), *observed = tcase_create("observed");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_place_has_a_distance);
	tcase_add_loop_test(tcase, what_is_no_place_is_a_400_and_asks_nobody, 0,
	                    sizeof wrong / sizeof wrong[0]);
	tcase_add_test(tcase, the_edges_of_the_world_are_places);
	tcase_add_loop_test(tcase, only_a_position_is_taken_for_one, 0,
	                    sizeof answers / sizeof answers[0]);
	tcase_add_test(tcase, upstream_failure_becomes_502);
	tcase_add_test(tcase, upstream_silence_becomes_504);
	tcase_add_test(tcase, a_cancelled_request_ends);
	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(observed, setup_observed, teardown_observed);
	tcase_add_test(observed, an_answer_is_two_spans_a_record_and_three_points);
	tcase_add_test(observed, a_refusal_is_a_warning_and_no_error);
	tcase_add_loop_test(observed, a_failure_is_an_error_on_both_spans_and_in_a_record,
	                    0, sizeof failures / sizeof failures[0]);
	suite_add_tcase(suite, observed);
	return check_main(suite);
}
