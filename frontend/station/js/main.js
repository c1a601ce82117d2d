// SPDX-License-Identifier: Apache-2.0
// Addresses to views, the live switch, the keys. A view is { render(element, route), update(), and when it
// differs: pace (the least ms between updates), step(by), escape(), find() }.

import { fill } from "../shared/dom.js";
import { exactTime } from "../shared/format.js";
import { themeSwitch } from "../shared/theme.js";
import { listen } from "./data.js";
import * as logs from "./logs.js";
import * as markers from "./markers.js";
import * as metric from "./metric.js";
import * as metrics from "./metrics.js";
import * as overview from "./overview.js";
import * as receiver from "./receiver.js";
import { tick } from "./parts.js";
import { route } from "./route.js";
import * as service from "./service.js";
import { problem } from "./states.js";
import * as trace from "./trace.js";
import * as traces from "./traces.js";

const views = { overview, traces, logs, metrics, receiver, services: overview };
const pages = { traces: trace, metrics: metric, services: service }; // of one, by its name or id
const main = document.querySelector("#view");
const live = document.querySelector("#live");
const notice = document.querySelector("#notice");
const state = { view: null, paused: false, connected: true, heard: Date.now(), missed: false, prefix: false, lifecycle: 0 };
const PACE_MS = 300;

async function show(focus) {
  const r = route();
  const view = (r.id && pages[r.view]) || views[r.view] || overview;
  const changed = state.view !== view;
  state.view = view;
  for (const a of document.querySelectorAll("nav a[data-view]")) {
    if (a.dataset.view === (r.view === "services" ? "overview" : r.view)) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
  document.title = `${r.id && r.view !== "traces" ? r.id : r.view[0].toUpperCase() + r.view.slice(1)} · Station`;
  if (changed) fill(main);
  main.className = view === trace ? "fixed" : "";
  try {
    await view.render(main, r);
  } catch (error) {
    fill(main, problem(error, () => show(false)));
  }
  if (focus) main.focus({ preventScroll: true });
}

function showLive() {
  live.textContent = !state.connected ? "○ not connected" : state.paused ? "‖ paused" : "● live";
  live.setAttribute("aria-pressed", String(!state.paused));
  notice.hidden = state.connected && !(state.paused && state.missed);
  if (!state.connected) notice.textContent = `⚠ The station does not answer. What you see is of ${exactTime(state.heard)}; this page tries again.`;
  else if (state.missed) notice.textContent = "Paused, and more has arrived. Press p to see it.";
}

function toggleLive() {
  state.paused = !state.paused;
  if (!state.paused && state.missed) refresh();
  state.missed = false;
  showLive();
}

/* One refresh at a time, and no more often than the view can bear: what arrives meanwhile waits for the next. */
let refreshing = false;
let again = false;
async function refresh() {
  if (refreshing) return void (again = true);
  refreshing = true;
  do {
    again = false;
    const view = state.view;
    try {
      await markers.load(state.lifecycle);
      await view?.update(route());
    } catch {
      /* the next arrival tries again; a lost connection is told by the notice */
    }
    await new Promise((resolve) => setTimeout(resolve, view?.pace || PACE_MS));
    if (state.paused && again) {
      state.missed = true;
      showLive();
      break;
    }
  } while (again);
  refreshing = false;
}

function rows() {
  return [...main.querySelectorAll("[data-row]")];
}

function step(by) {
  if (state.view?.step) return state.view.step(by);
  const all = rows();
  const at = all.indexOf(document.activeElement.closest?.("[data-row]"));
  const next = all[Math.min(all.length - 1, Math.max(0, at + by))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

const jumps = { o: "overview", t: "traces", l: "logs", m: "metrics", r: "receiver" };

document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") {
    if (typing) document.activeElement.blur();
    else state.view?.escape?.();
    return;
  }
  if (typing) return;
  if (state.prefix && jumps[event.key]) location.hash = `#/${jumps[event.key]}`;
  else if (event.key === "/") {
    const field = main.querySelector("input[type=search]");
    if (field) {
      event.preventDefault();
      field.focus();
    }
  } else if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "p") toggleLive();
  else if (event.key === "?") document.querySelector("#keys").showModal();
  else if (event.key === "Enter" && !/^(A|BUTTON)$/.test(document.activeElement.tagName)) document.activeElement.closest?.("[data-row]")?.click();
  state.prefix = event.key === "g";
});

themeSwitch(document.querySelector("#theme"));
live.addEventListener("click", toggleLive);
document.querySelector("#help").addEventListener("click", () => document.querySelector("#keys").showModal());
window.addEventListener("hashchange", () => show(true));
listen(
  (counts) => {
    state.heard = Date.now();
    state.lifecycle = counts.lifecycle;
    if (state.paused) state.missed = true;
    else refresh();
    showLive();
  },
  (connected) => {
    state.connected = connected;
    showLive();
  },
);
setInterval(() => !document.hidden && tick(main), 1000);
await markers.load().catch(() => {}); /* a station that does not answer is told by what is shown next */
show(false);
