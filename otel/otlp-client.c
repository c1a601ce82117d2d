/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends one request at a time, until it is taken, refused for good, or out of time.
 *
 *	            +--------------- wait: back-off or what the receiver asked for <--+
 *	            v                                                                 | RETRY
 *	send --> attempt --> libcurl error, HTTP status or gRPC status --> judge -----+--> TAKEN
 *	                                                                              +--> REFUSED
 *
 * Everything waits in curl_multi_poll, which otelp_otlp_client_interrupt ends from another thread; so
 * neither a receiver that hangs nor a wait holds up the end of the process. Unary gRPC needs no gRPC
 * library: a frame of five bytes and trailers over HTTP/2, which libcurl speaks.
 *
 * Specification: protocol/otlp.md (OTLP/gRPC and OTLP/HTTP: response, retry, throttling).
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "lane_priv.h"
#include "otlp_priv.h"
#include "pipeline_priv.h"

enum { BACKOFF_CAP_MS = 5000, MAX_SOCKETS = 8, GRPC_HEAD = 5 };

int otelp_otlp_backoff_ms =
	1000; /* the first wait; each is half as long again, up to the cap */

struct otelp_otlp_client {
	struct otel_otlp_config config;
	int signal;
	bool grpc, h2c, json, loopback;
	char url[700],
		label[200]; /* the label is for messages: without user, password and query */
	char error[CURL_ERROR_SIZE];

	atomic_bool interrupted;
	_Atomic(CURLM *) multi;
	CURL *easy;
	struct curl_slist *headers; /* those of every request */
	pid_t pid;                  /* whose connection it is */
	int sockets[MAX_SOCKETS];   /* open, or -1; what a forked child has to close */

	atomic_uint_fast64_t retries;
	int64_t not_before_ms; /* the receiver asked to be left alone until then */
	bool odd_answer_said;
	bool only_reuse,
		unconnected; /* this transfer must not connect; it would have had to */

	/* of the attempt that goes on: */
	uint8_t *body;
	size_t body_len, body_size;
	bool too_big;
	char content_type[100], grpc_message[300];
	char *grpc_details;     /* base64, or NULL */
	int grpc_status;        /* -1: none came */
	int64_t retry_after_ms; /* -1: none came */
};

enum verdict { TAKEN, REFUSED, RETRY };

/* ---- what comes in ---- */

static size_t
on_body(char *data, size_t one, size_t n, void *userdata)
{
	struct otelp_otlp_client *c = userdata;

	if (c->body_len + n > OTELP_MAX_RESPONSE) {
		c->too_big = true;
		return 0;
	}
	if (c->body_len + n > c->body_size) {
		size_t size = (c->body_len + n) * 2;
		void *grown = otelp_realloc(c->body, size);

		if (!grown)
			return 0;
		c->body = grown;
		c->body_size = size;
	}
	memcpy(c->body + c->body_len, data, n);
	c->body_len += n;
	return n;
}

/* Seconds, or a date. */
static int64_t
parse_retry_after(const char *value)
{
	char *end;
	long long seconds;
	time_t date;

	seconds = strtoll(value, &end, 10);
	if (end != value && !*end)
		return seconds < 0 || seconds > INT_MAX ? -1 : seconds * 1000;
	date = curl_getdate(value, NULL);
	if (date < 0)
		return -1;
	seconds = date - time(NULL);
	return seconds < 0 ? 0 : seconds * 1000;
}

static void
copy_percent_decoded(char *out, size_t size, const char *text)
{
	char decoded[300];
	size_t n = 0;

	for (; *text && n + 1 < sizeof decoded; text++) {
		unsigned byte;

		if (*text == '%' && isxdigit((unsigned char)text[1]) &&
		    isxdigit((unsigned char)text[2]) &&
		    sscanf(text + 1, "%2x", &byte) == 1) {
			decoded[n++] = (char)byte;
			text += 2;
		} else {
			decoded[n++] = *text;
		}
	}
	otelp_otlp_printable(out, size, decoded, n);
}

