/* SPDX-License-Identifier: Apache-2.0 */
/* A service that is as it should be. */
#include <cupola/service.h>

static int
start(const struct svc_host *host, void **self, struct otel_error *err)
{
	return 0;
}

static int
handle(void *self, struct svc_request *req)
{
	return svc_reply_text(req, 200, svc_config(req->host, "greeting"));
}

static void
stop(void *self)
{
}

static const struct svc_key keys[] = {
	{ "greeting", SVC_STRING, "good\n", "what it says" },
	{ "patience", SVC_DURATION, "5s", "how long it waits" },
	{ NULL },
};

SVC_PLUGIN = {
	SVC_ABI,        .name = "good",   .version = "1.0", .keys = keys,
	.start = start, .handle = handle, .stop = stop,
};
