/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cupola workshop ...`: the workshop is a program of its own, in $(libexecdir)/cupola. It is told where
 * this installation is, so that both belong together wherever the tree was moved to.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "memory.h"
#include "paths.h"

int
cli_workshop(int argc, char **argv)
{
	const char **args = xcalloc((size_t)argc + 5, sizeof *args);
	const char *program = host_path_workshop();
	int n = 0;

	args[n++] = "cupola-workshop";
	args[n++] = "--installed";
	args[n++] = host_path_program();
	args[n++] = host_path_data();
	args[n++] = host_path_plugins();
	for (int i = 1; i < argc; i++)
		args[n++] = argv[i];
	execv(program, (char *const *)(uintptr_t)args);
	return cli_fail("workshop", "%s: %s; `make install` puts it there", program,
	                strerror(errno));
}
