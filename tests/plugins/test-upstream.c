/* SPDX-License-Identifier: Apache-2.0 */
#include "check-main.h"
#include "fake/svc-host.h"
#include "upstream/app.c"

static struct fake_host fake;

static void
setup(void)
{
	fake_init(&fake, &svc_plugin);
	fake_set(&fake, "elements", ISS_TLE);
	fake_set(&fake, "places", CITIES);
	fake_start(&fake);
}

static void
teardown(void)
{
	fake_fini(&fake);
}

START_TEST(the_position_has_the_shape_of_open_notify)
{
	struct fake_request *rq = fake_get(&fake, "/iss-now.json?at=1787673132");

	ck_assert_int_eq(rq->status, 200);
	ck_assert_str_eq(rq->type, "application/json");
	ck_assert_str_eq(
		rq->body,
		"{\"message\":\"success\",\"timestamp\":1787673132,"
		"\"iss_position\":{\"latitude\":\"3.0590\",\"longitude\":\"106.6659\"}}");
	ck_assert_str_eq(fake_reply_header(rq, "X-Elements-Epoch"),
	                 "2026-08-25T15:51:11.984Z");
	ck_assert_str_eq(fake_reply_header(rq, "X-Elements-Age-Days"), "0.0");
}
END_TEST

START_TEST(positions_agree_with_the_reference)
{
	FILE *file = fopen(TEST_DATA "/sgp4/iss-26237-reference.tsv", "re");
	char line[512];

	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
	while (fgets(line, sizeof line, file)) {
		double latitude, longitude;
		const char *lat, *lon;
		char target[64];
		long at;
		json_t *json;

		ck_assert_int_eq(
			sscanf(line, "%ld %*s %lf %lf", &at, &latitude, &longitude), 3);
		snprintf(target, sizeof target, "/iss-now.json?at=%ld", at);
		json = json_loads(fake_get(&fake, target)->body, 0, NULL);
		ck_assert_int_eq(json_unpack(json, "{s:{s:s, s:s}}", "iss_position",
		                             "latitude", &lat, "longitude", &lon),
		                 0);
		ck_assert_double_eq_tol(strtod(lat, NULL), latitude, 1e-4);
		ck_assert_double_eq_tol(strtod(lon, NULL), longitude, 1e-4);
		json_decref(json);
	}
	fclose(file);
}
END_TEST

START_TEST(without_a_time_it_is_now)
{
	struct fake_request *rq = fake_get(&fake, "/iss-now.json");
	json_t *json = json_loads(rq->body, 0, NULL);
	time_t said = (time_t)json_integer_value(json_object_get(json, "timestamp"));

	ck_assert_int_eq(rq->status, 200);
	ck_assert_int_le(labs((long)(time(NULL) - said)), 2);
	json_decref(json);
}
END_TEST

START_TEST(a_time_that_is_none_is_a_400)
{
	static const char *const targets[] = { "/iss-now.json?at=",
		                               "/iss-now.json?at=now",
		                               "/iss-now.json?at=nan",
		                               "/iss-now.json?at=1e12",
		                               "/iss-now.json?at=99999999999",
		                               "/iss-now.json?at=0x10",
		                               "/iss-now.json?at=-99999999999" };

	for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
		ck_assert_int_eq(fake_get(&fake, targets[i])->status, 400);
}
END_TEST

START_TEST(places_have_the_shape_of_nominatim)
{
	struct fake_request *rq = fake_get(&fake,
	                                   "/search?q=Darmstadt&format=jsonv2&limit=1");
	const char *lat, *lon, *name, *label, *category, *licence;
	json_t *json = json_loads(rq->body, 0, NULL);

	ck_assert_int_eq(rq->status, 200);
	ck_assert_uint_eq(json_array_size(json), 1);
	ck_assert_int_eq(json_unpack(json, "[{s:s, s:s, s:s, s:s, s:s, s:s}]", "lat",
	                             &lat, "lon", &lon, "name", &name, "display_name",
	                             &label, "category", &category, "licence", &licence),
	                 0);
	ck_assert_str_eq(lat, "49.87167");
	ck_assert_str_eq(lon, "8.65027");
	ck_assert_str_eq(name, "Darmstadt");
	ck_assert_str_eq(label, "Darmstadt, Hesse, Germany");
	ck_assert_ptr_nonnull(strstr(licence, "CC BY 4.0"));
	json_decref(json);
	json = json_loads(fake_get(&fake, "/search?q=Darmstadt&format=json")->body, 0,
	                  NULL);
	ck_assert(json_is_string(json_object_get(json_array_get(json, 0), "class")));
	json_decref(json);
}
END_TEST

START_TEST(no_place_is_an_empty_list)
{
	ck_assert_str_eq(fake_get(&fake, "/search?q=Nowhereville")->body, "[]");
}
END_TEST

