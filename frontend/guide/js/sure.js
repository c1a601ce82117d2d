// SPDX-License-Identifier: Apache-2.0
// A question before something that changes files.

import { fill } from "../shared/dom.js";

/** True when the answer was yes. `text` is what fill() takes. */
export function ask(title, yes, ...text) {
  const dialog = document.querySelector("#sure");
  dialog.querySelector("h2").textContent = title;
  fill(dialog.querySelector("p"), text);
  dialog.querySelector("[value=yes]").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
