/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exchange as its owner sees it: strings, memory, and calls that are checked here and done by
 * the protocol.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http-priv.h"

#define ARENA_BLOCK 16384

struct http_arena_block {
	struct http_arena_block *next;
	size_t used, size;
	char data[] __attribute__((aligned(16)));
};

const struct http_refusal http_no_memory = { 503, "there is no memory for this request" };
const struct http_refusal http_too_large = { 413,
	                                     "the body of the request is too large" };

/* ---- memory ---- */

static void *
arena_alloc(struct http_arena *arena, size_t size)
{
	struct http_arena_block *block = arena->blocks;

	if (size > SIZE_MAX - ARENA_BLOCK)
		return NULL;
	size = (size + 15) & ~(size_t)15;
	if (sizeof arena->first - arena->used >= size) {
		arena->used += size;
		return arena->first + arena->used - size;
	}
	if (!block || block->size - block->used < size) {
		size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;

		block = malloc(sizeof *block + room);
		if (!block)
			return NULL;
		block->next = arena->blocks;
		block->used = 0;
		block->size = room;
		arena->blocks = block;
	}
	block->used += size;
	return block->data + block->used - size;
}

void
http_arena_reset(struct http_arena *arena)
{
	while (arena->blocks) {
		struct http_arena_block *block = arena->blocks;

		arena->blocks = block->next;
		free(block);
	}
	arena->used = 0;
}

void *
http_exchange_alloc(struct http_exchange *x, size_t size)
{
	return arena_alloc(&http_slot_of(x)->arena, size);
}

char *
http_slot_strndup(struct http_slot *slot, const char *text, size_t len)
{
	char *copy = arena_alloc(&slot->arena, len + 1);

	if (copy) {
		memcpy(copy, text, len);
		copy[len] = '\0';
	}
	return copy;
}

int
http_slot_reserve(struct http_slot *slot, size_t len, size_t more)
{
	size_t size = slot->body_size ? slot->body_size : 4096, need;
	char *body;

	if (__builtin_add_overflow(len, more, &need) || need > SIZE_MAX / 4)
		return -ENOMEM;
	if (need + 1 <= slot->body_size)
		return 0;
	while (size < need + 1)
		size *= 2;
	body = realloc(slot->body, size);
	if (!body)
		return -ENOMEM;
	slot->body = body;
	slot->body_size = size;
	return 0;
}

int
http_slot_set_uri(struct http_slot *slot, const struct http_target *uri,
                  struct http_refusal *no)
{
	struct http_exchange *x = &slot->x;
	char *path = arena_alloc(&slot->arena, uri->path_len + 1);

	if (!path)
		return -ENOMEM;
	if (uri->is_plain) {
		memcpy(path, uri->path, uri->path_len);
		path[uri->path_len] = '\0';
	} else if (http_path_decode(path, uri->path, uri->path_len, no) < 0) {
		return -EBADMSG;
	}
	x->path = path;
	x->query = uri->query_len ? uri->query : ""; /* it ends where the target ends */
	return 0;
}

/* ---- who and whether ---- */

/* By hand, since every request may ask and inet_ntop takes its time. */
static void
v4_format(char *to, const uint8_t bytes[4])
{
	for (int i = 0; i < 4; i++) {
		unsigned n = bytes[i];

		if (n >= 100)
			*to++ = (char)('0' + n / 100);
		if (n >= 10)
			*to++ = (char)('0' + n / 10 % 10);
		*to++ = (char)('0' + n % 10);
		*to++ = i < 3 ? '.' : '\0';
	}
}

static void
slot_name_peer(struct http_slot *slot)
{
	static const uint8_t mapped[12] = {
		[10] = 0xff, [11] = 0xff
	}; /* ::ffff:1.2.3.4 */
	const struct http_conn *conn = slot->conn;
	char *text = NULL;

	slot->peer_port = conn->peer_port;
	slot->peer = "";
	if (conn->peer_family == AF_INET || conn->peer_family == AF_INET6)
		text = arena_alloc(&slot->arena, INET6_ADDRSTRLEN);
	if (!text)
		return;
	if (conn->peer_family == AF_INET)
		v4_format(text, conn->peer.v4);
	else if (memcmp(conn->peer.v6, mapped, sizeof mapped) == 0)
		v4_format(text, conn->peer.v6 + 12);
	else if (!inet_ntop(AF_INET6, &conn->peer, text, INET6_ADDRSTRLEN))
		return;
	slot->peer = text;
}

const char *
http_exchange_peer(struct http_exchange *x)
{
	struct http_slot *slot = http_slot_of(x);

	if (!slot->peer)
		slot_name_peer(slot);
	return slot->peer;
}

int
http_exchange_peer_port(const struct http_exchange *x)
{
	const struct http_slot *slot = (const struct http_slot *)x;

	return slot->conn ? slot->conn->peer_port : slot->peer_port;
}

const char *
http_exchange_field(const struct http_exchange *x, const char *name, size_t i)
{
	return http_field_find(x->fields, x->n_fields, name, i);
}

bool
http_exchange_is_gone(const struct http_exchange *x)
{
	return ((const struct http_slot *)x)->conn == NULL;
}

bool
http_exchange_is_replied(const struct http_exchange *x)
{
	return ((const struct http_slot *)x)->is_begun;
}

void
http_slot_detach(struct http_slot *slot)
{
	struct http_conn *conn = slot->conn;

	if (!slot->peer)
		slot_name_peer(slot);
	if (conn->slot == slot) {
		conn->slot = NULL;
		slot->in = conn->in;
		conn->in = NULL;
	}
	slot->conn = NULL;
}

