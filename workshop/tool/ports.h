/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/ports.h - a free port for each that host.conf names and another program holds.
 *
 * The learner's file is never edited: the difference travels as --set on the command line of the host,
 * for the listener and for everything that asks for it. What was chosen is kept in .workshop/ports.json,
 * so that addresses stay the same from one start to the next.
 */
#ifndef WORKSHOP_PORTS_H
#define WORKSHOP_PORTS_H

#include <stdint.h>

#include "tool.h"

struct port_move {
	char *plugin; /* or "admin" */
	char *address;
	uint16_t from, to;
	char *holder; /* "nginx (pid 12)"; NULL: free again, but kept where it was */
};

struct ports {
	struct port_move *moves;
	size_t n_moves;
	char **sets; /* "SECTION.KEY=VALUE" */
	size_t n_sets;
};

/* Looks what is free. 0, or -errno when there is nothing to be had. */
int ports_choose(const struct tool *tool, struct ports *out, struct otel_error *err);
/* Keeps the choice, for the next start and for the Makefiles of the copy. 0 or -errno. */
int ports_save(const struct tool *tool, const struct ports *ports,
               struct otel_error *err);
void ports_fini(struct ports *ports);

/* The same URL with the port where its service is now; NULL when nothing moved. Owned. */
char *ports_move_url(const struct ports *ports, const char *url);

#endif
