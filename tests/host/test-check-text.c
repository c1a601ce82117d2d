/* SPDX-License-Identifier: Apache-2.0 */
/* What the command and the station read check files with: nearness, ${names}, durations, places, characters. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check-main.h"
#include "check-place.h"
#include "near.h"
#include "utf8.h"
#include "vars.h"

/* ---- nearness ---- */

START_TEST(distance_counts_letters)
{
	ck_assert_uint_eq(near_distance("count", "count"), 0);
	ck_assert_uint_eq(near_distance("cuont", "count"), 1); /* neighbours swapped */
	ck_assert_uint_eq(near_distance("Count", "cOUNT"), 0);
	ck_assert_uint_eq(near_distance("", "abc"), 3);
	ck_assert_uint_eq(near_distance("kitten", "sitting"), 3);
	ck_assert_uint_eq(
		near_distance(
			"0123456789012345678901234567890123456789012345678901234567890123",
			"0"),
		NEAR_FAR);
	ck_assert(near_is_typo("services", "servces"));
	ck_assert(!near_is_typo("a", "xyz"));
}
END_TEST

START_TEST(names_are_near_by_their_words_too)
{
	ck_assert_uint_eq(near_apart("a b", "a b"), 0);
	ck_assert_uint_lt(near_apart("getting-iss-coordinates", "getting-iss"),
	                  NEAR_APART);
	ck_assert_uint_lt(near_apart("incoming.requests", "incoming_requests"),
	                  NEAR_APART);
	ck_assert_uint_lt(near_apart("GET /users", "GET"), NEAR_APART);
	ck_assert_uint_ge(near_apart("calculating-iss-distance", "GET /"), NEAR_APART);
	ck_assert_uint_ge(near_apart("", "x"), NEAR_APART);
	/* The nearer one is nearer. */
	ck_assert_uint_lt(near_apart("getting-iss-coordinates", "getting-iss-coordinate"),
	                  near_apart("getting-iss-coordinates", "getting-iss"));
	ck_assert_uint_gt(near_apart("iss-getting", "getting-iss"), 0);
}
END_TEST

/* ---- ${names} ---- */

static json_t *values;

static void
setup(void)
{
	values = json_pack("{s:i, s:s, s:f, s:b, s:[i], s:s}", "n", 3, "word", "hello",
	                   "real", 1.5, "yes", 1, "list", 7, "with-dash.dot", "x");
}

static void
teardown(void)
{
	json_decref(values);
}

static char *
expanded(const char *text)
{
	char name[VARS_NAME_MAX];
	json_t *out = NULL;
	char *dump;

	ck_assert_int_eq(vars_expand(text, values, &out, name), 0);
	dump = json_dumps(out, JSON_ENCODE_ANY | JSON_COMPACT);
	json_decref(out);
	return dump;
}

static void
assert_expanded(const char *text, const char *json)
{
	char *dump = expanded(text);

	ck_assert_str_eq(dump, json);
	free(dump);
}

START_TEST(a_name_alone_keeps_its_type)
{
	assert_expanded("${n}", "3");
	assert_expanded("${real}", "1.5");
	assert_expanded("${yes}", "true");
	assert_expanded("${list}", "[7]");
	assert_expanded("${word}", "\"hello\"");
}
END_TEST

START_TEST(names_within_a_text_become_text)
{
	assert_expanded("", "\"\"");
	assert_expanded("plain", "\"plain\"");
	assert_expanded("${word} ${n}, ${real}!", "\"hello 3, 1.5!\"");
	assert_expanded("${with-dash.dot}/", "\"x/\"");
	assert_expanded(" ${n}", "\" 3\"");
	assert_expanded("$$ $5 $", "\"$ $5 $\"");
	assert_expanded("$${n}", "\"${n}\"");
}
END_TEST

START_TEST(small_texts_do_not_become_huge_by_large_values)
{
	static char large[100001];
	json_t *many, *out = NULL;
	char name[VARS_NAME_MAX];

	memset(large, 'x', sizeof large - 1);
	many = json_pack("{s:s,s:[s,s,s]}", "l", large, "list", large, large, large);
	ck_assert_int_eq(vars_expand("${l}${l}", many, &out, name), 0);
	json_decref(out);
	out = NULL;
	ck_assert_int_eq(vars_expand("${l}${l}${l}", many, &out, name), -E2BIG);
	ck_assert_int_eq(vars_expand("${list}", many, &out, name), -E2BIG);
	ck_assert_ptr_null(out);
	json_decref(many);
}
END_TEST

