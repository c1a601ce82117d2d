/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first frame of a stack: what host_switch will find there when it goes to it for the first time. Its
 * return address is entry(), whose own is 0 with a frame pointer of 0, so that unwinders stop there.
 */
#include "fiber-switch.h"

#include <stdint.h>
#include <string.h>

#ifdef HOST_FIBER_UCONTEXT

void
host_switch_init(struct host_switch *sw, void *low, size_t size, void (*entry)(void))
{
	getcontext(&sw->context);
	sw->context.uc_stack.ss_sp = low;
	sw->context.uc_stack.ss_size = size;
	sw->context.uc_link = NULL;
	makecontext(&sw->context, entry, 0);
}

void
host_switch(struct host_switch *from, struct host_switch *to)
{
	swapcontext(&from->context, &to->context);
}

#elif defined(__x86_64__)

void
host_switch_init(struct host_switch *sw, void *low, size_t size, void (*entry)(void))
{
	uint64_t *frame = (uint64_t *)(((uintptr_t)low + size) & ~(uintptr_t)15) - 11;
	uint32_t mxcsr;
	uint16_t x87;

	__asm__("stmxcsr %0" : "=m"(mxcsr));
	__asm__("fnstcw %0" : "=m"(x87));
	memset(frame, 0, 11 * sizeof *frame);
	frame[0] = mxcsr | (uint64_t)x87 << 32;
	/* 1 ... 6: r15, r14, r13, r12, rbx, rbp */
	frame[7] = (uint64_t)(uintptr_t)entry;
	/* 8: entry's return address; at its first instruction rsp is 8 above a multiple of 16 */
	sw->sp = frame;
}

#else

void
host_switch_init(struct host_switch *sw, void *low, size_t size, void (*entry)(void))
{
	uint64_t *frame = (uint64_t *)(((uintptr_t)low + size) & ~(uintptr_t)15) - 20;

	memset(frame, 0, 20 * sizeof *frame);
	frame[11] = (uint64_t)(uintptr_t)entry; /* x30 */
	sw->sp = frame;
}

#endif
