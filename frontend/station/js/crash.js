// SPDX-License-Identifier: Apache-2.0
// A crash explained: signal, file and line, the span that was open, what to do.

import { h } from "../shared/dom.js";
import { service, when } from "./parts.js";

const text = (value) => (value === undefined || value === null ? "" : String(value));

/** The host's crash record -> { signal, place, span, trace, request, hint, stack }; each "" when it was not told. */
export function crashOf(record) {
  const a = record.attributes;
  const of = (...keys) => text(keys.map((key) => a[key]).find((v) => v !== undefined && v !== ""));
  const file = of("code.file.path", "cupola.crash.file");
  const line = of("code.line.number", "cupola.crash.line");
  return {
    signal: of("cupola.crash.signal", "exception.type"),
    place: file ? `${file}${line ? `:${line}` : ""}` : "",
    function: of("code.function.name", "cupola.crash.function"),
    span: of("cupola.crash.span", "cupola.span"),
    hint: of("cupola.crash.hint", "cupola.hint"),
    generation: of("cupola.generation", "cupola.crash.generation"),
    stack: of("exception.stacktrace"),
  };
}

const line = (name, value) => value && [h("dt", {}, name), h("dd", { class: "mono" }, value)];

/** The card; `brief` leaves out the stack. */
export function crashCard(record, { brief = false } = {}) {
  const c = crashOf(record);
  return h(
    "article",
    { class: "crash" },
    h("h3", {}, h("span", { class: "bad" }, "⚠ crashed "), service(record.service), h("span", { class: "count" }, when(record.time))),
    h("p", { class: "body" }, record.body),
    h("dl", {}, line("signal", c.signal), line("at", [c.place, c.function && `in ${c.function}`].filter(Boolean).join(" ")), line("open span", c.span), line("generation", c.generation)),
    c.hint && h("p", { class: "hint" }, c.hint),
    !brief && c.stack && h("details", {}, h("summary", {}, "the stack"), h("pre", { class: "stack" }, c.stack)),
    h("p", { class: "count" }, "Only its own process ended, and it was started again at once. ", h("a", { href: `#/logs?service=${encodeURIComponent(record.service)}&severity=error` }, "its records")),
  );
}
