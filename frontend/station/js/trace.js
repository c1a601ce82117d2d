// SPDX-License-Identifier: Apache-2.0
// One trace: the waterfall, the search in it, and the panel of a span beside it.

import { copyButton, fill, h } from "../shared/dom.js";
import { duration, exactTime, number } from "../shared/format.js";
import * as data from "./data.js";
import { remember } from "./route.js";
import { logs as flatLogs, spans as flatSpans } from "./otlp.js";
import { service } from "./parts.js";
import { spanPanel } from "./span-panel.js";
import { skeleton } from "./states.js";
import { arrange, hasText, scaleOf, title } from "./tree.js";
import { waterfall } from "./waterfall.js";

const MAX_LOGS = 1000;
const SLOW_MS = 150;

let root, traceId, selected, text, rows, scale, records, seen, fall, panel, found;

function summary() {
  const names = [...new Set(rows.map((s) => s.service))];
  const errors = rows.filter((s) => s.status === 2).length;
  const orphans = rows.filter((s) => s.orphan).length;
  return h(
    "p",
    { class: "count summary" },
    names.map(service),
    `${number(rows.length)} ${rows.length === 1 ? "span" : "spans"} · ${duration(scale.length)} · ${exactTime(Number(scale.from / 1000000n))}`,
    errors ? h("span", { class: "bad" }, ` · ⚠ ${number(errors)} with errors`) : "",
    orphans ? ` · ${number(orphans)} without their parent` : "",
    records.length ? [" · ", h("a", { href: `#/logs?trace_id=${traceId}` }, `${number(records.length)}${records.length === MAX_LOGS ? " or more" : ""} log ${records.length === 1 ? "record" : "records"}`)] : "",
  );
}

function showPanel() {
  const span = rows.find((s) => s.id === selected);
  panel.parentElement.classList.toggle("with-panel", Boolean(span));
  panel.hidden = !span;
  if (span) fill(panel, spanPanel(span, scale, records.filter((r) => r.spanId === span.id), close));
  panel.scrollTop = 0;
  fall.mark(selected);
}

function matches() {
  return text ? rows.filter((s) => hasText(s, text.toLowerCase())) : [];
}

function search(value) {
  text = value;
  remember({ find: value });
  const list = matches();
  fall.match(text ? new Set(list.map((s) => s.id)) : null);
  found.textContent = !text ? "" : list.length ? `${number(list.length)} of ${number(rows.length)}` : "nothing found";
  if (list.length) fall.reveal(list[0].id);
}

function nextMatch(by) {
  const list = matches();
  if (!list.length) return;
  const at = list.findIndex((s) => s.id === selected);
  select(list[(at + by + list.length + (at < 0 && by < 0 ? 1 : 0)) % list.length].id, false);
}

function searchBox() {
  const input = h("input", { type: "search", value: text, placeholder: "find a span: name, service, attribute", "aria-label": "find a span" });
  input.addEventListener("input", () => search(input.value.trim()));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") nextMatch(event.shiftKey ? -1 : 1);
  });
  return input;
}

function draw() {
  const top = fall?.top() || 0;
  const focused = document.activeElement?.dataset?.span;
  const typed = root.querySelector("input[type=search]");
  const box = typed || searchBox();
  fall = waterfall(rows, scale, (id) => select(id, true));
  panel = h("aside", { class: "span-panel", "aria-label": "the span that is selected", hidden: true });
  found = h("span", { class: "count number" });
  const typing = typed && typed === document.activeElement;
  fill(
    root,
    h("div", { class: "bar" }, h("a", { href: "#/traces", title: "back to the list (Esc)" }, "← Traces"), h("h1", { title: title(rows[0]) }, title(rows[0])), box, found, copyButton(traceId, "copy trace id")),
    summary(),
    h("div", { class: "trace-view" }, fall.element, panel),
  );
  showPanel();
  if (text) search(text);
  fall.scrollTo(top);
  if (typing) box.focus();
  else if (focused) fall.focus(focused);
}

function select(id, focus) {
  selected = id;
  remember({ span: id });
  showPanel();
  if (focus) fall.focus(id);
  else fall.reveal(id);
}

function close() {
  const was = selected;
  selected = "";
  remember({ span: "" });
  showPanel();
  fall.focus(was);
}

function absent() {
  return h(
    "div",
    { class: "empty" },
    h("h2", {}, "This trace is not here"),
    h("p", {}, "It may not have arrived yet, or been evicted as the oldest. This page shows it as soon as it comes."),
    h("p", {}, h("code", {}, traceId)),
    h("p", {}, h("a", { href: "#/traces" }, "All traces")),
  );
}

async function load() {
  const id = traceId;
  const [t, l] = await Promise.all([data.telemetry("traces", { trace_id: id, limit: 1 }), data.telemetry("logs", { trace_id: id, limit: MAX_LOGS })]);
  if (id !== traceId) return; // another trace was opened meanwhile
  const spans = flatSpans(t);
  const fresh = flatLogs(l);
  const now = `${spans.length} ${fresh.length}`;
  if (now === seen) return;
  seen = now;
  if (!spans.length) return void fill(root, absent());
  records = fresh.sort((a, b) => a.time - b.time);
  rows = arrange(spans);
  scale = scaleOf(rows);
  draw();
}

export async function render(main, { id, query }) {
  if (root === main && traceId === id && fall?.element.isConnected) {
    if (selected !== (query.span || "")) {
      selected = query.span || "";
      showPanel();
      if (selected) fall.focus(selected);
    }
    return;
  }
  root = main;
  traceId = id;
  selected = query.span || "";
  text = query.find || "";
  seen = fall = null;
  fill(root);
  const slow = setTimeout(() => fill(root, skeleton()), SLOW_MS);
  try {
    await load();
  } finally {
    clearTimeout(slow);
  }
  if (selected && fall) fall.reveal(selected);
}

export const update = load;
export const step = (by) => fall?.move(by);

export function escape() {
  if (selected) close();
  else location.hash = "#/traces";
}
