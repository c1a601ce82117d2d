// SPDX-License-Identifier: Apache-2.0
// Why there is no data: what the environment or a setting keeps from arriving here, and what to do about it.

import { h } from "../shared/dom.js";
import { all } from "./markers.js";
import { command, service } from "./parts.js";

const NAMES = { traces: "spans", logs: "log records", metrics: "metrics" };

/* What each service's newest lifecycle record says of its settings: { service: { traces: "none", ... } }. */
function settings() {
  const found = new Map();
  for (const e of all()) {
    if (found.has(e.service)) continue;
    const told = Object.fromEntries(Object.keys(NAMES).map((s) => [s, e.attributes[`cupola.${s}`]]));
    if (Object.values(told).some(Boolean)) found.set(e.service, told);
  }
  return found;
}

/** Which services send none of a signal, by their settings. */
export const silent = (signal) => [...settings()].filter(([, s]) => s[signal] === "none" || s[signal] === "console").map(([name, s]) => ({ name, value: s[signal] }));

/** The settings of one service; undefined when its host has not told. */
export const settingsOf = (name) => settings().get(name);

function elsewhere(entry) {
  const undo = h("p", {}, "To see it here, start cupola without it:");
  return h("div", { class: "notice", "data-variable": entry.variable }, h("p", {}, "⚠ ", entry.text), undo, command(`env -u ${entry.variable} cupola run`));
}

/** Notices about variables of the environment that concern a signal, or any. */
export function environmentNotices(environment = [], signal) {
  return environment.filter((e) => e.effect !== "here" && (!signal || e.signals.includes(signal))).map(elsewhere);
}

const lines = (name, signals) => [command([`[plugin ${name}]`, ...signals.map((signal) => `${signal} = otlp`)].join("\n")), h("p", { class: "count" }, `Then: cupola reload ${name}. In the workshop's working copy, saving the file does it.`)];

/** What to write into host.conf so that a signal comes; null when no service is known to keep it back. */
export function silentNotice(signal, only) {
  const list = silent(signal).filter((s) => !only || s.name === only);
  if (!list.length) return null;
  return h(
    "div",
    { class: "notice calm" },
    h("p", {}, `host.conf has ${signal} = ${list[0].value} for `, list.map((s) => service(s.name)), `: no ${NAMES[signal]} are sent. To get them, write:`),
    lines(list[0].name, [signal]),
  );
}

/** The same of all signals of one service, folded up. */
export function switchedOff(name) {
  const off = Object.keys(NAMES).filter((signal) => silent(signal).some((s) => s.name === name));
  if (!off.length) return null;
  return h("details", { class: "switched-off" }, h("summary", {}, `${off.join(", ")} ${off.length > 1 ? "are" : "is"} switched off in host.conf`), lines(name, off));
}

/** Whether a list is narrowed by more than the choice of a service, which says something by itself. */
export const isFiltered = (current) => Object.entries(current).some(([key, value]) => value && key !== "service");

/**
 * What to do when there is nothing yet, of one service or of any; `signal` is traces, logs or metrics, or none
 * of them for anything; `status` is what the station says of itself.
 */
export function nothingYet(what, signal, status, only) {
  const reasons = [...environmentNotices(status?.environment, signal), signal && silentNotice(signal, only)].filter(Boolean);
  const endpoint = status?.receiver?.reachedBy?.[0] || `${location.hostname}:4318`;
  return h(
    "div",
    { class: "empty" },
    h("h2", {}, only ? [`No ${what} of `, service(only), " yet"] : `No ${what} yet`),
    reasons,
    reasons.length > 0 ? h("p", {}, "A program of your own sends here with:") : h("p", {}, "Point a program at this station, by OTLP over HTTP or gRPC:"),
    command(`OTEL_EXPORTER_OTLP_ENDPOINT=http://${endpoint}`),
    !only && [h("p", {}, "or ask the example application a question:"), command(`curl '${location.hostname}:5000/api/distance?location=Darmstadt'`)],
    signal && h("p", {}, `A service of cupola sends ${signal} when its section of host.conf, or [telemetry], has ${signal} = otlp; `, h("code", {}, "cupola check-config"), " says what is set."),
    h("p", {}, "If a program sends and nothing shows, ", h("a", { href: "#/receiver" }, "Receiver"), " says what arrived and what was wrong with it."),
  );
}
