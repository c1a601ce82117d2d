/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/http-parse.h - HTTP/1 requests out of bytes, strictly (RFC 9112).
 *
 * Does no I/O and allocates nothing: results point into the caller's buffer, where delimiters
 * become NULs. What two implementations might read differently is refused, since that is how
 * requests are smuggled: both Content-Length and Transfer-Encoding, a space before the colon,
 * folded lines, numbers that are not plain digits. A bare LF ends a line of a head, as
 * everywhere, but not one of a chunk or trailer.
 *
 * Parsers return how many bytes they took, 0 when they need more, or -EBADMSG with *no telling
 * the answer.
 */
#ifndef HOST_HTTP_PARSE_H
#define HOST_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http-field.h"

/* How to answer what is refused. */
struct http_refusal {
	int status;      /* 400, 414, 417, 431, 501, 505 */
	const char *why; /* a sentence for the client, static */
};

/* Says how to answer; -EBADMSG, so that `return http_refuse(...)` ends a parser. */
int http_refuse(struct http_refusal *no, int status, const char *why);

enum http_framing { HTTP_NO_BODY, HTTP_LENGTH, HTTP_CHUNKED };

/* A target taken apart; not NUL-terminated. */
struct http_target {
	const char *path, *query,
		*authority; /* authority: NULL unless the target is absolute */
	size_t path_len, query_len, authority_len;
	bool is_plain; /* the path needs no http_path_decode */
};

struct http_head {
	/* The caller sets these. */
	struct http_field *fields;
	size_t max_fields, max_head, max_target;
	/* http_head_parse sets these. */
	size_t n_fields;
	const char *method, *target, *host; /* host: NULL in 1.0 without one */
	struct http_target uri;
	uint64_t content_length;
	int version; /* 10 or 11 */
	enum http_framing framing;
	bool keep_alive, expects_continue;
};

/*
 * A head, the empty lines before it included. `seen` is the len of the last call for the same
 * head that returned 0, so that bytes are not looked at twice; mistakes are found at the end of
 * their line.
 */
long http_head_parse(struct http_head *head, char *buf, size_t len, size_t seen,
                     struct http_refusal *no);

/* The target of a request by this method. 0 or -EBADMSG. */
int http_target_parse(struct http_target *uri, const char *method, const char *target,
                      size_t len, struct http_refusal *no);

/*
 * Decodes %XX and resolves "." and ".." into out, which has room for len + 1. Its length;
 * -EBADMSG for bad escapes, %00 and what leads above the root.
 */
long http_path_decode(char *out, const char *path, size_t len, struct http_refusal *no);

/* One "host" or "host:port" without user information. */
bool http_authority_is_valid(const char *text, size_t len);

/* Plain digits that fit. 0 or -EBADMSG. */
int http_number_parse(const char *text, size_t len, uint64_t *out);

/* ---- chunked bodies ---- */

struct http_chunked { /* zeroed at the start */
	uint64_t left;
	uint16_t line; /* bytes of the size line so far */
	uint8_t state;
};

enum http_chunk {
	HTTP_CHUNK_MORE, /* all bytes are taken, more are needed */
	HTTP_CHUNK_DATA, /* *data and *n are the next bytes of the body, n > 0 */
	HTTP_CHUNK_LAST  /* the body is complete; http_trailers_parse goes on at *pos */
};

/* Goes on from *pos, which it moves. An enum http_chunk, or -EBADMSG. */
int http_chunked_next(struct http_chunked *chunked, const char **pos, const char *end,
                      const char **data, size_t *n, struct http_refusal *no);

/*
 * The trailers and the empty line that ends them; more than max_len bytes or *n lines are
 * refused. *n is then how many.
 */
long http_trailers_parse(char *buf, size_t len, size_t max_len, struct http_field *fields,
                         size_t *n, struct http_refusal *no);

#endif
