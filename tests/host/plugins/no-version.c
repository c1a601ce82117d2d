/* SPDX-License-Identifier: Apache-2.0 */
/* A table without a version. */
#include <cupola/service.h>

static int
start(const struct svc_host *host, void **self, struct svc_error *err)
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

SVC_PLUGIN = { SVC_ABI, .name = "good", .start = start, .handle = handle,
	       .stop = stop };
