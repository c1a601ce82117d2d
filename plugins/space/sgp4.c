/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The theory in three steps, and the functions below are these: secular rates and drag coefficients,
 * once per element set; mean elements at a time; from them, by long-period terms, Kepler's equation and
 * short-period terms, position and velocity. Lengths are in Earth radii and times in minutes until the
 * last line.
 */
#include "sgp4.h"

#include <errno.h>
#include <math.h>

/* WGS-72 */
#define MU_KM3_S2 398600.8
#define RADIUS_KM 6378.135
#define J2        0.001082616
#define J3        (-0.00000253881)
#define J4        (-0.00000165597)

#define MINUTES_PER_DAY 1440.0

/* Gravity in Earth radii and minutes: the square root of mu. */
static double
gravity(void)
{
	return 60.0 / sqrt(RADIUS_KM * RADIUS_KM * RADIUS_KM / MU_KM3_S2);
}

static double
cube(double x)
{
	return x * x * x;
}

/* The published mean motion is Kozai's; the theory wants Brouwer's. */
static void
recover_mean_motion(struct sgp4 *s)
{
	double ke = gravity(), kozai = s->tle.mean_motion, e = s->tle.eccentricity;
	double ak = pow(ke / kozai, 2.0 / 3.0);
	double rteosq = sqrt(1 - e * e);
	double d1 = 0.75 * J2 * (3 * s->cos_i * s->cos_i - 1) / (rteosq * (1 - e * e));
	double del = d1 / (ak * ak);
	double adel = ak * (1 - del * del - del * (1.0 / 3.0 + 134.0 * del * del / 81.0));

	del = d1 / (adel * adel);
	s->mean_motion = kozai / (1 + del);
	s->semi_major = pow(ke / s->mean_motion, 2.0 / 3.0);
}

/* Height of the atmosphere's density fit, in Earth radii, and its scale; lower where the perigee is low. */
static void
atmosphere(double perigee_km, double *s_height, double *q_minus_s)
{
	double height = 78.0;

	if (perigee_km < 98)
		height = 20;
	else if (perigee_km < 156)
		height = perigee_km - 78;
	*q_minus_s = pow((120 - height) / RADIUS_KM, 4);
	*s_height = height / RADIUS_KM + 1;
}

static void
secular_rates(struct sgp4 *s, double inverse_p2)
{
	double cos2 = s->cos_i * s->cos_i, cos4 = cos2 * cos2;
	double beta = sqrt(1 - s->tle.eccentricity * s->tle.eccentricity);
	double temp1 = 1.5 * J2 * inverse_p2 * s->mean_motion;
	double temp2 = 0.5 * temp1 * J2 * inverse_p2;
	double temp3 = -0.46875 * J4 * inverse_p2 * inverse_p2 * s->mean_motion;

	s->anomaly_rate = s->mean_motion + 0.5 * temp1 * beta * s->x3thm1 +
	                  0.0625 * temp2 * beta * (13 - 78 * cos2 + 137 * cos4);
	s->perigee_rate = -0.5 * temp1 * (1 - 5 * cos2) +
	                  0.0625 * temp2 * (7 - 114 * cos2 + 395 * cos4) +
	                  temp3 * (3 - 36 * cos2 + 49 * cos4);
	s->node_rate = -temp1 * s->cos_i +
	               (0.5 * temp2 * (4 - 19 * cos2) + 2 * temp3 * (3 - 7 * cos2)) *
	                       s->cos_i;
}

/* Powers of time by which drag shrinks the orbit, for perigees that leave room for them. */
static void
higher_drag(struct sgp4 *s, double tsi, double s_height)
{
	double c1_2 = s->c1 * s->c1;
	double temp;

	s->d2 = 4 * s->semi_major * tsi * c1_2;
	temp = s->d2 * tsi * s->c1 / 3;
	s->d3 = (17 * s->semi_major + s_height) * temp;
	s->d4 = 0.5 * temp * s->semi_major * tsi * (221 * s->semi_major + 31 * s_height) *
	        s->c1;
	s->t3 = s->d2 + 2 * c1_2;
	s->t4 = 0.25 * (3 * s->d3 + s->c1 * (12 * s->d2 + 10 * c1_2));
	s->t5 = 0.2 * (3 * s->d4 + 12 * s->c1 * s->d3 + 6 * s->d2 * s->d2 +
	               15 * c1_2 * (2 * s->d2 + c1_2));
}