static void
take_header(struct otelp_otlp_client *c, const char *name, const char *value)
{
	if (strcasecmp(name, "content-type") == 0) {
		otelp_otlp_printable(c->content_type, sizeof c->content_type, value,
		                     strlen(value));
	} else if (strcasecmp(name, "retry-after") == 0) {
		c->retry_after_ms = parse_retry_after(value);
	} else if (strcasecmp(name, "grpc-status") == 0) {
		c->grpc_status = atoi(value);
	} else if (strcasecmp(name, "grpc-message") == 0) {
		copy_percent_decoded(c->grpc_message, sizeof c->grpc_message, value);
	} else if (strcasecmp(name, "grpc-status-details-bin") == 0) {
		otelp_free(c->grpc_details);
		c->grpc_details = otelp_strdup(value);
	}
}

/* Headers, and behind the body the trailers of HTTP/2. */
static size_t
on_header(char *data, size_t one, size_t n, void *userdata)
{
	char line[4096], *colon, *value, *end;

	if (n >= sizeof line)
		return n;
	memcpy(line, data, n);
	line[n] = '\0';
	colon = strchr(line, ':');
	if (!colon || colon == line)
		return n;
	*colon = '\0';
	value = colon + 1;
	while (isspace((unsigned char)*value))
		value++;
	end = value + strlen(value);
	while (end > value && isspace((unsigned char)end[-1]))
		*--end = '\0';
	take_header(userdata, line, value);
	return n;
}

/* ---- sockets, for the child of a fork ---- */

static curl_socket_t
on_socket(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct otelp_otlp_client *c = userdata;
	int fd;

	c->unconnected = c->only_reuse;
	if (c->only_reuse)
		return CURL_SOCKET_BAD;
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	for (int i = 0; i < MAX_SOCKETS; i++) {
		if (c->sockets[i] < 0) {
			c->sockets[i] = fd;
			break;
		}
	}
	return fd;
}

static int
on_close(void *userdata, curl_socket_t fd)
{
	struct otelp_otlp_client *c = userdata;

	for (int i = 0; i < MAX_SOCKETS; i++)
		if (c->sockets[i] == fd)
			c->sockets[i] = -1;
	return close(fd);
}

/* ---- handles ---- */

static int
add_header(const char *name, const char *value, void *userdata)
{
	static const char *const ours[] = { "content-type",     "content-encoding",
		                            "content-length",   "te",
		                            "grpc-encoding",    "grpc-timeout",
		                            "transfer-encoding" };
	struct otelp_otlp_client *c = userdata;
	struct curl_slist *longer;
	char line[1300];

	for (size_t i = 0; c->headers && i < sizeof ours / sizeof *ours; i++) {
		if (strcmp(name, ours[i]) == 0) {
			otelp_diag(OTEL_DIAG_WARN,
			           "OTLP header %s is set by the exporter; ignored",
			           name);
			return 0;
		}
	}
	/* That is how libcurl is told to send an empty value. */
	snprintf(line, sizeof line, *value ? "%s: %s" : "%s;", name, value);
	longer = curl_slist_append(c->headers, line);
	if (!longer)
		return -ENOMEM;
	c->headers = longer;
	return 0;
}

static int
make_headers(struct otelp_otlp_client *c, struct otel_error *err)
{
	static const char *const types[] = { "content-type: application/x-protobuf",
		                             "content-type: application/grpc",
		                             "content-type: application/json" };
	const char *lines[4] = { types[c->config.protocol] };
	int n = 1;

	if (c->grpc) {
		lines[n++] = "te: trailers";
		lines[n++] = "grpc-accept-encoding: identity";
	}
	if (c->config.gzip)
		lines[n++] = c->grpc ? "grpc-encoding: gzip" : "content-encoding: gzip";
	for (int i = 0; i < n; i++) {
		struct curl_slist *longer = curl_slist_append(c->headers, lines[i]);

		if (!longer)
			return -ENOMEM;
		c->headers = longer;
	}
	/* No "Expect: 100-continue": it costs a round trip for every large request. */
	if (!c->grpc) {
		struct curl_slist *longer = curl_slist_append(c->headers, "expect:");

		if (!longer)
			return -ENOMEM;
		c->headers = longer;
	}
	return otelp_otlp_headers_each(c->config.headers, add_header, c, err);
}

