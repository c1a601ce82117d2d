/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/check-match.h - a value of telemetry, what it may be held against, and both in words.
 *
 * Matchers are read from a check file once, and are then only looked at. docs/checking.md, "Matchers".
 */
#ifndef STATION_CHECK_MATCH_H
#define STATION_CHECK_MATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "otlp.h"
#include <otel/error.h>

/* ---- values ---- */

enum check_type {
	CHECK_ABSENT, /* there is none */
	CHECK_STRING,
	CHECK_BOOLEAN,
	CHECK_INTEGER,
	CHECK_DOUBLE,
	CHECK_BYTES,
	CHECK_ARRAY,
	CHECK_MAP,
	CHECK_EMPTY, /* there is one, without any value */
};

struct check_value {
	enum check_type type;
	int64_t integer; /* a boolean too */
	double real;
	const char *text;    /* borrowed; NUL-terminated */
	const otlp_any *any; /* borrowed; arrays, maps, bytes */
};

struct check_value check_value_of(const otlp_any *any); /* NULL: absent */
struct check_value check_text(const char *text);        /* NULL: absent */
struct check_value check_integer(int64_t integer);
struct check_value check_double(double real);

/* ---- reading ---- */

/* Where in the file something stands: expect[2].each.attributes */
struct check_at {
	const struct check_at *up; /* NULL: the file itself */
	const char *key;           /* NULL: the element `index` */
	size_t index;
};

struct check_reader {
	json_t *mistakes; /* owned array of {"path","message"} */
	size_t n_matches;
	bool out_of_memory;
	size_t expanded; /* bytes that values have become so far */
};

#define CHECK_MAX_MISTAKES 20
#define CHECK_MAX_MATCHES  1000
#define CHECK_MAX_REGEX    200

/* Notes a mistake; those past CHECK_MAX_MISTAKES are not kept. */
void check_mistake(struct check_reader *reader, const struct check_at *at,
                   const char *fmt, ...) OTEL_PRINTF(3, 4);
/* The JSON type of a value as a sentence has it: "a string". */
const char *check_json_type(const json_t *json);

/* How a field's numbers are written, and compared. */
enum check_scale {
	CHECK_STRICT,   /* 1 is an integer and 1.0 a double */
	CHECK_NUMERIC,  /* they are the same */
	CHECK_DURATION, /* "5ms"; nanoseconds */
	CHECK_SEVERITY, /* "WARN"; severity numbers */
};

struct check_match;

/*
 * Reads a matcher. `words`, ended by NULL, are what a text may be; NULL: anything. NULL after a mistake
 * or without memory.
 */
struct check_match *check_match_read(struct check_reader *reader,
                                     const struct check_at *at, const json_t *json,
                                     enum check_scale scale, const char *const *words);
void check_match_free(struct check_match *match); /* NULL is fine */

/* ---- holding against each other ---- */

bool check_match_fits(const struct check_match *match, const struct check_value *value);
/* Whether a number fits that is not an item's but the engine's: a count. */
bool check_match_fits_number(const struct check_match *match, double number);
/* Whether it is `number` or may become more and still fit: {"min": ...} alone. */
bool check_match_is_open(const struct check_match *match);
/* Whether no number from `number` on fits. */
bool check_match_is_exceeded(const struct check_match *match, double number);
/* Whether "absent" is what it asks for. */
bool check_match_wants_absent(const struct check_match *match);
/* The text that it must be, when it must be exactly one; else NULL. */
const char *check_match_text(const struct check_match *match);

/* Appends what is expected: `an integer`, `"s"`, `at least 400`. Names go in backticks if `name`. */
void check_match_describe(const struct check_match *match, bool name, struct buf *buf);
/* Appends what was found: `the string "200"`; the type is named where the matcher wants another one. */
void check_value_describe(const struct check_value *value,
                          const struct check_match *match, bool name, struct buf *buf);

/* The same for numbers in a scale of their own. */
void check_number_describe(double number, enum check_scale scale, struct buf *buf);

/* Whether two values are the same, type included. */
bool check_value_equals(const struct check_value *value, const json_t *json,
                        enum check_scale scale);

#endif
