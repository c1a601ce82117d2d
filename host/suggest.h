/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/suggest.h - "did you mean": the word that a typing error was meant to be.
 */
#ifndef HOST_SUGGEST_H
#define HOST_SUGGEST_H

#include <stddef.h>

/*
 * Begins with `best` NULL and `distance` anything; offer every candidate, then read `best`: borrowed from
 * the candidates, NULL when none is near.
 */
struct host_suggest {
	const char *word, *best;
	size_t distance;
};

void host_suggest_offer(struct host_suggest *suggest, const char *candidate);
/* "; did you mean BEST?" in `buf`, or "" . Returns buf. */
const char *host_suggest_text(const struct host_suggest *suggest, char *buf, size_t size);

#endif