static void
set_tls(struct otelp_otlp_client *c)
{
	if (*c->config.certificate)
		curl_easy_setopt(c->easy, CURLOPT_CAINFO, c->config.certificate);
	if (*c->config.client_certificate)
		curl_easy_setopt(c->easy, CURLOPT_SSLCERT, c->config.client_certificate);
	if (*c->config.client_key)
		curl_easy_setopt(c->easy, CURLOPT_SSLKEY, c->config.client_key);
}

static int
open_handles(struct otelp_otlp_client *c)
{
	CURLM *multi = curl_multi_init();

	c->easy = curl_easy_init();
	if (!multi || !c->easy) {
		curl_multi_cleanup(multi);
		curl_easy_cleanup(c->easy);
		c->easy = NULL;
		return -ENOMEM;
	}
	for (int i = 0; i < MAX_SOCKETS; i++)
		c->sockets[i] = -1;
	curl_easy_setopt(c->easy, CURLOPT_URL, c->url);
	curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION,
	                 c->grpc ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c->easy, CURLOPT_USERAGENT,
	                 "OTel-OTLP-Exporter-C/" PACKAGE_VERSION);
	curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->easy, CURLOPT_QUICK_EXIT,
	                 1L); /* no waiting for a name server at the end */
	curl_easy_setopt(c->easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->error);
	curl_easy_setopt(c->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(c->easy, CURLOPT_CLOSESOCKETDATA, c);
	if (!c->grpc)
		curl_easy_setopt(c->easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	if (c->loopback)
		curl_easy_setopt(c->easy, CURLOPT_NOPROXY, "*");
	set_tls(c);
	c->pid = getpid();
	atomic_store(&c->multi, multi);
	return 0;
}

/*
 * In the child of a fork the handles are the parent's: a TLS goodbye or a half-sent request from here
 * would harm it. They are left alone, but for our copies of the sockets.
 */
static int
own_handles(struct otelp_otlp_client *c)
{
	if (c->pid == getpid())
		return 0;
	for (int i = 0; i < MAX_SOCKETS; i++)
		if (c->sockets[i] >= 0)
			close(c->sockets[i]);
	c->not_before_ms = 0;
	return open_handles(c);
}

/* ---- one attempt ---- */

/* Runs the transfer; CURLE_ABORTED_BY_CALLBACK when it was interrupted. */
static CURLcode
perform(struct otelp_otlp_client *c, int64_t deadline_ms)
{
	CURLM *multi = atomic_load(&c->multi);
	CURLcode code = CURLE_OK;
	int running = 1, left;
	CURLMsg *msg;

	if (curl_multi_add_handle(multi, c->easy) != CURLM_OK)
		return CURLE_OUT_OF_MEMORY;
	while (curl_multi_perform(multi, &running) == CURLM_OK && running) {
		int64_t wait_ms = deadline_ms == INT64_MAX
		                          ? 60000
		                          : deadline_ms - otelp_monotonic_ms();

		if (atomic_load(&c->interrupted))
			code = CURLE_ABORTED_BY_CALLBACK;
		else if (wait_ms <= 0)
			code = CURLE_OPERATION_TIMEDOUT;
		if (code != CURLE_OK)
			break;
		curl_multi_poll(multi, NULL, 0, (int)(wait_ms < 60000 ? wait_ms : 60000),
		                NULL);
	}
	while ((msg = curl_multi_info_read(multi, &left)))
		if (msg->msg == CURLMSG_DONE)
			code = msg->data.result;
	curl_multi_remove_handle(multi, c->easy);
	return code;
}

static bool
is_connected(const struct otelp_otlp_client *c)
{
	for (int i = 0; i < MAX_SOCKETS; i++)
		if (c->sockets[i] >= 0)
			return true;
	return false;
}

/*
 * HTTP/2 without TLS is spoken by prior knowledge; but libcurl 7.88 greets the receiver once more when
 * it takes up such a connection again, and breaks it. Asked for plain HTTP/2 it takes up the connection
 * as it should, and would greet only a new one wrongly; so that is done without the right to connect.
 */
static CURLcode
perform_h2c(struct otelp_otlp_client *c, int64_t deadline_ms)
{
	CURLcode code;

	if (is_connected(c)) {
		curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION,
		                 (long)CURL_HTTP_VERSION_2_0);
		c->unconnected = false;
		c->only_reuse = true;
		code = perform(c, deadline_ms);
		c->only_reuse = false;
		if (!c->unconnected)
			return code;
	}
	curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION,
	                 (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
	return perform(c, deadline_ms);
}

/* The value of grpc-timeout: at most eight digits, then the unit. */
static struct curl_slist *
with_grpc_timeout(struct curl_slist *last, int64_t left_ms)
{
	char line[40];

	if (left_ms < 100000000)
		snprintf(line, sizeof line, "grpc-timeout: %lldm", (long long)left_ms);
	else
		snprintf(line, sizeof line, "grpc-timeout: %lldS",
		         (long long)(left_ms / 1000));
	return curl_slist_append(last, line);
}

static CURLcode
attempt(struct otelp_otlp_client *c, const void *body, size_t len, int64_t deadline_ms)
{
	int64_t left_ms = deadline_ms == INT64_MAX ? 0
	                                           : deadline_ms - otelp_monotonic_ms();
	struct curl_slist *timeout = NULL, *last = c->headers;
	CURLcode code;

	otelp_free(c->grpc_details);
	c->grpc_details = NULL;
	c->body_len = 0;
	c->too_big = false;
	*c->content_type = *c->grpc_message = *c->error = '\0';
	c->grpc_status = -1;
	c->retry_after_ms = -1;
	if (left_ms < 0 || deadline_ms == INT64_MAX)
		left_ms = 0;
	curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	while (last->next)
		last = last->next;
	if (c->grpc && left_ms) {
		timeout = with_grpc_timeout(NULL, left_ms);
		if (!timeout)
			return CURLE_OUT_OF_MEMORY;
	}
	last->next = timeout; /* for this attempt only */
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
	code = c->h2c ? perform_h2c(c, deadline_ms) : perform(c, deadline_ms);
	last->next = NULL;
	curl_slist_free_all(timeout);
	return code;
}

/* ---- the verdict ---- */

static bool
is_passing(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return true;
	default:
		return false;
	}
}

