/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/session-priv.h - what start.c prepares and session.c runs.
 */
#ifndef WORKSHOP_SESSION_PRIV_H
#define WORKSHOP_SESSION_PRIV_H

#include <stdbool.h>

#include "hosting.h"
#include "job.h"
#include "tool.h"
#include "watcher.h"

struct session_unit {
	const char *name; /* borrowed from the course */
	bool service;     /* reloaded when it was built */
	bool changed;     /* waits for its turn */
	bool anew; /* saved while it was compiled: what came of that looks newer than its source */
	int generation; /* the last that was seen */
	int restarts; /* of its process: a generation that a crash brought was not loaded by hand */
	long long crash_at;
};

struct session {
	struct tool *tool;
	struct hosting hosting;
	int lock;   /* >= 0: this session builds; others only look on */
	bool watch; /* check after each reload */
	struct watcher *watcher;
	struct session_unit *units;
	size_t n_units;
	bool conf_changed;

	struct job_list jobs;
	struct session_unit *busy; /* being built or reloaded; one at a time */
	bool conf_busy;            /* host.conf is being checked or reloaded */
	bool asking, checking;     /* a status, a check is under way */
	bool check_again;
	bool adopt;    /* the next status has other generations, and that is our doing */
	uint64_t hash; /* of what is being built */
	uint64_t conf_hash; /* of the host.conf that is being put in force */
	long long began_ms; /* when what is being built was saved */
	long long ask_ms;   /* when to ask for the next status */
	unsigned reloads,
		asked_at_reload; /* a status from before a reload of ours tells nothing new */
	char *seen_build, *seen_conf; /* what another session did last; owned */
	bool ended;
	int result; /* not 0: the host ended in disorder */
};

/* Takes the lock of who builds: 0, or -EWOULDBLOCK. */
int session_lock(struct session *session);
/* Becomes the one that builds when nobody else is. */
void session_take_over(struct session *session);
/* Runs until the host ends, or Ctrl-C. The exit status. */
int session_run(struct session *session, const struct json_t *status);
/* Whether the tour is behind: before, what is saved waits for make and a reload by hand. */
bool session_reloads_by_itself(const struct session *session);
/* Builds the unit and reloads it, or says what to type while the tour asks for that. */
void session_build_unit(struct session *session, struct session_unit *unit);
void session_take_conf(struct session *session);
void session_ask_status(struct session *session);
/* In `watch`: soon as soon as nothing else is under way; now at once. */
void session_check_soon(struct session *session);
void session_check_now(struct session *session);
/* A command of ours with the same options, in a session's words. Owned argv; its strings are borrowed. */
const char **session_own(const struct tool *tool, const char *command);

#endif
