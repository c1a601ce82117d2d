// SPDX-License-Identifier: Apache-2.0
// The text names the usual addresses; where a port was taken, this session's are others. They are put into
// links, code and sentences, before anybody copies them.

const USUAL = { frontend: "127.0.0.1:5000", gateway: "127.0.0.1:5001", "geolocator-service": "127.0.0.1:5002", "iss-distance-service": "127.0.0.1:5003", upstream: "127.0.0.1:5004", station: "127.0.0.1:5050", guide: "127.0.0.1:5051" };
const now = { ...USUAL };

const authority = (url) => {
  try {
    return new URL(url).host;
  } catch {
    return null;
  }
};

function replaced(text, changes) {
  for (const [from, to] of changes) text = text.replaceAll(new RegExp(`${from.replaceAll(".", "\\.")}(?!\\d)`, "g"), `\u0000${to}`);
  return text.replaceAll("\u0000", "");
}

/** Puts what has moved since the last call into everything below `root`. */
function rewrite(root, changes) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data;
    if (text.includes("127.0.0.1:")) walker.currentNode.data = replaced(text, changes);
  }
  for (const link of root.querySelectorAll("a[href*='127.0.0.1:']")) link.setAttribute("href", replaced(link.getAttribute("href"), changes));
}

/** The application and the station have a tab each, so that the guide stays where it is. */
export function tabsOfTheirOwn() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const name = link && ["frontend", "station"].find((n) => now[n] === link.host);
    if (name) link.target = `cupola-${name}`;
  });
}

/** Read from another machine, links lead to the machine that the guide is on. */
export function linksFromAfar() {
  if (/^(127\.|localhost$|\[::1\]$)/.test(location.hostname)) return;
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href*='//127.0.0.1:']");
    if (link) link.href = link.href.replace("//127.0.0.1:", `//${location.hostname}:`);
  });
}

/** urls: service name to base URL. True when something has changed. */
export function placesAre(urls) {
  const changes = [];
  for (const [name, url] of Object.entries(urls)) {
    const host = url && authority(url);
    if (!host || !now[name] || host === now[name]) continue;
    changes.push([now[name], host]);
    now[name] = host;
  }
  if (changes.length) rewrite(document.body, changes);
  return changes.length > 0;
}
