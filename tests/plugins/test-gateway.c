/* SPDX-License-Identifier: Apache-2.0 */
#include "check-main.h"
#include "fake/svc-host.h"
#include "fake/telemetry.h"
#include "gateway/app.c"

#define GEOLOCATOR "http://127.0.0.1:5002/"
#define DISTANCE   "http://127.0.0.1:5003/"

static struct fake_host fake;

static void
setup(void)
{
	fake_init(&fake, &svc_plugin);
	fake_answer(&fake, GEOLOCATOR, 200,
	            "{\"latitude\": 49.87167, \"longitude\": 8.65027}");
	fake_answer(&fake, DISTANCE, 200,
	            "{\"distance\": 9634.125678, "
	            "\"location\": {\"latitude\": 3.059, \"longitude\": 106.6659}}");
	fake_start(&fake);
}

static void
teardown(void)
{
	fake_fini(&fake);
}

START_TEST(the_answer_has_distance_location_and_place)
{
	struct fake_request *rq = fake_get(&fake, "/?location=Darmstadt");

	ck_assert_int_eq(rq->status, 200);
	ck_assert_str_eq(rq->type, "application/json");
	ck_assert_str_eq(rq->body,
	                 "{\"distance\":9634.13,"
	                 "\"location\":{\"latitude\":3.059,\"longitude\":106.6659},"
	                 "\"place\":{\"latitude\":49.87167,\"longitude\":8.65027}}");
	ck_assert_uint_eq(fake.n_calls, 2);
	ck_assert_str_eq(fake.calls[0].url, GEOLOCATOR "?location=Darmstadt");
	ck_assert_str_eq(fake.calls[1].url,
	                 DISTANCE "?latitude=49.871670000&longitude=8.650270000");
}
END_TEST

START_TEST(names_are_encoded)
{
	fake_get(&fake, "/?location=S%C3%A3o+Paulo%26x%3D1%23%25");
	ck_assert_str_eq(fake.calls[0].url,
	                 GEOLOCATOR "?location=S%C3%A3o%20Paulo%26x%3D1%23%25");
}
END_TEST

static const char *const nowhere[] = { "/", "/?location",
	                               "/?location=", "/?location=%20+%09", "/?q=x" };

START_TEST(no_location_is_a_400_and_asks_nobody)
{
	struct fake_request *rq = fake_get(&fake, nowhere[_i]);

	ck_assert_int_eq(rq->status, 400);
	ck_assert_str_eq(rq->body, "No location given");
	ck_assert_uint_eq(fake.n_calls, 0);
}
END_TEST

START_TEST(a_huge_location_is_a_400_and_asks_nobody)
{
	char target[8000] = "/?location=";

	memset(target + 11, 'x', sizeof target - 12);
	ck_assert_int_eq(fake_get(&fake, target)->status, 400);
	ck_assert_uint_eq(fake.n_calls, 0);
}
END_TEST

static const int statuses[] = { 400, 404, 500, 502, 503, 504 };

START_TEST(the_failing_service_has_the_word)
{
	struct fake_request *rq;

	fake_answer(&fake, DISTANCE, statuses[_i], "the second says no\n");
	rq = fake_get(&fake, "/?location=Darmstadt");
	ck_assert_int_eq(rq->status, statuses[_i]);
	ck_assert_str_eq(rq->body, "the second says no\n");
	ck_assert_str_eq(rq->type, "text/plain; charset=utf-8");

	fake_answer(&fake, GEOLOCATOR, statuses[_i], "the first says no\n");
	rq = fake_get(&fake, "/?location=Darmstadt");
	ck_assert_int_eq(rq->status, statuses[_i]);
	ck_assert_str_eq(rq->body, "the first says no\n");
	ck_assert_uint_eq(fake.n_calls, 3);
}
END_TEST

START_TEST(a_service_that_is_down_is_named)
{
	struct fake_request *rq;

	fake_no_answer(&fake, DISTANCE, -ECONNREFUSED, "refused");
	rq = fake_get(&fake, "/?location=Darmstadt");
	ck_assert_int_eq(rq->status, 502);
	ck_assert_str_eq(rq->body, "iss-distance-service did not answer\n");

	fake_no_answer(&fake, GEOLOCATOR, -ETIMEDOUT, "timed out");
	rq = fake_get(&fake, "/?location=Darmstadt");
	ck_assert_int_eq(rq->status, 504);
	ck_assert_str_eq(rq->body, "geolocator-service did not answer in time\n");

	fake_answer(&fake, GEOLOCATOR, 302, "");
	rq = fake_get(&fake, "/?location=Darmstadt");
	ck_assert_int_eq(rq->status, 502);
	ck_assert_str_eq(rq->body, "geolocator-service did not answer with a result\n");
}
END_TEST

static const char *const garbage[] = {
	"",
	"{",
	"[]",
	"{}",
	"{\"latitude\": \"1\", \"longitude\": 2}",
	"{\"distance\": 1}",
	"{\"distance\": \"1\", \"location\": {\"latitude\": 1, \"longitude\": 2}}"
};

