// SPDX-License-Identifier: Apache-2.0
// Light, dark or as the system has it; kept in this browser.

const KEY = "cupola-theme";
const ORDER = ["system", "light", "dark"];
const LABEL = { system: "◐ system", light: "○ light", dark: "● dark" };

function apply(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

function stored() {
  try {
    return localStorage.getItem(KEY) || "system";
  } catch {
    return "system"; // storage may be forbidden; the switch then lasts as long as the page
  }
}

export function themeSwitch(button) {
  let theme = stored();
  const show = () => {
    apply(theme);
    button.textContent = LABEL[theme];
    button.setAttribute("aria-label", `colours: ${theme}`);
  };
  button.addEventListener("click", () => {
    theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      /* as above */
    }
    show();
  });
  show();
}
