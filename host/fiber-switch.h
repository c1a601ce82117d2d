/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/fiber-switch.h - leaving one stack for another, below host/fiber.c.
 *
 * A few lines of assembly where we have them; swapcontext elsewhere (and with -DHOST_FIBER_UCONTEXT),
 * which makes a system call for the signal mask that nobody wants changed.
 */
#ifndef HOST_FIBER_SWITCH_H
#define HOST_FIBER_SWITCH_H

#include <stddef.h>

#if !defined(__x86_64__) && !defined(__aarch64__) && !defined(HOST_FIBER_UCONTEXT)
#define HOST_FIBER_UCONTEXT 1
#endif

#ifdef HOST_FIBER_UCONTEXT
#include <ucontext.h>

struct host_switch {
	ucontext_t context;
};
#else
struct host_switch {
	void *sp; /* all else is on the stack */
};
#endif

/* Makes *sw begin in entry(), which must not return, on the stack [low, low + size). */
void host_switch_init(struct host_switch *sw, void *low, size_t size,
                      void (*entry)(void));
/* Stores where we are in *from and goes on at *to. */
void host_switch(struct host_switch *from, struct host_switch *to);

#endif
