/* SPDX-License-Identifier: Apache-2.0 */
/* start() follows a bad pointer. */
#include <cupola/service.h>

static int
start(const struct svc_host *host, void **self, struct otel_error *err)
{
	static volatile uintptr_t bad = 8; /* read at run time, so that no compiler foresees the end */
	volatile int *nowhere = (volatile int *)bad;

	return *nowhere;
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
