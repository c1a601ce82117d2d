/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "check-main.h"
#include "fake/svc-host.h"
#include "fake/telemetry.h"
#include "geolocator-service/app.c"

#define SEARCH "http://127.0.0.1:5004/search"
#define FOUND \
	"[{\"lat\": \"49.87167\", \"lon\": \"8.65027\", \"display_name\": \"Darmstadt\"}]"

static struct fake_host fake;

static void
setup(void)
{
	fake_init(&fake, &svc_plugin);
	fake_answer(&fake, SEARCH, 200, FOUND);
}

static void
teardown(void)
{
	fake_fini(&fake);
}

/* Begins a request that may wait. */
static struct fake_request *
begin(const char *target)
{
	return fake_begin(&fake, "GET", target, NULL, NULL, 0);
}

START_TEST(a_place_is_somewhere)
{
	struct fake_request *rq;

	fake_start(&fake);
	rq = fake_get(&fake, "/?location=Darmstadt");
	ck_assert_int_eq(rq->status, 200);
	ck_assert_str_eq(rq->body, "{\"latitude\":49.87167,\"longitude\":8.65027}");
	ck_assert_str_eq(fake.calls[0].url, SEARCH "?q=darmstadt&format=jsonv2&limit=1");
	ck_assert_str_eq(fake_call_header(&fake.calls[0], "user-agent"),
	                 "cupola-geolocator-service/1.0.0");
	ck_assert_str_eq(fake_call_header(&fake.calls[0], "accept-language"), "en");
	ck_assert_uint_eq(fake.n_slept, 0);
}
END_TEST

START_TEST(a_place_that_is_not_is_a_404)
{
	fake_start(&fake);
	fake_answer(&fake, SEARCH, 200, "[]");
	ck_assert_int_eq(fake_get(&fake, "/?location=Nowhereville")->status, 404);
	/* And is remembered too. */
	ck_assert_int_eq(fake_get(&fake, "/?location=Nowhereville")->status, 404);
	ck_assert_uint_eq(fake.n_calls, 1);
}
END_TEST

START_TEST(no_location_is_a_400)
{
	static const char *const targets[] = { "/", "/?location=", "/?location=+%09+",
		                               "/?place=x" };

	fake_start(&fake);
	for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
		ck_assert_int_eq(fake_get(&fake, targets[i])->status, 400);
	ck_assert_uint_eq(fake.n_calls, 0);
}
END_TEST

START_TEST(the_longest_location_is_asked_for_and_one_byte_more_is_a_400)
{
	char target[MAX_LOCATION + 16] = "/?location=";

	fake_start(&fake);
	memset(target + 11, 'x', MAX_LOCATION - 1);
	ck_assert_int_eq(fake_get(&fake, target)->status, 200);
	target[11 + MAX_LOCATION - 1] = 'x';
	ck_assert_int_eq(fake_get(&fake, target)->status, 400);
}
END_TEST

START_TEST(a_place_is_asked_for_once)
{
	static const char *const same[] = { "Darmstadt", "darmstadt", "DARMSTADT",
		                            "++Darmstadt++", "%09darmstadt" };

	fake_start(&fake);
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
		char target[64];

		snprintf(target, sizeof target, "/?location=%s", same[i]);
		ck_assert_int_eq(fake_get(&fake, target)->status, 200);
	}
	ck_assert_uint_eq(fake.n_calls, 1);
}
END_TEST

START_TEST(numbers_are_taken_as_well_as_strings)
{
	fake_start(&fake);
	fake_answer(&fake, SEARCH, 200, "[{\"lat\": 1.5, \"lon\": -2}]");
	ck_assert_str_eq(fake_get(&fake, "/?location=x")->body,
	                 "{\"latitude\":1.5,\"longitude\":-2.0}");
}
END_TEST

static const char *const garbage[] = { "",
	                               "{",
	                               "null",
	                               "{}",
	                               "[1]",
	                               "[{}]",
	                               "[{\"lat\": \"1\"}]",
	                               "[{\"lat\": \"nan\", \"lon\": \"1\"}]",
	                               "[{\"lat\": \"91\", \"lon\": \"1\"}]",
	                               "[{\"lat\": \"1\", \"lon\": \"181\"}]",
	                               "{\"error\": \"busy\"}" };

