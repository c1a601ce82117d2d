// SPDX-License-Identifier: Apache-2.0
// One service: its whole Resource, what changed since the last one, what the host told of it, what it sends.

import { fill, h } from "../shared/dom.js";
import { exactTime, number, serviceColour } from "../shared/format.js";
import { crashCard } from "./crash.js";
import * as data from "./data.js";
import * as markers from "./markers.js";
import { settingsOf, switchedOff } from "./notices.js";
import { attributes, show, types } from "./otlp.js";
import { attributeTable, eventWord, facts, when } from "./parts.js";
import { to } from "./route.js";
import { keepingFocus, keyed, loading } from "./states.js";

const SHOWN = 12; // records of its lifecycle
let root, name, seen, head;

const ms = (nano) => Number(BigInt(nano) / 1000000n);

function resource(r) {
  const list = r.resource?.attributes;
  return { ...r, attributes: attributes(list), types: types(list), first: ms(r.firstUnixNano), last: ms(r.lastUnixNano) };
}

/** What differs between two resources: [[key, before, after]], undefined where it is not set. */
export function differences(before, after) {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.filter((k) => show(before[k] ?? null) !== show(after[k] ?? null)).map((k) => [k, before[k], after[k]]);
}

const value = (v) => (v === undefined ? h("span", { class: "count" }, "not set") : show(v));

function changes(list) {
  if (list.length < 2) return null;
  const [now, before] = list;
  const rows = differences(before.attributes, now.attributes);
  return h(
    "section",
    { class: "changes" },
    h("h2", {}, "What changed ", h("span", { class: "count" }, when(now.first))),
    rows.length
      ? h("div", { class: "scroll-x" }, h("table", {}, h("thead", {}, h("tr", {}, ["attribute", "before", "now"].map((t) => h("th", {}, t)))), h("tbody", {}, rows.map(([k, a, b]) => h("tr", {}, h("td", { class: "mono" }, k), h("td", { class: "mono" }, value(a)), h("td", { class: "mono" }, h("b", {}, value(b))))))))
      : h("p", { class: "count" }, "Its attributes are the same; only the schema differs."),
  );
}

function sends(s) {
  const told = settingsOf(name) || {};
  const one = (signal, word, n, address) =>
    h("li", {}, n ? h("a", { href: address }, `${number(n)} ${word}`) : h("span", { class: "count" }, `no ${word}`), told[signal] && told[signal] !== "otlp" && h("span", { class: "count" }, ` · ${signal} = ${told[signal]}`));
  return h(
    "ul",
    { class: "sends" },
    one("traces", "spans", s.spans, to("traces", "", { service: name })),
    one("logs", "log records", s.logs, to("logs", "", { service: name })),
    one("metrics", "metric points", s.metrics, to("metrics", "", { service: name })),
  );
}

function lifecycleRow(e) {
  return h("tr", {}, h("td", { class: "time" }, when(e.time)), h("td", {}, eventWord(e)), h("td", { class: "main body" }, e.body));
}

function absent() {
  return [
    h("h1", {}, name || "(no service.name)"),
    h("div", { class: "empty" }, h("h2", {}, "Nothing of this service is held"), h("p", {}, "Its name in telemetry is the service.name of its Resource. This page shows it as soon as something comes."), h("p", {}, h("a", { href: "#/overview" }, "All services"))),
  ];
}

/* What moves with each arrival, apart from what is read. */
function drawHead(s) {
  keepingFocus(head, () =>
    fill(
      head,
      h("div", { class: "bar" }, h("h1", { class: "service large", style: { "--colour": serviceColour(name) } }, name || "(no service.name)"), h("span", { class: "count" }, "heard ", when(ms(s.lastUnixNano)))),
      facts(s.about),
      sends(s),
    ),
  );
}

function draw(resources) {
  const now = resources[0];
  const events = markers.all(name);
  const crash = markers.crashes(name)[0];
  const lifecycle = h("tbody", {});
  keyed(lifecycle, events.slice(0, SHOWN), (e) => `${e.nano} ${e.word}`, () => "", lifecycleRow);
  fill(
    root,
    head,
    switchedOff(name),
    crash && crashCard(crash),
    h(
      "div",
      { class: "halves" },
      h(
        "section",
        { class: "resource" },
        h("h2", {}, "Resource ", h("span", { class: "count", title: exactTime(now.first) }, `${number(Object.keys(now.attributes).length)} attributes`)),
        attributeTable(now.attributes, now.types),
        h("p", { class: "count" }, now.schemaUrl ? `schema ${now.schemaUrl}; ` : "", `scopes: ${[...new Set(now.scopes.map((x) => [x.scope?.name || "(no name)", x.scope?.version].filter(Boolean).join(" ")))].join(", ")}`),
      ),
      h(
        "div",
        {},
        changes(resources),
        events.length > 0 && [h("h2", {}, "Loads, reloads, crashes"), h("div", { class: "scroll-x" }, h("table", {}, lifecycle))],
        resources.length > 1 && h("p", { class: "count" }, `${number(resources.length)} different Resources of this service are held.`),
      ),
    ),
  );
}

async function load() {
  const mine = name;
  const [{ services }, answer] = await Promise.all([data.services(), data.resources(name)]);
  if (mine !== name) return; // another one was opened meanwhile
  const s = services.find((x) => x.name === name);
  const list = answer.resources.map(resource).sort((a, b) => b.last - a.last || b.first - a.first);
  if (s) drawHead(s);
  const now = JSON.stringify([Boolean(s), list.map((r) => r.first), markers.all(name).length, markers.all(name)[0]?.nano]);
  if (now === seen) return;
  seen = now;
  if (!s || !list.length) fill(root, absent());
  else draw(list);
}

export async function render(main, { id }) {
  root = main;
  name = id;
  seen = "";
  head = h("div", {});
  fill(root);
  await loading(root, load);
}

export const update = load;
export const pace = 600;
export const escape = () => (location.hash = "#/overview");
