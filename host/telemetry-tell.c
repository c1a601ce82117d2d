/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "telemetry_priv.h"
#include <otel/logs.h>

#define MAX_ATTRIBUTES (8 + OTEL_N_SIGNALS)

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

void
voice_tell_crash(struct voice *voice, const char *text)
{
	size_t first = text ? strcspn(text, "\n") : 0;
	struct otel_attribute attributes[] = {
		OTEL_STRN("exception.message", text, first),
		OTEL_STR("exception.stacktrace", text),
	};
	const struct otel_log_record record = {
		.severity = OTEL_FATAL,
		.event_name = "cupola.service.crashed",
		.body = otel_value_string_n(text, first),
		.attributes = attributes,
		.n_attributes = 2,
	};

	if (voice && voice->life_logger && text)
		otel_logger_emit(voice->life_logger, &record);
}
