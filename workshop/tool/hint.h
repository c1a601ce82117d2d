/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/hint.h - three hints for each assertion: the concept, where, the code.
 */
#ifndef WORKSHOP_HINT_H
#define WORKSHOP_HINT_H

#include <stdbool.h>
#include <stddef.h>

#include "state.h"
#include "tool.h"

/* Whether the last hint of some assertion of the step was given. */
bool hint_all_given(const struct tool *tool, const struct state *state, size_t step);

#endif
