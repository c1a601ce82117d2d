/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#include <string.h>

#include "otlp_priv.h"

size_t
otelp_utf8_len(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned char low = 0x80, high = 0xbf; /* of the second byte */
	size_t n;

	if (!len)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (len < n || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return n;
}

bool
otelp_utf8_valid(const char *text, size_t len)
{
	while (len) {
		uint64_t eight;
		size_t n;

		/* Most text is ASCII: eight at a time. */
		while (len >= 8 &&
		       (memcpy(&eight, text, 8), !(eight & 0x8080808080808080u))) {
			text += 8;
			len -= 8;
		}
		if (!len)
			break;
		n = otelp_utf8_len(text, len);
		if (!n)
			return false;
		text += n;
		len -= n;
	}
	return true;
}
