// SPDX-License-Identifier: Apache-2.0
// One metric: its lines or its buckets, its series with their attributes, and how often it comes.

import { fill, h } from "../shared/dom.js";
import { duration, exactTime, number, serviceColour } from "../shared/format.js";
import { chart } from "./chart.js";
import * as data from "./data.js";
import { buckets, heatmap, quantileLines, quantiles, together } from "./histogram.js";
import { exemplarsOf, linesOf, totalOf } from "./lines.js";
import { nothingYet } from "./notices.js";
import { series as flat, show } from "./otlp.js";
import { sameName, service, serviceChoice, tooMany, when } from "./parts.js";
import { remember } from "./route.js";
import { keepingFocus, loading } from "./states.js";
import { formatter, unitName, unitWord } from "./units.js";
import { fetcher, MAX_SERIES, rangeOf } from "./streams.js";

const ROWS = 200; // of the table of series
let root, name, current, mine, source, parts, choice;

const TYPE = { sum: "counter", gauge: "gauge", histogram: "histogram", exponentialHistogram: "exponential histogram", summary: "summary" };

function kindOf(s) {
  if (s.type === "sum") return s.monotonic ? "counter" : "up-down counter";
  return TYPE[s.type] || s.type;
}

function facts(list, rows) {
  const first = list[0];
  const n = rows.reduce((a, r) => a + r.series, 0);
  const newest = Math.max(...rows.map((r) => Number(BigInt(r.lastUnixNano) / 1000000n)));
  const every = rows.find((r) => r.everyNano)?.everyNano;
  const one = (key, title, ...value) => h("div", { "data-fact": key }, h("dt", {}, title), h("dd", {}, ...value));
  const histogram = first?.type.toLowerCase().includes("histogram");
  return h(
    "dl",
    { class: "facts" },
    first && one("type", "kind", kindOf(first)),
    first && one("unit", "unit", first.unit ? h("code", {}, first.unit) : "none", unitName(first.unit) && ` ${unitName(first.unit)}`),
    first && (first.type === "sum" || histogram) && one("temporality", "temporality", first.delta ? "delta" : "cumulative"),
    first && !histogram && one("total", "now", h("b", { class: "number" }, formatter(first.unit, false, totalOf(list))(totalOf(list)))),
    one("series", "series", n > 50 ? h("span", { class: "warn-text" }, `⚠ ${number(n)}`) : number(n)),
    one("every", "comes", every ? `every ${duration(Number(every))}` : "once so far", ", last ", when(newest)),
  );
}

function seriesTable(list) {
  const shown = list.slice(0, ROWS);
  return h(
    "section",
    {},
    h("h2", {}, "Series ", h("span", { class: "count" }, "one for each service and set of attributes")),
    h(
      "div",
      { class: "scroll-x" },
      h(
        "table",
        { class: "series-table" },
        h("thead", {}, h("tr", {}, h("th", {}, "service"), h("th", {}, "attributes"), h("th", { class: "right" }, "now"), h("th", { class: "right" }, "last"))),
        h(
          "tbody",
          {},
          shown.map((s) => {
            const p = s.points[s.points.length - 1];
            const value = s.buckets || s.type.toLowerCase().includes("histogram") || s.type === "summary" ? `${number(p.count)} measured` : formatter(s.unit, false, p.value)(p.value);
            return h(
              "tr",
              { tabindex: 0, "data-row": true, "data-attributes": JSON.stringify(s.attributes) },
              h("td", {}, service(s.service)),
              h("td", {}, h("div", { class: "attributes-inline" }, Object.keys(s.attributes).length ? Object.entries(s.attributes).map(([k, v]) => h("span", {}, h("i", {}, k), "=", show(v), " ", h("span", { class: "type" }, s.types[k]))) : "no attributes")),
              h("td", { class: "right number" }, value),
              h("td", { class: "right time", title: exactTime(p.time) }, when(p.time)),
            );
          }),
        ),
      ),
    ),
    list.length > ROWS && h("p", { class: "count" }, `and ${number(list.length - ROWS)} more`),
  );
}

