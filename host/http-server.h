/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/http-server.h - HTTP/1.1 and HTTP/2 (prior knowledge) on one event loop.
 *
 * A server owns listeners and connections. Each request is an exchange: the server fills it in
 * and tells its owner through struct http_ops; the owner replies, then calls http_exchange_done,
 * whatever happened to the connection meanwhile. Until then the exchange, its strings and its
 * arena stay valid.
 *
 *   on_head ──► (body arrives) ──► on_ready ──► http_reply ──► http_exchange_done
 *      │                              ▲   │
 *      └─ HTTP_STREAM: on_ready at once   └─ http_reply_begin, _write..., _trailer, _end
 *
 * Rules. Everything is [loop], on the thread of the server's event_base. No callback is ever
 * called from within a call of the owner's: not on_gone from a write that fails, not the next
 * pipelined request from http_exchange_done. A callback may reply and finish at once; replies
 * made inside callbacks are written together when the batch of requests that was read has been
 * served, so start handlers right in on_ready. on_gone comes at most once, never after
 * http_exchange_done, and never after a call returned -ECANCELED, which says the same.
 *
 * Errors. -ECANCELED: the client has gone, nothing can be told it. -EALREADY: a reply was made
 * already. -EINVAL: what was given is not HTTP (a CR, LF, NUL or control character in a header, a
 * bad name, a status out of range). -EAGAIN: wait for on_writable or on_body. -ENOMEM.
 */
#ifndef HOST_HTTP_SERVER_H
#define HOST_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http-field.h"
#include <otel/error.h>

struct event_base;
struct http_server;
struct http_listener;

struct http_exchange {
	struct http_server *server;
	struct http_listener *listener;
	void *user; /* the owner's, NULL at on_head */

	const char *method; /* "GET" */
	const char *target; /* as it came: "/a%20b?x=1" */
	const char *path;   /* decoded and normalised: "/a b"; "*" for OPTIONS * */
	const char *query;  /* as it came, after the '?'; "" when there is none */
	const char *
		host; /* authority: the Host line, :authority, or that of an absolute target; "" in 1.0 */
	int version; /* 10, 11 or 20 */

	/* In order. h2 names are lower case as on the wire; pseudo-headers are not among them. */
	const struct http_field *fields;
	size_t n_fields;
	/* After the body's end. */
	const struct http_field *trailers;
	size_t n_trailers;

	/* Complete at on_ready unless streamed; followed by a NUL that is not counted. */
	const char *body;
	size_t len;
	/* on_head may change it: the listener's, at first. Past it the server answers 413. */
	size_t max_body;
};

enum http_body {
	HTTP_BUFFER, /* on_ready comes with the whole body */
	HTTP_STREAM /* on_ready comes at once; http_read() as on_body tells. max_body still counts. */
};

struct http_ops {
	/*
	 * The head is there and correct; the body is not. The place for admission: reply and
	 * finish at once (x is gone then and the return value ignored), or say how the body shall
	 * come. Expect: 100-continue is answered after this. NULL: HTTP_BUFFER.
	 */
	enum http_body (*on_head)(struct http_exchange *x);
	/* Start working. */
	void (*on_ready)(struct http_exchange *x);
	/*
	 * Streamed: there is something to http_read(): bytes, or the end. May be NULL where
	 * nothing streams.
	 */
	void (*on_body)(struct http_exchange *x);
	/* After -EAGAIN from http_reply_write: there is room again. */
	void (*on_writable)(struct http_exchange *x);
	/*
	 * The exchange is over before its reply was: -ECONNRESET the client left (closing its
	 * half is taken for that), -ETIMEDOUT it was too slow, -EBADMSG or -EMSGSIZE its body was
	 * refused, -ENOMEM. It may come before on_ready, which then never comes. Replying is
	 * -ECANCELED; http_exchange_done is still due.
	 */
	void (*on_gone)(struct http_exchange *x, int why);
	/* A client began with TLS, which is refused: https:// where http:// is meant. May be NULL. */
	void (*on_tls)(struct http_listener *listener);
};

/* Zeroed members mean the default in brackets. */
struct http_limits {
	uint32_t max_connections; /* [10000] beyond: 503 and closed */
	uint32_t max_head;        /* bytes of a head [16384], beyond: 431 */
	uint32_t max_target;      /* bytes [8192], beyond: 414 */
	uint32_t max_fields;      /* header lines [100], beyond: 431 */
	uint32_t max_streams;     /* concurrent h2 streams of a connection [100] */
	uint32_t head_ms;   /* a head's first byte to its end [10000], beyond: 408 */
	uint32_t body_ms;   /* head to body's end; streamed: between pieces [30000] */
	uint32_t idle_ms;   /* between requests [75000] */
	uint32_t write_ms;  /* no byte of an answer taken by the client [30000] */
	uint32_t linger_ms; /* reading on after the last answer before closing [2000] */
};

