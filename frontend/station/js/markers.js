// SPDX-License-Identifier: Apache-2.0
// What the host told of its plugins, as hairlines with a word on every time axis: loaded, reloaded, crashed.

import { svg } from "../shared/dom.js";
import { exactTime } from "../shared/format.js";
import * as data from "./data.js";
import { logs as flat } from "./otlp.js";

const CHAR = 6.2; // pixels of a letter at the smallest size
const CLOSE = 5; // pixels within which markers are one

let events = [];
let known = -1;

/** "cupola.plugin.reloaded" -> "reloaded" */
const wordOf = (event) => event.split(".").pop();

function event({ service, record }) {
  const [r] = flat({ resourceLogs: [{ resource: { attributes: [{ key: "service.name", value: { stringValue: service } }] }, scopeLogs: [{ logRecords: [record] }] }] });
  return { ...r, word: wordOf(r.event), bad: r.severity >= 17, warn: r.severity >= 13 };
}

/** Fetches them when `count`, of the push channel, says that there are others. */
export async function load(count = -1) {
  if (count >= 0 && count === known) return;
  const answer = await data.lifecycle();
  events = answer.events.map(event).sort((a, b) => b.time - a.time);
  known = count;
}

/** The newest first; of one service or of all. */
export const all = (service) => events.filter((e) => !service || e.service === service);

const isCrash = (e) => e.word === "crashed" || e.word === "stalled";

/** Crashes, and loops that were held up, that no reload of other code has followed. */
export function crashes(service) {
  const mended = new Set();
  return all(service).filter((e) => {
    if (e.word === "reloaded" && (e.attributes["cupola.reason"] || "code") === "code") mended.add(e.service);
    return isCrash(e) && !mended.has(e.service);
  });
}

/** When the service, or any, was loaded last: Unix ms, or 0. */
export const lastReload = (service) => all(service).find((e) => e.word === "reloaded" || e.word === "loaded")?.time || 0;

/** For `since` of the API: nanoseconds as text, or undefined when there is no filter. */
export function sinceOf(since, service) {
  if (since !== "reload") return since || undefined;
  const ms = lastReload(service);
  return ms ? String(BigInt(Math.round(ms * 1000)) * 1000n) : undefined;
}

/* Those that fall on one spot are told by one word. */
function grouped(list, x) {
  const groups = [];
  for (const e of list.toReversed()) {
    const at = x(e.time);
    const last = groups[groups.length - 1];
    if (last && at - last.at < CLOSE) last.list.push(e);
    else groups.push({ at, list: [e] });
  }
  return groups;
}

function textOf(list) {
  const worst = list.find((e) => e.bad) || list.find((e) => e.warn) || list[list.length - 1];
  const same = list.filter((e) => e.word === worst.word).length;
  return `${worst.warn ? "⚠ " : ""}${same > 1 ? `${same} ${worst.word}` : worst.word}`;
}

const hint = (list) => list.map((e) => `${e.service}: ${e.body}\n${exactTime(e.time)}`).join("\n\n");

/* Where each word stands, right or left of its line; what failed has the first choice, then what is newer; some have no room. */
function placed(groups, start, right) {
  const taken = [];
  const isFree = (from, to) => taken.every(([a, b]) => to < a || from > b);
  for (const g of [...groups.filter((x) => x.warn), ...groups.filter((x) => !x.warn).toReversed()]) {
    const width = g.text.length * CHAR + 4;
    const left = [g.at + 4, g.at - width - 2].find((l) => l >= start && l + width <= right && isFree(l, l + width));
    if (left === undefined) continue;
    g.left = left;
    taken.push([left, left + width]);
  }
}

/** SVG elements for those between `from` and `to`; `x` maps Unix ms, the word stands at `top`. */
export function lines({ from, to, x, top, bottom, right, service }) {
  const groups = grouped(all(service).filter((e) => e.time >= from && e.time <= to), x);
  for (const g of groups) Object.assign(g, { text: textOf(g.list), bad: g.list.some((e) => e.bad), warn: g.list.some((e) => e.warn) });
  placed(groups, x(from), right);
  return groups.map(({ at, list, text, bad, warn, left }) =>
    svg(
      "g",
      { class: bad ? "marker bad-marker" : warn ? "marker warn-marker" : "marker", "data-word": list[0].word },
      svg("title", {}, hint(list)),
      svg("line", { x1: at, x2: at, y1: top, y2: bottom }),
      svg("rect", { x: at - 3, width: 6, y: top, height: bottom - top, fill: "transparent" }),
      left !== undefined && svg("text", { x: left, y: top + 9 }, text),
    ),
  );
}
