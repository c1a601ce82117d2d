/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/store-owner.h - resources, scopes and services, each kept once. For store.c alone.
 */
#ifndef STATION_STORE_OWNER_H
#define STATION_STORE_OWNER_H

#include "otlp.h"
#include "store.h"

#define OWNER_BUCKETS 4096u /* powers of two */

struct owners {
	LIST_HEAD(, store_owner) buckets[OWNER_BUCKETS];
	LIST_HEAD(, store_service) by_name[OWNER_BUCKETS];
	struct store_services services;
	uint64_t n_ever, n_services_ever;
	size_t *bytes; /* borrowed: where memory is accounted for */
};

/* What a block costs: the allocator rounds up, and keeps a word of its own beside it. */
size_t store_cost(const void *block);

void owners_init(struct owners *owners, size_t *bytes);
/* Finds or makes the owner of what came with this resource and scope; NULL without memory. */
struct store_owner *owners_get(struct owners *owners, const otlp_resource *resource,
                               const char *resource_url, const otlp_scope *scope,
                               const char *scope_url);
/* Frees it when it has no items, and its service with the last owner. */
void owners_drop_if_unused(struct owners *owners, struct store_owner *owner);
/* Where the service's requests are counted; NULL without memory. */
struct activity *owners_activity(struct owners *owners, struct store_service *service);

#endif
