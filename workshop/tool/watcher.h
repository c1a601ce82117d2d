/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/watcher.h - what the learner saved: which folder of the working copy, or host.conf.
 *
 * Told by inotify where it works, and elsewhere (network disks, folders shared into containers) by looking
 * twice a second. Either way the contents decide: a save that changes nothing is none, and editors that write
 * in several goes, or rename, are waited for.
 */
#ifndef WORKSHOP_WATCHER_H
#define WORKSHOP_WATCHER_H

#include "tool.h"

struct watcher;

/* Begins with what is there now. */
struct watcher *watcher_new(const struct tool *tool);
void watcher_free(struct watcher *watcher); /* NULL is fine */
/* To be polled for reading; -1 when there is none. */
int watcher_fd(const struct watcher *watcher);
/* When to call watcher_next at the latest, in ms from now; -1: not before the descriptor says so. */
int watcher_timeout(const struct watcher *watcher);
/* A unit that changed ("gateway", "host.conf"), or NULL. Borrowed; ask until NULL. */
const char *watcher_next(struct watcher *watcher);

#endif
