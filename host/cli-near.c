/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which host is meant by `cupola status` in a folder of one's own: the one that runs by the host.conf of that
 * folder, or of one above it. So nobody has to say -c who works in the folder of a service. Elsewhere it is
 * the installed one, and when that does not run, the workshop's: people follow its text from any folder.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "conf.h"
#include "memory.h"
#include "paths.h"
#include "runtime-dir.h"

/* Another user's file is not asked: it could name any socket. */
static bool
is_ours(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
	       info.st_uid == geteuid();
}

static bool
runs(const char *conf, const struct cli_options *options)
{
	struct otel_error ignored = OTEL_ERROR_INIT;
	char *runtime = host_conf_runtime_dir(conf, options->sets, options->n_sets);
	int fd = host_rundir_connect(runtime, &ignored);

	free(runtime);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* The learner's working copy: $CUPOLA_WORKSHOP, or ~/cupola-workshop. */
static const char *
near_workshop(const struct cli_options *options)
{
	const char *named = getenv("CUPOLA_WORKSHOP"), *home = getenv("HOME");
	char *path;

	if (named && *named)
		path = xasprintf("%s/host.conf", named);
	else
		path = xasprintf("%s/cupola-workshop/host.conf", home ? home : "");
	if (is_ours(path) && runs(path, options))
		return path; /* kept until the command ends */
	free(path);
	return NULL;
}

const char *
cli_elsewhere(const struct cli_options *options)
{
	return runs(host_path_conf(), options) ? NULL : near_workshop(options);
}

const char *
cli_near(const struct cli_options *options)
{
	char *dir = getcwd(NULL, 0), *slash = dir;

	while (slash) {
		char *path = xasprintf("%s/host.conf", dir);

		if (is_ours(path) && runs(path, options)) {
			free(dir);
			return path; /* kept until the command ends */
		}
		free(path);
		slash = strrchr(dir, '/');
		if (slash)
			*slash = '\0';
	}
	free(dir);
	return cli_elsewhere(options);
}
