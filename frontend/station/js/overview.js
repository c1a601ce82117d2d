// SPDX-License-Identifier: Apache-2.0
// Is anything wrong, and where: a sentence, the services, failing traces, warnings.

import { fill, h } from "../shared/dom.js";
import { bytes, duration, number, serviceColour } from "../shared/format.js";
import * as data from "./data.js";
import { logs as flat, severityClass } from "./otlp.js";
import { nothingYet, service, when } from "./parts.js";
import { sparkline } from "./sparkline.js";
import { keyed, loading } from "./states.js";

const WARN = 13;
const MANY = 100; // services in the table

let sections;

const sum = (list) => list.reduce((a, b) => a + b, 0);
const ms = (nano) => Number(BigInt(nano) / 1000000n);

function headline(services, minutes) {
  const failing = services.filter((s) => sum(s.failed)).sort((a, b) => sum(b.failed) - sum(a.failed));
  const quiet = services.length === 1 ? "1 service is heard" : `${number(services.length)} services are heard`;
  if (!failing.length) return h("p", { class: "headline good" }, `✓ No request failed in the last ${minutes} minutes. ${quiet}.`);
  const total = sum(failing.map((s) => sum(s.failed)));
  return h(
    "p",
    { class: "headline bad wrap" },
    `⚠ ${number(total)} ${total === 1 ? "request" : "requests"} failed in the last ${minutes} minutes: `,
    failing.slice(0, 4).map((s, i) => [i ? ", " : "", h("a", { href: `#/traces?service=${encodeURIComponent(s.name)}&errors=true` }, s.name || "(no service.name)"), ` ${number(sum(s.failed))}`]),
    failing.length > 4 && `, and ${failing.length - 4} more services`,
  );
}

function lastValue(list) {
  for (let i = list.length; i--; ) if (list[i]) return list[i];
  return 0;
}

function serviceRow(s, slotSeconds) {
  const requests = sum(s.requests);
  const failed = sum(s.failed);
  const perMinute = requests / ((s.requests.length * slotSeconds) / 60);
  const p95 = lastValue(s.p95Nano);
  const address = `#/traces?service=${encodeURIComponent(s.name)}`;
  return h(
    "tr",
    { tabindex: 0, "data-row": true, onclick: () => (location.hash = address), style: { "--colour": serviceColour(s.name) } },
    h("td", {}, h("a", { href: address, tabindex: -1 }, service(s.name))),
    h("td", {}, h("span", { class: "spark" }, sparkline(s.requests, { label: `requests of ${s.name}` }), h("span", { class: "number" }, requests ? `${number(perMinute, perMinute < 10 ? 1 : 0)} / min` : "–"))),
    h("td", {}, h("span", { class: `spark ${failed ? "bad" : ""}` }, sparkline(s.failed, { label: `failures of ${s.name}` }), h("span", { class: "number" }, failed ? `⚠ ${number(failed)}` : "0"))),
    h("td", {}, h("span", { class: "spark" }, sparkline(s.p95Nano, { kind: "line", label: `95th percentile of ${s.name}` }), h("span", { class: "number" }, p95 ? duration(p95) : "–"))),
    h("td", { class: "right number wide-only" }, number(s.spans)),
    h("td", { class: "right number wide-only" }, number(s.logs)),
    h("td", { class: "time wide-only" }, when(ms(s.lastUnixNano))),
  );
}

function table(className, head, body) {
  return h("div", { class: "scroll-x" }, h("table", { class: className }, head && h("thead", {}, h("tr", {}, head)), body));
}

function makeSections(root) {
  const body = () => h("tbody", {});
  sections = { headline: h("div", {}), services: body(), more: h("p", { class: "count" }), failing: body(), warnings: body(), held: h("p", { class: "count" }) };
  const right = (text) => h("th", { class: "right wide-only" }, text);
  fill(
    root,
    h("h1", {}, "Overview"),
    sections.headline,
    table("services-table", [h("th", {}, "service"), h("th", {}, "requests"), h("th", {}, "failed"), h("th", { title: "95 of 100 requests took no longer, in the newest slot of ten seconds" }, "p95"), right("spans"), right("logs"), h("th", { class: "wide-only" }, "heard")], sections.services),
    sections.more,
    h("div", { class: "halves" }, h("section", {}, h("h2", {}, "Traces with errors"), table("", null, sections.failing)), h("section", {}, h("h2", {}, "Warnings and errors in logs"), table("", null, sections.warnings))),
    h("h2", {}, "Held"),
    sections.held,
  );
}

