/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/admission.h - how much a service may have in hand at once.
 *
 * One per plugin, shared by its generations, and never one per process: services that call each other
 * within a process would wait for each other's slots. What is over the bound is answered 503 before it
 * costs a fiber. [any]
 */
#ifndef HOST_ADMISSION_H
#define HOST_ADMISSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct host_admission {
	atomic_uint in_flight;
	atomic_uint max; /* 0: HOST_ADMISSION_DEFAULT */
	atomic_uint_fast64_t admitted, refused;
};

#define HOST_ADMISSION_DEFAULT 1024

void host_admission_init(struct host_admission *admission, unsigned max);
/* True: one more is in flight, to be given back by leave. */
bool host_admission_enter(struct host_admission *admission);
void host_admission_leave(struct host_admission *admission);

#endif
