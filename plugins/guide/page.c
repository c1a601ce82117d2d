/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages are made once, at start, from the template frontend/guide/page.html: @NAME@ there is replaced. What
 * changes while one reads (states of steps, addresses) is put in by the page's own script.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "course.h"
#include "files.h"
#include "markdown.h"
#include "tint.h"

struct slot {
	const char *name, *html;
};

static void
text(FILE *out, const char *string)
{
	html_escape(out, string, strlen(string));
}

/* A title for the margin: "Section 1: Logging" without what a forge's reader needs. */
static const char *
short_title(const struct course_page *page)
{
	return strcmp(page->name, "README") ? page->text->title : "Front page";
}

static const struct course_step *
step_of(const struct course *course, const char *id)
{
	for (size_t i = 0; i < course->n_steps; i++)
		if (!strcmp(course->steps[i].id, id))
			return &course->steps[i];
	return NULL;
}

static void
heading(FILE *out, const struct course *course, const struct course_page *page,
        const struct markdown_heading *heading)
{
	const struct course_step *step = heading->step ? step_of(course, heading->step)
	                                               : NULL;

	fputs("<li", out);
	if (step) {
		fputs(" data-step=\"", out);
		text(out, step->id);
		fprintf(out, "\"%s", step->on_path ? " data-path" : "");
	}
	fputs("><a href=\"", out);
	text(out, page->path);
	fputc('#', out);
	text(out, heading->anchor);
	fputs("\">", out);
	text(out, heading->text);
	fputs("</a></li>", out);
}

/*
 * The page's headings under its title: of level 2, which show on the page itself and when they are looked
 * for, and those where a step begins, which always do.
 */
static void
headings(FILE *out, const struct course *course, const struct course_page *page)
{
	bool any = false, steps = false;

	for (size_t i = 0; i < page->text->n_headings; i++) {
		any |= page->text->headings[i].level == 2;
		steps |= page->text->headings[i].step != NULL;
	}
	if (!any && !steps)
		return;
	fprintf(out, "<ol class=\"headings%s\">", steps ? " steps" : "");
	for (size_t i = 0; i < page->text->n_headings; i++)
		if (page->text->headings[i].level == 2 || page->text->headings[i].step)
			heading(out, course, page, &page->text->headings[i]);
	fputs("</ol>", out);
}

static void
contents(FILE *out, const struct course *course, const struct course_page *here)
{
	fputs("<ol class=\"chapters\">", out);
	for (size_t i = 0; i < course->n_pages; i++) {
		const struct course_page *page = &course->pages[i];

		if (i == course->n_chapters)
			fputs("</ol><h2>To look up</h2><ol class=\"chapters\">", out);
		fprintf(out, "<li%s><a href=\"", page == here ? " class=\"here\"" : "");
		text(out, page->path);
		fprintf(out, "\"%s>", page == here ? " aria-current=\"page\"" : "");
		text(out, short_title(page));
		fputs("</a>", out);
		if (page->text->minutes)
			fprintf(out, "<span class=\"time\">%d min</span>",
			        page->text->minutes);
		headings(out, course, page);
		fputs("</li>", out);
	}
	fputs("</ol>", out);
}

static void
turn_to(FILE *out, const struct course_page *page, const char *rel, const char *word)
{
	fprintf(out, "<a rel=\"%s\" href=\"", rel);
	text(out, page->path);
	fprintf(out, "\"><span>%s</span> ", word);
	text(out, short_title(page));
	fputs("</a>", out);
}

/* Chapters have neighbours; what is looked up has not. */
static void
turning(FILE *out, const struct course *course, const struct course_page *page)
{
	size_t i = (size_t)(page - course->pages);

	if (i >= course->n_chapters)
		return;
	if (i > 0)
		turn_to(out, page - 1, "prev", "Previous");
	if (i + 1 < course->n_chapters)
		turn_to(out, page + 1, "next", "Next");
}

/* The template with its slots filled, as an owned string; NULL without memory. */
static char *
fill(const char *template, const struct slot *slots, size_t n)
{
	char *html = NULL;
	size_t len;
	FILE *out = open_memstream(&html, &len);

	if (!out)
		return NULL;
	while (*template) {
		size_t i = 0, name = 0;

		for (; i < n; i++) {
			name = strlen(slots[i].name);
			if (!strncmp(template, slots[i].name, name))
				break;
		}
		if (i < n) {
			fputs(slots[i].html, out);
			template += name;
		} else {
			fputc(*template ++, out);
		}
	}
	if (fclose(out) != 0) {
		free(html);
		return NULL;
	}
	return html;
}

/* What `write` writes, as an owned string; NULL without memory. */
#define MADE(variable, write)                                       \
	do {                                                        \
		size_t made_len;                                    \
		FILE *out = open_memstream(&(variable), &made_len); \
		if (out) {                                          \
			write;                                      \
			fclose(out);                                \
		}                                                   \
	} while (0)

static int
add_page(struct files *files, const struct course *course, const struct course_page *page,
         const char *path, const char *title, const char *lead, const char *html,
         const char *template, struct otel_error *err)
{
	char *list = NULL, *turn = NULL, *safe_title = NULL, *safe_lead = NULL,
	     *whole = NULL;
	int r;

	MADE(list, contents(out, course, page));
	MADE(turn, turning(out, course, page ? page : course->pages + course->n_pages));
	MADE(safe_title, text(out, title));
	MADE(safe_lead, text(out, lead));
	if (list && turn && safe_title && safe_lead) {
		const struct slot slots[] = {
			{ "@TITLE@", safe_title }, { "@LEAD@", safe_lead },
			{ "@CONTENTS@", list },    { "@TEXT@", html },
			{ "@TURN@", turn },
		};

		whole = fill(template, slots, sizeof slots / sizeof *slots);
	}
	r = whole ? files_add_page(files, path, whole, err)
	          : otel_error_set(err, -ENOMEM, "out of memory");
	free(list);
	free(turn);
	free(safe_title);
	free(safe_lead);
	free(whole);
	return r;
}

static const char missing[] =
	"<h1>There is no such page</h1>"
	"<p>The address may have a typing error, or the page has another name now. "
	"The <a href=\"/\">front page</a> has all of them; so has the list of contents.</p>";

int
course_pages(const struct course *course, struct files *files, struct otel_error *err)
{
	size_t len;
	const char *found = files_get(files, "/page.html", &len);
	char *template;
	int r = 0;

	if (!found)
		return otel_error_set(err, -ENOENT,
		                      "page.html: the guide's page is not installed");
	template = strdup(found);
	if (!template)
		return otel_error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; r == 0 && i < course->n_pages; i++) {
		const struct course_page *page = &course->pages[i];

		r = add_page(files, course, page,
		             strcmp(page->path, "/") ? page->path : "/index.html",
		             page->text->title, page->text->lead, page->text->html,
		             template, err);
	}
	if (r == 0)
		r = add_page(files, course, NULL, "/missing", "There is no such page", "",
		             missing, template, err);
	free(template);
	files_drop(files, "/page.html");
	return r;
}
