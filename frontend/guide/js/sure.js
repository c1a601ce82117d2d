// SPDX-License-Identifier: Apache-2.0
// A question before something that changes files.

/** True when the answer was yes. */
export function ask(title, text, yes) {
  const dialog = document.querySelector("#sure");
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector("p").textContent = text;
  dialog.querySelector("[value=yes]").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
