/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello - the smallest service: a table, three functions, one setting. Start reading here.
 *
 *	[plugin hello]
 *	greeting = Hello
 *
 * curl '127.0.0.1:5010/?name=Ada' answers "Hello, Ada". <cupola/service.h> has everything used here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <cupola/service.h>

struct hello {
	const char *greeting; /* borrowed from the host */
};

static int
hello_start(const struct svc_host *host, void **self, struct svc_error *err)
{
	struct hello *hello = calloc(1, sizeof *hello);

	if (!hello)
		return svc_error_set(err, -ENOMEM, "out of memory");
	hello->greeting = svc_config(host, "greeting");
	*self = hello;
	return 0;
}

/* Runs once per request, straight down: what waits here makes nobody else wait. */
static int
hello_handle(void *self, struct svc_request *req)
{
	struct hello *hello = self;
	const char *name = svc_query(req, "name");
	char text[512];

	snprintf(text, sizeof text, "%s, %s\n", hello->greeting,
	         name && *name ? name : "world");
	return svc_reply_text(req, 200, text);
}

static void
hello_stop(void *self)
{
	free(self);
}

static const struct svc_key hello_keys[] = {
	{ "greeting", SVC_STRING, "Hello", "what the answer begins with" },
	{ .name = NULL },
};

SVC_PLUGIN = { SVC_ABI,
	       .name = "hello",
	       .version = "1.0.0",
	       .keys = hello_keys,
	       .start = hello_start,
	       .handle = hello_handle,
	       .stop = hello_stop };
