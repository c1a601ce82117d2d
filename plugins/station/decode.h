/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/decode.h - from the bytes of a request to its message: inflated, looked at, unpacked.
 *
 * May run on a thread of the pool, so it touches nothing but the job. [any]
 */
#ifndef STATION_DECODE_H
#define STATION_DECODE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include <otel/error.h>

struct decode_job {
	int signal;
	const ProtobufCMessageDescriptor *descriptor; /* of the request */
	bool json, gzip;
	bool forwarded; /* by a station already: one that forwards to itself would never end */
	const void *body;
	size_t len;
	void *inflated;            /* owned */
	ProtobufCMessage *message; /* owned */
	int result;
	struct otel_error err;
};

/*
 * Makes `message` of `body`, which is replaced when it was compressed. `result` is 0, or a negative errno
 * with `err` saying what is wrong: -EINVAL, -ELOOP, -EMSGSIZE, -ENOMEM.
 */
void decode_run(void *job);
/* Frees what decode_run made, not the job. */
void decode_fini(void *job);

#endif
