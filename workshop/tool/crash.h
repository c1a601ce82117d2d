/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/crash.h - the crash of a learner's service, as the host explains it: said once by the
 * session, and kept in .workshop/crash.json for `progress --json`, which the guide shows, until that
 * service has been loaded anew.
 */
#ifndef WORKSHOP_CRASH_H
#define WORKSHOP_CRASH_H

#include "tool.h"

struct json_t;

/* When the plugin last crashed, in a status; 0: it did not. */
long long crash_at(const struct json_t *plugin);
/* Says it, and keeps it when `keep`. */
void crash_say(const struct tool *tool, const struct json_t *plugin, bool keep);
/* Forgets what is kept of that service. */
void crash_settled(const struct tool *tool, const char *service);

#endif
