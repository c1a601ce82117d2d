/* SPDX-License-Identifier: Apache-2.0 */
/*
 * space/gazetteer.h - places of the world, found by any of their names.
 *
 * Case, accents and punctuation do not matter. What follows a comma narrows the search, by country or
 * by its first division: "Springfield, Illinois", "Paris, US", "Darmstadt, Hesse, Germany"; without
 * commas the last words are tried as such.
 */
#ifndef SPACE_GAZETTEER_H
#define SPACE_GAZETTEER_H

#include <stddef.h>
#include <stdint.h>

#include <otel/error.h>

/* Borrowed from the gazetteer, as all its strings are. */
struct place {
	const char *name, *admin1,
		*country;                  /* admin1 may be ""; country is the ISO code */
	const char *admin1_code, *feature; /* GeoNames' own; feature is PPL, PPLC ... */
	double latitude, longitude;        /* WGS-84 degrees */
	int64_t population;
	int64_t id; /* at GeoNames */
};

/* Immutable once loaded, so threads may share it. */
struct gazetteer;

/* Reads a file like cities.tsv, sorted by population. 0 and an owned *out, or -errno with file and line in *err. [any] */
int gazetteer_load(const char *path, struct gazetteer **out, struct otel_error *err);
void gazetteer_free(struct gazetteer *gazetteer); /* NULL is fine */

enum gazetteer_match {
	GAZETTEER_WORDS, /* a name, or its first words: a question that was asked */
	GAZETTEER_PREFIX /* the beginning of a name: one that is being typed */
};

/*
 * Finds up to `max` places, at most 50: those whose own name it is, those with another such name, those
 * whose own name begins so, those of which another does; among equals the larger place first. Returns
 * how many. [any]
 */
size_t gazetteer_find(const struct gazetteer *gazetteer, const char *query,
                      enum gazetteer_match match, const struct place *out[], size_t max);

/* Writes "Darmstadt, Hesse, Germany", cut to `size`. [any] */
const char *place_label(const struct place *place, char *out, size_t size);

#endif
