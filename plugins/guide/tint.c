/* SPDX-License-Identifier: Apache-2.0 */
#include "tint.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

void
html_escape(FILE *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		switch (text[i]) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			fputc(text[i], out);
		}
	}
}

static void
span(FILE *out, const char *class, const char *text, size_t len)
{
	if (!class || !len) {
		html_escape(out, text, len);
		return;
	}
	fprintf(out, "<span class=\"%s\">", class);
	html_escape(out, text, len);
	fputs("</span>", out);
}

/* ---- C ---- */

static bool
is_keyword(const char *word, size_t len)
{
	static const char *const keywords[] = {
		"auto",     "bool",    "break",    "case",     "char",    "const",
		"continue", "default", "do",       "double",   "else",    "enum",
		"extern",   "false",   "float",    "for",      "goto",    "if",
		"inline",   "int",     "long",     "NULL",     "return",  "short",
		"signed",   "sizeof",  "size_t",   "static",   "struct",  "switch",
		"true",     "typedef", "union",    "unsigned", "void",    "volatile",
		"while",    "int64_t", "uint64_t", "uint32_t", "int32_t", "uint8_t",
	};

	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
		if (strlen(keywords[i]) == len && !memcmp(keywords[i], word, len))
			return true;
	return false;
}

/* OTEL_SPAN, SVC_PLUGIN: three letters or more and none of them small. */
static bool
is_macro(const char *word, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (islower((unsigned char)word[i]))
			return false;
	return len >= 3 && isupper((unsigned char)*word);
}

/* The end of what is quoted at `at`: past the closing quote, or where the line ends. */
static size_t
quoted_end(const char *text, size_t len, size_t at)
{
	char quote = text[at];

	for (at++; at < len && text[at] != '\n'; at++) {
		if (text[at] == '\\' && at + 1 < len)
			at++;
		else if (text[at] == quote)
			return at + 1;
	}
	return at;
}

static size_t
line_end(const char *text, size_t len, size_t at)
{
	const char *end = memchr(text + at, '\n', len - at);

	return end ? (size_t)(end - text) : len;
}

static size_t
comment_end(const char *text, size_t len, size_t at)
{
	if (text[at + 1] == '/')
		return line_end(text, len, at);
	for (at += 2; at + 1 < len; at++)
		if (text[at] == '*' && text[at + 1] == '/')
			return at + 2;
	return len;
}

static size_t
word_end(const char *text, size_t len, size_t at)
{
	while (at < len && (isalnum((unsigned char)text[at]) || text[at] == '_'))
		at++;
	return at;
}

static size_t
number_end(const char *text, size_t len, size_t at)
{
	while (at < len && (isalnum((unsigned char)text[at]) || text[at] == '.'))
		at++;
	return at;
}

/* The directive's own name; what follows it is C again, but for <header.h>. */
static size_t
directive_end(const char *text, size_t len, size_t at)
{
	do
		at++;
	while (at < len && (text[at] == ' ' || text[at] == '\t'));
	return word_end(text, len, at);
}

static void
tint_c(FILE *out, const char *text, size_t len)
{
	size_t at = 0, end;
	bool fresh = true; /* nothing but blanks on this line yet */

	while (at < len) {
		const char *class = NULL;
		unsigned char c = (unsigned char)text[at];

		end = at + 1;
		if (c == '/' && end < len && (text[end] == '/' || text[end] == '*')) {
			class = "c";
			end = comment_end(text, len, at);
		} else if (c == '"' || c == '\'') {
			class = "s";
			end = quoted_end(text, len, at);
		} else if (c == '#' && fresh) {
			class = "d";
			end = directive_end(text, len, at);
			if (end - at >= 8 && !memcmp(text + end - 7, "include", 7)) {
				span(out, class, text + at, end - at);
				at = end;
				class = "s";
				end = line_end(text, len, at);
			}
		} else if (isdigit(c)) {
			class = "n";
			end = number_end(text, len, at);
		} else if (isalpha(c) || c == '_') {
			end = word_end(text, len, at);
			if (is_keyword(text + at, end - at))
				class = "k";
			else if (is_macro(text + at, end - at))
				class = "m";
		}
		fresh = c == '\n' || (fresh && isspace(c));
		span(out, class, text + at, end - at);
		at = end;
	}
}

