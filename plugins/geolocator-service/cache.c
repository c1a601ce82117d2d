/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table of chains to find by, and a list through all entries in the order of their use to evict
 * by. The table has at least as many chains as there may be entries, and never grows.
 */
#include "cache.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct entry {
	TAILQ_ENTRY(entry) by_use;
	LIST_ENTRY(entry) in_chain;
	int64_t until_ms;
	struct location location;
	char key[];
};

LIST_HEAD(chain, entry);
TAILQ_HEAD(use, entry);

struct cache {
	size_t n, max;
	struct use use; /* the most recent first */
	size_t n_chains;
	struct chain chains[];
};

/* FNV-1a: places are asked for by people, and chains are bounded by `max` in any case. */
static struct chain *
chain_of(struct cache *cache, const char *key)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 0x100000001b3u;
	return &cache->chains[hash % cache->n_chains];
}

static struct entry *
find(struct cache *cache, const char *key)
{
	struct entry *entry;

	LIST_FOREACH (entry, chain_of(cache, key), in_chain)
		if (strcmp(entry->key, key) == 0)
			return entry;
	return NULL;
}

static void
drop(struct cache *cache, struct entry *entry)
{
	TAILQ_REMOVE(&cache->use, entry, by_use);
	LIST_REMOVE(entry, in_chain);
	cache->n--;
	free(entry);
}

struct cache *
cache_new(size_t max)
{
	size_t n_chains = max + 1;
	struct cache *cache = calloc(1,
	                             sizeof *cache + n_chains * sizeof cache->chains[0]);

	if (!cache)
		return NULL;
	cache->max = max;
	cache->n_chains = n_chains;
	TAILQ_INIT(&cache->use);
	return cache;
}

void
cache_free(struct cache *cache)
{
	if (!cache)
		return;
	while (!TAILQ_EMPTY(&cache->use))
		drop(cache, TAILQ_FIRST(&cache->use));
	free(cache);
}

bool
cache_get(struct cache *cache, const char *key, int64_t now_ms, struct location *out)
{
	struct entry *entry = find(cache, key);

	if (!entry)
		return false;
	if (now_ms >= entry->until_ms) {
		drop(cache, entry);
		return false;
	}
	TAILQ_REMOVE(&cache->use, entry, by_use);
	TAILQ_INSERT_HEAD(&cache->use, entry, by_use);
	*out = entry->location;
	return true;
}

void
cache_put(struct cache *cache, const char *key, int64_t until_ms,
          const struct location *location)
{
	struct entry *entry = find(cache, key);

	if (entry)
		drop(cache, entry);
	if (cache->max == 0)
		return;
	entry = malloc(sizeof *entry + strlen(key) + 1);
	if (!entry)
		return;
	strcpy(entry->key, key);
	entry->until_ms = until_ms;
	entry->location = *location;
	if (cache->n == cache->max)
		drop(cache, TAILQ_LAST(&cache->use, use));
	TAILQ_INSERT_HEAD(&cache->use, entry, by_use);
	LIST_INSERT_HEAD(chain_of(cache, key), entry, in_chain);
	cache->n++;
}
