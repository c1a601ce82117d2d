/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web/origin.h - who may ask, when what asks is a browser that shows somebody else's page.
 *
 * A service on 127.0.0.1 is reached by every page that the browser shows. What such a page may not read
 * it must not be able to change either, and a name that its owner points at 127.0.0.1 (DNS rebinding)
 * makes it no page of ours.
 */
#ifndef WEB_ORIGIN_H
#define WEB_ORIGIN_H

#include <cupola/service.h>

/*
 * Whether the Host header names this machine: an address, localhost, a name below it, this machine's
 * own name, or one of `names` (separated by spaces or commas). Without a Host header: yes.
 */
bool web_host_is_ours(struct svc_request *req, const char *names);
/* Whether a page of this service itself asks, or no page at all (curl, say). */
bool web_is_same_origin(struct svc_request *req);
/* Whether `origin` is a page of this machine ("http://localhost:3000") or one of `origins`, or that is "*". */
bool web_origin_is_allowed(const char *origin, const char *origins);

#endif
