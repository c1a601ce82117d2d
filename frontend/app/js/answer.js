// SPDX-License-Identifier: Apache-2.0
// What stands beside the map: the distance, who took part, and where to see the trace.

import { h, fill } from "../shared/dom.js";
import { duration, number, serviceColour } from "../shared/format.js";

const degrees = (value, positive, negative) => `${Math.abs(value).toFixed(2)}° ${value < 0 ? negative : positive}`;
export const coordinates = ({ latitude, longitude }) => `${degrees(latitude, "N", "S")}, ${degrees(longitude, "E", "W")}`;

/** Time that each service spent, from the spans of one trace in OTLP/JSON: its server span, or all of it. */
export function serviceTimes(otlp) {
  const times = new Map();
  for (const { resource, scopeSpans = [] } of otlp?.resourceSpans || []) {
    const name = resource?.attributes?.find((a) => a.key === "service.name")?.value?.stringValue || "unknown";
    for (const span of scopeSpans.flatMap((s) => s.spans || [])) {
      const took = Number(BigInt(span.endTimeUnixNano || 0) - BigInt(span.startTimeUnixNano || 0));
      const start = BigInt(span.startTimeUnixNano || 0);
      const known = times.get(name);
      if (!known) times.set(name, { took, start });
      else times.set(name, { took: Math.max(known.took, took), start: start < known.start ? start : known.start });
    }
  }
  return [...times].sort((a, b) => (a[1].start < b[1].start ? -1 : 1)).map(([name, { took }]) => ({ name, took }));
}

export function showIdle(section, position) {
  const list = section.querySelector(".live");
  const over = coordinates(position);
  const height = position.altitude_km ? `${number(position.altitude_km)} km` : "";
  if (list) {
    const [where, high] = list.querySelectorAll("dd");
    where.textContent = over;
    if (high) high.textContent = height;
    return;
  }
  fill(
    section,
    h("dl", { class: "live" }, h("div", {}, h("dt", {}, "The ISS is over"), h("dd", { class: "number" }, over)), height && h("div", {}, h("dt", {}, "at a height of"), h("dd", { class: "number" }, height))),
    h("p", { class: "idle-hint" }, "Type a place above to see how far away that is. Four services will find out together."),
  );
}

export function showWaiting(section, place) {
  fill(section, h("p", { class: "waiting one" }, `Asking for ${place} …`));
}

export function showFailure(section, error) {
  const hint =
    error.status === 404 ? "Try the name of a larger place nearby, or add a country: “Paris, US”." : error.status >= 500 ? "Nothing is made up when a service fails. Ask again, or look at what the services log." : "";
  fill(section, h("div", { class: "failed", role: "alert" }, h("strong", {}, "⚠ No answer"), h("p", {}, error.message), hint && h("p", { class: "quietly" }, hint)));
}

export function showAnswer(section, place, answer) {
  fill(
    section,
    h(
      "div",
      {},
      h("p", { class: "distance number", id: "distance" }, number(answer.distance), h("small", {}, " km")),
      h("p", { class: "from" }, `from ${place} to the point under the ISS, ${coordinates(answer.location)}`),
    ),
    h(
      "div",
      { id: "trace" },
      answer.traceId
        ? [h("h2", {}, "Who took part"), h("ul", { class: "services awaited", "aria-hidden": "true" }, [0, 1, 2, 3].map(() => h("li", {}))), h("p", { class: "quietly" }, "looking for its trace …")]
        : h("p", { class: "dark-hint", id: "untraced" }, "Not traced yet: the services that answered are dark. The workshop lights them up, one after the other."),
    ),
  );
}

/** `times` is empty while the station has nothing of the trace. */
export function showTrace(section, traceId, times, stationUrl) {
  const box = section.querySelector("#trace");
  if (!box) return;
  fill(
    box,
    h("h2", {}, "Who took part"),
    times.length
      ? h("ul", { class: "services" }, times.map(({ name, took }) => h("li", { style: { "--colour": serviceColour(name) } }, h("span", { class: "name", title: name }, name), h("span", { class: "time number" }, duration(took)))))
      : h("ul", { class: "services awaited", "aria-hidden": "true" }, [0, 1, 2, 3].map(() => h("li", {}))),
    h("p", { class: "quietly" }, stationUrl ? h("a", { id: "trace-link", href: `${stationUrl}#/traces/${traceId}`, title: traceId }, "See this request as a trace") : ["trace ", h("code", { id: "trace-id" }, traceId)]),
  );
}
