/* SPDX-License-Identifier: Apache-2.0 */
#include "origin.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#define SEPARATORS " ,\t"

/* The host of "host", "host:port" or "[address]:port"; its length in *len. */
static const char *
host_of(const char *authority, size_t *len)
{
	if (*authority == '[') {
		const char *end = strchr(authority, ']');

		*len = end ? (size_t)(end - authority) + 1 : strlen(authority);
	} else {
		*len = strcspn(authority, ":/");
	}
	return authority;
}

static bool
is_name(const char *host, size_t len, const char *name)
{
	return strlen(name) == len && !strncasecmp(host, name, len);
}

static bool
ends_with(const char *host, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len > n && !strncasecmp(host + len - n, end, n);
}

/* An address cannot be pointed elsewhere by a name's owner. */
static bool
is_address(const char *host, size_t len)
{
	return len && (*host == '[' || strspn(host, "0123456789.") >= len);
}

static bool
is_listed(const char *text, size_t len, const char *list)
{
	while (*(list += strspn(list, SEPARATORS))) {
		size_t n = strcspn(list, SEPARATORS);

		if (n == len && !strncasecmp(list, text, n))
			return true;
		list += n;
	}
	return false;
}

bool
web_host_is_ours(struct svc_request *req, const char *names)
{
	const char *header = svc_header(req, "host"), *host;
	char own[256] = "";
	size_t len;

	if (!header)
		return true;
	host = host_of(header, &len);
	if (is_address(host, len) || is_name(host, len, "localhost") ||
	    ends_with(host, len, ".localhost") || is_listed(host, len, names))
		return true;
	return gethostname(own, sizeof own - 1) == 0 && is_name(host, len, own);
}

bool
web_is_same_origin(struct svc_request *req)
{
	const char *site = svc_header(req, "sec-fetch-site"),
		   *origin = svc_header(req, "origin"), *host = svc_header(req, "host"),
		   *authority;

	if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
		return false;
	if (!origin)
		return true;
	authority = strstr(origin, "://");
	return authority && host && !strcasecmp(authority + 3, host);
}

bool
web_origin_is_allowed(const char *origin, const char *origins)
{
	const char *authority = strstr(origin, "://"), *host;
	size_t len;

	if (is_listed("*", 1, origins) || is_listed(origin, strlen(origin), origins))
		return true;
	if (!authority)
		return false;
	host = host_of(authority + 3, &len);
	return is_name(host, len, "localhost") || ends_with(host, len, ".localhost") ||
	       is_name(host, len, "127.0.0.1") || is_name(host, len, "[::1]");
}