int
sgp4_init(struct sgp4 *s, const struct tle *tle)
{
	double e = tle->eccentricity, beta2 = 1 - e * e;
	double s_height, q_minus_s, p, inverse_p2, tsi, eta2, e_eta, psi2, coef, coef1,
		c2, c3;

	*s = (struct sgp4){ .tle = *tle,
		            .sin_i = sin(tle->inclination),
		            .cos_i = cos(tle->inclination) };
	s->x3thm1 = 3 * s->cos_i * s->cos_i - 1;
	s->x1mth2 = 1 - s->cos_i * s->cos_i;
	s->x7thm1 = 7 * s->cos_i * s->cos_i - 1;
	recover_mean_motion(s);
	if (2 * M_PI / s->mean_motion >= 225)
		return -EDOM;

	p = s->semi_major * beta2;
	inverse_p2 = 1 / (p * p);
	s->simple = s->semi_major * (1 - e) < 220 / RADIUS_KM + 1;
	atmosphere((s->semi_major * (1 - e) - 1) * RADIUS_KM, &s_height, &q_minus_s);

	tsi = 1 / (s->semi_major - s_height);
	s->eta = s->semi_major * e * tsi;
	eta2 = s->eta * s->eta;
	e_eta = e * s->eta;
	psi2 = fabs(1 - eta2);
	coef = q_minus_s * pow(tsi, 4);
	coef1 = coef / pow(psi2, 3.5);
	c2 = coef1 * s->mean_motion *
	     (s->semi_major * (1 + 1.5 * eta2 + e_eta * (4 + eta2)) +
	      0.375 * J2 * tsi / psi2 * s->x3thm1 * (8 + 3 * eta2 * (8 + eta2)));
	s->c1 = tle->bstar * c2;
	c3 = e > 1e-4 ? -2 * coef * tsi * (J3 / J2) * s->mean_motion * s->sin_i / e : 0;
	s->c4 = 2 * s->mean_motion * coef1 * s->semi_major * beta2 *
	        (s->eta * (2 + 0.5 * eta2) + e * (0.5 + 2 * eta2) -
	         J2 * tsi / (s->semi_major * psi2) *
	                 (-3 * s->x3thm1 * (1 - 2 * e_eta + eta2 * (1.5 - 0.5 * e_eta)) +
	                  0.75 * s->x1mth2 * (2 * eta2 - e_eta * (1 + eta2)) *
	                          cos(2 * tle->argument_of_perigee)));
	s->c5 = 2 * coef1 * s->semi_major * beta2 *
	        (1 + 2.75 * (eta2 + e_eta) + e_eta * eta2);

	secular_rates(s, inverse_p2);
	s->perigee_drag = tle->bstar * c3 * cos(tle->argument_of_perigee);
	s->anomaly_drag = e > 1e-4 ? -(2.0 / 3.0) * coef * tle->bstar / e_eta : 0;
	s->node_drag = 3.5 * beta2 * -1.5 * J2 * inverse_p2 * s->mean_motion * s->cos_i *
	               s->c1;
	s->t2 = 1.5 * s->c1;
	/* 180 degrees of inclination would divide by zero. */
	s->long_period_l = -0.25 * (J3 / J2) * s->sin_i * (3 + 5 * s->cos_i) /
	                   (fabs(s->cos_i + 1) > 1.5e-12 ? 1 + s->cos_i : 1.5e-12);
	s->long_period_y = -0.5 * (J3 / J2) * s->sin_i;
	s->delta_anomaly = cube(1 + s->eta * cos(tle->mean_anomaly));
	s->sin_anomaly = sin(tle->mean_anomaly);
	if (!s->simple)
		higher_drag(s, tsi, s_height);
	return 0;
}

/* Mean elements at some time, angles not yet reduced. */
struct mean {
	double semi_major, mean_motion, eccentricity;
	double anomaly, perigee, node;
};

/* Secular effects of gravity and drag. */
static int
mean_elements(const struct sgp4 *s, double t, struct mean *out)
{
	const struct tle *tle = &s->tle;
	double anomaly = tle->mean_anomaly + s->anomaly_rate * t;
	double perigee = tle->argument_of_perigee + s->perigee_rate * t;
	double node = tle->node + s->node_rate * t + s->node_drag * t * t;
	double shrink = 1 - s->c1 * t;
	double slow = tle->bstar * s->c4 * t;
	double ahead = s->t2 * t * t;
	double n, e;

	if (!s->simple) {
		double delta = s->perigee_drag * t +
		               s->anomaly_drag * (cube(1 + s->eta * cos(anomaly)) -
		                                  s->delta_anomaly);
		double t2 = t * t, t3 = t2 * t, t4 = t3 * t;

		anomaly += delta;
		perigee -= delta;
		shrink += -s->d2 * t2 - s->d3 * t3 - s->d4 * t4;
		slow += tle->bstar * s->c5 * (sin(anomaly) - s->sin_anomaly);
		ahead += s->t3 * t3 + t4 * (s->t4 + t * s->t5);
	}
	n = s->mean_motion;
	if (n <= 0)
		return SGP4_MEAN_MOTION;
	out->semi_major = pow(gravity() / n, 2.0 / 3.0) * shrink * shrink;
	out->mean_motion = gravity() / pow(out->semi_major, 1.5);
	e = tle->eccentricity - slow;
	if (e >= 1 || e < -0.001)
		return SGP4_ECCENTRICITY;
	out->eccentricity = fmax(e, 1e-6);
	anomaly += s->mean_motion * ahead;
	/* The longitude is reduced as a whole: so do the programs that made the verification vectors. */
	out->perigee = fmod(perigee, 2 * M_PI);
	out->node = fmod(node, 2 * M_PI);
	out->anomaly = fmod(fmod(anomaly + perigee + node, 2 * M_PI) - out->perigee -
	                            out->node,
	                    2 * M_PI);
	return 0;
}

