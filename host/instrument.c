/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes are set at the start of a span where they are known then, so that a sampler sees them. What is
 * sent to metrics is the short list that the conventions ask for: nothing that a client may choose freely.
 */
#include "instrument.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http-client.h"
#include "http-server.h"
#include "loop.h"
#include "service.h"
#include "url.h"
#include <otel/logs.h>
#include <otel/metrics.h>
#include <otel/propagation.h>
#include <otel/semconv.h>
#include <otel/trace.h>

#define MAX_ATTRIBUTES 16
#define MAX_URL        2048

struct host_instrument {
	struct otel_tracer *tracer;
	struct otel_logger *logger;
	struct otel_histogram *server_duration, *client_duration;
	struct otel_up_down_counter *active;
	char *untraced; /* NULL: everything is traced */
};

/* The conventions' advice for both durations, in seconds. */
static const double bounds[] = { 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
	                         0.5,   0.75, 1,     2.5,  5,     7.5, 10 };

int
host_instrument_new(const struct host_service_config *config,
                    struct host_instrument **out)
{
	struct host_instrument *instrument = calloc(1, sizeof *instrument);

	if (!instrument)
		return -ENOMEM;
	instrument->tracer = config->http_tracer;
	instrument->logger = config->http_logger;
	if (config->untraced && *config->untraced) {
		instrument->untraced = strdup(config->untraced);
		if (!instrument->untraced) {
			free(instrument);
			return -ENOMEM;
		}
	}
	instrument->server_duration = otel_histogram_new(
		config->http_meter, OTEL_HTTP_SERVER_REQUEST_DURATION, "s",
		"Duration of HTTP server requests.", bounds,
		sizeof bounds / sizeof *bounds);
	instrument->client_duration = otel_histogram_new(
		config->http_meter, OTEL_HTTP_CLIENT_REQUEST_DURATION, "s",
		"Duration of HTTP client requests.", bounds,
		sizeof bounds / sizeof *bounds);
	instrument->active = otel_up_down_counter_new(
		config->http_meter, OTEL_HTTP_SERVER_ACTIVE_REQUESTS, "{request}",
		"Number of active HTTP server requests.");
	*out = instrument;
	return 0;
}

void
host_instrument_free(struct host_instrument *instrument)
{
	if (instrument)
		free(instrument->untraced);
	free(instrument); /* the instruments are the meter's */
}

static const char *
known_method(const char *method)
{
	static const char *const known[] = { "GET",    "POST",  "PUT",
		                             "DELETE", "HEAD",  "OPTIONS",
		                             "PATCH",  "TRACE", "CONNECT" };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(method, known[i]) == 0)
			return known[i];
	return "_OTHER";
}

/* As text: error.type of a response that is an error. */
static const char *
status_text(int status, char buf[12])
{
	snprintf(buf, 12, "%d", status);
	return buf;
}

/*
 * Looking at the clock is among the dearest things done here, so the span's own times serve for the rest
 * too. Only what is not recorded is timed by us.
 */
static uint64_t
begun(const struct otel_span *span)
{
	return otel_span_is_recording(span) ? 0 : host_now_ns();
}

static uint64_t
elapsed(const struct otel_span *span, uint64_t start_ns, uint64_t *now_unix_ns)
{
	uint64_t ns = otel_span_elapsed_ns(span, now_unix_ns);

	return start_ns ? host_now_ns() - start_ns : ns;
}

/* Records how long it took as measured in its span, which is where an exemplar should lead. */
static void
record_duration(struct otel_histogram *histogram, struct otel_span *span, uint64_t ns,
                const struct otel_attribute *attributes, size_t n)
{
	struct otel_context *around = span ? otel_context_swap(otel_span_as_context(span))
	                                   : NULL;

	otel_histogram_record_n(histogram, (double)ns / 1e9, attributes, n);
	if (span)
		otel_context_swap(around);
}

static void
end_span(struct otel_span *span, uint64_t now_unix_ns)
{
	if (now_unix_ns)
		otel_span_end_at(span, now_unix_ns);
	else
		otel_span_end(span);
}

/* ---- a request ---- */

