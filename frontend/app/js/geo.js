// SPDX-License-Identifier: Apache-2.0
// The little geometry that a world map needs. Degrees in, degrees out; [longitude, latitude].

const RAD = Math.PI / 180;

const toVector = ([lon, lat]) => [Math.cos(lat * RAD) * Math.cos(lon * RAD), Math.cos(lat * RAD) * Math.sin(lon * RAD), Math.sin(lat * RAD)];
const toPoint = ([x, y, z]) => [Math.atan2(y, x) / RAD, Math.atan2(z, Math.hypot(x, y)) / RAD];

/** Points along the great circle, close enough to the geodesic at the scale of a picture. */
export function greatCircle(from, to, steps = 96) {
  const a = toVector(from);
  const b = toVector(to);
  const angle = Math.acos(Math.min(1, Math.max(-1, a[0] * b[0] + a[1] * b[1] + a[2] * b[2])));
  if (angle < 1e-6) return [from, to];
  const points = [];
  for (let i = 0; i <= steps; i++) {
    const p = Math.sin((1 - i / steps) * angle) / Math.sin(angle);
    const q = Math.sin((i / steps) * angle) / Math.sin(angle);
    points.push(toPoint([p * a[0] + q * b[0], p * a[1] + q * b[1], p * a[2] + q * b[2]]));
  }
  return points;
}

/** Cuts a line where it crosses the antimeridian, so that nothing is drawn across the map. */
export function splitAtAntimeridian(points) {
  const lines = [];
  let line = [];
  points.forEach(([lon, lat], i) => {
    if (i) {
      const [lastLon, lastLat] = points[i - 1];
      if (Math.abs(lon - lastLon) > 180) {
        const edge = lastLon > 0 ? 180 : -180;
        const unwrapped = lon + (lastLon > 0 ? 360 : -360);
        const share = (edge - lastLon) / (unwrapped - lastLon || 1);
        const atEdge = lastLat + share * (lat - lastLat);
        line.push([edge, atEdge]);
        lines.push(line);
        line = [[-edge, atEdge]];
      }
    }
    line.push([lon, lat]);
  });
  if (line.length) lines.push(line);
  return lines;
}

/** Where the sun stands in the zenith, to half a degree: enough for a shade. */
export function subsolarPoint(unixMs) {
  const days = unixMs / 86400000 + 2440587.5 - 2451545;
  const anomaly = (357.529 + 0.98560028 * days) * RAD;
  const longitude = (280.459 + 0.98564736 * days + 1.915 * Math.sin(anomaly) + 0.02 * Math.sin(2 * anomaly)) * RAD;
  const tilt = 23.439 * RAD;
  const declination = Math.asin(Math.sin(tilt) * Math.sin(longitude)) / RAD;
  const ascension = Math.atan2(Math.cos(tilt) * Math.sin(longitude), Math.cos(longitude)) / RAD;
  const sidereal = 280.46061837 + 360.98564736629 * days;
  const lon = ((((ascension - sidereal) % 360) + 540) % 360) - 180;
  return [lon, declination];
}

/** The outline of the night side, as one polygon over the whole width. */
export function nightPolygon(unixMs) {
  const [sunLon, sunLat] = subsolarPoint(unixMs);
  const tangent = Math.tan((Math.abs(sunLat) < 0.1 ? 0.1 : sunLat) * RAD);
  const edge = [];
  for (let lon = -180; lon <= 180; lon += 2) edge.push([lon, Math.atan(-Math.cos((lon - sunLon) * RAD) / tangent) / RAD]);
  const pole = sunLat > 0 ? -90 : 90;
  return [...edge, [180, pole], [-180, pole]];
}
