/* SPDX-License-Identifier: Apache-2.0 */
/* Wants static TLS, of which there is little and which comes back never. */
#include <cupola/service.h>

static __thread char scratch[64] __attribute__((tls_model("initial-exec")));

static int
start(const struct svc_host *host, void **self, struct otel_error *err)
{
	*self = scratch;
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
	SVC_ABI,        .name = "good",   .version = "1.0",
	.start = start, .handle = handle, .stop = stop,
};
