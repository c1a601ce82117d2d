/* SPDX-License-Identifier: Apache-2.0 */
/* A table without handle(). */
#include <cupola/service.h>

static int
start(const struct svc_host *host, void **self, struct otel_error *err)
{
	return 0;
}

static void
stop(void *self)
{
}

SVC_PLUGIN = { SVC_ABI, .name = "good", .version = "1.0", .start = start, .stop = stop };
