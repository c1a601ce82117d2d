/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy.h"
#include "files.h"
#include "memory.h"
#include "term.h"

static const struct {
	const char *id;
	doctor_check *look;
	bool essential; /* nothing can start without it */
} checks[] = {
	{ "compiler", doctor_compiler, true },
	{ "make", doctor_make, true },
	{ "pkg-config", doctor_pkgconfig, true },
	{ "headers", doctor_headers, true },
	{ "jansson", doctor_jansson, true },
	{ "sanitizers", doctor_sanitizers, false },
	{ "addr2line", doctor_addr2line, false },
	{ "curl", doctor_curl, false },
	{ "editor", doctor_editor, false },
	{ "installation", doctor_installation, true },
	{ "path", doctor_path, false },
	{ "folder", doctor_folder, true },
	{ "noexec", doctor_noexec, true },
	{ "copy", doctor_copy, false },
	{ "disk", doctor_disk, true },
	{ "memory", doctor_memory, false },
	{ "files", doctor_files, false },
	{ "clock", doctor_clock, false },
	{ "mtime", doctor_mtime, false },
	{ "notify", doctor_notify, false },
	{ "loopback", doctor_loopback, true },
	{ "ports", doctor_ports, false },
	{ "otel", doctor_otel, false },
	{ "proxy", doctor_proxy, false },
};
#define N_CHECKS (sizeof checks / sizeof *checks)

enum verdict
doctor_say(struct finding *out, enum verdict verdict, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->say, sizeof out->say, fmt, ap);
	va_end(ap);
	return verdict;
}

void
doctor_fix(struct finding *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->fix, sizeof out->fix, fmt, ap);
	va_end(ap);
}

/* ---- the patient ---- */

static char *
nearest_folder(const char *dir)
{
	char *at = xstrdup(dir), *slash;

	while (!file_exists(at) && (slash = strrchr(at, '/')) && slash > at)
		*slash = '\0';
	if (!file_exists(at))
		at[at[0] == '/'] = '\0';
	return at;
}

static void
patient_init(struct patient *patient, const struct tool *tool)
{
	struct tool copy = *tool;
	const char *tmp = getenv("TMPDIR");
	char *would = NULL;

	copy.dir = NULL;
	*patient = (struct patient){ .tool = tool };
	if (tool->dir)
		patient->dir = xstrdup(tool->dir);
	else
		patient->dir = copy_find(&copy, &would) < 0 ? would : copy.dir;
	patient->near = nearest_folder(patient->dir);
	patient->scratch = xasprintf("%s/cupola-doctor-XXXXXX",
	                             tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(patient->scratch)) {
		free(patient->scratch);
		patient->scratch = NULL;
	}
}

static void
patient_fini(struct patient *patient)
{
	if (patient->scratch)
		dir_remove(patient->scratch);
	free(patient->scratch);
	free(patient->near);
	free(patient->dir);
}

/* ---- the commands ---- */

int
doctor_essentials(const struct tool *tool, struct otel_error *err)
{
	struct patient patient;
	int r = 0;

	patient_init(&patient, tool);
	for (size_t i = 0; !r && i < N_CHECKS; i++) {
		struct finding found = { "", "" };

		if (checks[i].essential && checks[i].look(&patient, &found) == BAD)
			r = otel_error_set(err, -ENOPKG, "%s; %s", found.say, found.fix);
	}
	patient_fini(&patient);
	return r;
}

static void
print_json(const char *id, enum verdict verdict, const struct finding *found)
{
	static const char *const words[] = { "ok", "note", "bad" };
	json_t *json = json_pack("{s:s,s:s,s:s,s:s?}", "id", id, "result", words[verdict],
	                         "say", found->say, "fix",
	                         *found->fix ? found->fix : NULL);

	json_dumpf(json, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(json);
}

static void
print_text(enum verdict verdict, const struct finding *found)
{
	static const enum colour colours[] = { GREEN, YELLOW, RED };
	static const char *const words[] = { "ok  ", "note", "BAD " };

	say("%s%s%s  %s", colour(colours[verdict]), words[verdict], colour_off(),
	    found->say);
	if (verdict != FINE && *found->fix)
		say("      %s%s%s", colour(BOLD), found->fix, colour_off());
}

int
cmd_doctor(struct tool *tool)
{
	struct patient patient;
	int n[3] = { 0, 0, 0 };
	char *would = NULL;

	if (!tool->dir)
		copy_find(tool, &would);
	free(would);
	patient_init(&patient, tool);
	for (size_t i = 0; i < N_CHECKS; i++) {
		struct finding found = { "", "" };
		enum verdict verdict = checks[i].look(&patient, &found);

		n[verdict]++;
		if (tool->json)
			print_json(checks[i].id, verdict, &found);
		else
			print_text(verdict, &found);
	}
	patient_fini(&patient);
	if (!tool->json && !n[BAD])
		say_in(GREEN, "%d of %zu are fine%s; `cupola workshop` can start",
		       n[FINE], N_CHECKS,
		       n[NOTE] ? ", the others are worth knowing" : "");
	else if (!tool->json)
		say_in(RED,
		       "%d of %zu have to be mended before `cupola workshop` can start",
		       n[BAD], N_CHECKS);
	return n[BAD] ? EXIT_FAILURE : EXIT_SUCCESS;
}