static enum verdict
judge_transport(struct otelp_otlp_client *c, CURLcode code, struct otel_error *why)
{
	if (code == CURLE_OPERATION_TIMEDOUT) {
		otel_error_set(why, -ETIMEDOUT, "no answer in time");
	} else if (c->too_big) {
		otel_error_set(why, -EMSGSIZE, "the answer is larger than %d bytes",
		               OTELP_MAX_RESPONSE);
	} else {
		otel_error_set(why, code == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EIO, "%s",
		               *c->error ? c->error : curl_easy_strerror(code));
	}
	return is_passing(code) ? RETRY : REFUSED;
}

static bool
is_type(const struct otelp_otlp_client *c, const char *type)
{
	return strncasecmp(c->content_type, type, strlen(type)) == 0;
}

/* An answer that makes no sense is worth a word: an endpoint may be somebody else's. */
static void
say_odd(struct otelp_otlp_client *c, const char *what)
{
	if (!c->odd_answer_said)
		otelp_diag(OTEL_DIAG_WARN,
		           "%s: %s (content-type %s): is that an OTLP receiver?",
		           c->label, what,
		           *c->content_type ? c->content_type : "missing");
	c->odd_answer_said = true;
}

static enum verdict
judge_http(struct otelp_otlp_client *c, CURLcode code, struct otelp_otlp_answer *answer,
           struct otel_error *why)
{
	long status = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	/* Once it has said 200 it has the items; sending them again would only double them. */
	if (code != CURLE_OK && (status < 200 || status > 299 || c->too_big))
		return judge_transport(c, code, why);
	if (status >= 200 && status <= 299) {
		if (code != CURLE_OK || (*c->content_type && c->body_len &&
		                         !is_type(c, c->json ? "application/json"
		                                             : "application/x-protobuf")))
			say_odd(c, "answered, but not as a receiver does");
		else if (!otelp_otlp_answer_parse(c->signal, c->json, c->body,
		                                  c->body_len, answer))
			say_odd(c, "the answer cannot be decoded");
		return TAKEN;
	}
	if (is_type(c, "application/json"))
		otelp_otlp_status_parse_json(c->body, c->body_len, answer);
	else if (is_type(c, "application/x-protobuf"))
		otelp_otlp_status_parse(c->body, c->body_len, answer);
	else
		otelp_otlp_printable(answer->message, 100, (const char *)c->body,
		                     c->body_len);
	answer->retry_after_ms = c->retry_after_ms;
	otel_error_set(why, -EIO, "HTTP status %ld%s%s", status,
	               *answer->message ? ": " : "", answer->message);
	return status == 429 || (status >= 502 && status <= 504) ? RETRY : REFUSED;
}

