// SPDX-License-Identifier: Apache-2.0
// The address is the state: what is shown and what is selected.

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** "#/traces/ID?service=x" -> { view: "traces", id: "ID", query: { service: "x" } } */
export function route() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view = "", id = ""] = path.split("/");
  return { view: view || "overview", id: decoded(id), query: Object.fromEntries(new URLSearchParams(search)) };
}

/** An address: to("metrics", "iss.requests", { service: "x" }) */
export function to(view, id, query = {}) {
  const text = new URLSearchParams(Object.entries(query).filter(([, v]) => v)).toString();
  return `#/${view}${id ? `/${encodeURIComponent(id)}` : ""}${text ? `?${text}` : ""}`;
}

/** Changes the address's query without a new entry in the history, so that reload keeps what was selected. */
export function remember(query) {
  const r = route();
  history.replaceState(null, "", to(r.view, r.id, { ...r.query, ...query }));
}
