/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geolocator-service/cache.h - what the search said of places, for a while.
 *
 * Bounded: the place asked for least recently goes first. For one thread, as the service is.
 */
#ifndef GEOLOCATOR_CACHE_H
#define GEOLOCATOR_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What there is to know of a place: that it is nowhere, or where it is. */
struct location {
	bool exists;
	double latitude, longitude; /* degrees; 0 when it does not exist */
};

struct cache;

/* An owned cache of at most `max` places, NULL without memory. With 0 it keeps nothing. */
struct cache *cache_new(size_t max);
void cache_free(struct cache *cache); /* NULL is fine */

/* Finds what was put under `key` and is not older than it may get at `now_ms`. */
bool cache_get(struct cache *cache, const char *key, int64_t now_ms,
               struct location *out);

/* Keeps it until `until_ms`, in place of what was there. Without memory it is not kept. */
void cache_put(struct cache *cache, const char *key, int64_t until_ms,
               const struct location *location);

#endif
