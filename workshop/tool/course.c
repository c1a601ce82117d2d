/* SPDX-License-Identifier: Apache-2.0 */
#include "course.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "memory.h"

static const char *
text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

/* The strings of a list, ended with NULL; they are borrowed from it. Owned. */
static const char **
strings_of(const json_t *json, const char *key)
{
	const json_t *list = json_object_get(json, key), *item;
	const char **out = xcalloc(json_array_size(list) + 1, sizeof *out);
	size_t i, n = 0;

	json_array_foreach(list, i, item)
	{
		if (json_is_string(item))
			out[n++] = json_string_value(item);
	}
	return out;
}

static void
read_step(struct course *course, const json_t *json)
{
	struct step *step = xgrow(&course->steps, &course->n_steps, sizeof *step);
	char *stage, *check;

	step->name = text_of(json, "step");
	step->section = text_of(json, "section");
	step->title = text_of(json, "title");
	step->page = text_of(json, "page");
	step->anchor = text_of(json, "anchor");
	step->minutes = (int)json_integer_value(json_object_get(json, "minutes"));
	step->path90 = json_is_true(json_object_get(json, "path90"));
	step->files = strings_of(json, "files");
	step->command = strings_of(json, "command");
	stage = xasprintf("%s/stages/%s", course->data, step->name);
	check = xasprintf("%s/checks/%s.json", course->data, step->name);
	step->has_stage = file_exists(stage);
	step->has_check = file_exists(check);
	free(stage);
	free(check);
}

int
course_read(const char *data, struct course **out, struct otel_error *err)
{
	struct course *course = xcalloc(1, sizeof *course);
	char *path = xasprintf("%s/steps.json", data);
	json_error_t problem;
	const json_t *item;
	size_t i;

	course->data = xstrdup(data);
	course->json = json_load_file(path, 0, &problem);
	if (!course->json) {
		otel_error_set(
			err, -EINVAL,
			"%s: %s; the course is not installed as it should be, `make install` puts it there",
			path, problem.text);
		free(path);
		course_free(course);
		return -EINVAL;
	}
	free(path);
	course->title = text_of(course->json, "title");
	course->files = strings_of(course->json, "files");
	course->services = strings_of(course->json, "services");
	course->build = strings_of(course->json, "build");
	json_array_foreach(json_object_get(course->json, "sections"), i, item)
	{
		struct section *section = xgrow(&course->sections, &course->n_sections,
		                                sizeof *section);

		section->name = text_of(item, "section");
		section->title = text_of(item, "title");
	}
	json_array_foreach(json_object_get(course->json, "steps"), i, item)
		read_step(course, item);
	*out = course;
	return 0;
}

void
course_free(struct course *course)
{
	if (!course)
		return;
	for (size_t i = 0; i < course->n_steps; i++) {
		free(course->steps[i].files);
		free(course->steps[i].command);
	}
	free(course->steps);
	free(course->sections);
	free(course->files);
	free(course->services);
	free(course->build);
	free(course->data);
	json_decref(course->json);
	free(course);
}

int
course_find(const struct course *course, const char *name)
{
	for (size_t i = 0; i < course->n_steps; i++)
		if (!strcmp(course->steps[i].name, name))
			return (int)i;
	for (size_t i = 0; i < course->n_steps; i++)
		if (!strcmp(course->steps[i].section, name))
			return (int)i;
	return strcmp(name, "end") ? -ENOENT : (int)course->n_steps;
}

const char *
course_section_title(const struct course *course, const char *section)
{
	for (size_t i = 0; i < course->n_sections; i++)
		if (!strcmp(course->sections[i].name, section))
			return course->sections[i].title;
	return "";
}

char *
course_stage_before(const struct course *course, size_t i)
{
	while (i > 0)
		if (course->steps[--i].has_stage)
			return xasprintf("%s/stages/%s", course->data,
			                 course->steps[i].name);
	return xasprintf("%s/stages/start", course->data);
}

char *
course_stage_after(const struct course *course, size_t i)
{
	return course_stage_before(course, i < course->n_steps ? i + 1 : i);
}

size_t
course_checked_by(const struct course *course, size_t i)
{
	while (i < course->n_steps && !course->steps[i].has_check &&
	       !step_is_tour(&course->steps[i]))
		i++;
	return i;
}

char *
course_check_file(const struct course *course, size_t i)
{
	return xasprintf("%s/checks/%s.json", course->data, course->steps[i].name);
}

bool
course_is_service(const struct course *course, const char *name)
{
	for (size_t i = 0; course->services[i]; i++)
		if (!strcmp(course->services[i], name))
			return true;
	return false;
}

bool
step_is_tour(const struct step *step)
{
	return !strcmp(step->name, "tour");
}
