/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors on spans. C has no exceptions, so what is recorded as one is an errno: its name is the type.
 *
 * Specification: trace/exceptions.md; semantic conventions for exceptions and error.type.
 */
#include <errno.h>
#include <string.h>

#include <otel/trace.h>

#define MAX_ATTRIBUTES 128

#if defined(__GLIBC__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 32)
#define HAVE_STRERRORNAME_NP 1
#endif
#endif

void
otel_span_record_exception(struct otel_span *span, const char *type, const char *message,
                           const char *stacktrace,
                           const struct otel_attribute *attributes, size_t n)
{
	struct otel_attribute all[3 + MAX_ATTRIBUTES] = {
		OTEL_STR("exception.type", type),
		OTEL_STR("exception.message", message),
		OTEL_STR("exception.stacktrace", stacktrace),
	};

	if (!otel_span_is_recording(span))
		return;
	if (n > MAX_ATTRIBUTES)
		n = MAX_ATTRIBUTES;
	if (n)
		memcpy(all + 3, attributes,
		       n * sizeof *all); /* of equal keys the last wins */
	otel_span_add_event_at(span, 0, "exception", all, 3 + n);
}

#ifdef HAVE_STRERRORNAME_NP
static const char *
errno_name(int number)
{
	return strerrorname_np(number);
}
#else
static const char *
errno_name(int number)
{
	static const struct {
		int number;
		const char *name;
	} names[] = {
#define E(name)             \
	{                   \
		name, #name \
	}
		E(EACCES),       E(EADDRINUSE),   E(EADDRNOTAVAIL), E(EAGAIN),
		E(EALREADY),     E(EBADF),        E(EBADMSG),       E(EBUSY),
		E(ECANCELED),    E(ECONNABORTED), E(ECONNREFUSED),  E(ECONNRESET),
		E(EDOM),         E(EEXIST),       E(EFAULT),        E(EFBIG),
		E(EHOSTUNREACH), E(EINPROGRESS),  E(EINTR),         E(EINVAL),
		E(EIO),          E(EISDIR),       E(EMFILE),        E(EMSGSIZE),
		E(ENAMETOOLONG), E(ENETUNREACH),  E(ENFILE),        E(ENOENT),
		E(ENOMEM),       E(ENOSPC),       E(ENOSYS),        E(ENOTCONN),
		E(ENOTDIR),      E(ENOTSUP),      E(EOVERFLOW),     E(EPERM),
		E(EPIPE),        E(EPROTO),       E(ERANGE),        E(EROFS),
		E(ETIMEDOUT),    E(EXDEV),
#undef E
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].number == number)
			return names[i].name;
	return NULL;
}
#endif

int
otel_span_fail(struct otel_span *span, int code, const char *message)
{
	const char *name = errno_name(code < 0 ? -code : code);
	int saved = errno;

	if (code == 0 || !name)
		name = "_OTHER"; /* what error.type says when there is no better name */
	if (otel_span_is_recording(span)) {
		otel_span_record_exception(span, name, message, NULL, NULL, 0);
		otel_span_set(span, OTEL_STR("error.type", name));
		otel_span_set_status(span, OTEL_STATUS_ERROR, message);
	}
	errno = saved;
	return code;
}
