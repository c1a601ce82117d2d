/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check-main.h"
#include "gazetteer.h"

static struct gazetteer *world;

static void
load(void)
{
	struct otel_error err = OTEL_ERROR_INIT;

	ck_assert_msg(gazetteer_load(CITIES, &world, &err) == 0, "%s", err.message);
}

static void
unload(void)
{
	gazetteer_free(world);
}

/* The label of the best answer; "" for none. */
static const char *
first(const char *query, enum gazetteer_match match)
{
	static char label[256];
	const struct place *found[1];

	if (gazetteer_find(world, query, match, found, 1) == 0)
		return "";
	return place_label(found[0], label, sizeof label);
}

static const struct {
	const char *query, *label;
} questions[] = {
	{ "Darmstadt", "Darmstadt, Hesse, Germany" },
	{ "darmstadt, germany", "Darmstadt, Hesse, Germany" },
	{ "DARMSTADT, Hesse, DE", "Darmstadt, Hesse, Germany" },
	{ "Zürich", "Zürich, Zurich, Switzerland" },
	{ "zurich", "Zürich, Zurich, Switzerland" },
	{ "sao paulo", "São Paulo, Brazil" },
	{ "München", "Munich, Bavaria, Germany" },
	{ "Munich", "Munich, Bavaria, Germany" },
	{ "New York", "New York City, New York, United States" },
	{ "nyc", "New York City, New York, United States" },
	{ "Springfield", "Springfield, Missouri, United States" },
	{ "Springfield, Illinois", "Springfield, Illinois, United States" },
	{ "Springfield, IL, USA", "Springfield, Illinois, United States" },
	{ "springfield illinois", "Springfield, Illinois, United States" },
	{ "Paris", "Paris, Île-de-France, France" },
	{ "Paris, US", "Paris, Texas, United States" },
	{ "paris texas", "Paris, Texas, United States" },
	{ "London", "London, England, United Kingdom" },
	{ "London, Canada", "London, Ontario, Canada" },
	{ "london uk", "London, England, United Kingdom" },
	{ "Frankfurt", "Frankfurt am Main, Hesse, Germany" },
	{ "Frankfurt am", "Frankfurt am Main, Hesse, Germany" },
	{ "Islamabad", "Islamabad, Pakistan" },
	{ "Washington, D.C.", "Washington, D.C., District of Columbia, United States" },
	{ "Washington, D.C., US",
	  "Washington, D.C., District of Columbia, United States" },
	{ "Abidjan, Ivory Coast", "Abidjan, Abidjan Autonomous District, Côte d'Ivoire" },
	{ "Москва", "Moscow, Russia" },
	{ "Darms", "" },
	{ "Darmstadt, France", "" },
	{ "Nowhereville", "" },
	{ "", "" },
	{ ",", "" },
	{ ", Germany", "" },
	{ "\xff\xfe", "" },
	{ "Paris, a, b, c, d, e, f", "" },
};

START_TEST(questions_find_their_place)
{
	ck_assert_msg(strcmp(first(questions[_i].query, GAZETTEER_WORDS),
	                     questions[_i].label) == 0,
	              "%s: %s", questions[_i].query,
	              first(questions[_i].query, GAZETTEER_WORDS));
}
END_TEST

START_TEST(beginnings_suggest_larger_places_first)
{
	const struct place *found[20];
	size_t n = gazetteer_find(world, "darm", GAZETTEER_PREFIX, found, 20);

	ck_assert_uint_ge(n, 1);
	ck_assert_str_eq(found[0]->name, "Darmstadt");
	n = gazetteer_find(world, "lon", GAZETTEER_PREFIX, found, 20);
	ck_assert_uint_eq(n, 20);
	ck_assert_str_eq(found[0]->name, "London");
	for (size_t i = 1; i < n; i++)
		if (strncmp(found[i]->name, "Lon", 3) == 0 &&
		    strncmp(found[i - 1]->name, "Lon", 3) == 0)
			ck_assert_int_ge(found[i - 1]->population, found[i]->population);
	ck_assert_str_eq(first("springfield, ill", GAZETTEER_PREFIX),
	                 "Springfield, Illinois, United States");
}
END_TEST

START_TEST(a_place_is_found_once)
{
	const struct place *found[50];
	size_t n = gazetteer_find(world, "san", GAZETTEER_PREFIX, found, 50);

	ck_assert_uint_eq(n, 50);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			ck_assert_ptr_ne(found[i], found[j]);
}
END_TEST

