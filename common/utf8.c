/* SPDX-License-Identifier: Apache-2.0 */
#include "utf8.h"

#include <stddef.h>

/* The length of the character at `c`; 0 when it is none. RFC 3629, section 4. */
static size_t
character(const unsigned char *c)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (*c < 0x80)
		return 1;
	if (*c < 0xc2 || *c > 0xf4)
		return 0;
	len = *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : 4;
	if (*c == 0xe0)
		low = 0xa0; /* shorter forms there are */
	else if (*c == 0xed)
		high = 0x9f; /* surrogates */
	else if (*c == 0xf0)
		low = 0x90;
	else if (*c == 0xf4)
		high = 0x8f; /* past U+10FFFF */
	if (c[1] < low || c[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

char *
utf8_mend(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c;) {
		size_t len = character(c);

		if (!len)
			*c = '?';
		c += len ? len : 1;
	}
	return text;
}
