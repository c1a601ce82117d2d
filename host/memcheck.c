/* SPDX-License-Identifier: Apache-2.0 */
#include "memcheck.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>

#include "fiber-sanitize.h"

struct fiber_hooks fiber_hooks;

static bool is_on;
static int (*look_for_leaks)(void);

/* A function's address is an object's here, as POSIX has it for dlsym. */
static void
find(void *function, const char *name)
{
	*(void **)function = dlsym(RTLD_DEFAULT, name);
}

void
memcheck_init(void)
{
	is_on = getenv("CUPOLA_MEMCHECK") != NULL;
	if (!is_on)
		return;
	find(&look_for_leaks, "__lsan_do_recoverable_leak_check");
	find(&fiber_hooks.finish, "__sanitizer_finish_switch_fiber");
	find(&fiber_hooks.unpoison, "__asan_unpoison_memory_region");
	find(&fiber_hooks.start, "__sanitizer_start_switch_fiber");
	if (!fiber_hooks.finish || !fiber_hooks.unpoison)
		fiber_hooks.start = NULL;
}

bool
memcheck_is_on(void)
{
	return is_on;
}

void
memcheck_leaks(void)
{
	if (is_on && look_for_leaks)
		look_for_leaks();
}
