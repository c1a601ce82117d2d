/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/doctor.h - what a laptop may lack, each with its remedy.
 */
#ifndef WORKSHOP_DOCTOR_H
#define WORKSHOP_DOCTOR_H

#include "tool.h"

/* The checks without which nothing can start: 0, or -errno with the first one's fix. */
int doctor_essentials(const struct tool *tool, struct otel_error *err);

#endif
