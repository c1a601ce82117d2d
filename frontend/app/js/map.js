// SPDX-License-Identifier: Apache-2.0
// The world, equirectangular, as one SVG: sea, land, night, the ISS with its track, a place and the line between.

import { svg, fill } from "../shared/dom.js";
import { greatCircle, nightPolygon, splitAtAntimeridian } from "./geo.js";

const SCALE = 4; // units of the picture per degree
const MOST = 53; // degrees: the ISS comes no farther north or south
const x = (lon) => ((lon + 180) * SCALE).toFixed(1);
const y = (lat) => ((90 - lat) * SCALE).toFixed(1);
const path = (points) => points.map(([lon, lat], i) => `${i ? "L" : "M"}${x(lon)} ${y(lat)}`).join("");
const paths = (points) => splitAtAntimeridian(points).map(path).join("");

function landPath(rings) {
  return rings
    .map((ring) => {
      let d = "";
      for (let i = 0; i < ring.length; i += 2) d += `${i ? "L" : "M"}${x(ring[i])} ${y(ring[i + 1])}`;
      return `${d}Z`;
    })
    .join("");
}

function graticule() {
  let d = "";
  for (let lon = -150; lon < 180; lon += 30) d += `M${x(lon)} 0V${180 * SCALE}`;
  for (let lat = -60; lat < 90; lat += 30) d += `M0 ${y(lat)}H${360 * SCALE}`;
  return svg("path", { class: "graticule", d });
}

/** Something drawn at a point in pixels of the screen, with its label on the side where there is room. */
function mark(point, text, ...shapes) {
  const right = point[0] < 120;
  const label = svg("text", { class: "map-label", x: right ? 14 : -14, y: 5, "text-anchor": right ? "start" : "end" }, text);
  return svg("g", { transform: `translate(${x(point[0])} ${y(point[1])})` }, svg("g", { class: "mark" }, shapes, label));
}

export function worldMap(figure) {
  const layers = Object.fromEntries(["land", "night", "track", "line", "place", "iss"].map((name) => [name, svg("g", { class: `layer-${name}` })]));
  const title = svg("title", {}, "World map");
  const picture = svg("svg", { viewBox: `0 0 ${360 * SCALE} ${180 * SCALE}`, role: "img", preserveAspectRatio: "xMidYMid slice" }, title, graticule(), Object.values(layers));
  figure.append(picture);
  let north = MOST; // latitudes that must be seen
  let south = -MOST;

  /* Wide windows show the whole width and cut a pole, or both: that at which nothing is drawn. */
  function fit() {
    const { clientWidth: width, clientHeight: height } = picture;
    if (!width || !height) return;
    const shown = (360 * height) / width; // degrees from top to bottom
    const half = shown / 2 - 2;
    const align = north < half && south > -half ? "Mid" : south > 92 - shown ? "Min" : north < shown - 92 ? "Max" : "";
    const slice = width >= 2 * height && align;
    picture.setAttribute("preserveAspectRatio", slice ? `xMidY${align} slice` : "xMidYMid meet");
    picture.style.setProperty("--u", (360 * SCALE) / (slice ? width : Math.min(width, 2 * height)));
  }
  new ResizeObserver(fit).observe(picture);

  return {
    land({ rings }) {
      fill(layers.land, svg("path", { class: "land", d: landPath(rings) }));
    },

    night(unixMs) {
      fill(layers.night, svg("path", { class: "night", d: `${path(nightPolygon(unixMs))}Z` }));
    },

    /** past and ahead: [[longitude, latitude], ...] in the order of time. */
    track(past, ahead) {
      const pieces = 12;
      const size = Math.ceil(past.length / pieces);
      const fading = [];
      for (let i = 0; i < pieces; i++) {
        const piece = past.slice(i * size, (i + 1) * size + 1);
        if (piece.length > 1) fading.push(svg("path", { class: "track", d: paths(piece), opacity: (0.08 + (0.8 * (i + 1)) / pieces).toFixed(2) }));
      }
      fill(layers.track, fading, svg("path", { class: "track ahead", d: paths(ahead) }));
    },

    iss(point) {
      fill(layers.iss, mark(point, "ISS", svg("circle", { class: "iss-halo", r: 13 }), svg("path", { class: "iss-mark", d: "M-9-6h4v4h3v-3h4v3h3v-4h4v12h-4v-4h-3v3h-4v-3h-3v4h-4z" })));
      title.textContent = `World map; the ISS is over ${point[1].toFixed(1)}°, ${point[0].toFixed(1)}°`;
    },

    place(point, name) {
      fill(layers.place, mark(point, name, svg("circle", { class: "place-dot", r: 5 })));
    },

    /** `run` draws the line as it runs; without it the line just moves along. */
    line(from, to, run) {
      const points = greatCircle(from, to);
      const line = svg("path", { class: run ? "geodesic run" : "geodesic", pathLength: 1, d: paths(points) });
      if (run) {
        north = Math.max(MOST, ...points.map((p) => p[1]));
        south = Math.min(-MOST, ...points.map((p) => p[1]));
        fit();
      }
      if (run) fill(layers.line, line);
      else if (layers.line.firstChild) layers.line.firstChild.setAttribute("d", line.getAttribute("d"));
    },
  };
}