START_TEST(garbage_becomes_502_and_is_not_remembered)
{
	struct fake_request *rq;

	fake_start(&fake);
	fake_answer(&fake, SEARCH, 200, garbage[_i]);
	rq = fake_get(&fake, "/?location=x");
	ck_assert_int_eq(rq->status, 502);
	ck_assert_str_eq(rq->body, "the place search did not give an answer\n");
	fake_answer(&fake, SEARCH, 200, FOUND);
	ck_assert_int_eq(fake_get(&fake, "/?location=x")->status, 200);
}
END_TEST

START_TEST(failure_becomes_502_and_silence_504)
{
	fake_start(&fake);
	fake_answer(&fake, SEARCH, 503, "busy");
	ck_assert_int_eq(fake_get(&fake, "/?location=x")->status, 502);
	fake_no_answer(&fake, SEARCH, -ECONNREFUSED, "refused");
	ck_assert_int_eq(fake_get(&fake, "/?location=x")->status, 502);
	fake_no_answer(&fake, SEARCH, -ETIMEDOUT, "timed out");
	ck_assert_int_eq(fake_get(&fake, "/?location=x")->status, 504);
}
END_TEST

START_TEST(who_asks_meanwhile_shares_the_answer)
{
	struct fake_request *first, *second, *third, *other;

	fake_start(&fake);
	fake.hold_http = true;
	first = begin("/?location=Darmstadt");
	second = begin("/?location=darmstadt");
	third = begin("/?location=Darmstadt");
	other = begin("/?location=London");
	ck_assert_uint_eq(fake.n_calls, 2);
	fake_resume(first);
	ck_assert(first->done && second->done && third->done && !other->done);
	ck_assert_int_eq(third->status, 200);
	ck_assert_str_eq(first->body, third->body);
	fake_resume(other);
	ck_assert_int_eq(other->status, 200);
}
END_TEST

START_TEST(a_failure_is_shared_too)
{
	struct fake_request *first, *second;

	fake_start(&fake);
	fake.hold_http = true;
	fake_answer(&fake, SEARCH, 500, "");
	first = begin("/?location=x");
	second = begin("/?location=x");
	fake_resume(first);
	ck_assert_int_eq(first->status, 502);
	ck_assert_int_eq(second->status, 502);
	ck_assert_uint_eq(fake.n_calls, 1);
}
END_TEST

START_TEST(when_the_one_who_asks_leaves_the_next_one_asks)
{
	struct fake_request *first, *second, *third;

	fake_start(&fake);
	fake.hold_http = true;
	first = begin("/?location=x");
	second = begin("/?location=x");
	third = begin("/?location=x");
	fake_cancel(first);
	ck_assert(first->done && !second->done && !third->done);
	ck_assert_uint_eq(fake.n_calls, 2);
	fake_resume(second);
	ck_assert_int_eq(second->status, 200);
	ck_assert_int_eq(third->status, 200);
	ck_assert_uint_eq(fake.n_calls, 2);
}
END_TEST

START_TEST(one_who_waits_may_leave)
{
	struct fake_request *first, *second;

	fake_start(&fake);
	fake.hold_http = true;
	first = begin("/?location=x");
	second = begin("/?location=x");
	fake_cancel(second);
	ck_assert(second->done);
	fake_resume(first);
	ck_assert_int_eq(first->status, 200);
}
END_TEST

START_TEST(the_public_service_is_asked_once_a_second)
{
	static const char *const urls[] = {
		"https://nominatim.openstreetmap.org/search",
		"https://NOMINATIM.openstreetmap.org:443/search"
	};

	fake_set(&fake, "search_url", urls[_i]);
	fake_set(&fake, "rate_limit", "50"); /* more than it allows */
	fake_answer(&fake, "https://", 200, FOUND);
	fake_start(&fake);
	fake.hold_sleep = true;
	for (int i = 0; i < 4; i++) {
		char target[32];

		snprintf(target, sizeof target, "/?location=x%d", i);
		ck_assert(!begin(target)->done);
		/* The fake's clock is the real one: what has passed since the start is a little. */
		ck_assert_int_le(fake.slept_ms[i], 1000 * (i + 1));
		ck_assert_int_gt(fake.slept_ms[i], 1000 * (i + 1) - 900);
	}
	ck_assert_uint_eq(fake.n_calls, 0);
	for (int i = 0; i < 4; i++)
		fake_resume(fake.requests[i]);
	ck_assert_uint_eq(fake.n_calls, 4);
}
END_TEST

