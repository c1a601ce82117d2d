/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/clock_priv.h - time that does not run backwards within a span.
 *
 * A span's end is its start plus what the boot-time clock measured, so a step of the wall clock in
 * between can neither shorten nor lengthen it. What turns boot time into Unix time is one offset, shared
 * by the process and looked at again every 100 ms; a span keeps the one it began with, and hands it to
 * its local children, so that all times of a trace's local part agree. One clock read per event.
 */
#ifndef OTEL_CLOCK_PRIV_H
#define OTEL_CLOCK_PRIV_H

#include <stdint.h>

/* Unix time now, and the offset it was made with: for a span that starts. [any] */
uint64_t otelp_clock_start(int64_t *offset_ns);
/* Unix time now, by an offset from before: for what happens within that span. [any] */
uint64_t otelp_clock_within(int64_t offset_ns);

#endif
