/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "check-main.h"
#include "fold.h"

static const struct {
	const char *text, *folded;
} samples[] = {
	{ "Zürich", "zurich" },
	{ "São Paulo", "sao paulo" },
	{ "Łódź", "lodz" },
	{ "København", "kobenhavn" },
	{ "Großräschen", "grossraschen" },
	{ "Ærøskøbing", "aeroskobing" },
	{ "Þórshöfn", "thorshofn" },
	{ "Đà Nẵng", "da nang" },
	{ "Hà Nội", "ha noi" },
	{ "Istanbul İSTANBUL ıstanbul", "istanbul istanbul istanbul" },
	{ "L’Aquila L'Aquila", "laquila laquila" },
	{ "Saint-Denis", "saint denis" },
	{ "  St. John's,  (NL) ", "st johns nl" },
	{ "Αθήνα ΑΘΗΝΑΣ", "αθηνα αθηνασ" },
	{ "МОСКВА Орёл", "москва орел" },
	{ "Zu\xcc\x88rich", "zurich" }, /* u and a combining diaeresis */
	{ "東京", "東京" },
	{ "القاهرة", "القاهرة" },
	{ "\xff\xc3(\xe2\x82", "" },
	{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
	{ "\xc0\xaf"
	  "a",
	  "a" },
	{ "", "" },
	{ " -,. ", "" },
};

START_TEST(names_are_folded)
{
	char out[64];
	size_t n = fold(samples[_i].text, strlen(samples[_i].text), out, sizeof out);

	ck_assert_str_eq(out, samples[_i].folded);
	ck_assert_uint_eq(n, strlen(out));
	ck_assert_uint_le(n, strlen(samples[_i].text));
}
END_TEST

START_TEST(folding_twice_changes_nothing)
{
	char once[64], twice[64];

	fold(samples[_i].text, strlen(samples[_i].text), once, sizeof once);
	fold(once, strlen(once), twice, sizeof twice);
	ck_assert_str_eq(once, twice);
}
END_TEST

START_TEST(too_little_room_gives_nothing)
{
	char out[4] = "xxx";

	ck_assert_uint_eq(fold("abc", 3, out, 4), 3);
	ck_assert_uint_eq(fold("abcd", 4, out, 4), 0);
	ck_assert_str_eq(out, "");
	ck_assert_uint_eq(fold("a", 1, out, 0), 0);
}
END_TEST

/* The promise that callers allocate by: no code point grows. */
START_TEST(no_code_point_grows)
{
	for (long c = 0x80; c < 0x110000; c++) {
		char text[5] = { 0 }, out[8];

		if (c < 0x800) {
			text[0] = (char)(0xc0 | c >> 6);
			text[1] = (char)(0x80 | (c & 0x3f));
		} else if (c < 0x10000) {
			text[0] = (char)(0xe0 | c >> 12);
			text[1] = (char)(0x80 | (c >> 6 & 0x3f));
			text[2] = (char)(0x80 | (c & 0x3f));
		} else {
			text[0] = (char)(0xf0 | c >> 18);
			text[1] = (char)(0x80 | (c >> 12 & 0x3f));
			text[2] = (char)(0x80 | (c >> 6 & 0x3f));
			text[3] = (char)(0x80 | (c & 0x3f));
		}
		ck_assert_uint_le(fold(text, strlen(text), out, sizeof out),
		                  strlen(text));
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("fold");
	TCase *tcase = tcase_create("fold");

	tcase_add_loop_test(tcase, names_are_folded, 0,
	                    sizeof samples / sizeof samples[0]);
	tcase_add_loop_test(tcase, folding_twice_changes_nothing, 0,
	                    sizeof samples / sizeof samples[0]);
	tcase_add_test(tcase, too_little_room_gives_nothing);
	tcase_add_test(tcase, no_code_point_grows);
	suite_add_tcase(suite, tcase);
	return check_main(suite);
}
