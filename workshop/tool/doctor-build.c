/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What builds a service: each thing is tried rather than looked for, since a compiler that is there may lack
 * the C library's headers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "files.h"
#include "job.h"
#include "memory.h"

/* Runs a line of shell in the scratch folder. 0, or what it said last in `why`. */
static int
shell(const struct patient *patient, const char *line, char *why, size_t size)
{
	const char *const argv[] = { "/bin/sh", "-c", line, NULL };
	struct job_how how = { .dir = patient->scratch, .one = true, .quiet = true };
	struct otel_error err = OTEL_ERROR_INIT;
	struct job *job;
	int status;

	if (job_run(argv, &how, &job, &err) < 0) {
		snprintf(why, size, "%s", err.message);
		return -1;
	}
	snprintf(why, size, "%.*s", (int)strcspn(job->text[0], "\n"), job->text[0]);
	status = job->status;
	job_free(job);
	return status;
}

/* Whether `source` becomes a shared object with these flags. */
static bool
compiles(const struct patient *patient, const char *source, const char *flags, char *why,
         size_t size)
{
	char *file, *line;
	int r;

	if (!patient->scratch) {
		snprintf(why, size, "no folder for temporary files");
		return false;
	}
	file = xasprintf("%s/try.c", patient->scratch);
	r = file_write(file, source, strlen(source), 0644);
	line = xasprintf(
		"PKG_CONFIG_PATH='%s':\"$PKG_CONFIG_PATH\"; export PKG_CONFIG_PATH; "
		"${CC:-cc} -shared -fPIC -o try.so try.c %s",
		patient->tool->pkgconfig, flags);
	if (r < 0)
		snprintf(why, size, "%s: %s", file, strerror(-r));
	else
		r = shell(patient, line, why, size);
	free(file);
	free(line);
	return r == 0;
}

static bool
is_debian(void)
{
	return access("/usr/bin/apt-get", X_OK) == 0;
}

/* The remedy: Debian's command, or what to look for elsewhere. */
static void
install(struct finding *out, const char *package, const char *what)
{
	if (is_debian())
		doctor_fix(out, "%sapt-get install %s", geteuid() ? "sudo " : "",
		           package);
	else
		doctor_fix(out, "install %s (on Debian the package is %s)", what,
		           package);
}

enum verdict
doctor_compiler(const struct patient *patient, struct finding *out)
{
	const char *cc = getenv("CC");
	char why[256];

	if (compiles(patient,
	             "#include <stdio.h>\nint try(void) { return puts(\"\"); }\n", "",
	             why, sizeof why))
		return doctor_say(out, FINE, "C compiler: %s builds",
		                  cc && *cc ? cc : "cc");
	install(out, "gcc libc6-dev", "a C compiler and the C library's headers");
	return doctor_say(out, BAD, "C compiler: %s does not build (%s)",
	                  cc && *cc ? cc : "cc", why);
}

enum verdict
doctor_make(const struct patient *patient, struct finding *out)
{
	char why[256];

	if (shell(patient, "make --version", why, sizeof why) == 0 &&
	    strstr(why, "GNU Make"))
		return doctor_say(out, FINE, "make: %s", why);
	install(out, "make", "GNU make");
	return doctor_say(out, BAD, "make: expected GNU Make, found: %s", why);
}

enum verdict
doctor_pkgconfig(const struct patient *patient, struct finding *out)
{
	char why[256];

	if (shell(patient, "pkg-config --version", why, sizeof why) == 0)
		return doctor_say(out, FINE, "pkg-config: %s", why);
	install(out, "pkg-config", "pkg-config");
	return doctor_say(out, BAD, "pkg-config: it does not run (%s)", why);
}

enum verdict
doctor_headers(const struct patient *patient, struct finding *out)
{
	char why[256];

	if (compiles(patient, "#include <cupola/service.h>\n#include <otel/sdk.h>\n",
	             "$(pkg-config --cflags --libs cupola otel)", why, sizeof why))
		return doctor_say(
			out, FINE,
			"headers: <cupola/service.h> and <otel/sdk.h> are found");
	doctor_fix(
		out,
		"install Cupola again (make install); %s is where its .pc files belong",
		patient->tool->pkgconfig);
	return doctor_say(
		out, BAD,
		"headers: a service does not build against this installation (%s)", why);
}

enum verdict
doctor_jansson(const struct patient *patient, struct finding *out)
{
	char why[256];

	if (compiles(patient,
	             "#include <jansson.h>\nvoid *try(void) { return json_object(); }\n",
	             "$(pkg-config --cflags --libs jansson)", why, sizeof why))
		return doctor_say(out, FINE, "jansson: <jansson.h> is found");
	install(out, "libjansson-dev", "jansson with its headers");
	return doctor_say(out, BAD, "jansson: services do not build without it (%s)",
	                  why);
}

enum verdict
doctor_sanitizers(const struct patient *patient, struct finding *out)
{
	char why[256];

	if (compiles(patient, "int try(int a) { return a + 1; }\n",
	             "-fsanitize=address,undefined", why, sizeof why))
		return doctor_say(out, FINE,
		                  "sanitizers: `cupola workshop memcheck` can build");
	install(out, "libasan8 libubsan1", "the sanitizers of your compiler");
	return doctor_say(out, NOTE,
	                  "sanitizers: `cupola workshop memcheck` cannot build (%s)",
	                  why);
}

enum verdict
doctor_addr2line(const struct patient *patient, struct finding *out)
{
	char why[256];

	if (shell(patient, "addr2line --version", why, sizeof why) == 0)
		return doctor_say(out, FINE,
		                  "addr2line: a crash is told with file and line");
	install(out, "binutils", "binutils");
	return doctor_say(out, NOTE,
	                  "addr2line: a crash is told without file and line (%s)", why);
}

enum verdict
doctor_curl(const struct patient *patient, struct finding *out)
{
	char why[256];

	if (shell(patient, "curl --version", why, sizeof why) == 0)
		return doctor_say(
			out, FINE,
			"curl: the commands of the text can be typed as they stand");
	install(out, "curl", "curl");
	return doctor_say(out, NOTE, "curl: the text asks services by it (%s)", why);
}

enum verdict
doctor_editor(const struct patient *patient, struct finding *out)
{
	static const char any[] =
		"set -- \"$VISUAL\" \"$EDITOR\" code codium nvim vim vi nano emacs micro hx kate gedit "
		"gnome-text-editor mousepad geany subl clion; "
		"for e; do e=${e%% *}; [ -n \"$e\" ] && command -v \"$e\" >/dev/null && echo \"$e\" && exit; "
		"done; exit 1";
	char found[256];

	if (shell(patient, any, found, sizeof found) == 0)
		return doctor_say(out, FINE, "editor: %s", found);
	install(out, "nano", "an editor that you know");
	return doctor_say(out, NOTE, "editor: none of those that we know is here");
}
