// SPDX-License-Identifier: Apache-2.0
// The waterfall: a row for each span, of which only those in sight exist, so that ten thousand scroll like ten.

import { h } from "../shared/dom.js";
import { duration, serviceColour } from "../shared/format.js";
import { selfTime, title } from "./tree.js";

const ROW = 26;
const SPARE = 12; // rows that exist above and below what is in sight
const INDENT = 12;
const DEEPEST = 132; // pixels of indentation at most: names stay readable in deep traces
const DEEPEST_NARROW = 56;

/** The duration stands where there is room: behind the bar, before it, or at its end inside. */
const side = (left, width) => (left + width < 86 ? "behind" : left > 14 ? "before" : "inside");
function tookStyle(left, width) {
  const place = side(left, width);
  return place === "behind" ? { left: `${left + width}%` } : { right: place === "before" ? `${100 - left}%` : `${100 - left - width}%` };
}

function bar(span, scale) {
  const left = scale.share(span.start) * 100;
  const width = Math.max(0, scale.share(span.end) * 100 - left);
  return [
    h(
      "span",
      { class: "bar-span", style: { left: `${left}%`, width: `${width}%` } },
      selfTime(span)
        .slice(0, 200)
        .map(([a, b]) => h("i", { style: { left: `${a * 100}%`, width: `${(b - a) * 100}%` } })),
    ),
    span.events.slice(0, 50).map((e) => h("span", { class: "event", title: e.name, style: { left: `${Math.min(100, scale.share(e.time) * 100)}%` } })),
    h("span", { class: `took ${side(left, width)}`, style: tookStyle(left, width) }, duration(span.end - span.start)),
  ];
}

function axis(scale) {
  return h("div", { class: "axis-row number" }, [0, 0.25, 0.5, 0.75, 1].map((t) => h("span", { style: { left: `${t * 100}%` } }, t ? duration(t * scale.length) : "0")));
}

/* A canvas knows no custom properties: what var(--s0) is in this light is asked of an element. */
function painter(element) {
  const known = new Map();
  return (colour) => {
    if (!known.has(colour)) {
      element.style.color = colour;
      known.set(colour, getComputedStyle(element).color);
    }
    return known.get(colour);
  };
}

/* A canvas, as it has all spans at once. */
function minimap(rows, scale, scroller) {
  const canvas = h("canvas", { class: "minimap", "aria-hidden": "true", title: "click to go there" });
  const draw = () => {
    const { clientWidth: width, clientHeight: height } = canvas;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const paint = painter(canvas);
    const each = (height - 4) / rows.length;
    rows.forEach((span, i) => {
      context.fillStyle = paint(span.status === 2 ? "var(--error)" : serviceColour(span.service));
      context.fillRect(scale.share(span.start) * width, 2 + i * each, Math.max(1, (Number(span.end - span.start) / scale.length) * width), Math.max(1, Math.min(3, each)));
    });
  };
  new ResizeObserver(draw).observe(canvas);
  canvas.addEventListener("click", (event) => {
    const share = event.offsetY / canvas.clientHeight;
    scroller.scrollTop = share * rows.length * ROW - scroller.clientHeight / 2;
  });
  return canvas;
}

function hoverLine(waterfall) {
  const line = h("div", { class: "hover-line", hidden: true });
  waterfall.addEventListener("pointermove", (event) => {
    const lane = waterfall.querySelector(".axis-row");
    const box = waterfall.getBoundingClientRect();
    line.hidden = !lane || event.clientX < lane.getBoundingClientRect().left;
    line.style.left = `${event.clientX - box.left}px`;
  });
  waterfall.addEventListener("pointerleave", () => (line.hidden = true));
  return line;
}

/** { element, focus(id), mark(id), move(by), match(Set of ids or null) }; onselect(id) when a row is opened. */
export function waterfall(rows, scale, onselect) {
  const deepest = rows.reduce((m, s) => Math.max(m, s.depth), 1);
  const indent = Math.min(INDENT, (window.innerWidth > 760 ? DEEPEST : DEEPEST_NARROW) / deepest);
  const list = h("div", { class: "rows", role: "tree", "aria-label": "spans", style: { height: `${rows.length * ROW}px`, "--step": `${Math.max(1, indent)}px` } });
  const scroller = h("div", { class: "scroller" });
  const head = h("div", { class: "waterfall-head" }, minimap(rows, scale, scroller), axis(scale));
  scroller.append(head, list);
  const element = h("div", { class: "waterfall" }, scroller);
  const index = new Map(rows.map((span, i) => [span.id, i]));
  const shown = new Map();
  let selected = "";
  let matching = null;

  function make(i) {
    const span = rows[i];
    const failed = span.status === 2;
    const row = h(
      "div",
      {
        class: `row${failed ? " failed" : ""}`,
        role: "treeitem",
        tabindex: 0,
        "data-row": true,
        "data-span": span.id,
        "aria-level": span.depth + 1,
        "aria-setsize": rows.length,
        "aria-posinset": i + 1,
        style: { top: `${i * ROW}px`, "--indent": `${span.depth * indent}px`, "--colour": serviceColour(span.service) },
        onclick: () => onselect(span.id),
      },
      h(
        "div",
        { class: "name", title: `${span.service}: ${title(span)}` },
        h("span", { class: "swatch" }),
        failed && h("span", { class: "bad", title: span.statusMessage || "error" }, "⚠"),
        h("b", {}, title(span)),
        h("small", {}, span.service, span.orphan && " · its parent has not arrived"),
      ),
      h("div", { class: "lane" }, bar(span, scale)),
    );
    dress(row, span);
    return row;
  }

  function dress(row, span) {
    row.setAttribute("aria-selected", String(span.id === selected));
    row.classList.toggle("unmatched", Boolean(matching) && !matching.has(span.id));
  }

  function show() {
    const first = Math.max(0, Math.floor(scroller.scrollTop / ROW) - SPARE);
    const last = Math.min(rows.length, Math.ceil((scroller.scrollTop + scroller.clientHeight) / ROW) + SPARE);
    for (const [i, row] of shown)
      if ((i < first || i >= last) && row !== document.activeElement) {
        row.remove();
        shown.delete(i);
      }
    for (let i = first; i < last; i++)
      if (!shown.has(i)) {
        const row = make(i);
        const next = [...shown.keys()].filter((k) => k > i).reduce((a, b) => Math.min(a, b), Infinity);
        list.insertBefore(row, shown.get(next) || null);
        shown.set(i, row);
      }
  }

  function reveal(i) {
    const top = i * ROW;
    const room = scroller.clientHeight - head.offsetHeight;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + ROW > scroller.scrollTop + room) scroller.scrollTop = top + ROW - room;
    show();
    return shown.get(i);
  }

  scroller.addEventListener("scroll", show, { passive: true });
  new ResizeObserver(show).observe(scroller);
  element.append(hoverLine(element));

  const at = () => index.get(document.activeElement?.dataset?.span) ?? index.get(selected) ?? -1;
  return {
    element,
    top: () => scroller.scrollTop,
    scrollTo: (top) => ((scroller.scrollTop = top), show()),
    focus: (id) => index.has(id) && reveal(index.get(id))?.focus({ preventScroll: true }),
    move: (by) => rows.length && reveal(Math.min(rows.length - 1, Math.max(0, at() + by)))?.focus({ preventScroll: true }),
    mark(id) {
      selected = id;
      for (const [i, row] of shown) dress(row, rows[i]);
    },
    match(ids) {
      matching = ids;
      for (const [i, row] of shown) dress(row, rows[i]);
    },
    reveal: (id) => index.has(id) && reveal(index.get(id)),
  };
}
