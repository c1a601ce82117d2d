/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/check-select.h - whether an item fits a selection. [fiber]
 */
#ifndef STATION_CHECK_SELECT_H
#define STATION_CHECK_SELECT_H

#include "check-subject.h"

enum check_verdict {
	CHECK_NO,      /* and never will */
	CHECK_NOT_YET, /* no, but what is still to come may change it */
	CHECK_YES,
};

/* Whether one condition holds for the subject. */
enum check_verdict check_condition(struct check_look *look,
                                   const struct check_condition *condition,
                                   struct check_subject *subject);
/* Whether all of them do. */
enum check_verdict check_select(struct check_look *look,
                                const struct check_select *select,
                                struct check_subject *subject);

#endif
