// SPDX-License-Identifier: Apache-2.0
// Where the learner is: marks in the margin and at headings, and the step of now at the top.

import { fill, h } from "../shared/dom.js";

const WORD = { passed: "passed", caught_up: "caught up", now: "you are here", open: "open" };

export const stepHeading = (step) => document.querySelector(`#text [data-step="${CSS.escape(step)}"]`);
export const stepTitle = (step) => document.querySelector(`#contents li[data-step="${CSS.escape(step)}"] > a`)?.textContent || `step ${step}`;
export const stepLink = (step) => document.querySelector(`#contents li[data-step="${CSS.escape(step)}"] > a`)?.getAttribute("href");

function mark(element, step) {
  element.dataset.state = step?.state || "open";
  let note = element.querySelector(":scope > .state");
  if (!note) {
    note = h("span", { class: "state" });
    element.append(note);
  }
  const word = WORD[element.dataset.state] || element.dataset.state;
  if (note.title !== word) {
    note.title = word;
    fill(note, h("span", { class: "visually-hidden" }, ` ${word}`));
  }
}

/** progress: as `cupola workshop progress --json` says it; null: the text alone. */
export function showProgress(progress) {
  const states = new Map((progress?.steps || []).map((s) => [s.step, s]));
  for (const item of document.querySelectorAll("#contents li[data-step]")) {
    if (progress) mark(item, states.get(item.dataset.step));
    else {
      delete item.dataset.state;
      item.querySelector(":scope > .state")?.remove();
    }
  }
  for (const heading of document.querySelectorAll("#text [data-step]")) heading.dataset.state = states.get(heading.dataset.step)?.state || "";
  showNow(progress);
  showSession(progress, states);
}

function showNow(progress) {
  const now = document.querySelector("#now");
  const href = progress?.now && stepLink(progress.now);
  now.hidden = !href;
  if (!href) return;
  now.href = href;
  fill(now, h("span", {}, "now "), stepTitle(progress.now));
}

function showSession(progress, states) {
  const session = document.querySelector("#session");
  if (!progress) return void fill(session);
  const done = [...states.values()].filter((s) => s.state === "passed" || s.state === "caught_up").length;
  fill(
    session,
    h("progress", { max: String(states.size || 1), value: String(done), "aria-label": "steps passed" }),
    h("p", {}, done === states.size && done ? "All steps passed" : `${done} of ${states.size} steps passed`),
  );
}
