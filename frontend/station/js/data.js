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

/** Calls arrived(counts) whenever there is something new, and connected(boolean) as the line goes up and down. */
export function listen(arrived, connected) {
  const source = new EventSource("/api/events");
  source.onopen = () => connected(true);
  source.onerror = () => connected(false);
  source.onmessage = (message) => arrived(JSON.parse(message.data));
  return source;
}
