/* SPDX-License-Identifier: Apache-2.0 */
#include "course.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "markdown.h"

#define MAX_PAGE ((size_t)1 << 20)

/* The order of reading. Other pages follow by name. */
static const char *const chapters[] = {
	"README",
	"introduction",
	"tour",
	"section-0-resource",
	"section-1-logging",
	"section-2-metrics",
	"section-3-tracing",
	"section-4-tying-together",
	"wrap-up",
};
#define N_CHAPTERS (sizeof chapters / sizeof *chapters)

/* ---- steps ---- */

static const char *
string_of(json_t *step, const char *key)
{
	const char *text = json_string_value(json_object_get(step, key));

	return text ? text : "";
}

static int
add_step(struct course *course, json_t *json)
{
	struct course_step *step = &course->steps[course->n_steps];

	step->id = strdup(string_of(json, "step"));
	step->title = strdup(string_of(json, "title"));
	step->page = strdup(string_of(json, "page"));
	step->anchor = strdup(string_of(json, "anchor"));
	step->minutes = (int)json_integer_value(json_object_get(json, "minutes"));
	step->on_path = json_is_true(json_object_get(json, "path90"));
	course->n_steps++;
	return step->id && step->title && step->page && step->anchor ? 0 : -ENOMEM;
}

/* A course without steps.json is a text to read: no steps, no checks. */
static int
load_steps(struct course *course, const char *dir, struct otel_error *err)
{
	json_error_t where;
	json_t *root, *list, *step;
	char path[4096];
	size_t i;
	int r = 0;

	snprintf(path, sizeof path, "%s/steps.json", dir);
	root = json_load_file(path, 0, &where);
	if (!root && json_error_code(&where) == json_error_cannot_open_file)
		return 0;
	list = json_is_array(root) ? root : json_object_get(root, "steps");
	if (!json_is_array(list)) {
		json_decref(root);
		return otel_error_set(err, -EINVAL, "%s: expected a list of steps", path);
	}
	course->steps = calloc(json_array_size(list) + 1, sizeof *course->steps);
	if (!course->steps)
		r = otel_error_set(err, -ENOMEM, "out of memory");
	json_array_foreach(list, i, step) if (r == 0 && add_step(course, step) < 0)
		r = otel_error_set(err, -ENOMEM, "out of memory");
	json_decref(root);
	return r;
}

/* "1" is a section of the steps "1.1" and "1.2". */
static bool
is_section_of(const char *id, const char *step)
{
	size_t n = strlen(id);

	return n && !strncmp(step, id, n) && step[n] == '.';
}

bool
course_has_step(const struct course *course, const char *id)
{
	if (!strcmp(id, "all"))
		return true;
	for (size_t i = 0; i < course->n_steps; i++)
		if (!strcmp(course->steps[i].id, id) ||
		    is_section_of(id, course->steps[i].id))
			return true;
	return false;
}

/* ---- pages ---- */

struct reading {
	struct course *course;
	const char *page; /* the one that is rendered */
};

static const char *
page_address(void *arg, const char *name, size_t len)
{
	const struct course *course = ((struct reading *)arg)->course;

	for (size_t i = 0; i < course->n_pages; i++)
		if (strlen(course->pages[i].name) == len &&
		    !memcmp(course->pages[i].name, name, len))
			return course->pages[i].path;
	return NULL;
}

/* By steps.json, or by the heading's first word: "1.2 Create log records". */
static const char *
step_at(void *arg, const char *anchor, const char *text)
{
	const struct reading *reading = arg;
	const struct course *course = reading->course;
	size_t word = strcspn(text, " :,");

	for (size_t i = 0; i < course->n_steps; i++) {
		const struct course_step *step = &course->steps[i];

		if (*step->anchor && !strcmp(step->page, reading->page) &&
		    !strcmp(step->anchor, anchor))
			return step->id;
	}
	for (size_t i = 0; i < course->n_steps; i++)
		if (strlen(course->steps[i].id) == word &&
		    !strncmp(course->steps[i].id, text, word))
			return course->steps[i].id;
	return NULL;
}

