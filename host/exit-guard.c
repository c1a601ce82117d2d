/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service that calls exit() ends every request of its process, and the C library's handlers then take apart
 * what other threads are using. The program exports its own exit(), which the services' calls are bound to, so
 * that it is told where that was, and nothing is taken apart. Everybody else's goes on to the C library's.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include "crash.h"

typedef void exit_fn(int status);

static void
call_next(const char *name, int status)
{
	exit_fn *next;

	*(void **)&next = dlsym(RTLD_NEXT, name);
	if (next)
		next(status);
	abort();
}

OTEL_EXPORT void
exit(int status)
{
	crash_exit(status);
	call_next("exit", status);
	__builtin_unreachable();
}

OTEL_EXPORT void
_exit(int status)
{
	crash_exit(status);
	call_next("_exit", status);
	__builtin_unreachable();
}

OTEL_EXPORT void
_Exit(int status)
{
	_exit(status);
}
