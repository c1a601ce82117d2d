/* SPDX-License-Identifier: Apache-2.0 */
#include "admission.h"

void
host_admission_init(struct host_admission *admission, unsigned max)
{
	atomic_init(&admission->in_flight, 0);
	atomic_init(&admission->max, max ? max : HOST_ADMISSION_DEFAULT);
	atomic_init(&admission->admitted, 0);
	atomic_init(&admission->refused, 0);
}

bool
host_admission_enter(struct host_admission *admission)
{
	unsigned max = atomic_load_explicit(&admission->max, memory_order_relaxed);

	if (atomic_fetch_add_explicit(&admission->in_flight, 1, memory_order_relaxed) >=
	    (max ? max : HOST_ADMISSION_DEFAULT)) {
		atomic_fetch_sub_explicit(&admission->in_flight, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&admission->refused, 1, memory_order_relaxed);
		return false;
	}
	atomic_fetch_add_explicit(&admission->admitted, 1, memory_order_relaxed);
	return true;
}

void
host_admission_leave(struct host_admission *admission)
{
	atomic_fetch_sub_explicit(&admission->in_flight, 1, memory_order_release);
}