/* The page suggests labels and asks for them. Two places of one name in one region look the same. */
START_TEST(every_label_finds_a_place_of_that_name)
{
	const struct place *all[50];
	static const char *const letters[] = { "a",  "b", "mun",  "san",
		                               "st", "v", "wash", "z" };

	for (size_t k = 0; k < sizeof letters / sizeof letters[0]; k++) {
		size_t n = gazetteer_find(world, letters[k], GAZETTEER_PREFIX, all, 50);

		ck_assert_uint_gt(n, 0);
		for (size_t i = 0; i < n; i++) {
			char label[256];

			place_label(all[i], label, sizeof label);
			ck_assert_str_eq(first(label, GAZETTEER_WORDS), label);
		}
	}
}
END_TEST

START_TEST(no_more_than_asked_for_comes_back)
{
	const struct place *found[60];

	ck_assert_uint_eq(gazetteer_find(world, "s", GAZETTEER_PREFIX, found, 0), 0);
	ck_assert_uint_eq(gazetteer_find(world, "s", GAZETTEER_PREFIX, found, 3), 3);
	ck_assert_uint_eq(gazetteer_find(world, "s", GAZETTEER_PREFIX, found, 60), 50);
}
END_TEST

START_TEST(a_huge_question_finds_nothing)
{
	char *huge = malloc(1 << 20);
	const struct place *found[1];

	memset(huge, 'a', (1 << 20) - 1);
	huge[(1 << 20) - 1] = '\0';
	ck_assert_uint_eq(gazetteer_find(world, huge, GAZETTEER_WORDS, found, 1), 0);
	free(huge);
}
END_TEST

/* Loads `text` from a file of its own. */
static int
load_text(const char *text, struct gazetteer **out, struct otel_error *err)
{
	char path[] = "/tmp/gazetteer-XXXXXX";
	int fd = mkstemp(path), r;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	r = gazetteer_load(path, out, err);
	unlink(path);
	return r;
}

#define HEADER \
	"name\tascii_name\talternate_names\tcountry_code\tadmin1\tlatitude\tlongitude\tpopulation\tadmin1_code\tgeoname_id\tfeature_code\n"

START_TEST(a_small_file_without_a_last_newline_is_read)
{
	struct gazetteer *small = NULL;
	const struct place *found[1];

	ck_assert_int_eq(
		load_text(HEADER "Ää\tAa\tBb|\tDE\t\t1\t2\t3\t4\t5\tPPL", &small, NULL),
		0);
	ck_assert_uint_eq(gazetteer_find(small, "bb", GAZETTEER_WORDS, found, 1), 1);
	ck_assert_double_eq(found[0]->longitude, 2);
	gazetteer_free(small);
}
END_TEST

START_TEST(a_wrong_line_is_named)
{
	static const char *const wrong[] = {
		"A\tA\t\tDE\tx\t1\t2\t3\t4\t5\n",        /* a column short */
		"A\tA\t\tDE\tx\t91\t2\t3\t4\t5\tPPL\n",  /* latitude */
		"A\tA\t\tDE\tx\t1\tnan\t3\t4\t5\tPPL\n", /* longitude */
		"A\tA\t\tQQ\tx\t1\t2\t3\t4\t5\tPPL\n",   /* country */
		"\tA\t\tDE\tx\t1\t2\t3\t4\t5\tPPL\n",    /* name */
	};
	struct gazetteer *none = NULL;

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct otel_error err = OTEL_ERROR_INIT;
		char text[512];

		snprintf(text, sizeof text, HEADER "%s", wrong[i]);
		ck_assert_int_eq(load_text(text, &none, &err), -EINVAL);
		ck_assert_ptr_nonnull(
			strstr(err.message, ": line 2: not a place in 11 columns"));
	}
	ck_assert_int_eq(load_text("", &none, NULL), -EINVAL);
	ck_assert_int_eq(gazetteer_load("/nowhere", &none, NULL), -ENOENT);
	ck_assert_ptr_null(none);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("gazetteer");
	TCase *finding = tcase_create("find"), *loading = tcase_create("load");

	/* Loaded once: each test runs in a fork of this process. */
	tcase_add_unchecked_fixture(finding, load, unload);
	tcase_add_loop_test(finding, questions_find_their_place, 0,
	                    sizeof questions / sizeof questions[0]);
	tcase_add_test(finding, beginnings_suggest_larger_places_first);
	tcase_add_test(finding, a_place_is_found_once);
	tcase_add_test(finding, every_label_finds_a_place_of_that_name);
	tcase_add_test(finding, no_more_than_asked_for_comes_back);
	tcase_add_test(finding, a_huge_question_finds_nothing);
	suite_add_tcase(suite, finding);
	tcase_add_test(loading, a_small_file_without_a_last_newline_is_read);
	tcase_add_test(loading, a_wrong_line_is_named);
	suite_add_tcase(suite, loading);
	return check_main(suite);
}
