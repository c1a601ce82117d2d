/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/mistakes.h - what was wrong with requests, in words, for the Receiver page.
 *
 * The newest are kept; one that is made again and again is kept once and counted, so that a sender that repeats
 * itself does not push out what others did. Some are taken all the same: a batch with nothing in it, a time that
 * cannot be right.
 */
#ifndef STATION_MISTAKES_H
#define STATION_MISTAKES_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "decode.h"
#include <cupola/service.h>

#define MISTAKES_KEPT 32

struct mistake {
	uint64_t unix_ns, count; /* of the last time; 0: an empty place */
	bool is_taken;
	char where[80], agent[80], text[320];
};

struct mistakes {
	struct mistake list[MISTAKES_KEPT];
};

void mistakes_note(struct mistakes *mistakes, struct svc_request *req, bool is_taken,
                   const char *text);
/* The newest that was refused since; NULL: none was. Borrowed until the next is noted. */
const struct mistake *mistakes_newest(const struct mistakes *mistakes, uint64_t since_unix_ns);
/* Appends [{"timeUnixNano","count","taken","where","userAgent","text"}], the newest first. */
void mistakes_write(const struct mistakes *mistakes, struct buf *buf);

/* What a path that is none of OTLP's was probably meant to be. */
const char *mistake_of_path(const char *path);
/* Says in job->err what was really wrong with a body that could not be decoded, where its bytes tell. */
void mistake_of_body(struct decode_job *job);
/*
 * Whether there is something odd about a message that was taken, in `out`: nothing is in it, or its times are
 * more than a day off.
 */
bool mistake_of_message(const struct decode_job *job, long taken, uint64_t now_unix_ns,
                        struct otel_error *out);

#endif
