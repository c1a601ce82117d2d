// SPDX-License-Identifier: Apache-2.0
// Where the learner is: marks in the margin and at headings, and the step of now at the top.

import { fill, h } from "../shared/dom.js";

const WORD = { passed: "passed", caught_up: "caught up", now: "you are here", open: "open" };

export const stepHeading = (step) => document.querySelector(`#text [data-step="${CSS.escape(step)}"]`);
export const stepTitle = (step) => document.querySelector(`#contents li[data-step="${CSS.escape(step)}"] > a`)?.textContent || `step ${step}`;
export const stepLink = (step) => document.querySelector(`#contents li[data-step="${CSS.escape(step)}"] > a`)?.getAttribute("href");

const stateOf = (step) => (!step ? "open" : step.caught_up && !step.passed_at && step.state !== "now" ? "caught_up" : step.state);

function mark(element, step) {
  element.dataset.state = stateOf(step);
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
  for (const heading of document.querySelectorAll("#text [data-step]")) heading.dataset.state = progress ? stateOf(states.get(heading.dataset.step)) : "";
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
  const all = [...states.values()].map(stateOf);
  const passed = all.filter((s) => s === "passed").length;
  const caughtUp = all.filter((s) => s === "caught_up").length;
  fill(
    session,
    h("progress", { max: String(all.length || 1), value: String(passed + caughtUp), "aria-label": "steps done" }),
    h("p", {}, passed === all.length && passed ? "All steps passed" : `${passed} of ${all.length} steps passed`, caughtUp ? `, ${caughtUp} caught up` : ""),
  );
}
