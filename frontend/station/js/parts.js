// SPDX-License-Identifier: Apache-2.0
// Small pieces that several views use.

import { copyButton, h } from "../shared/dom.js";
import { ago, exactTime, serviceColour } from "../shared/format.js";
import * as data from "./data.js";
import { show } from "./otlp.js";

export const service = (name) => h("span", { class: "service", style: { "--colour": serviceColour(name) } }, name || "(no service.name)");

/** "3 s ago", kept true by tick(); the exact time on hover. */
export const when = (unixMs) => h("time", { "data-ms": unixMs, title: exactTime(unixMs) }, ago(unixMs));

export function tick(root) {
  const now = Date.now();
  for (const element of root.querySelectorAll("time[data-ms]")) {
    const text = ago(Number(element.dataset.ms), now);
    if (element.textContent !== text) element.textContent = text;
  }
}

export const command = (text) => h("pre", { class: "command" }, h("code", {}, text), copyButton(text));

/** What to do when there is nothing yet. */
export function nothingYet(what) {
  return h(
    "div",
    { class: "empty" },
    h("h2", {}, `No ${what} yet`),
    h("p", {}, "Point a program at this station, by OTLP over HTTP or gRPC:"),
    command(`OTEL_EXPORTER_OTLP_ENDPOINT=http://${location.hostname}:4318`),
    h("p", {}, "or ask the example application a question:"),
    command(`curl '${location.hostname}:5000/api/distance?location=Darmstadt'`),
    h("p", {}, "If a program sends and nothing shows, ", h("a", { href: "#/receiver" }, "Receiver"), " says what arrived and what was wrong with it."),
  );
}

/** Names and paths break behind their dots and slashes, before they break anywhere. */
function breakable(text) {
  const parts = text.split(/(?<=[._/:,?&=-])(?=[^._/:,?&=-])/);
  return parts.length > 200 ? [text] : parts.flatMap((part, i) => (i ? [h("wbr", {}), part] : [part]));
}

export function attributeTable(attributes) {
  const entries = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  if (!entries.length) return h("p", { class: "count" }, "none");
  return h("table", { class: "attributes" }, h("tbody", {}, entries.map(([key, value]) => h("tr", {}, h("th", { scope: "row" }, breakable(key)), h("td", {}, breakable(show(value)))))));
}

/** A <select> of services that keeps its choice; load(has) fetches those of which `has` is true. */
export function serviceChoice(chosen, onchange) {
  const element = h("select", { "aria-label": "service", onchange: () => onchange(element.value) }, h("option", { value: "" }, "all services"));
  const add = (name) => element.append(h("option", { value: name, selected: name === chosen }, name));
  if (chosen) add(chosen);
  const load = async (has) => {
    const { services } = await data.services().catch(() => ({ services: [] }));
    const there = new Set([...element.options].map((o) => o.value));
    const fresh = services.filter((s) => s.name && has(s) && !there.has(s.name)).map((s) => s.name);
    fresh.sort().forEach(add);
  };
  return { element, load };
}

/** Calls back once typing has paused. */
export function searchField(value, placeholder, onchange) {
  let timer = 0;
  const input = h("input", { type: "search", placeholder, "aria-label": placeholder, value: value || "" });
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => onchange(input.value.trim()), 150);
  });
  return input;
}
