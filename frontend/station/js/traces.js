// SPDX-License-Identifier: Apache-2.0
// The list of traces, the newest first.

import { fill, h } from "../shared/dom.js";
import { duration, number, serviceColour, shortId } from "../shared/format.js";
import * as data from "./data.js";
import { remember } from "./route.js";
import { keyed, loading, nothingMatches } from "./states.js";
import { nothingYet, searchField, service, serviceChoice, when } from "./parts.js";

const LIMIT = 200;
const SERVICES_SHOWN = 5;
let table, counted, choice, current;

function row(trace, longest) {
  const address = `#/traces/${trace.traceId}`;
  return h(
    "tr",
    { tabindex: 0, "data-row": true, onclick: () => (location.hash = address) },
    h("td", { class: "time" }, when(Number(BigInt(trace.startUnixNano) / 1000000n))),
    h("td", { class: "main" }, h("a", { href: address, tabindex: -1 }, [trace.name || "(no name)", trace.path].filter(Boolean).join(" ")), !trace.complete && h("span", { class: "count", title: "the root span has not arrived" }, " · without its root")),
    h("td", { class: "wide-only" }, trace.services.slice(0, SERVICES_SHOWN).map(service), trace.services.length > SERVICES_SHOWN && h("span", { class: "count" }, `and ${trace.services.length - SERVICES_SHOWN} more`)),
    h("td", { class: "right number" }, number(trace.spans)),
    h("td", { class: "right number" }, trace.errors ? h("span", { class: "bad" }, `⚠ ${number(trace.errors)}`) : ""),
    h("td", { class: "right number" }, duration(trace.durationNano)),
    h("td", { class: "wide-only" }, h("span", { class: "lengthbar" }, h("i", { style: { width: `${Math.max(1, (100 * Number(trace.durationNano)) / longest)}%`, "--colour": serviceColour(trace.service) } }))),
    h("td", { class: "wide-only mono time", title: trace.traceId }, shortId(trace.traceId)),
  );
}

const head = () =>
  h(
    "tr",
    {},
    h("th", { class: "time" }, "started"),
    h("th", {}, "name"),
    h("th", { class: "wide-only" }, "services"),
    h("th", { class: "right" }, "spans"),
    h("th", { class: "right" }, "errors"),
    h("th", { class: "right" }, "took"),
    h("th", { class: "wide-only" }, h("span", { class: "visually-hidden" }, "length")),
    h("th", { class: "wide-only" }, "trace id"),
  );

/** A length to draw bars by that does not change with each arrival: 1, 2 or 5 times a power of ten. */
function roundUp(n) {
  const power = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 5, 10].map((m) => m * power).find((m) => m >= n);
}

async function load() {
  const { traces, more, held } = await data.traces({ limit: LIMIT, ...current });
  const filtered = Object.values(current).some(Boolean);
  counted.textContent = filtered ? `${more ? "the newest " : ""}${number(traces.length)} found, ${number(held)} held` : more ? `the newest ${number(traces.length)} of ${number(held)}` : `${number(held)} ${held === 1 ? "trace" : "traces"}`;
  if (!traces.length) return void fill(table, filtered && held ? nothingMatches() : nothingYet("traces"));
  const longest = roundUp(Math.max(1, ...traces.map((t) => Number(t.durationNano))));
  let body = table.querySelector("tbody");
  if (!body) {
    body = h("tbody", {});
    fill(table, h("table", { class: "traces" }, h("thead", {}, head()), body));
  }
  keyed(body, traces, (t) => t.traceId, (t) => `${t.seq} ${t.durationNano} ${longest}`, (t) => row(t, longest));
}

function change(part) {
  current = { ...current, ...part };
  remember(part);
  fill(table);
  loading(table, load);
}

export async function render(main, { query }) {
  current = { service: query.service, q: query.q, errors: query.errors, min_ms: query.min_ms };
  table = h("div", {});
  counted = h("span", { class: "count number" });
  choice = serviceChoice(query.service, (name) => change({ service: name }));
  fill(
    main,
    h(
      "div",
      { class: "bar" },
      h("h1", {}, "Traces"),
      searchField(query.q, "find by span name or trace id", (q) => change({ q })),
      choice.element,
      h("label", {}, h("input", { type: "checkbox", checked: query.errors === "true", onchange: (e) => change({ errors: e.target.checked ? "true" : "" }) }), "with errors"),
      h("label", {}, "longer than", minimum(query.min_ms), "ms"),
      counted,
    ),
    table,
  );
  choice.load((s) => s.spans);
  await loading(table, load);
}

function minimum(value) {
  const input = h("input", { type: "number", min: 0, step: "any", class: "short", value: value || "", onchange: () => change({ min_ms: input.value }) });
  return input;
}

export async function update() {
  await load();
  choice.load((s) => s.spans);
}
