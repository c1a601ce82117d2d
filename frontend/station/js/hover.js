// SPDX-License-Identifier: Apache-2.0
// What the lines of a chart were at the time under the pointer. It stays while the chart is drawn anew.

import { h, svg } from "../shared/dom.js";

const NEAR_PX = 24; // a line without a point so near has no value there
const GAP_PX = 10;
const MOST = 8; // lines that are read out

let last = { key: "", share: 0 };

const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });

/** The point nearest to a time, in a list by time; null when the line has a gap there. */
export function nearest(points, time, within) {
  let best = null;
  for (const p of points) if (p[1] !== null && (!best || Math.abs(p[0] - time) < Math.abs(best[0] - time))) best = p;
  return best && Math.abs(best[0] - time) <= within ? best : null;
}

/** Adds it to a figure; `area` is its <svg>, `box` = { left, right, top, bottom } in its pixels, `timeAt(px)` a time. */
export function readout(figure, area, { key, lines, box, timeAt, say }) {
  const line = svg("line", { class: "hover", y1: box.top, y2: box.bottom, visibility: "hidden" });
  const list = h("ul", { class: "readout", hidden: true });
  area.append(line);
  figure.append(list);

  function show(px) {
    const time = timeAt(px);
    const within = Math.abs(timeAt(px + NEAR_PX) - time);
    const found = lines.map((l) => ({ ...l, point: nearest(l.points, time, within) })).filter((l) => l.point);
    line.setAttribute("visibility", "visible");
    line.setAttribute("x1", px);
    line.setAttribute("x2", px);
    list.hidden = !found.length;
    const before = px > (box.left + box.right) / 2; // beside the line, on the side where there is more room
    const [own, whole] = [area.getBoundingClientRect(), figure.getBoundingClientRect()];
    const at = own.left - whole.left + (px / area.viewBox.baseVal.width) * own.width;
    list.style.setProperty("top", `${own.top - whole.top + box.top}px`);
    list.style.setProperty("left", before ? "auto" : `${at + GAP_PX}px`);
    list.style.setProperty("right", before ? `${whole.width - at + GAP_PX}px` : "auto");
    list.replaceChildren(
      h("li", { class: "count number" }, clock(found[0]?.point[0] ?? time)),
      ...found.slice(0, MOST).map((l) => h("li", { style: { "--colour": l.colour } }, h("span", { class: "key" }, l.label), " ", h("b", { class: "number" }, say(l.point[1])))),
    );
  }

  area.addEventListener("pointermove", (event) => {
    const bounds = area.getBoundingClientRect();
    const px = ((event.clientX - bounds.left) / bounds.width) * area.viewBox.baseVal.width;
    if (px < box.left || px > box.right) return;
    last = { key, share: (px - box.left) / (box.right - box.left) };
    show(px);
  });
  area.addEventListener("pointerleave", () => {
    last = { key: "", share: 0 };
    line.setAttribute("visibility", "hidden");
    list.hidden = true;
  });
  /* Not before it is in the page and has a place. */
  if (last.key === key) requestAnimationFrame(() => area.isConnected && show(box.left + last.share * (box.right - box.left)));
  return figure;
}
