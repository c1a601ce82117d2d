/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/term.h - what is said on the terminal: colours where there is one, plain text elsewhere.
 */
#ifndef WORKSHOP_TERM_H
#define WORKSHOP_TERM_H

#include <stdbool.h>

#include <otel/error.h>

enum colour { PLAIN, BOLD, DIM, GREEN, RED, YELLOW, BLUE };

/* The sequence that begins a colour; "" where there is no terminal, or NO_COLOR is set. Borrowed. */
const char *colour(enum colour c);
/* The one that ends it. */
const char *colour_off(void);
/* One line, flushed. */
OTEL_PRINTF(1, 2)
void say(const char *fmt, ...);
/* The same in a colour. */
OTEL_PRINTF(2, 3)
void say_in(enum colour c, const char *fmt, ...);
/* Several lines, as they are. */
void say_text(const char *text);
/* A line that the next one takes the place of, on a terminal; elsewhere nothing. */
OTEL_PRINTF(1, 2)
void say_for_now(const char *fmt, ...);

/* Keys one by one, without echo, while they are wanted; false when stdin is no terminal. */
bool keys_begin(void);
void keys_end(void);

#endif