enum grpc_status {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_ABORTED = 10,
	GRPC_OUT_OF_RANGE = 11,
	GRPC_UNAVAILABLE = 14,
	GRPC_DATA_LOSS = 15
};

static bool
is_passing_grpc(int status, const struct otelp_otlp_answer *answer)
{
	switch (status) {
	case GRPC_CANCELLED:
	case GRPC_DEADLINE_EXCEEDED:
	case GRPC_ABORTED:
	case GRPC_OUT_OF_RANGE:
	case GRPC_UNAVAILABLE:
	case GRPC_DATA_LOSS:
		return true;
	case GRPC_RESOURCE_EXHAUSTED:
		return answer->retry_after_ms >= 0;
	default:
		return false;
	}
}

static void
read_details(struct otelp_otlp_client *c, struct otelp_otlp_answer *answer)
{
	uint8_t *bytes;
	size_t len;

	if (!c->grpc_details)
		return;
	bytes = otelp_otlp_base64(c->grpc_details, &len);
	if (bytes)
		otelp_otlp_status_parse(bytes, len, answer);
	otelp_free(bytes);
}

static bool
is_whole_frame(const struct otelp_otlp_client *c)
{
	const uint8_t *b = c->body;

	return c->body_len >= GRPC_HEAD &&
	       c->body_len - GRPC_HEAD == ((size_t)b[1] << 24 | (size_t)b[2] << 16 |
	                                   (size_t)b[3] << 8 | b[4]);
}

/*
 * Without a grpc-status it is somebody else, a proxy perhaps, that speaks for the receiver; or the
 * connection ended with the answer, and libcurl 7.88 lost the trailers or what was before them and
 * takes it for the end of the answer. A whole message comes with success only.
 */
static enum verdict
judge_without_status(struct otelp_otlp_client *c, struct otelp_otlp_answer *answer,
                     struct otel_error *why)
{
	long status = 0, version = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200 && is_type(c, "application/grpc")) {
		if (is_whole_frame(c))
			return TAKEN;
		otel_error_set(why, -EIO, "the answer broke off");
		return RETRY;
	}
	curl_easy_getinfo(c->easy, CURLINFO_HTTP_VERSION, &version);
	otel_error_set(why, -EIO, "HTTP status %ld without a grpc-status%s", status,
	               version >= CURL_HTTP_VERSION_2_0 ? ""
	                                                : "; it does not speak HTTP/2");
	answer->retry_after_ms = c->retry_after_ms;
	return status == 429 || (status >= 502 && status <= 504) ? RETRY : REFUSED;
}

