// SPDX-License-Identifier: Apache-2.0
// The contents, cut down to what is looked for; Enter opens the first that is left.

export function findHeadings() {
  const field = document.querySelector("#find");
  const contents = document.querySelector("#contents");
  const like = (element, words) => words.every((w) => element.textContent.toLowerCase().includes(w));
  const find = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    contents.classList.toggle("finding", words.length > 0);
    for (const chapter of contents.querySelectorAll(".chapters > li")) {
      const items = [...chapter.querySelectorAll(".headings > li")];
      for (const item of items) item.classList.toggle("unlike", words.length > 0 && !like(item, words));
      const any = like(chapter.querySelector(":scope > a"), words) || items.some((i) => !i.classList.contains("unlike"));
      chapter.classList.toggle("unlike", words.length > 0 && !any);
    }
  };
  field.addEventListener("input", find);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      field.value = "";
      find();
    } else if (event.key === "Enter") {
      const all = [...contents.querySelectorAll(".headings a, .chapters > li > a")].filter((a) => a.checkVisibility());
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      (all.find((a) => words.length && like(a, words)) || all[0])?.click();
    }
  });
}
