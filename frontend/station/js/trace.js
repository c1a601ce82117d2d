// SPDX-License-Identifier: Apache-2.0
// One trace as a waterfall, with the panel of a span beside it.

import { copyButton, fill, h } from "../shared/dom.js";
import { duration, exactTime, number, serviceColour } from "../shared/format.js";
import * as data from "./data.js";
import { remember } from "./route.js";
import { logs as flatLogs, spans as flatSpans } from "./otlp.js";
import { service } from "./parts.js";
import { spanPanel } from "./span-panel.js";

let root, traceId, selected, spans, records;

/** Spans in the order of a tree walk, each with its depth; orphans come as roots of their own and are marked. */
export function arrange(list) {
  const byId = new Map(list.map((span) => [span.id, { ...span, children: [], depth: 0 }]));
  const tops = [];
  for (const span of byId.values()) {
    const parent = byId.get(span.parent);
    if (parent && parent !== span) parent.children.push(span);
    else tops.push(Object.assign(span, { orphan: Boolean(span.parent) }));
  }
  const byStart = (a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0);
  const rows = [];
  const stack = tops.sort(byStart).reverse();
  const seen = new Set();
  while (stack.length) {
    const span = stack.pop();
    if (seen.has(span.id)) continue; // a cycle of parents: bad input, shown once
    seen.add(span.id);
    rows.push(span);
    for (const child of span.children.sort(byStart).reverse()) stack.push(Object.assign(child, { depth: span.depth + 1 }));
  }
  for (const span of byId.values()) if (!seen.has(span.id)) rows.push(Object.assign(span, { orphan: true, children: [] }));
  return rows;
}

/** The parts of a span in which none of its children ran: [[from, to], ...] as shares of its length. */
export function selfTime(span) {
  const length = Number(span.end - span.start);
  if (length <= 0) return [[0, 1]];
  const parts = [];
  let at = span.start;
  for (const child of [...span.children].sort((a, b) => (a.start < b.start ? -1 : 1))) {
    if (child.start > at) parts.push([at, child.start < span.end ? child.start : span.end]);
    if (child.end > at) at = child.end;
    if (at >= span.end) break;
  }
  if (at < span.end) parts.push([at, span.end]);
  return parts.map(([from, to]) => [Number(from - span.start) / length, Number(to - span.start) / length]);
}

function scaleOf(rows) {
  const from = rows.reduce((m, s) => (s.start < m ? s.start : m), rows[0].start);
  const to = rows.reduce((m, s) => (s.end > m ? s.end : m), rows[0].end);
  const length = Math.max(1, Number(to - from));
  return { from, length, share: (t) => Number(t - from) / length };
}

/** The duration stands where there is room: behind the bar, before it, or at its end inside. */
const side = (left, width) => (left + width < 86 ? "behind" : left > 14 ? "before" : "inside");
function tookStyle(left, width) {
  const place = side(left, width);
  return place === "behind" ? { left: `${left + width}%` } : { right: place === "before" ? `${100 - left}%` : `${100 - left - width}%` };
}

/** "GET" alone says little: the path that was asked for goes with it. */
export function title(span) {
  const a = span.attributes;
  const path = a["http.route"] || a["url.path"] || (a["url.full"] && URL.canParse(a["url.full"]) ? new URL(a["url.full"]).pathname : "");
  return path && span.name === a["http.request.method"] ? `${span.name} ${path}` : span.name || "(no name)";
}

function bar(span, scale) {
  const left = scale.share(span.start) * 100;
  const width = Math.max(0, scale.share(span.end) * 100 - left);
  return [
    h(
      "span",
      { class: "bar-span", style: { left: `${left}%`, width: `${width}%` } },
      selfTime(span).map(([a, b]) => h("i", { style: { left: `${a * 100}%`, width: `${(b - a) * 100}%` } })),
    ),
    span.events.map((e) => h("span", { class: "event", title: e.name, style: { left: `${Math.min(100, scale.share(e.time) * 100)}%` } })),
    h("span", { class: `took ${side(left, width)}`, style: tookStyle(left, width) }, duration(span.end - span.start)),
  ];
}

