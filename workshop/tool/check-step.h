/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/check-step.h - whether a step is solved: its assertions over live telemetry, by `cupola check`.
 */
#ifndef WORKSHOP_CHECK_STEP_H
#define WORKSHOP_CHECK_STEP_H

#include "tool.h"

struct json_t;

/* What was done in the tour, appended to `lines` in the same form. */
void check_tour(const struct tool *tool, struct json_t *lines);

#endif
