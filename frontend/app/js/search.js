// SPDX-License-Identifier: Apache-2.0
// The search field: suggestions while typing, by mouse and keyboard (the ARIA combobox pattern).

import { h, fill } from "../shared/dom.js";
import { suggest } from "./api.js";

const PAUSE_MS = 80;

export function search(form, onPlace) {
  const input = form.elements.location;
  const list = form.querySelector("#suggestions");
  let places = [];
  let chosen = -1;
  let timer = 0;
  let asking = null;

  function close() {
    list.hidden = true;
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function mark(index) {
    chosen = index;
    [...list.children].forEach((li, i) => {
      li.setAttribute("aria-selected", String(i === chosen));
      if (i === chosen) li.scrollIntoView({ block: "nearest" });
    });
    if (chosen >= 0) input.setAttribute("aria-activedescendant", `place-${chosen}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function show() {
    if (!places.length) return close();
    fill(
      list,
      places.map((place, i) =>
        h(
          "li",
          { id: `place-${i}`, role: "option", "aria-selected": "false", onpointerdown: (event) => (event.preventDefault(), take(i)) },
          h("span", {}, place.name),
          h("span", { class: "where" }, place.label.replace(`${place.name}, `, "")),
        ),
      ),
    );
    list.hidden = false;
    chosen = -1;
    input.setAttribute("aria-expanded", "true");
  }

  async function refresh() {
    asking?.abort();
    asking = new AbortController();
    const text = input.value.trim();
    if (text.length < 2) {
      places = [];
      return close();
    }
    try {
      places = await suggest(text, { signal: asking.signal });
      show();
    } catch (error) {
      if (error.name !== "AbortError") close();
    }
  }

  function submit() {
    clearTimeout(timer);
    asking?.abort();
    close();
    const text = input.value.trim();
    if (text) onPlace(text);
    else input.focus();
  }

  function take(index) {
    const place = places[index];
    input.value = place.label;
    submit();
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, PAUSE_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (list.hidden) return void refresh();
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      mark((chosen + step + places.length + (chosen < 0 && step < 0 ? 1 : 0)) % places.length);
    } else if (event.key === "Enter" && chosen >= 0) {
      event.preventDefault();
      take(chosen);
    }
  });
  input.addEventListener("blur", close);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== input) {
      event.preventDefault();
      input.select();
      input.focus();
    }
  });
}
