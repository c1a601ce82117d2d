/* SPDX-License-Identifier: Apache-2.0 */
#include <otel/error.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
otel_error_set(struct otel_error *err, int code, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (err && !err->code) {
		err->code = code;
		va_start(ap, fmt);
		vsnprintf(err->message, sizeof err->message, fmt, ap);
		va_end(ap);
	}
	errno = saved;
	return code;
}

int
otel_error_prefix(struct otel_error *err, const char *fmt, ...)
{
	char rest[sizeof err->message];
	int saved = errno, n;
	va_list ap;

	if (!err || !err->code)
		return 0;
	memcpy(rest, err->message, sizeof rest);
	va_start(ap, fmt);
	n = vsnprintf(err->message, sizeof err->message, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof err->message)
		snprintf(err->message + n, sizeof err->message - (size_t)n, ": %.*s",
		         (int)(sizeof rest - 3), rest);
	errno = saved;
	return err->code;
}
