/* SPDX-License-Identifier: Apache-2.0 */
#include "forward.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define MAX_QUEUED       1024
#define MAX_QUEUED_BYTES ((size_t)32 << 20)
#define MAX_URL          900
#define TRIES            4 /* with 0.25, 0.5 and 1 s between them */

struct item {
	STAILQ_ENTRY(item) link;
	const char *signal, *content_type; /* constants */
	size_t len;
	char body[];
};

struct forward {
	const struct svc_host *host;
	char *url;
	struct svc_event *added;
	STAILQ_HEAD(, item) queue;
	struct forward_stats stats;
};

static bool
is_transient(const struct svc_response *rsp)
{
	return rsp->status == 0 || rsp->status == 429 || rsp->status == 502 ||
	       rsp->status == 503 || rsp->status == 504;
}

/* 0 when it was taken or refused for good; -ECANCELED when the service ends. */
static int
post(struct forward *forward, const struct item *item)
{
	char url[1024];
	struct svc_header headers[] = { { "Content-Type", item->content_type },
		                        { "Via", "1.1 " FORWARD_VIA } };
	struct svc_call call = { .url = url,
		                 .headers = headers,
		                 .n_headers = sizeof headers / sizeof *headers,
		                 .body = item->body,
		                 .len = item->len };

	snprintf(url, sizeof url, "%s/v1/%s", forward->url, item->signal);
	for (int attempt = 0; attempt < TRIES; attempt++) {
		SVC_RESPONSE(rsp, svc_http(forward->host, &call));

		if (rsp->error == -ECANCELED)
			return -ECANCELED;
		if (rsp->status >= 200 && rsp->status < 300) {
			forward->stats.sent++;
			forward->stats.last_error[0] = '\0';
			return 0;
		}
		if (rsp->status)
			snprintf(forward->stats.last_error,
			         sizeof forward->stats.last_error, "%.100s: %d %.80s",
			         url, rsp->status, rsp->body ? rsp->body : "");
		else
			snprintf(forward->stats.last_error,
			         sizeof forward->stats.last_error, "%.100s: %.90s", url,
			         rsp->message);
		if (!is_transient(rsp))
			break;
		if (attempt + 1 < TRIES && svc_sleep(forward->host, 250 << attempt) < 0)
			return -ECANCELED;
	}
	forward->stats.failed++;
	return 0;
}

static void
run(void *arg)
{
	struct forward *forward = arg;

	for (;;) {
		struct item *item = STAILQ_FIRST(&forward->queue);
		int r;

		if (!item) {
			if (svc_event_wait(forward->host, forward->added, -1) ==
			    -ECANCELED)
				return;
			continue;
		}
		STAILQ_REMOVE_HEAD(&forward->queue, link);
		forward->stats.queued--;
		forward->stats.queued_bytes -= item->len;
		r = post(forward, item);
		free(item);
		if (r < 0)
			return;
	}
}

int
forward_new(const struct svc_host *host, const char *url, struct forward **out,
            struct otel_error *err)
{
	struct forward *forward;
	size_t len = strlen(url);

	if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
		return otel_error_set(
			err, -EINVAL,
			"forward = %s: expected a URL, such as http://127.0.0.1:4318",
			url);
	if (len > MAX_URL)
		return otel_error_set(err, -EINVAL, "forward: longer than %d characters",
		                      MAX_URL);
	forward = calloc(1, sizeof *forward);
	if (!forward)
		return otel_error_set(err, -ENOMEM, "forward: out of memory");
	STAILQ_INIT(&forward->queue);
	forward->host = host;
	while (len && url[len - 1] == '/')
		len--;
	forward->url = strndup(url, len);
	forward->added = svc_event_new(host);
	if (!forward->url || !forward->added || svc_spawn(host, run, forward) < 0) {
		forward_free(forward);
		return otel_error_set(err, -ENOMEM, "forward: out of memory");
	}
	*out = forward;
	return 0;
}

void
forward_free(struct forward *forward)
{
	struct item *item;

	if (!forward)
		return;
	while ((item = STAILQ_FIRST(&forward->queue))) {
		STAILQ_REMOVE_HEAD(&forward->queue, link);
		free(item);
	}
	if (forward->added)
		svc_event_free(forward->host, forward->added);
	free(forward->url);
	free(forward);
}

void
forward_add(struct forward *forward, const char *signal, const char *content_type,
            const void *body, size_t len)
{
	struct item *item;

	if (!forward)
		return;
	item = forward->stats.queued < MAX_QUEUED &&
	                       forward->stats.queued_bytes + len <= MAX_QUEUED_BYTES
	               ? malloc(sizeof *item + len)
	               : NULL;
	if (!item) {
		forward->stats.dropped++;
		return;
	}
	item->signal = signal;
	item->content_type = content_type;
	item->len = len;
	memcpy(item->body, body, len);
	STAILQ_INSERT_TAIL(&forward->queue, item, link);
	forward->stats.queued++;
	forward->stats.queued_bytes += len;
	svc_event_set(forward->host, forward->added);
}

void
forward_get_stats(const struct forward *forward, struct forward_stats *out)
{
	*out = forward ? forward->stats : (struct forward_stats){ 0 };
}
