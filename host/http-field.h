/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/http-field.h - header and trailer lines, and which bytes may stand in them. [any]
 */
#ifndef HOST_HTTP_FIELD_H
#define HOST_HTTP_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As struct svc_header: NUL-terminated, borrowed. */
struct http_field {
	const char *name, *value;
};

/* Classes of bytes, RFC 9110 section 5 and RFC 3986. */
#define HTTP_TOKEN (1u << 0) /* methods and header names */
#define HTTP_VALUE \
	(1u << 1) /* header values: visible, space, tab and what is above ASCII */
#define HTTP_TARGET \
	(1u << 2) /* request targets; above ASCII too, since people type it into curl */
#define HTTP_HOST (1u << 3) /* authorities, without user information */

extern const uint8_t http_byte_classes[256];

static inline bool
http_byte_is(char c, unsigned classes)
{
	return http_byte_classes[(unsigned char)c] & classes;
}

/* How many bytes from the start are all of one of these classes. */
size_t http_span(const char *text, size_t len, unsigned classes);

/* Whether text is this name, in any case. */
bool http_is_named(const char *text, size_t len, const char *name);

/* 0 to 15, or -1. */
int http_hex_digit(char c);

/* A line that may be sent: a token as name, a value without control characters and outer spaces. */
bool http_field_is_valid(const struct http_field *field);

/* The i-th line of that name, in any case; NULL when there is none. */
const char *http_field_find(const struct http_field *fields, size_t n, const char *name,
                            size_t i);

/* Whether a comma separated list has the token, in any case. */
bool http_list_has(const char *list, const char *token);

#endif
