// SPDX-License-Identifier: Apache-2.0
// Checks run from the page: at each step's heading, and behind each `cupola workshop check` in the text.

import { fill, h } from "../shared/dom.js";
import { run } from "./api.js";
import { typed } from "./code.js";
import { stepLink, stepTitle } from "./progress.js";
import { ask } from "./sure.js";

const panels = new Map(); // step or section -> panel
const MARK = { pass: "✓", fail: "✗", skip: "–" };
const WORD = { pass: "passed", fail: "failed", skip: "skipped" };
let enabled = false;

class Panel {
  constructor(step, button) {
    this.step = step;
    this.button = button;
    this.status = h("p", { class: "status", role: "status" });
    this.list = h("ul", { class: "assertions" });
    this.after = h("div", { class: "after" });
    this.element = h("section", { class: "check", hidden: true, "aria-label": `check of ${step}` }, this.status, this.list, this.after);
    button.addEventListener("click", () => (this.abort ? this.abort.abort() : this.check()));
  }

  say(kind, ...what) {
    this.element.dataset.kind = kind;
    fill(this.status, ...what);
  }

  async check() {
    if (!enabled || this.abort) return;
    const counts = { pass: 0, fail: 0, skip: 0 };
    this.abort = new AbortController();
    this.element.hidden = false;
    fill(this.list);
    fill(this.after);
    this.button.textContent = "Stop";
    this.say("running", "Asking the application and looking at what it sends …");
    this.element.scrollIntoView({ block: "nearest" });
    try {
      const end = await run("check", { step: this.step }, (line) => this.line(line, counts), this.abort.signal);
      this.finish(end, counts);
    } catch (error) {
      if (this.abort.signal.aborted) this.say("stopped", "Stopped. Nothing was judged.");
      else this.say("problem", "⚠ ", error.message);
    }
    this.abort = null;
    this.button.textContent = "Check again";
  }

  line(line, counts) {
    if (!(line.result in counts)) return;
    if (line.result !== "pass" || !isDrive(line)) counts[line.result]++; // that something was asked is no success
    this.list.append(
      h(
        "li",
        { class: isDrive(line) ? `${line.result} drive` : line.result },
        h("span", { class: "mark", "aria-hidden": "true" }, MARK[line.result]),
        h("div", {}, h("span", { class: "visually-hidden" }, `${WORD[line.result]}: `), inline(line.say), line.miss && h("p", { class: "miss" }, inline(line.miss)), line.result === "fail" && !isDrive(line) && hints(line)),
      ),
    );
    this.say("running", `${counts.pass} passed`, counts.fail ? `, ${counts.fail} failed` : "", " so far …");
  }

  finish(end, counts) {
    if (!counts.pass && !counts.fail) return this.say("problem", "⚠ The check could not be made. ", end.message || "It said nothing about why.");
    if (!counts.fail) {
      this.say("passed", `✓ ${counts.pass} of ${counts.pass} passed`, counts.skip ? `, ${counts.skip} skipped` : "");
      return this.showNext();
    }
    this.say("failed", `✗ ${counts.fail} of ${counts.pass + counts.fail} failed`, counts.skip ? `, ${counts.skip} skipped` : "");
    this.list.querySelector(".fail").scrollIntoView({ block: "nearest" });
  }

  /* The first step after this one, as the margin has them in order. */
  showNext() {
    const steps = [...document.querySelectorAll("#contents li[data-step]")].map((li) => li.dataset.step);
    const last = steps.findLastIndex((s) => s === this.step || s.startsWith(`${this.step}.`));
    const next = steps[last + 1];
    if (last >= 0 && next) fill(this.after, h("p", {}, "Next: ", h("a", { href: stepLink(next) }, stepTitle(next))));
  }
}

