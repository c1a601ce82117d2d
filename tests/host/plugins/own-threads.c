/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a thread of its own. */
#include <pthread.h>

#include <cupola/service.h>

static void *
nothing(void *arg)
{
	return arg;
}

static int
start(const struct svc_host *host, void **self, struct otel_error *err)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, nothing, NULL) == 0)
		pthread_join(thread, NULL);
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