const none = (text) => [{ none: text }];
const noneRow = (item) => h("tr", {}, h("td", { class: "count" }, item.none));

function failingRow(t) {
  if (t.none) return noneRow(t);
  const address = `#/traces/${t.traceId}`;
  return h(
    "tr",
    { tabindex: 0, "data-row": true, onclick: () => (location.hash = address) },
    h("td", { class: "time" }, when(ms(t.startUnixNano))),
    h("td", { class: "main" }, h("a", { href: address, tabindex: -1 }, [t.name || "(no name)", t.path].filter(Boolean).join(" ")), " ", service(t.service)),
    h("td", { class: "right number" }, h("span", { class: "bad" }, `⚠ ${number(t.errors)}`)),
    h("td", { class: "right number" }, duration(t.durationNano)),
  );
}

function warningRow(r) {
  if (r.none) return noneRow(r);
  const address = r.traceId && `#/traces/${r.traceId}${r.spanId ? `?span=${r.spanId}` : ""}`;
  return h(
    "tr",
    { tabindex: 0, "data-row": true, onclick: () => (location.hash = address || "#/logs?level=warn") },
    h("td", { class: "time" }, when(r.time)),
    h("td", {}, h("span", { class: `severity ${severityClass(r.severity)}` }, r.severityText)),
    h("td", { class: "main body" }, r.body, " ", service(r.service)),
  );
}

async function load(root) {
  const [{ services, slotSeconds }, { traces }, { store }, logs] = await Promise.all([data.services(), data.traces({ errors: "true", limit: 8 }), data.status(), data.telemetry("logs", { limit: 8, severity: WARN })]);
  if (!services.length) {
    sections = null;
    return void fill(root, h("h1", {}, "Overview"), nothingYet("telemetry"));
  }
  if (!sections?.headline.isConnected) makeSections(root);
  const slots = Math.max(0, ...services.map((s) => s.requests.length));
  fill(sections.headline, headline(services, Math.round((slots * slotSeconds) / 60) || 10));
  services.sort((a, b) => sum(b.failed) - sum(a.failed) || (b.spans > 0) - (a.spans > 0) || (a.name < b.name ? -1 : 1));
  keyed(sections.services, services.slice(0, MANY), (s) => s.name, (s) => [s.requests, s.failed, s.p95Nano, s.spans, s.logs].join(), (s) => serviceRow(s, slotSeconds));
  sections.more.textContent = services.length > MANY ? `and ${number(services.length - MANY)} more services` : "";
  keyed(sections.failing, traces.length ? traces : none("No trace with an error is held."), (t) => t.traceId || "none", (t) => t.seq, failingRow);
  const bad = flat(logs).sort((a, b) => b.time - a.time);
  keyed(sections.warnings, bad.length ? bad : none("No warning and no error is held."), (r) => (r.none ? "none" : [r.time, r.service, r.spanId, r.body].join()), () => "", warningRow);
  const evicted = store.spans.evicted + store.logs.evicted + store.metrics.evicted;
  sections.held.textContent =
    `${number(store.traces)} ${store.traces === 1 ? "trace" : "traces"}, ${number(store.spans.held)} spans, ${number(store.logs.held)} log records, ${number(store.metrics.held)} metrics in ${bytes(store.bytes)} of ${bytes(store.budget)}` +
    (evicted ? `; ${number(evicted)} of the oldest have been evicted to make room` : "");
}

let main;
export async function render(element) {
  main = element;
  sections = null;
  fill(main);
  await loading(main, () => load(main));
}

export const update = () => load(main);
export const pace = 1000;
