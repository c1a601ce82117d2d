// SPDX-License-Identifier: Apache-2.0
// How numbers, times, ids and services look on every page.

const THIN = "\u2009";

/** 12345.6 -> "12 345.6" with thin spaces. */
export function number(value, digits = 0) {
  const [whole, fraction] = Number(value).toFixed(digits).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
  return fraction ? `${grouped}.${fraction}` : grouped;
}

/** Nanoseconds (number or BigInt) as three significant digits and a unit. */
export function duration(ns) {
  const n = Number(ns);
  const [value, unit] = n < 1e3 ? [n, "ns"] : n < 1e6 ? [n / 1e3, "µs"] : n < 1e9 ? [n / 1e6, "ms"] : n < 60e9 ? [n / 1e9, "s"] : [n / 60e9, "min"];
  const digits = unit === "ns" ? 0 : value < 10 ? 2 : value < 100 ? 1 : 0;
  return `${value.toFixed(digits)}${THIN}${unit}`;
}

export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) {
    n /= 1024;
    i++;
  }
  return `${n.toFixed(i && n < 10 ? 1 : 0)}${THIN}${units[i]}`;
}

/** "3 s ago" where fresh, else the time of day; exactTime() belongs in the title. */
export function ago(unixMs, now = Date.now()) {
  const s = Math.max(0, (now - unixMs) / 1000);
  if (s < 1) return "now";
  if (s < 60) return `${Math.floor(s)}${THIN}s ago`;
  if (s < 3600) return `${Math.floor(s / 60)}${THIN}min ago`;
  return new Date(unixMs).toLocaleTimeString([], { hour12: false });
}

export function exactTime(unixMs) {
  const date = new Date(unixMs);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return `${date.toLocaleDateString()} ${date.toLocaleTimeString([], { hour12: false })}.${String(date.getMilliseconds()).padStart(3, "0")} ${zone}`;
}

/** Shortened in the middle; copy the whole. */
export function shortId(id) {
  return id.length > 12 ? `${id.slice(0, 6)}…${id.slice(-4)}` : id;
}

/** The colour of a service, the same on every page: a CSS variable chosen by its name. */
export function serviceColour(name) {
  let hash = 0x811c9dc5;
  for (const c of name) hash = Math.imul(hash ^ c.codePointAt(0), 0x01000193) >>> 0;
  const known = ["frontend", "gateway", "geolocator-service", "iss-distance-service", "upstream", "station", "cupola", "hello"];
  const i = known.indexOf(name);
  return `var(--s${i >= 0 ? i : hash % 8})`;
}
