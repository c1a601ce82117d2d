/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/utf8.h - text from anywhere that is to become JSON. [any]
 */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

/* Replaces every byte that belongs to no character by '?'. Returns its argument. */
char *utf8_mend(char *text);

#endif
