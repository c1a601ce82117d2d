/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frontend/api.h - what the page asks for besides distances: the live map and suggestions.
 *
 * Both come from data on this machine and ask no other service, so that what a page does on its own
 * never shows among the traces of what a person asked for (`untraced` in host.conf).
 */
#ifndef FRONTEND_API_H
#define FRONTEND_API_H

#include "gazetteer.h"
#include "satellite.h"
#include <cupola/service.h>

/*
 * GET /api/iss[?at=UNIX][&track=no]
 *	{"timestamp": s, "latitude": n, "longitude": n, "altitude_km": n, "simulated": true,
 *	 "elements": {"name": "ISS (ZARYA)", "epoch": "2026-08-25T15:51:11.984Z", "age_days": n},
 *	 "period_s": n, "track": {"past": [[s, latitude, longitude], ...], "ahead": [...]}}
 * past is one orbit up to now, oldest first; ahead is one from now on; both hold the present point.
 */
int api_iss(struct svc_request *req, const struct satellite *iss);

/*
 * GET /api/suggest?q=darm[&limit=8]
 *	{"suggestions": [{"name": "Darmstadt", "label": "Darmstadt, Hesse, Germany", "latitude": n,
 *	  "longitude": n, "population": n}, ...]}
 * The label, given to /api/distance as location, finds that place.
 */
int api_suggest(struct svc_request *req, const struct gazetteer *places);

#endif
