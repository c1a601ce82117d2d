// SPDX-License-Identifier: Apache-2.0
// Copy buttons for code. Of a session in a shell only what is typed is copied.

import { copyButton } from "../shared/dom.js";

/** What somebody would type or paste: no prompt, no output, no markers of a diff. */
export function typed(figure) {
  const code = figure.querySelector("code").cloneNode(true);
  for (const element of code.querySelectorAll(".p, .o")) element.remove();
  const text = code.textContent;
  if (figure.querySelector(".p")) return text.split("\n").filter((l) => l.trim()).join("\n");
  if (figure.dataset.language === "diff") {
    const lines = text.split("\n").filter((l) => l.startsWith("+") && !l.startsWith("+++"));
    return lines.map((l) => l.slice(1)).join("\n");
  }
  return text.replace(/\n{2,}$/, "\n").replace(/^\n+/, "").trimEnd();
}

/* Whether lines are added in one place only: else they would make no sense together. */
const oneAddition = (figure) => figure.querySelector("code").textContent.split("\n").filter((l, i, all) => l.startsWith("+") && !all[i - 1]?.startsWith("+")).length === 1;

export function codeButtons(root) {
  for (const figure of root.querySelectorAll("figure.code")) {
    if (figure.dataset.language === "diff" && !oneAddition(figure)) continue;
    const label = figure.dataset.language === "diff" ? "copy added lines" : "copy";
    figure.querySelector("figcaption").append(copyButton(() => typed(figure), label));
  }
}
