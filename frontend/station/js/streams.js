// SPDX-License-Identifier: Apache-2.0
// Points of metrics as they arrive, kept for as long as charts show them.

import * as data from "./data.js";
import { series } from "./otlp.js";

export const SPAN_MS = 15 * 60000;
export const LIMIT = 20000;
export const THIN_MS = 4000; // between points of the past: a chart has no room for more
const LEAD_MS = 3000;
export const MAX_SERIES = 60; // of one metric; past that it is told, and not drawn

/** The time that these streams cover, and a little before: what made them begin is often a reload. */
export function rangeOf(streams) {
  const times = streams.flatMap((s) => [s.points[0].time, s.points[s.points.length - 1].time]);
  const first = times.reduce((a, b) => Math.min(a, b), Infinity);
  const to = times.reduce((a, b) => Math.max(a, b), -Infinity);
  return { from: first - Math.max(LEAD_MS, (to - first) * 0.04), to };
}

/** { fetch(), streams(), capped() } of the metrics that match `filter`; fetch() gets what is new. */
export function fetcher(filter) {
  const held = new Map();
  let asked = 0;
  let capped = false;

  /* Points by stream and time, so that what is asked for twice is here once. */
  function merge(fresh) {
    const oldest = Date.now() - SPAN_MS;
    for (const s of fresh) {
      const known = held.get(s.key);
      if (known) {
        const have = new Set(known.points.map((p) => p.time));
        known.points.push(...s.points.filter((p) => !have.has(p.time)));
        known.points.sort((a, b) => a.time - b.time);
      } else held.set(s.key, s);
    }
    for (const [key, s] of held) {
      s.points = s.points.filter((p) => p.time >= oldest);
      if (!s.points.length) held.delete(key);
    }
  }

  return {
    async fetch() {
      const now = Date.now();
      const some = asked ? { since: `${now - asked + 5000}ms` } : { since: `${SPAN_MS}ms`, every: `${THIN_MS}ms` };
      const fresh = series(await data.telemetry("metrics", { ...filter, ...some, limit: LIMIT, max_series: MAX_SERIES }));
      merge(fresh);
      asked = now;
      capped ||= fresh.reduce((n, s) => n + s.points.length, 0) >= LIMIT;
    },
    streams: () => [...held.values()],
    capped: () => capped,
  };
}
