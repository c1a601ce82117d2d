// SPDX-License-Identifier: Apache-2.0
// A crash explained: signal, file and line, the span that was open, what to do.

import { h } from "../shared/dom.js";
import { service, when } from "./parts.js";
import { to } from "./route.js";

const text = (value) => (value === undefined || value === null ? "" : String(value));

/** The host's record -> { what, signal, place, function, span, hint, generation, stack }; each "" when it was not told. */
export function crashOf(record) {
  const of = (key) => text(record.attributes[key]);
  const line = of("code.line.number");
  return {
    what: of("exception.type"),
    signal: of("cupola.crash.signal"),
    place: `${of("code.file.path")}${line && `:${line}`}`,
    function: of("code.function.name"),
    span: of("cupola.crash.span"),
    hint: of("cupola.crash.hint"),
    generation: of("cupola.generation"),
    stack: of("exception.stacktrace"),
  };
}

const line = (key, name, ...value) => value[0] && [h("dt", {}, name), h("dd", { class: "mono", "data-crash": key }, ...value)];

/** The card of a crash, or of a loop that was held up. */
export function crashCard(record) {
  const c = crashOf(record);
  const trace = record.traceId && to("logs", "", { trace_id: record.traceId }); // the span itself was not ended, so never sent
  const over = record.word === "stalled" ? "Every other request of its loop waited meanwhile. " : "Only its own process ended, and it was started again at once. ";
  return h(
    "article",
    { class: record.word === "stalled" ? "crash held-up" : "crash", "data-service": record.service },
    h("h3", {}, h("span", { class: record.word === "stalled" ? "warn-text" : "bad" }, `⚠ ${record.word === "stalled" ? "held up" : "crashed"} `), service(record.service), h("span", { class: "count" }, when(record.time))),
    h("p", { class: "body" }, record.body),
    h(
      "dl",
      {},
      line("what", "what", [c.what, c.signal].filter(Boolean).join(", ")),
      line("place", "at", [c.place, c.function && `in ${c.function}()`].filter(Boolean).join(" ")),
      line("span", "open span", c.span, trace && [" · ", h("a", { href: trace }, "what its trace logged")]),
      line("generation", "generation", c.generation),
    ),
    c.hint && h("p", { class: "hint", "data-crash": "hint" }, c.hint),
    c.stack && h("details", {}, h("summary", {}, "the stack"), h("pre", { class: "stack" }, c.stack)),
    h("p", { class: "count" }, over, h("a", { href: to("logs", "", { service: record.service, severity: "warn" }) }, "its records")),
  );
}
