// SPDX-License-Identifier: Apache-2.0
// The states that every view has besides its data: loading, failed, nothing found.

import { fill, h } from "../shared/dom.js";

const SLOW_MS = 150;

export const skeleton = (rows = 8) =>
  h("div", { class: "skeleton", "aria-hidden": "true" }, Array.from({ length: rows }, (_, i) => h("i", { style: { width: `${92 - ((i * 37) % 41)}%` } })));

export const nothingMatches = () => h("p", { class: "empty" }, "Nothing matches. Take a filter away, or search for less.");

export function problem(error, again) {
  return h(
    "div",
    { class: "problem", role: "alert" },
    h("h2", {}, "⚠ This cannot be shown"),
    h("p", {}, error.message),
    again && h("p", {}, h("button", { class: "quiet", type: "button", onclick: again }, "Try again")),
  );
}

/** Runs load(), which fills `element`: a skeleton when it takes its time, the reason when it fails. */
export async function loading(element, load) {
  const slow = setTimeout(() => !element.firstChild && fill(element, skeleton()), SLOW_MS);
  try {
    await load();
  } catch (error) {
    fill(element, problem(error, () => (fill(element), loading(element, load))));
  } finally {
    clearTimeout(slow);
  }
}

const nameOf = (element) => element.getAttribute("href") || element.dataset?.attributes || element.textContent;

/** Draws anew what is in `element`, and gives the focus back to what had it. */
export function keepingFocus(element, draw) {
  const active = element.contains(document.activeElement) ? document.activeElement : null;
  const name = active && nameOf(active);
  draw();
  if (active && !active.isConnected) [...element.querySelectorAll(active.tagName)].find((e) => nameOf(e) === name)?.focus({ preventScroll: true });
}

/**
 * Makes the children of `parent` those of `items`, in order, and keeps the elements that are there already:
 * what has the focus keeps it, and what is read does not move. `build(item)` makes one; it is made anew
 * when `signature(item)` is another.
 */
export function keyed(parent, items, key, signature, build) {
  const known = new Map([...parent.children].map((element) => [element.dataset.key, element]));
  const wanted = new Set(items.map((item) => String(key(item))));
  for (const [k, element] of known) if (!wanted.has(k)) element.remove();
  let at = parent.firstChild;
  for (const item of items) {
    const k = String(key(item));
    const s = String(signature(item));
    let element = known.get(k);
    if (!element || element.dataset.signature !== s) {
      const fresh = build(item);
      fresh.dataset.key = k;
      fresh.dataset.signature = s;
      if (element) {
        const focused = element === document.activeElement;
        if (at === element) at = fresh;
        element.replaceWith(fresh);
        if (focused) fresh.focus({ preventScroll: true });
      }
      element = fresh;
    }
    if (element === at) at = at.nextSibling;
    else parent.insertBefore(element, at);
  }
}
