/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unicode's own answer (decompose, drop the marks, fold the case) needs its database; the names of
 * places need Latin, Greek and Cyrillic, which are two tables and some arithmetic. Other scripts have no
 * case and stay as they are. Keys and queries go through the same function, so what it does not know
 * still finds itself.
 */
#include "fold.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Base letters of U+00C0 to U+024F and of U+1E00 to U+1EFF: `.` stays as it is, a digit is a pair below. */
static const char latin_00c0[] =
	"aaaaaa2ceeeeiiiidnooooo.ouuuuy41aaaaaa2ceeeeiiiidnooooo.ouuuuy4y"
	"aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiii55jjkkklllllll"
	"lllnnnnnnnnnoooooo33rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs"
	"bbbb..occ.ddd.eeeff....ikkl...n.oo..........tt.uu..yyzz........."
	"....zzzlllnnnaaiioouuuuuuuuuueaaaa22ggggkkoooo..jzzzgg..nnaa22oo"
	"aaaaeeeeiiiioooorrrruuuussttgghhn...zzaaeeooooooooyy.......ccl.."
	"...b........rr..";
static const char latin_1e00[] =
	"aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmm"
	"mmmmnnnnnnnnoooooooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvv"
	"wwwwwwwwwwxxxxyyzzzzzzhtwy.s..1.aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeee"
	"eeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy......";
static const char *const pairs[] = { "", "ss", "ae", "oe", "th", "ij" };

/* The next code point of `text`, which moves on; what is not UTF-8 is -1, one byte at a time. */
static long
next_code_point(const unsigned char **text, const unsigned char *end)
{
	const unsigned char *p = *text;
	int more = *p < 0x80 ? 0 : *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
	long c = more == 0 ? *p : *p & (0x3f >> more);

	*text = p + 1;
	if (*p >= 0x80 && (*p < 0xc2 || *p > 0xf4 || end - p <= more))
		return -1;
	for (int i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (p[i] & 0x3f);
	}
	*text = p + 1 + more;
	return c;
}

static long
fold_greek(long c)
{
	static const struct {
		uint16_t accented, base;
	} accents[] = {
		{ 0x386, 0x3b1 }, { 0x388, 0x3b5 }, { 0x389, 0x3b7 }, { 0x38a, 0x3b9 },
		{ 0x38c, 0x3bf }, { 0x38e, 0x3c5 }, { 0x38f, 0x3c9 }, { 0x390, 0x3b9 },
		{ 0x3aa, 0x3b9 }, { 0x3ab, 0x3c5 }, { 0x3ac, 0x3b1 }, { 0x3ad, 0x3b5 },
		{ 0x3ae, 0x3b7 }, { 0x3af, 0x3b9 }, { 0x3b0, 0x3c5 }, { 0x3c2, 0x3c3 },
		{ 0x3ca, 0x3b9 }, { 0x3cb, 0x3c5 }, { 0x3cc, 0x3bf }, { 0x3cd, 0x3c5 },
		{ 0x3ce, 0x3c9 },
	};

	for (size_t i = 0; i < sizeof accents / sizeof accents[0]; i++)
		if (accents[i].accented == c)
			return accents[i].base;
	return c >= 0x391 && c <= 0x3a9 ? c + 0x20 : c;
}

static long
fold_cyrillic(long c)
{
	if (c <= 0x40f)
		c += 0x50;
	else if (c <= 0x42f)
		c += 0x20;
	else if ((c >= 0x460 && c <= 0x481) || (c >= 0x48a && c <= 0x4bf) || c >= 0x4d0)
		c |= 1;
	return c == 0x451 ? 0x435 : c; /* yo is written as ye as often as not */
}

static bool
is_apostrophe(long c)
{
	return c == '\'' || c == '`' || c == 0xb4 || c == 0x2018 || c == 0x2019 ||
	       (c >= 0x2b9 && c <= 0x2bf);
}

/* Space, dash or punctuation, in ASCII, Latin-1, the general block and the CJK one. */
static bool
is_separator(long c)
{
	if (c < 0x80)
		return !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		         (c >= 'A' && c <= 'Z'));
	return c < 0xc0 || c == 0xd7 || c == 0xf7 || (c >= 0x2000 && c <= 0x206f) ||
	       (c >= 0x3000 && c <= 0x3002) || c == 0x30fb || c == 0xff0c;
}

/* Writes what one code point becomes: none to four bytes. */
static size_t
fold_one(long c, char out[4])
{
	char base = '.';

	if (c >= 0xc0 && c < 0x250)
		base = latin_00c0[c - 0xc0];
	else if (c >= 0x1e00 && c < 0x1f00)
		base = latin_1e00[c - 0x1e00];
	else if (c < 0x80)
		base = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
	else if (c >= 0x370 && c < 0x400)
		c = fold_greek(c);
	else if (c >= 0x400 && c < 0x530)
		c = fold_cyrillic(c);
	if (c >= 0x80 && base >= '1' && base <= '5') {
		memcpy(out, pairs[base - '0'], 2);
		return 2;
	}
	if (base != '.') {
		out[0] = base;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

size_t
fold(const char *text, size_t len, char *out, size_t size)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;
	bool gap = false;
	size_t n = 0;

	if (size == 0)
		return 0;
	out[0] = '\0';
	while (p < end) {
		long c = next_code_point(&p, end);
		char one[4];
		size_t m;

		if (c < 0 || is_apostrophe(c) || (c >= 0x300 && c <= 0x36f))
			continue;
		if (is_separator(c)) {
			gap = n > 0;
			continue;
		}
		m = fold_one(c, one);
		if (n + gap + m >= size) {
			out[0] = '\0';
			return 0;
		}
		if (gap)
			out[n++] = ' ';
		memcpy(out + n, one, m);
		n += m;
		out[n] = '\0';
		gap = false;
	}
	return n;
}
