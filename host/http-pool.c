/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffers and exchanges, lent to connections while there is something to hold.
 *
 * Pools are stacks, so that a busy server goes on with the few that are warm in the cache, and they
 * keep no more than a batch.
 */
#include <stdlib.h>
#include <string.h>

#include "http-priv.h"

#define POOL_MAX 64

struct http_in *
http_in_get(struct http_server *server)
{
	struct http_in *in = server->ins;
	size_t size = server->limits.max_head + HTTP_IN_EXTRA;

	if (in) {
		server->ins = in->next;
		server->n_ins--;
	} else {
		in = malloc(sizeof *in + size + 1);
		if (!in)
			return NULL;
		in->size = size;
	}
	in->next = NULL;
	in->mark = in->start = in->end = in->seen = 0;
	in->patched = NULL;
	in->left = 0;
	return in;
}

void
http_in_put(struct http_server *server, struct http_in *in)
{
	if (!in)
		return;
	if (server->n_ins == POOL_MAX) {
		free(in);
		return;
	}
	in->next = server->ins;
	server->ins = in;
	server->n_ins++;
}

struct http_out *
http_out_get(struct http_server *server)
{
	struct http_out *out = server->outs;

	if (out) {
		server->outs = out->next;
		server->n_outs--;
	} else {
		out = malloc(sizeof *out);
		if (!out)
			return NULL;
		out->size = HTTP_OUT_SIZE;
		out->data = malloc(out->size);
		if (!out->data) {
			free(out);
			return NULL;
		}
	}
	out->start = out->end = 0;
	return out;
}

void
http_out_put(struct http_server *server, struct http_out *out)
{
	if (!out)
		return;
	if (server->n_outs == POOL_MAX || out->size > HTTP_OUT_FULL + HTTP_OUT_SIZE) {
		free(out->data);
		free(out);
		return;
	}
	out->next = server->outs;
	server->outs = out;
	server->n_outs++;
}

struct http_slot *
http_slot_get(struct http_server *server)
{
	struct http_slot *slot = server->slots;

	if (slot) {
		server->slots = slot->next;
		server->n_slots--;
	} else {
		slot = calloc(1, sizeof *slot + server->limits.max_fields *
		                                        sizeof(struct http_field));
		if (!slot)
			return NULL;
	}
	return slot;
}

/* A pooled slot is all zero but for its body buffer. */
static void
slot_clear(struct http_slot *slot)
{
	char *body = slot->body;
	size_t body_size = slot->body_size;

	if (body_size > HTTP_BODY_KEEP) {
		free(body);
		body = NULL;
		body_size = 0;
	}
	http_arena_reset(&slot->arena);
	memset(slot, 0, offsetof(struct http_slot, arena));
	slot->body = body;
	slot->body_size = body_size;
}

void
http_slot_put(struct http_server *server, struct http_slot *slot)
{
	if (!slot)
		return;
	http_in_put(server, slot->in);
	slot_clear(slot);
	if (server->n_slots == POOL_MAX) {
		free(slot->body);
		free(slot);
		return;
	}
	slot->next = server->slots;
	server->slots = slot;
	server->n_slots++;
}

void
http_pools_free(struct http_server *server)
{
	while (server->ins) {
		struct http_in *in = server->ins;

		server->ins = in->next;
		free(in);
	}
	while (server->outs) {
		struct http_out *out = server->outs;

		server->outs = out->next;
		free(out->data);
		free(out);
	}
	while (server->slots) {
		struct http_slot *slot = server->slots;

		server->slots = slot->next;
		free(slot->body);
		free(slot);
	}
}
