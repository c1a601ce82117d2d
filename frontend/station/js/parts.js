// SPDX-License-Identifier: Apache-2.0
// Small pieces that several views use.

import { copyButton, h } from "../shared/dom.js";
import { serviceColour } from "../shared/format.js";
import { show } from "./otlp.js";

export const service = (name) => h("span", { class: "service", style: { "--colour": serviceColour(name) } }, name);

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

export function attributeTable(attributes) {
  const entries = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  if (!entries.length) return h("p", { class: "count" }, "none");
  return h("table", { class: "attributes" }, h("tbody", {}, entries.map(([key, value]) => h("tr", {}, h("td", {}, key), h("td", {}, show(value))))));
}

/** A <select> of services that keeps its choice. */
export function serviceChoice(names, chosen, onchange) {
  const select = h(
    "select",
    { "aria-label": "service", onchange: () => onchange(select.value) },
    h("option", { value: "" }, "all services"),
    [...new Set([...names, ...(chosen ? [chosen] : [])])].sort().map((name) => h("option", { value: name, selected: name === chosen }, name)),
  );
  return select;
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
