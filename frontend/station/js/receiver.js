// SPDX-License-Identifier: Apache-2.0
// What arrives, by which protocol, and what was wrong with what did not.

import { fill, h } from "../shared/dom.js";
import { bytes, number } from "../shared/format.js";
import * as data from "./data.js";
import * as markers from "./markers.js";
import { environmentNotices } from "./notices.js";
import { command, when } from "./parts.js";
import { loading } from "./states.js";

let root, parts;

const ms = (nano) => Number(BigInt(nano) / 1000000n);

function arrivals(signals) {
  if (!signals.length) return h("p", { class: "count" }, "Nothing has arrived by OTLP.");
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, ["signal", "protocol"].map((t) => h("th", {}, t)), ["requests", "items", "bytes", "refused"].map((t) => h("th", { class: "right" }, t)), h("th", {}, "last"))),
    h("tbody", {}, signals.map((s) => h("tr", {}, h("td", {}, s.signal), h("td", {}, s.protocol), h("td", { class: "right number" }, number(s.requests)), h("td", { class: "right number" }, number(s.items)), h("td", { class: "right number" }, bytes(s.bytes)), h("td", { class: "right number" }, s.failed ? h("span", { class: "bad" }, `⚠ ${number(s.failed)}`) : "0"), h("td", { class: "time" }, when(ms(s.lastUnixNano)))))),
  );
}

/* What never became a request: the host tells of it. */
const tlsTold = () => markers.all().filter((e) => e.word === "tls").slice(0, 4).map((e) => ({ timeUnixNano: e.nano, count: 1, where: `TLS to ${e.service}`, userAgent: "", text: e.body }));

function mistakes(refused) {
  const errors = [...tlsTold(), ...refused].sort((a, b) => (BigInt(a.timeUnixNano) < BigInt(b.timeUnixNano) ? 1 : -1));
  if (!errors.length) return h("p", { class: "count" }, "Nothing was wrong with any request.");
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, ["last", "times", "request", "sender", "what was wrong"].map((t) => h("th", {}, t)))),
    h("tbody", {}, errors.map((e) => h("tr", {}, h("td", { class: "time" }, when(ms(e.timeUnixNano))), h("td", { class: "right number" }, number(e.count)), h("td", { class: "mono" }, e.where), h("td", { class: "mono" }, e.userAgent), h("td", { class: "body" }, e.taken ? h("span", { class: "warn-text" }, "taken, but ") : h("span", { class: "bad" }, "⚠ refused: "), e.text)))),
  );
}

function forwarding(forward) {
  if (!forward) return h("p", { class: "count" }, "Off. Set forward in [plugin station] to the base URL of a Collector.");
  return h("p", { class: forward.lastError ? "bad" : "count" }, `${number(forward.sent)} requests passed on, ${number(forward.queued)} waiting, ${number(forward.failed)} refused, ${number(forward.dropped)} dropped. `, forward.lastError && `⚠ ${forward.lastError}`);
}

/* Asked twice, as it cannot be undone. */
function clearButton() {
  const button = h("button", { class: "quiet", type: "button" }, "Forget everything that is held");
  button.addEventListener("click", async () => {
    if (!button.dataset.asked) {
      button.dataset.asked = "yes";
      button.textContent = "Press again to forget it";
      setTimeout(() => {
        delete button.dataset.asked;
        button.textContent = "Forget everything that is held";
      }, 4000);
      return;
    }
    const response = await data.clear().catch(() => null);
    button.textContent = response?.ok ? "Forgotten" : "It could not be forgotten";
  });
  return button;
}

/* By the address that senders use, where one has: ports may have been moved. */
function howTo(reachedBy) {
  if (reachedBy) return [command(`OTEL_EXPORTER_OTLP_ENDPOINT=http://${reachedBy}`), h("p", { class: "count" }, "That address takes HTTP with protobuf or JSON, and gRPC. It speaks no TLS: https:// does not reach it.")];
  const host = location.hostname;
  return [command(`OTEL_EXPORTER_OTLP_ENDPOINT=http://${host}:4318 OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`), command(`OTEL_EXPORTER_OTLP_ENDPOINT=http://${host}:4317 OTEL_EXPORTER_OTLP_PROTOCOL=grpc`)];
}

function make(root) {
  parts = { notices: h("div", {}), arrivals: h("div", { class: "scroll-x" }), mistakes: h("div", { class: "scroll-x" }), forwarding: h("div", {}), how: h("div", {}) };
  fill(
    root,
    h("h1", {}, "Receiver"),
    parts.notices,
    parts.arrivals,
    h("h2", {}, "What was wrong"),
    parts.mistakes,
    h("h2", {}, "Passed on"),
    parts.forwarding,
    h("h2", {}, "How to send"),
    parts.how,
    h("p", { class: "count" }, "Metrics are sent every 60 seconds by default; OTEL_METRIC_EXPORT_INTERVAL=1000 makes it one."),
    h("p", {}, clearButton()),
  );
}

async function load() {
  const { receiver, forward, environment } = await data.status();
  if (!parts?.arrivals.isConnected) make(root);
  fill(parts.arrivals, arrivals(receiver.signals));
  fill(parts.mistakes, mistakes(receiver.errors));
  fill(parts.forwarding, forwarding(forward));
  fill(parts.notices, environmentNotices(environment));
  if (!parts.how.firstChild) fill(parts.how, howTo(receiver.reachedBy[0]));
}

export async function render(main) {
  root = main;
  parts = null;
  fill(main);
  await loading(main, load);
}

export const update = load;
export const pace = 1000;
