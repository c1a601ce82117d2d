/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/http-priv.h - what the files of the HTTP server share. [loop]
 *
 *   http-server.c    listeners, accepting, deadlines, drain
 *   http-pool.c      buffers and exchanges between two uses
 *   http-conn.c      one connection: bytes in and out, which events are armed
 *   http-exchange.c  the owner's calls, checked and passed on by struct http_proto
 *   http-h1.c        HTTP/1.1 over http-parse.h: what clients say
 *   http-h1-reply.c  and what they are told
 *   http-h2*.c       HTTP/2 over nghttp2: the connection, its streams, what clients say
 *
 * A connection that waits for a request is struct http_conn and nothing else: buffers and
 * exchanges are lent to it from pools while there is something to hold.
 *
 * When a client leaves, its exchanges are detached (slot->conn is NULL) and the connection ends
 * at once; an exchange ends with http_exchange_done. Code that calls back holds the connection by
 * http_conn_enter, since callbacks may end it.
 */
#ifndef HOST_HTTP_PRIV_H
#define HOST_HTTP_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "http-parse.h"
#include "http-server.h"

#define HTTP_OUT_SIZE \
	16384 /* of a pooled output buffer, and of what one stream may hold */
#define HTTP_OUT_FULL     65536 /* bytes that wait for a client before writers wait too */
#define HTTP_IN_EXTRA     16384 /* room for bodies beside the longest head */
#define HTTP_ARENA_INLINE 4096
#define HTTP_BODY_KEEP    65536 /* body buffers up to this stay with their pooled exchange */
#define HTTP_MAX_TRAILERS 32
#define HTTP_TRAILER_SIZE 8192

/* What a connection or an h2 stream waits for; each has its deadline. */
enum http_wait {
	HTTP_WAIT_NONE, /* in no list */
	HTTP_WAIT_OWNER, /* has no deadline here; the list lets the server find its connections */
	HTTP_WAIT_IDLE,
	HTTP_WAIT_HEAD,
	HTTP_WAIT_BODY,
	HTTP_WAIT_WRITE,
	HTTP_WAIT_LINGER,
	HTTP_WAIT_STREAM_BODY, /* in struct http_slot, as the next */
	HTTP_WAIT_STREAM_WRITE,
	HTTP_WAITS
};

/*
 * Deadlines of one kind are all equally long, so a list per kind, appended to, is sorted, and one
 * coarse tick looks at the heads of the lists.
 */
struct http_timer {
	TAILQ_ENTRY(http_timer) link;
	uint64_t since_ms;
	enum http_wait wait;
};
TAILQ_HEAD(http_timers, http_timer);

struct http_arena {
	struct http_arena_block *blocks; /* beyond the first */
	size_t used;
	char first[HTTP_ARENA_INLINE] __attribute__((aligned(16)));
};

/* Input of an HTTP/1 connection, and how far its current request has been read. */
struct http_in {
	struct http_in *next; /* in the pool */
	size_t size;
	size_t mark;       /* what is before it is lent to the exchange */
	size_t start, end; /* what has come and is not taken yet */
	size_t seen;       /* of a head that is not complete */
	enum http_framing framing;
	struct http_chunked chunked;
	uint64_t left;   /* of the body: HTTP_LENGTH */
	bool is_awaited; /* the client waits for 100 Continue */
	bool ends;       /* the client said that nothing follows */
	char *patched;   /* holds a NUL in place of `saved` */
	char saved;
	char data[]; /* size + 1 */
};

struct http_out {
	struct http_out *next; /* in the pool */
	size_t start, end, size;
	char *data;
};

/* An exchange with what only the server sees. Pooled. */
struct http_slot {
	struct http_exchange x; /* first: http_slot_of() */
	struct http_conn *conn; /* NULL: gone */
	struct http_slot *next; /* in the pool */
	const struct http_proto *proto;
	struct http_in *in; /* once gone: what its strings point into */
	const char *peer;
	int peer_port;
	int status; /* of the reply */
	bool is_head, is_streamed, is_begun, is_ended, is_chunked, is_bodyless,
		is_shown /* the owner knows it: h2 */;
	bool told_ready, wants_room;

	char *body; /* own buffer, when the body did not lie in the input whole */
	size_t body_size;
	struct http_field *trailers; /* received; HTTP_MAX_TRAILERS, from the arena */
	struct http_field *reply_trailers; /* the same, to be sent */
	size_t n_reply_trailers;

	struct http_stream *stream; /* h2 */

	struct http_arena arena;
	struct http_field fields[]; /* max_fields */
};

