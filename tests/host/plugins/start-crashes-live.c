/* SPDX-License-Identifier: Apache-2.0 */
/* start() passes its trial and crashes in earnest. */
#include <cupola/service.h>

static int
start(const struct svc_host *host, void **self, struct otel_error *err)
{
	volatile int *nowhere = (volatile int *)(uintptr_t)8;

	return host->flags & SVC_TRYING ? 0 : *nowhere;
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
	SVC_ABI,        .name = "good",   .version = "1.0",
	.start = start, .handle = handle, .stop = stop,
};
