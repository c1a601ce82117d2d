/* SPDX-License-Identifier: Apache-2.0 */
/* otel/percent_priv.h - percent-encoding (RFC 3986 section 2.1), as baggage and OTEL_* lists have it. */
#ifndef OTEL_PERCENT_PRIV_H
#define OTEL_PERCENT_PRIV_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes into `out`, which holds `len` bytes; false when a % is not followed by two hex digits. */
bool otelp_percent_decode(const char *text, size_t len, char *out, size_t *out_len);
/* The value of a hex digit, or -1. */
static inline int
otelp_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

#endif
