// SPDX-License-Identifier: Apache-2.0
// Values of metrics as people say them: seconds of a millisecond are shown as ms, bytes as KiB, the rest in k and M.

const THIN = "\u2009";
const TIMES = { s: 1, ms: 1e-3, us: 1e-6, ns: 1e-9, min: 60, h: 3600 };
const STEPS = { seconds: [[60, "min"], [1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]], bytes: [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]], plain: [[1e9, "G"], [1e6, "M"], [1e4, "k"], [1, ""]] };

/** What kind of number a unit of UCUM makes: { steps, factor, word }. */
function kind(unit, perSecond) {
  const base = unit in TIMES ? "seconds" : unit === "By" ? "bytes" : "plain";
  if (perSecond && base === "seconds") return { steps: STEPS.plain, factor: 1, word: `${unit}/s` }; // seconds a second is no duration
  const bare = unit.replace(/^\{(.*)\}$/, "$1");
  const word = base !== "plain" ? "" : bare === "1" ? "" : bare === "%" ? "%" : "";
  return { steps: STEPS[base], factor: base === "seconds" ? TIMES[unit] : 1, word: perSecond ? `${word}/s` : word };
}

const digits = (v) => (v === 0 ? "0" : Math.abs(v) >= 100 ? v.toFixed(0) : String(+v.toPrecision(3)));

/**
 * A function that writes values so that all of one axis have the same unit: the one that fits `most`.
 * `scale` is what to divide by for round ticks.
 */
export function formatter(unit, perSecond, most) {
  const { steps, factor, word } = kind(unit, perSecond);
  const size = Math.abs(most * factor);
  const [by, name] = steps.find(([s]) => size >= s) || (steps === STEPS.plain ? [1, ""] : size ? steps[steps.length - 1] : steps.find(([s]) => s === 1));
  const scale = by === 1e4 ? 1e3 : by;
  const after = `${name}${word}`;
  const write = (value) => `${digits((value * factor) / scale)}${after && after[0] !== "%" ? THIN : ""}${after}`;
  return Object.assign(write, { scale: scale / factor });
}

/** "s" -> "seconds"; for the line under a chart's title. */
export const unitWord = (unit) => ({ s: "time", ms: "time", us: "time", ns: "time", By: "bytes", 1: "" })[unit] ?? unit.replace(/[{}]/g, "");

/** What a unit of UCUM is called, where its letters do not say it. */
export const unitName = (unit) => ({ s: "seconds", ms: "milliseconds", us: "microseconds", ns: "nanoseconds", min: "minutes", h: "hours", By: "bytes", 1: "a share or a bare number" })[unit] ?? (/^{.*}$/.test(unit) ? `${unit.slice(1, -1)}s` : "");