START_TEST(garbage_becomes_502)
{
	struct fake_request *rq;

	fake_answer(&fake, DISTANCE, 200, garbage[_i]);
	rq = fake_get(&fake, "/?location=Darmstadt");
	ck_assert_int_eq(rq->status, 502);
	ck_assert_str_eq(
		rq->body,
		"iss-distance-service gave an answer that could not be understood\n");

	fake_answer(&fake, GEOLOCATOR, 200, garbage[_i]);
	rq = fake_get(&fake, "/?location=Darmstadt");
	ck_assert_int_eq(rq->status, 502);
	ck_assert_str_eq(
		rq->body,
		"geolocator-service gave an answer that could not be understood\n");
}
END_TEST

START_TEST(a_cancelled_request_ends)
{
	struct fake_request *rq;

	fake.hold_http = true;
	rq = fake_begin(&fake, "GET", "/?location=Darmstadt", NULL, NULL, 0);
	fake_resume(rq);
	ck_assert_uint_eq(fake.n_calls, 2);
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
	fake_answer(&fake, GEOLOCATOR, 200, "{\"latitude\": 1, \"longitude\": 2}");
	fake_answer(
		&fake, DISTANCE, 200,
		"{\"distance\": 3, \"location\": {\"latitude\": 4, \"longitude\": 5}}");
	fake_start(&fake);
}

static void
teardown_observed(void)
{
	fake_fini(&fake);
	fake_telemetry_fini();
}

START_TEST(an_answer_is_a_span_with_one_for_each_service)
{
	fake_get(&fake, "/?location=Darmstadt");
	ck_assert_str_eq(
		fake_spans(),
		"answering-question\n"
		"answering-question > asking-geolocator-service http.response.status_code=200\n"
		"answering-question > asking-iss-distance-service http.response.status_code=200\n");
	ck_assert_str_eq(
		fake_logs(),
		"INFO answered the question [answering-question] iss.distance=3.0\n");
	ck_assert_str_eq(fake_points(), "incoming.requests {request} 1\n");
}
END_TEST

/* The asker's mistake is a warning, and no error of the service that passes it on. */
START_TEST(a_refusal_is_a_warning)
{
	fake_get(&fake, "/");
	fake_answer(&fake, GEOLOCATOR, 404, "no such place");
	fake_get(&fake, "/?location=Nowhere");
	ck_assert_str_eq(
		fake_spans(),
		"answering-question\n"
		"answering-question\n"
		"answering-question > asking-geolocator-service ERROR http.response.status_code=404\n");
	ck_assert_str_eq(
		fake_logs(),
		"WARN no location given [answering-question]\n"
		"WARN a service that the answer needs gave none [answering-question] "
		"service.peer.name=\"geolocator-service\" http.response.status_code=404\n");
	ck_assert_str_eq(fake_points(), "incoming.requests {request} 2\n");
}
END_TEST

START_TEST(a_failure_is_an_error)
{
	fake_no_answer(&fake, DISTANCE, -ETIMEDOUT, "no answer in time");
	fake_get(&fake, "/?location=Darmstadt");
	ck_assert_str_eq(
		fake_spans(),
		"answering-question ERROR\n"
		"answering-question > asking-geolocator-service http.response.status_code=200\n"
		"answering-question > asking-iss-distance-service ERROR error.type=\"timeout\"\n");
	ck_assert_str_eq(
		fake_logs(),
		"ERROR a service that the answer needs gave none [answering-question] "
		"service.peer.name=\"iss-distance-service\" error.type=\"timeout\"\n");
}
END_TEST

START_TEST(garbage_is_an_error)
{
	fake_answer(&fake, GEOLOCATOR, 200, "garbage");
	fake_get(&fake, "/?location=Darmstadt");
	ck_assert_str_eq(
		fake_spans(),
		"answering-question ERROR\n"
		"answering-question > asking-geolocator-service http.response.status_code=200\n");
	ck_assert_str_eq(fake_logs(),
	                 "ERROR an answer could not be understood [answering-question] "
	                 "service.peer.name=\"geolocator-service\"\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("gateway");
	TCase *tcase = tcase_create("handle"), *observed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, the_answer_has_distance_location_and_place);
	tcase_add_test(tcase, names_are_encoded);
	tcase_add_loop_test(tcase, no_location_is_a_400_and_asks_nobody, 0,
	                    sizeof nowhere / sizeof nowhere[0]);
	tcase_add_test(tcase, a_huge_location_is_a_400_and_asks_nobody);
	tcase_add_loop_test(tcase, the_failing_service_has_the_word, 0,
	                    sizeof statuses / sizeof statuses[0]);
	tcase_add_test(tcase, a_service_that_is_down_is_named);
	tcase_add_loop_test(tcase, garbage_becomes_502, 0,
	                    sizeof garbage / sizeof garbage[0]);
	tcase_add_test(tcase, a_cancelled_request_ends);
	suite_add_tcase(suite, tcase);
	observed = tcase_create("observed");
	tcase_add_checked_fixture(observed, setup_observed, teardown_observed);
	tcase_add_test(observed, an_answer_is_a_span_with_one_for_each_service);
	tcase_add_test(observed, a_refusal_is_a_warning);
	tcase_add_test(observed, a_failure_is_an_error);
	tcase_add_test(observed, garbage_is_an_error);
	suite_add_tcase(suite, observed);
	return check_main(suite);
}