/* Kepler's equation in the elements that hold for circles too; the step is bounded for eccentric orbits. */
static void
kepler(double u, double axn, double ayn, double *sine, double *cosine)
{
	double eo = u, step = 1;

	for (int i = 0; i < 10 && fabs(step) >= 1e-12; i++) {
		*sine = sin(eo);
		*cosine = cos(eo);
		step = (u - ayn * *cosine + axn * *sine - eo) /
		       (1 - *cosine * axn - *sine * ayn);
		if (fabs(step) >= 0.95)
			step = step > 0 ? 0.95 : -0.95;
		eo += step;
	}
}

/* Where it is along its orbit, and how that orbit lies: short-period terms go onto these. */
struct place {
	double radius, radius_rate,
		across_rate; /* Earth radii, and per the unit of time of gravity */
	double u, node, inclination;
};

static void
to_vectors(const struct place *at, double position[3], double velocity[3])
{
	double speed = RADIUS_KM * gravity() / 60;
	double su = sin(at->u), cu = cos(at->u), sn = sin(at->node), cn = cos(at->node);
	double si = sin(at->inclination), ci = cos(at->inclination);
	double outward[3] = { -sn * ci * su + cn * cu, cn * ci * su + sn * cu, si * su };
	double forward[3] = { -sn * ci * cu - cn * su, cn * ci * cu - sn * su, si * cu };

	for (int i = 0; i < 3; i++) {
		position[i] = at->radius * RADIUS_KM * outward[i];
		velocity[i] = (at->radius_rate * outward[i] +
		               at->across_rate * forward[i]) *
		              speed;
	}
}

int
sgp4_propagate(const struct sgp4 *s, double minutes, double position[3],
               double velocity[3])
{
	struct mean m;
	struct place at;
	double axn, ayn, longitude, sine = 0, cosine = 1, e_cos, e_sin, el2, pl, rl, rdot,
				    rvdot;
	double betal, sin_u, cos_u, sin_2u, cos_2u, temp, temp1, temp2;
	int r = mean_elements(s, minutes, &m);

	if (r)
		return r;

	/* Long-period terms. */
	axn = m.eccentricity * cos(m.perigee);
	temp = 1 / (m.semi_major * (1 - m.eccentricity * m.eccentricity));
	ayn = m.eccentricity * sin(m.perigee) + temp * s->long_period_y;
	longitude = m.anomaly + m.perigee + m.node + temp * s->long_period_l * axn;
	kepler(fmod(longitude - m.node, 2 * M_PI), axn, ayn, &sine, &cosine);

	/* Short-period terms. */
	e_cos = axn * cosine + ayn * sine;
	e_sin = axn * sine - ayn * cosine;
	el2 = axn * axn + ayn * ayn;
	pl = m.semi_major * (1 - el2);
	if (pl < 0)
		return SGP4_SEMI_LATUS_RECTUM;
	rl = m.semi_major * (1 - e_cos);
	rdot = sqrt(m.semi_major) * e_sin / rl;
	rvdot = sqrt(pl) / rl;
	betal = sqrt(1 - el2);
	temp = e_sin / (1 + betal);
	sin_u = m.semi_major / rl * (sine - ayn - axn * temp);
	cos_u = m.semi_major / rl * (cosine - axn + ayn * temp);
	sin_2u = 2 * cos_u * sin_u;
	cos_2u = 1 - 2 * sin_u * sin_u;
	temp1 = 0.5 * J2 / pl;
	temp2 = temp1 / pl;

	at.radius = rl * (1 - 1.5 * temp2 * betal * s->x3thm1) +
	            0.5 * temp1 * s->x1mth2 * cos_2u;
	if (at.radius < 1)
		return SGP4_DECAYED;
	at.u = atan2(sin_u, cos_u) - 0.25 * temp2 * s->x7thm1 * sin_2u;
	at.node = m.node + 1.5 * temp2 * s->cos_i * sin_2u;
	at.inclination = s->tle.inclination + 1.5 * temp2 * s->cos_i * s->sin_i * cos_2u;
	at.radius_rate = rdot - m.mean_motion * temp1 * s->x1mth2 * sin_2u / gravity();
	at.across_rate = rvdot + m.mean_motion * temp1 *
	                                 (s->x1mth2 * cos_2u + 1.5 * s->x3thm1) /
	                                 gravity();
	to_vectors(&at, position, velocity);
	return 0;
}

const char *
sgp4_outcome_text(int outcome)
{
	switch (outcome) {
	case 0:
		return "no error";
	case SGP4_ECCENTRICITY:
		return "mean eccentricity out of range";
	case SGP4_MEAN_MOTION:
		return "mean motion below zero";
	case SGP4_SEMI_LATUS_RECTUM:
		return "semi-latus rectum below zero";
	case SGP4_DECAYED:
		return "satellite has decayed";
	default:
		return "unknown outcome";
	}
}