START_TEST(other_services_are_asked_as_it_comes)
{
	fake_set(&fake, "search_url",
	         "https://nominatim.openstreetmap.org.example/search");
	fake_answer(&fake, "https://", 200, FOUND);
	fake_start(&fake);
	ck_assert_int_eq(fake_get(&fake, "/?location=x")->status, 200);
	ck_assert_uint_eq(fake.n_slept, 0);
}
END_TEST

START_TEST(the_queue_is_bounded)
{
	struct fake_request *rq;

	fake_set(&fake, "rate_limit", "0.5");
	fake_set(&fake, "queue", "2");
	fake_start(&fake);
	fake.hold_sleep = true;
	begin("/?location=a");
	begin("/?location=b");
	ck_assert_int_gt(fake.slept_ms[1], 3000);
	rq = fake_get(&fake, "/?location=c");
	ck_assert_int_eq(rq->status, 503);
	ck_assert_str_eq(fake_reply_header(rq, "retry-after"), "5");
	fake_cancel(fake.requests[0]);
	fake_resume(fake.requests[1]);
	ck_assert_int_eq(fake.requests[1]->status, 200);
	/* The one who left has made room. */
	ck_assert(!begin("/?location=d")->done);
	fake_resume(fake.requests[3]);
}
END_TEST

START_TEST(nothing_is_remembered_without_a_cache)
{
	fake_set(&fake, "cache_entries", "0");
	fake_start(&fake);
	fake_get(&fake, "/?location=x");
	fake_get(&fake, "/?location=x");
	ck_assert_uint_eq(fake.n_calls, 2);
}
END_TEST

START_TEST(wrong_settings_are_refused)
{
	struct otel_error err = OTEL_ERROR_INIT;

	fake_set(&fake, "cache_entries", "-1");
	ck_assert_int_eq(fake_start_fails(&fake, &err), -EINVAL);
	ck_assert_str_eq(err.message, "cache_entries is a number from 0 to 1000000");
}
END_TEST

/* ---- the cache by itself ---- */

START_TEST(the_least_used_goes_first)
{
	struct cache *cache = cache_new(3);
	struct location at = { true, 1, 2 }, out;

	cache_put(cache, "a", 100, &at);
	cache_put(cache, "b", 100, &at);
	cache_put(cache, "c", 100, &at);
	ck_assert(cache_get(cache, "a", 0, &out));
	cache_put(cache, "d", 100, &at);
	ck_assert(!cache_get(cache, "b", 0, &out));
	ck_assert(cache_get(cache, "a", 0, &out));
	ck_assert(cache_get(cache, "c", 0, &out));
	ck_assert(cache_get(cache, "d", 0, &out));
	cache_free(cache);
}
END_TEST

START_TEST(entries_grow_old)
{
	struct cache *cache = cache_new(2);
	struct location at = { true, 1, 2 }, other = { false, 0, 0 }, out;

	cache_put(cache, "a", 100, &at);
	ck_assert(cache_get(cache, "a", 99, &out));
	ck_assert_double_eq(out.longitude, 2);
	ck_assert(!cache_get(cache, "a", 100, &out));
	cache_put(cache, "a", 200, &other);
	cache_put(cache, "a", 300, &at);
	ck_assert(cache_get(cache, "a", 250, &out));
	ck_assert(out.exists);
	cache_free(cache);
	cache_free(NULL);
}
END_TEST

/* ---- what it says of itself ---- */

static void
setup_observed(void)
{
	fake_init(&fake, &svc_plugin);
	fake_telemetry_init(&fake);
	fake_answer(&fake, SEARCH, 200, FOUND);
	fake_start(&fake);
}

static void
teardown_observed(void)
{
	fake_fini(&fake);
	fake_telemetry_fini();
}

