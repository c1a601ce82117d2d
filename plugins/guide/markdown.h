/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guide/markdown.h - one page of the course, from Markdown to HTML.
 *
 * Parsing and rendering is cmark-gfm's, in its safe mode: HTML in the text, and links that are no
 * addresses of pages, do not come out. What is added to it is what a page in a browser can have and a
 * page on a forge cannot: anchors and step marks at headings, file names above code, links between pages.
 * The anchors are those that forges make, so that one link serves both.
 */
#ifndef GUIDE_MARKDOWN_H
#define GUIDE_MARKDOWN_H

#include <stdbool.h>
#include <stddef.h>

#include <otel/error.h>

/* What the text refers to; all of it lives during the call. */
struct markdown_env {
	/* The address of the page that a file's name without ".md" stands for, "/tour"; NULL when it is none. */
	const char *(*page)(void *arg, const char *name, size_t len);
	/* The step that begins at the heading with this anchor and text, "1.2"; NULL when none does. */
	const char *(*step)(void *arg, const char *anchor, const char *text);
	void *arg;
};

struct markdown_heading {
	int level;
	char *anchor, *text; /* text is plain */
	char *step;          /* NULL: none begins here */
};

struct markdown {
	char *html;
	char *title; /* of the first heading; "" when there is none */
	char *lead; /* text of the first paragraph that is more than minutes or a picture; "" as above */
	int minutes;  /* of the page's first "12 minutes"; 0: not said */
	bool on_path; /* that paragraph has the mark of the 90-minute path, or its name */
	struct markdown_heading *headings;
	size_t n_headings;
};

/* 0 and an owned *out, or -ENOMEM. One at a time: cmark-gfm keeps its extensions in a list of its own. */
OTEL_MUST_USE int markdown_render(const char *text, size_t len,
                                  const struct markdown_env *env, struct markdown **out,
                                  struct otel_error *err);
void markdown_free(struct markdown *markdown); /* NULL is fine */

/*
 * The anchor that a forge gives a heading: small letters, digits, '-' and '_', blanks as '-'. Returns an
 * owned string, or NULL without memory. Whether it is the first of that name is the caller's to see.
 */
char *markdown_anchor(const char *text);

#endif
