/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file is kept as read, cut into strings. Beside it stands one sorted array of folded names, each
 * with its place: all names that begin in some way lie together, and two binary searches find them.
 * Places are in the order of the file, largest first, so a smaller index is a larger place.
 */
#include "gazetteer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "countries.h"
#include "fold.h"

#define MAX_FILE   (64 << 20)
#define MAX_RESULT 50
/* Longer than any name that is there; a longer question cannot be about one. */
#define MAX_QUERY 256
/* Between commas; "Darmstadt, Hesse, Germany" has three. */
#define MAX_PARTS 6

enum column {
	NAME,
	ASCII_NAME,
	ALTERNATES,
	COUNTRY,
	ADMIN1,
	LATITUDE,
	LONGITUDE,
	POPULATION,
	ADMIN1_CODE,
	ID,
	FEATURE,
	N_COLUMNS
};

struct entry {
	const char *key; /* folded */
	uint32_t place : 31;
	uint32_t own : 1; /* the place's name, not one of its others */
};

struct gazetteer {
	char *text; /* the file, NULs where tabs and newlines were */
	char *keys; /* all folded strings, one after the other */
	size_t keys_len, keys_size;
	struct place *places;
	const char **regions; /* folded admin1 of each place */
	uint8_t *countries;   /* number of each place's country */
	size_t n_places;
	struct entry *entries; /* sorted by key, then by place */
	size_t n_entries;
};

void
gazetteer_free(struct gazetteer *g)
{
	if (!g)
		return;
	free(g->text);
	free(g->keys);
	free(g->places);
	free(g->regions);
	free(g->countries);
	free(g->entries);
	free(g);
}

/* ---- loading ---- */

static int
read_file(const char *path, char **text, size_t *len, struct otel_error *err)
{
	FILE *file = fopen(path, "re");
	struct stat st;
	char *bytes;
	size_t n;

	if (!file)
		return otel_error_set(err, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fileno(file), &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size > MAX_FILE) {
		fclose(file);
		return otel_error_set(err, -EINVAL, "%s: not a file of at most %d MiB",
		                      path, MAX_FILE >> 20);
	}
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes) {
		fclose(file);
		return otel_error_set(err, -ENOMEM, "%s: out of memory", path);
	}
	n = fread(bytes, 1, (size_t)st.st_size, file);
	fclose(file);
	bytes[n] = '\0';
	if (memchr(bytes, '\0', n)) {
		free(bytes);
		return otel_error_set(err, -EINVAL, "%s: has a NUL byte in it", path);
	}
	*text = bytes;
	*len = n;
	return 0;
}

/* How many times `c` occurs: the bound of what a file can hold. */
static size_t
count(const char *text, size_t len, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == c;
	return n;
}

static const char *
add_key(struct gazetteer *g, const char *text, size_t len)
{
	char *key = g->keys + g->keys_len;

	g->keys_len += fold(text, len, key, g->keys_size - g->keys_len) + 1;
	return key;
}

static void
add_name(struct gazetteer *g, const char *text, bool own)
{
	const char *key = add_key(g, text, strlen(text));

	if (*key)
		g->entries[g->n_entries++] = (struct entry){ key,
			                                     g->n_places & 0x7fffffff,
			                                     own };
}

static bool
number(const char *text, double low, double high, double *out)
{
	char *end;

	*out = strtod(text, &end);
	return end != text && *end == '\0' && *out >= low && *out <= high;
}

/* Takes one line apart, in place. */
static int
add_line(struct gazetteer *g, char *line)
{
	char *column[N_COLUMNS];
	struct place *place = &g->places[g->n_places];
	double population, id;
	int country;

	for (int i = 0; i < N_COLUMNS; i++) {
		column[i] = strsep(&line, "\t");
		if (!column[i])
			return -EINVAL;
	}
	*place = (struct place){ .name = column[NAME],
		                 .admin1 = column[ADMIN1],
		                 .country = column[COUNTRY],
		                 .admin1_code = column[ADMIN1_CODE],
		                 .feature = column[FEATURE] };
	country = country_number(place->country);
	if (!*place->name || country < 0 ||
	    !number(column[LATITUDE], -90, 90, &place->latitude) ||
	    !number(column[LONGITUDE], -180, 180, &place->longitude) ||
	    !number(column[POPULATION], 0, 1e10, &population) ||
	    !number(column[ID], 0, 1e12, &id))
		return -EINVAL;
	place->population = (int64_t)population;
	place->id = (int64_t)id;
	g->countries[g->n_places] = (uint8_t)country;
	g->regions[g->n_places] = add_key(g, place->admin1, strlen(place->admin1));
	add_name(g, place->name, true);
	add_name(g, column[ASCII_NAME], true);
	for (char *rest = column[ALTERNATES], *name; (name = strsep(&rest, "|"));)
		add_name(g, name, false);
	g->n_places++;
	return 0;
}