/* Read as you like, [loop]; for other threads copy. Monotonic, except where said. */
struct http_counters {
	uint64_t accepted;        /* connections */
	uint64_t active;          /* connections now */
	uint64_t exchanges;       /* exchanges now */
	uint64_t requests;        /* heads that reached on_head */
	uint64_t requests_h2;     /* of them by h2 */
	uint64_t refused_framing; /* 400, 417, 501, 505 */
	uint64_t refused_head;    /* 414, 431 */
	uint64_t refused_body;    /* 413 */
	uint64_t refused_slow;    /* 408 and stalls: head, body, write */
	uint64_t refused_full;    /* over max_connections */
	uint64_t gone;            /* clients that left before their answer */
	uint64_t bytes_in, bytes_out;
};

struct http_listen {
	int fd;            /* listening; taken, made non-blocking and close-on-exec */
	const char *label; /* copied; NULL: "" */
	size_t max_body;   /* 0: 1 MiB */
	void *owner;       /* http_listener_owner() */
};

/* ---- the server ---- */

/* `ops` is borrowed for the server's life. 0 and an owned *out, or -ENOMEM. */
OTEL_MUST_USE int http_server_new(struct event_base *base, const struct http_ops *ops,
                                  const struct http_limits *limits,
                                  struct http_server **out);

/* Starts to accept. *out lives as long as the server and may be NULL. Takes fd, on failure too. */
OTEL_MUST_USE int http_server_listen(struct http_server *server,
                                     const struct http_listen *listen,
                                     struct http_listener **out, struct otel_error *err);

/*
 * Stops to accept (the listening fds are closed), answers what comes with Connection: close (h2:
 * GOAWAY), closes connections that were quiet for quiet_ms, and calls done(arg) when none is
 * left; from the loop, never from within this call.
 */
void http_server_drain(struct http_server *server, uint32_t quiet_ms,
                       void (*done)(void *arg), void *arg);

/*
 * Cuts all connections and calls on_gone for the exchanges that live. What memory these need
 * stays until their http_exchange_done. NULL is fine.
 */
void http_server_free(struct http_server *server);

const struct http_counters *http_server_counters(const struct http_server *server);

/* Accepts no more, and closes the socket; connections that came by it live on. Again is fine. */
void http_listener_close(struct http_listener *listener);
const char *http_listener_label(const struct http_listener *listener);
void *http_listener_owner(const struct http_listener *listener);
void http_listener_set_max_body(struct http_listener *listener, size_t max_body);

/* ---- an exchange ---- */

/* Borrows the i-th line of that name, in any case; NULL when there is none. */
const char *http_exchange_field(const struct http_exchange *x, const char *name,
                                size_t i);

/*
 * Borrows the client's address, "127.0.0.1", "::1", "" for a unix socket; made at the first call.
 */
const char *http_exchange_peer(struct http_exchange *x);
int http_exchange_peer_port(const struct http_exchange *x);

/* Memory that lives until http_exchange_done, aligned for anything; NULL without memory. */
void *http_exchange_alloc(struct http_exchange *x, size_t size);

/* The client has left or been refused: replies are -ECANCELED. */
bool http_exchange_is_gone(const struct http_exchange *x);

/*
 * Streamed bodies: moves the next bytes into buf. How many, 0 at the end (trailers are there
 * then), -EAGAIN when none are there yet (on_body follows), -ECANCELED.
 */
long http_read(struct http_exchange *x, void *buf, size_t size);

/*
 * The whole answer. Date, Server, Content-Length and Connection are added; in `fields` a Date or
 * Server replaces ours, framing lines (Content-Length, Transfer-Encoding, Keep-Alive, Upgrade)
 * are left out, `Connection: close` is honoured. HEAD, 204 and 304 have no body, whatever is
 * given. All is copied.
 */
int http_reply(struct http_exchange *x, int status, const struct http_field *fields,
               size_t n, const void *body, size_t len);

/* text/plain with Retry-After: past a bound. Finishes nothing. */
int http_reply_busy(struct http_exchange *x, int retry_after_s, const char *text);

/* The answer in pieces: chunked in 1.1, up to the close in 1.0, DATA in h2. */
int http_reply_begin(struct http_exchange *x, int status, const struct http_field *fields,
                     size_t n);

/*
 * Takes some or all of it: how many bytes (never 0 unless len is 0), -EAGAIN (on_writable
 * follows), or an error.
 */
long http_reply_write(struct http_exchange *x, const void *data, size_t len);

/* Adds a trailer line, sent by end. Left out where the protocol has none (HTTP/1.0). */
int http_reply_trailer(struct http_exchange *x, const char *name, const char *value);

int http_reply_end(struct http_exchange *x);

/* A reply was begun or made. */
bool http_exchange_is_replied(const struct http_exchange *x);

/*
 * The owner's last word, due exactly once for each exchange that on_head or on_ready has shown.
 * Without a reply the client gets a 500; one begun and not ended is cut off so that the client
 * can tell.
 */
void http_exchange_done(struct http_exchange *x);

#endif
