// SPDX-License-Identifier: Apache-2.0
// A strip of time above a list: what came when, with the markers of reloads and crashes.

import { svg } from "../shared/dom.js";
import { exactTime } from "../shared/format.js";
import { lines } from "./markers.js";

const HEIGHT = 76;
const TOP = 14;
const BOTTOM = 16;

const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });

function frame({ from, to, width, label, service }, content) {
  const x = (t) => ((t - from) / Math.max(1, to - from)) * width;
  const ground = HEIGHT - BOTTOM;
  return svg(
    "svg",
    { class: "timeline", viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": label },
    svg("line", { class: "base", x1: 0, x2: width, y1: ground + 0.5, y2: ground + 0.5 }),
    content(x, ground),
    lines({ from, to, x, top: 1, bottom: ground, right: width, service }),
    svg("text", { class: "axis", x: 0, y: HEIGHT - 3 }, clock(from)),
    svg("text", { class: "axis", x: width / 2, y: HEIGHT - 3, "text-anchor": "middle" }, clock((from + to) / 2)),
    svg("text", { class: "axis", x: width, y: HEIGHT - 3, "text-anchor": "end" }, clock(to)),
  );
}

/** Bars over time, `slots` = [{ from, to, parts: [{ name, n }] }], the first part at the ground. */
export function bars({ slots, ...rest }) {
  const most = Math.max(1, ...slots.map((s) => s.parts.reduce((a, p) => a + p.n, 0)));
  return frame(rest, (x, ground) =>
    slots.map((slot) => {
      let y = ground;
      const left = x(slot.from);
      const width = Math.max(1, x(slot.to) - left - 1);
      const told = slot.parts.filter((p) => p.n).map((p) => `${p.n} ${p.name}`);
      return (
        told.length > 0 &&
        svg(
          "g",
          {},
          svg("title", {}, `${told.join(", ")}\n${exactTime(slot.from)}`),
          slot.parts.map((p) => {
            const height = p.n ? Math.max(2, (p.n / most) * (ground - TOP)) : 0;
            y -= height;
            return height > 0 && svg("rect", { class: `part ${p.name}`, x: left.toFixed(1), width: width.toFixed(1), y: y.toFixed(1), height: height.toFixed(1) });
          }),
        )
      );
    }),
  );
}

/** Dots over time, `dots` = [{ time, value, colour, bad, title, open() }]: higher took longer. */
export function dots({ dots: list, ...rest }) {
  const values = list.map((d) => Math.log10(Math.max(1, d.value)));
  const low = Math.min(...values);
  const high = Math.max(...values, low + 0.5);
  return frame(rest, (x, ground) => {
    const y = (d) => ground - 5 - ((Math.log10(Math.max(1, d.value)) - low) / (high - low)) * (ground - TOP - 8);
    const draw = (d) =>
      svg(
        "g",
        { class: d.bad ? "dot bad-dot" : "dot", style: { "--colour": d.colour }, onclick: d.open },
        svg("title", {}, d.title),
        d.bad
          ? svg("path", { d: `M${(x(d.time) - 3.5).toFixed(1)} ${(y(d) - 3.5).toFixed(1)}l7 7m0 -7l-7 7` })
          : svg("circle", { r: 3.2, cx: x(d.time).toFixed(1), cy: y(d).toFixed(1) }),
        svg("rect", { x: x(d.time) - 6, y: y(d) - 6, width: 12, height: 12, fill: "transparent" }),
      );
    return [...list.filter((d) => !d.bad), ...list.filter((d) => d.bad)].map(draw);
  });
}
