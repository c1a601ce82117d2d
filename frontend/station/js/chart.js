// SPDX-License-Identifier: Apache-2.0
// A small line chart: lines = [{ label, colour, points: [[ms, value], ...] }].

import { h, svg } from "../shared/dom.js";

const WIDTH = 560;
const HEIGHT = 150;
const LEFT = 48;
const BOTTOM = 18;
const MAX_LEGEND = 6;

/** A step of 1, 2 or 5 times a power of ten that cuts `range` in about four. */
function step(range) {
  const raw = range / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
}

export function short(value) {
  const size = Math.abs(value);
  if (size >= 1e9) return `${+(value / 1e9).toPrecision(3)} G`;
  if (size >= 1e6) return `${+(value / 1e6).toPrecision(3)} M`;
  if (size >= 1e4) return `${+(value / 1e3).toPrecision(3)} k`;
  return String(+value.toPrecision(3));
}

const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });

export function chart({ title, detail, lines }) {
  const all = lines.flatMap((l) => l.points);
  const [from, to] = [Math.min(...all.map((p) => p[0])), Math.max(...all.map((p) => p[0]))];
  const low = Math.min(0, ...all.map((p) => p[1]));
  const most = Math.max(low, ...all.map((p) => p[1]));
  const high = most > low ? most : low + 1;
  const tick = step(high - low);
  const top = Math.ceil(high / tick) * tick || 1;
  const x = (t) => LEFT + ((t - from) / Math.max(1, to - from)) * (WIDTH - LEFT - 8);
  const y = (v) => 8 + (1 - (v - low) / (top - low)) * (HEIGHT - BOTTOM - 8);
  const grid = [];
  for (let v = Math.ceil(low / tick) * tick; v <= top + tick / 2; v += tick)
    grid.push(svg("line", { class: "grid", x1: LEFT, x2: WIDTH - 8, y1: y(v), y2: y(v) }), svg("text", { class: "axis", x: LEFT - 6, y: y(v) + 4, "text-anchor": "end" }, short(v)));
  return h(
    "figure",
    { class: "chart", style: { margin: 0 } },
    h("h3", {}, title),
    h("p", {}, detail || "\u00a0"),
    svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}, ${lines.length} lines` },
      grid,
      svg("text", { class: "axis", x: LEFT, y: HEIGHT - 3 }, clock(from)),
      svg("text", { class: "axis", x: WIDTH - 8, y: HEIGHT - 3, "text-anchor": "end" }, clock(to)),
      lines.map(({ colour, points }) => {
        const last = points[points.length - 1];
        return [
          svg("path", { class: "series", style: { "--colour": colour }, d: points.map(([t, v], i) => `${i ? "L" : "M"}${x(t).toFixed(1)} ${y(v).toFixed(1)}`).join("") }),
          svg("circle", { class: "last", style: { "--colour": colour }, r: 2.5, cx: x(last[0]), cy: y(last[1]) }),
        ];
      }),
    ),
    h(
      "ul",
      { class: "legend" },
      lines.slice(0, MAX_LEGEND).map(({ label, colour, points }) => h("li", { style: { "--colour": colour } }, h("span", { class: "key", title: label }, label), h("span", { class: "number" }, short(points[points.length - 1][1])))),
      lines.length > MAX_LEGEND && h("li", { class: "count" }, `and ${lines.length - MAX_LEGEND} more`),
    ),
  );
}
