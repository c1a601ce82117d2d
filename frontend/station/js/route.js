// SPDX-License-Identifier: Apache-2.0
// The address is the state: what is shown and what is selected.

/** "#/traces/ID?service=x" -> { view: "traces", id: "ID", query: { service: "x" } } */
export function route() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view = "", id = ""] = path.split("/");
  return { view: view || "overview", id, query: Object.fromEntries(new URLSearchParams(search)) };
}

/** Changes the address's query without a new entry in the history, so that reload keeps what was selected. */
export function remember(query) {
  const r = route();
  const text = new URLSearchParams(Object.entries({ ...r.query, ...query }).filter(([, v]) => v)).toString();
  history.replaceState(null, "", `#/${r.view}${r.id ? `/${r.id}` : ""}${text ? `?${text}` : ""}`);
}
