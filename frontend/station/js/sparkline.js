// SPDX-License-Identifier: Apache-2.0
// A small line without axes: what happened lately, the newest at the right.

import { svg } from "../shared/dom.js";

const WIDTH = 120;
const HEIGHT = 22;

/** Bars for counts, a line for values; null or 0 in a line is a gap. */
export function sparkline(values, { kind = "bars", label }) {
  const most = Math.max(1e-9, ...values);
  const each = WIDTH / Math.max(1, values.length);
  const y = (v) => HEIGHT - 1 - (v / most) * (HEIGHT - 4);
  const bars = () => values.map((v, i) => v > 0 && svg("rect", { x: (i * each).toFixed(1), width: Math.max(1, each - 0.5).toFixed(1), y: y(v).toFixed(1), height: (HEIGHT - 1 - y(v)).toFixed(1) }));
  const line = () => {
    let d = "";
    values.forEach((v, i) => {
      if (v) d += `${values[i - 1] ? "L" : "M"}${((i + 0.5) * each).toFixed(1)} ${y(v).toFixed(1)}${values[i - 1] || values[i + 1] ? "" : "h0.1"}`;
    });
    return svg("path", { d });
  };
  return svg(
    "svg",
    { class: `sparkline ${kind}`, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    svg("line", { class: "base", x1: 0, x2: WIDTH, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5 }),
    kind === "bars" ? bars() : line(),
  );
}
