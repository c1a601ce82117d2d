// SPDX-License-Identifier: Apache-2.0
// What the page asks its own service. Each call gives data or throws an Error with a sentence for people.

async function get(path, { signal } = {}) {
  let response;
  try {
    response = await fetch(path, { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The service does not answer. Is it still running?");
  }
  return response;
}

export async function distance(place, options) {
  const response = await get(`/api/distance?location=${encodeURIComponent(place)}`, options);
  const text = await response.text();
  if (!response.ok) throw Object.assign(new Error(text.trim() || `It answered ${response.status}.`), { status: response.status });
  const traceresponse = response.headers.get("traceresponse") || "";
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceresponse);
  return { ...JSON.parse(text), traceId: match ? match[1] : null };
}

export async function iss(options) {
  const response = await get("/api/iss", options);
  if (!response.ok) throw new Error((await response.text()).trim());
  return response.json();
}

export async function suggest(text, options) {
  const response = await get(`/api/suggest?q=${encodeURIComponent(text)}`, options);
  return response.ok ? (await response.json()).suggestions : [];
}

/** Spans of one trace as the station holds them, or null when there is no station to ask. */
export async function trace(traceId, options) {
  const response = await get(`/api/trace?trace_id=${traceId}`, options);
  return response.ok ? response.json() : null;
}

export async function about(options) {
  const response = await get("/api/about", options);
  return response.ok ? response.json() : {};
}
