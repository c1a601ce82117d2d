/* SPDX-License-Identifier: Apache-2.0 */
/* Who is heard: services, the resources that they came with, and what the host told of them. */
#include <inttypes.h>
#include <string.h>

#include "activity.h"
#include "buf.h"
#include "lifecycle.h"
#include "query.h"
#include "views.h"

#define SERVICES_MAX  500
#define RESOURCES_MAX 50

/* The one that something came with last. */
static const struct store_owner *
newest_owner(const struct store_service *service)
{
	const struct store_owner *owner, *newest = NULL;

	LIST_FOREACH (owner, &service->owners, of_service)
		if (!newest || owner->last_unix_ns > newest->last_unix_ns ||
		    (owner->last_unix_ns == newest->last_unix_ns &&
		     owner->serial > newest->serial))
			newest = owner;
	return newest;
}

static void
write_activity(struct buf *buf, const struct activity *activity, uint64_t now)
{
	static const char *const names[] = { "requests", "failed", "p95Nano" };

	for (int what = 0; what < 3; what++) {
		buf_printf(buf, ",\"%s\":[", names[what]);
		for (unsigned ago = ACTIVITY_SLOTS; activity && ago-- > 0;) {
			struct activity_slot slot = activity_get(activity, now, ago);

			buf_printf(buf, "%" PRIu64 "%s",
			           what == 0   ? slot.n
			           : what == 1 ? slot.failed
			                       : slot.p95_ns,
			           ago ? "," : "");
		}
		buf_puts(buf, "]");
	}
}

int
views_services(struct svc_request *req, const struct store *store)
{
	const struct store_service *service;
	const struct store_owner *owner;
	uint64_t now = station_now();
	struct buf buf = { 0 };
	size_t n = 0;

	buf_puts(&buf, "{\"services\":[");
	TAILQ_FOREACH (service, store_services(store), all) {
		owner = newest_owner(service);
		buf_puts(&buf, n++ ? ",{\"name\":" : "{\"name\":");
		buf_json_string(&buf, service->name, strlen(service->name));
		buf_printf(&buf,
		           ",\"spans\":%" PRIu64 ",\"errors\":%" PRIu64
		           ",\"logs\":%" PRIu64 ",\"metrics\":%" PRIu64
		           ",\"lastUnixNano\":\"%" PRIu64 "\",\"about\":%s",
		           service->held[STORE_SPANS], service->errors,
		           service->held[STORE_LOGS], service->held[STORE_METRICS],
		           service->last_unix_ns, owner ? owner->about_json : "{}");
		write_activity(&buf, service->activity, now);
		buf_puts(&buf, "}");
		if (n == SERVICES_MAX)
			break;
	}
	buf_printf(&buf, "],\"slotSeconds\":%u}",
	           (unsigned)(ACTIVITY_SLOT_NS / 1000000000u));
	return views_reply(req, &buf);
}

/* ---- resources ---- */

/* Whether another owner before this one in the list has the same resource, and has told of it. */
static bool
is_told(const struct store_owner *owner, const struct store_service *service)
{
	const struct store_owner *other;

	LIST_FOREACH (other, &service->owners, of_service) {
		if (other == owner)
			return false;
		if (!strcmp(other->resource_json, owner->resource_json))
			return true;
	}
	return false;
}

/* One resource, with all the scopes that came with it. */
static void
write_resource(struct buf *buf, const struct store_owner *first)
{
	uint64_t since = first->first_unix_ns, last = first->last_unix_ns;
	const struct store_owner *owner;
	size_t items = 0;
	const char *comma = "";

	buf_printf(buf, "{%s,\"scopes\":[", first->resource_json);
	for (owner = first; owner; owner = LIST_NEXT(owner, of_service)) {
		if (strcmp(owner->resource_json, first->resource_json) != 0)
			continue;
		since = owner->first_unix_ns < since ? owner->first_unix_ns : since;
		last = owner->last_unix_ns > last ? owner->last_unix_ns : last;
		items += owner->n_items;
		buf_printf(buf, "%s{%s}", comma, owner->scope_json);
		comma = ",";
	}
	buf_printf(buf,
	           "],\"items\":%zu,\"firstUnixNano\":\"%" PRIu64
	           "\",\"lastUnixNano\":\"%" PRIu64 "\"}",
	           items, since, last);
}

int
views_resources(struct svc_request *req, const struct store *store)
{
	const char *name = svc_query(req, "service");
	const struct store_service *service;
	const struct store_owner *owner;
	struct buf buf = { 0 };
	size_t n = 0;

	if (!name)
		return svc_reply_text(req, 400, "service: expected the name of one\n");
	buf_puts(&buf, "{\"resources\":[");
	TAILQ_FOREACH (service, store_services(store), all) {
		if (strcmp(service->name, name) != 0)
			continue;
		LIST_FOREACH (owner, &service->owners, of_service) {
			if (is_told(owner, service))
				continue;
			if (n == RESOURCES_MAX)
				break;
			buf_puts(&buf, n++ ? "," : "");
			write_resource(&buf, owner);
		}
	}
	buf_puts(&buf, "]}");
	return views_reply(req, &buf);
}

/* ---- lifecycle ---- */

int
views_lifecycle(struct svc_request *req, const struct store *store)
{
	const char *name = svc_query(req, "service");
	const struct lifecycle_event *event;
	struct buf buf = { 0 };
	const char *comma = "";

	buf_puts(&buf, "{\"events\":[");
	for (unsigned ago = 0; (event = lifecycle_get(store_lifecycle(store), ago));
	     ago++) {
		if (name && *name && strcmp(event->service, name) != 0)
			continue;
		buf_printf(&buf, "%s{\"service\":", comma);
		buf_json_string(&buf, event->service, strlen(event->service));
		buf_printf(&buf, ",\"arrivedUnixNano\":\"%" PRIu64 "\",\"record\":%s}",
		           event->arrived_unix_ns, event->record_json);
		comma = ",";
	}
	buf_puts(&buf, "]}");
	return views_reply(req, &buf);
}
