/* SPDX-License-Identifier: Apache-2.0 */
/*
 * propagation-probe - does what it is told, so that others can see which headers it sends.
 *
 *	POST /   [{"url": "http://127.0.0.1:7777/x", "arguments": [...]}, ...]
 *
 * POSTs each `arguments`, as JSON, to its url, one after the other, and then answers 200. This is the
 * service under test in the W3C trace context test suite; the host extracts and injects the context.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cupola/service.h>

#define MAX_CALLS 256
/* jansson recurses for each level, when it reads and more when it writes; a fiber's stack is small. */
#define MAX_DEPTH 64

struct probe {
	const struct svc_host *host;
	int timeout_ms;
};

/* How deep brackets nest in a JSON text, those within strings left out. */
static int
nesting(const char *text, size_t len)
{
	int depth = 0, deepest = 0;
	bool string = false;

	for (size_t i = 0; i < len; i++) {
		if (string && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			string = !string;
		else if (!string && (text[i] == '[' || text[i] == '{'))
			deepest = ++depth > deepest ? depth : deepest;
		else if (!string && (text[i] == ']' || text[i] == '}'))
			depth--;
	}
	return deepest;
}

/* 0, or -errno with a sentence for the client in `problem`. */
static int
make_call(const struct probe *probe, const json_t *entry, char *problem, size_t size)
{
	static const struct svc_header type = { "Content-Type", "application/json" };
	const char *url = json_string_value(json_object_get(entry, "url"));
	const json_t *arguments = json_object_get(entry, "arguments");
	struct svc_call call = { .method = "POST",
		                 .url = url,
		                 .headers = &type,
		                 .n_headers = 1,
		                 .timeout_ms = probe->timeout_ms };
	char *body = arguments ? json_dumps(arguments, JSON_COMPACT | JSON_ENCODE_ANY)
	                       : NULL;

	if (!url || !body) {
		free(body);
		snprintf(problem, size, "an entry needs a url and arguments\n");
		return -EINVAL;
	}
	call.body = body;
	call.len = strlen(body);
	SVC_RESPONSE(rsp, svc_http(probe->host, &call));
	free(body);
	if (rsp->status == 0) {
		snprintf(problem, size, "%.200s: %.200s\n", url, rsp->message);
		return rsp->error;
	}
	return 0;
}

static int
probe_handle(void *self, struct svc_request *req)
{
	const struct probe *probe = self;
	char problem[512] = "";
	json_t *calls, *entry;
	size_t i;
	int r = 0;

	if (strcmp(req->method, "POST") != 0) {
		svc_reply_header(req, "Allow", "POST");
		return svc_reply_text(req, 405, "calls are told by POST\n");
	}
	calls = nesting(req->body, req->len) <= MAX_DEPTH
	                ? json_loadb(req->body, req->len, 0, NULL)
	                : NULL;
	if (!json_is_array(calls) || json_array_size(calls) > MAX_CALLS) {
		json_decref(calls);
		return svc_reply_text(req, 400,
		                      "an array of {\"url\", \"arguments\"} is needed\n");
	}
	json_array_foreach(calls, i, entry)
	{
		r = make_call(probe, entry, problem, sizeof problem);
		if (r < 0)
			break;
	}
	json_decref(calls);
	if (r < 0)
		return svc_reply_text(req,
		                      r == -EINVAL      ? 400
		                      : r == -ETIMEDOUT ? 504
		                                        : 502,
		                      problem);
	return svc_reply_text(req, 200, "");
}

static int
probe_start(const struct svc_host *host, void **self, struct svc_error *err)
{
	struct probe *probe = calloc(1, sizeof *probe);

	if (!probe)
		return svc_error_set(err, -ENOMEM, "out of memory");
	probe->host = host;
	probe->timeout_ms = (int)svc_config_int(host, "timeout");
	*self = probe;
	return 0;
}

static void
probe_stop(void *self)
{
	free(self);
}

static const struct svc_key probe_keys[] = {
	{ "timeout", SVC_DURATION, "5s", "how long to wait for each call" },
	{ .name = NULL },
};

SVC_PLUGIN = { SVC_ABI,
	       .name = "propagation-probe",
	       .version = "1.0.0",
	       .flags = SVC_CONCURRENT,
	       .keys = probe_keys,
	       .start = probe_start,
	       .handle = probe_handle,
	       .stop = probe_stop };
