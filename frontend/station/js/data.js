// SPDX-License-Identifier: Apache-2.0
// The station's API, and the events by which it tells that something arrived.

async function get(path) {
  let response;
  try {
    response = await fetch(path);
  } catch {
    throw new Error("The station does not answer. Is it still running?");
  }
  if (!response.ok) throw new Error((await response.text()).trim() || `It answered ${response.status}.`);
  return response.json();
}

const query = (parameters) => new URLSearchParams(Object.entries(parameters).filter(([, v]) => v !== undefined && v !== null && v !== "")).toString();

export const traces = (filter) => get(`/api/traces?${query(filter)}`);
export const services = () => get("/api/services");
export const resources = (service) => get(`/api/resources?service=${encodeURIComponent(service)}`);
export const lifecycle = () => get("/api/lifecycle");
export const logCounts = (filter) => get(`/api/logs/counts?${query(filter)}`);
export const metrics = (filter) => get(`/api/metrics?${query(filter)}`);
export const status = () => get("/api/status");
export const telemetry = (kind, filter) => get(`/api/telemetry/${kind}?${query(filter)}`);
export const clear = () => fetch("/api/clear", { method: "POST" });

/**
 * Calls arrived(counts) whenever there is something new, and connected(boolean) as the line goes up and down.
 * A browser gives a site six connections for all its tabs, and each listener holds one: a page that nobody
 * sees, or that has been left, lets go of its own. The first event of a new line makes up for what it missed.
 */
export function listen(arrived, connected) {
  let source = null;
  const open = () => {
    if (source) return;
    source = new EventSource("/api/events");
    source.onopen = () => connected(true);
    source.onerror = () => connected(false);
    source.onmessage = (message) => arrived(JSON.parse(message.data));
  };
  const close = () => {
    source?.close();
    source = null;
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  if (!document.hidden) open();
}
