// SPDX-License-Identifier: Apache-2.0
// Log records, the newest first, each with the way to its trace.

import { fill, h } from "../shared/dom.js";
import { ago, exactTime, number, shortId } from "../shared/format.js";
import * as data from "./data.js";
import { remember } from "./route.js";
import { logs as flat, severityClass, show } from "./otlp.js";
import { nothingYet, searchField, service, serviceChoice } from "./parts.js";

const LIMIT = 500;
const LEVELS = { "": 0, debug: 5, info: 9, warn: 13, error: 17 };
let table, counted, current;

const inline = (attributes) =>
  Object.entries(attributes)
    .map(([key, value]) => `${key}=${show(value)}`)
    .join("  ");

function row(record) {
  const trace = record.traceId && `#/traces/${record.traceId}${record.spanId ? `?span=${record.spanId}` : ""}`;
  return h(
    "tr",
    { tabindex: 0, "data-row": true, onclick: () => trace && (location.hash = trace) },
    h("td", { class: "time number", title: exactTime(record.time) }, ago(record.time)),
    h("td", {}, h("span", { class: `severity ${severityClass(record.severity)}` }, record.severity >= 17 ? "⚠ " : "", record.severityText || "–")),
    h("td", { class: "wide-only" }, service(record.service)),
    h("td", {}, h("div", { class: "body" }, record.body), Object.keys(record.attributes).length > 0 && h("div", { class: "attributes-inline" }, inline(record.attributes))),
    h("td", { class: "mono" }, trace ? h("a", { href: trace, title: record.traceId }, shortId(record.traceId)) : h("span", { class: "count" }, "no trace")),
  );
}

function matches(record) {
  const text = (current.q || "").toLowerCase();
  if (record.severity < (LEVELS[current.level || ""] || 0)) return false;
  return !text || record.body.toLowerCase().includes(text) || inline(record.attributes).toLowerCase().includes(text);
}

async function load() {
  const found = flat(await data.telemetry("logs", { limit: LIMIT, service: current.service, trace_id: current.trace_id }));
  const records = found.filter(matches).sort((a, b) => b.time - a.time);
  counted.textContent = `${number(records.length)}${found.length >= LIMIT ? ` among the newest ${LIMIT}` : ""} ${records.length === 1 ? "record" : "records"}`;
  if (!records.length)
    return void fill(table, found.length || Object.values(current).some(Boolean) ? h("p", { class: "empty" }, "Nothing matches. Take a filter away, or search for less.") : nothingYet("log records"));
  fill(
    table,
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, h("th", {}, "time"), h("th", {}, "severity"), h("th", { class: "wide-only" }, "service"), h("th", {}, "text"), h("th", {}, "trace"))),
      h("tbody", {}, records.map(row)),
    ),
  );
}

function change(part) {
  current = { ...current, ...part };
  remember(part);
  load();
}

export async function render(main, { query }) {
  current = { service: query.service, q: query.q, level: query.level, trace_id: query.trace_id };
  const { services } = await data.services();
  table = h("div", {});
  counted = h("span", { class: "count" });
  const levels = h(
    "select",
    { "aria-label": "severity", onchange: () => change({ level: levels.value }) },
    Object.keys(LEVELS).map((level) => h("option", { value: level, selected: level === (query.level || "") }, level ? `${level} and above` : "all severities")),
  );
  fill(
    main,
    h(
      "div",
      { class: "bar" },
      h("h1", {}, "Logs"),
      searchField(query.q, "find in text and attributes", (q) => change({ q })),
      serviceChoice(services.filter((s) => s.logs).map((s) => s.name), query.service, (name) => change({ service: name })),
      levels,
      query.trace_id && h("a", { href: "#/logs" }, `only trace ${shortId(query.trace_id)} ✕`),
      counted,
    ),
    table,
  );
  await load();
}

export const update = load;
