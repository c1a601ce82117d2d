// SPDX-License-Identifier: Apache-2.0
// What the guide's own service is asked.

/** Calls `state` with what is known of the working copy at each change, and `connected` when that changes. */
export function listen(state, connected) {
  let source = null;
  const open = () => {
    if (source) return;
    source = new EventSource("/api/events");
    source.onopen = () => connected(true);
    source.onerror = () => connected(false);
    source.onmessage = (event) => state(JSON.parse(event.data));
  };
  const close = () => {
    source?.close();
    source = null;
  };
  // A browser opens six connections to one address: pages in the background give theirs up.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}

export async function about() {
  const response = await fetch("/api/about");
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response.json();
}

/**
 * Runs an action of `cupola workshop` about { step } or { id } and calls `line` with each object that it says. Returns the last one,
 * { end, status, message }; throws with a sentence when it could not be run.
 */
export async function run(action, about, line, signal) {
  let response;
  try {
    response = await fetch(`/api/run/${action}?${new URLSearchParams(about)}`, { method: "POST", signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Error("The guide does not answer. Is `cupola workshop` still running?");
  }
  if (!response.ok) {
    const text = await response.text();
    let said = text.trim();
    try {
      said = JSON.parse(text).error;
    } catch {
      /* it was no JSON */
    }
    throw new Error(said || `HTTP ${response.status}`);
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Error("The guide went away before it was done. Start it again with `cupola workshop`.");
    }
    if (part.done) throw new Error("The guide stopped before it was done.");
    rest += part.value;
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const text of lines) {
      const object = JSON.parse(text);
      if (object.end) return object;
      line(object);
    }
  }
}
