/* SPDX-License-Identifier: Apache-2.0 */
/*
 * space/countries.h - English names of countries for their ISO 3166-1 codes.
 */
#ifndef SPACE_COUNTRIES_H
#define SPACE_COUNTRIES_H

#include <stdbool.h>

#define COUNTRIES_MAX 256

/* The country's place in a list of all, below COUNTRIES_MAX; -1 when the code is not known. [any] */
int country_number(const char *code);

/* The English name, or the code itself when it is not known. [any] */
const char *country_name(const char *code);

/*
 * Sets out[number] for each country of which `folded` (by fold()) is the code or one of the names, or
 * begins a name when `prefix`. [any]
 */
void countries_matching(const char *folded, bool prefix, bool out[COUNTRIES_MAX]);

#endif
