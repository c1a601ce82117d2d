/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/job.h - other programs, and what they say: make, and the commands of cupola.
 *
 * A job is a child with its output collected; a loop may have several at once, or run one to its end.
 */
#ifndef WORKSHOP_JOB_H
#define WORKSHOP_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <otel/error.h>

struct job {
	LIST_ENTRY(job) link;
	pid_t pid;
	int fds[2];    /* its stdout and stderr; -1 when that has ended */
	char *text[2]; /* what it said by them, ended with a zero byte */
	size_t len[2];
	int status; /* the exit status when it has ended; 128 + the signal */
	long long began_ms;
	void (*done)(struct job *job,
	             void *arg); /* borrows the job, which is freed afterwards */
	void *arg;
};

LIST_HEAD(job_list, job);

struct job_how {
	const char *dir; /* where it runs; NULL: where we do */
	bool one;        /* stderr goes where stdout goes */
	bool colours;    /* it may use them although it speaks to a pipe */
	bool quiet; /* messages in English, whatever the locale, so that they can be read */
};

long long now_ms(void); /* monotonic */

/* Starts one. 0 and an owned *out, or -errno. */
int job_start(const char *const *argv, const struct job_how *how, struct job **out,
              struct otel_error *err);
/* Reads what is there. True when it has ended and `status` is known. */
bool job_read(struct job *job);
/* Waits until it has ended. */
void job_wait(struct job *job);
void job_free(struct job *job); /* ends it when it runs; NULL is fine */

/* Starts one and waits. 0 and an owned *out, or -errno. */
int job_run(const char *const *argv, const struct job_how *how, struct job **out,
            struct otel_error *err);
/* Runs one on our own terminal. Its exit status, or -errno. */
int job_run_here(const char *const *argv, const char *dir);
/* The first line of what it said on stderr without "cupola COMMAND: "; "" when nothing. Owned. */
char *job_sentence(const struct job *job);

#endif
