// SPDX-License-Identifier: Apache-2.0
// The page is made on the server; this adds what changes while one reads.

import { themeSwitch } from "../shared/theme.js";
import { about, listen } from "./api.js";
import { checkButtons, checkHere, enableChecks } from "./checks.js";
import { codeButtons } from "./code.js";
import { findHeadings } from "./find.js";
import { keys } from "./keys.js";
import { showNotices } from "./notices.js";
import { linksFromAfar, placesAre, tabsOfTheirOwn } from "./places.js";
import { showProgress, stepLink } from "./progress.js";

const text = document.querySelector("#text");
const store = { state: null, connected: true, heard: Date.now() };

function show() {
  const progress = store.state?.progress || null;
  if (progress) placesAre({ ...progress.services, station: progress.station, frontend: progress.frontend });
  showProgress(progress);
  showNotices(store);
  enableChecks(Boolean(progress) && store.connected);
}

/* The contents are longer than the window: the page that is open stands in their upper part. */
function contentsHere() {
  const contents = document.querySelector("#contents");
  const here = contents.querySelector("[aria-current]");
  if (here) contents.scrollTop = here.offsetTop - contents.clientHeight / 4;
}

function contentsButton() {
  const button = document.querySelector("#contents-button");
  const set = (open) => {
    document.documentElement.classList.toggle("contents-open", open);
    button.setAttribute("aria-expanded", String(open));
  };
  button.addEventListener("click", () => set(button.getAttribute("aria-expanded") !== "true"));
  document.querySelector("#contents").addEventListener("click", (event) => event.target.closest("a") && set(false));
  return set;
}

checkButtons(text);
codeButtons(text);
findHeadings();
tabsOfTheirOwn();
linksFromAfar();
contentsHere();
themeSwitch(document.querySelector("#theme"));
document.querySelector("#help").addEventListener("click", () => document.querySelector("#keys").showModal());
keys({ contents: contentsButton(), check: () => checkHere(store.state?.progress?.now), now: () => store.state?.progress?.now && stepLink(store.state.progress.now) });
about().then((urls) => store.state?.progress || placesAre(urls), () => {});
listen(
  (state) => {
    if (!store.state) setTimeout(contentsHere); // what is known of the learner moves them down
    store.state = state;
    store.heard = Date.now();
    show();
  },
  (connected) => {
    store.connected = connected;
    if (connected) store.heard = Date.now();
    show();
  },
);
