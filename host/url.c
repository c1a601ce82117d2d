/* SPDX-License-Identifier: Apache-2.0 */
/* What has to be hidden is what the HTTP conventions list under url.full and url.query. */
#include "url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void
host_authority_split(const char *authority, const char **host, size_t *len, int *port)
{
	const char *end, *colon;

	*port = 0;
	if (authority[0] == '[') {
		end = strchr(authority, ']');
		*host = authority + 1;
		*len = end ? (size_t)(end - authority - 1) : strlen(authority + 1);
		colon = end && end[1] == ':' ? end + 1 : NULL;
	} else {
		colon = strrchr(authority, ':');
		*host = authority;
		*len = colon ? (size_t)(colon - authority) : strlen(authority);
	}
	if (colon)
		*port = atoi(colon + 1);
}

bool
host_url_parse(const char *text, struct host_url *out)
{
	const char *at, *end, *user, *colon;

	if (!text)
		return false;
	if (strncasecmp(text, "http://", 7) == 0) {
		*out = (struct host_url){ .scheme = "http", .port = 80 };
		at = text + 7;
	} else if (strncasecmp(text, "https://", 8) == 0) {
		*out = (struct host_url){ .scheme = "https", .port = 443 };
		at = text + 8;
	} else {
		return false;
	}
	end = at + strcspn(at, "/?#");
	user = memrchr(at, '@', (size_t)(end - at));
	if (user) {
		out->userinfo = at;
		out->userinfo_len = (size_t)(user - at);
		at = user + 1;
	}
	if (*at == '[') {
		const char *close = memchr(at, ']', (size_t)(end - at));

		if (!close)
			return false;
		out->host = at + 1;
		out->host_len = (size_t)(close - at - 1);
		colon = close + 1 < end && close[1] == ':' ? close + 1 : NULL;
	} else {
		colon = memchr(at, ':', (size_t)(end - at));
		out->host = at;
		out->host_len = (size_t)((colon ? colon : end) - at);
	}
	if (colon && colon + 1 < end)
		out->port = atoi(colon + 1);
	out->rest = end;
	return out->host_len > 0;
}

static bool
is_secret(const char *name, size_t len)
{
	static const char *const secrets[] = { "AWSAccessKeyId", "Signature", "sig",
		                               "X-Goog-Signature" };

	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
		if (strlen(secrets[i]) == len && memcmp(secrets[i], name, len) == 0)
			return true;
	return false;
}

static size_t
put(char *buf, size_t size, size_t at, const char *text, size_t len)
{
	if (at + len >= size)
		len = size - 1 - at;
	memcpy(buf + at, text, len);
	buf[at + len] = '\0';
	return at + len;
}

size_t
host_query_redact(const char *query, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	while (*query && *query != '#') {
		size_t len = strcspn(query, "&#");
		const char *equals = memchr(query, '=', len);

		if (equals && is_secret(query, (size_t)(equals - query))) {
			at = put(buf, size, at, query, (size_t)(equals - query) + 1);
			at = put(buf, size, at, "REDACTED", 8);
		} else {
			at = put(buf, size, at, query, len);
		}
		query += len;
		if (*query == '&') {
			at = put(buf, size, at, "&", 1);
			query++;
		}
	}
	return at;
}

size_t
host_url_redact(const char *text, const struct host_url *url, char *buf, size_t size)
{
	const char *authority = url->userinfo ? url->userinfo : strstr(text, "://") + 3;
	size_t path = strcspn(url->rest, "?#");
	size_t at = put(buf, size, 0, text, (size_t)(authority - text));

	if (url->userinfo) {
		bool password = memchr(url->userinfo, ':', url->userinfo_len) != NULL;

		at = put(buf, size, at, "REDACTED:REDACTED", password ? 17 : 8);
		authority += url->userinfo_len;
	}
	at = put(buf, size, at, authority, (size_t)(url->rest - authority) + path);
	if (url->rest[path] == '?') {
		at = put(buf, size, at, "?", 1);
		at += host_query_redact(url->rest + path + 1, buf + at, size - at);
	}
	return at;
}
