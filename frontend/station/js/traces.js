// SPDX-License-Identifier: Apache-2.0
// The list of traces, the newest first.

import { fill, h } from "../shared/dom.js";
import { duration, number, serviceColour, shortId } from "../shared/format.js";
import * as data from "./data.js";
import { sinceOf } from "./markers.js";
import { isFiltered, nothingYet } from "./notices.js";
import { remember } from "./route.js";
import { keyed, loading, nothingMatches } from "./states.js";
import { searchField, serviceBlock, serviceChoice, sinceReload, when } from "./parts.js";
import { dots } from "./timeline.js";

const LIMIT = 200;
const SERVICES_SHOWN = 5;
const SPAN_MS = 60000; // the strip shows at least so much
let table, counted, choice, current, strip, mine;

function row(trace, longest) {
  const address = `#/traces/${trace.traceId}`;
  return h(
    "tr",
    { tabindex: 0, "data-row": true, class: trace.errors ? "failed" : "", onclick: () => (location.hash = address) },
    h("td", { class: "time" }, when(Number(BigInt(trace.startUnixNano) / 1000000n))),
    h("td", { class: "main" }, h("a", { href: address, tabindex: -1 }, [trace.name || "(no name)", trace.path].filter(Boolean).join(" ")), !trace.complete && h("span", { class: "count", title: "the root span has not arrived" }, " · without its root"), h("span", { class: "narrow-only" }, trace.services.map((s) => h("i", { class: "square", title: s, style: { "--colour": serviceColour(s) } })))),
    h("td", { class: "wide-only" }, trace.services.slice(0, SERVICES_SHOWN).map(serviceBlock), trace.services.length > SERVICES_SHOWN && h("span", { class: "count" }, `and ${trace.services.length - SERVICES_SHOWN} more`)),
    h("td", { class: "right number wide-only" }, number(trace.spans)),
    h("td", { class: "right number" }, trace.errors ? h("span", { class: "bad" }, `⚠ ${number(trace.errors)}`, h("span", { class: "wide-only" }, trace.errors === 1 ? " error" : " errors")) : ""),
    h("td", { class: "right number" }, duration(trace.durationNano)),
    h("td", { class: "wide-only" }, h("span", { class: "lengthbar" }, h("i", { style: { width: `${Math.max(1, (100 * Number(trace.durationNano)) / longest)}%`, "--colour": serviceColour(trace.service) } }))),
    h("td", { class: "widest-only mono time", title: trace.traceId }, shortId(trace.traceId)),
  );
}

const head = () =>
  h(
    "tr",
    {},
    h("th", { class: "time" }, "started"),
    h("th", {}, "name"),
    h("th", { class: "wide-only" }, "services"),
    h("th", { class: "right wide-only" }, "spans"),
    h("th", { class: "right" }, "errors"),
    h("th", { class: "right" }, "took"),
    h("th", { class: "wide-only" }, h("span", { class: "visually-hidden" }, "length")),
    h("th", { class: "widest-only" }, "trace id"),
  );

/** A length to draw bars by that does not change with each arrival: 1, 2 or 5 times a power of ten. */
function roundUp(n) {
  const power = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 5, 10].map((m) => m * power).find((m) => m >= n);
}

function drawStrip(traces) {
  strip.hidden = !traces.length;
  if (!traces.length || !strip.clientWidth) return;
  const list = traces.map((t) => ({
    time: Number(BigInt(t.startUnixNano) / 1000000n),
    value: Number(t.durationNano),
    colour: serviceColour(t.service),
    bad: t.errors > 0,
    title: `${t.name || "(no name)"}, ${duration(t.durationNano)}${t.errors ? `, ${t.errors} with errors` : ""}`,
    open: () => (location.hash = `#/traces/${t.traceId}`),
  }));
  const now = Date.now();
  const oldest = Math.min(now - SPAN_MS, ...list.map((d) => d.time));
  const failed = list.filter((d) => d.bad).length;
  fill(strip, dots({ dots: list, from: oldest - (now - oldest) * 0.01, to: now + (now - oldest) * 0.01, width: strip.clientWidth, label: `${list.length} traces, ${failed} with errors`, service: current.service }));
}

async function load() {
  const asked = mine;
  const [{ traces, more, held }, status] = await Promise.all([data.traces({ limit: LIMIT, ...current, since: sinceOf(current.since, current.service) }), data.status()]);
  if (asked !== mine) return; // another choice was made meanwhile
  drawStrip(traces);
  const filtered = Object.values(current).some(Boolean);
  counted.textContent = filtered ? `${more ? "the newest " : ""}${number(traces.length)} found, ${number(held)} held` : more ? `the newest ${number(traces.length)} of ${number(held)}` : `${number(held)} ${held === 1 ? "trace" : "traces"}`;
  if (!traces.length) return void fill(table, isFiltered(current) && held ? nothingMatches() : nothingYet("traces", "traces", status, current.service));
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
  mine = {};
  remember(part);
  fill(table);
  loading(table, load);
}

export async function render(main, { query }) {
  current = { service: query.service, q: query.q, errors: query.errors, min_ms: query.min_ms, since: query.since };
  mine = {};
  strip = h("div", { class: "strip" });
  table = h("div", {});
  counted = h("span", { class: "count number" });
  choice = serviceChoice(query.service, (name) => change({ service: name }));
  fill(
    main,
    h(
      "div",
      { class: "bar" },
      h("h1", {}, "Traces"),
      searchField(query.q, "name, trace id or attribute=value", (q) => change({ q })),
      choice.element,
      h("label", {}, h("input", { type: "checkbox", checked: query.errors === "true", onchange: (e) => change({ errors: e.target.checked ? "true" : "" }) }), "errors only"),
      h("label", {}, "longer than", minimum(query.min_ms), "ms"),
      sinceReload(current.since, (since) => change({ since })),
      counted,
    ),
    strip,
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
