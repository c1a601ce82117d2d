/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/diff.h - how one text becomes another, as people are used to read it: three lines around,
 * - and +. Myers' greedy algorithm; past MOST changes the whole middle is shown as replaced.
 */
#ifndef WORKSHOP_DIFF_H
#define WORKSHOP_DIFF_H

#include <stdbool.h>

/* Prints it unless the files are the same. A file that is not there counts as empty. True when they differ. */
bool diff_print(const char *from, const char *to, const char *from_name,
                const char *to_name);

#endif
