/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/check-plan.h - what a check file has done before anything is judged: variables and requests.
 *
 * docs/checking.md describes both. The assertions themselves are the station's to read. For the command,
 * so memory that lacks ends the process.
 */
#ifndef HOST_CHECK_PLAN_H
#define HOST_CHECK_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define CHECK_PLAN_MAX_TIMES    1000
#define CHECK_PLAN_MAX_REQUESTS 5000

/* A source of numbers: the same seed gives the same ones. */
struct check_random {
	uint64_t state;
};

struct check_plan {
	json_t *file;     /* owned; the whole file */
	json_t *values;   /* owned; of variables */
	json_t *given;    /* owned; those of --set, which let does not draw over */
	json_t *mistakes; /* owned; {"path","message"} each */
	struct check_random random;
};

/* Takes the file. Values of ${SERVICE} and of --set are copied. */
void check_plan_init(struct check_plan *plan, json_t *file, const json_t *services,
                     const json_t *given, uint64_t seed);
void check_plan_fini(struct check_plan *plan);
/* Draws the variables and holds every step against the format; what is wrong is in `mistakes`. */
void check_plan_read(struct check_plan *plan);

/* The steps of "drive" or "finally"; NULL when there are none. Borrowed. */
const json_t *check_plan_steps(const struct check_plan *plan, const char *list);
/* How often a step is repeated. */
int check_plan_times(struct check_plan *plan, const json_t *step);
/*
 * The step with its own variables drawn and all ${names} replaced; owned. NULL when a name has no value,
 * which check_plan_read has told of.
 */
json_t *check_plan_expand(struct check_plan *plan, const json_t *step);
/* `url` with the values that the whole plan knows; names that it does not know stay. Owned. */
char *check_plan_show(const struct check_plan *plan, const char *url);
/* Of a step: "GET" and the text of its URL; NULL when it is a pause. Borrowed. */
const char *check_plan_method(const json_t *step, const char **url);

/* Whether a status, or the text of an answer, is what the matcher wants. */
bool check_plan_status_fits(const json_t *matcher, long status);
bool check_plan_answer_fits(const json_t *matcher, const char *text);
/* Whether it is a regular expression; why not, otherwise. */
bool check_plan_regex_is_good(const char *pattern, char *why, size_t size);
/* The matcher in words; owned. */
char *check_plan_describe(const json_t *matcher);

void check_plan_mistake(struct check_plan *plan, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
