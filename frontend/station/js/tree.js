// SPDX-License-Identifier: Apache-2.0
// Spans as a tree: their order, their depth, and when each was busy itself.

const byStart = (a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0);

/** Spans in the order of a tree walk, each with its depth; orphans come as roots of their own and are marked. */
export function arrange(list) {
  const byId = new Map(list.map((span) => [span.id, { ...span, children: [], depth: 0 }]));
  const tops = [];
  for (const span of byId.values()) {
    const parent = byId.get(span.parent);
    if (parent && parent !== span) parent.children.push(span);
    else tops.push(Object.assign(span, { orphan: Boolean(span.parent) }));
  }
  const rows = [];
  const seen = new Set();
  const walk = (from) => {
    const stack = [from];
    while (stack.length) {
      const span = stack.pop();
      if (seen.has(span.id)) continue; // a cycle of parents: bad input, shown once
      seen.add(span.id);
      rows.push(span);
      for (const child of span.children.sort(byStart).reverse()) stack.push(Object.assign(child, { depth: span.depth + 1 }));
      span.children.reverse();
    }
  };
  tops.sort(byStart).forEach(walk);
  for (const span of byId.values()) if (!seen.has(span.id)) walk(Object.assign(span, { orphan: true, depth: 0 }));
  return rows;
}

/** The parts of a span in which none of its children ran: [[from, to], ...] as shares of its length. */
export function selfTime(span) {
  const length = Number(span.end - span.start);
  if (length <= 0) return [[0, 1]];
  const parts = [];
  let at = span.start;
  for (const child of [...span.children].sort(byStart)) {
    if (child.start > at) parts.push([at, child.start < span.end ? child.start : span.end]);
    if (child.end > at) at = child.end;
    if (at >= span.end) break;
  }
  if (at < span.end) parts.push([at, span.end]);
  return parts.map(([from, to]) => [Number(from - span.start) / length, Number(to - span.start) / length]);
}

export function scaleOf(rows) {
  const from = rows.reduce((m, s) => (s.start < m ? s.start : m), rows[0].start);
  const to = rows.reduce((m, s) => (s.end > m ? s.end : m), rows[0].end);
  const length = Math.max(1, Number(to - from));
  return { from, length, share: (t) => Number(t - from) / length };
}

/** "GET" alone says little: the path that was asked for goes with it. */
export function title(span) {
  const a = span.attributes;
  const path = a["http.route"] || a["url.path"] || (a["url.full"] && URL.canParse(a["url.full"]) ? new URL(a["url.full"]).pathname : "");
  return path && span.name === a["http.request.method"] ? `${span.name} ${path}` : span.name || "(no name)";
}

/** Whether a text is in a span's name, service, status or attributes. */
export function hasText(span, text) {
  const all = [title(span), span.service, span.statusMessage, ...Object.entries(span.attributes).map(([k, v]) => `${k}=${v}`)];
  return all.some((t) => t.toLowerCase().includes(text));
}
