/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the SDK has to say about itself: one line per event to one settable function. Callers say a
 * thing once, or count it; nothing here is called per item.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "pipeline_priv.h"

/* OTEL_LOG_LEVEL moves the threshold of the default function; warnings and errors otherwise. */
static int
threshold_from_env(void)
{
	static const struct {
		const char *name;
		int level;
	} levels[] = { { "debug", OTEL_DIAG_DEBUG },
		       { "info", OTEL_DIAG_INFO },
		       { "warn", OTEL_DIAG_WARN },
		       { "error", OTEL_DIAG_ERROR },
		       { "none", OTEL_DIAG_ERROR + 1 } };
	const char *text = getenv("OTEL_LOG_LEVEL");

	for (size_t i = 0; text && i < sizeof levels / sizeof *levels; i++)
		if (!strcasecmp(text, levels[i].name))
			return levels[i].level;
	return OTEL_DIAG_WARN;
}

/* One write, so that lines of several threads don't mix. */
static void
to_stderr(int level, const char *message, void *userdata)
{
	static const char *const names[] = { "debug", "info", "warning", "error" };
	static atomic_int threshold = -1;
	char line[1100];
	int n;

	if (atomic_load_explicit(&threshold, memory_order_relaxed) < 0)
		atomic_store_explicit(&threshold, threshold_from_env(),
		                      memory_order_relaxed);
	if (level < atomic_load_explicit(&threshold, memory_order_relaxed))
		return;
	n = snprintf(line, sizeof line, "otel: %s: %s\n", names[level & 3], message);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof line)
		n = sizeof line - 1;
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return; /* there is nobody left to tell */
}

static otel_diagnostic_fn *diagnostic_fn = to_stderr;
static void *diagnostic_data;

void
otel_set_diagnostics(otel_diagnostic_fn *fn, void *userdata)
{
	diagnostic_fn = fn ? fn : to_stderr;
	diagnostic_data = userdata;
}

void
otelp_diag(int level, const char *fmt, ...)
{
	int saved = errno;
	char message[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	diagnostic_fn(level, message, diagnostic_data);
	errno = saved;
}