void
http_slot_gone(struct http_slot *slot, int why)
{
	struct http_server *server = slot->x.server;

	if (slot->is_ended)
		return;
	if (why == -ECONNRESET)
		server->counters.gone++;
	server->ops->on_gone(&slot->x, why);
}

/* ---- replies ---- */

enum http_role
http_field_role(const char *name)
{
	static const struct {
		const char *name;
		enum http_role role;
	} roles[] = {
		{ "Connection", HTTP_ROLE_CONNECTION },
		{ "Content-Length", HTTP_ROLE_FRAMING },
		{ "Date", HTTP_ROLE_DATE },
		{ "Keep-Alive", HTTP_ROLE_FRAMING },
		{ "Proxy-Connection", HTTP_ROLE_FRAMING },
		{ "Server", HTTP_ROLE_SERVER },
		{ "Transfer-Encoding", HTTP_ROLE_FRAMING },
		{ "Upgrade", HTTP_ROLE_FRAMING },
	};

	/* Most names begin otherwise, and this is asked for each line of each reply. */
	if (!strchr("CcDdKkPpSsTtUu", *name))
		return HTTP_ROLE_PLAIN;
	for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
		if (strcasecmp(name, roles[i].name) == 0)
			return roles[i].role;
	return HTTP_ROLE_PLAIN;
}

bool
http_status_has_body(int status)
{
	return status != 204 && status != 304;
}

static int
reply_begin(struct http_slot *slot, int status, const struct http_field *fields, size_t n,
            const void *body, size_t len, bool is_whole)
{
	if (!slot->conn)
		return -ECANCELED;
	if (slot->is_begun)
		return -EALREADY;
	if (status < 200 || status > 999)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (!http_field_is_valid(&fields[i]))
			return -EINVAL;
	slot->is_begun = true;
	slot->is_bodyless = slot->is_head || !http_status_has_body(status);
	slot->status = status;
	return slot->proto->begin(slot, status, fields, n, body, len, is_whole);
}

int
http_reply(struct http_exchange *x, int status, const struct http_field *fields, size_t n,
           const void *body, size_t len)
{
	return reply_begin(http_slot_of(x), status, fields, n, body, len, true);
}

int
http_reply_busy(struct http_exchange *x, int retry_after_s, const char *text)
{
	char seconds[16];
	const struct http_field fields[] = { { "Content-Type",
		                               "text/plain; charset=utf-8" },
		                             { "Retry-After", seconds } };

	snprintf(seconds, sizeof seconds, "%d", retry_after_s);
	return http_reply(x, 503, fields, 2, text, strlen(text));
}

int
http_reply_begin(struct http_exchange *x, int status, const struct http_field *fields,
                 size_t n)
{
	return reply_begin(http_slot_of(x), status, fields, n, NULL, 0, false);
}

/* What must hold before a piece of a reply. */
static int
reply_check_open(const struct http_slot *slot)
{
	if (!slot->conn)
		return -ECANCELED;
	if (!slot->is_begun)
		return -EINVAL;
	return slot->is_ended ? -EALREADY : 0;
}

long
http_reply_write(struct http_exchange *x, const void *data, size_t len)
{
	struct http_slot *slot = http_slot_of(x);
	int r = reply_check_open(slot);

	if (r < 0)
		return r;
	if (len == 0 || slot->is_bodyless)
		return (long)len;
	return slot->proto->write(slot, data, len);
}

int
http_reply_trailer(struct http_exchange *x, const char *name, const char *value)
{
	struct http_slot *slot = http_slot_of(x);
	struct http_field field = { name, value };
	int r = reply_check_open(slot);

	if (r < 0)
		return r;
	if (!http_field_is_valid(&field) || http_field_role(name) == HTTP_ROLE_FRAMING)
		return -EINVAL;
	if (slot->n_reply_trailers == HTTP_MAX_TRAILERS)
		return -ENOMEM;
	if (!slot->reply_trailers)
		slot->reply_trailers = arena_alloc(&slot->arena,
		                                   HTTP_MAX_TRAILERS * sizeof field);
	field.name = http_slot_strndup(slot, name, strlen(name));
	field.value = http_slot_strndup(slot, value, strlen(value));
	if (!slot->reply_trailers || !field.name || !field.value)
		return -ENOMEM;
	slot->reply_trailers[slot->n_reply_trailers++] = field;
	return 0;
}

int
http_reply_end(struct http_exchange *x)
{
	struct http_slot *slot = http_slot_of(x);
	int r = reply_check_open(slot);

	if (r < 0)
		return r;
	slot->is_ended = true;
	return slot->proto->end(slot);
}

long
http_read(struct http_exchange *x, void *buf, size_t size)
{
	struct http_slot *slot = http_slot_of(x);

	if (!slot->conn)
		return -ECANCELED;
	if (!slot->is_streamed)
		return -EINVAL;
	return size ? slot->proto->read(slot, buf, size) : -EINVAL;
}

void
http_exchange_done(struct http_exchange *x)
{
	static const struct http_field type = { "Content-Type",
		                                "text/plain; charset=utf-8" };
	static const char text[] = "the service gave no answer\n";
	struct http_slot *slot = http_slot_of(x);
	struct http_server *server = x->server;

	if (slot->conn && !slot->is_begun)
		(void)http_reply(x, 500, &type, 1, text, sizeof text - 1);
	if (slot->conn)
		slot->proto->done(slot);
	http_slot_put(server, slot);
	http_server_exchange_done(server);
}