enum http_state {
	HTTP_HEAD,        /* of the next request */
	HTTP_BODY,        /* being collected */
	HTTP_STREAMED,    /* being read by the owner */
	HTTP_OWNED,       /* complete; the reply is awaited */
	HTTP_MULTIPLEXED, /* HTTP/2 */
	HTTP_SKIP,        /* the reply is out, the rest of the body is not wanted */
	HTTP_FLUSH,       /* no request follows; closed when all is written */
	HTTP_LINGER, /* the same, but reading on so that a reset does not overtake the last answer */
	HTTP_DEAD /* closed; waits for http_conn_leave */
};

struct http_conn {
	struct event event;
	struct http_timer timer;
	TAILQ_ENTRY(http_conn) kick; /* in server->kicked */
	struct http_server *server;
	struct http_listener *listener;
	struct http_in *in;
	struct http_out *out;
	struct http_slot *slot; /* HTTP/1: the one exchange */
	struct http_h2 *h2;
	union {
		uint8_t v4[4], v6[16];
	} peer;
	uint32_t skip; /* HTTP_SKIP: bytes of a body */
	uint16_t peer_port;
	uint8_t peer_family;
	uint8_t state; /* enum http_state */
	uint8_t armed; /* EV_* */
	uint8_t entered;
	bool is_kicked;
	bool is_blocked;    /* the client takes no more: EV_WRITE will tell */
	bool is_fresh;      /* no request yet: it may turn out to be h2 */
	bool is_keep_alive; /* after the current request */
	bool has_eof;       /* the client sends no more */
	bool is_shut;       /* nor do we */
	bool has_moved;     /* so that the deadline begins anew */
};

struct http_listener {
	SLIST_ENTRY(http_listener) link;
	struct http_server *server;
	struct event *event; /* NULL once drained */
	void *owner;
	size_t max_body;
	char label[];
};

struct http_server {
	struct event_base *base;
	const struct http_ops *ops;
	struct http_limits limits;
	struct http_counters counters;
	SLIST_HEAD(, http_listener) listeners;
	struct http_timers waits[HTTP_WAITS];
	uint32_t wait_ms[HTTP_WAITS]; /* 0: for ever */
	struct event *tick, *kick;
	TAILQ_HEAD(http_conns, http_conn) kicked;
	struct http_in *ins;
	struct http_out *outs;
	struct http_slot *slots;
	unsigned n_ins, n_outs, n_slots;
	uint64_t now_ms;
	int64_t date_s;
	size_t date_len;
	char date[64]; /* "Date: ...\r\n" */
	bool is_ticking, is_draining, is_paused;
	bool is_freed; /* but for the exchanges that their owners still hold */
	void (*drained)(void *arg);
	void *drained_arg;
};

/* What a protocol does for the owner's calls; slot->conn is there, arguments are checked. */
struct http_proto {
	int (*begin)(struct http_slot *slot, int status, const struct http_field *fields,
	             size_t n, const void *body, size_t len, bool is_whole);
	long (*write)(struct http_slot *slot, const void *data, size_t len);
	int (*end)(struct http_slot *slot);
	long (*read)(struct http_slot *slot, void *buf, size_t size);
	/* The slot is its own afterwards, to be put back by the caller. */
	void (*done)(struct http_slot *slot);
};
extern const struct http_proto http_h1, http_h2;

static inline struct http_slot *
http_slot_of(struct http_exchange *x)
{
	return (struct http_slot *)x;
}

/* ---- http-server.c ---- */

void http_server_update_time(struct http_server *server);
void http_server_wait(struct http_server *server, struct http_timer *timer,
                      enum http_wait wait);
void http_server_check_drained(struct http_server *server);
void http_server_exchange_done(struct http_server *server);
const char *http_server_date(struct http_server *server, size_t *len);

/* ---- http-pool.c ---- */

/* get: NULL without memory; put: NULL is fine. */
struct http_in *http_in_get(struct http_server *server);
void http_in_put(struct http_server *server, struct http_in *in);
struct http_out *http_out_get(struct http_server *server);
void http_out_put(struct http_server *server, struct http_out *out);
struct http_slot *http_slot_get(struct http_server *server);
void http_slot_put(struct http_server *server, struct http_slot *slot);
void http_pools_free(struct http_server *server);

/* ---- http-conn.c ---- */

/* Takes fd. is_full: to be told so and closed. -ENOMEM. */
int http_conn_new(struct http_listener *listener, int fd, const struct sockaddr *peer,
                  bool is_full);
void http_conn_enter(struct http_conn *conn);
/* Writes what was queued, arms what is to be waited for; the connection may be gone afterwards. */
void http_conn_leave(struct http_conn *conn);
/*
 * Queues data; outside of http_conn_enter it is written at once with all that is queued. Failing
 * it returns -ECANCELED or -ENOMEM, and the connection is closed, its HTTP/1 exchange detached.
 */
