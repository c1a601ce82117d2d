// SPDX-License-Identifier: Apache-2.0
// Is anything wrong, and where: services, failing traces, what the operator should know.

import { fill, h } from "../shared/dom.js";
import { ago, bytes, duration, number } from "../shared/format.js";
import * as data from "./data.js";
import { logs as flat, severityClass } from "./otlp.js";
import { nothingYet, service } from "./parts.js";

let root;

function tile(s) {
  return h(
    "a",
    { class: "tile", href: `#/traces?service=${encodeURIComponent(s.name)}` },
    service(s.name || "(no service.name)"),
    h("strong", { class: "number" }, `${number(s.spans)} spans`),
    h("div", { class: "count" }, s.errors ? h("span", { class: "bad" }, `⚠ ${number(s.errors)} with errors`) : "no errors", ` · ${number(s.logs)} logs · ${ago(Number(BigInt(s.lastUnixNano) / 1000000n))}`),
  );
}

function failing(traces) {
  if (!traces.length) return h("p", { class: "count" }, "No trace with an error is held.");
  return h(
    "table",
    {},
    h("tbody", {}, traces.map((t) => h("tr", { tabindex: 0, "data-row": true, onclick: () => (location.hash = `#/traces/${t.traceId}`) }, h("td", { class: "time" }, ago(Number(BigInt(t.startUnixNano) / 1000000n))), h("td", {}, h("a", { href: `#/traces/${t.traceId}` }, t.name)), h("td", {}, t.services.map(service)), h("td", { class: "right" }, h("span", { class: "bad" }, `⚠ ${t.errors}`)), h("td", { class: "right number" }, duration(t.durationNano))))),
  );
}

function warnings(records) {
  if (!records.length) return h("p", { class: "count" }, "No warnings or errors among the newest records.");
  return h(
    "table",
    {},
    h("tbody", {}, records.map((r) => h("tr", {}, h("td", { class: "time" }, ago(r.time)), h("td", {}, h("span", { class: `severity ${severityClass(r.severity)}` }, r.severityText)), h("td", {}, service(r.service)), h("td", { class: "body" }, r.traceId ? h("a", { href: `#/traces/${r.traceId}?span=${r.spanId}` }, r.body) : r.body)))),
  );
}

async function load() {
  const [{ services }, { traces }, status, logs] = await Promise.all([data.services(), data.traces({ errors: "true", limit: 8 }), data.status(), data.telemetry("logs", { limit: 500 })]);
  if (!services.length) return void fill(root, h("h1", {}, "Overview"), nothingYet("telemetry"));
  const bad = flat(logs)
    .filter((r) => r.severity >= 13)
    .sort((a, b) => b.time - a.time)
    .slice(0, 8);
  const { store } = status;
  const evicted = store.spans.evicted + store.logs.evicted + store.metrics.evicted;
  fill(
    root,
    h("h1", {}, "Overview"),
    h("div", { class: "tiles" }, services.map(tile)),
    h("h2", {}, "Traces with errors"),
    failing(traces),
    h("h2", {}, "Warnings and errors in logs"),
    warnings(bad),
    h("h2", {}, "Held"),
    h("p", { class: "count" }, `${number(store.traces)} traces, ${number(store.spans.held)} spans, ${number(store.logs.held)} log records, ${number(store.metrics.held)} metrics in ${bytes(store.bytes)} of ${bytes(store.budget)}`, evicted ? `; ${number(evicted)} of the oldest have been evicted` : ""),
  );
}

export async function render(main) {
  root = main;
  await load();
}

export const update = load;
