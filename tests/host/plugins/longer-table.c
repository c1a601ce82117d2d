/* SPDX-License-Identifier: Apache-2.0 */
/* Built for a later minor version, whose table has more than ours. */
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

struct later {
	struct svc_plugin table;
	int (*ready)(void *self);
};

OTEL_EXPORT extern const struct later svc_plugin_later __asm__("svc_plugin");
const struct later svc_plugin_later = {
	.table = { .major = SVC_MAJOR,
	           .size = sizeof(struct later),
	           .name = "good",
	           .version = "1.0",
	           .start = start,
	           .handle = handle,
	           .stop = stop },
};
