/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/log.h - the host log: what the operator of this process should read, on stderr.
 *
 * Not the OTel logger: that is a signal that services emit. Levels are promises. error: someone should
 * act. warn: we continue without something, and say what. info: life cycle. debug: anything.
 *
 * One line is one write(), so lines of many threads and processes do not mix. Calls keep errno. [any]
 */
#ifndef HOST_LOG_H
#define HOST_LOG_H

#include <stdarg.h>
#include <stdbool.h>

#include <otel/error.h>

enum host_level { HOST_DEBUG, HOST_INFO, HOST_WARN, HOST_ERROR };

/* `process` names who speaks ("master", "main", "station") and is copied; format: enum host_log_format. Before threads. */
void host_log_setup(const char *process, int level, int format);
/* The same process, by another configuration. [any] */
void host_log_change(int level, int format);
bool host_log_enabled(int level);

OTEL_PRINTF(2, 3)
void host_log(int level, const char *fmt, ...);
/* The same about one plugin; NULL: about none. */
OTEL_PRINTF(3, 4)
void host_log_about(int level, const char *plugin, const char *fmt, ...);
OTEL_PRINTF(3, 0)
void host_vlog_about(int level, const char *plugin, const char *fmt, va_list ap);

/* "debug" ... "error"; -1 when it is none of them. */
int host_level_parse(const char *text);
const char *host_level_name(int level);

#endif
