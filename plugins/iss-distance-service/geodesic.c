/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inverse problem of geodesy, after C. F. F. Karney, "Algorithms for geodesics", J. Geodesy 87 (2013).
 *
 * On the auxiliary sphere of reduced latitudes a geodesic is a great circle. Its longitude on the
 * ellipsoid and its length are integrals along that circle:
 *
 *	lambda = omega - f sin(alpha0) Int (2 - f) / (1 + (1 - f) sqrt(1 + k^2 sin^2 sigma)) dsigma
 *	s      = b Int sqrt(1 + k^2 sin^2 sigma) dsigma
 *
 * So one looks for the azimuth at the first point for which the great circle, where it meets the second
 * latitude, has come to the second longitude. With the first point the southern and the one farther from
 * the equator, that longitude grows with the azimuth from 0 to 180 degrees: there is one root, between
 * known bounds, and a bracketing search finds it for every pair. (Vincenty's iteration, which most
 * programs use, does not converge for nearly antipodal points.) Karney expands the integrals in series;
 * here they are summed by Gauss's rule, exact to rounding for integrands this smooth.
 */
#include "geodesic.h"

#include <math.h>
#include <stddef.h>

#define WGS84_A_KM       6378.137
#define WGS84_FLATTENING (1 / 298.257223563)

static const double f = WGS84_FLATTENING;
static const double b_km = WGS84_A_KM * (1 - WGS84_FLATTENING);
/* Square of the second eccentricity. */
static const double ep2 = WGS84_FLATTENING * (2 - WGS84_FLATTENING) /
                          ((1 - WGS84_FLATTENING) * (1 - WGS84_FLATTENING));

/* Two latitudes on the auxiliary sphere, the first one south and at least as far from the equator. */
struct pair {
	double sin1, cos1, sin2, cos2;
	double lambda; /* longitude between them, 0 to pi */
};

/* What a geodesic that leaves the first point at some azimuth does until it meets the second latitude. */
struct arc {
	double sigma1,
		sigma2; /* along the great circle, from where it crosses the equator northward */
	double omega12;    /* longitude gained on the sphere */
	double sin_alpha0; /* azimuth at that crossing */
	double k2;
};

static double
longitude_term(double u)
{
	return (2 - f) / (1 + (1 - f) * u);
}

static double
length_term(double u)
{
	return u;
}

/* Integrates term(sqrt(1 + k^2 sin^2 sigma)) over the arc: Gauss-Legendre, 16 points. */
static double
integral(const struct arc *arc, double (*term)(double u))
{
	static const struct {
		double node, weight;
	} gauss[] = {
		{ 0.095012509837637441, 0.1894506104550685 },
		{ 0.28160355077925892, 0.18260341504492358 },
		{ 0.45801677765722737, 0.16915651939500254 },
		{ 0.61787624440264377, 0.14959598881657674 },
		{ 0.755404408355003, 0.12462897125553388 },
		{ 0.86563120238783176, 0.095158511682492786 },
		{ 0.9445750230732326, 0.062253523938647894 },
		{ 0.98940093499164994, 0.027152459411754096 },
	};
	double middle = (arc->sigma1 + arc->sigma2) / 2,
	       half = (arc->sigma2 - arc->sigma1) / 2;
	double sum = 0;

	for (size_t i = 0; i < sizeof gauss / sizeof gauss[0]; i++) {
		double left = sin(middle - half * gauss[i].node);
		double right = sin(middle + half * gauss[i].node);

		sum += gauss[i].weight * (term(sqrt(1 + arc->k2 * left * left)) +
		                          term(sqrt(1 + arc->k2 * right * right)));
	}
	return sum * half;
}

/* Follows the geodesic with azimuth alpha1 (its sine and cosine) at the first point. */
static struct arc
follow(const struct pair *p, double sin_alpha1, double cos_alpha1)
{
	struct arc arc;
	double across = cos_alpha1 * p->cos1;
	/* Clairaut: sin(alpha) cos(beta) is the same at both; the difference of squares is factored to keep digits. */
	double along = sqrt(
		fmax(0, across * across + (p->sin1 - p->sin2) * (p->sin1 + p->sin2)));
	double cos2_alpha0;

	arc.sin_alpha0 = sin_alpha1 * p->cos1;
	cos2_alpha0 = across * across + p->sin1 * p->sin1;
	arc.k2 = ep2 * cos2_alpha0;
	arc.sigma1 = atan2(p->sin1, across);
	arc.sigma2 = atan2(p->sin2, along);
	arc.omega12 = atan2(arc.sin_alpha0 * p->sin2, along) -
	              atan2(arc.sin_alpha0 * p->sin1, across);
	return arc;
}