static bool
get_field(void *carrier, const char *name, size_t i, const char **value, size_t *len)
{
	const char *found = http_exchange_field(carrier, name, i);

	if (!found)
		return false;
	*value = found;
	*len = strlen(found);
	return true;
}

bool
host_instrument_untraced(const char *list, const char *path)
{
	size_t longest = 0;
	bool untraced = false;

	for (const char *at = list; at && *at;) {
		size_t len = strcspn(at, " \t");
		bool except = *at == '!';

		if (len > except && len - except >= longest &&
		    strncmp(path, at + except, len - except) == 0) {
			longest = len - except;
			untraced = !except;
		}
		at += len + strspn(at + len, " \t");
	}
	return untraced;
}

static const char *
version_text(int version)
{
	return version == 20 ? "2" : version == 10 ? "1.0" : "1.1";
}

static void
start_server_span(struct host_instrument *instrument, struct host_instrument_request *r,
                  struct http_exchange *x)
{
	const char *method = known_method(x->method), *host, *agent;
	struct otel_attribute a[MAX_ATTRIBUTES];
	struct otel_span_options options = { .kind = OTEL_SPAN_KIND_SERVER,
		                             .attributes = a };
	char query[MAX_URL];
	size_t n = 0, host_len;
	int port;

	a[n++] = OTEL_STR(OTEL_HTTP_REQUEST_METHOD, method);
	if (method[0] == '_')
		a[n++] = OTEL_STR(OTEL_HTTP_REQUEST_METHOD_ORIGINAL, x->method);
	a[n++] = OTEL_STR(OTEL_URL_SCHEME, "http");
	a[n++] = OTEL_STR(OTEL_URL_PATH, x->path);
	if (x->query[0])
		a[n++] = OTEL_STRN(OTEL_URL_QUERY, query,
		                   host_query_redact(x->query, query, sizeof query));
	host_authority_split(x->host, &host, &host_len, &port);
	if (host_len) {
		a[n++] = OTEL_STRN(OTEL_SERVER_ADDRESS, host, host_len);
		a[n++] = OTEL_INT(OTEL_SERVER_PORT, port ? port : 80);
	}
	a[n++] = OTEL_STR(OTEL_CLIENT_ADDRESS, http_exchange_peer(x));
	a[n++] = OTEL_STR(OTEL_NETWORK_PROTOCOL_VERSION, version_text(x->version));
	agent = http_exchange_field(x, "User-Agent", 0);
	if (agent)
		a[n++] = OTEL_STR(OTEL_USER_AGENT_ORIGINAL, agent);
	options.n_attributes = n;
	options.parent = r->parent;
	options.root = !r->parent;
	r->span = otel_span_start(instrument->tracer, method[0] == '_' ? "HTTP" : method,
	                          &options);
}

struct otel_context *
host_instrument_begin(struct host_instrument *instrument,
                      struct host_instrument_request *r, struct http_exchange *x)
{
	memset(r, 0, sizeof *r);
	if (!instrument || host_instrument_untraced(instrument->untraced, x->path))
		return NULL;
	r->traced = true;
	r->parent = otel_extract(NULL, get_field, x);
	start_server_span(instrument, r, x);
	r->start_ns = begun(r->span);
	otel_up_down_counter_add(
		instrument->active, 1,
		OTEL_STR(OTEL_HTTP_REQUEST_METHOD, known_method(x->method)),
		OTEL_STR(OTEL_URL_SCHEME, "http"));
	return r->span ? otel_span_as_context(r->span) : r->parent;
}

/* A line of text, put together by hand: printf would take as long as the record itself. */
struct line {
	size_t len;
	char text[256];
};

static void
say(struct line *line, const char *text, size_t max)
{
	size_t room = sizeof line->text - 1 - line->len;
	size_t n = strnlen(text, max < room ? max : room);

	memcpy(line->text + line->len, text, n);
	line->len += n;
	line->text[line->len] = '\0';
}

static void
say_number(struct line *line, unsigned long long n)
{
	char digits[20], *at = digits + sizeof digits;

	do
		*--at = (char)('0' + n % 10);
	while (n /= 10);
	say(line, at, (size_t)(digits + sizeof digits - at));
}

