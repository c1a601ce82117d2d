/* SPDX-License-Identifier: Apache-2.0 */
#include "suggest.h"

#include <stdio.h>

#include "near.h"

void
host_suggest_offer(struct host_suggest *suggest, const char *candidate)
{
	size_t distance = near_distance(suggest->word, candidate);

	if (near_is_typo(suggest->word, candidate) &&
	    (!suggest->best || distance < suggest->distance)) {
		suggest->best = candidate;
		suggest->distance = distance;
	}
}

const char *
host_suggest_text(const struct host_suggest *suggest, char *buf, size_t size)
{
	*buf = '\0';
	if (suggest->best)
		snprintf(buf, size, "; did you mean %s?", suggest->best);
	return buf;
}
