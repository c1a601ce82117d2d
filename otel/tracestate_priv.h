/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/tracestate_priv.h - the W3C tracestate that a trace carries: checked once, then shared.
 *
 * A counted string, because every span of a trace has the same one. NULL is the empty state.
 *
 * Specification: W3C Trace Context level 2, section 3.3.
 */
#ifndef OTEL_TRACESTATE_PRIV_H
#define OTEL_TRACESTATE_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define OTELP_TRACESTATE_MEMBERS 32
#define OTELP_TRACESTATE_SIZE \
	(OTELP_TRACESTATE_MEMBERS * (256 + 1 + 256 + 1)) /* NUL included */

struct otelp_tracestate {
	atomic_uint refs;
	char text[];
};

/* Members as they are read from one header line or several. */
struct otelp_tracestate_reader {
	size_t n, len;
	struct {
		unsigned short at, key_len;
	} members[OTELP_TRACESTATE_MEMBERS];
	char text
		[OTELP_TRACESTATE_SIZE]; /* members joined by commas, without white space */
};

void otelp_tracestate_reader_init(struct otelp_tracestate_reader *reader);
/* Reads one line; false when anything in it is not as specified: then all of the state is void. */
bool otelp_tracestate_read(struct otelp_tracestate_reader *reader, const char *line,
                           size_t len);

/* NULL for an empty text or without memory; `text` has been read by a reader. */
struct otelp_tracestate *otelp_tracestate_new(const char *text, size_t len);
/* Reads a whole text; NULL when it is empty, not as specified, or without memory. */
struct otelp_tracestate *otelp_tracestate_parse(const char *text);
struct otelp_tracestate *otelp_tracestate_ref(struct otelp_tracestate *state);
void otelp_tracestate_unref(struct otelp_tracestate *state);

#endif
