/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jansson forgets where values stood, so the text is walked once more along the path. The text has been
 * parsed already: what is looked for here is brackets, commas and quotes.
 */
#include "check-place.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *
skip_blank(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

/* Behind the string that begins at `at`. */
static const char *
skip_string(const char *at)
{
	for (at++; *at && *at != '"'; at++)
		if (*at == '\\' && at[1])
			at++;
	return *at ? at + 1 : at;
}

/* Behind the value that begins at `at`. */
static const char *
skip_value(const char *at)
{
	int depth = 0;

	do {
		if (*at == '"') {
			at = skip_string(at);
		} else if (*at == '{' || *at == '[') {
			depth++;
			at++;
		} else if (*at == '}' || *at == ']') {
			depth--;
			at++;
		} else if (depth) {
			at += *at != '\0';
		} else {
			at += strcspn(at, ",]} \t\r\n");
		}
	} while (*at && depth > 0);
	return at;
}

/* Whether the path goes on with this key, written without escapes, and how long it is. */
static size_t
begins_with_key(const char *path, const char *key)
{
	size_t len = (size_t)(skip_string(key) - key) - 2;

	if (strncmp(path, key + 1, len) != 0 ||
	    (path[len] && path[len] != '.' && path[len] != '['))
		return 0;
	return len;
}

/* The member of the object at *at that the path goes on with: *at becomes its value, and its key is returned. */
static const char *
enter_object(const char **at, const char **path)
{
	const char *key = NULL, *value = NULL, *here = skip_blank(*at + 1);
	size_t longest = 0;

	while (*here == '"') {
		size_t len = begins_with_key(*path, here);
		const char *its_value = skip_blank(skip_blank(skip_string(here)) + 1);

		if (len > longest) {
			longest = len;
			key = here;
			value = its_value;
		}
		here = skip_blank(skip_value(its_value));
		if (*here == ',')
			here = skip_blank(here + 1);
	}
	if (!key)
		return NULL;
	*at = value;
	*path += longest;
	return key;
}

static const char *
enter_list(const char **at, const char **path)
{
	char *end;
	unsigned long index = strtoul(*path + 1, &end, 10);
	const char *here = skip_blank(*at + 1);

	while (index-- && *here && *here != ']') {
		here = skip_blank(skip_value(here));
		if (*here == ',')
			here = skip_blank(here + 1);
	}
	if (*end != ']' || *here == ']' || !*here)
		return NULL;
	*path = end + 1;
	return *at = here;
}

bool
check_place(const char *text, const char *path, int *line, int *column)
{
	const char *at = skip_blank(text), *found = *at ? at : NULL, *next;

	while (*path) {
		path += *path == '.';
		next = *path == '[' && *at == '['   ? enter_list(&at, &path)
		       : *path != '[' && *at == '{' ? enter_object(&at, &path)
		                                    : NULL;
		if (!next)
			break;
		found = next;
	}
	if (!found)
		return false;
	*line = *column = 1;
	for (const char *c = text; c < found; c++) {
		if (*c == '\n') {
			++*line;
			*column = 1;
		} else if (
			(*c & 0xc0) !=
			0x80) { /* the rest of a character counts with its first byte */
			++*column;
		}
	}
	return true;
}
