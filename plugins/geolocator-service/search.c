/* SPDX-License-Identifier: Apache-2.0 */
#include "search.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <cupola/url.h>

#define MAX_URL 4096
/* Its usage policy allows one request a second at most: https://operations.osmfoundation.org/policies/nominatim/ */
#define PUBLIC_HOST "nominatim.openstreetmap.org"

int64_t
search_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Whether the URL's host is OpenStreetMap's, with or without a port. */
static bool
is_public(const char *url)
{
	const char *host = strstr(url, "://");

	if (!host)
		return false;
	host += 3;
	return strncasecmp(host, PUBLIC_HOST, strlen(PUBLIC_HOST)) == 0 &&
	       strchr(":/?", host[strlen(PUBLIC_HOST)]);
}

int
search_init(struct search *s, const struct svc_host *host, struct otel_error *err)
{
	double per_second = svc_config_number(host, "rate_limit");

	if (!(per_second >= 0) || svc_config_int(host, "queue") < 0)
		return otel_error_set(err, -EINVAL,
		                      "rate_limit and queue cannot be negative");
	*s = (struct search){ .host = host,
		              .url = svc_config(host, "search_url"),
		              .user_agent = svc_config(host, "user_agent"),
		              .language = svc_config(host, "language"),
		              .timeout_ms = (int)svc_config_int(host, "timeout"),
		              .max_waiting = (int)svc_config_int(host, "queue") };
	if (is_public(s->url) && !(per_second > 0 && per_second < 1))
		per_second = 1;
	if (per_second > 0)
		s->spacing_ms = (int64_t)ceil(1000 / per_second);
	/* The generation before this one may have asked a moment ago. */
	s->next_ms = search_now_ms() + s->spacing_ms;
	return 0;
}

/* Waits for this request's turn: 0, -EBUSY or -ECANCELED. A turn that is not used is lost. */
static int
wait_for_turn(struct search *s)
{
	int64_t now = search_now_ms(), wait = s->next_ms - now;
	int r;

	if (s->spacing_ms == 0)
		return 0;
	if (wait <= 0) {
		s->next_ms = now + s->spacing_ms;
		return 0;
	}
	if (s->waiting >= s->max_waiting)
		return -EBUSY;
	s->next_ms += s->spacing_ms;
	s->waiting++;
	r = svc_sleep(s->host, (int)wait);
	s->waiting--;
	return r;
}

static bool
number(const json_t *json, double bound, double *out)
{
	const char *text = json_string_value(json);
	char *end;

	if (text) {
		if (!*text || text[strspn(text, "+-.0123456789eE")] != '\0')
			return false;
		*out = strtod(text, &end);
		if (*end != '\0')
			return false;
	} else if (json_is_number(json)) {
		*out = json_number_value(json);
	} else {
		return false;
	}
	return fabs(*out) <= bound;
}

int
search_parse(const char *text, size_t len, struct location *out)
{
	json_t *root = json_loadb(text, len, 0, NULL);
	const json_t *first = json_array_get(root, 0);
	struct location at = { .exists = first != NULL };
	bool ok = json_is_array(root);

	if (first)
		ok = number(json_object_get(first, "lat"), 90, &at.latitude) &&
		     number(json_object_get(first, "lon"), 180, &at.longitude);
	json_decref(root);
	if (!ok)
		return -EBADMSG;
	*out = at;
	return 0;
}

int
search_place(struct search *s, const char *place, struct location *out, int *status)
{
	struct svc_header headers[] = { { "User-Agent", s->user_agent },
		                        { "Accept-Language", s->language },
		                        { "Accept", "application/json" } };
	char url[MAX_URL];
	struct svc_call call = { .url = url,
		                 .headers = headers,
		                 .n_headers = sizeof headers / sizeof headers[0],
		                 .timeout_ms = s->timeout_ms };
	int r = wait_for_turn(s);

	if (status)
		*status = 0;
	if (r < 0)
		return r;
	if (svc_url(url, sizeof url, s->url) < 0 ||
	    svc_url_add(url, sizeof url, "q", place) < 0 ||
	    svc_url_add(url, sizeof url, "format", "jsonv2") < 0 ||
	    svc_url_add(url, sizeof url, "limit", "1") < 0)
		return -EBADMSG;
	SVC_RESPONSE(rsp, svc_http(s->host, &call));
	if (status)
		*status = rsp->status;
	if (rsp->error == -ETIMEDOUT || rsp->error == -ECANCELED)
		return rsp->error;
	if (rsp->status != 200)
		return -EBADMSG;
	return search_parse(rsp->body, rsp->len, out);
}
