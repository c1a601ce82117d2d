/* SPDX-License-Identifier: Apache-2.0 */
#include "environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define N_SIGNALS 3

static const struct {
	const char *name, *endpoint, *exporter;
} signals[N_SIGNALS] = {
	{ "traces", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER" },
	{ "metrics", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_METRICS_EXPORTER" },
	{ "logs", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_LOGS_EXPORTER" },
};

struct writer {
	struct buf *buf;
	const char *comma;
};

/* An empty variable is as good as none, says the specification. */
static const char *
variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* "http://user:word@host:1/x" -> "http://host:1/x", and where its host begins. */
static const char *
without_user(const char *url, char *out, size_t size)
{
	const char *host = strstr(url, "://"), *at;

	host = host ? host + 3 : url;
	at = strchr(host, '@');
	if (at && at < host + strcspn(host, "/"))
		snprintf(out, size, "%.*s%s", (int)(host - url), url, at + 1);
	else
		snprintf(out, size, "%s", url);
	host = strstr(out, "://");
	return host ? host + 3 : out;
}

static void
add(struct writer *w, const char *name, const char *value, unsigned which,
    const char *effect, const char *text)
{
	buf_printf(w->buf, "%s{\"variable\":\"%s\",\"value\":", w->comma, name);
	buf_json_string(w->buf, value, strlen(value));
	buf_puts(w->buf, ",\"signals\":[");
	for (unsigned i = 0, n = 0; i < N_SIGNALS; i++)
		if (which & 1u << i)
			buf_printf(w->buf, "%s\"%s\"", n++ ? "," : "", signals[i].name);
	buf_printf(w->buf, "],\"effect\":\"%s\",\"text\":", effect);
	buf_json_string(w->buf, text, strlen(text));
	buf_puts(w->buf, "}");
	w->comma = ",";
}

/* "traces", "traces and logs", "traces, metrics and logs" */
static void
list(unsigned which, char *out, size_t size)
{
	unsigned left = (unsigned)__builtin_popcount(which);
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < N_SIGNALS && len < size; i++)
		if (which & 1u << i) {
			left--;
			len += (size_t)snprintf(out + len, size - len, "%s%s",
			                        signals[i].name,
			                        left > 1    ? ", "
			                        : left == 1 ? " and "
			                                    : "");
		}
}

static void
tell_endpoint(struct writer *w, const char *name, unsigned which,
              environment_is_here *is_here, const void *arg)
{
	char url[300], authority[200], names[40], text[900];
	const char *value = variable(name), *host;

	if (!value || !which)
		return;
	host = without_user(value, url, sizeof url);
	snprintf(authority, sizeof authority, "%.*s", (int)strcspn(host, "/"), host);
	if (is_here(arg, authority)) {
		add(w, name, url, which, "here", "");
		return;
	}
	list(which, names, sizeof names);
	snprintf(
		text, sizeof text,
		"The environment in which cupola was started has %s=%s. It wins over host.conf: the %s of every "
		"service are sent there, and nothing that was sent to that address has arrived here.",
		name, url, names);
	add(w, name, url, which, "elsewhere", text);
}

/* Returns whether the signal is not sent by OTLP at all. */
static bool
tell_exporter(struct writer *w, unsigned i)
{
	const char *value = variable(signals[i].exporter);
	char text[400];

	if (!value || strstr(value, "otlp"))
		return false;
	snprintf(
		text, sizeof text,
		"The environment in which cupola was started has %s=%.80s. It wins over host.conf: the %s of no "
		"service are sent to a receiver.",
		signals[i].exporter, value, signals[i].name);
	add(w, signals[i].exporter, value, 1u << i, "off", text);
	return true;
}

void
environment_write(struct buf *buf, environment_is_here *is_here, const void *arg)
{
	const unsigned all = (1u << N_SIGNALS) - 1;
	const char *disabled = variable("OTEL_SDK_DISABLED");
	struct writer w = { .buf = buf, .comma = "" };
	unsigned rest = all;

	buf_puts(buf, "[");
	if (disabled && !strcasecmp(disabled, "true")) {
		add(&w, "OTEL_SDK_DISABLED", disabled, all, "off",
		    "The environment in which cupola was started has OTEL_SDK_DISABLED=true. It wins over "
		    "host.conf: no service makes any telemetry.");
		rest = 0;
	}
	for (unsigned i = 0; i < N_SIGNALS; i++) {
		if (!(rest & 1u << i))
			continue;
		if (tell_exporter(&w, i)) {
			rest &= ~(1u << i);
		} else if (variable(signals[i].endpoint)) {
			tell_endpoint(&w, signals[i].endpoint, 1u << i, is_here, arg);
			rest &= ~(1u << i);
		}
	}
	tell_endpoint(&w, "OTEL_EXPORTER_OTLP_ENDPOINT", rest, is_here, arg);
	buf_puts(buf, "]");
}