function rowOf(span, scale) {
  const failed = span.status === 2;
  return h(
    "div",
    {
      class: `row${failed ? " failed" : ""}`,
      role: "treeitem",
      tabindex: 0,
      "data-row": true,
      "data-span": span.id,
      "aria-selected": String(span.id === selected),
      "aria-level": span.depth + 1,
      style: { "--depth": span.depth, "--colour": serviceColour(span.service) },
      onclick: () => select(span.id),
    },
    h(
      "div",
      { class: "name", title: `${span.service}: ${span.name}` },
      h("span", { class: "swatch" }),
      failed && h("span", { class: "bad", title: span.statusMessage }, "⚠"),
      h("b", {}, title(span)),
      h("small", {}, span.service, span.orphan && " · its parent has not arrived"),
    ),
    h("div", { class: "lane" }, bar(span, scale)),
  );
}

function minimap(rows, scale) {
  const height = 32 / Math.max(1, rows.length);
  return h(
    "div",
    { class: "minimap", "aria-hidden": "true" },
    rows.map((span, i) =>
      h("i", {
        style: {
          top: `${i * height}px`,
          height: `${Math.max(1, Math.min(3, height))}px`,
          left: `${scale.share(span.start) * 100}%`,
          width: `${(Number(span.end - span.start) / scale.length) * 100}%`,
          "--colour": serviceColour(span.service),
        },
      }),
    ),
  );
}

function axis(scale) {
  return h("div", { class: "axis-row number" }, [0, 0.25, 0.5, 0.75, 1].map((t) => h("span", { style: { left: `${t * 100}%` } }, t ? duration(t * scale.length) : "0")));
}

function hoverLine(waterfall) {
  const line = h("div", { class: "hover-line", hidden: true });
  waterfall.addEventListener("pointermove", (event) => {
    const lane = waterfall.querySelector(".lane");
    const box = waterfall.getBoundingClientRect();
    line.hidden = !lane || event.clientX < lane.getBoundingClientRect().left;
    line.style.left = `${event.clientX - box.left}px`;
  });
  waterfall.addEventListener("pointerleave", () => (line.hidden = true));
  return line;
}

function draw() {
  const rows = arrange(spans);
  const scale = scaleOf(rows);
  const span = rows.find((s) => s.id === selected);
  const names = [...new Set(rows.map((s) => s.service))];
  const errors = rows.filter((s) => s.status === 2).length;
  const waterfall = h("div", { class: "waterfall" }, minimap(rows, scale), axis(scale), h("div", { role: "tree", "aria-label": "spans" }, rows.map((s) => rowOf(s, scale))));
  waterfall.append(hoverLine(waterfall));
  fill(
    root,
    h("div", { class: "bar" }, h("a", { href: "#/traces", title: "back to the list (Esc)" }, "← Traces"), h("h1", {}, title(rows[0])), copyButton(traceId, "copy trace id")),
    h(
      "p",
      { class: "count" },
      names.map(service),
      `${number(rows.length)} ${rows.length === 1 ? "span" : "spans"} · ${duration(scale.length)} · ${exactTime(Number(scale.from / 1000000n))}`,
      errors ? h("span", { class: "bad" }, ` · ⚠ ${errors} with errors`) : "",
      records.length ? [" · ", h("a", { href: `#/logs?trace_id=${traceId}` }, `${records.length} log records`)] : "",
    ),
    h("div", { class: span ? "trace-view with-panel" : "trace-view" }, waterfall, span && spanPanel(span, scale, records.filter((r) => r.spanId === span.id), close)),
  );
}

function select(id) {
  selected = id;
  remember({ span: id });
  draw();
  root.querySelector(`[data-span="${id}"]`)?.focus({ preventScroll: true });
}

function close() {
  const was = selected;
  selected = "";
  remember({ span: "" });
  draw();
  root.querySelector(`[data-span="${was}"]`)?.focus({ preventScroll: true });
}

async function load() {
  const [t, l] = await Promise.all([data.telemetry("traces", { trace_id: traceId, limit: 1 }), data.telemetry("logs", { trace_id: traceId, limit: 1000 })]);
  const found = flatSpans(t);
  const changed = !spans || found.length !== spans.length;
  spans = found;
  const logsFound = flatLogs(l);
  const moreLogs = !records || logsFound.length !== records.length;
  records = logsFound;
  if (!spans.length) {
    fill(root, h("div", { class: "empty" }, h("h2", {}, "This trace is not here"), h("p", {}, "It may not have arrived yet, or been evicted as the oldest. This page shows it as soon as it comes."), h("p", {}, h("code", {}, traceId)), h("p", {}, h("a", { href: "#/traces" }, "All traces"))));
  } else if (changed || moreLogs) draw();
}

export async function render(main, { id, query }) {
  root = main;
  traceId = id;
  selected = query.span || "";
  spans = records = null;
  await load();
}

export const update = load;

export function escape() {
  if (selected) close();
  else location.hash = "#/traces";
}
