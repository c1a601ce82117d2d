/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cupola workshop break`: the offline stand-ins fail until told otherwise; and `memcheck`, for what is wrong
 * without failing.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "course.h"
#include "files.h"
#include "job.h"
#include "memory.h"
#include "running.h"
#include "term.h"
#include "tool.h"

static const struct {
	const char *name, *of, *mode, *say;
} faults[] = {
	{ "iss", "iss", "503",
	  "The position of the ISS fails now: 503. `cupola workshop break none` mends it." },
	{ "places", "places", "503",
	  "The search for places fails now: 503. `cupola workshop break none` mends it." },
	{ "none", NULL, "none", "Nothing fails any more." },
};

int
cmd_break(struct tool *tool)
{
	json_t *status;
	char *base, *url;
	int code = 0;
	size_t i = 0;

	while (i < 3 && (!tool->n_rest || strcmp(faults[i].name, tool->rest[0]) != 0))
		i++;
	if (i == 3)
		return tool_fail(tool, "expected iss, places or none%s%s",
		                 tool->n_rest ? ", found " : "",
		                 tool->n_rest ? tool->rest[0] : "");
	status = running_status(tool);
	base = running_url(status, "upstream", "");
	json_decref(status);
	if (!base)
		return tool_fail(
			tool,
			"nothing runs here; `cupola workshop` in another terminal starts it");
	url = xasprintf("%s/fail?mode=%s%s%s", base, faults[i].mode,
	                faults[i].of ? "&of=" : "", faults[i].of ? faults[i].of : "");
	code = running_http("POST", url, NULL);
	free(url);
	free(base);
	if (code != 200)
		return tool_fail(
			tool,
			"the service `upstream`, which answers for both, did not take it (%d)",
			code);
	say("%s", faults[i].say);
	return EXIT_SUCCESS;
}

int
cmd_memcheck(struct tool *tool)
{
	const char *service = tool->n_rest ? tool->rest[0] : "iss-distance-service";
	const char *argv[] = { tool->cupola, "memcheck", ".", NULL };
	char *dir;
	int r;

	if (!course_is_service(tool->course, service))
		return tool_fail(tool, "%s is no service of the working copy", service);
	dir = xasprintf("%s/%s", tool->dir, service);
	r = job_run_here(argv, dir);
	free(dir);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
