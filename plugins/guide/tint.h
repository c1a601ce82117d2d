/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guide/tint.h - code as HTML, tinted with few colours.
 *
 * A page of a course needs no grammar: comments, strings, keywords, numbers and names in capitals are
 * what the eye looks for. Everything is escaped, and whatever is no C still comes out whole.
 */
#ifndef GUIDE_TINT_H
#define GUIDE_TINT_H

#include <stddef.h>
#include <stdio.h>

/* Writes text that is safe between tags and in quoted attributes. */
void html_escape(FILE *out, const char *text, size_t len);

/*
 * Writes `text` as spans of the classes c (comment), s (string), k (keyword), n (number), m (a name in
 * capitals: OTEL_SPAN), d (directive), p (a shell's prompt), o (what a command prints), add, del, sign and hunk (of a diff), h (a heading of an INI file). `language` is that of the fence; those that are not known stay plain.
 */
void tint(FILE *out, const char *language, const char *text, size_t len);

#endif
