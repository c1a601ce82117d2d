/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/course.h - the course's table of contents: steps.json, and where stages and checks lie.
 *
 *	{ "title": "Instrumenting C Applications with OpenTelemetry",
 *	  "files": ["host.conf", "iss-distance-service/app.c", ...],        what learners edit
 *	  "services": ["iss-distance-service", ...],                        what is built and reloaded
 *	  "build": ["by-hand"],                                             what is built only
 *	  "sections": [ {"section": "0", "title": "Create a Resource"} ],
 *	  "steps": [ {"step": "0.1", "section": "0", "title": "A version", "minutes": 4, "path90": true,
 *	              "files": ["iss-distance-service/app.c"], "page": "section-0-resource", "anchor": "a-version"} ] }
 *
 * Steps stand in the order in which they are met. A stage is what the files of learners should be when a
 * step is done: stages/STEP/ has all of them, stages/start/ what comes before everything. A step without
 * a stage leaves no trace; one without checks/STEP.json is solved together with the next that has one. A
 * "command" is run by the checks, for what nobody asks over HTTP.
 */
#ifndef WORKSHOP_COURSE_H
#define WORKSHOP_COURSE_H

#include <stdbool.h>
#include <stddef.h>

#include <otel/error.h>

struct step {
	const char *name, *section, *title, *page, *anchor;
	int minutes;
	bool path90;
	bool has_stage;
	bool has_check;
	const char **files;   /* that the step edits; ends with NULL */
	const char **command; /* that its checks are made around; ends with NULL */
};

struct section {
	const char *name, *title;
};

struct course {
	const char *title;
	struct step *steps;
	size_t n_steps;
	struct section *sections;
	size_t n_sections;
	const char **files, **services, **build; /* end with NULL */
	char *data;                              /* the folder of it all */
	struct json_t *json;                     /* holds every string above */
};

int course_read(const char *data, struct course **out, struct otel_error *err);
void course_free(struct course *course); /* NULL is fine */

/* The index of "3.3"; of "3" (a section) the first of its steps. -ENOENT. "end" is n_steps. */
int course_find(const struct course *course, const char *name);
/* The title of the step's section; "" when it has none. */
const char *course_section_title(const struct course *course, const char *section);
/* The folder of what the files are before step `i`; i may be n_steps. Owned. */
char *course_stage_before(const struct course *course, size_t i);
/* The same when it is done. Owned. */
char *course_stage_after(const struct course *course, size_t i);
/* The step whose checks decide about step `i`: itself, or the next that has some; n_steps: none. */
size_t course_checked_by(const struct course *course, size_t i);
/* Where its checks are. Owned. */
char *course_check_file(const struct course *course, size_t i);
bool course_is_service(const struct course *course, const char *name);
/* Whether the step is the tour, which is judged by what was done and not by telemetry alone. */
bool step_is_tour(const struct step *step);

#endif
