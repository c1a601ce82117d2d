/* SPDX-License-Identifier: Apache-2.0 */
#include "percent_priv.h"

bool
otelp_percent_decode(const char *text, size_t len, char *out, size_t *out_len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int high, low;

		if (text[i] != '%') {
			out[n++] = text[i];
			continue;
		}
		if (len - i < 3)
			return false;
		high = otelp_hex_digit(text[i + 1]);
		low = otelp_hex_digit(text[i + 2]);
		if (high < 0 || low < 0)
			return false;
		out[n++] = (char)(high << 4 | low);
		i += 2;
	}
	*out_len = n;
	return true;
}