static size_t
chapter_of(const char *name)
{
	size_t i = 0;

	while (i < N_CHAPTERS && strcmp(chapters[i], name) != 0)
		i++;
	return i;
}

static int
compare_pages(const void *a, const void *b)
{
	const struct course_page *one = a, *two = b;
	size_t i = chapter_of(one->name), k = chapter_of(two->name);

	if (i != k)
		return i < k ? -1 : 1;
	return strcasecmp(one->name, two->name);
}

static int
add_page(struct course *course, const char *file)
{
	struct course_page *more = realloc(course->pages,
	                                   (course->n_pages + 1) * sizeof *more);
	struct course_page page = { 0 };
	size_t len = strlen(file) - strlen(".md");

	if (!more)
		return -ENOMEM;
	course->pages = more;
	page.name = strndup(file, len);
	if (page.name &&
	    asprintf(&page.path, "/%s", strcmp(page.name, "README") ? page.name : "") < 0)
		page.path = NULL;
	course->pages[course->n_pages++] = page;
	return page.name && page.path ? 0 : -ENOMEM;
}

static int
find_pages(struct course *course, const char *dir, struct otel_error *err)
{
	DIR *folder = opendir(dir);
	struct dirent *entry;
	int r = 0;

	if (!folder)
		return otel_error_set(err, -errno,
		                      "%s: the text of the course is not there: %s", dir,
		                      strerror(errno));
	while (r == 0 && (entry = readdir(folder))) {
		const char *dot = strrchr(entry->d_name, '.');

		if (entry->d_name[0] != '.' && dot && !strcmp(dot, ".md"))
			r = add_page(course, entry->d_name);
	}
	closedir(folder);
	if (r < 0)
		return otel_error_set(err, r, "out of memory");
	if (!course->n_pages)
		return otel_error_set(err, -ENOENT, "%s: there is no page (*.md) in it",
		                      dir);
	qsort(course->pages, course->n_pages, sizeof *course->pages, compare_pages);
	while (course->n_chapters < course->n_pages &&
	       chapter_of(course->pages[course->n_chapters].name) < N_CHAPTERS)
		course->n_chapters++;
	return 0;
}

static int
load_page(struct course *course, struct course_page *page, const char *dir,
          struct otel_error *err)
{
	struct reading reading = { course, page->name };
	struct markdown_env env = { page_address, step_at, &reading };
	char path[4096], *text = malloc(MAX_PAGE);
	FILE *file;
	size_t len = 0;
	int r;

	if (!text)
		return otel_error_set(err, -ENOMEM, "out of memory");
	snprintf(path, sizeof path, "%s/%s.md", dir, page->name);
	file = fopen(path, "re");
	if (file)
		len = fread(text, 1, MAX_PAGE, file);
	if (!file || ferror(file))
		r = otel_error_set(err, -EIO, "%s: cannot be read", path);
	else if (len == MAX_PAGE)
		r = otel_error_set(err, -EFBIG, "%s: has more than 1 MiB", path);
	else
		r = markdown_render(text, len, &env, &page->text, err);
	if (file)
		fclose(file);
	free(text);
	return r;
}

int
course_load(const char *dir, struct course **out, struct otel_error *err)
{
	struct course *course = calloc(1, sizeof *course);
	int r;

	if (!course)
		return otel_error_set(err, -ENOMEM, "out of memory");
	r = load_steps(course, dir, err);
	if (r == 0)
		r = find_pages(course, dir, err);
	for (size_t i = 0; r == 0 && i < course->n_pages; i++)
		r = load_page(course, &course->pages[i], dir, err);
	if (r < 0) {
		course_free(course);
		return r;
	}
	*out = course;
	return 0;
}

void
course_free(struct course *course)
{
	if (!course)
		return;
	for (size_t i = 0; i < course->n_steps; i++) {
		free(course->steps[i].id);
		free(course->steps[i].title);
		free(course->steps[i].page);
		free(course->steps[i].anchor);
	}
	for (size_t i = 0; i < course->n_pages; i++) {
		free(course->pages[i].name);
		free(course->pages[i].path);
		markdown_free(course->pages[i].text);
	}
	free(course->steps);
	free(course->pages);
	free(course);
}
