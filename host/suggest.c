/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Levenshtein's distance with transpositions of neighbours, in three rows. Near is a third of the word's
 * length and at least 2, so that "grcae" finds "grace" and "xyz" finds nothing.
 */
#include "suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 63

static size_t
smallest(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

static size_t
edit_distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1], la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
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

void
host_suggest_offer(struct host_suggest *suggest, const char *candidate)
{
	size_t near = strlen(suggest->word) / 3,
	       distance = edit_distance(suggest->word, candidate);

	if (near < 2)
		near = strlen(suggest->word) > 2 ? 2 : 1;
	if (distance <= near && (!suggest->best || distance < suggest->distance)) {
		suggest->best = candidate;
		suggest->distance = distance;
	}
}

const char *
host_suggest_text(const struct host_suggest *suggest, char *buf, size_t size)
{
	*buf = '\0';
	if (suggest->best)
		snprintf(buf, size, "; did you mean %s?", suggest->best);
	return buf;
}
