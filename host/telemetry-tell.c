/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry_priv.h"
#include <otel/logs.h>
#include <otel/semconv.h>
#include <otel/trace.h>

#define MAX_ATTRIBUTES 12

/* Where each signal of the service goes, for whoever wonders why there is none. */
static size_t
destinations(const struct voice *voice, struct otel_attribute *out)
{
	static const char *const keys[] = {
		[OTEL_SIGNAL_TRACES] = "cupola.traces",
		[OTEL_SIGNAL_METRICS] = "cupola.metrics",
		[OTEL_SIGNAL_LOGS] = "cupola.logs",
	};
	static const char *const kinds[] = {
		[OTEL_EXPORTER_OTLP] = "otlp",
		[OTEL_EXPORTER_CONSOLE] = "console",
		[OTEL_EXPORTER_NONE] = "none",
		[OTEL_EXPORTER_CUSTOM] = "custom",
	};

	for (size_t i = 0; i < OTEL_N_SIGNALS; i++)
		out[i] = OTEL_STR(keys[i],
		                  kinds[voice->outlet->config.signal[i].exporter]);
	return OTEL_N_SIGNALS;
}

static size_t
attributes_of(const struct voice_event *event, struct otel_attribute *out)
{
	size_t n = 0;

	if (event->generation)
		out[n++] = OTEL_INT("cupola.generation", event->generation);
	if (event->previous_generation)
		out[n++] = OTEL_INT("cupola.generation.previous",
		                    event->previous_generation);
	if (event->version && event->version[0])
		out[n++] = OTEL_STR("cupola.version", event->version);
	if (event->previous_version && event->previous_version[0])
		out[n++] = OTEL_STR("cupola.version.previous", event->previous_version);
	if (event->reason)
		out[n++] = OTEL_STR("cupola.reason", event->reason);
	return n;
}

void
voice_tell(struct voice *voice, const struct voice_event *event, const char *fmt, ...)
{
	struct otel_attribute attributes[MAX_ATTRIBUTES];
	struct otel_log_record record = { .severity = event->severity,
		                          .attributes = attributes };
	char text[1024], name[64];
	va_list ap;

	if (!voice || !voice->life_logger)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	snprintf(name, sizeof name, "cupola.service.%s", event->event);
	record.n_attributes = attributes_of(event, attributes);
	if (event->generation)
		record.n_attributes += destinations(voice,
		                                    attributes + record.n_attributes);
	record.body = otel_value_string(text);
	record.event_name = name;
	otel_logger_emit(voice->life_logger, &record);
}

/* ---- crashes ---- */

static const char *
text_of(const json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

static bool
read_hex(const char *text, uint8_t *out, size_t n)
{
	unsigned byte;

	if (!text || strlen(text) != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		out[i] = (uint8_t)byte;
	}
	return true;
}

/* Of the span that was current then, which has gone with its process. Owned; NULL: there was none. */
static struct otel_span *
span_of(const json_t *crash)
{
	struct otel_span_context context = { .remote = true };

	if (!read_hex(text_of(crash, "trace_id"), context.trace_id,
	              sizeof context.trace_id) ||
	    !read_hex(text_of(crash, "span_id"), context.span_id, sizeof context.span_id))
		return NULL;
	return otel_span_wrap(&context);
}

/* The text, the hint, and a line for each frame. Owned; NULL without memory. */
static char *
stack_of(const json_t *crash)
{
	const json_t *frame;
	char *text = NULL;
	size_t size, i;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "%s\n%s\n", text_of(crash, "text"), text_of(crash, "hint"));
	json_array_foreach(json_object_get(crash, "frames"), i, frame)
	{
		const char *function = text_of(frame, "function"),
			   *file = text_of(frame, "file"),
			   *module = text_of(frame, "module");

		fprintf(out, "#%zu %s %s %s", i, function ? function : "?",
		        file ? "at" : "in",
		        file     ? file
		        : module ? module
		                 : "?");
		if (file)
			fprintf(out, ":%d",
			        (int)json_integer_value(json_object_get(frame, "line")));
		fputc('\n', out);
	}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static void
add_text(struct otel_attribute *list, size_t *n, const char *key, const char *text)
{
	if (text)
		list[(*n)++] = OTEL_STR(key, text);
}

void
voice_tell_crash(struct voice *voice, const json_t *crash)
{
	bool is_stall = !text_of(crash, "signal") && text_of(crash, "what") &&
	                strcmp(text_of(crash, "what"), "blocked") == 0;
	const json_t *line = json_object_get(crash, "line");
	const char *text = text_of(crash, "text");
	struct otel_attribute list[MAX_ATTRIBUTES];
	struct otel_log_record record = {
		.severity = is_stall ? OTEL_WARN : OTEL_FATAL,
		.event_name = is_stall ? "cupola.service.stalled"
		                       : "cupola.service.crashed",
		.time_unix_ns = (uint64_t)(json_real_value(json_object_get(crash, "at")) *
		                           1e9),
		.attributes = list,
	};
	struct otel_span *span;
	size_t n = 0;
	char *stack;

	if (!voice || !voice->life_logger || !text)
		return;
	record.body = otel_value_string(text);
	stack = stack_of(crash);
	span = span_of(crash);
	add_text(list, &n, OTEL_EXCEPTION_TYPE, text_of(crash, "what"));
	add_text(list, &n, OTEL_EXCEPTION_MESSAGE, text);
	add_text(list, &n, OTEL_EXCEPTION_STACKTRACE, stack);
	add_text(list, &n, OTEL_CODE_FUNCTION_NAME, text_of(crash, "function"));
	add_text(list, &n, OTEL_CODE_FILE_PATH, text_of(crash, "file"));
	if (json_is_integer(line))
		list[n++] = OTEL_INT(OTEL_CODE_LINE_NUMBER, json_integer_value(line));
	add_text(list, &n, "cupola.crash.signal", text_of(crash, "signal"));
	add_text(list, &n, "cupola.crash.span", text_of(crash, "span"));
	add_text(list, &n, "cupola.crash.hint", text_of(crash, "hint"));
	list[n++] = OTEL_INT("cupola.generation",
	                     json_integer_value(json_object_get(crash, "generation")));
	record.n_attributes = n;
	record.context = otel_span_as_context(span);
	otel_logger_emit(voice->life_logger, &record);
	otel_span_unref(span);
	free(stack);
}
