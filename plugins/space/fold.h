/* SPDX-License-Identifier: Apache-2.0 */
/*
 * space/fold.h - one spelling for the many ways in which people write the same name.
 */
#ifndef SPACE_FOLD_H
#define SPACE_FOLD_H

#include <stddef.h>

/*
 * Writes `text` (UTF-8) to `out` in lower case, Latin, Greek and Cyrillic letters without their accents,
 * apostrophes left out, everything else that is no letter or digit as one space, none at the ends; NUL
 * follows. The result is never longer than the text, so len + 1 bytes always suffice. Returns its
 * length, or 0 when `size` is too small. [any]
 */
size_t fold(const char *text, size_t len, char *out, size_t size);

#endif
