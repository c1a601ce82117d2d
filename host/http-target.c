/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets and authorities. A path is decoded first and resolved then, so that no way of writing
 * ".." leads past those who look at it.
 */
#include <errno.h>
#include <string.h>

#include "http-parse.h"

bool
http_authority_is_valid(const char *text, size_t len)
{
	const char *end = text + len, *port = NULL;

	if (len == 0 || http_span(text, len, HTTP_HOST) != len)
		return false;
	if (*text == '[') {
		const char *close = memchr(text, ']', len);

		if (!close || close == text + 1)
			return false;
		for (const char *p = text + 1; p < close; p++)
			if (!strchr("0123456789abcdefABCDEF:.", *p))
				return false;
		if (close + 1 < end && close[1] != ':')
			return false;
		port = close + 1 < end ? close + 2 : end;
	} else {
		const char *colon = memchr(text, ':', len);

		if (colon == text || memchr(text, '[', len) || memchr(text, ']', len))
			return false;
		port = colon ? colon + 1 : end;
	}
	for (; port < end; port++)
		if (*port < '0' || *port > '9')
			return false;
	return true;
}

/* Splits at the query and sees whether the path is what it looks like. */
static void
target_split(struct http_target *uri, const char *path, size_t len)
{
	const char *mark = memchr(path, '?', len);

	uri->path = path;
	uri->path_len = mark ? (size_t)(mark - path) : len;
	uri->query = mark ? mark + 1 : path + len;
	uri->query_len = mark ? len - uri->path_len - 1 : 0;
	uri->is_plain = !memchr(path, '%', uri->path_len);
	for (size_t i = 1; i < uri->path_len && uri->is_plain; i++)
		uri->is_plain = path[i] != '.' || path[i - 1] != '/';
}

/* "http://host/path": RFC 9112 section 3.2.2 has servers accept it. */
static int
target_parse_absolute(struct http_target *uri, const char *method, const char *target,
                      size_t len, struct http_refusal *no)
{
	const char *end = target + len, *colon = memchr(target, ':', len), *path;
	size_t scheme = colon ? (size_t)(colon - target) : 0;

	if (!(http_is_named(target, scheme, "http") ||
	      http_is_named(target, scheme, "https")) ||
	    len - scheme < 3 || memcmp(colon, "://", 3) != 0)
		return http_refuse(
			no, 400, "the request target is neither a path nor an http URL");
	uri->authority = colon + 3;
	for (path = uri->authority; path < end && *path != '/' && *path != '?';)
		path++;
	uri->authority_len = (size_t)(path - uri->authority);
	if (!http_authority_is_valid(uri->authority, uri->authority_len))
		return http_refuse(no, 400,
		                   "the host in the request target is not valid");
	target_split(uri, path, (size_t)(end - path));
	if (uri->path_len == 0) { /* "/" is meant, or "*" by section 3.2.4 */
		uri->path = strcmp(method, "OPTIONS") == 0 && uri->query_len == 0 ? "*"
		                                                                  : "/";
		uri->path_len = 1;
	}
	return 0;
}

int
http_target_parse(struct http_target *uri, const char *method, const char *target,
                  size_t len, struct http_refusal *no)
{
	*uri = (struct http_target){ 0 };
	if (http_span(target, len, HTTP_TARGET) != len)
		return http_refuse(
			no, 400,
			"the request target has a character that it may not have");
	if (strcmp(method, "CONNECT") == 0)
		return http_refuse(no, 501, "CONNECT is not served here");
	if (len == 1 && *target == '*') {
		if (strcmp(method, "OPTIONS") != 0)
			return http_refuse(no, 400,
			                   "only OPTIONS may have * as its target");
		target_split(uri, target, len);
		return 0;
	}
	if (len == 0 || *target != '/')
		return target_parse_absolute(uri, method, target, len, no);
	target_split(uri, target, len);
	return 0;
}

/* Removes "." and ".." in place. The length, or -1 when it leads above the root. */
static long
path_resolve(char *path, size_t len)
{
	size_t to = 0;

	for (size_t from = 0, end; from < len; from = end) {
		const char *next = memchr(path + from + 1, '/', len - from - 1);
		size_t n;

		end = next ? (size_t)(next - path) : len;
		n = end - from - 1;
		if (n == 2 && path[from + 1] == '.' && path[from + 2] == '.') {
			if (to == 0)
				return -1;
			while (path[--to] != '/')
				;
		} else if (n != 1 || path[from + 1] != '.') {
			memmove(path + to, path + from, n + 1);
			to += n + 1;
			continue;
		}
		if (end == len)
			path[to++] = '/';
	}
	return (long)to;
}

long
http_path_decode(char *out, const char *path, size_t len, struct http_refusal *no)
{
	size_t n = 0;
	long r;

	for (size_t i = 0; i < len; i++) {
		char c = path[i];

		if (c == '%') {
			int high = i + 2 < len ? http_hex_digit(path[i + 1]) : -1;
			int low = i + 2 < len ? http_hex_digit(path[i + 2]) : -1;

			if (high < 0 || low < 0)
				return http_refuse(
					no, 400,
					"a % in the path is not followed by two hex digits");
			c = (char)(high << 4 | low);
			if (c == '\0')
				return http_refuse(no, 400, "%00 may not be in a path");
			i += 2;
		}
		out[n++] = c;
	}
	if (n > 0 && out[0] == '/') {
		r = path_resolve(out, n);
		if (r < 0)
			return http_refuse(no, 400, "the path leads above the root");
		n = (size_t)r;
	}
	out[n] = '\0';
	return (long)n;
}
