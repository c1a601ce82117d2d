/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/check-drive.h - the requests of a check file, sent by libcurl, one after the other; and the one to
 * the station. Ctrl-C ends the call that runs.
 */
#ifndef HOST_CHECK_DRIVE_H
#define HOST_CHECK_DRIVE_H

#include "check-plan.h"

/* What came back. `text` is owned, and NULL when nothing did: then `why` says so. */
struct check_answer {
	long status;
	char *text;
	size_t len;
	char why[256];
};

struct check_request {
	const char *method, *url;
	const json_t *headers; /* an object of texts, or NULL */
	const char *body;      /* or NULL */
	const char *type;      /* of the body, when headers do not say it */
	long timeout_ms;
	size_t max_answer;
};

/* Installs the handlers of SIGINT and SIGTERM. */
void check_drive_begin(void);
/* Whether one of them came; `forget` makes it as if none had. */
bool check_drive_interrupted(void);
void check_drive_forget(void);

/* Sends one request. `answer` is to be finished in any case. */
void check_send(const struct check_request *request, struct check_answer *answer);
void check_answer_fini(struct check_answer *answer);

/*
 * Runs a step of the plan. NULL when all of it went as expected; otherwise what did not, in a sentence;
 * owned.
 */
char *check_drive_step(struct check_plan *plan, const json_t *step);
/* What the step does, for who has not said it: "GET http://127.0.0.1:5001/ answers 200, 3 times"; owned. */
char *check_drive_describe(struct check_plan *plan, const json_t *step);

/* Runs a command of the user's; its output goes to stderr when `quiet`. As check_drive_step. */
char *check_drive_command(const char *const *argv, bool quiet);

#endif
