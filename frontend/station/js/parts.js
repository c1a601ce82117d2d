// SPDX-License-Identifier: Apache-2.0
// Small pieces that several views use.

import { copyButton, h } from "../shared/dom.js";
import { ago, exactTime, number, serviceColour } from "../shared/format.js";
import * as data from "./data.js";
import { show } from "./otlp.js";
import { to } from "./route.js";

export const service = (name) => h("span", { class: "service", style: { "--colour": serviceColour(name) } }, name || "(no service.name)");

/** A service as a block of its colour, for lists in which the number of services is what one looks for. */
export const serviceBlock = (name) => h("span", { class: "service-block", style: { "--colour": serviceColour(name) } }, name || "(no service.name)");

/** What the host told, in a word. */
export const eventWord = (e) => (e.warn ? h("span", { class: e.bad ? "bad" : "warn-text" }, `⚠ ${e.word}`) : h("b", {}, e.word));

/** "3 s ago", kept true by tick(); the exact time on hover. */
export const when = (unixMs) => h("time", { "data-ms": unixMs, title: exactTime(unixMs) }, ago(unixMs));

export function tick(root) {
  const now = Date.now();
  for (const element of root.querySelectorAll("time[data-ms]")) {
    const text = ago(Number(element.dataset.ms), now);
    if (element.textContent !== text) element.textContent = text;
  }
}

/** The attributes of a Resource by which services are told apart; what is not set is said. */
export const FACTS = [
  ["service.version", "version"],
  ["deployment.environment.name", "environment"],
  ["service.instance.id", "instance"],
];

export const sdkOf = (about) => [about["telemetry.sdk.name"], about["telemetry.sdk.language"], about["telemetry.sdk.version"]].filter(Boolean).join(" ");

export const notSet = () => h("span", { class: "not-set" }, "not set");

export function facts(about) {
  const one = (key, name, value) => h("div", { "data-fact": key }, h("dt", { title: key }, name), h("dd", { class: "mono" }, value || notSet()));
  return h("dl", { class: "facts" }, FACTS.map(([key, name]) => one(key, name, about[key])), one("telemetry.sdk", "SDK", sdkOf(about)));
}

export const command = (text) => h("pre", { class: "command" }, h("code", {}, text), copyButton(text));

/** Names and paths break behind their dots and slashes, before they break anywhere. */
function breakable(text) {
  const parts = text.split(/(?<=[._/:,?&=-])(?=[^._/:,?&=-])/);
  return parts.length > 200 ? [text] : parts.flatMap((part, i) => (i ? [h("wbr", {}), part] : [part]));
}

export function attributeTable(attributes, types = {}) {
  const entries = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  if (!entries.length) return h("p", { class: "count" }, "none");
  return h("table", { class: "attributes" }, h("tbody", {}, entries.map(([key, value]) => h("tr", {}, h("th", { scope: "row" }, breakable(key)), h("td", {}, breakable(show(value)), types[key] && h("span", { class: "type" }, types[key]))))));
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

/** What came since the last load or reload of a plugin, and nothing older. */
export function sinceReload(chosen, onchange) {
  const box = h("input", { type: "checkbox", checked: chosen === "reload", onchange: () => onchange(box.checked ? "reload" : "") });
  return h("label", { title: "of the service chosen, or of any" }, box, "since last reload");
}

/** The address of a metric, or of all of them, with the service that was chosen. */
export const sameName = (name, chosen) => to("metrics", name, { service: chosen });

const MANY = 50; // series

/** Says that a metric has too many series, and which attribute makes them; null when it has not. */
export function tooMany(rows) {
  const n = rows.reduce((a, r) => a + r.series, 0);
  if (n <= MANY) return null;
  const wide = rows.filter((r) => r.widest).sort((a, b) => b.widest.values - a.widest.values)[0];
  return h(
    "div",
    { class: "notice many" },
    h("p", {}, h("b", { class: "warn-text" }, `⚠ ${number(n)} series. `), wide ? [h("code", {}, wide.widest.key), ` has ${number(wide.widest.values)} different values, and each makes a series that is kept, sent and stored.`] : "Each different set of attributes makes one, that is kept, sent and stored."),
    h("p", { class: "count" }, "Attributes of metrics should have few values, known before: take it away, or put its values in a few groups. On spans and logs it does no harm."),
  );
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
