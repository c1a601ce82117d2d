// SPDX-License-Identifier: Apache-2.0
// A small line chart. lines = [{ label, colour, points: [[ms, value or null], ...] }]; null breaks the line.

import { h, svg } from "../shared/dom.js";
import { readout } from "./hover.js";
import { lines as markerLines } from "./markers.js";
import { to as address } from "./route.js";
import { formatter } from "./units.js";

const HEIGHT = 168;
const LEFT = 58;
const TOP = 14;
const BOTTOM = 20;
const NAMED = 4; // lines that are named at their end; more get a list below
const NAMES = 172;
const LINE_HEIGHT = 15;
const MAX_LEGEND = 8;

/** A step of 1, 2 or 5 times a power of ten that cuts `range` in about four. */
export function step(range, whole) {
  const raw = range / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const found = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
  return whole ? Math.max(1, found) : found;
}

const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });

/* A line through what lies together, and a dot for what stands alone. */
function path(points, x, y) {
  let d = "";
  let pen = false;
  const dots = [];
  points.forEach(([t, v], i) => {
    if (v === null) return void (pen = false);
    if (!pen && (i + 1 === points.length || points[i + 1][1] === null)) dots.push([t, v]);
    else d += `${pen ? "L" : "M"}${x(t).toFixed(1)} ${y(v).toFixed(1)}`;
    pen = true;
  });
  return { d, dots };
}

const last = (points) => points.findLast(([, v]) => v !== null);

/** Moves the names at the ends of lines apart, top to bottom, and up again from the ground. */
function spread(ends) {
  ends.sort((a, b) => a.y - b.y);
  ends.forEach((e, i) => (e.at = i ? Math.max(e.y, ends[i - 1].at + LINE_HEIGHT) : e.y));
  let limit = HEIGHT - BOTTOM + 2;
  for (const e of ends.toReversed()) {
    e.at = Math.min(e.at, limit);
    limit = e.at - LINE_HEIGHT;
  }
  return ends;
}

const cut = (text, n) => (text.length > n ? `${text.slice(0, n - 1)}…` : text);

export function chart({ name, title, detail, extra, lines, unit = "", perSecond = false, whole = false, from, to, width, service, exemplars = [] }) {
  const seen = exemplars.filter((e) => e.time >= from && e.time <= to);
  const values = [...lines.flatMap((l) => l.points.map((p) => p[1]).filter((v) => v !== null)), ...seen.map((e) => e.value)];
  const low = values.reduce((m, v) => Math.min(m, v), 0);
  const most = values.reduce((m, v) => Math.max(m, v), low);
  const write = formatter(unit, perSecond, Math.max(Math.abs(low), most));
  const say = (v) => formatter(unit, perSecond, v)(v);
  const named = lines.length <= NAMED && width >= 380;
  const right = named ? NAMES : 10;
  const tick = step((most > low ? most - low : 1) / write.scale, whole) * write.scale;
  const top = Math.ceil(most / tick - 1e-9) * tick || tick;
  const ground = Math.floor(low / tick + 1e-9) * tick;
  const x = (t) => LEFT + ((t - from) / Math.max(1, to - from)) * (width - LEFT - right);
  const y = (v) => TOP + (1 - (v - ground) / (top - ground)) * (HEIGHT - BOTTOM - TOP);
  const grid = [];
  for (let i = 0, n = Math.round((top - ground) / tick); i <= n; i++) {
    const v = ground + i * tick;
    grid.push(svg("line", { class: "grid", x1: LEFT, x2: width - right, y1: y(v), y2: y(v) }), svg("text", { class: "axis", x: LEFT - 7, y: y(v) + 4, "text-anchor": "end" }, write(v)));
  }
  const ends = lines.map((l) => ({ ...l, end: last(l.points) })).map((l) => ({ ...l, y: y(l.end[1]) }));
  const area = svg(
    "svg",
    { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": `${name || title}: ${ends.map((e) => `${e.label} ${say(e.end[1])}`).join(", ")}` },
    grid,
    markerLines({ from, to, x, top: 1, bottom: HEIGHT - BOTTOM, right: width - right, service }),
    svg("text", { class: "axis", x: LEFT, y: HEIGHT - 3 }, clock(from)),
    svg("text", { class: "axis", x: width - right, y: HEIGHT - 3, "text-anchor": "end" }, clock(to)),
    ends.map(({ colour, points, end, y: at, dashed, drawn = path(points, x, y) }) => [
      svg("path", { class: `series${dashed ? " dashed" : ""}`, style: { "--colour": colour }, d: drawn.d }),
      drawn.dots.map(([t, v]) => svg("circle", { class: "last", style: { "--colour": colour }, r: 1.8, cx: x(t), cy: y(v) })),
      svg("circle", { class: "last", style: { "--colour": colour }, r: 2.5, cx: x(end[0]), cy: at }),
    ]),
    seen.map((e) =>
      svg(
        "a",
        { href: address("traces", e.traceId, { span: e.spanId }), class: "exemplar" },
        svg("title", {}, `${say(e.value)}: open the trace of this one`),
        svg("circle", { r: 3.5, cx: x(e.time).toFixed(1), cy: y(e.value).toFixed(1) }),
      ),
    ),
    named &&
      spread(ends).map((e) =>
        svg("text", { class: "name", x: width - right + 8, y: e.at + 4, style: { "--colour": e.colour } }, svg("title", {}, e.label), svg("tspan", { class: "value" }, say(e.end[1])), ` ${cut(e.label, 27 - say(e.end[1]).length)}`),
      ),
  );
  const figure = h(
    "figure",
    { class: "chart", "data-metric": name },
    h("h3", {}, title),
    h("p", { title: detail }, detail || "\u00a0"),
    extra,
    area,
    !named &&
      h(
        "ul",
        { class: "legend" },
        ends.slice(0, MAX_LEGEND).map(({ label, colour, end }) => h("li", { style: { "--colour": colour } }, h("span", { class: "key", title: label }, label), h("span", { class: "number" }, say(end[1])))),
        lines.length > MAX_LEGEND && h("li", { class: "count" }, `and ${lines.length - MAX_LEGEND} more`),
      ),
  );
  const box = { left: LEFT, right: width - right, top: TOP, bottom: HEIGHT - BOTTOM };
  const timeAt = (px) => from + ((px - LEFT) / Math.max(1, width - LEFT - right)) * (to - from);
  return readout(figure, area, { key: `${name || title}`, lines, box, timeAt, say });
}
