/* SPDX-License-Identifier: Apache-2.0 */
#include <event2/event.h>
#include <jansson.h>
#include <string.h>
#include <stdlib.h>
#include "channel.h"
#include "worker-boot.h"
static struct event_base *base;
static void on_message(struct host_channel *ch, struct json_t *m, void *arg)
{
	const char *what = json_string_value(json_object_get(m, "do"));
	if (what && !strcmp(what, "stop"))
		event_base_loopbreak(base);
	else
		host_channel_send(ch, json_pack("{s:O,s:b}", "id", json_object_get(m, "id"), "ok", 1));
}
static void on_closed(struct host_channel *ch, int error, void *arg)
{
	event_base_loopbreak(base);
}
int worker_main(struct worker_boot *boot)
{
	struct host_channel *ch;
	base = event_base_new();
	if (host_channel_new(base, boot->control_fd, on_message, on_closed, NULL, &ch) < 0) return 1;
	host_channel_send(ch, json_pack("{s:s}", "event", "ready"));
	event_base_dispatch(base);
	worker_boot_free(boot);
	return 0;
}
