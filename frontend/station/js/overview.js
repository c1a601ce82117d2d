// SPDX-License-Identifier: Apache-2.0
// Is anything wrong, and where: a sentence, crashes, the services, failing traces, warnings.

import { fill, h } from "../shared/dom.js";
import { bytes, duration, number, serviceColour, shortId } from "../shared/format.js";
import { crashCard } from "./crash.js";
import * as data from "./data.js";
import * as markers from "./markers.js";
import { environmentNotices, nothingYet } from "./notices.js";
import { logs as flat, severityClass } from "./otlp.js";
import { eventWord, notSet, sdkOf, service, when } from "./parts.js";
import { to } from "./route.js";
import { sparkline } from "./sparkline.js";
import { keyed, loading } from "./states.js";

const WARN = 13;
const MANY = 100; // services in the table
const CRASH_MS = 10 * 60000; // how long a crash stays on this page
const EVENTS = 8;

let sections;

const sum = (list) => list.reduce((a, b) => a + b, 0);
const ms = (nano) => Number(BigInt(nano) / 1000000n);

function headline(services, minutes) {
  const crashed = recentCrashes();
  if (crashed.length) {
    const names = crashed.map((c, i) => [i ? ", " : "", h("a", { href: to("services", c.service) }, c.service), c.word === "stalled" ? " was held up " : " crashed ", when(c.time)]);
    return h("p", { class: "headline bad wrap" }, "⚠ ", names);
  }
  const failing = services.filter((s) => sum(s.failed)).sort((a, b) => sum(b.failed) - sum(a.failed));
  const quiet = services.length === 1 ? "1 service is heard" : `${number(services.length)} services are heard`;
  if (!failing.length) return h("p", { class: "headline good" }, `✓ No request failed in the last ${minutes} minutes. ${quiet}.`);
  const total = sum(failing.map((s) => sum(s.failed)));
  return h(
    "p",
    { class: "headline bad wrap" },
    `⚠ ${number(total)} ${total === 1 ? "request" : "requests"} failed in the last ${minutes} minutes: `,
    failing.slice(0, 4).map((s, i) => [i ? ", " : "", h("a", { href: to("traces", "", { service: s.name, errors: "true" }) }, s.name || "(no service.name)"), ` ${number(sum(s.failed))}`]),
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
  const address = to("services", s.name);
  const about = (key) => s.about[key] || notSet();
  const instance = s.about["service.instance.id"];
  return h(
    "tr",
    { tabindex: 0, "data-row": true, "data-service": s.name, onclick: () => (location.hash = address), style: { "--colour": serviceColour(s.name) } },
    h("td", {}, h("a", { href: address, tabindex: -1 }, service(s.name))),
    h("td", { class: "mono", "data-fact": "service.version" }, about("service.version"), h("div", { class: "narrow-only count" }, about("deployment.environment.name"))),
    h("td", { class: "mono wide-only", "data-fact": "deployment.environment.name" }, about("deployment.environment.name")),
    h("td", { class: "mono wide-only", "data-fact": "service.instance.id", title: instance }, instance ? shortId(instance) : notSet()),
    h("td", {}, h("span", { class: "spark" }, sparkline(s.requests, { label: `requests of ${s.name}` }), h("span", { class: "number" }, requests ? `${number(perMinute, perMinute < 10 ? 1 : 0)} / min` : "–"))),
    h("td", {}, h("span", { class: `spark ${failed ? "bad" : ""}` }, sparkline(s.failed, { label: `failures of ${s.name}` }), h("span", { class: "number" }, failed ? `⚠ ${number(failed)}` : "0"))),
    h("td", { class: "wide-only" }, h("span", { class: "spark" }, sparkline(s.p95Nano, { kind: "line", label: `95th percentile of ${s.name}` }), h("span", { class: "number" }, p95 ? duration(p95) : "–"))),
    h("td", { class: "right number wide-only" }, number(s.spans)),
    h("td", { class: "right number wide-only" }, number(s.logs)),
    h("td", { class: "count widest-only", title: sdkOf(s.about) }, sdkOf(s.about)),
    h("td", { class: "time wide-only" }, when(ms(s.lastUnixNano))),
  );
}

function table(className, head, body) {
  return h("div", { class: "scroll-x" }, h("table", { class: className }, head && h("thead", {}, h("tr", {}, head)), body));
}

function makeSections(root) {
  const body = () => h("tbody", {});
  sections = { notices: h("div", {}), headline: h("div", {}), crashes: h("div", { class: "crashes" }), services: body(), more: h("p", { class: "count" }), failing: body(), warnings: body(), events: body(), held: h("p", { class: "count" }) };
  const right = (text) => h("th", { class: "right wide-only" }, text);
  fill(
    root,
    h("h1", {}, "Overview"),
    sections.notices,
    sections.headline,
    sections.crashes,
    table(
      "services-table",
      [
        h("th", {}, "service"),
        h("th", { title: "service.version of its Resource" }, "version"),
        h("th", { class: "wide-only", title: "deployment.environment.name of its Resource" }, "environment"),
        h("th", { class: "wide-only", title: "service.instance.id of its Resource" }, "instance"),
        h("th", {}, "requests"),
        h("th", {}, "failed"),
        h("th", { class: "wide-only", title: "95 of 100 requests took no longer, in the newest slot of ten seconds" }, "p95"),
        right("spans"),
        right("logs"),
        h("th", { class: "widest-only" }, "SDK"),
        h("th", { class: "wide-only" }, "heard"),
      ],
      sections.services,
    ),
    sections.more,
    h(
      "div",
      { class: "halves" },
      h("section", {}, h("h2", {}, "Traces with errors"), table("", null, sections.failing)),
      h("section", {}, h("h2", {}, "Warnings and errors in logs"), table("", null, sections.warnings)),
      h("section", {}, h("h2", {}, "Loads, reloads, crashes"), table("", null, sections.events)),
      h("section", {}, h("h2", {}, "Held"), sections.held),
    ),
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
  const address = r.traceId ? `#/traces/${r.traceId}${r.spanId ? `?span=${r.spanId}` : ""}` : to("logs", "", { service: r.service, record: r.nano });
  return h(
    "tr",
    { tabindex: 0, "data-row": true, onclick: () => (location.hash = address) },
    h("td", { class: "time" }, when(r.time)),
    h("td", {}, h("span", { class: `severity ${severityClass(r.severity)}` }, r.severityText)),
    h("td", { class: "main body" }, r.body, " ", service(r.service)),
  );
}

function eventRow(e) {
  if (e.none) return noneRow(e);
  return h(
    "tr",
    { tabindex: 0, "data-row": true, onclick: () => (location.hash = to("services", e.service)) },
    h("td", { class: "time" }, when(e.time)),
    h("td", {}, eventWord(e)),
    h("td", { class: "main body" }, e.body, " ", service(e.service)),
  );
}

/* Of each service its last crash, while it is news. */
function recentCrashes() {
  const seen = new Set();
  /* That the station itself was held up is mostly by a page like this one: its own page tells of it. */
  const told = markers.crashes().filter((c) => c.word === "crashed" || c.service !== "station");
  return told.filter((c) => Date.now() - c.time < CRASH_MS && !seen.has(c.service) && seen.add(c.service));
}

function showCrashes() {
  keyed(sections.crashes, recentCrashes(), (c) => `${c.service} ${c.nano}`, () => "", (c) => crashCard(c));
}

async function load(root) {
  const [{ services, slotSeconds }, { traces }, status, logs] = await Promise.all([data.services(), data.traces({ errors: "true", limit: 8 }), data.status(), data.telemetry("logs", { limit: 8, severity: WARN })]);
  if (!services.length) {
    sections = null;
    return void fill(root, h("h1", {}, "Overview"), nothingYet("telemetry", "", status));
  }
  if (!sections?.headline.isConnected) makeSections(root);
  fill(sections.notices, environmentNotices(status.environment));
  const slots = Math.max(0, ...services.map((s) => s.requests.length));
  fill(sections.headline, headline(services, Math.round((slots * slotSeconds) / 60) || 10));
  showCrashes();
  services.sort((a, b) => sum(b.failed) - sum(a.failed) || (b.spans > 0) - (a.spans > 0) || (a.name < b.name ? -1 : 1));
  keyed(sections.services, services.slice(0, MANY), (s) => s.name, (s) => [s.requests, s.failed, s.p95Nano, s.spans, s.logs, JSON.stringify(s.about)].join(), (s) => serviceRow(s, slotSeconds));
  sections.more.textContent = services.length > MANY ? `and ${number(services.length - MANY)} more services` : "";
  keyed(sections.failing, traces.length ? traces : none("No trace with an error is held."), (t) => t.traceId || "none", (t) => t.seq, failingRow);
  const bad = flat(logs).sort((a, b) => b.time - a.time);
  keyed(sections.warnings, bad.length ? bad : none("No warning and no error is held."), (r) => (r.none ? "none" : [r.nano, r.service, r.spanId, r.body].join()), () => "", warningRow);
  const events = markers.all().slice(0, EVENTS);
  keyed(sections.events, events.length ? events : none("The host has told of none."), (e) => (e.none ? "none" : [e.nano, e.service, e.word].join()), () => "", eventRow);
  const { store } = status;
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
export const pace = 600;
