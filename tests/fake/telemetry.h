/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fake/telemetry.h - what a service of the fake host says of itself, as lines of text to compare:
 *
 *	calculating-iss-distance ERROR error.type=EBADMSG
 *	calculating-iss-distance > getting-iss-coordinates ERROR http.response.status_code=503 ...
 *
 *	ERROR no position of the ISS [getting-iss-coordinates] http.response.status_code=503
 *
 *	iss.requests {request} http.response.status_code=503 1
 *
 * Spans in the order in which they started, with those around them; log records in theirs, with the span
 * that was current; sums with their values, histograms with their counts.
 */
#ifndef FAKE_TELEMETRY_H
#define FAKE_TELEMETRY_H

#include "svc-host.h"

/* Gives the host a tracer, a meter and a logger; between fake_init and fake_start. One at a time. */
void fake_telemetry_init(struct fake_host *fake);
/* After fake_fini. */
void fake_telemetry_fini(void);

/* What has been said so far; borrowed until the next call. */
const char *fake_spans(void);
const char *fake_logs(void);
const char *fake_points(void);

#endif