/* ---- line by line ---- */

typedef void tint_line(FILE *out, const char *line, size_t len, bool has_prompt);

static void
shell_line(FILE *out, const char *line, size_t len, bool has_prompt)
{
	const char *comment;

	if (has_prompt && (len < 2 || memcmp(line, "$ ", 2) != 0)) {
		span(out, "o", line, len);
		return;
	}
	if (has_prompt) {
		span(out, "p", line, 2);
		line += 2;
		len -= 2;
	}
	comment = len && *line == '#' ? line : memmem(line, len, " # ", 3);
	if (!comment)
		comment = line + len;
	html_escape(out, line, (size_t)(comment - line));
	span(out, "c", comment, (size_t)(line + len - comment));
}

static void
ini_line(FILE *out, const char *line, size_t len, bool has_prompt)
{
	const char *equals = memchr(line, '=', len);

	(void)has_prompt;
	if (len && (*line == '#' || *line == ';')) {
		span(out, "c", line, len);
	} else if (len && *line == '[') {
		span(out, "h", line, len);
	} else if (equals) {
		html_escape(out, line, (size_t)(equals - line + 1));
		span(out, "s", equals + 1, (size_t)(line + len - equals - 1));
	} else {
		html_escape(out, line, len);
	}
}

/* The sign stands apart, so that a selection leaves it out. */
static void
diff_line(FILE *out, const char *line, size_t len, bool has_prompt)
{
	const char *class = !len           ? NULL
	                    : *line == '+' ? "add"
	                    : *line == '-' ? "del"
	                                   : NULL;

	(void)has_prompt;
	if (len > 6 && !memcmp(line, "@@ ", 3) && !memcmp(line + len - 3, " @@", 3)) {
		span(out, "hunk", line + 3, len - 6); /* the function that it is in */
		return;
	}
	if (!len || *line == '\\' || *line == '@') {
		span(out, "c", line, len);
		return;
	}
	if (class)
		fprintf(out, "<span class=\"%s\">", class);
	span(out, "sign", line, 1);
	html_escape(out, line + 1, len - 1);
	fputs(class ? "</span>" : "", out);
}

/* Whether any line begins with "$ ": then those that do are typed, and the others are what is printed. */
static bool
any_prompt(const char *text, size_t len)
{
	for (size_t at = 0; at < len; at = line_end(text, len, at) + 1)
		if (len - at >= 2 && !memcmp(text + at, "$ ", 2))
			return true;
	return false;
}

static void
tint_lines(FILE *out, const char *text, size_t len, tint_line *line)
{
	bool has_prompt = any_prompt(text, len);

	for (size_t at = 0, end; at < len; at = end + 1) {
		end = line_end(text, len, at);
		line(out, text + at, end - at, has_prompt);
		if (end < len)
			fputc('\n', out);
	}
}

void
tint(FILE *out, const char *language, const char *text, size_t len)
{
	static const struct {
		const char *name;
		tint_line *line;
	} languages[] = {
		{ "sh", shell_line },    { "bash", shell_line },
		{ "shell", shell_line }, { "console", shell_line },
		{ "ini", ini_line },     { "conf", ini_line },
		{ "diff", diff_line },
	};

	if (!strcmp(language, "c") || !strcmp(language, "h")) {
		tint_c(out, text, len);
		return;
	}
	for (size_t i = 0; i < sizeof languages / sizeof *languages; i++) {
		if (!strcmp(language, languages[i].name)) {
			tint_lines(out, text, len, languages[i].line);
			return;
		}
	}
	html_escape(out, text, len);
}
