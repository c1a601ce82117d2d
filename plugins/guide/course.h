/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guide/course.h - the course as pages: which there are, in which order, and where its steps begin.
 *
 * Read once, from a folder with *.md, pictures/ and steps.json; immutable after that. A page is known by
 * its file's name without ".md"; README is the front page.
 */
#ifndef GUIDE_COURSE_H
#define GUIDE_COURSE_H

#include <stdbool.h>
#include <stddef.h>

#include <otel/error.h>

struct files;
struct markdown;

struct course_step {
	char *id;            /* "1.2", "tour" */
	char *title;         /* "create log records" */
	char *page, *anchor; /* where it begins; "" when that is not said */
	int minutes;         /* 0: not said */
	bool on_path;        /* of the 90 minutes */
};

struct course_page {
	char *name, *path; /* "tour", "/tour"; the front page has "/" */
	struct markdown *text;
};

struct course {
	struct course_page *pages; /* in reading order */
	size_t n_pages;
	size_t n_chapters; /* the first of them are read from front to back; the others are looked up */
	struct course_step *steps;
	size_t n_steps;
};

/* Reads and renders all of it. 0 and an owned *out, or -errno. Blocks: in start() only, one at a time. */
OTEL_MUST_USE int course_load(const char *dir, struct course **out,
                              struct otel_error *err);
void course_free(struct course *course); /* NULL is fine */

/* Whether checks and the like may be asked for it: a step, a section of steps, or "all". */
bool course_has_step(const struct course *course, const char *id);

/*
 * Adds each page to `files`, set into the template at /page.html there, which is taken out, and a last
 * one at /missing for addresses that there are not.
 */
OTEL_MUST_USE int course_pages(const struct course *course, struct files *files,
                               struct otel_error *err);

#endif
