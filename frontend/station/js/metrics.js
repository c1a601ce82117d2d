// SPDX-License-Identifier: Apache-2.0
// A chart for each metric: rates of counters, values of gauges, median and 95th percentile of histograms.

import { fill, h } from "../shared/dom.js";
import { serviceColour } from "../shared/format.js";
import { chart } from "./chart.js";
import * as data from "./data.js";
import { remember } from "./route.js";
import { series, show } from "./otlp.js";
import { nothingYet, searchField, serviceChoice } from "./parts.js";

const SPAN = "15m";
let charts, counted, current;

/** What was added between one point and the next; a stream that began anew counts from zero. */
function increase(points, delta, pick) {
  if (delta) return points.map((p) => [p, pick(p)]);
  return points.slice(1).map((p, i) => {
    const before = points[i];
    const restarted = p.start > before.start || pick(p) < pick(before);
    return [p, restarted ? pick(p) : pick(p) - pick(before)];
  });
}

/** The value below which `share` of the counts lie, by straight lines within buckets. */
export function percentile(counts, bounds, share) {
  const total = counts.reduce((a, b) => a + b, 0);
  let seen = 0;
  for (let i = 0; i < counts.length; i++) {
    if (counts[i] && seen + counts[i] >= share * total) {
      const low = i ? bounds[i - 1] : 0;
      const high = i < bounds.length ? bounds[i] : low;
      return low + (high - low) * ((share * total - seen) / counts[i]);
    }
    seen += counts[i];
  }
  return 0;
}

const seconds = (p, previous) => Math.max(0.001, (p.time - (previous ? previous.time : p.start)) / 1000);

/** Names a line by its service and by those attributes in which the lines of one chart differ. */
function labels(list) {
  const keys = [...new Set(list.flatMap((s) => Object.keys(s.attributes)))].filter((key) => new Set(list.map((s) => show(s.attributes[key] ?? ""))).size > 1);
  return (s) => [s.service, ...keys.filter((key) => key in s.attributes).map((key) => (keys.length > 1 ? `${key}=${show(s.attributes[key])}` : show(s.attributes[key])))].join(" · ");
}

function rate(s) {
  return increase(s.points, s.delta, (p) => p.value).map(([p, added], i) => [p.time, added / seconds(p, s.delta ? null : s.points[i])]);
}

function percentiles(s, share) {
  const pairs = s.delta ? s.points.map((p) => [p, p.buckets]) : s.points.slice(1).map((p, i) => [p, p.start > s.points[i].start ? p.buckets : p.buckets.map((n, k) => n - (s.points[i].buckets[k] || 0))]);
  return pairs.filter(([, counts]) => counts.some((n) => n > 0)).map(([p, counts]) => [p.time, percentile(counts, p.bounds, share)]);
}

function linesOf(list) {
  const label = labels(list);
  return list
    .flatMap((s) => {
      const colour = serviceColour(s.service);
      if (s.type === "histogram") return [{ label: `p95 ${label(s)}`, colour, points: percentiles(s, 0.95) }, { label: `p50 ${label(s)}`, colour: `color-mix(in srgb, ${colour} 55%, var(--ground))`, points: percentiles(s, 0.5) }];
      if (s.type === "sum" && s.monotonic) return [{ label: label(s), colour, points: rate(s) }];
      if (s.type === "sum" || s.type === "gauge") return [{ label: label(s), colour, points: s.points.map((p) => [p.time, p.value]) }];
      return [{ label: label(s), colour, points: s.points.map((p) => [p.time, p.count]) }];
    })
    .filter((l) => l.points.length)
    .sort((a, b) => b.points[b.points.length - 1][1] - a.points[a.points.length - 1][1]);
}

function what(s) {
  const unit = s.unit.replace(/[{}]/g, "") || "1";
  const shown = s.type === "histogram" ? `p50 and p95, ${unit}` : s.type === "sum" && s.monotonic ? `${unit} per second` : unit;
  return [s.description, shown].filter(Boolean).join(" · ");
}

async function load() {
  const all = series(await data.telemetry("metrics", { service: current.service, since: SPAN, limit: 20000 })).filter((s) => !current.q || s.name.includes(current.q));
  const names = [...new Set(all.map((s) => s.name))].sort();
  counted.textContent = `${names.length} ${names.length === 1 ? "metric" : "metrics"}, the last 15 minutes`;
  if (!names.length) return void fill(charts, current.q || current.service ? h("p", { class: "empty" }, "Nothing matches.") : nothingYet("metrics"));
  const drawn = names.map((name) => {
    const list = all.filter((s) => s.name === name);
    const lines = linesOf(list);
    if (lines.length) return chart({ title: name, detail: what(list[0]), lines });
    return h("figure", { class: "chart", style: { margin: 0 } }, h("h3", {}, name), h("p", {}, what(list[0])), h("p", {}, "One collection so far; a line needs two."));
  });
  fill(charts, h("div", { class: "charts" }, drawn));
}

function change(part) {
  current = { ...current, ...part };
  remember(part);
  load();
}

export async function render(main, { query }) {
  current = { service: query.service, q: query.q };
  const { services } = await data.services();
  charts = h("div", {});
  counted = h("span", { class: "count" });
  fill(
    main,
    h("div", { class: "bar" }, h("h1", {}, "Metrics"), searchField(query.q, "find by name", (q) => change({ q })), serviceChoice(services.filter((s) => s.metrics).map((s) => s.name), query.service, (name) => change({ service: name })), counted),
    charts,
  );
  await load();
}

export const update = load;
