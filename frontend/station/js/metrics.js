// SPDX-License-Identifier: Apache-2.0
// A chart for each metric, over one time for all. What arrives is added to what is here.

import { fill, h } from "../shared/dom.js";
import { number } from "../shared/format.js";
import { chart } from "./chart.js";
import * as data from "./data.js";
import { exemplarsOf, linesOf, totalOf } from "./lines.js";
import { nothingYet } from "./notices.js";
import { sameName, searchField, serviceChoice, tooMany } from "./parts.js";
import { remember } from "./route.js";
import { keepingFocus, loading, nothingMatches } from "./states.js";
import { fetcher, LIMIT, rangeOf } from "./streams.js";
import { formatter, unitWord } from "./units.js";

const MAX_CHARTS = 60;
const MAX_LINES = 40; // of one chart
const HOST = "cupola"; // what the host tells of itself comes last
const CARD = 420; // pixels that a chart wants at least
const PAD = 26;

let charts, counted, choice, current, source;

function what(s) {
  const unit = unitWord(s.unit);
  const shown = s.type === "histogram" ? `95th percentile, and median dashed` : s.type === "sum" && s.monotonic ? `${unit} per second`.trim() : unit;
  return [s.description.replace(/\.$/, ""), shown].filter(Boolean).join(" · ");
}

/* "12 in all · 2 series" */
function countsOf(list, rows) {
  const first = list[0];
  const n = rows.reduce((a, r) => a + r.series, 0) || list.length;
  const total = totalOf(list);
  const now = first.type === "sum" && first.monotonic ? `${formatter(first.unit, false, total)(total)} in all` : first.type === "histogram" ? `${number(total)} measured` : "";
  return h("span", { class: "totals number" }, now && h("b", {}, now), h("span", {}, `${number(n)} series`));
}

function card(name, list, rows, from, to, width) {
  const title = h("a", { href: sameName(name, current.service) }, name);
  if (!list.length) return h("figure", { class: "chart", "data-metric": name }, h("h3", {}, title), tooMany(rows));
  const lines = linesOf(list).slice(0, MAX_LINES);
  const first = list[0];
  const perSecond = first.type === "sum" && first.monotonic;
  const whole = !perSecond && first.type !== "histogram" && list.every((s) => s.points.every((p) => Number.isInteger(p.value)));
  const extra = [countsOf(list, rows), tooMany(rows)];
  if (lines.length) return chart({ name, title, detail: what(first), extra, lines, unit: first.unit, perSecond, whole, from, to, width, service: current.service, exemplars: first.type === "histogram" ? exemplarsOf(list) : [] });
  const told = first.points.length > 1 ? "Nothing was measured in this time." : "One collection so far; the next makes a line.";
  return h("figure", { class: "chart", "data-metric": name }, h("h3", {}, title), h("p", {}, what(first)), extra, h("p", { class: "still" }, told));
}

function draw(rows, status) {
  const has = (name) => !current.q || name.toLowerCase().includes(current.q.toLowerCase());
  const all = source.streams().filter((s) => has(s.name));
  const told = rows.filter((r) => has(r.name));
  const own = new Set([...all, ...told].filter((s) => s.service === HOST).map((s) => s.name));
  const names = [...new Set([...all, ...told].map((s) => s.name))].sort((a, b) => own.has(a) - own.has(b) || (a < b ? -1 : 1));
  counted.textContent = `${number(names.length)} ${names.length === 1 ? "metric" : "metrics"}, the last 15 minutes${source.capped() ? `, the newest ${number(LIMIT)} points` : ""}${names.length > MAX_CHARTS ? `; the first ${MAX_CHARTS} are drawn` : ""}`;
  if (!names.length) return void fill(charts, current.q ? nothingMatches() : nothingYet("metrics", "metrics", status, current.service));
  const { from, to } = rangeOf(all);
  const room = charts.clientWidth;
  const columns = Math.max(1, Math.floor((room + 16) / (CARD + 16)));
  const width = Math.floor((room - 16 * (columns - 1)) / columns) - PAD;
  fill(
    charts,
    h(
      "div",
      { class: "charts", style: { "--columns": columns } },
      names.slice(0, MAX_CHARTS).map((name) => card(name, all.filter((s) => s.name === name), told.filter((r) => r.name === name), from, to, width)),
    ),
  );
}

const ROWS_MS = 2000; // how old the list of metrics with the numbers of their series may be
let askedRows = 0;
let rows = [];
let status;
async function load() {
  const mine = source;
  const old = Date.now() - askedRows > ROWS_MS;
  const [list, told] = await Promise.all([old && data.metrics({ service: current.service }), data.status(), mine.fetch()]);
  if (mine !== source) return; // another choice was made meanwhile
  if (list) {
    rows = list.metrics;
    askedRows = Date.now();
  }
  status = told;
  if (charts.clientWidth) keepingFocus(charts, () => draw(rows, status));
}

function change(part) {
  const again = "service" in part && part.service !== current.service;
  current = { ...current, ...part };
  remember(part);
  if (!again) return draw(rows, status);
  source = fetcher({ service: current.service });
  askedRows = 0;
  fill(charts);
  loading(charts, load);
}

export async function render(main, { query }) {
  current = { service: query.service, q: query.q };
  source = fetcher({ service: current.service });
  rows = [];
  askedRows = 0;
  charts = h("div", {});
  counted = h("span", { class: "count number" });
  choice = serviceChoice(query.service, (name) => change({ service: name }));
  fill(main, h("div", { class: "bar" }, h("h1", {}, "Metrics"), searchField(query.q, "find by name", (q) => change({ q })), choice.element, counted), charts);
  const mine = charts;
  let width = 0;
  new ResizeObserver(() => {
    if (mine !== charts || !charts.clientWidth || charts.clientWidth === width) return;
    width = charts.clientWidth;
    if (source.streams().length) draw(rows, status);
  }).observe(charts);
  choice.load((s) => s.metrics);
  await loading(charts, load);
}

export async function update() {
  await load();
  choice.load((s) => s.metrics);
}
export const pace = 800;