static enum verdict
judge_grpc(struct otelp_otlp_client *c, CURLcode code, struct otelp_otlp_answer *answer,
           struct otel_error *why)
{
	static const char *const names[] = {
		"OK",
		"CANCELLED",
		"UNKNOWN",
		"INVALID_ARGUMENT",
		"DEADLINE_EXCEEDED",
		"NOT_FOUND",
		"ALREADY_EXISTS",
		"PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED",
		"FAILED_PRECONDITION",
		"ABORTED",
		"OUT_OF_RANGE",
		"UNIMPLEMENTED",
		"INTERNAL",
		"UNAVAILABLE",
		"DATA_LOSS",
		"UNAUTHENTICATED",
	};
	if (c->grpc_status < 0 && code != CURLE_OK)
		return judge_transport(c, code, why);
	if (c->grpc_status < 0)
		return judge_without_status(c, answer, why);
	if (c->too_big)
		return judge_transport(c, code, why);
	if (c->grpc_status == GRPC_OK) {
		if (c->body_len &&
		    (c->body_len < GRPC_HEAD || c->body[0] != 0 ||
		     !otelp_otlp_answer_parse(c->signal, false, c->body + GRPC_HEAD,
		                              c->body_len - GRPC_HEAD, answer)))
			say_odd(c, "the answer cannot be decoded");
		return TAKEN;
	}
	memcpy(answer->message, c->grpc_message, sizeof answer->message);
	answer->message[sizeof answer->message - 1] = '\0';
	read_details(c, answer);
	otel_error_set(why, -EIO, "gRPC status %d %s%s%s", c->grpc_status,
	               c->grpc_status <= 16 ? names[c->grpc_status] : "",
	               *answer->message ? ": " : "", answer->message);
	return is_passing_grpc(c->grpc_status, answer) ? RETRY : REFUSED;
}

/* ---- waiting ---- */

/* Waits until then, or until it is interrupted. */
static void
wait_until(struct otelp_otlp_client *c, int64_t until_ms)
{
	int64_t left;

	while (!atomic_load(&c->interrupted) &&
	       (left = until_ms - otelp_monotonic_ms()) > 0)
		curl_multi_poll(atomic_load(&c->multi), NULL, 0,
		                (int)(left < 60000 ? left : 60000), NULL);
}

/* A fifth more or less, so that many clients don't come back at once. */
static int64_t
jittered(int64_t ms)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
		random = (uint32_t)otelp_now_unix_ns();
	return ms * 4 / 5 + (int64_t)(random % 1000) * ms * 2 / 5 / 1000;
}

static int
interrupted(struct otel_error *err)
{
	return otel_error_set(err, -ECANCELED, "interrupted at the end of the process");
}

int
otelp_otlp_client_send(struct otelp_otlp_client *c, const void *body, size_t len,
                       int timeout_ms, struct otelp_otlp_answer *answer,
                       struct otel_error *err)
{
	int64_t deadline_ms = otelp_deadline_ms(timeout_ms == INT_MAX ? -1 : timeout_ms);
	int64_t backoff_ms = otelp_otlp_backoff_ms;
	struct otel_error why;
	int r = own_handles(c);

	if (r < 0)
		return r;
	wait_until(c, c->not_before_ms < deadline_ms ? c->not_before_ms : deadline_ms);
	for (;;) {
		enum verdict verdict;
		int64_t wait_ms, now_ms;
		CURLcode code;

		if (atomic_load(&c->interrupted))
			return interrupted(err);
		*answer = (struct otelp_otlp_answer){ .retry_after_ms = -1 };
		why = (struct otel_error)OTEL_ERROR_INIT;
		now_ms = otelp_monotonic_ms();
		if (now_ms < c->not_before_ms || now_ms >= deadline_ms)
			return otel_error_set(err, -ETIMEDOUT,
			                      "%s: it asked to be left alone for longer",
			                      c->label);
		code = attempt(c, body, len, deadline_ms);
		if (atomic_load(&c->interrupted) && code != CURLE_OK)
			return interrupted(err);
		verdict = c->grpc ? judge_grpc(c, code, answer, &why)
		                  : judge_http(c, code, answer, &why);
		if (verdict == TAKEN)
			return 0;
		now_ms = otelp_monotonic_ms();
		if (answer->retry_after_ms >= 0 && verdict == RETRY) {
			wait_ms = answer->retry_after_ms;
			if (wait_ms > backoff_ms)
				backoff_ms = wait_ms;
			c->not_before_ms = now_ms + wait_ms;
		} else {
			wait_ms = jittered(backoff_ms);
		}
		/* A wait that outlasts the deadline is only lost time. */
		if (verdict == REFUSED ||
		    (deadline_ms != INT64_MAX && now_ms + wait_ms >= deadline_ms))
			return otel_error_set(err, why.code, "%s: %s", c->label,
			                      why.message);
		otelp_diag(OTEL_DIAG_DEBUG, "%s: %s; trying again in %lld ms", c->label,
		           why.message, (long long)wait_ms);
		atomic_fetch_add(&c->retries, 1);
		wait_until(c, now_ms + wait_ms);
		backoff_ms += backoff_ms / 2;
		if (backoff_ms > BACKOFF_CAP_MS && backoff_ms > answer->retry_after_ms)
			backoff_ms = answer->retry_after_ms > BACKOFF_CAP_MS
			                     ? answer->retry_after_ms
			                     : BACKOFF_CAP_MS;
	}
}

