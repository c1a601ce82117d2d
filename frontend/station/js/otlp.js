// SPDX-License-Identifier: Apache-2.0
// OTLP/JSON made flat: spans, log records and metric points that know their service.

/** An AnyValue as a JavaScript value. */
export function anyValue(value) {
  if (!value) return null;
  if ("stringValue" in value) return value.stringValue;
  if ("boolValue" in value) return value.boolValue;
  if ("intValue" in value) return Number.isSafeInteger(Number(value.intValue)) ? Number(value.intValue) : String(value.intValue);
  if ("doubleValue" in value) return Number(value.doubleValue);
  if ("bytesValue" in value) return `base64:${value.bytesValue}`;
  if ("arrayValue" in value) return (value.arrayValue.values || []).map(anyValue);
  if ("kvlistValue" in value) return attributes(value.kvlistValue.values);
  return null;
}

export const attributes = (list = []) => Object.fromEntries(list.map(({ key, value }) => [key, anyValue(value)]));

/** The type of an AnyValue, as the specification names it. */
export function typeOf(value) {
  const key = Object.keys(value || {})[0];
  const name = { stringValue: "string", boolValue: "bool", intValue: "int", doubleValue: "double", bytesValue: "bytes", kvlistValue: "map" }[key];
  if (key === "arrayValue") return `${typeOf(value.arrayValue.values?.[0]) || ""}[]`;
  return name || "";
}

export const types = (list = []) => Object.fromEntries(list.map(({ key, value }) => [key, typeOf(value)]));

export const show = (value) => (typeof value === "string" ? value : value !== null && typeof value === "object" ? JSON.stringify(value) : String(value));

const big = (text) => BigInt(text || 0);
const ms = (ns) => Number(ns / 1000n) / 1000;

function* each(otlp, resources, scopes, items) {
  for (const group of otlp[resources] || []) {
    const resource = attributes(group.resource?.attributes);
    const service = resource["service.name"] || "unknown_service";
    for (const inner of group[scopes] || [])
      for (const item of inner[items] || []) yield { item, service, resource, scope: inner.scope || {} };
  }
}

export function spans(otlp) {
  return [...each(otlp, "resourceSpans", "scopeSpans", "spans")].map(({ item, service, resource, scope }) => ({
    id: item.spanId,
    traceId: item.traceId,
    parent: item.parentSpanId || "",
    name: item.name || "",
    kind: ["unspecified", "internal", "server", "client", "producer", "consumer"][item.kind || 0],
    start: big(item.startTimeUnixNano),
    end: big(item.endTimeUnixNano),
    status: item.status?.code || 0,
    statusMessage: item.status?.message || "",
    attributes: attributes(item.attributes),
    types: types(item.attributes),
    dropped: (item.droppedAttributesCount || 0) + (item.droppedEventsCount || 0) + (item.droppedLinksCount || 0),
    events: (item.events || []).map((e) => ({ time: big(e.timeUnixNano), name: e.name || "", attributes: attributes(e.attributes) })),
    links: (item.links || []).map((l) => ({ traceId: l.traceId, spanId: l.spanId, attributes: attributes(l.attributes) })),
    traceState: item.traceState || "",
    service,
    resource,
    scope,
  }));
}

export function severityClass(n) {
  return n >= 17 ? "error" : n >= 13 ? "warn" : n >= 9 ? "info" : "debug";
}

export function logs(otlp) {
  return [...each(otlp, "resourceLogs", "scopeLogs", "logRecords")].map(({ item, service, resource, scope }) => ({
    time: ms(big(item.timeUnixNano || item.observedTimeUnixNano)),
    nano: String(item.timeUnixNano || item.observedTimeUnixNano || 0),
    severity: item.severityNumber || 0,
    severityText: item.severityText || ["", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"][Math.ceil((item.severityNumber || 0) / 4)],
    body: item.body ? show(anyValue(item.body)) : item.eventName || "",
    event: item.eventName || "",
    attributes: attributes(item.attributes),
    types: types(item.attributes),
    traceId: item.traceId || "",
    spanId: item.spanId || "",
    service,
    resource,
    scope,
  }));
}

/** Streams of points: one per resource, scope, name and set of attributes, points in the order of time. */
export function series(otlp) {
  const all = new Map();
  for (const { item, service, resource, scope } of each(otlp, "resourceMetrics", "scopeMetrics", "metrics")) {
    const instance = JSON.stringify(resource);
    const type = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"].find((t) => t in item);
    if (!type) continue;
    for (const point of item[type].dataPoints || []) {
      const attrs = attributes(point.attributes);
      const key = JSON.stringify([instance, scope.name, item.name, Object.entries(attrs).sort()]);
      if (!all.has(key))
        all.set(key, {
          key,
          service,
          resource,
          name: item.name,
          unit: item.unit || "",
          description: item.description || "",
          type,
          monotonic: Boolean(item[type].isMonotonic),
          delta: item[type].aggregationTemporality === 1,
          attributes: attrs,
          types: types(point.attributes),
          points: [],
        });
      all.get(key).points.push({
        time: ms(big(point.timeUnixNano)),
        start: ms(big(point.startTimeUnixNano)),
        value: "asInt" in point ? Number(point.asInt) : Number(point.asDouble ?? 0),
        count: Number(point.count || 0),
        sum: Number(point.sum ?? 0),
        buckets: (point.bucketCounts || []).map(Number),
        bounds: point.explicitBounds || [],
        exemplars: (point.exemplars || []).map((e) => ({ time: ms(big(e.timeUnixNano)), value: "asInt" in e ? Number(e.asInt) : Number(e.asDouble ?? 0), traceId: e.traceId || "", spanId: e.spanId || "" })),
      });
    }
  }
  for (const s of all.values()) s.points.sort((a, b) => a.time - b.time);
  return [...all.values()];
}
