// SPDX-License-Identifier: Apache-2.0
// A chart for each metric, over one time for all. What arrives is added to what is here.

import { fill, h } from "../shared/dom.js";
import { number } from "../shared/format.js";
import { chart } from "./chart.js";
import * as data from "./data.js";
import { linesOf } from "./lines.js";
import { remember } from "./route.js";
import { series } from "./otlp.js";
import { loading, nothingMatches } from "./states.js";
import { nothingYet, searchField, serviceChoice } from "./parts.js";
import { unitWord } from "./units.js";

const SPAN_MS = 15 * 60000;
const LIMIT = 20000;
const MAX_CHARTS = 60;
const MAX_LINES = 40; // of one chart
const HOST = "cupola"; // what the host tells of itself comes last
const CARD = 420; // pixels that a chart wants at least
const PAD = 26;

let charts, counted, choice, current, held;

/* Points by stream and time, so that what is asked for twice is here once. */
function merge(fresh) {
  const oldest = Date.now() - SPAN_MS;
  for (const s of fresh) {
    const known = held.streams.get(s.key);
    if (known) {
      const have = new Set(known.points.map((p) => p.time));
      known.points.push(...s.points.filter((p) => !have.has(p.time)));
      known.points.sort((a, b) => a.time - b.time);
    } else held.streams.set(s.key, s);
  }
  for (const [key, s] of held.streams) {
    s.points = s.points.filter((p) => p.time >= oldest);
    if (!s.points.length) held.streams.delete(key);
  }
}

async function fetchNew() {
  const mine = held;
  const asked = Date.now();
  const since = mine.asked ? `${asked - mine.asked + 5000}ms` : `${SPAN_MS}ms`;
  const otlp = await data.telemetry("metrics", { service: current.service, since, limit: LIMIT });
  const fresh = series(otlp);
  if (mine !== held) return; // another choice was made meanwhile
  merge(fresh);
  mine.asked = asked;
  mine.capped ||= fresh.reduce((n, s) => n + s.points.length, 0) >= LIMIT;
}

function what(s) {
  const unit = unitWord(s.unit);
  const shown = s.type === "histogram" ? `95th percentile, and median dashed` : s.type === "sum" && s.monotonic ? `${unit} per second`.trim() : unit;
  return [s.description.replace(/\.$/, ""), shown].filter(Boolean).join(" · ");
}

function card(name, list, from, to, width) {
  const lines = linesOf(list).slice(0, MAX_LINES);
  const first = list[0];
  const perSecond = first.type === "sum" && first.monotonic;
  const whole = !perSecond && first.type !== "histogram" && list.every((s) => s.points.every((p) => Number.isInteger(p.value)));
  if (lines.length) return chart({ title: name, detail: what(first), lines, unit: first.unit, perSecond, whole, from, to, width });
  const told = first.points.length > 1 ? "Nothing was measured in this time." : "One collection so far; the next makes a line.";
  return h("figure", { class: "chart" }, h("h3", {}, name), h("p", {}, what(first)), h("p", { class: "still" }, told));
}

function draw() {
  const all = [...held.streams.values()].filter((s) => !current.q || s.name.toLowerCase().includes(current.q.toLowerCase()));
  const own = new Set(all.filter((s) => s.service === HOST).map((s) => s.name));
  const names = [...new Set(all.map((s) => s.name))].sort((a, b) => own.has(a) - own.has(b) || (a < b ? -1 : 1));
  counted.textContent = `${number(names.length)} ${names.length === 1 ? "metric" : "metrics"}, the last 15 minutes${held.capped ? `, the newest ${number(LIMIT)} points` : ""}${names.length > MAX_CHARTS ? `; the first ${MAX_CHARTS} are drawn` : ""}`;
  if (!names.length) return void fill(charts, held.streams.size || current.service ? nothingMatches() : nothingYet("metrics"));
  const times = all.flatMap((s) => [s.points[0].time, s.points[s.points.length - 1].time]);
  const from = times.reduce((a, b) => Math.min(a, b));
  const to = times.reduce((a, b) => Math.max(a, b));
  const room = charts.clientWidth;
  const columns = Math.max(1, Math.floor((room + 16) / (CARD + 16)));
  const width = Math.floor((room - 16 * (columns - 1)) / columns) - PAD;
  fill(
    charts,
    h(
      "div",
      { class: "charts", style: { "--columns": columns } },
      names.slice(0, MAX_CHARTS).map((name) => card(name, all.filter((s) => s.name === name), from, to, width)),
    ),
  );
}

async function load() {
  await fetchNew();
  if (charts.clientWidth) draw();
}

function change(part) {
  const again = "service" in part && part.service !== current.service;
  current = { ...current, ...part };
  remember(part);
  if (!again) return draw();
  held = { streams: new Map(), asked: 0, capped: false };
  fill(charts);
  loading(charts, load);
}

export async function render(main, { query }) {
  current = { service: query.service, q: query.q };
  held = { streams: new Map(), asked: 0, capped: false };
  charts = h("div", {});
  counted = h("span", { class: "count number" });
  choice = serviceChoice(query.service, (name) => change({ service: name }));
  fill(main, h("div", { class: "bar" }, h("h1", {}, "Metrics"), searchField(query.q, "find by name", (q) => change({ q })), choice.element, counted), charts);
  const mine = charts;
  let width = 0;
  new ResizeObserver(() => {
    if (mine !== charts || !charts.clientWidth || charts.clientWidth === width) return;
    width = charts.clientWidth;
    if (held.streams.size) draw();
  }).observe(charts);
  choice.load((s) => s.metrics);
  await loading(charts, load);
}

export async function update() {
  await load();
  choice.load((s) => s.metrics);
}
export const pace = 1000;
