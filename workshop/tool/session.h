/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/session.h - what `cupola workshop` and `cupola workshop watch` do until Ctrl-C: a host that
 * runs the working copy, and a save that is built and reloaded at once.
 */
#ifndef WORKSHOP_SESSION_H
#define WORKSHOP_SESSION_H

#include <stdbool.h>

#include "tool.h"

/* Whether a session builds and reloads what is saved in this working copy. */
bool session_builds(const struct tool *tool);

#endif
