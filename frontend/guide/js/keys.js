// SPDX-License-Identifier: Apache-2.0
// The keyboard: the same letters as on the station where they mean the same.

/* The heading at or just above the top of the window, and from it `by` further. */
function turnHeading(by) {
  const all = [...document.querySelectorAll("#text h1[id], #text h2[id], #text h3[id]")];
  const edge = 96;
  const tops = all.map((e) => e.getBoundingClientRect().top);
  const next = by > 0 ? tops.findIndex((top) => top > edge) : tops.findLastIndex((top) => top < edge - 40);
  if (next >= 0) all[next].scrollIntoView({ block: "start" });
}

export function keys({ contents, check, now }) {
  const open = (selector) => document.querySelector(selector)?.click();
  const actions = {
    n: () => open(".turn a[rel=next]"),
    p: () => open(".turn a[rel=prev]"),
    j: () => turnHeading(1),
    k: () => turnHeading(-1),
    c: check,
    g: () => now() && (location.href = now()),
    "/": () => {
      contents(true);
      document.querySelector("#find").focus();
    },
    "?": () => document.querySelector("#keys").showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (event.key === "Escape") {
      if (typing) document.activeElement.blur();
      contents(false);
    } else if (!typing && actions[event.key]) {
      event.preventDefault();
      actions[event.key]();
    }
  });
}