void
otelp_otlp_client_interrupt(struct otelp_otlp_client *c)
{
	atomic_store(&c->interrupted, true);
	curl_multi_wakeup(atomic_load(&c->multi));
}

uint64_t
otelp_otlp_client_retries(const struct otelp_otlp_client *c)
{
	return atomic_load(&c->retries);
}

const char *
otelp_otlp_client_label(const struct otelp_otlp_client *c)
{
	return c->label;
}

/* ---- life ---- */

static void
init_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int
check_file(const char *what, const char *path, struct otel_error *err)
{
	if (*path && access(path, R_OK) < 0) {
		int r = -errno;

		return otel_error_set(err, r, "OTLP %s %s: %s", what, path, strerror(-r));
	}
	return 0;
}

static void
make_label(struct otelp_otlp_client *c)
{
	const char *rest = strstr(c->url, "://"), *at, *end;

	rest = rest ? rest + 3 : c->url;
	end = rest + strcspn(rest, "/?#");
	at = memchr(rest, '@', (size_t)(end - rest));
	snprintf(c->label, sizeof c->label, "%s%.*s%.*s", c->grpc ? "grpc " : "",
	         (int)(rest - c->url), c->url,
	         c->grpc ? (int)(end - (at ? at + 1 : rest))
	                 : (int)strcspn(at ? at + 1 : rest, "?#"),
	         at ? at + 1 : rest);
}

int
otelp_otlp_client_new(const struct otel_otlp_config *config, int signal,
                      struct otelp_otlp_client **out, struct otel_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct otelp_otlp_client *c = otelp_calloc(1, sizeof *c);
	int r;

	if (!c)
		return -ENOMEM;
	pthread_once(&once, init_curl);
	c->config = *config;
	c->signal = signal;
	c->grpc = config->protocol == OTEL_PROTOCOL_GRPC;
	c->json = config->protocol == OTEL_PROTOCOL_HTTP_JSON;
	r = otelp_otlp_url(config, signal, c->url, sizeof c->url, &c->loopback, err);
	c->h2c = c->grpc && strncmp(c->url, "http:", 5) == 0;
	if (r == 0)
		r = check_file("certificate", config->certificate, err);
	if (r == 0)
		r = check_file("client certificate", config->client_certificate, err);
	if (r == 0)
		r = check_file("client key", config->client_key, err);
	if (r == 0)
		r = make_headers(c, err);
	if (r == 0)
		r = open_handles(c);
	if (r < 0) {
		otelp_otlp_client_free(c);
		return r;
	}
	make_label(c);
	*out = c;
	return 0;
}

void
otelp_otlp_client_free(struct otelp_otlp_client *c)
{
	if (!c)
		return;
	if (c->easy && c->pid == getpid()) {
		curl_easy_cleanup(c->easy);
		curl_multi_cleanup(atomic_load(&c->multi));
	}
	curl_slist_free_all(c->headers);
	otelp_free(c->grpc_details);
	otelp_free(c->body);
	otelp_free(c);
}
