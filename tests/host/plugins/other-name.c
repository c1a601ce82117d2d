/* SPDX-License-Identifier: Apache-2.0 */
/* Its name is not that of the section which loads it. */
#include <cupola/service.h>

static int
start(const struct svc_host *host, void **self, struct otel_error *err)
{
	return 0;
}

static int
handle(void *self, struct svc_request *req)
{
	return svc_reply_text(req, 200, "good\n");
}

static void
stop(void *self)
{
}

SVC_PLUGIN = {
	SVC_ABI,        .name = "someone-else", .version = "1.0",
	.start = start, .handle = handle,       .stop = stop,
};