function drawHistogram(list, range) {
  const all = together(list);
  const exemplars = exemplarsOf(list);
  const q = quantiles(all);
  const unit = list[0].unit;
  const colour = serviceColour(list[0].service);
  const write = (v) => formatter(unit, false, v)(v);
  return [
    q && h("p", { class: "quantiles" }, Object.entries(q).map(([p, v]) => h("span", { "data-quantile": p }, h("i", {}, p), h("b", { class: "number" }, write(v)))), h("span", {}, h("i", {}, "measured"), h("b", { class: "number" }, number(all.total.reduce((a, b) => a + b, 0))))),
    chart({ title: "percentiles", detail: `${unitWord(unit) || "values"}, from the buckets: right to the width of a bucket${exemplars.length ? "; a hollow dot is one measurement, a click opens its trace" : ""}`, lines: quantileLines(all, colour).filter((l) => l.points.some((p) => p[1] !== null)), unit, exemplars, ...range }),
    h("figure", { class: "chart" }, h("h3", {}, "buckets over time"), h("p", {}, "the darker, the more measurements fell into the bucket"), heatmap(all, { unit, colour, ...range })),
    h("figure", { class: "chart" }, h("h3", {}, "buckets"), h("p", {}, "what fell into each of them in this time"), buckets(all, unit, colour)),
    all.others > 0 && h("p", { class: "count" }, `${number(all.others)} series have other bounds and are not in this picture.`),
  ];
}

function drawLines(list, range) {
  const first = list[0];
  const counter = first.type === "sum" && first.monotonic;
  const total = counter && current.as !== "rate";
  const pick = (as, text) => h("button", { type: "button", class: "quiet", "aria-pressed": String((current.as || "total") === as), onclick: () => change({ as }) }, text);
  const lines = linesOf(list, { total });
  return [
    counter && h("p", { class: "picks" }, pick("total", "in all"), pick("rate", "per second")),
    lines.length
      ? chart({ title: name, detail: [first.description.replace(/\.$/, ""), total ? "counted since the process began" : ""].filter(Boolean).join(" · "), lines, unit: first.unit, perSecond: counter && !total, whole: total && list.every((s) => s.points.every((p) => Number.isInteger(p.value))), ...range })
      : h("p", { class: "count" }, "One collection so far; the next makes a line."),
  ];
}

function draw(rows) {
  const list = source.streams().filter((s) => s.name === name);
  const wide = rows.find((r) => r.series > MAX_SERIES);
  fill(parts.notice, rows.length > 0 && tooMany(rows));
  fill(parts.facts, rows.length > 0 && facts(list, rows));
  if (!list.length) return void fill(parts.picture, wide ? h("p", { class: "count" }, `More than ${MAX_SERIES} series are not drawn.`) : null);
  const range = { ...rangeOf(list), width: Math.max(280, parts.picture.clientWidth - 26), service: current.service || list[0].service };
  const pictures = list[0].type === "histogram" ? drawHistogram(list, range) : drawLines(list, range);
  fill(parts.picture, pictures);
  fill(parts.series, seriesTable(list));
}

async function load() {
  const asked = mine;
  const [{ metrics }] = await Promise.all([data.metrics({ name, service: current.service }), source.fetch()]);
  if (asked !== mine) return;
  if (!metrics.length && !source.streams().length) {
    const status = await data.status();
    return void fill(parts.picture, nothingYet(`points of ${name}`, "metrics", status, current.service));
  }
  keepingFocus(root, () => draw(metrics));
}

function change(part) {
  if ("service" in part) return void (location.hash = sameName(name, part.service));
  current = { ...current, ...part };
  remember(part);
  load();
}

export async function render(main, { id, query }) {
  root = main;
  name = id;
  current = { service: query.service, as: query.as };
  mine = {};
  source = fetcher({ name, service: current.service });
  parts = { notice: h("div", {}), facts: h("div", {}), picture: h("div", { class: "pictures" }), series: h("div", {}) };
  choice = serviceChoice(query.service, (chosen) => change({ service: chosen }));
  fill(root, h("div", { class: "bar" }, h("a", { href: sameName("", current.service), title: "back to all metrics (Esc)" }, "← Metrics"), h("h1", { class: "mono" }, name), choice.element), parts.notice, parts.facts, parts.picture, parts.series);
  choice.load((s) => s.metrics);
  await loading(parts.picture, load);
}

export const update = load;
export const pace = 800;
export const escape = () => (location.hash = sameName("", current.service));