START_TEST(a_place_is_searched_once_and_then_remembered)
{
	fake_get(&fake, "/?location=Darmstadt");
	fake_get(&fake, "/?location=darmstadt");
	ck_assert_str_eq(
		fake_spans(),
		"finding-place geolocator.location=\"darmstadt\" geolocator.cache.hit=false\n"
		"finding-place > asking-geocoder http.response.status_code=200\n"
		"finding-place geolocator.location=\"darmstadt\" geolocator.cache.hit=true\n");
	ck_assert_str_eq(
		fake_logs(),
		"INFO found the place [finding-place] geolocator.location=\"darmstadt\" "
		"geolocator.cache.hit=false\n"
		"INFO found the place [finding-place] geolocator.location=\"darmstadt\" "
		"geolocator.cache.hit=true\n");
	ck_assert_str_eq(fake_points(),
	                 "incoming.requests {request} 2\n"
	                 "geocoder.requests {request} http.response.status_code=200 1\n");
}
END_TEST

START_TEST(a_place_that_is_not_and_no_place_at_all_are_warnings)
{
	fake_answer(&fake, SEARCH, 200, "[]");
	fake_get(&fake, "/?location=Nowhere");
	fake_get(&fake, "/");
	ck_assert_str_eq(
		fake_spans(),
		"finding-place geolocator.location=\"nowhere\" geolocator.cache.hit=false\n"
		"finding-place > asking-geocoder http.response.status_code=200\n"
		"finding-place\n");
	ck_assert_str_eq(
		fake_logs(),
		"WARN there is no such place [finding-place] geolocator.location=\"nowhere\"\n"
		"WARN no location given [finding-place]\n");
}
END_TEST

START_TEST(a_search_that_fails_is_an_error_on_both_spans)
{
	fake_no_answer(&fake, SEARCH, -ETIMEDOUT, "no answer in time");
	fake_get(&fake, "/?location=Darmstadt");
	ck_assert_str_eq(
		fake_spans(),
		"finding-place ERROR error.type=\"ETIMEDOUT\"\n"
		"finding-place > asking-geocoder ERROR error.type=\"ETIMEDOUT\"\n");
	ck_assert_str_eq(fake_logs(),
	                 "ERROR the place could not be searched [finding-place] "
	                 "exception.message=\"Connection timed out\"\n");
	ck_assert_str_eq(fake_points(),
	                 "incoming.requests {request} 1\n"
	                 "geocoder.requests {request} error.type=\"timeout\" 1\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("geolocator-service");
	TCase *handle = tcase_create("handle"), *cache = tcase_create("cache"), *observed;

	tcase_add_checked_fixture(handle, setup, teardown);
	tcase_add_test(handle, a_place_is_somewhere);
	tcase_add_test(handle, a_place_that_is_not_is_a_404);
	tcase_add_test(handle, no_location_is_a_400);
	tcase_add_test(handle,
	               the_longest_location_is_asked_for_and_one_byte_more_is_a_400);
	tcase_add_test(handle, a_place_is_asked_for_once);
	tcase_add_test(handle, numbers_are_taken_as_well_as_strings);
	tcase_add_loop_test(handle, garbage_becomes_502_and_is_not_remembered, 0,
	                    sizeof garbage / sizeof garbage[0]);
	tcase_add_test(handle, failure_becomes_502_and_silence_504);
	tcase_add_test(handle, who_asks_meanwhile_shares_the_answer);
	tcase_add_test(handle, a_failure_is_shared_too);
	tcase_add_test(handle, when_the_one_who_asks_leaves_the_next_one_asks);
	tcase_add_test(handle, one_who_waits_may_leave);
	tcase_add_loop_test(handle, the_public_service_is_asked_once_a_second, 0, 2);
	tcase_add_test(handle, other_services_are_asked_as_it_comes);
	tcase_add_test(handle, the_queue_is_bounded);
	tcase_add_test(handle, nothing_is_remembered_without_a_cache);
	tcase_add_test(handle, wrong_settings_are_refused);
	suite_add_tcase(suite, handle);
	tcase_add_test(cache, the_least_used_goes_first);
	tcase_add_test(cache, entries_grow_old);
	suite_add_tcase(suite, cache);
	observed = tcase_create("observed");
	tcase_add_checked_fixture(observed, setup_observed, teardown_observed);
	tcase_add_test(observed, a_place_is_searched_once_and_then_remembered);
	tcase_add_test(observed, a_place_that_is_not_and_no_place_at_all_are_warnings);
	tcase_add_test(observed, a_search_that_fails_is_an_error_on_both_spans);
	suite_add_tcase(suite, observed);
	return check_main(suite);
}