START_TEST(what_cannot_be_expanded_is_named)
{
	char name[VARS_NAME_MAX], longest[300] = "${";
	json_t *out = NULL;

	ck_assert_int_eq(vars_expand("a ${other} ${n}", values, &out, name), -ENOENT);
	ck_assert_str_eq(name, "other");
	ck_assert_int_eq(vars_expand("${open", values, &out, name), -EINVAL);
	ck_assert_str_eq(name, "open");
	memset(longest + 2, 'x', 200);
	longest[202] = '}';
	ck_assert_int_eq(vars_expand(longest, values, &out, name), -EINVAL);
	ck_assert_ptr_null(out);
}
END_TEST

START_TEST(durations)
{
	static const struct {
		const char *text;
		double ns;
	} good[] = {
		{ "500ms", 5e8 }, { "5s", 5e9 },    { "1.5s", 1.5e9 }, { "0s", 0 },
		{ "2m", 120e9 },  { "1h", 3600e9 }, { "10us", 1e4 },   { "3ns", 3 }
	};
	static const char *const bad[] = { "",    "5",     "s",   "-1s", "5 s",  "5sec",
		                           "inf", "1e99h", "nan", " 1s", "0x1s1" };
	double ns;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		ck_assert_int_eq(vars_duration(good[i].text, &ns), 0);
		ck_assert_double_eq(ns, good[i].ns);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(vars_duration(bad[i], &ns) == -EINVAL, "%s", bad[i]);
}
END_TEST

/* ---- places ---- */

static void
assert_place(const char *text, const char *path, int line, int column)
{
	int l = 0, c = 0;

	ck_assert(check_place(text, path, &l, &c));
	ck_assert_msg(l == line && c == column, "%s: %d:%d, not %d:%d", path, l, c, line,
	              column);
}

START_TEST(a_path_is_found_in_the_text)
{
	static const char text[] = "{\n"
				   " \"title\" : \"a } ] \\\" text\",\n"
				   " \"list\":[ 1, {\"a\": 2}, [3, [4]], \"]\" ],\n"
				   " \"http\": {\"x\": 1}, \"http.x\": {\"y\": 2},\n"
				   " \"ä\": {\"ö\": {}, \"z\": null}\n"
				   "}\n";

	assert_place(text, "title", 2, 2);
	assert_place(text, "list[0]", 3, 11);
	assert_place(text, "list[1].a", 3, 15);
	assert_place(text, "list[2][1][0]", 3, 29);
	assert_place(text, "list[3]", 3, 34);
	assert_place(text, "http.x.y", 4, 31); /* the longest key that fits */
	assert_place(text, "http", 4, 2);
	assert_place(text, "ä.ö", 5, 8);
	assert_place(text, "ä.z", 5, 17);
	/* As far as it leads. */
	assert_place(text, "list[9]", 3, 2);
	assert_place(text, "list[1].b", 3, 14);
	assert_place(text, "title.x", 2, 2);
	assert_place(text, "nothing", 1, 1);
	assert_place(text, "", 1, 1);
	assert_place("  [5]", "[0]", 1, 4);
	ck_assert(!check_place("", "a", &(int){ 0 }, &(int){ 0 }));
}
END_TEST

/* ---- characters ---- */

static void
assert_mended(const char *text, const char *mended)
{
	char copy[64];

	strcpy(copy, text);
	ck_assert_str_eq(utf8_mend(copy), mended);
}

START_TEST(what_is_no_character_is_replaced)
{
	assert_mended("plain", "plain");
	assert_mended("ä€𝄞", "ä€𝄞");
	assert_mended("a\xc3", "a?");
	assert_mended("a\xe2\x82", "a??");
	assert_mended("\xc0\xaf", "??");           /* a longer form than there need be */
	assert_mended("\xed\xa0\x80", "???");      /* a surrogate */
	assert_mended("\xf4\x90\x80\x80", "????"); /* past the last one */
	assert_mended("\xff\xe4x", "??x");
	assert_mended("\xf0\x9f\x98", "???");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("host/check-text");
	TCase *tcase = tcase_create("reading");

	tcase_add_checked_fixture(tcase, setup, teardown);
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, distance_counts_letters);
	tcase_add_test(tcase, names_are_near_by_their_words_too);
	tcase_add_test(tcase, a_name_alone_keeps_its_type);
	tcase_add_test(tcase, names_within_a_text_become_text);
	tcase_add_test(tcase, small_texts_do_not_become_huge_by_large_values);
	tcase_add_test(tcase, what_cannot_be_expanded_is_named);
	tcase_add_test(tcase, durations);
	tcase_add_test(tcase, a_path_is_found_in_the_text);
	tcase_add_test(tcase, what_is_no_character_is_replaced);
	return check_main(suite);
}
