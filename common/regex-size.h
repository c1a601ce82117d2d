/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/regex-size.h - whether a POSIX extended expression of a stranger's may be given to regcomp(). [any]
 */
#ifndef COMMON_REGEX_SIZE_H
#define COMMON_REGEX_SIZE_H

#include <stdbool.h>

#define REGEX_REPEAT_MAX 1000 /* how many times as large an expression may become */
#define REGEX_TEXT_MAX   4096 /* bytes of text that it may be run over */

/*
 * False when it has a back-reference, which takes exponential time, or when what it repeats makes it more than
 * REGEX_REPEAT_MAX times as large: the C library writes out {n,m}, and each + behind a group doubles the group.
 */
bool regex_is_harmless(const char *pattern);

#endif
