/* SPDX-License-Identifier: Apache-2.0 */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
buf_fini(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){ 0 };
}

static bool
buf_reserve(struct buf *buf, size_t more)
{
	size_t size = buf->size ? buf->size : 256;
	char *data;

	if (buf->failed)
		return false;
	if (buf->len + more < buf->size)
		return true;
	while (size <= buf->len + more)
		size *= 2;
	data = realloc(buf->data, size);
	if (!data) {
		buf->failed = true;
		return false;
	}
	buf->data = data;
	buf->size = size;
	return true;
}

void
buf_add(struct buf *buf, const void *data, size_t len)
{
	if (!buf_reserve(buf, len))
		return;
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void
buf_puts(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void
buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !buf_reserve(buf, (size_t)n))
		return;
	va_start(ap, fmt);
	vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf->len += (size_t)n;
}

/* The length of the UTF-8 sequence at `s`, or 0 when there is none (RFC 3629: no surrogates, nothing overlong). */
static size_t
utf8_length(const uint8_t *s, size_t len)
{
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		return len >= 2 && (s[1] & 0xc0) == 0x80 ? 2 : 0;
	if ((s[0] & 0xf0) == 0xe0) {
		if (len < 3 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80)
			return 0;
		if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))
			return 0;
		return 3;
	}
	if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		if (len < 4 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80 ||
		    (s[3] & 0xc0) != 0x80)
			return 0;
		if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
			return 0;
		return 4;
	}
	return 0;
}

void
buf_json_string(struct buf *buf, const char *text, size_t len)
{
	const uint8_t *s = (const uint8_t *)text;
	size_t from = 0, i = 0;
	char escape[8];

	buf_add(buf, "\"", 1);
	while (i < len) {
		size_t n = utf8_length(s + i, len - i);
		const char *put = NULL;

		if (!n) {
			put = "\xef\xbf\xbd";
			n = 1;
		} else if (s[i] == '"' || s[i] == '\\') {
			snprintf(escape, sizeof escape, "\\%c", s[i]);
			put = escape;
		} else if (s[i] < 0x20) {
			snprintf(escape, sizeof escape, "\\u%04x", s[i]);
			put = escape;
		}
		if (put) {
			buf_add(buf, text + from, i - from);
			buf_puts(buf, put);
			from = i + n;
		}
		i += n;
	}
	buf_add(buf, text + from, len - from);
	buf_add(buf, "\"", 1);
}

void
buf_hex(struct buf *buf, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		char pair[2] = { digits[bytes[i] >> 4], digits[bytes[i] & 15] };

		buf_add(buf, pair, 2);
	}
}

void
buf_base64(struct buf *buf, const uint8_t *bytes, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)bytes[i] << 16;
		char four[4];

		if (i + 1 < len)
			v |= (uint32_t)bytes[i + 1] << 8;
		if (i + 2 < len)
			v |= bytes[i + 2];
		four[0] = digits[v >> 18];
		four[1] = digits[v >> 12 & 63];
		four[2] = i + 1 < len ? digits[v >> 6 & 63] : '=';
		four[3] = i + 2 < len ? digits[v & 63] : '=';
		buf_add(buf, four, 4);
	}
}
