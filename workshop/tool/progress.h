/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/progress.h - where the learner is, and what comes next.
 */
#ifndef WORKSHOP_PROGRESS_H
#define WORKSHOP_PROGRESS_H

#include "tool.h"

struct json_t;

/* Says the learner's step and what to do there; `status` may be NULL. */
void progress_say_next(const struct tool *tool, const struct json_t *status);
/* The address to open: the guide's, or the station's where no guide runs. Owned; NULL when neither runs. */
char *progress_guide(const struct json_t *status);

#endif
