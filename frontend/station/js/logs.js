// SPDX-License-Identifier: Apache-2.0
// Log records, the newest first: how severe over time, each with its attributes and the way to its trace.

import { fill, h } from "../shared/dom.js";
import { exactTime, number, shortId } from "../shared/format.js";
import { crashCard } from "./crash.js";
import * as data from "./data.js";
import { sinceOf } from "./markers.js";
import { isFiltered, nothingYet } from "./notices.js";
import { logs as flat, severityClass, show } from "./otlp.js";
import { attributeTable, searchField, service, serviceChoice, sinceReload, when } from "./parts.js";
import { remember, to } from "./route.js";
import { keyed, loading, nothingMatches } from "./states.js";
import { bars } from "./timeline.js";

const LIMIT = 500;
const LONG = 120; // of an attribute in the list; opening a record shows all of it
const OWN = "cupola.";
const STACK = "exception.stacktrace";
const LEVELS = { "": "all severities", debug: "debug and above", info: "info and above", warn: "warn and above", error: "error" };
const COUNTED = ["error", "warn", "info", "debug"];
let table, counted, choice, current, strip, mine, open;

const short = (text) => (text.length > LONG ? `${text.slice(0, LONG)}…` : text);
const isOwn = (record) => record.event.startsWith(OWN) && !record.attributes["exception.type"]; // its text says what its attributes do
const inline = (attributes) => Object.entries(attributes).map(([key, value]) => key !== STACK && h("span", {}, h("i", {}, key), "=", short(show(value))));

const traceOf = (record) => record.traceId && to("traces", record.traceId, { span: record.spanId });

const noTrace = () => h("span", { class: "count", title: "The record was made while no span was current: it cannot be found from a trace, nor a trace from it." }, "no trace context");

function detail(record) {
  return h(
    "div",
    { class: "detail", onclick: (event) => event.stopPropagation() },
    /\.(crashed|stalled)$/.test(record.event) && crashCard({ ...record, word: record.event.split(".").pop() }),
    h("h3", {}, "Attributes"),
    attributeTable(record.attributes, record.types),
    h("h3", {}, "Record"),
    attributeTable({
      time: exactTime(record.time),
      severity: `${record.severityText} (${record.severity})`,
      ...(record.event ? { "event name": record.event } : {}),
      scope: [record.scope.name, record.scope.version].filter(Boolean).join(" ") || "(no name)",
      "trace id": record.traceId || "none: no trace context",
      "span id": record.spanId || "none",
    }),
    h("h3", {}, "Resource"),
    attributeTable(record.resource),
    h("p", {}, record.traceId && [h("a", { href: traceOf(record) }, "open the trace"), " · "], h("a", { href: to("services", record.service) }, "its service")),
  );
}

function toggle(record) {
  open = open === record.nano ? "" : record.nano;
  remember({ record: open });
  load();
}

function row(record) {
  const trace = traceOf(record);
  return h(
    "tr",
    { tabindex: 0, "data-row": true, class: `level-${severityClass(record.severity)}`, "aria-expanded": String(open === record.nano), onclick: () => toggle(record) },
    h("td", { class: "time number" }, when(record.time)),
    h("td", {}, h("span", { class: `severity ${severityClass(record.severity)}` }, record.severity >= 17 ? "⚠ " : "", record.severityText || "–")),
    h("td", { class: "wide-only" }, service(record.service)),
    h("td", { class: "main" }, h("div", { class: "body" }, record.body), open === record.nano ? detail(record) : !isOwn(record) && Object.keys(record.attributes).length > 0 && h("div", { class: "attributes-inline" }, inline(record.attributes))),
    h("td", { class: "mono time" }, trace ? h("a", { href: trace, tabindex: -1, title: `open trace ${record.traceId}`, onclick: (event) => event.stopPropagation() }, shortId(record.traceId)) : noTrace()),
  );
}

/* The same record twice in a list is two records: they are told apart by counting. */
function keys(records) {
  const seen = new Map();
  for (const r of records) {
    const key = [r.nano, r.service, r.traceId, r.spanId, r.severity, r.body].join("|");
    const n = (seen.get(key) || 0) + 1;
    seen.set(key, n);
    r.key = `${key}|${n}`;
  }
}

