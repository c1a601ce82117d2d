/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geolocator-service/search.h - asking a search service in the shape of Nominatim's.
 *
 * Requests are spaced out where the service demands it (one a second at OpenStreetMap's public one);
 * those that would wait too long are turned away. For one thread, as the service is.
 */
#ifndef GEOLOCATOR_SEARCH_H
#define GEOLOCATOR_SEARCH_H

#include <stdint.h>

#include "cache.h"
#include <cupola/service.h>

struct search {
	const struct svc_host *host;
	const char *url, *user_agent, *language; /* borrowed */
	int timeout_ms;
	int64_t spacing_ms; /* from one request to the next; 0: as they come */
	int max_waiting;
	int waiting;
	int64_t next_ms; /* when the next one may go */
};

/* Reads the settings search_url, user_agent, language, timeout, rate_limit and queue. 0, or -errno with *err. */
int search_init(struct search *search, const struct svc_host *host,
                struct otel_error *err);

/*
 * Asks for one place. 0 and *out, which may say that there is none; -ETIMEDOUT; -EBUSY when too many are
 * waiting; -ECANCELED; -EBADMSG for anything else that is no answer. *status, unless NULL, is that of the
 * HTTP answer; 0: there was none. [fiber]
 */
int search_place(struct search *search, const char *place, struct location *out,
                 int *status);

/* Reads the first result of an answer. 0 and *out, or -EBADMSG. */
int search_parse(const char *text, size_t len, struct location *out);

/* Milliseconds of a clock that only goes forward. */
int64_t search_now_ms(void);

#endif
