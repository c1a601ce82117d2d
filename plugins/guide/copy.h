/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guide/copy.h - the learner's working copy: where it stands, and what may be asked of it.
 *
 * What is known of it is what `cupola workshop progress --json` says. It is asked again when a file in the
 * copy's .workshop/ has changed, and every few seconds for what leaves no file (a crash, a service that
 * came back); all of that only while a page is open. The files are looked at by stat, which is cheap and
 * sees changes on mounted folders too, where inotify sees none.
 */
#ifndef GUIDE_COPY_H
#define GUIDE_COPY_H

#include <cupola/service.h>

struct copy;
struct course;

/* All borrowed; `dir` empty: there is no copy, and nothing can be run. */
OTEL_MUST_USE int copy_new(const struct svc_host *host, const struct course *course,
                           const char *program, const char *dir, struct copy **out);
void copy_free(struct copy *copy); /* NULL is fine */

/* GET /api/progress: {"copy": folder or null, "progress": {...} or null, "problem": text or null}. */
int copy_progress(struct copy *copy, struct svc_request *req);
/* GET /api/events: the same as server-sent events, at each change. */
int copy_events(struct copy *copy, struct svc_request *req);

/*
 * POST /api/run/ACTION: check, solution and catch-up with ?step=STEP, hint with ?id=ASSERTION, undo. The answer is the program's
 * output as JSON lines (a line that is none becomes {"text": line}), then {"end": true, "status": exit
 * status, "message": what it said on stderr}.
 */
int copy_run(struct copy *copy, struct svc_request *req, const char *action);

#endif
