/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/check-step.h - whether a step is solved: its assertions over live telemetry, by `cupola check`.
 */
#ifndef WORKSHOP_CHECK_STEP_H
#define WORKSHOP_CHECK_STEP_H

#include <stddef.h>

#include "state.h"
#include "tool.h"

struct json_t;

struct check {
	size_t step; /* its index */
	struct json_t *
		lines; /* {"id", "say", "result": "pass"|"fail", "miss", "hints"}; owned */
	int passed, failed;
	double seconds;
};

/* Checks one step against the host that runs. 0, or -errno with what is in the way. */
int check_run(const struct tool *tool, size_t step, struct check *out,
              struct otel_error *err);
void check_fini(struct check *check);
/* What was done in the tour, appended to `lines` in the same form. */
void check_tour(const struct tool *tool, struct json_t *lines);

#endif
