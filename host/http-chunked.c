/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunked bodies, byte by byte through their lines and in one go through their data.
 *
 *   SIZE ──CR──► SIZE_LF ──► DATA ──► DATA_CR ──► DATA_LF ──► SIZE
 *    │ ';'         ▲   └─ size 0: LAST
 *    └──► EXTENSION┘CR
 */
#include <errno.h>

#include "http-parse.h"

#define MAX_CHUNK_LINE 1024 /* a size with its extensions, which nobody uses */

enum { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, LAST };

static int
chunk_line_byte(struct http_chunked *chunked, char c, struct http_refusal *no)
{
	int digit;

	if (++chunked->line > MAX_CHUNK_LINE)
		return http_refuse(no, 400, "the line of a chunk is too long");
	switch (chunked->state) {
	case SIZE:
		digit = http_hex_digit(c);
		if (digit >= 0) {
			if (chunked->left >> 59) /* leaves the sign bit alone as well */
				return http_refuse(no, 400, "a chunk is too large");
			chunked->left = chunked->left << 4 | (unsigned)digit;
		} else if (chunked->line > 1 && c == ';') {
			chunked->state = EXTENSION;
		} else if (chunked->line > 1 && c == '\r') {
			chunked->state = SIZE_LF;
		} else {
			return http_refuse(no, 400,
			                   "the size of a chunk is not a hex number");
		}
		return 0;
	case EXTENSION:
		if (c == '\r')
			chunked->state = SIZE_LF;
		else if (!http_byte_is(c, HTTP_VALUE))
			return http_refuse(no, 400,
			                   "a chunk extension has a control character");
		return 0;
	default:
		if (c != '\n')
			return http_refuse(no, 400,
			                   "the line of a chunk does not end with CR LF");
		chunked->line = 0;
		chunked->state = chunked->left ? DATA : LAST;
		return 0;
	}
}

int
http_chunked_next(struct http_chunked *chunked, const char **pos, const char *end,
                  const char **data, size_t *n, struct http_refusal *no)
{
	while (*pos < end && chunked->state != LAST) {
		size_t there = (size_t)(end - *pos);
		int r;

		switch (chunked->state) {
		case DATA:
			*data = *pos;
			*n = there < chunked->left ? there : (size_t)chunked->left;
			*pos += *n;
			chunked->left -= *n;
			if (chunked->left == 0)
				chunked->state = DATA_CR;
			return HTTP_CHUNK_DATA;
		case DATA_CR:
		case DATA_LF:
			if (*(*pos)++ != (chunked->state == DATA_CR ? '\r' : '\n'))
				return http_refuse(no, 400,
				                   "a chunk is not followed by CR LF");
			chunked->state = chunked->state == DATA_CR ? DATA_LF : SIZE;
			break;
		default:
			r = chunk_line_byte(chunked, *(*pos)++, no);
			if (r < 0)
				return r;
			break;
		}
	}
	return chunked->state == LAST ? HTTP_CHUNK_LAST : HTTP_CHUNK_MORE;
}