static int
by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	if (order == 0)
		order = (x->place > y->place) - (x->place < y->place);
	return order ? order : y->own - x->own;
}

/* Sorts the names; those that fold to the same for the same place become one, its own before others. */
static void
build_index(struct gazetteer *g)
{
	size_t n = 0;

	qsort(g->entries, g->n_entries, sizeof g->entries[0], by_key);
	for (size_t i = 0; i < g->n_entries; i++)
		if (n == 0 || g->entries[n - 1].place != g->entries[i].place ||
		    strcmp(g->entries[n - 1].key, g->entries[i].key) != 0)
			g->entries[n++] = g->entries[i];
	g->n_entries = n;
}

static int
fill(struct gazetteer *g, size_t len, const char *path, struct otel_error *err)
{
	size_t lines = count(g->text, len, '\n') + 1;
	size_t names = 2 * lines + count(g->text, len, '|') + lines;
	char *rest = g->text, *line;

	/* A folded string is no longer than what it came from, and two columns are folded twice over at most. */
	g->keys_size = 2 * len + names + lines;
	g->keys = malloc(g->keys_size);
	g->places = calloc(lines, sizeof g->places[0]);
	g->regions = calloc(lines, sizeof g->regions[0]);
	g->countries = calloc(lines, sizeof g->countries[0]);
	g->entries = calloc(names, sizeof g->entries[0]);
	if (!g->keys || !g->places || !g->regions || !g->countries || !g->entries)
		return otel_error_set(err, -ENOMEM, "%s: out of memory", path);
	line = strsep(&rest, "\n");
	if (strncmp(line, "name\t", 5) != 0)
		return otel_error_set(err, -EINVAL,
		                      "%s: line 1: the names of the columns are missing",
		                      path);
	for (size_t n = 2; (line = strsep(&rest, "\n")); n++)
		if (*line && add_line(g, line) < 0)
			return otel_error_set(err, -EINVAL,
			                      "%s: line %zu: not a place in %d columns",
			                      path, n, N_COLUMNS);
	build_index(g);
	return 0;
}

int
gazetteer_load(const char *path, struct gazetteer **out, struct otel_error *err)
{
	struct gazetteer *g = calloc(1, sizeof *g);
	size_t len = 0;
	int r;

	if (!g)
		return otel_error_set(err, -ENOMEM, "%s: out of memory", path);
	r = read_file(path, &g->text, &len, err);
	if (r == 0)
		r = fill(g, len, path, err);
	if (r < 0) {
		gazetteer_free(g);
		return r;
	}
	*out = g;
	return 0;
}

/* ---- finding ---- */

/* One word of narrowing: a country or a region of one. */
struct qualifier {
	char folded[MAX_QUERY];
	bool countries[COUNTRIES_MAX];
};

struct query {
	char name[MAX_QUERY]; /* folded */
	size_t name_len;
	struct qualifier qualifiers[MAX_PARTS];
	size_t n_qualifiers;
	enum gazetteer_match match;
};

/* What was asked for, cut at its commas and folded. */
struct parts {
	char text[MAX_PARTS][MAX_QUERY];
	size_t n;
};

/* How well a place answers. Its own name counts more: Islamabad is also an old name of Chittagong. */
enum rank { WHOLE, WHOLE_OTHER, BEGINNING, BEGINNING_OTHER };

struct result {
	uint32_t place;
	enum rank rank;
};

struct results {
	struct result found[MAX_RESULT]; /* best first */
	size_t n, max;
};

/* Puts a result where it belongs, or nowhere; a place stays once, at its best. */
static void
add_result(struct results *r, struct result new)
{
	size_t at = r->n;

	for (size_t i = 0; i < r->n; i++) {
		if (r->found[i].place != new.place)
			continue;
		if (r->found[i].rank <= new.rank)
			return;
		memmove(&r->found[i], &r->found[i + 1], (r->n - i - 1) * sizeof new);
		at = --r->n;
		break;
	}
	while (at > 0 &&
	       (r->found[at - 1].rank > new.rank || (r->found[at - 1].rank == new.rank &&
	                                             r->found[at - 1].place > new.place)))
		at--;
	if (at >= r->max)
		return;
	if (r->n == r->max)
		r->n--;
	memmove(&r->found[at + 1], &r->found[at], (r->n - at) * sizeof new);
	r->found[at] = new;
	r->n++;
}

static bool
begins(const char *key, const char *prefix)
{
	return strncmp(key, prefix, strlen(prefix)) == 0;
}

