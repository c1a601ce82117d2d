/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/url.h - the parts of an http or https URL, as telemetry names them. Nothing is copied or decoded.
 */
#ifndef HOST_URL_H
#define HOST_URL_H

#include <stdbool.h>
#include <stddef.h>

struct host_url {
	const char *scheme; /* "http" or "https" */
	const char *host;   /* without brackets; borrowed, not NUL-terminated */
	size_t host_len;
	int port;             /* given, or the scheme's */
	const char *userinfo; /* before the '@'; NULL when there is none */
	size_t userinfo_len;
	const char *rest; /* from the path on */
};

/* False for what is no http(s) URL with a host. */
bool host_url_parse(const char *text, struct host_url *out);

/* host[:port], as in a Host line; *port 0 when there is none. Borrows. */
void host_authority_split(const char *authority, const char **host, size_t *len,
                          int *port);

/*
 * Writes `query` with the values of parameters that are known to be secrets replaced by REDACTED. Returns the
 * length written; cut at size - 1.
 */
size_t host_query_redact(const char *query, char *buf, size_t size);

/* The URL as url.full wants it: no credentials, no secrets in the query, no fragment. */
size_t host_url_redact(const char *text, const struct host_url *url, char *buf,
                       size_t size);

#endif