int http_conn_write(struct http_conn *conn, const void *data, size_t len);
/* Writes the queue as far as the client takes it; fails as write does. */
int http_conn_flush(struct http_conn *conn);
/* The two halves of it, which leave failing to the caller. 0, -ECANCELED, -ENOMEM. */
int http_conn_queue(struct http_conn *conn, const void *data, size_t len);
int http_conn_send(struct http_conn *conn, const void *data, size_t len);
/* After input was taken: reads on. */
void http_conn_rearm(struct http_conn *conn);
/*
 * Room for len bytes at the queue's end, to be counted by adding to conn->out->end. NULL without
 * memory.
 */
char *http_conn_reserve(struct http_conn *conn, size_t len);
size_t http_conn_queued(const struct http_conn *conn);
/* Has http_conn_kicked called by the loop. */
void http_conn_kick(struct http_conn *conn);
void http_conn_kicked(struct http_conn *conn);
/* Closes without a word to the owner; `reset`: so that the client sees an answer cut off. */
void http_conn_close(struct http_conn *conn, bool reset);
/* Closes and tells the owner of each exchange; within http_conn_enter. */
void http_conn_lost(struct http_conn *conn, int why);
void http_conn_expired(struct http_conn *conn, enum http_wait wait);
void http_conn_drain(struct http_conn *conn);

/* ---- http-exchange.c ---- */

extern const struct http_refusal http_no_memory, http_too_large;

/* Separates an exchange from its connection, whose input it keeps. */
void http_slot_detach(struct http_slot *slot);
/* Tells the owner that it is over; the slot may be pooled afterwards. */
void http_slot_gone(struct http_slot *slot, int why);
/* Room for `more` bytes and a NUL after len in the own body buffer. -ENOMEM. */
int http_slot_reserve(struct http_slot *slot, size_t len, size_t more);
/* Fills in target, path and query. -EBADMSG, -ENOMEM. */
int http_slot_set_uri(struct http_slot *slot, const struct http_target *uri,
                      struct http_refusal *no);
char *http_slot_strndup(struct http_slot *slot, const char *text, size_t len);
void http_arena_reset(struct http_arena *arena);

/* How replies treat a line that their owner gave. */
enum http_role {
	HTTP_ROLE_PLAIN,
	HTTP_ROLE_FRAMING,
	HTTP_ROLE_CONNECTION,
	HTTP_ROLE_DATE,
	HTTP_ROLE_SERVER
};
enum http_role http_field_role(const char *name);
bool http_status_has_body(int status); /* and so a length */

/* ---- http-h1-reply.c ---- */

/* Counts a refusal by its status and names it for on_gone. */
int http_refusal_count(struct http_counters *counters, int status);
void http_h1_write_refusal(struct http_conn *conn, const struct http_refusal *no);
/* As in struct http_proto. */
int http_h1_begin(struct http_slot *slot, int status, const struct http_field *fields,
                  size_t n, const void *body, size_t len, bool is_whole);
long http_h1_write(struct http_slot *slot, const void *data, size_t len);
int http_h1_end(struct http_slot *slot);
/* The rest of the body that a reply given early leaves unread can be skipped. */
bool http_h1_can_skip(const struct http_in *in);

/* ---- http-h1.c, http-h2.c ---- */

/* Bytes that were read to where conn->in or http_h1_direct said. */
void http_h1_input(struct http_conn *conn, size_t len);
/* A long body of known length is read straight into its buffer. */
bool http_h1_reads_direct(const struct http_conn *conn);
char *http_h1_direct(struct http_conn *conn, size_t *room);
/* Serves what has come, as far as it goes. */
void http_h1_run(struct http_conn *conn);
/* Answers, tells the exchange's owner if there is one, and closes. */
void http_h1_refuse(struct http_conn *conn, const struct http_refusal *no);

/*
 * Turns a connection that began with the preface into one of h2; its input is taken over.
 * -ENOMEM.
 */
int http_h2_start(struct http_conn *conn);
void http_h2_input(struct http_conn *conn, const void *data, size_t len);
/* Sends what nghttp2 has, tells owners what has happened. */
void http_h2_run(struct http_conn *conn);
void http_h2_drain(struct http_conn *conn);
void http_h2_free(struct http_conn *conn);
enum http_wait http_h2_wanted_wait(const struct http_conn *conn);
void http_h2_lost(struct http_conn *conn, int why);
void http_h2_expired(struct http_server *server, struct http_timer *timer,
                     enum http_wait wait);

#endif
