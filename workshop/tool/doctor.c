/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor.h"

#include <stdlib.h>

#include "term.h"

int
doctor_essentials(const struct tool *tool, struct otel_error *err)
{
	return 0;
}

int
cmd_doctor(struct tool *tool)
{
	return EXIT_SUCCESS;
}
