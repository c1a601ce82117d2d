/* SPDX-License-Identifier: Apache-2.0 */
/* Uses a function that nobody defines. */
#include <cupola/service.h>

int no_such_function(void);

static int
start(const struct svc_host *host, void **self, struct otel_error *err)
{
	return no_such_function();
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
