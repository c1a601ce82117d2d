// SPDX-License-Identifier: Apache-2.0
// Everything that is known of one span.

import { copyButton, h } from "../shared/dom.js";
import { duration, exactTime, shortId } from "../shared/format.js";
import { severityClass } from "./otlp.js";
import { attributeTable, service } from "./parts.js";
import { title } from "./tree.js";

const offset = (time, scale) => `+${duration(time - scale.from)}`;

function events(span, scale) {
  return (
    span.events.length > 0 && [
      h("h3", {}, "Events"),
      span.events.map((e) => h("details", { open: span.events.length < 4 }, h("summary", {}, e.name, " ", h("span", { class: "count number" }, offset(e.time, scale))), attributeTable(e.attributes))),
    ]
  );
}

function links(span) {
  return (
    span.links.length > 0 && [
      h("h3", {}, "Links"),
      span.links.map((l) => h("div", {}, h("a", { href: `#/traces/${l.traceId}?span=${l.spanId}`, class: "mono" }, `${shortId(l.traceId)} / ${l.spanId}`), attributeTable(l.attributes))),
    ]
  );
}

function logRecords(records) {
  return (
    records.length > 0 && [
      h("h3", {}, "Log records"),
      records.map((r) => h("div", {}, h("span", { class: `severity ${severityClass(r.severity)}` }, r.severityText), " ", h("span", { class: "body" }, r.body))),
    ]
  );
}

export function spanPanel(span, scale, records, onclose) {
  return [
    h("header", {}, h("h2", {}, title(span)), h("button", { class: "quiet", type: "button", onclick: onclose, title: "close (Esc)" }, "close")),
    h("div", {}, service(span.service), h("span", { class: "count" }, span.kind)),
    h("p", { class: "number", title: exactTime(Number(span.start / 1000000n)) }, `${duration(span.end - span.start)}, from ${offset(span.start, scale)}`),
    span.status === 2 && h("p", { class: "bad wrap" }, `⚠ error${span.statusMessage ? `: ${span.statusMessage}` : ""}`),
    span.status === 1 && h("p", { class: "count" }, "status: ok"),
    h("h3", {}, "Attributes"),
    attributeTable(span.attributes, span.types),
    events(span, scale),
    links(span),
    logRecords(records),
    h("h3", {}, "Resource"),
    attributeTable(span.resource),
    h("h3", {}, "Scope and ids"),
    attributeTable({
      scope: [span.scope.name, span.scope.version].filter(Boolean).join(" ") || "(no name)",
      "trace id": span.traceId,
      "span id": span.id,
      "parent span id": span.parent || "none: a root",
      ...(span.traceState ? { tracestate: span.traceState } : {}),
      ...(span.dropped ? { "dropped by limits": span.dropped } : {}),
    }),
    h("p", {}, copyButton(span.id, "copy span id")),
  ];
}
