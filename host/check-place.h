/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/check-place.h - where in the text of a JSON file something stands that a path names.
 */
#ifndef HOST_CHECK_PLACE_H
#define HOST_CHECK_PLACE_H

#include <stdbool.h>

/*
 * Finds `path`, such as expect[0].select.kind, in `text`, which must be valid JSON. Keys may hold dots. True
 * with line and column (in characters, from 1) of the key, or of the list's element; as far as the path
 * could be followed when it leads nowhere, and false when there is nothing at all.
 */
bool check_place(const char *text, const char *path, int *line, int *column);

#endif
