/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iss-distance-service/geodesic.h - how far apart two places are, on the WGS-84 ellipsoid.
 */
#ifndef ISS_GEODESIC_H
#define ISS_GEODESIC_H

#include "coordinates.h"

/*
 * The length of the shortest path over the ground from `a` to `b`, in kilometres, to a micrometre or so,
 * antipodes included. Latitudes are in [-90, 90]; longitudes may be any finite degrees. [any]
 */
double geodesic_km(const struct coordinates *a, const struct coordinates *b);

#endif
