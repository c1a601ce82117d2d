/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/apply_priv.h - what the files of `cupola reload` and SIGHUP share.
 *
 *	apply-check.c  the file is checked by a process of its own, then read
 *	apply-plan.c   what differs from what runs, and all that may fail
 *	apply.c        carrying it out, and telling who asked
 */
#ifndef HOST_APPLY_PRIV_H
#define HOST_APPLY_PRIV_H

#include "master_priv.h"

/* What becomes of one plugin. With neither: it is reloaded for what is all others' too, [resource] for one. */
struct change {
	struct plugin *plugin;          /* NULL: new */
	const struct host_plugin *conf; /* NULL: gone */
	bool move;                      /* other listeners, or another process */
	bool new;                       /* `plugin` was made for it, sockets and all */
	bool other_section;             /* more than its telemetry */
	bool other_telemetry;           /* or [resource] */
	bool other_file;                /* the kept copy is of another one */
	bool other_code;                /* ... or the file has become another */
	struct worker_socket *sockets;  /* of a move: what it will have */
	size_t n_sockets;
};

struct plan {
	struct change *changes;
	size_t n;
	bool all;             /* every process is replaced */
	bool configure;       /* every process is told the new configuration */
	struct json_t *lines; /* the difference in words */
};

void plan_make(struct master *master, const struct host_conf *new, struct plan *plan);
/* Opens whatever it needs. 0, or -errno with *err and everything closed again. */
OTEL_MUST_USE int plan_prepare(struct master *master, struct plan *plan,
                               struct otel_error *err);
void plan_fini(struct plan *plan);

/*
 * A configuration without a mistake: applies it and takes it. `done` gets {"changes":[LINE...],
 * "results":[{"plugin","change",...}]}, with "error" when something of it failed; at once or later.
 */
void apply(struct master *master, struct host_conf *new, worker_answer *done, void *arg);

#endif
