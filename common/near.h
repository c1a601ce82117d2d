/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/near.h - how near two words are, for "did you mean" and for nearest misses. [any]
 */
#ifndef COMMON_NEAR_H
#define COMMON_NEAR_H

#include <stdbool.h>
#include <stddef.h>

#define NEAR_FAR 1000u

/*
 * Levenshtein's distance with transpositions of neighbours, whatever the case of ASCII letters. NEAR_FAR
 * when one of them is longer than 63 bytes.
 */
size_t near_distance(const char *a, const char *b);
/* Whether `found` may be a typing error for `meant`: a third of the word's length, and at least 2. */
bool near_is_typo(const char *meant, const char *found);
/*
 * How little two names have to do with each other: 0 for the same one, up to 100. Counts typing errors
 * and the words that both have, as separated by anything but letters and digits: `getting-iss` is near
 * `getting-iss-coordinates`.
 */
unsigned near_apart(const char *a, const char *b);
/* From here on two names are told apart rather than taken for each other. */
#define NEAR_APART 60u

#endif
