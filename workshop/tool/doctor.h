/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/doctor.h - what a laptop may lack, each with its remedy.
 *
 * A check looks at one thing and fills in what it found; the table in doctor.c has them in the order in
 * which they are told.
 */
#ifndef WORKSHOP_DOCTOR_H
#define WORKSHOP_DOCTOR_H

#include <stdbool.h>

#include "tool.h"

enum verdict {
	FINE,
	NOTE,
	BAD
}; /* a note is worth knowing; the workshop goes on all the same */

struct finding {
	char say[512]; /* what was looked at, and what was found */
	char fix[512]; /* what to do; "" when it is fine */
};

struct patient {
	const struct tool *tool;
	char *dir;     /* the working copy, or where it would be */
	char *near;    /* that folder, or the first above it that is there */
	char *scratch; /* an empty folder to try things in; NULL: it could not be made */
};

typedef enum verdict doctor_check(const struct patient *patient, struct finding *out);

/* Fills in what was found, and what to do; returns `verdict`. */
OTEL_PRINTF(3, 4)
enum verdict doctor_say(struct finding *out, enum verdict verdict, const char *fmt, ...);
OTEL_PRINTF(2, 3)
void doctor_fix(struct finding *out, const char *fmt, ...);

/* What builds. */
doctor_check doctor_compiler, doctor_make, doctor_pkgconfig, doctor_headers,
	doctor_jansson, doctor_sanitizers, doctor_addr2line, doctor_curl, doctor_editor;
/* The machine. */
doctor_check doctor_folder, doctor_noexec, doctor_disk, doctor_memory, doctor_files,
	doctor_clock, doctor_mtime, doctor_notify, doctor_loopback;
/* This installation, and what is set around it. */
doctor_check doctor_installation, doctor_copy, doctor_path, doctor_ports, doctor_otel,
	doctor_proxy;

/* The checks without which nothing can start: 0, or -errno with the first one that is bad and its remedy. */
int doctor_essentials(const struct tool *tool, struct otel_error *err);

#endif
