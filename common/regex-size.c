/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The factors of all repetitions are multiplied, as if each stood within the one before: too strict for those
 * side by side, and there is no need to know which are.
 */
#include "regex-size.h"

#include <stdlib.h>
#include <string.h>

/* What "{n,m}" at `c` multiplies by. */
static unsigned long
repeats(const char *c)
{
	char *end;
	unsigned long n = strtoul(c + 1, &end, 10);

	if (*end == ',')
		n = end[1] == '}' ? n + 1 : strtoul(end + 1, NULL, 10);
	return n;
}

bool
regex_is_harmless(const char *pattern)
{
	unsigned long size = 1, n;
	bool grows = false; /* what stands before is a group, or is repeated itself */

	for (const char *c = pattern; *c; c++) {
		n = *c == '{' ? repeats(c) : *c == '+' && grows ? 2 : 1;
		if (n > REGEX_REPEAT_MAX || (size *= n ? n : 1) > REGEX_REPEAT_MAX)
			return false;
		grows = strchr(")}+*?", *c) != NULL;
		if (*c == '\\') {
			if (c[1] >= '1' && c[1] <= '9')
				return false;
			if (c[1])
				c++;
		}
	}
	return true;
}
