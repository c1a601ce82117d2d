/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guide/run.h - one program run beside the service, its output read line by line.
 *
 * The program is started without a shell, in a process group of its own. A task of the host's reads its
 * output without blocking, 50 times a second: a thread of the pool would be held for as long as a check
 * takes, and could not be told that the reader has gone. Whoever leaves before the end ends the program:
 * SIGTERM to its group, SIGKILL two seconds later.
 */
#ifndef GUIDE_RUN_H
#define GUIDE_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include <cupola/service.h>

#define RUN_MAX_OUTPUT ((size_t)1 << 20) /* past this the program is ended */

struct run;

/*
 * Starts argv[0] with the arguments of argv, which ends with NULL, for at most limit_ms. `*busy`, which
 * lives as long as the service, is true while it runs. 0 and *out, -EBUSY when it was true already, or
 * -errno. [fiber]
 */
OTEL_MUST_USE int run_start(const struct svc_host *host, const char *const *argv,
                            int limit_ms, bool *busy, struct run **out,
                            struct otel_error *err);

/*
 * The next line without its newline, borrowed until anything suspends: 1; 0 when there are no more and the
 * program has ended; -ECANCELED. [fiber]
 */
int run_line(struct run *run, char **line);

/* Its exit status, or -1 when it was ended by a signal or by us; after run_line has said 0. */
int run_status(const struct run *run);
/* What it wrote to stderr, without the last newline, or why it was ended; "" when nothing. */
const char *run_message(const struct run *run);

/* Ends the program when it has not ended, and gives the run up. NULL is fine. */
void run_leave(struct run *run);

#endif
