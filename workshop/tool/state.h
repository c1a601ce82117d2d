/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/state.h - what is remembered of a learner: DIR/.workshop/state.json.
 *
 *	{ "version": 1, "by_hand_reload": true,
 *	  "steps": { "1.2": { "passed_at": 1700000000, "caught_up": true, "hints": { "warn-on-400": 2 } } },
 *	  "last_check": { "step": "1.2", "failed": [ {"id", "say", "miss", "hints"} ], "at": 1700000000 } }
 *
 * Where the learner is, is not in it: that is the first step that is neither passed nor caught up with.
 * The file is replaced by rename, under a lock; what cannot be read is kept aside and told of.
 */
#ifndef WORKSHOP_STATE_H
#define WORKSHOP_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "course.h"
#include "tool.h"

struct state {
	char *path;          /* owned */
	struct json_t *json; /* owned */
	int lock;            /* -1: only to look at */
};

/* Whether the folder is a working copy. */
bool state_is_in(const char *dir);
/* Reads it, after taking the lock (waiting for who has it) when it is to be changed. 0 or -errno. */
int state_open(const struct tool *tool, bool change, struct state *out,
               struct otel_error *err);
/* Writes it. 0 or -errno; the old one is then still there. */
int state_save(struct state *state, struct otel_error *err);
void state_close(struct state *state);

/* The learner's step; n_steps when all are done. */
size_t state_now(const struct state *state, const struct course *course);
/* The object of one step, made when there is none. Borrowed. */
struct json_t *state_step(struct state *state, const char *step);
bool state_is_passed(const struct state *state, const char *step);
bool state_is_caught_up(const struct state *state, const char *step);
/* As after catch-up with step `i`: those before are caught up with unless they were passed, others open. */
void state_move(struct state *state, const struct course *course, size_t i);
/* Whether the tour's reload by hand has been seen, so that saving reloads from now on. */
bool state_reloads_by_itself(const struct state *state);
void state_set_reloads(struct state *state);

#endif
