/* SPDX-License-Identifier: Apache-2.0 */
#include "http-field.h"

#include <string.h>
#include <strings.h>

/*
 * One table for all classes: the parser asks once per byte. Letters and digits are in all of
 * them; what is named below differs.
 */
#define T HTTP_TOKEN
#define V HTTP_VALUE
#define R HTTP_TARGET
#define H HTTP_HOST

const uint8_t http_byte_classes[256] = {
	['\t'] = V,
	[' '] = V,
	['!'] = T | V | R | H,
	['"'] = V | R,
	['#'] = T | V,
	['$' ... '\''] = T | V | R | H,
	['(' ... ')'] = V | R | H,
	['*' ... '+'] = T | V | R | H,
	[','] = V | R | H,
	['-' ... '.'] = T | V | R | H,
	['/'] = V | R,
	['0' ... '9'] = T | V | R | H,
	[':' ... ';'] = V | R | H,
	['<'] = V | R,
	['='] = V | R | H,
	['>' ... '@'] = V | R,
	['A' ... 'Z'] = T | V | R | H,
	['['] = V | R | H,
	['\\'] = V | R,
	[']'] = V | R | H,
	['^'] = T | V | R,
	['_'] = T | V | R | H,
	['`'] = T | V | R,
	['a' ... 'z'] = T | V | R | H,
	['{'] = V | R,
	['|'] = T | V | R,
	['}'] = V | R,
	['~'] = T | V | R | H,
	[0x80 ... 0xff] = V | R,
};

#undef T
#undef V
#undef R
#undef H

size_t
http_span(const char *text, size_t len, unsigned classes)
{
	size_t i = 0;

	while (i < len && http_byte_is(text[i], classes))
		i++;
	return i;
}

bool
http_is_named(const char *text, size_t len, const char *name)
{
	return strlen(name) == len && strncasecmp(text, name, len) == 0;
}

int
http_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
http_field_is_valid(const struct http_field *field)
{
	size_t name = strlen(field->name), value = strlen(field->value);

	if (name == 0 || http_span(field->name, name, HTTP_TOKEN) != name)
		return false;
	if (http_span(field->value, value, HTTP_VALUE) != value)
		return false;
	return value == 0 || (strchr(" \t", field->value[0]) == NULL &&
	                      strchr(" \t", field->value[value - 1]) == NULL);
}

const char *
http_field_find(const struct http_field *fields, size_t n, const char *name, size_t i)
{
	for (size_t k = 0; k < n; k++)
		if (strcasecmp(fields[k].name, name) == 0 && i-- == 0)
			return fields[k].value;
	return NULL;
}

bool
http_list_has(const char *list, const char *token)
{
	size_t len = strlen(token);

	while (*list) {
		list += strspn(list, ", \t");
		size_t n = strcspn(list, ",");
		size_t trimmed = n;

		while (trimmed > 0 &&
		       (list[trimmed - 1] == ' ' || list[trimmed - 1] == '\t'))
			trimmed--;
		if (trimmed == len && strncasecmp(list, token, len) == 0)
			return true;
		list += n;
	}
	return false;
}