function levelButton(level, n) {
  const chosen = current.severity === level;
  return h(
    "button",
    { type: "button", class: `quiet level ${level}`, "data-level": level, "aria-pressed": String(chosen), title: `only ${LEVELS[level]}`, onclick: () => change({ severity: chosen ? "" : level }) },
    h("span", { class: `severity ${level}` }, `${level === "error" && n ? "⚠ " : ""}${level.toUpperCase()}`),
    " ",
    h("b", { class: "number" }, number(n)),
  );
}

function drawStrip(counts) {
  const from = Number(BigInt(counts.fromUnixNano) / 1000000n);
  const slot = counts.slotSeconds * 1000;
  const n = counts.info.length;
  const total = (level) => counts[level].reduce((a, b) => a + b, 0);
  const slots = Array.from({ length: n }, (_, i) => ({ from: from + i * slot, to: from + (i + 1) * slot, parts: COUNTED.toReversed().map((name) => ({ name, n: counts[name][i] })) }));
  const words = COUNTED.filter((level) => level !== "debug" || total(level));
  if (!strip.firstChild) fill(strip, h("div", { class: "levels" }), h("div", {}));
  const [levels, time] = strip.children;
  keyed(levels, words, (level) => level, (level) => `${total(level)} ${current.severity}`, (level) => levelButton(level, total(level)));
  const label = words.map((l) => `${total(l)} ${l}`).join(", ");
  if (strip.clientWidth) fill(time, bars({ slots, from, to: from + n * slot, width: strip.clientWidth, label, service: current.service }));
}

/* The strip reaches back as far as the records do, in steps, so that it does not change with each arrival. */
function stripSince(records) {
  if (!records.length || records.length >= LIMIT) return "15m";
  const back = Date.now() - records[0].time;
  return back < 55000 ? "1m" : back < 280000 ? "5m" : "15m";
}

async function load() {
  const asked = mine;
  const filter = { service: current.service, trace_id: current.trace_id, q: current.q, since: sinceOf(current.since, current.service) };
  const [otlp, status] = await Promise.all([data.telemetry("logs", { ...filter, limit: LIMIT, severity: current.severity }), data.status()]);
  const records = flat(otlp).sort((a, b) => a.time - b.time);
  const counts = await data.logCounts({ ...filter, since: filter.since || stripSince(records) });
  if (asked !== mine) return; // another choice was made meanwhile
  const { store } = status;
  keys(records);
  records.reverse();
  const filtered = Object.values(current).some(Boolean);
  const some = records.length >= LIMIT ? `the newest ${number(LIMIT)}` : number(records.length);
  counted.textContent = filtered ? `${some} found, ${number(store.logs.held)} held` : records.length < store.logs.held ? `${some} of ${number(store.logs.held)}` : `${some} ${records.length === 1 ? "record" : "records"}`;
  strip.hidden = !store.logs.held;
  drawStrip(counts);
  if (!records.length) return void fill(table, isFiltered(current) && store.logs.held ? nothingMatches() : nothingYet("log records", "logs", status, current.service));
  let body = table.querySelector("tbody");
  if (!body) {
    body = h("tbody", {});
    fill(table, h("table", { class: "logs" }, h("thead", {}, h("tr", {}, h("th", { class: "time" }, "time"), h("th", {}, "severity"), h("th", { class: "wide-only" }, "service"), h("th", {}, "text"), h("th", {}, "trace"))), body));
  }
  keyed(body, records, (r) => r.key, (r) => open === r.nano, row);
}

function change(part) {
  current = { ...current, ...part };
  mine = {};
  remember(part);
  fill(table);
  loading(table, load);
}

export async function render(main, { query }) {
  current = { service: query.service, q: query.q, severity: query.severity, trace_id: query.trace_id, since: query.since };
  open = query.record || "";
  mine = {};
  table = h("div", {});
  strip = h("div", { class: "strip" });
  counted = h("span", { class: "count number" });
  choice = serviceChoice(query.service, (name) => change({ service: name }));
  const levels = h(
    "select",
    { "aria-label": "severity", onchange: () => change({ severity: levels.value }) },
    Object.entries(LEVELS).map(([level, text]) => h("option", { value: level, selected: level === (query.severity || "") }, text)),
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
      sinceReload(current.since, (since) => change({ since })),
      query.trace_id && h("a", { href: "#/logs" }, `only trace ${shortId(query.trace_id)} ✕`),
      counted,
    ),
    strip,
    table,
  );
  choice.load((s) => s.logs);
  await loading(table, load);
}

export async function update() {
  await load();
  choice.load((s) => s.logs);
}

export function escape() {
  if (!open) return;
  open = "";
  remember({ record: "" });
  load();
}
