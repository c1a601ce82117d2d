/* SPDX-License-Identifier: Apache-2.0 */
#include "store-owner.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "activity.h"
#include "buf.h"
#include "otlp-json.h"

#define HASH_START 0xcbf29ce484222325u

size_t
store_cost(const void *block)
{
	return malloc_usable_size((void *)(uintptr_t)block) + sizeof(size_t);
}

static uint64_t
hash_bytes(const char *bytes, size_t len, uint64_t hash)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)bytes[i]) * 0x100000001b3u; /* FNV-1a */
	return hash;
}

void
owners_init(struct owners *owners, size_t *bytes)
{
	TAILQ_INIT(&owners->services);
	owners->bytes = bytes;
}

/* ---- services ---- */

/* The attribute's text; NULL when there is none. */
static const char *
string_of(const otlp_resource *resource, const char *key)
{
	for (size_t i = 0; resource && i < resource->n_attributes; i++) {
		const otlp_key_value *kv = resource->attributes[i];

		if (!strcmp(kv->key, key) && kv->value &&
		    kv->value->value_case ==
		            OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE)
			return kv->value->string_value;
	}
	return NULL;
}

static struct store_service *
service_get(struct owners *owners, const char *name)
{
	size_t bucket = hash_bytes(name, strlen(name), HASH_START) & (OWNER_BUCKETS - 1);
	struct store_service *service;

	LIST_FOREACH (service, &owners->by_name[bucket], bucket)
		if (!strcmp(service->name, name))
			return service;
	service = calloc(1, sizeof *service);
	if (!service)
		return NULL;
	service->name = strdup(name);
	if (!service->name) {
		free(service);
		return NULL;
	}
	service->bit = (unsigned)(owners->n_services_ever++ % 64);
	*owners->bytes += store_cost(service) + store_cost(service->name);
	LIST_INSERT_HEAD(&owners->by_name[bucket], service, bucket);
	TAILQ_INSERT_TAIL(&owners->services, service, all);
	return service;
}

static void
service_drop_if_unused(struct owners *owners, struct store_service *service)
{
	if (service->n_owners)
		return;
	LIST_REMOVE(service, bucket);
	TAILQ_REMOVE(&owners->services, service, all);
	*owners->bytes -= store_cost(service) + store_cost(service->name);
	if (service->activity)
		*owners->bytes -= store_cost(service->activity);
	free(service->activity);
	free(service->name);
	free(service);
}

struct activity *
owners_activity(struct owners *owners, struct store_service *service)
{
	if (!service->activity) {
		service->activity = calloc(1, sizeof *service->activity);
		if (service->activity)
			*owners->bytes += store_cost(service->activity);
	}
	return service->activity;
}

/* ---- owners ---- */

static void
write_part(struct buf *buf, const char *name, const ProtobufCMessage *message,
           const char *schema_url)
{
	buf_printf(buf, "\"%s\":", name);
	if (message)
		otlp_json_write(buf, message);
	else
		buf_puts(buf, "{}");
	if (schema_url && *schema_url) {
		buf_puts(buf, ",\"schemaUrl\":");
		buf_json_string(buf, schema_url, strlen(schema_url));
	}
}

static size_t
owner_cost(const struct store_owner *owner)
{
	return store_cost(owner) + store_cost(owner->resource_json) +
	       store_cost(owner->scope_json) + store_cost(owner->about_json);
}

static void
write_about(struct buf *buf, const otlp_resource *resource)
{
	static const char *const keys[] = {
		"service.version",       "service.namespace",
		"service.instance.id",   "deployment.environment.name",
		"telemetry.sdk.name",    "telemetry.sdk.version",
		"telemetry.sdk.language"
	};
	const char *comma = "";

	buf_puts(buf, "{");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *text = string_of(resource, keys[i]);

		if (!text)
			continue;
		buf_printf(buf, "%s\"%s\":", comma, keys[i]);
		buf_json_string(buf, text, strlen(text));
		comma = ",";
	}
	buf_puts(buf, "}");
}

/* Takes the three texts when it succeeds. */
static struct store_owner *
owner_new(struct owners *owners, const char *service, struct buf *resource,
          struct buf *scope, struct buf *about, uint64_t hash)
{
	struct store_owner *owner = calloc(1, sizeof *owner);

	if (!owner)
		return NULL;
	owner->service = service_get(owners, service);
	if (!owner->service) {
		free(owner);
		return NULL;
	}
	owner->service->n_owners++;
	owner->hash = hash;
	owner->serial = ++owners->n_ever;
	owner->resource_json = resource->data;
	owner->scope_json = scope->data;
	owner->about_json = about->data;
	resource->data = scope->data = about->data = NULL;
	*owners->bytes += owner_cost(owner);
	LIST_INSERT_HEAD(&owners->buckets[hash & (OWNER_BUCKETS - 1)], owner, bucket);
	LIST_INSERT_HEAD(&owner->service->owners, owner, of_service);
	return owner;
}

struct store_owner *
owners_get(struct owners *owners, const otlp_resource *resource, const char *resource_url,
           const otlp_scope *scope, const char *scope_url)
{
	struct buf r = { 0 }, s = { 0 }, about = { 0 };
	struct store_owner *owner = NULL;
	const char *name;
	uint64_t hash;

	write_part(&r, "resource", resource ? &resource->base : NULL, resource_url);
	write_part(&s, "scope", scope ? &scope->base : NULL, scope_url);
	if (r.failed || s.failed)
		goto out;
	hash = hash_bytes(s.data, s.len, hash_bytes(r.data, r.len, HASH_START));
	LIST_FOREACH (owner, &owners->buckets[hash & (OWNER_BUCKETS - 1)], bucket)
		if (owner->hash == hash && !strcmp(owner->resource_json, r.data) &&
		    !strcmp(owner->scope_json, s.data))
			goto out;
	write_about(&about, resource);
	name = string_of(resource, "service.name");
	if (!about.failed)
		owner = owner_new(owners, name ? name : "", &r, &s, &about, hash);
out:
	buf_fini(&about);
	buf_fini(&r);
	buf_fini(&s);
	return owner;
}

void
owners_drop_if_unused(struct owners *owners, struct store_owner *owner)
{
	if (owner->n_items)
		return;
	LIST_REMOVE(owner, bucket);
	LIST_REMOVE(owner, of_service);
	*owners->bytes -= owner_cost(owner);
	owner->service->n_owners--;
	service_drop_if_unused(owners, owner->service);
	free(owner->resource_json);
	free(owner->scope_json);
	free(owner->about_json);
	free(owner);
}
