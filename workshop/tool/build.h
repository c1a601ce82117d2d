/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/build.h - building one folder of the working copy, and what the compiler said of it in as
 * few lines as help: file, line and sentence of each mistake. All of its words are in .workshop/build.log.
 *
 * What came of it is kept in .workshop/build.json for other sessions and the guide:
 *	{ "last": "gateway", "units": { "gateway": { "ok": false, "refused": false, "errors": [ {"file", "line", "text"} ],
 *	  "warnings": 0, "at": unix, "hash": "...", "generation": 4, "seconds": 0.6 } } }
 */
#ifndef WORKSHOP_BUILD_H
#define WORKSHOP_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job.h"
#include "tool.h"

struct json_t;

struct build_error {
	char *file; /* from the working copy on; "" when unknown */
	int line;   /* 0: unknown */
	char *text;
};

struct build {
	const char *unit; /* borrowed: "gateway" */
	bool ok;
	bool refused; /* it was built, and the host did not take it; not ok then */
	struct build_error *errors;
	size_t n_errors;
	struct build_error *warnings;
	size_t n_warnings;
	bool warned_last; /* while reading: the last of all was a warning */
};

/* Begins `make` in DIR/unit; `anew` builds all, whatever the times of files say. 0 and an owned job, or -errno. */
int build_start(const struct tool *tool, const char *unit, bool anew, struct job **out,
                struct otel_error *err);
/* What the ended job said. */
void build_read(const struct tool *tool, const char *unit, const struct job *job,
                struct build *out);
/* The same from the compiler's text alone. */
void build_parse(const char *unit, const char *dir, const char *text, struct build *out);
void build_fini(struct build *build);
/* Prints at most some lines of errors and warnings. */
void build_say(const struct build *build);

/* Of every source in DIR/unit, so that a save that changes nothing is noticed. */
uint64_t build_hash(const struct tool *tool, const char *unit);
/* Whether make has to do with that file: app.c, geodesic.h, Makefile. */
bool build_is_source(const char *name);

/* Remembers what came of a build; generation 0: it was not loaded. */
void build_record(const struct tool *tool, const struct build *build, uint64_t hash,
                  int generation, double seconds);
/* Whether the sources are those of the last build; so they are when nothing was remembered. */
bool build_is_current(const struct tool *tool, const struct json_t *recorded,
                      const char *unit);
/*
 * The same of host.conf, and that a session has dealt with it as it was then: `mistakes` has a line for each,
 * FILE:LINE: TEXT, or is NULL when it is in force.
 */
uint64_t build_conf_hash(const struct tool *tool);
void build_record_conf(const struct tool *tool, uint64_t hash, const char *mistakes);
/* Whether host.conf is as it was then; so it is when nothing was remembered. */
bool build_conf_is_taken(const struct tool *tool, const struct json_t *recorded);
/* What is remembered; owned, NULL when nothing. */
struct json_t *build_recorded(const struct tool *tool);
/* The part that says what is wrong now, or was built last; borrowed from it, NULL when nothing. */
struct json_t *build_shown(struct json_t *recorded, const char **unit);

#endif
