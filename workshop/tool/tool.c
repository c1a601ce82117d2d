/* SPDX-License-Identifier: Apache-2.0 */
#include "tool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "course.h"
#include "memory.h"

int
tool_fail(const struct tool *tool, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "cupola workshop%s%s: ", *tool->command ? " " : "",
	        tool->command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_FAILURE;
}

char *
tool_conf(const struct tool *tool)
{
	return xasprintf("%s/host.conf", tool->dir);
}

const char *
tool_learner_file(const struct tool *tool, const char *name)
{
	char *real = realpath(name, NULL);
	size_t above = strlen(tool->dir);
	const char *found = NULL;

	for (size_t i = 0; tool->course->files[i]; i++) {
		const char *path = tool->course->files[i];

		if (!strcmp(path, name) ||
		    (!strncmp(path, name, strlen(name)) && path[strlen(name)] == '/') ||
		    (real && !strncmp(real, tool->dir, above) && real[above] == '/' &&
		     !strcmp(real + above + 1, path)))
			found = path;
	}
	free(real);
	return found;
}

char *
tool_near(const struct tool *tool, const char *text)
{
	char *out = xstrdup(text), *from = out, *to = out;
	size_t len = strlen(tool->dir);

	while (*from) {
		if (!strncmp(from, tool->dir, len) && from[len] == '/')
			from += len + 1;
		else
			*to++ = *from++;
	}
	*to = '\0';
	return out;
}
