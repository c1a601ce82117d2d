// SPDX-License-Identifier: Apache-2.0
// A histogram as what it is: counts in buckets with bounds, over time and in all.

import { h, svg } from "../shared/dom.js";
import { number } from "../shared/format.js";
import { increases, percentile } from "./lines.js";
import { lines as markerLines } from "./markers.js";
import { formatter } from "./units.js";

const COLUMNS = 90;
const ALL = 24; // buckets that are listed even when they are empty
const ROW = 17;
const LEFT = 74;
const TOP = 14;
const BOTTOM = 20;

const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });
const sum = (list) => list.reduce((a, b) => a + b, 0);

/**
 * What all streams together added: { bounds, steps: [{ time, from, buckets }], total, others }. Streams with
 * other bounds than the first one's cannot be added to it: `others` counts them.
 */
export function together(streams) {
  const bounds = streams[0].points[0].bounds;
  const same = streams.filter((s) => s.points.every((p) => p.bounds.join() === bounds.join()));
  const steps = new Map();
  for (const s of same)
    for (const { p, seconds, buckets } of increases(s)) {
      if (!buckets.length) continue;
      const step = steps.get(p.time) || { time: p.time, from: p.time - seconds * 1000, buckets: buckets.map(() => 0) };
      buckets.forEach((n, i) => (step.buckets[i] += Math.max(0, n)));
      steps.set(p.time, step);
    }
  const list = [...steps.values()].sort((a, b) => a.time - b.time);
  const total = list.reduce((all, s) => all.map((n, i) => n + s.buckets[i]), new Array(bounds.length + 1).fill(0));
  return { bounds, steps: list, total, others: streams.length - same.length };
}

/* "≤ 5 ms", "5 to 10 ms", "> 10 s" */
function nameOf(i, bounds, write) {
  if (!bounds.length) return "all";
  if (i === bounds.length) return `> ${write(bounds[i - 1])}`;
  return `≤ ${write(bounds[i])}`;
}

/* From the first to the last bucket with something in it, and one more on each side. */
function used(total) {
  const first = total.findIndex((n) => n > 0);
  const last = total.findLastIndex((n) => n > 0);
  if (first < 0) return [0, Math.min(total.length, 6) - 1];
  return [Math.max(0, first - 1), Math.min(total.length - 1, last + 1)];
}

/** Buckets over time: the darker, the more. */
export function heatmap({ bounds, steps, total }, { unit, from, to, width, colour, service }) {
  const [first, last] = used(total);
  const rows = last - first + 1;
  const height = TOP + rows * ROW + BOTTOM;
  const x = (t) => LEFT + ((t - from) / Math.max(1, to - from)) * (width - LEFT - 8);
  const slot = Math.max(1000, (to - from) / COLUMNS);
  const columns = new Map();
  for (const step of steps) {
    const key = Math.floor((step.time - from) / slot);
    const column = columns.get(key) || { from: step.from, to: step.time, buckets: total.map(() => 0) };
    column.to = step.time;
    step.buckets.forEach((n, i) => (column.buckets[i] += n));
    columns.set(key, column);
  }
  const most = Math.max(1, ...[...columns.values()].flatMap((c) => c.buckets));
  const each = (b) => formatter(unit, false, b)(b);
  const ground = TOP + rows * ROW;
  const y = (i) => ground - (i - first + 1) * ROW;
  return svg(
    "svg",
    { class: "heatmap", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `counts in ${rows} buckets over time`, style: { "--colour": colour } },
    Array.from({ length: rows }, (_, k) => svg("text", { class: "axis", x: LEFT - 8, y: y(first + k) + 12, "text-anchor": "end" }, nameOf(first + k, bounds, each))),
    [...columns.values()].flatMap((c) =>
      c.buckets.map((n, i) => {
        if (!n || i < first || i > last) return null;
        const left = Math.max(LEFT, x(Math.max(from, c.from)));
        return svg("rect", { class: "cell", x: left.toFixed(1), width: Math.max(2, x(c.to) - left - 0.5).toFixed(1), y: y(i) + 0.5, height: ROW - 1, "fill-opacity": (0.15 + 0.85 * Math.sqrt(n / most)).toFixed(2) }, svg("title", {}, `${number(n)} ${nameOf(i, bounds, each)}, ${clock(c.to)}`));
      }),
    ),
    svg("line", { class: "grid", x1: LEFT, x2: width - 8, y1: ground + 0.5, y2: ground + 0.5 }),
    markerLines({ from, to, x, top: 1, bottom: ground, right: width, service }),
    svg("text", { class: "axis", x: LEFT, y: height - 4 }, clock(from)),
    svg("text", { class: "axis", x: width - 8, y: height - 4, "text-anchor": "end" }, clock(to)),
  );
}

/** Each bucket with its bound, its count and its share, as a table with bars. */
export function buckets({ bounds, total }, unit, colour) {
  const all = sum(total);
  const most = Math.max(1, ...total);
  const [first, last] = total.length <= ALL ? [0, total.length - 1] : used(total);
  const each = (b) => formatter(unit, false, b)(b);
  const row = (n, i) =>
    i >= first &&
    i <= last &&
    h(
      "tr",
      { "data-bucket": i },
      h("td", { class: "right number" }, nameOf(i, bounds, each)),
      h("td", { class: "main" }, h("span", { class: "lengthbar thick" }, h("i", { style: { width: `${(100 * n) / most}%`, "--colour": colour } }))),
      h("td", { class: "right number" }, number(n)),
      h("td", { class: "right number count" }, all ? `${number((100 * n) / all, n && n * 10 < all ? 1 : 0)} %` : ""),
    );
  const left = total.length - (last - first + 1);
  return [
    h("table", { class: "buckets" }, h("thead", {}, h("tr", {}, h("th", { class: "right" }, "bucket"), h("th", {}), h("th", { class: "right" }, "count"), h("th", { class: "right" }, "share"))), h("tbody", {}, total.map(row))),
    h("p", { class: "count" }, `${number(total.length)} buckets with ${number(bounds.length)} bounds${left ? `; ${number(left)} empty ones at the ends are left out` : ""}.`),
  ];
}

/** { p50, p95, p99 } of everything in sight, in the metric's unit; null without measurements. */
export function quantiles({ bounds, total }) {
  if (!sum(total)) return null;
  return Object.fromEntries([50, 95, 99].map((p) => [`p${p}`, percentile(total, bounds, p / 100)]));
}

/** Lines of p50, p95 and p99 for the chart. */
export function quantileLines({ bounds, steps }, colour) {
  return [
    [0.99, "p99"],
    [0.95, "p95"],
    [0.5, "p50"],
  ].map(([share, label], i) => ({ label, colour, dashed: i === 2, thin: i === 0, points: steps.map((s) => [s.time, s.buckets.some((n) => n > 0) ? percentile(s.buckets, bounds, share) : null]) }));
}
