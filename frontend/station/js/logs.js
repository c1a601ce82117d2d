// SPDX-License-Identifier: Apache-2.0
// Log records, the newest first, each with the way to its trace.

import { fill, h } from "../shared/dom.js";
import { number, shortId } from "../shared/format.js";
import * as data from "./data.js";
import { remember } from "./route.js";
import { logs as flat, severityClass, show } from "./otlp.js";
import { keyed, loading, nothingMatches } from "./states.js";
import { nothingYet, searchField, service, serviceChoice, when } from "./parts.js";

const LIMIT = 500;
const LEVELS = { "": 0, debug: 5, info: 9, warn: 13, error: 17 };
let table, counted, choice, current;

const inline = (attributes) => Object.entries(attributes).map(([key, value]) => h("span", {}, h("i", {}, key), "=", show(value)));

function row(record) {
  const trace = record.traceId && `#/traces/${record.traceId}${record.spanId ? `?span=${record.spanId}` : ""}`;
  return h(
    "tr",
    { tabindex: 0, "data-row": true, class: trace ? "" : "no-trace", onclick: () => trace && (location.hash = trace) },
    h("td", { class: "time number" }, when(record.time)),
    h("td", {}, h("span", { class: `severity ${severityClass(record.severity)}` }, record.severity >= 17 ? "⚠ " : "", record.severityText || "–")),
    h("td", { class: "wide-only" }, service(record.service)),
    h("td", { class: "main" }, h("div", { class: "body" }, record.body), Object.keys(record.attributes).length > 0 && h("div", { class: "attributes-inline" }, inline(record.attributes))),
    h("td", { class: "mono time" }, trace ? h("a", { href: trace, tabindex: -1, title: record.traceId }, shortId(record.traceId)) : h("span", { class: "count" }, "no trace")),
  );
}

/* The same record twice in a list is two records: they are told apart by counting. */
function keys(records) {
  const seen = new Map();
  for (const r of records) {
    const key = [r.time, r.service, r.traceId, r.spanId, r.severity, r.body].join("|");
    const n = (seen.get(key) || 0) + 1;
    seen.set(key, n);
    r.key = `${key}|${n}`;
  }
}

async function load() {
  const severity = LEVELS[current.level || ""] || "";
  const [otlp, { store }] = await Promise.all([data.telemetry("logs", { limit: LIMIT, service: current.service, trace_id: current.trace_id, q: current.q, severity }), data.status()]);
  const records = flat(otlp).sort((a, b) => a.time - b.time);
  keys(records);
  records.reverse();
  const filtered = Object.values(current).some(Boolean);
  const some = records.length >= LIMIT ? `the newest ${number(LIMIT)}` : number(records.length);
  counted.textContent = filtered ? `${some} found, ${number(store.logs.held)} held` : records.length < store.logs.held ? `${some} of ${number(store.logs.held)}` : `${some} ${records.length === 1 ? "record" : "records"}`;
  if (!records.length) return void fill(table, filtered && store.logs.held ? nothingMatches() : nothingYet("log records"));
  let body = table.querySelector("tbody");
  if (!body) {
    body = h("tbody", {});
    fill(table, h("table", { class: "logs" }, h("thead", {}, h("tr", {}, h("th", { class: "time" }, "time"), h("th", {}, "severity"), h("th", { class: "wide-only" }, "service"), h("th", {}, "text"), h("th", {}, "trace"))), body));
  }
  keyed(body, records, (r) => r.key, () => "", row);
}

function change(part) {
  current = { ...current, ...part };
  remember(part);
  fill(table);
  loading(table, load);
}

export async function render(main, { query }) {
  current = { service: query.service, q: query.q, level: query.level, trace_id: query.trace_id };
  table = h("div", {});
  counted = h("span", { class: "count number" });
  choice = serviceChoice(query.service, (name) => change({ service: name }));
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
      choice.element,
      levels,
      query.trace_id && h("a", { href: "#/logs" }, `only trace ${shortId(query.trace_id)} ✕`),
      counted,
    ),
    table,
  );
  choice.load((s) => s.logs);
  await loading(table, load);
}

export async function update() {
  await load();
  choice.load((s) => s.logs);
}
