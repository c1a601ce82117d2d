/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cupola/url.h - building the addresses that a service asks.
 *
 *	char url[2048];
 *
 *	if (svc_url(url, sizeof url, base) < 0 || svc_url_add(url, sizeof url, "location", text) < 0)
 *		return svc_reply_text(req, 414, "that is too long\n");
 */
#ifndef CUPOLA_URL_H
#define CUPOLA_URL_H

#include <errno.h>
#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Begins with a copy of `base`. 0, or -ENAMETOOLONG when `size` is too small. [any] */
static inline int
svc_url(char *url, size_t size, const char *base)
{
	size_t len = strlen(base);

	if (len >= size)
		return -ENAMETOOLONG;
	memcpy(url, base, len + 1);
	return 0;
}

/*
 * Adds "name=value" to the query of `url`, everything that RFC 3986 does not leave unreserved
 * percent-encoded. 0, or -ENAMETOOLONG when it does not fit; `url` is then as it was. [any]
 */
static inline int
svc_url_add(char *url, size_t size, const char *name, const char *value)
{
	static const char unreserved[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	static const char hex[] = "0123456789ABCDEF";
	size_t start = strlen(url), n = start;
	char before = strchr(url, '?') ? '&' : '?';
	const char *const parts[] = { name, "=", value };

	if (n + 1 >= size)
		return -ENAMETOOLONG;
	url[n++] = before;
	for (int i = 0; i < 3; i++) {
		for (const char *p = parts[i]; *p; p++) {
			unsigned char c = (unsigned char)*p;

			if (n + 3 >= size) {
				url[start] = '\0';
				return -ENAMETOOLONG;
			}
			if (i == 1 || strchr(unreserved, c)) {
				url[n++] = *p;
			} else {
				url[n++] = '%';
				url[n++] = hex[c >> 4];
				url[n++] = hex[c & 15];
			}
		}
	}
	url[n] = '\0';
	return 0;
}

#ifdef __cplusplus
}
#endif

#endif
