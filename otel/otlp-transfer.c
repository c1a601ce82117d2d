/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to a receiver through libcurl: its handles, what goes out with every request, what
 * comes in with an answer.
 *
 * Everything waits in curl_multi_poll, which otelp_transfer_interrupt ends from another thread; so
 * neither a receiver that hangs nor a wait holds up the end of the process. Unary gRPC needs no gRPC
 * library: a frame of five bytes and trailers over HTTP/2, which libcurl speaks.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lane_priv.h"
#include "otlp_priv.h"
#include "otlp_transfer_priv.h"
#include "pipeline_priv.h"

/* ---- what comes in ---- */

static size_t
on_body(char *data, size_t one, size_t n, void *userdata)
{
	struct otelp_transfer *t = userdata;

	if (t->body_len + n > OTELP_MAX_RESPONSE) {
		t->too_big = true;
		return 0;
	}
	if (t->body_len + n > t->body_size) {
		size_t size = (t->body_len + n) * 2;
		void *grown = otelp_realloc(t->body, size);

		if (!grown)
			return 0;
		t->body = grown;
		t->body_size = size;
	}
	memcpy(t->body + t->body_len, data, n);
	t->body_len += n;
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
take_header(struct otelp_transfer *t, const char *name, const char *value)
{
	if (strcasecmp(name, "content-type") == 0) {
		otelp_otlp_printable(t->content_type, sizeof t->content_type, value,
		                     strlen(value));
	} else if (strcasecmp(name, "retry-after") == 0) {
		t->retry_after_ms = parse_retry_after(value);
	} else if (strcasecmp(name, "grpc-status") == 0) {
		t->grpc_status = atoi(value);
	} else if (strcasecmp(name, "grpc-message") == 0) {
		copy_percent_decoded(t->grpc_message, sizeof t->grpc_message, value);
	} else if (strcasecmp(name, "grpc-status-details-bin") == 0) {
		otelp_free(t->grpc_details);
		t->grpc_details = otelp_strdup(value);
	}
}

/* Headers, and behind the body the trailers of HTTP/2. */
static size_t
on_header(char *data, size_t one, size_t n, void *userdata)
{
	char line[4096], *colon, *value, *end;

	((struct otelp_transfer *)userdata)->answered = true;
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
	struct otelp_transfer *t = userdata;
	int fd;

	t->unconnected = t->only_reuse;
	if (t->only_reuse)
		return CURL_SOCKET_BAD;
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	for (int i = 0; i < OTELP_TRANSFER_SOCKETS; i++) {
		if (t->sockets[i] < 0) {
			t->sockets[i] = fd;
			break;
		}
	}
	return fd;
}

static int
on_close(void *userdata, curl_socket_t fd)
{
	struct otelp_transfer *t = userdata;

	for (int i = 0; i < OTELP_TRANSFER_SOCKETS; i++)
		if (t->sockets[i] == fd)
			t->sockets[i] = -1;
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
	struct otelp_transfer *t = userdata;
	struct curl_slist *longer;
	char line[1300];

	for (size_t i = 0; t->headers && i < sizeof ours / sizeof *ours; i++) {
		if (strcmp(name, ours[i]) == 0) {
			otelp_diag(OTEL_DIAG_WARN,
			           "OTLP header %s is set by the exporter; ignored",
			           name);
			return 0;
		}
	}
	/* That is how libcurl is told to send an empty value. */
	snprintf(line, sizeof line, *value ? "%s: %s" : "%s;", name, value);
	longer = curl_slist_append(t->headers, line);
	if (!longer)
		return -ENOMEM;
	t->headers = longer;
	return 0;
}

static int
make_headers(struct otelp_transfer *t, struct otel_error *err)
{
	static const char *const types[] = { "content-type: application/x-protobuf",
		                             "content-type: application/grpc",
		                             "content-type: application/json" };
	const char *lines[4] = { types[t->config.protocol] };
	int n = 1, r;

	if (t->grpc) {
		lines[n++] = "te: trailers";
		lines[n++] = "grpc-accept-encoding: identity";
	}
	if (t->config.gzip)
		lines[n++] = t->grpc ? "grpc-encoding: gzip" : "content-encoding: gzip";
	for (int i = 0; i < n; i++) {
		struct curl_slist *longer = curl_slist_append(t->headers, lines[i]);

		if (!longer)
			return -ENOMEM;
		t->headers = longer;
	}
	/* No "Expect: 100-continue": it costs a round trip for every large request. */
	if (!t->grpc) {
		struct curl_slist *longer = curl_slist_append(t->headers, "expect:");

		if (!longer)
			return -ENOMEM;
		t->headers = longer;
	}
	r = otelp_otlp_headers_each(t->config.headers, add_header, t, err);
	for (t->last = t->headers; t->last->next; t->last = t->last->next)
		;
	return r;
}

static void
set_tls(struct otelp_transfer *t)
{
	if (*t->config.certificate)
		curl_easy_setopt(t->easy, CURLOPT_CAINFO, t->config.certificate);
	if (*t->config.client_certificate)
		curl_easy_setopt(t->easy, CURLOPT_SSLCERT, t->config.client_certificate);
	if (*t->config.client_key)
		curl_easy_setopt(t->easy, CURLOPT_SSLKEY, t->config.client_key);
}

static int
open_handles(struct otelp_transfer *t)
{
	CURLM *multi = curl_multi_init();

	t->easy = curl_easy_init();
	if (!multi || !t->easy) {
		curl_multi_cleanup(multi);
		curl_easy_cleanup(t->easy);
		t->easy = NULL;
		return -ENOMEM;
	}
	for (int i = 0; i < OTELP_TRANSFER_SOCKETS; i++)
		t->sockets[i] = -1;
	curl_easy_setopt(t->easy, CURLOPT_URL, t->url);
	curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION,
	                 t->grpc ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(t->easy, CURLOPT_USERAGENT,
	                 "OTel-OTLP-Exporter-C/" PACKAGE_VERSION);
	curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(t->easy, CURLOPT_QUICK_EXIT,
	                 1L); /* no waiting for a name server at the end */
	curl_easy_setopt(t->easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETDATA, t);
	if (!t->grpc)
		curl_easy_setopt(t->easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	if (t->loopback)
		curl_easy_setopt(t->easy, CURLOPT_NOPROXY, "*");
	set_tls(t);
	t->pid = getpid();
	atomic_store(&t->multi, multi);
	return 0;
}

/*
 * In the child of a fork the handles are the parent's: a TLS goodbye or a half-sent request from here
 * would harm it. They are left alone, but for our copies of the sockets; so is the answer that its thread
 * may have been in the middle of.
 */
int
otelp_transfer_own(struct otelp_transfer *t)
{
	if (t->pid == getpid())
		return 0;
	for (int i = 0; i < OTELP_TRANSFER_SOCKETS; i++) {
		if (t->sockets[i] >= 0)
			close(t->sockets[i]);
		t->sockets[i] =
			-1; /* also when there is no memory, and this is tried again */
	}
	t->body = NULL;
	t->body_len = t->body_size = 0;
	t->grpc_details = NULL;
	t->last->next = NULL;
	return open_handles(t);
}

/* ---- one attempt ---- */

/* Runs the transfer; CURLE_ABORTED_BY_CALLBACK when it was interrupted. */
static CURLcode
perform(struct otelp_transfer *t, int64_t deadline_ms)
{
	CURLM *multi = atomic_load(&t->multi);
	CURLcode code = CURLE_OK;
	int running = 1, left;
	CURLMsg *msg;

	if (curl_multi_add_handle(multi, t->easy) != CURLM_OK)
		return CURLE_OUT_OF_MEMORY;
	while (curl_multi_perform(multi, &running) == CURLM_OK && running) {
		int64_t wait_ms = deadline_ms == INT64_MAX
		                          ? 60000
		                          : deadline_ms - otelp_monotonic_ms();

		if (atomic_load(&t->interrupted))
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
	curl_multi_remove_handle(multi, t->easy);
	return code;
}

static bool
is_connected(const struct otelp_transfer *t)
{
	for (int i = 0; i < OTELP_TRANSFER_SOCKETS; i++)
		if (t->sockets[i] >= 0)
			return true;
	return false;
}

/*
 * HTTP/2 without TLS is spoken by prior knowledge; but libcurl 7.88 greets the receiver once more when
 * it takes up such a connection again, and breaks it. Asked for plain HTTP/2 it takes up the connection
 * as it should, and would greet only a new one wrongly; so that is done without the right to connect.
 */
static CURLcode
perform_h2c(struct otelp_transfer *t, int64_t deadline_ms)
{
	CURLcode code;

	if (is_connected(t)) {
		curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION,
		                 (long)CURL_HTTP_VERSION_2_0);
		t->unconnected = false;
		t->only_reuse = true;
		code = perform(t, deadline_ms);
		t->only_reuse = false;
		if (!t->unconnected)
			return code;
	}
	curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION,
	                 (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
	return perform(t, deadline_ms);
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

CURLcode
otelp_transfer_attempt(struct otelp_transfer *t, const void *body, size_t len,
                       int64_t deadline_ms)
{
	int64_t left_ms = deadline_ms == INT64_MAX ? 0
	                                           : deadline_ms - otelp_monotonic_ms();
	struct curl_slist *timeout = NULL;
	CURLcode code;

	otelp_free(t->grpc_details);
	t->grpc_details = NULL;
	t->body_len = 0;
	t->too_big = t->answered = false;
	*t->content_type = *t->grpc_message = *t->error = '\0';
	t->grpc_status = -1;
	t->retry_after_ms = -1;
	if (left_ms < 0 || deadline_ms == INT64_MAX)
		left_ms = 0;
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	if (t->grpc && left_ms) {
		timeout = with_grpc_timeout(NULL, left_ms);
		if (!timeout)
			return CURLE_OUT_OF_MEMORY;
	}
	t->last->next = timeout; /* for this attempt only */
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	code = t->h2c ? perform_h2c(t, deadline_ms) : perform(t, deadline_ms);
	t->last->next = NULL;
	curl_slist_free_all(timeout);
	t->absent = code == CURLE_COULDNT_CONNECT;
	return code;
}

bool
otelp_transfer_is_vain(const struct otelp_transfer *t)
{
	return t->absent && atomic_load(&t->finishing);
}

void
otelp_transfer_wait(struct otelp_transfer *t, int64_t until_ms)
{
	int64_t left;

	while (!atomic_load(&t->interrupted) && !otelp_transfer_is_vain(t) &&
	       (left = until_ms - otelp_monotonic_ms()) > 0)
		curl_multi_poll(atomic_load(&t->multi), NULL, 0,
		                (int)(left < 60000 ? left : 60000), NULL);
}

void
otelp_transfer_finish(struct otelp_transfer *t)
{
	atomic_store(&t->finishing, true);
	curl_multi_wakeup(atomic_load(&t->multi));
}

void
otelp_transfer_interrupt(struct otelp_transfer *t)
{
	atomic_store(&t->interrupted, true);
	curl_multi_wakeup(atomic_load(&t->multi));
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

int
otelp_transfer_init(struct otelp_transfer *t, const struct otel_otlp_config *config,
                    int signal, struct otel_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int r;

	pthread_once(&once, init_curl);
	t->config = *config;
	t->grpc = config->protocol == OTEL_PROTOCOL_GRPC;
	r = otelp_otlp_url(config, signal, t->url, sizeof t->url, &t->loopback, err);
	t->h2c = t->grpc && strncmp(t->url, "http:", 5) == 0;
	if (r == 0)
		r = check_file("certificate", config->certificate, err);
	if (r == 0)
		r = check_file("client certificate", config->client_certificate, err);
	if (r == 0)
		r = check_file("client key", config->client_key, err);
	if (r == 0)
		r = make_headers(t, err);
	if (r == 0)
		r = open_handles(t);
	return r;
}

void
otelp_transfer_fini(struct otelp_transfer *t)
{
	if (t->easy && t->pid == getpid()) {
		curl_easy_cleanup(t->easy);
		curl_multi_cleanup(atomic_load(&t->multi));
		otelp_free(t->grpc_details);
		otelp_free(t->body);
	}
	if (t->last)
		t->last->next = NULL;
	curl_slist_free_all(t->headers);
}
