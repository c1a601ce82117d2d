/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/check-miss.h - why an assertion does not hold: the nearest miss, in one sentence. [fiber]
 */
#ifndef STATION_CHECK_MISS_H
#define STATION_CHECK_MISS_H

#include "check-judge.h"

/*
 * Appends the sentence for the i-th assertion, whose state is that of the last evaluation. 0, -ENOMEM, or
 * what yield returned.
 */
OTEL_MUST_USE int check_miss_write(struct check_judge *judge, size_t i, struct buf *buf);

/* ---- for check-miss.c, of check-miss-why.c ---- */

/* Appends what the subject is: span `GET /`. */
void check_subject_describe(struct check_look *look, struct check_subject *subject,
                            struct buf *buf);
/*
 * Appends why a condition does not hold for a subject. Its beginning is the subject's own, or the sentence
 * says "its ...", for after a colon; which is returned: true for the whole sentence.
 */
bool check_why(struct check_look *look, const struct check_condition *condition,
               struct check_subject *subject, struct buf *buf);
/* Appends the same as one sentence, for the first condition that does not hold; false when all do. */
bool check_why_not(struct check_look *look, const struct check_select *select,
                   struct check_subject *subject, struct buf *buf);

#endif
