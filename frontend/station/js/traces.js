// SPDX-License-Identifier: Apache-2.0
// The list of traces, the newest first.

import { fill, h } from "../shared/dom.js";
import { ago, duration, exactTime, number, serviceColour, shortId } from "../shared/format.js";
import * as data from "./data.js";
import { remember } from "./route.js";
import { nothingYet, searchField, service, serviceChoice } from "./parts.js";

let table, counted, current;

function row(trace, longest) {
  const address = `#/traces/${trace.traceId}`;
  const start = Number(BigInt(trace.startUnixNano) / 1000000n);
  return h(
    "tr",
    { tabindex: 0, "data-row": true, onclick: () => (location.hash = address) },
    h("td", { class: "time", title: exactTime(start) }, ago(start)),
    h("td", {}, h("a", { href: address }, trace.name || "(no name)"), !trace.complete && h("span", { class: "count", title: "the root span has not arrived" }, " · without its root")),
    h("td", { class: "wide-only" }, trace.services.map(service)),
    h("td", { class: "right number" }, number(trace.spans)),
    h("td", { class: "right" }, trace.errors ? h("span", { class: "bad" }, `⚠ ${trace.errors}`) : ""),
    h("td", { class: "right number" }, duration(trace.durationNano)),
    h("td", { class: "wide-only" }, h("span", { class: "lengthbar" }, h("i", { style: { width: `${Math.max(1, (100 * Number(trace.durationNano)) / longest)}%`, "--colour": serviceColour(trace.service) } }))),
    h("td", { class: "wide-only mono time", title: trace.traceId }, shortId(trace.traceId)),
  );
}

async function load() {
  const { traces, more, held } = await data.traces({ limit: 200, ...current });
  const filtered = Object.values(current).some(Boolean);
  counted.textContent = `${more ? "the newest " : ""}${number(traces.length)} of ${number(held)} held`;
  if (!traces.length)
    return void fill(table, filtered ? h("p", { class: "empty" }, "Nothing matches. Take a filter away, or search for less.") : nothingYet("traces"));
  const longest = Math.max(1, ...traces.map((t) => Number(t.durationNano)));
  const focused = rowIndex();
  fill(
    table,
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, h("th", {}, "started"), h("th", {}, "name"), h("th", { class: "wide-only" }, "services"), h("th", { class: "right" }, "spans"), h("th", { class: "right" }, "errors"), h("th", { class: "right" }, "took"), h("th", { class: "wide-only" }, ""), h("th", { class: "wide-only" }, "trace id"))),
      h("tbody", {}, traces.map((trace) => row(trace, longest))),
    ),
  );
  if (focused >= 0) table.querySelectorAll("[data-row]")[focused]?.focus({ preventScroll: true });
}

function rowIndex() {
  return [...table.querySelectorAll("[data-row]")].indexOf(document.activeElement);
}

function change(part) {
  current = { ...current, ...part };
  remember(part);
  load();
}

export async function render(main, { query }) {
  current = { service: query.service, q: query.q, errors: query.errors, min_ms: query.min_ms };
  const { services } = await data.services();
  table = h("div", {});
  counted = h("span", { class: "count" });
  fill(
    main,
    h(
      "div",
      { class: "bar" },
      h("h1", {}, "Traces"),
      searchField(query.q, "find by span name or trace id", (q) => change({ q })),
      serviceChoice(services.filter((s) => s.spans).map((s) => s.name), query.service, (name) => change({ service: name })),
      h("label", {}, h("input", { type: "checkbox", checked: query.errors === "true", onchange: (e) => change({ errors: e.target.checked ? "true" : "" }) }), "with errors"),
      counted,
    ),
    table,
  );
  await load();
}

export const update = load;
