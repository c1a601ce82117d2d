/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tour asks for besides its check file: a change that the stages do not keep, and a reload that
 * telemetry cannot tell from those of a session.
 */
#include <jansson.h>
#include <stdlib.h>

#include "check-step.h"
#include "course.h"
#include "files.h"
#include "memory.h"
#include "running.h"
#include "state.h"

#define SERVICE "iss-distance-service"

static void
add(json_t *lines, const char *id, const char *text, bool passed, const char *miss,
    json_t *hints)
{
	json_array_append_new(lines,
	                      json_pack("{s:s,s:s,s:s,s:s?,s:o}", "id", id, "say", text,
	                                "result", passed ? "pass" : "fail", "miss",
	                                passed ? NULL : miss, "hints", hints));
}

/* A session sees a reload within a second; who checks sooner is asked about by the generation. */
static bool
was_reloaded(const struct tool *tool)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct state state;
	json_t *status;
	bool was;

	if (state_open(tool, false, &state, &err) < 0)
		return false;
	was = state_reloads_by_itself(&state);
	state_close(&state);
	if (was)
		return true;
	status = running_status(tool);
	was = running_generation(status, SERVICE) > 1;
	json_decref(status);
	return was;
}

void
check_tour(const struct tool *tool, json_t *lines)
{
	char *mine = xasprintf("%s/" SERVICE "/app.c", tool->dir),
	     *start = course_stage_before(tool->course, 0),
	     *shipped = xasprintf("%s/" SERVICE "/app.c", start);

	add(lines, "edited", "a reply in " SERVICE "/app.c is changed",
	    !file_same(mine, shipped), "the file is as it came",
	    json_pack(
		    "[sss]", "A service replies by svc_reply_text() or svc_reply_json().",
		    "In " SERVICE
		    "/app.c, api() replies with 400 when a coordinate is missing.",
		    "Change the words of that reply, keep the \\n at their end, and save."));
	add(lines, "reloaded-by-hand", "a generation was loaded by hand",
	    was_reloaded(tool), "no reload by hand has been seen",
	    json_pack(
		    "[sss]",
		    "What runs is the .so that was loaded. A new one has to be built, and loaded "
		    "while the old one serves.",
		    "Two commands do it, in a second terminal: make, and cupola reload.",
		    "make -C " SERVICE " && cupola reload " SERVICE));
	free(mine);
	free(start);
	free(shipped);
}
