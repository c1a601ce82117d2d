/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cupola new NAME`: a folder with the smallest service that answers, counts and logs. It is built by its
 * own Makefile with pkg-config, out of this project's tree. The templates are in host/scaffold/.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "memory.h"
#include "paths.h"

static const char *const parts[] = { "app.c", "Makefile", "host.conf", "README.md" };

static bool
name_is_fit(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > 63 || !islower((unsigned char)*name) || name[len - 1] == '-')
		return false;
	return !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")];
}

/* Copies a template, @NAME@ and @PKGCONFIG@ replaced. 0 or -errno. */
static int
copy_part(const char *part, const char *name, const char *pkgconfig)
{
	char *from = xasprintf("%s/scaffold/%s.in", host_path_data(), part);
	char *to = xasprintf("%s/%s", name, part), line[1024], *at, *mark;
	FILE *in = fopen(from, "re"), *out = in ? fopen(to, "wxe") : NULL;
	int r = out ? 0 : -errno;

	free(from);
	free(to);
	while (!r && fgets(line, sizeof line, in)) {
		for (at = line; (mark = strchr(at, '@'));) {
			fprintf(out, "%.*s", (int)(mark - at), at);
			if (!strncmp(mark, "@NAME@", 6)) {
				fputs(name, out);
				at = mark + 6;
			} else if (!strncmp(mark, "@PKGCONFIG@", 11)) {
				fputs(pkgconfig, out);
				at = mark + 11;
			} else {
				putc('@', out);
				at = mark + 1;
			}
		}
		fputs(at, out);
	}
	if (in)
		fclose(in);
	if (out && fclose(out) && !r)
		r = -errno;
	return r;
}

int
cli_new(struct cli_options *options)
{
	const char *name = options->rest[0];
	char *pkgconfig;

	if (!name_is_fit(name))
		return cli_fail(
			"new",
			"expected a name of at most 63 lower-case letters, digits and '-', beginning with "
			"a letter, found \"%s\"",
			name);
	if (mkdir(name, 0777) < 0)
		return cli_fail(
			"new", "%s: %s", name,
			errno == EEXIST
				? "it exists already; take another name, or remove it"
				: strerror(errno));
	/* PREFIX/lib/cupola/plugins -> PREFIX/lib/pkgconfig */
	pkgconfig = xasprintf(
		"%.*spkgconfig",
		(int)(strlen(host_path_plugins()) - strlen("cupola/plugins")),
		host_path_plugins());
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		int r = copy_part(parts[i], name, pkgconfig);

		if (r < 0) {
			free(pkgconfig);
			return cli_fail("new", "%s/%s from %s/scaffold: %s", name,
			                parts[i], host_path_data(), strerror(-r));
		}
	}
	free(pkgconfig);
	printf("%s/app.c is a service that answers. Next:\n\n    cupola dev %s\n", name,
	       name);
	return EXIT_SUCCESS;
}
