/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/crash.h - what became of a learner's service, as the host explains it in its status
 * (docs/lifecycle.md): a crash, or a handler that held everything up.
 */
#ifndef WORKSHOP_CRASH_H
#define WORKSHOP_CRASH_H

#include "tool.h"

struct json_t;

/* When the plugin last crashed or blocked, as a status has it, in ms; 0: it did not. */
long long crash_at(const struct json_t *plugin);
/* Says it in some lines. */
void crash_say(const struct tool *tool, const struct json_t *plugin);
/* The newest crash of the course's services as `progress --json` has it; owned, JSON null when none. */
struct json_t *crash_as_json(const struct tool *tool, const struct json_t *status);

#endif