static bool
qualifies(const struct gazetteer *g, uint32_t place, const struct query *q)
{
	for (size_t i = 0; i < q->n_qualifiers; i++) {
		const struct qualifier *by = &q->qualifiers[i];
		const char *region = g->regions[place];

		if (by->countries[g->countries[place]] ||
		    strcmp(region, by->folded) == 0 ||
		    strcasecmp(g->places[place].admin1_code, by->folded) == 0 ||
		    (q->match == GAZETTEER_PREFIX && begins(region, by->folded)))
			continue;
		return false;
	}
	return true;
}

/* The first entry whose key is not before `name`. */
static size_t
lower_bound(const struct gazetteer *g, const char *name)
{
	size_t low = 0, high = g->n_entries;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(g->entries[middle].key, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static enum rank
rank_of(const struct entry *e, size_t asked_len)
{
	if (e->key[asked_len] == '\0')
		return e->own ? WHOLE : WHOLE_OTHER;
	return e->own ? BEGINNING : BEGINNING_OTHER;
}

static void
collect(const struct gazetteer *g, const struct query *q, struct results *out)
{
	for (size_t i = lower_bound(g, q->name); i < g->n_entries; i++) {
		const struct entry *e = &g->entries[i];

		if (strncmp(e->key, q->name, q->name_len) != 0)
			break;
		if (q->match == GAZETTEER_WORDS && e->key[q->name_len] != '\0' &&
		    e->key[q->name_len] != ' ')
			continue;
		if (qualifies(g, e->place, q))
			add_result(out,
			           (struct result){ e->place, rank_of(e, q->name_len) });
	}
}

static void
set_name(struct query *q, const char *name, size_t len)
{
	memcpy(q->name, name, len);
	q->name[len] = '\0';
	q->name_len = len;
	q->n_qualifiers = 0;
}

static void
add_qualifier(struct query *q, const char *folded)
{
	struct qualifier *by = &q->qualifiers[q->n_qualifiers++];

	snprintf(by->folded, sizeof by->folded, "%s", folded);
	countries_matching(folded, q->match == GAZETTEER_PREFIX, by->countries);
}

/* 0, or -EINVAL for what cannot be the name of a place. */
static int
parse(const char *text, struct parts *parts)
{
	if (strnlen(text, MAX_QUERY) >= MAX_QUERY)
		return -EINVAL;
	while (*text) {
		size_t len = strcspn(text, ",");

		if (parts->n == MAX_PARTS)
			return -E2BIG;
		/* Nothing between two commas says nothing; nothing before the first is no name. */
		if (fold(text, len, parts->text[parts->n], MAX_QUERY) > 0)
			parts->n++;
		else if (parts->n == 0)
			return -EINVAL;
		text += len + (text[len] == ',');
	}
	return parts->n > 0 ? 0 : -EINVAL;
}

/* The first part is the name; when that finds nothing the first two are: "Washington, D.C., US". */
static void
find_by_commas(const struct gazetteer *g, const struct parts *parts, struct query *q,
               struct results *out)
{
	char name[MAX_QUERY] = "";
	size_t len = 0;

	for (size_t i = 0; i < parts->n && out->n == 0; i++) {
		len += (size_t)snprintf(name + len, sizeof name - len, "%s%s",
		                        i ? " " : "", parts->text[i]);
		set_name(q, name, len);
		for (size_t k = i + 1; k < parts->n; k++)
			add_qualifier(q, parts->text[k]);
		collect(g, q, out);
	}
}

/* "springfield illinois": the longest beginning that is a place with the rest as its region or country. */
static void
find_by_words(const struct gazetteer *g, const char *whole, struct query *q,
              struct results *out)
{
	for (size_t end = strlen(whole); end > 0 && out->n == 0; end--) {
		if (whole[end] != ' ')
			continue;
		set_name(q, whole, end);
		add_qualifier(q, whole + end + 1);
		collect(g, q, out);
	}
}

size_t
gazetteer_find(const struct gazetteer *g, const char *query, enum gazetteer_match match,
               const struct place *out[], size_t max)
{
	struct query q = { .match = match };
	struct parts parts = { .n = 0 };
	struct results results = { .max = max < MAX_RESULT ? max : MAX_RESULT };

	if (max == 0 || parse(query, &parts) < 0)
		return 0;
	find_by_commas(g, &parts, &q, &results);
	if (results.n == 0 && parts.n == 1)
		find_by_words(g, parts.text[0], &q, &results);
	for (size_t i = 0; i < results.n; i++)
		out[i] = &g->places[results.found[i].place];
	return results.n;
}

const char *
place_label(const struct place *place, char *out, size_t size)
{
	bool region = *place->admin1 && strcmp(place->admin1, place->name) != 0;

	snprintf(out, size, "%s%s%s, %s", place->name, region ? ", " : "",
	         region ? place->admin1 : "", country_name(place->country));
	return out;
}
