/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service that is measured: a JSON body of 103 bytes, the same that nginx returns beside it. /one and
 * /two fetch it from the upstream first, once, and twice one after the other.
 */
#include <cupola/service.h>

static const char body[] = "{\"distance\": 8231.44, \"location\": {\"latitude\": 49.87, "
			   "\"longitude\": 8.65}, \"place\": \"Darmstadt, DE\"}\n";

static int
start(const struct svc_host *host, void **self, struct otel_error *err)
{
	(void)err;
	*self = (void *)(uintptr_t)svc_config(host, "upstream");
	return 0;
}

static bool
ask(const struct svc_host *host, const char *url)
{
	SVC_RESPONSE(rsp, svc_http_get(host, url));

	return rsp->status == 200 && rsp->len == sizeof body - 1;
}

static int
handle(void *self, struct svc_request *req)
{
	int calls = strcmp(req->path, "/two") == 0 ? 2 : strcmp(req->path, "/one") == 0;

	while (calls-- > 0)
		if (!ask(req->host, self))
			return svc_reply_text(req, 502, "the upstream did not answer\n");
	return svc_reply(req, 200, "application/json", body, sizeof body - 1);
}

static void
stop(void *self)
{
	(void)self;
}

static const struct svc_key keys[] = {
	{ "upstream", SVC_URL, "http://127.0.0.1:1/", "what /one and /two fetch" },
	{ NULL, 0, NULL, NULL },
};

SVC_PLUGIN = {
	SVC_ABI,      .name = "small", .version = "1.0", .flags = SVC_CONCURRENT,
	.keys = keys, .start = start,  .handle = handle, .stop = stop,
};