START_TEST(the_limit_holds)
{
	json_t *json = json_loads(fake_get(&fake, "/search?q=Springfield&limit=3")->body,
	                          0, NULL);

	ck_assert_uint_eq(json_array_size(json), 3);
	json_decref(json);
	json = json_loads(fake_get(&fake, "/search?q=san&limit=1000")->body, 0, NULL);
	ck_assert_uint_eq(json_array_size(json), MAX_LIMIT);
	json_decref(json);
}
END_TEST

START_TEST(wrong_searches_are_400)
{
	static const char *const targets[] = { "/search",
		                               "/search?q=",
		                               "/search?q=++",
		                               "/search?q=x&format=xml",
		                               "/search?q=x&limit=0",
		                               "/search?q=x&limit=-1",
		                               "/search?q=x&limit=many" };

	for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
		ck_assert_int_eq(fake_get(&fake, targets[i])->status, 400);
	ck_assert_int_eq(fake_get(&fake, "/elsewhere")->status, 404);
}
END_TEST

START_TEST(it_misbehaves_as_told_until_told_otherwise)
{
	ck_assert_int_eq(fake_post(&fake, "/fail?mode=503", NULL)->status, 200);
	ck_assert_int_eq(fake_get(&fake, "/iss-now.json")->status, 503);
	ck_assert_int_eq(fake_get(&fake, "/search?q=London")->status, 503);
	fake_post(&fake, "/fail?mode=none&of=places", NULL);
	ck_assert_int_eq(fake_get(&fake, "/iss-now.json")->status, 503);
	ck_assert_int_eq(fake_get(&fake, "/search?q=London")->status, 200);
	ck_assert_int_eq(fake_post(&fake, "/fail?mode=503&of=moon", NULL)->status, 400);
	fake_post(&fake, "/fail?mode=garbage", NULL);
	ck_assert_ptr_null(json_loads(fake_get(&fake, "/iss-now.json")->body, 0, NULL));
	fake_post(&fake, "/fail?mode=empty", NULL);
	ck_assert_str_eq(fake_get(&fake, "/iss-now.json")->body, "");
	fake_post(&fake, "/fail?mode=slow", NULL);
	ck_assert_int_eq(fake_get(&fake, "/iss-now.json")->status, 200);
	ck_assert_int_eq(fake.slept_ms[0], 20000);
	fake_post(&fake, "/fail?mode=none", NULL);
	ck_assert_int_eq(fake_get(&fake, "/iss-now.json")->status, 200);
	ck_assert_uint_eq(fake.n_slept, 1);
}
END_TEST

START_TEST(only_this_machine_may_tell_it)
{
	struct svc_header origin = { "Origin", "http://example.com" };
	struct fake_request *rq;

	ck_assert_int_eq(
		fake_begin(&fake, "POST", "/fail?mode=503", NULL, &origin, 1)->status,
		403);
	ck_assert_int_eq(fake_get(&fake, "/fail?mode=503")->status, 405);
	ck_assert_int_eq(fake_post(&fake, "/fail?mode=nothing", NULL)->status, 400);
	ck_assert_int_eq(fake_post(&fake, "/fail", NULL)->status, 400);
	fake.peer = "192.0.2.1";
	ck_assert_int_eq(fake_post(&fake, "/fail?mode=503", NULL)->status, 403);
	ck_assert_int_eq(fake_get(&fake, "/iss-now.json")->status, 200);
	fake.peer = "127.0.0.1";
	ck_assert(is_loopback("127.0.0.1") && is_loopback("127.9.9.9") &&
	          is_loopback("::1") && is_loopback("::ffff:127.0.0.1"));
	ck_assert(!is_loopback("10.0.0.1") && !is_loopback("::ffff:10.0.0.1") &&
	          !is_loopback("") && !is_loopback("fe80::1") && !is_loopback("::10"));
	rq = fake_post(&fake, "/fail?mode=none", NULL);
	ck_assert_str_eq(rq->body, "mode is none\n");
}
END_TEST

START_TEST(a_missing_file_is_a_start_that_fails)
{
	struct fake_host other;
	struct otel_error err = OTEL_ERROR_INIT;

	fake_init(&other, &svc_plugin);
	ck_assert_int_eq(fake_start_fails(&other, &err), -ENOENT);
	ck_assert_str_eq(err.message, "/nowhere/iss.tle: No such file or directory");
	fake_fini(&other);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("upstream");
	TCase *tcase = tcase_create("handle");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, the_position_has_the_shape_of_open_notify);
	tcase_add_test(tcase, positions_agree_with_the_reference);
	tcase_add_test(tcase, without_a_time_it_is_now);
	tcase_add_test(tcase, a_time_that_is_none_is_a_400);
	tcase_add_test(tcase, places_have_the_shape_of_nominatim);
	tcase_add_test(tcase, no_place_is_an_empty_list);
	tcase_add_test(tcase, the_limit_holds);
	tcase_add_test(tcase, wrong_searches_are_400);
	tcase_add_test(tcase, it_misbehaves_as_told_until_told_otherwise);
	tcase_add_test(tcase, only_this_machine_may_tell_it);
	tcase_add_test(tcase, a_missing_file_is_a_start_that_fails);
	suite_add_tcase(suite, tcase);
	return check_main(suite);
}
