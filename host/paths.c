/* SPDX-License-Identifier: Apache-2.0 */
#include "paths.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"

const char *
host_path_program(void)
{
	static char path[PATH_MAX];
	ssize_t n;

	if (!*path) {
		n = readlink("/proc/self/exe", path, sizeof path - 1);
		path[n > 0 ? n : 0] = '\0';
	}
	return path;
}

/* PREFIX/`beside` when it is there, PREFIX being the folder above the program's; else `configured`. Owned. */
static char *
installed(const char *beside, const char *configured)
{
	const char *program = host_path_program();
	const char *slash = strrchr(program, '/');
	char *path;

	while (slash && slash > program && slash[-1] != '/')
		slash--;
	if (slash) {
		path = xasprintf("%.*s%s", (int)(slash - program), program, beside);
		if (access(path, F_OK) == 0)
			return path;
		free(path);
	}
	return xstrdup(configured);
}

const char *
host_path_plugins(void)
{
	static char *path;

	return path ? path : (path = installed("lib/cupola/plugins", CUPOLA_PLUGINDIR));
}

const char *
host_path_data(void)
{
	static char *path;

	return path ? path : (path = installed("share/cupola", CUPOLA_DATADIR));
}

const char *
host_path_conf(void)
{
	static char *path;

	return path ? path
	            : (path = installed("etc/cupola/host.conf",
	                                CUPOLA_CONFDIR "/host.conf"));
}

const char *
host_path_workshop(void)
{
	static char *path;

	return path ? path
	            : (path = installed("libexec/cupola/cupola-workshop",
	                                CUPOLA_LIBEXECDIR "/cupola-workshop"));
}

const char *
host_path_runtime(void)
{
	static char *path;
	const char *xdg = getenv("XDG_RUNTIME_DIR");

	if (path)
		return path;
	if (geteuid() == 0)
		path = xstrdup(CUPOLA_RUNDIR);
	else if (xdg && *xdg == '/')
		path = xasprintf("%s/cupola", xdg);
	else
		path = xasprintf("/tmp/cupola-%u", (unsigned)geteuid());
	return path;
}

char *
host_path_from(const char *folder, const char *path)
{
	if (*path == '/')
		return xstrdup(path);
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	return xasprintf("%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/",
	                 path);
}

char *
host_path_folder(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *folder = slash ? xstrndup(file, slash == file ? 1 : (size_t)(slash - file))
	                     : xstrdup(".");
	char *real = realpath(folder, NULL);

	if (real) {
		free(folder);
		return real;
	}
	return folder;
}
