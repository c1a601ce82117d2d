/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/instrument.h - what the host tells of a service that is instrumented: a server span and an access
 * log record per request, a client span per outgoing call, durations and requests in flight.
 *
 * NULL instead of a struct host_instrument is a dark service: nothing is made, read from headers or written
 * into them. Names are those of the stable HTTP semantic conventions.
 */
#ifndef HOST_INSTRUMENT_H
#define HOST_INSTRUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <otel/error.h>

struct host_client_header;
struct host_client_request;
struct host_client_response;
struct host_instrument;
struct host_service_config;
struct http_exchange;
struct otel_context;
struct otel_span;

/* Borrows what config lends. 0 and an owned *out, or -ENOMEM. [any] */
OTEL_MUST_USE int host_instrument_new(const struct host_service_config *config,
                                      struct host_instrument **out);
void host_instrument_free(struct host_instrument *instrument); /* NULL is fine */

/*
 * Whether `path` is told nothing of by a list of beginnings of paths, separated by blanks. The longest one
 * that fits decides; with a `!` before it, it is an exception: "/ !/api/distance". NULL is an empty list. [any]
 */
bool host_instrument_untraced(const char *list, const char *path);

/* ---- a request ---- */

struct host_instrument_request {
	struct otel_span *span;
	struct otel_context *parent; /* what was extracted; owned */
	uint64_t start_ns; /* 0: the span knows */
	bool traced; /* false: nothing is made of it */
};

/* Returns the context for the handler, borrowed until end. [loop] */
struct otel_context *host_instrument_begin(struct host_instrument *instrument,
                                           struct host_instrument_request *r,
                                           struct http_exchange *x);
/* `status` 0: there was no answer, and `error` says why ("" or a word for error.type). [loop] */
void host_instrument_end(struct host_instrument *instrument,
                         struct host_instrument_request *r, struct http_exchange *x,
                         int status, const char *error);

/* ---- an outgoing call ---- */

#define HOST_INSTRUMENT_FIELDS 8 /* headers that a propagator may set */

struct host_instrument_call {
	struct host_instrument *instrument;
	struct otel_span *span;
	uint64_t start_ns; /* 0: the span knows */
	bool traced;
	char text[2048]; /* of the injected headers */
	size_t len;
};

/*
 * Starts the client span and writes the headers to send to `headers`, which has room for request->n_headers +
 * HOST_INSTRUMENT_FIELDS: the service's own, but for those that the propagator sets. [fiber]
 */
size_t host_instrument_call_begin(struct host_instrument *instrument,
                                  struct host_instrument_call *c,
                                  const struct host_client_request *request,
                                  struct host_client_header *headers);
void host_instrument_call_end(struct host_instrument_call *c,
                              const struct host_client_request *request,
                              const struct host_client_response *response);

#endif
