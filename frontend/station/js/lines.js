// SPDX-License-Identifier: Apache-2.0
// From streams of points to lines: rates of counters, values of gauges, median and 95th percentile of histograms.

import { serviceColour } from "../shared/format.js";
import { show } from "./otlp.js";
import { THIN_MS } from "./streams.js";

const MAX_EXEMPLARS = 200; // of one chart
const FIRST_MS = 90000; // a stream's first point counts from its start when that is no longer ago
const GAP = 3.5; // a line breaks where points are this many times further apart than usual

/** The value below which `share` of the counts lie, by straight lines within buckets. */
export function percentile(counts, bounds, share) {
  const total = counts.reduce((a, b) => a + b, 0);
  let seen = 0;
  for (let i = 0; i < counts.length; i++) {
    if (counts[i] && seen + counts[i] >= share * total) {
      const low = i ? bounds[i - 1] : Math.min(0, bounds[0] ?? 0);
      const high = i < bounds.length ? bounds[i] : low;
      return low + (high - low) * ((share * total - seen) / counts[i]);
    }
    seen += counts[i];
  }
  return 0;
}

/**
 * What was added between one point and the next: [{ point, seconds, take(field) }]. A cumulative stream
 * that began anew counts from zero, and so does its first point when the stream began in sight.
 */
export function increases(s) {
  const list = [];
  s.points.forEach((p, i) => {
    const before = s.points[i - 1];
    if (s.delta) return void list.push({ p, from: p.start || before?.time, zero: true });
    if (!before) {
      if (p.start && p.time > p.start && p.time - p.start < FIRST_MS) list.push({ p, from: p.start, zero: true });
      return;
    }
    const restarted = p.start > before.start || p.value < before.value || p.count < before.count;
    list.push({ p, from: restarted ? Math.max(p.start, before.time) : before.time, before, zero: restarted });
  });
  return list.map(({ p, from, before, zero }) => ({ p, seconds: Math.max(0.001, (p.time - from) / 1000), value: zero ? p.value : p.value - before.value, buckets: zero ? p.buckets : p.buckets.map((n, k) => n - (before.buckets[k] || 0)) }));
}

/** Puts a gap where nothing came for longer than usual. */
export function withGaps(points) {
  const steps = points.slice(1).map((p, i) => p[0] - points[i][0]);
  const usual = Math.max(THIN_MS, [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)]);
  return points.flatMap((p, i) => (i && steps[i - 1] > GAP * usual ? [[points[i - 1][0] + 1, null], p] : [p]));
}

function percentiles(list, share) {
  return list.map(({ p, buckets }) => [p.time, buckets.some((n) => n > 0) ? percentile(buckets, p.bounds, share) : null]);
}

/** The keys in which some of these objects differ. */
const STATUS = "http.response.status_code"; // told even where it is the same in all
const HUES = ["var(--s0)", "var(--s1)", "var(--s5)", "var(--s3)", "var(--s4)", "var(--s2)", "var(--s7)", "var(--s6)"];

const differing = (objects) => [...new Set(objects.flatMap(Object.keys))].filter((key) => new Set(objects.map((o) => show(o[key] ?? ""))).size > 1);

/* By what instances of one service are told apart, the shortest first. */
const INSTANCE = ["process.pid", "host.name", "service.instance.id"];

/** Names a line by its service and by those attributes in which the lines of one chart differ. */
function labels(list) {
  const services = new Set(list.map((s) => s.service));
  const keys = differing(list.map((s) => s.attributes));
  if (!keys.includes(STATUS)) keys.push(STATUS);
  const name = (s) => {
    const parts = keys.filter((key) => key in s.attributes).map((key) => show(s.attributes[key]));
    return [services.size > 1 || !parts.length ? s.service : "", ...new Set(parts)].filter(Boolean).join(" · ");
  };
  const resources = differing(list.map((s) => s.resource));
  const instance = INSTANCE.find((key) => resources.includes(key));
  const names = list.map(name);
  const shared = (n) => names.indexOf(n) !== names.lastIndexOf(n);
  return (s) => (instance && shared(name(s)) ? `${name(s)} · ${instance.split(".").pop()} ${show(s.resource[instance])}` : name(s));
}

const failed = (s) => Number(s.attributes[STATUS]) >= 500 || Boolean(s.attributes["error.type"]);

/* By the service where there are several; else each series has its own, and what failed is red and says so. */
function colours(list) {
  if (new Set(list.map((s) => s.service)).size > 1 || list.length < 2) return (s) => (failed(s) && list.length > 1 ? "var(--error)" : serviceColour(s.service));
  const own = serviceColour(list[0].service);
  const hues = [own, ...HUES.filter((hue) => hue !== own)];
  const order = list.filter((s) => !failed(s)).map((s) => s.key).sort();
  return (s) => (failed(s) ? "var(--error)" : hues[order.indexOf(s.key) % hues.length]);
}

/** What counters have counted and gauges show now, over all series. */
export function totalOf(list) {
  return list.reduce((sum, s) => {
    const p = s.points[s.points.length - 1];
    const field = s.type === "sum" || s.type === "gauge" ? "value" : "count";
    return sum + (s.delta ? s.points.reduce((n, q) => n + q[field], 0) : p[field]);
  }, 0);
}

/** Measurements that know their trace, the newest last: [{ time, value, traceId, spanId }]. */
export function exemplarsOf(list) {
  const known = new Map();
  for (const s of list) for (const p of s.points) for (const e of p.exemplars) if (e.traceId) known.set(`${e.traceId}${e.spanId}${e.time}`, e);
  return [...known.values()].sort((a, b) => a.time - b.time).slice(-MAX_EXEMPLARS);
}

/** Lines for the chart; counters as rates, or with `total` as what they count to. */
export function linesOf(list, { total = false } = {}) {
  const plain = labels(list);
  const label = (s) => `${failed(s) ? "⚠ " : ""}${plain(s)}`;
  const colourOf = colours(list);
  return list
    .flatMap((s) => {
      const colour = colourOf(s);
      if (s.type === "histogram") {
        const added = increases(s);
        return [
          { label: `p95 ${label(s)}`, colour, points: percentiles(added, 0.95) },
          { label: `p50 ${label(s)}`, colour, dashed: true, points: percentiles(added, 0.5) },
        ];
      }
      if (s.type === "sum" && s.monotonic && !total) return [{ label: label(s), colour, points: increases(s).map((i) => [i.p.time, i.value / i.seconds]) }];
      if (s.type === "sum" || s.type === "gauge") return [{ label: label(s), colour, points: s.points.map((p) => [p.time, p.value]) }];
      return [{ label: label(s), colour, points: s.points.map((p) => [p.time, p.count]) }];
    })
    .map((l) => ({ ...l, points: withGaps(l.points) }))
    .filter((l) => l.points.some(([, v]) => v !== null))
    .sort((a, b) => (b.points.findLast(([, v]) => v !== null)?.[1] ?? 0) - (a.points.findLast(([, v]) => v !== null)?.[1] ?? 0));
}