/* What the check asked of the application, before it looked: no hint is about that. */
const isDrive = (line) => /\[/.test(line.id || "");

/* Three hints for what failed: the idea, the place, the code; then the solution. */
function hints(line) {
  const said = h("div", { class: "said", role: "status" });
  const hint = h("button", { class: "quiet", type: "button" }, "Hint");
  const solution = h("button", { class: "quiet", type: "button", hidden: true }, "Solution");
  hint.addEventListener("click", () =>
    once(hint, said, "hint", { id: line.id }, (one) => {
      const level = one.level ? h("b", {}, `${one.level} of ${one.of} `) : "";
      said.append(h("p", {}, level, inline(one.text ?? "")));
      hint.textContent = one.level >= one.of ? "Last hint again" : "Next hint";
      solution.hidden = !(one.level >= one.of);
    }),
  );
  solution.addEventListener("click", () => {
    const code = h("code", {});
    once(solution, said, "solution", { step: line.step }, (one) => {
      if (!code.isConnected) said.append(h("pre", { tabindex: "0" }, code));
      code.append(`${one.text ?? ""}\n`);
    });
  });
  return h("div", { class: "hints" }, said, h("div", { class: "ask" }, hint, solution));
}

/* Runs an action whose lines go to `each`; what went wrong is said in their place. */
async function once(button, said, action, about, each) {
  let problem = "";
  button.disabled = true;
  try {
    const end = await run(action, about, each);
    if (end.status !== 0) problem = end.message || "It did not say why not.";
  } catch (error) {
    problem = error.message;
  }
  button.disabled = false;
  if (problem) said.append(h("p", { class: "problem" }, "⚠ ", problem));
}

/* `code` in sentences of the tools, as in the text. */
function inline(text) {
  return String(text)
    .split(/`([^`]+)`/)
    .map((part, i) => (i % 2 ? h("code", {}, part) : part));
}

function button(text = "Check") {
  return h("button", { class: "quiet strong check-button", type: "button" }, text);
}

/* "Catch up": what comes before this step is put into the learner's files. */
function catchUp(step, panel) {
  const element = h("button", { class: "quiet catch-up", type: "button", title: "puts the solutions of everything before this step into your files" }, "Catch up");
  element.addEventListener("click", async () => {
    const sure = await ask(
      `Catch up to ${stepTitle(step)}?`,
      "Catch up",
      inline("The solutions of all steps before this one are put into your files. Your files are backed up first: `cupola workshop undo`, or the button that then appears here, brings them back byte for byte."),
    );
    if (sure) change(panel, "catch-up", step);
  });
  return element;
}

async function change(panel, action, step) {
  const lines = [];
  panel.element.hidden = false;
  fill(panel.list);
  fill(panel.after);
  panel.say("running", action === "undo" ? "Bringing your files back …" : "Putting the solutions in place …");
  try {
    const end = await run(action, { step }, (line) => line.text && lines.push(line.text));
    if (end.status !== 0) throw new Error(end.message || lines.join(" ") || "It did not work, and nothing was said about why.");
    const [first, ...more] = lines.filter((l) => !/^(Now:|\s)/.test(l)); // the margin says where one is
    panel.say("passed", "✓ ", inline(first || (action === "undo" ? "Your files are back." : "Done; your files were backed up.")));
    fill(panel.after, more.map((l) => h("p", {}, inline(l))), action !== "undo" && h("button", { class: "quiet", type: "button", onclick: () => change(panel, "undo", step) }, "Undo"));
  } catch (error) {
    panel.say("problem", "⚠ ", error.message);
  }
}

/** Makes the buttons; they show once the working copy is known to be there. */
export function checkButtons(root) {
  for (const heading of root.querySelectorAll("[data-step]")) {
    const step = heading.dataset.step;
    const check = button();
    const panel = new Panel(step, check);
    panels.set(step, panel);
    const minutes = heading.nextElementSibling?.matches("p.minutes") ? heading.nextElementSibling : null;
    const tools = h("div", { class: "tools" }, check, catchUp(step, panel));
    heading.after(h("div", { class: "under" }, minutes, tools), panel.element);
  }
  for (const figure of root.querySelectorAll("figure.code[data-language=sh]")) {
    const step = /^cupola workshop check(?: (\S+))?$/m.exec(typed(figure))?.[1];
    if (!step) continue;
    const check = button(`Check ${step}`);
    const panel = new Panel(step, check);
    panels.set(step, panel);
    figure.after(h("div", { class: "tools" }, check), panel.element);
  }
}

export function enableChecks(on) {
  enabled = on;
  document.documentElement.classList.toggle("can-check", on);
}

/** Checks the step whose text is on screen; the one of now when there is none on this page. */
export function checkHere(now) {
  const all = [...document.querySelectorAll("#text .check-button")].filter((b) => b.checkVisibility());
  const above = all.filter((b) => b.getBoundingClientRect().top < innerHeight * 0.7);
  const here = above.at(-1) || all[0];
  if (here) here.click();
  else if (now && stepLink(now)) location.href = stepLink(now);
}
