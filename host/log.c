/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is composed on the stack and written at once: no lock, no allocation, no mixing. What does not
 * fit is cut and says so. Text from outside cannot forge a line: its newlines are followed by spaces, its
 * control characters are replaced.
 */
#include "log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"

#define LINE_MAX_LEN 4000

struct line {
	char text[LINE_MAX_LEN + 8];
	size_t len;
	bool cut;
};

static const char *const level_names[] = { "debug", "info", "warn", "error" };
static const char *const level_colours[] = { "\033[2m", "", "\033[33m", "\033[31m" };

static struct {
	char process[64];
	atomic_int level, format;
	bool may_colour;
} setup = { .process = "cupola", .level = HOST_INFO };

void
host_log_setup(const char *process, int level, int format)
{
	const char *no_colour = getenv("NO_COLOR");

	snprintf(setup.process, sizeof setup.process, "%s", process);
	setup.may_colour = isatty(STDERR_FILENO) && !(no_colour && *no_colour);
	host_log_change(level, format);
}

void
host_log_change(int level, int format)
{
	atomic_store(&setup.level, level);
	atomic_store(&setup.format, format);
}

bool
host_log_enabled(int level)
{
	return level >= setup.level;
}

int
host_level_parse(const char *text)
{
	for (int i = 0; i < (int)(sizeof level_names / sizeof *level_names); i++)
		if (!strcasecmp(text, level_names[i]))
			return i;
	return -1;
}

const char *
host_level_name(int level)
{
	return level_names[level < HOST_DEBUG   ? HOST_DEBUG
	                   : level > HOST_ERROR ? HOST_ERROR
	                                        : level];
}

static void
put(struct line *line, const char *text, size_t len)
{
	if (len > LINE_MAX_LEN - line->len) {
		len = LINE_MAX_LEN - line->len;
		line->cut = true;
	}
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

static void
puts_to(struct line *line, const char *text)
{
	put(line, text, strlen(text));
}

static void
put_plain(struct line *line, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '\n')
			puts_to(line, "\n    ");
		else if (c == '\t')
			put(line, text, 1);
		else
			put(line, c < 0x20 || c == 0x7f ? "?" : text, 1);
	}
}

static void
put_json_string(struct line *line, const char *text)
{
	char escape[8];

	puts_to(line, "\"");
	for (; *text && line->len < LINE_MAX_LEN - 16; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\') {
			puts_to(line, "\\");
			put(line, text, 1);
		} else if (c < 0x20 || c == 0x7f) {
			snprintf(escape, sizeof escape, "\\u%04x", c);
			puts_to(line, escape);
		} else {
			put(line, text, 1);
		}
	}
	puts_to(line, "\"");
}

static void
put_time(struct line *line)
{
	struct timespec now;
	struct tm tm;
	char text[40];
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(text + n, sizeof text - n, ".%03ldZ",
	                      now.tv_nsec / 1000000);
	put(line, text, n);
}

static void
compose_json(struct line *line, int level, const char *plugin, const char *message)
{
	puts_to(line, "{\"time\":\"");
	put_time(line);
	puts_to(line, "\",\"level\":\"");
	puts_to(line, host_level_name(level));
	puts_to(line, "\",\"process\":");
	put_json_string(line, setup.process);
	if (plugin && *plugin) {
		puts_to(line, ",\"plugin\":");
		put_json_string(line, plugin);
	}
	puts_to(line, ",\"message\":");
	put_json_string(line, message);
	puts_to(line, "}");
}

static void
compose_text(struct line *line, int level, const char *plugin, const char *message)
{
	char head[16];

	if (setup.may_colour)
		puts_to(line, level_colours[level]);
	put_time(line);
	snprintf(head, sizeof head, " %-5s ", host_level_name(level));
	puts_to(line, head);
	puts_to(line, setup.process);
	if (plugin && *plugin) {
		puts_to(line, "/");
		put_plain(line, plugin);
	}
	puts_to(line, ": ");
	put_plain(line, message);
	if (line->cut)
		memcpy(line->text + line->len - 3, "...", 3);
	if (setup.may_colour)
		memcpy(line->text + line->len, "\033[0m", 4), line->len += 4;
}

void
host_vlog_about(int level, const char *plugin, const char *fmt, va_list ap)
{
	int saved = errno;
	char message[LINE_MAX_LEN];
	struct line line = { .len = 0 };
	ssize_t written;

	if (level < HOST_DEBUG)
		level = HOST_DEBUG;
	if (level > HOST_ERROR)
		level = HOST_ERROR;
	if (!host_log_enabled(level))
		return;
	vsnprintf(message, sizeof message, fmt, ap);
	if (setup.format == HOST_LOG_JSON)
		compose_json(&line, level, plugin, message);
	else
		compose_text(&line, level, plugin, message);
	line.text[line.len++] = '\n';
	written = write(STDERR_FILENO, line.text, line.len);
	(void)written; /* there is nobody left to tell */
	errno = saved;
}

void
host_log(int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	host_vlog_about(level, NULL, fmt, ap);
	va_end(ap);
}

void
host_log_about(int level, const char *plugin, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	host_vlog_about(level, plugin, fmt, ap);
	va_end(ap);
}