/* "GET /path 200 in 1.2 ms" */
static void
describe(struct line *line, const struct http_exchange *x, int status, uint64_t ns)
{
	uint64_t tenths = ns / 100000; /* of a millisecond */

	line->len = 0;
	say(line, x->method, 16);
	say(line, " ", 1);
	say(line, x->path, 160);
	if (status) {
		say(line, " ", 1);
		say_number(line, (unsigned)status);
		say(line, " in ", 4);
	} else {
		say(line, " not answered, after ", 32);
	}
	say_number(line, tenths / 10);
	say(line, ".", 1);
	say_number(line, tenths % 10);
	say(line, " ms", 3);
}

static void
access_log(struct host_instrument *instrument, struct host_instrument_request *r,
           struct http_exchange *x, const struct otel_attribute *attributes, size_t n,
           int status, uint64_t ns, uint64_t now_unix_ns)
{
	struct line line;
	struct otel_log_record record = {
		.severity = status >= 500 ? OTEL_ERROR
		            : status      ? OTEL_INFO
		                          : OTEL_WARN,
		.event_name = "http.server.request",
		.observed_unix_ns = now_unix_ns,
		.context = r->span ? otel_span_as_context(r->span) : r->parent,
		.attributes = attributes,
		.n_attributes = n,
	};

	if (!otel_logger_enabled(instrument->logger, record.severity))
		return;
	describe(&line, x, status, ns);
	record.body = otel_value_string(line.text);
	otel_logger_emit(instrument->logger, &record);
}

void
host_instrument_end(struct host_instrument *instrument, struct host_instrument_request *r,
                    struct http_exchange *x, int status, const char *error)
{
	struct otel_attribute a[MAX_ATTRIBUTES];
	const char *method;
	size_t n = 0, n_log;
	char text[12];
	uint64_t ns, now;

	if (!r->traced)
		return;
	method = known_method(x->method);
	ns = elapsed(r->span, r->start_ns, &now);
	if (status >= 500)
		error = status_text(status, text);
	a[n++] = OTEL_STR(OTEL_HTTP_REQUEST_METHOD, method);
	a[n++] = OTEL_STR(OTEL_URL_SCHEME, "http");
	a[n++] = OTEL_STR(OTEL_NETWORK_PROTOCOL_VERSION, version_text(x->version));
	if (status)
		a[n++] = OTEL_INT(OTEL_HTTP_RESPONSE_STATUS_CODE, status);
	if (error[0])
		a[n++] = OTEL_STR(OTEL_ERROR_TYPE, error);
	record_duration(instrument->server_duration, r->span, ns, a, n);
	otel_up_down_counter_add_n(instrument->active, -1, a, 2);

	n_log = n;
	a[n_log++] = OTEL_STR(OTEL_URL_PATH, x->path);
	access_log(instrument, r, x, a, n_log, status, ns, now);

	otel_span_set_attributes(r->span, a + 3, n - 3);
	if (status >= 500)
		otel_span_set_status(r->span, OTEL_STATUS_ERROR, NULL);
	end_span(r->span, now);
	otel_context_unref(r->parent);
	r->span = NULL;
	r->parent = NULL;
}

/* ---- an outgoing call ---- */

struct carrier {
	struct host_instrument_call *call;
	struct host_client_header *headers;
	size_t n;
	size_t max;
};

static void
set_field(void *arg, const char *name, const char *value, size_t len)
{
	struct carrier *carrier = arg;
	struct host_instrument_call *c = carrier->call;
	char *text = c->text + c->len;

	if (carrier->n == carrier->max || len >= sizeof c->text - c->len)
		return;
	memcpy(text, value, len);
	text[len] = '\0';
	c->len += len + 1;
	carrier->headers[carrier->n++] = (struct host_client_header){ name, text };
}

static bool
is_propagated(const char *name)
{
	const char *const *fields = otel_propagator_global()->fields;

	for (; fields && *fields; fields++)
		if (strcasecmp(*fields, name) == 0)
			return true;
	return false;
}

static const char *
method_of(const struct host_client_request *request)
{
	return request->method ? request->method : request->len ? "POST" : "GET";
}

