/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From settings to a URL and to header lines.
 *
 *	protocol  endpoint of all signals          endpoint of one signal
 *	http/...  base: + "/" if need be + v1/X    as it is; no path becomes "/"
 *	grpc      scheme://authority, or authority alone, then `insecure` decides; the path is the method
 *
 * Nothing else is changed: without a port it is 80 or 443, not 4318.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "otlp_priv.h"
#include "pipeline_priv.h"

static const char *const http_paths[] = { "v1/traces", "v1/metrics", "v1/logs" };
static const char *const grpc_methods[] = {
	"opentelemetry.proto.collector.trace.v1.TraceService/Export",
	"opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
	"opentelemetry.proto.collector.logs.v1.LogsService/Export",
};

/* The length of "http://" or "https://" at the start of `text`; 0 when there is neither. */
static size_t
scheme_len(const char *text)
{
	if (strncasecmp(text, "http://", 7) == 0)
		return 7;
	return strncasecmp(text, "https://", 8) == 0 ? 8 : 0;
}

static int
grpc_url(const struct otel_otlp_config *config, int signal, char *out, size_t size)
{
	const char *endpoint = *config->endpoint ? config->endpoint
	                                         : "http://localhost:4317";
	const char *scheme = config->insecure ? "http://" : "https://";
	size_t len = scheme_len(endpoint);

	if (len)
		scheme = len == 7 ? "http://" : "https://";
	endpoint += len;
	return snprintf(out, size, "%s%.*s/%s", scheme, (int)strcspn(endpoint, "/?#"),
	                endpoint, grpc_methods[signal]);
}

static int
http_url(const struct otel_otlp_config *config, int signal, char *out, size_t size)
{
	const char *endpoint = *config->endpoint ? config->endpoint
	                                         : "http://localhost:4318";
	size_t authority = scheme_len(endpoint), len = strlen(endpoint);

	authority += strcspn(endpoint + authority, "/?#");
	if (!config->endpoint_is_signal || !*config->endpoint)
		return snprintf(out, size, "%s%s%s", endpoint,
		                endpoint[len - 1] == '/' ? "" : "/", http_paths[signal]);
	if (endpoint[authority] == '/')
		return snprintf(out, size, "%s", endpoint);
	return snprintf(out, size, "%.*s/%s", (int)authority, endpoint,
	                endpoint + authority);
}

static bool
is_loopback(const char *host)
{
	size_t len = strlen(host);

	return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
	       strcmp(host, "[::1]") == 0 ||
	       (len > 10 && strcasecmp(host + len - 10, ".localhost") == 0);
}

/* Lets libcurl judge, since it is what will read it. */
static int
check_url(const char *url, bool *loopback)
{
	CURLU *parts = curl_url();
	char *host = NULL;
	CURLUcode code;

	if (!parts)
		return -ENOMEM;
	code = curl_url_set(parts, CURLUPART_URL, url, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(parts, CURLUPART_HOST, &host, 0);
	if (code == CURLUE_OK)
		*loopback = is_loopback(host);
	curl_free(host);
	curl_url_cleanup(parts);
	return code == CURLUE_OK ? 0 : code == CURLUE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
}

int
otelp_otlp_url(const struct otel_otlp_config *config, int signal, char *out, size_t size,
               bool *loopback, struct otel_error *err)
{
	bool grpc = config->protocol == OTEL_PROTOCOL_GRPC;
	int n, r;

	if (!grpc && *config->endpoint && !scheme_len(config->endpoint))
		return otel_error_set(
			err, -EINVAL,
			"OTLP endpoint %s: expected http://HOST[:PORT] or https://...",
			config->endpoint);
	if (!grpc && !config->endpoint_is_signal && strpbrk(config->endpoint, "?#"))
		return otel_error_set(
			err, -EINVAL,
			"OTLP endpoint %s: a base for all signals has no query",
			config->endpoint);
	/* libcurl would take the first word of the path for the host. */
	if (*config->endpoint &&
	    !strcspn(config->endpoint + scheme_len(config->endpoint), "/?#"))
		return otel_error_set(err, -EINVAL, "OTLP endpoint %s: no host",
		                      config->endpoint);
	n = grpc ? grpc_url(config, signal, out, size)
	         : http_url(config, signal, out, size);
	if (n < 0 || (size_t)n >= size)
		return otel_error_set(err, -EINVAL, "OTLP endpoint %.80s...: too long",
		                      config->endpoint);
	r = check_url(out, loopback);
	if (r == -EINVAL)
		return otel_error_set(err, r, "OTLP endpoint %s: not a URL",
		                      config->endpoint);
	return r;
}

/* ---- headers ---- */

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Copies text[0..len) without the white space around it and with %XX decoded; false when it does not fit. */
static bool
decode(const char *text, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (; len && isspace((unsigned char)*text); len--)
		text++;
	for (; len && isspace((unsigned char)text[len - 1]);)
		len--;
	while (len) {
		char c = *text;

		if (c == '%' && len > 2 && hex(text[1]) >= 0 && hex(text[2]) >= 0) {
			c = (char)(hex(text[1]) << 4 | hex(text[2]));
			text += 2;
			len -= 2;
		}
		text++;
		len--;
		if (n + 1 >= size)
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	return strlen(out) == n;
}

static bool
is_header_name(char *name)
{
	if (!*name)
		return false;
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr("!#$%&'*+-.^_`|~", *name))
			return false;
		*name = (char)tolower((unsigned char)*name); /* HTTP/2 has no other */
	}
	return true;
}

static bool
is_header_value(const char *value)
{
	for (; *value; value++)
		if (((unsigned char)*value < ' ' && *value != '\t') || *value == 0x7f)
			return false;
	return true;
}

int
otelp_otlp_headers_each(const char *text, otelp_otlp_header_fn *each, void *userdata,
                        struct otel_error *err)
{
	while (*text) {
		size_t len = strcspn(text, ","), name_len;
		const char *equals = memchr(text, '=', len);
		char name[256], value[1024];

		name_len = equals ? (size_t)(equals - text) : len;
		if (!decode(text, name_len, name, sizeof name))
			return otel_error_set(err, -EINVAL,
			                      "a header's name is too long");
		if (equals ||
		    *name) { /* "a=1,,b=2" and a comma at the end are let pass */
			int r;

			if (!equals || !is_header_name(name))
				return otel_error_set(
					err, -EINVAL,
					"\"%.60s\" is no header; expected NAME=VALUE,NAME=VALUE",
					name);
			if (!decode(equals + 1, len - name_len - 1, value,
			            sizeof value) ||
			    !is_header_value(value))
				return otel_error_set(
					err, -EINVAL,
					"header %s: a value that HTTP cannot carry",
					name);
			r = each(name, value, userdata);
			if (r != 0)
				return r;
		}
		text += len + (text[len] == ',');
	}
	return 0;
}

static int
ignore(const char *name, const char *value, void *userdata)
{
	return 0;
}

int
otelp_otlp_headers_check(const char *text, struct otel_error *err)
{
	return otelp_otlp_headers_each(text, ignore, NULL, err);
}
