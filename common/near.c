/* SPDX-License-Identifier: Apache-2.0 */
/* The distance needs three rows of the usual table: this one and the two before, for transpositions. */
#include "near.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX 63

static size_t
smallest(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

size_t
near_distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1], la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return NEAR_FAR;
	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *now = rows[i % 3], *before = rows[(i - 1) % 3],
		       *two_before = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			int ca = tolower((unsigned char)a[i - 1]),
			    cb = tolower((unsigned char)b[j - 1]);

			now[j] = smallest(before[j] + 1, now[j - 1] + 1,
			                  before[j - 1] + (ca != cb));
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
			    cb == tolower((unsigned char)a[i - 2]) &&
			    two_before[j - 2] + 1 < now[j])
				now[j] = two_before[j - 2] + 1;
		}
	}
	return rows[la % 3][lb];
}

bool
near_is_typo(const char *meant, const char *found)
{
	size_t len = strlen(meant), near = len / 3;

	if (near < 2)
		near = len > 2 ? 2 : 1;
	return near_distance(meant, found) <= near;
}

/* ---- names of several words ---- */

static size_t
word_len(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]))
		n++;
	return n;
}

/* The next word at or behind `text`; its length in *len, 0 at the end. */
static const char *
next_word(const char *text, size_t *len)
{
	while (*text && !isalnum((unsigned char)*text))
		text++;
	*len = word_len(text);
	return text;
}

static bool
has_word(const char *text, const char *word, size_t len)
{
	size_t n;

	for (text = next_word(text, &n); n; text = next_word(text + n, &n))
		if (n == len && !strncasecmp(text, word, n))
			return true;
	return false;
}

/* How many words `a` has, and in *shared how many of them are in `b` too. */
static size_t
count_words(const char *a, const char *b, size_t *shared)
{
	size_t n, all = 0;

	*shared = 0;
	for (a = next_word(a, &n); n; a = next_word(a + n, &n)) {
		all++;
		*shared += has_word(b, a, n);
	}
	return all;
}

unsigned
near_apart(const char *a, const char *b)
{
	size_t longer = strlen(a) > strlen(b) ? strlen(a) : strlen(b), words_a, words_b,
	       shared_a, shared_b, by_letters, by_words;

	if (!strcmp(a, b))
		return 0;
	if (!*a || !*b)
		return 100;
	by_letters = near_distance(a, b) * 100 / longer;
	words_a = count_words(a, b, &shared_a);
	words_b = count_words(b, a, &shared_b);
	by_words = words_a + words_b
	                   ? 100 - 100 * (shared_a + shared_b) / (words_a + words_b)
	                   : 100;
	if (by_words < 1)
		by_words = 1; /* the same words are not the same name */
	return (unsigned)smallest(by_letters ? by_letters : 1, by_words, 100);
}
