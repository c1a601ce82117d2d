/* SPDX-License-Identifier: Apache-2.0 */
#include "term.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static bool
has_colours(void)
{
	static int known = -1;
	const char *no = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE"),
		   *term = getenv("TERM");

	if (known < 0)
		known = !(no && *no) &&
		        ((force && *force && strcmp(force, "0")) ||
		         (isatty(STDOUT_FILENO) && term && strcmp(term, "dumb")));
	return known;
}

const char *
colour(enum colour c)
{
	static const char *const codes[] = { "",         "\033[1m",  "\033[2m",
		                             "\033[32m", "\033[31m", "\033[33m",
		                             "\033[34m" };

	return has_colours() ? codes[c] : "";
}

const char *
colour_off(void)
{
	return has_colours() ? "\033[0m" : "";
}

static bool for_now; /* a line stands that the next one takes the place of */

static void
clear_for_now(void)
{
	if (for_now)
		fputs("\r\033[K", stdout);
	for_now = false;
}

void
say(const char *fmt, ...)
{
	va_list ap;

	clear_for_now();
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

void
say_in(enum colour c, const char *fmt, ...)
{
	va_list ap;

	clear_for_now();
	fputs(colour(c), stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("%s\n", colour_off());
	fflush(stdout);
}

void
say_text(const char *text)
{
	clear_for_now();
	fputs(text, stdout);
	fflush(stdout);
}

void
say_for_now(const char *fmt, ...)
{
	va_list ap;

	if (!has_colours() || !isatty(STDOUT_FILENO))
		return;
	clear_for_now();
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	fflush(stdout);
	for_now = true;
}

/* ---- keys ---- */

static struct termios before;
static bool changed;

bool
keys_begin(void)
{
	struct termios now;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) < 0)
		return false;
	now = before;
	now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	now.c_cc[VMIN] = 0;
	now.c_cc[VTIME] = 0;
	changed = tcsetattr(STDIN_FILENO, TCSANOW, &now) == 0;
	return changed;
}

void
keys_end(void)
{
	if (changed)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	changed = false;
}
