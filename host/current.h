/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/current.h - whose code this thread is running, for whoever has to tell of a crash or a stall.
 *
 * While a thread runs code of a service, `host_current` points to a tag that says which; else it is
 * NULL. It is a plain thread-local pointer to memory that stays as long as it is current, so a signal
 * handler may read it; a watchdog reads another thread's by host_loop_running().
 */
#ifndef HOST_CURRENT_H
#define HOST_CURRENT_H

#include <stdint.h>

struct host_current {
	const char *plugin;  /* the service's name; borrowed from the service */
	unsigned generation; /* which load of it */
	const char *doing;   /* "start", "handle", "timer", "spawn", "offload", "stop" */
	const char *detail;  /* the request's target, or "" */
	uint8_t trace_id[16], span_id[8]; /* the server span; zeros: none */
};

extern __thread const struct host_current *host_current
	__attribute__((tls_model("initial-exec")));

#endif
