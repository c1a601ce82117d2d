// SPDX-License-Identifier: Apache-2.0
// What has to be told at the top, whatever page is open: a build that failed, a crash, a guide that has gone.

import { copyButton, fill, h } from "../shared/dom.js";
import { ago, exactTime } from "../shared/format.js";

const command = (text) => h("span", { class: "command" }, h("code", {}, text), copyButton(text));

const inService = (build) => h("b", {}, build.service || "your service");

function buildNotice(build) {
  const errors = build.errors || [];
  const refused = build.refused;
  return h(
    "section",
    { class: "notice error", "data-notice": "build" },
    h("h2", {}, "✗ ", inService(build), build.service === "host.conf" ? " has a mistake; what was before stays in force" : refused ? " was built and refused by the host; the old version serves on" : " does not compile; the old version serves on"),
    h("ol", { class: "compiler" }, errors.slice(0, 5).map((e) => h("li", {}, e.file && [h("code", { class: "at" }, e.line ? `${e.file}:${e.line}` : e.file), " "], e.text))),
    !errors.length && h("p", {}, h("code", {}, "make"), " in its folder says why."),
    errors.length > 5 && h("p", {}, `and ${errors.length - 5} more; correct the first one first`),
    h("p", { class: "quiet" }, "Correct it and save: this goes away by itself."),
  );
}

/* What is known of a crash is not the same each time: each part stands alone. */
function crashNotice(crash, station) {
  const at = crash.file ? `${crash.file}${crash.line ? `:${crash.line}` : ""}` : "";
  const trace = crash.trace_id && station && `${station.replace(/\/$/, "")}/#/traces/${crash.trace_id}${crash.span_id ? `?span=${crash.span_id}` : ""}`;
  const span = h("code", {}, crash.span);
  return h(
    "section",
    { class: "notice error", "data-notice": "crash" },
    h("h2", {}, "✗ ", inService(crash), `: ${crash.what || "it crashed"}`, crash.signal && ` (${crash.signal})`),
    h(
      "dl",
      {},
      (at || crash.function) && [h("dt", {}, "where"), h("dd", {}, at && h("code", { class: "at" }, at), crash.function && [" in ", h("code", {}, `${crash.function}()`)])],
      crash.message && [h("dt", {}, "it said"), h("dd", {}, crash.message)],
      crash.span && [h("dt", {}, "open span"), h("dd", {}, trace ? h("a", { href: trace }, span) : span)],
      crash.at && [h("dt", {}, "when"), h("dd", { title: exactTime(crash.at * 1000) }, ago(crash.at * 1000))],
    ),
    !at && crash.text && h("pre", {}, crash.text),
    crash.hint && h("p", { class: "hint" }, crash.hint),
    h("p", { class: "quiet" }, crash.what === "blocked" ? "Nobody else was disturbed." : "It was started again at once, and nobody else was disturbed."),
  );
}

function lost(heard) {
  return h(
    "section",
    { class: "notice", "data-notice": "lost" },
    h("p", {}, "⚠ The guide does not answer. What you see is of ", exactTime(heard), "; this page tries again. If you stopped it: ", command("cupola workshop")),
  );
}

function textAlone() {
  return h(
    "section",
    { class: "notice", "data-notice": "alone" },
    h("p", {}, "This is the text alone. To work along, with your own files and with checks from this page, start ", command("cupola workshop"), " and open the address that it prints."),
  );
}

function problemNotice(problem, copy) {
  return h("section", { class: "notice", "data-notice": "problem" }, h("p", {}, "⚠ ", h("code", {}, "cupola workshop progress"), ` says nothing of ${copy}: ${problem}`));
}

/* A notice may be put away, until there is something new to tell. */
function withClose(notice) {
  notice.append(h("button", { class: "quiet close", type: "button", "aria-label": "put this away", title: "put this away", onclick: () => notice.remove() }, "×"));
  return notice;
}

/* What scrolls into view stays clear of the notices, which stay at the top. */
new ResizeObserver(([entry]) => document.documentElement.style.setProperty("--notices", `${Math.ceil(entry.contentRect.height)}px`)).observe(document.querySelector("#notices"));

/** Shows what there is to tell, in order of weight. */
export function showNotices({ state, connected, heard }) {
  const element = document.querySelector("#notices");
  const progress = state?.progress;
  const notices = [
    !connected && lost(heard),
    connected && state && !state.copy && document.body.querySelector("#contents [aria-current]")?.getAttribute("href") === "/" && textAlone(),
    connected && state?.problem && problemNotice(state.problem, state.copy),
    progress?.crash && crashNotice(progress.crash, progress.station),
    progress?.build && progress.build.ok === false && buildNotice(progress.build),
  ]
    .filter(Boolean)
    .map(withClose);
  const key = JSON.stringify([connected, connected || heard, state && !state.copy, state?.problem, progress?.crash, progress?.build]);
  if (element.dataset.key === key) return;
  element.dataset.key = key;
  fill(element, ...notices);
}