/* How far past the second longitude that geodesic ends, in radians; gamma is alpha1 less 90 degrees. */
static double
overshoot(const struct pair *p, double gamma)
{
	struct arc arc = follow(p, cos(gamma), -sin(gamma));

	return arc.omega12 - f * arc.sin_alpha0 * integral(&arc, longitude_term) -
	       p->lambda;
}

/* Where the azimuth is known to lie. The overshoot grows with gamma: below zero at low, above at high. */
struct bracket {
	double low, high;
	double at_low, at_high;
};

static void
narrow(struct bracket *in, double gamma, double overshot)
{
	if (overshot <= 0 && gamma > in->low) {
		in->low = gamma;
		in->at_low = overshot;
	}
	if (overshot >= 0 && gamma < in->high) {
		in->high = gamma;
		in->at_high = overshot;
	}
}

/*
 * The azimuth, less 90 degrees, of the geodesic that joins the pair. Less 90 degrees, because near the
 * equator all azimuths are so close to it that a double could not tell them apart otherwise. Ridders'
 * method: false position with the curvature taken out; each step halves the bracket at the least.
 */
static double
solve(const struct pair *p)
{
	struct bracket in = { -M_PI_2, M_PI_2, overshoot(p, -M_PI_2),
		              overshoot(p, M_PI_2) };
	double gamma = 0;

	for (int i = 0; i < 200 && nextafter(in.low, in.high) < in.high; i++) {
		double middle = in.low + (in.high - in.low) / 2;
		double at_middle = overshoot(p, middle);
		double root = sqrt(at_middle * at_middle - in.at_low * in.at_high);
		double at_gamma;

		gamma = root > 0 ? middle - (middle - in.low) * at_middle / -root
		                 : middle;
		if (!(gamma > in.low && gamma < in.high))
			gamma = middle;
		at_gamma = overshoot(p, gamma);
		if (fabs(at_gamma) < 1e-15)
			break;
		narrow(&in, middle, at_middle);
		narrow(&in, gamma, at_gamma);
	}
	return gamma;
}

/* tan(beta) = (1 - f) tan(latitude), without going through the tangent of 90 degrees. */
static void
reduce(double latitude, double *sine, double *cosine)
{
	double y = (1 - f) * sin(latitude), x = fmax(0, cos(latitude));
	double length = hypot(y, x);

	*sine = y / length;
	*cosine = fabs(latitude) == M_PI_2 ? 0 : x / length;
}

/* The same pair up to symmetry: mirrored at the equator or exchanged, the distance stays. */
static struct pair
arranged(const struct coordinates *a, const struct coordinates *b)
{
	static const double radians = M_PI / 180;
	const struct coordinates *first = a, *second = b;
	struct pair p;
	double latitude1, latitude2;

	if (fabs(b->latitude) > fabs(a->latitude)) {
		first = b;
		second = a;
	}
	latitude1 = -fabs(first->latitude) * radians;
	latitude2 = (first->latitude > 0 ? -second->latitude : second->latitude) *
	            radians;
	/* Both on the equator: a hair south of it (60 nanometres), so that azimuths there have a meaning. */
	if (latitude1 > -1e-14)
		latitude1 = -1e-14;
	reduce(latitude1, &p.sin1, &p.cos1);
	reduce(latitude2, &p.sin2, &p.cos2);
	p.lambda = fabs(remainder(b->longitude - a->longitude, 360)) * radians;
	return p;
}

double
geodesic_km(const struct coordinates *a, const struct coordinates *b)
{
	struct pair p = arranged(a, b);
	struct arc arc;

	if (p.cos1 == 0 || p.lambda == 0 || p.lambda == M_PI) {
		/* Along a meridian, over the pole where that is between. */
		arc = follow(&p, 0, p.lambda == M_PI && p.cos1 > 0 ? -1 : 1);
	} else {
		double gamma = solve(&p);

		arc = follow(&p, cos(gamma), -sin(gamma));
	}
	return fmax(0, b_km * integral(&arc, length_term));
}