static void
start_client_span(struct host_instrument *instrument, struct host_instrument_call *c,
                  const struct host_client_request *request)
{
	const char *method = known_method(method_of(request));
	struct otel_attribute a[MAX_ATTRIBUTES];
	struct otel_span_options options = { .kind = OTEL_SPAN_KIND_CLIENT,
		                             .attributes = a };
	char full[MAX_URL];
	struct host_url url;
	size_t n = 0;

	a[n++] = OTEL_STR(OTEL_HTTP_REQUEST_METHOD, method);
	if (method[0] == '_')
		a[n++] = OTEL_STR(OTEL_HTTP_REQUEST_METHOD_ORIGINAL, method_of(request));
	if (host_url_parse(request->url, &url)) {
		a[n++] = OTEL_STRN(
			OTEL_URL_FULL, full,
			host_url_redact(request->url, &url, full, sizeof full));
		a[n++] = OTEL_STRN(OTEL_SERVER_ADDRESS, url.host, url.host_len);
		a[n++] = OTEL_INT(OTEL_SERVER_PORT, url.port);
	}
	options.n_attributes = n;
	c->span = otel_span_start(instrument->tracer, method[0] == '_' ? "HTTP" : method,
	                          &options);
}

size_t
host_instrument_call_begin(struct host_instrument *instrument,
                           struct host_instrument_call *c,
                           const struct host_client_request *request,
                           struct host_client_header *headers)
{
	struct otel_context *context = otel_context_current();
	struct carrier carrier = { c, headers, 0, 0 };

	c->instrument = instrument;
	c->span = NULL;
	c->len = 0;
	c->traced = instrument != NULL;
	if (!c->traced) {
		for (size_t i = 0; i < request->n_headers; i++)
			headers[i] = request->headers[i];
		return request->n_headers;
	}
	start_client_span(instrument, c, request);
	c->start_ns = begun(c->span);
	for (size_t i = 0; i < request->n_headers; i++)
		if (!is_propagated(request->headers[i].name))
			headers[carrier.n++] = request->headers[i];
	carrier.max = carrier.n + HOST_INSTRUMENT_FIELDS;
	otel_inject(c->span ? otel_span_as_context(c->span) : context, set_field,
	            &carrier);
	return carrier.n;
}

/* A word for error.type: the name of the errno, without a table of all of them. */
static const char *
error_word(int error)
{
	const char *name = strerrorname_np(-error);

	return name ? name : "_OTHER";
}

void
host_instrument_call_end(struct host_instrument_call *c,
                         const struct host_client_request *request,
                         const struct host_client_response *response)
{
	struct otel_attribute a[MAX_ATTRIBUTES];
	const char *error = "";
	struct host_url url;
	char text[12];
	size_t n = 0, first = 0;
	uint64_t ns, now;

	if (!c->traced)
		return;
	ns = elapsed(c->span, c->start_ns, &now);
	a[n++] = OTEL_STR(OTEL_HTTP_REQUEST_METHOD, known_method(method_of(request)));
	if (host_url_parse(request->url, &url)) {
		a[n++] = OTEL_STRN(OTEL_SERVER_ADDRESS, url.host, url.host_len);
		a[n++] = OTEL_INT(OTEL_SERVER_PORT, url.port);
		a[n++] = OTEL_STR(OTEL_URL_SCHEME, url.scheme);
	}
	first = n;
	if (response->http_version)
		a[n++] = OTEL_STR(OTEL_NETWORK_PROTOCOL_VERSION,
		                  version_text(response->http_version));
	if (response->status)
		a[n++] = OTEL_INT(OTEL_HTTP_RESPONSE_STATUS_CODE, response->status);
	if (response->error)
		error = error_word(response->error);
	else if (response->status >= 400)
		error = status_text(response->status, text);
	if (error[0])
		a[n++] = OTEL_STR(OTEL_ERROR_TYPE, error);
	record_duration(c->instrument->client_duration, c->span, ns, a, n);
	otel_span_set_attributes(c->span, a + first, n - first);
	if (error[0])
		otel_span_set_status(c->span, OTEL_STATUS_ERROR,
		                     response->error ? response->message : NULL);
	end_span(c->span, now);
}
