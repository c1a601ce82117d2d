/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/crash-text.h - a crash record in words, by the helper `cupola --symbolise`.
 *
 *	SIGSEGV at plugins/hello/app.c:31 (hello_handle), address 0x0
 *	#0 hello_handle at plugins/hello/app.c:31
 *	#1 ...
 */
#ifndef HOST_CRASH_TEXT_H
#define HOST_CRASH_TEXT_H

#include <stddef.h>

struct json_t;

/* The same, whole: what the helper says (symbolise.h), owned; NULL when there is no record or it fails. Not [loop]. */
struct json_t *crash_explain(int fd, const char *program);

/*
 * Reads the record in `fd` (a memfd as crash_write() leaves it) and waits for the helper; "" when there is none or
 * it fails. `program` NULL: this program. Not [loop].
 */
void crash_text(int fd, const char *program, char *text, size_t size);

#endif
