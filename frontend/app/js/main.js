// SPDX-License-Identifier: Apache-2.0
// One question, one answer: wires the search field, the map and the answer together.

import { themeSwitch } from "../shared/theme.js";
import * as api from "./api.js";
import { serviceTimes, showAnswer, showFailure, showIdle, showTrace, showWaiting } from "./answer.js";
import { worldMap } from "./map.js";
import { search } from "./search.js";

const POSITION_MS = 2000;
const NIGHT_MS = 60000;
const TRACE_TRIES = 12;

const map = worldMap(document.querySelector("#map"));
const section = document.querySelector("#answer");
const source = document.querySelector("#source");
const state = { answer: null, place: "", busy: false, about: {} };
let question = null;

const point = ({ latitude, longitude }) => [Number(longitude), Number(latitude)];
const lonLat = ([, latitude, longitude]) => [longitude, latitude];
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The station's address as this browser reaches it: "localhost" in the settings may be elsewhere for us. */
function stationUrl() {
  if (!state.about.station_url) return "";
  const url = new URL(state.about.station_url);
  if (["127.0.0.1", "localhost", "[::1]"].includes(url.hostname)) url.hostname = location.hostname;
  return url.href;
}

function showSource(position) {
  if (position.simulated) {
    const date = new Date(position.elements.epoch).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
    source.textContent = `Simulated, elements of ${date}.`;
  } else source.textContent = "Live position.";
}

async function follow() {
  let lastNight = 0;
  let seen = 0;
  for (;;) {
    if (!document.hidden) {
      try {
        const position = await api.iss();
        map.track(position.track.past.map(lonLat), position.track.ahead.map(lonLat));
        map.iss(point(position));
        if (state.answer) map.line(point(state.answer.place), point(position), false);
        else if (!state.busy && !section.querySelector(".failed")) showIdle(section, position);
        showSource(position);
        seen = Date.now();
      } catch (error) {
        source.textContent = seen ? `${error.message} The map is of ${new Date(seen).toLocaleTimeString([], { hour12: false })}.` : error.message;
      }
      if (Date.now() - lastNight > NIGHT_MS) map.night((lastNight = Date.now()));
    }
    await pause(POSITION_MS);
  }
}

/** The spans travel on their own time, so the station is asked until all of them are there. */
async function followTrace(answer, signal) {
  let times = [];
  for (let i = 0; i < TRACE_TRIES; i++) {
    const otlp = await api.trace(answer.traceId, { signal }).catch(() => null);
    if (signal.aborted) return;
    times = serviceTimes(otlp);
    showTrace(section, answer.traceId, times, stationUrl());
    if (times.length >= 4) return;
    await pause(250 + 100 * i);
  }
}

async function ask(place) {
  question?.abort();
  question = new AbortController();
  const { signal } = question;
  state.busy = true;
  const slow = setTimeout(() => showWaiting(section, place), 150);
  try {
    const answer = await api.distance(place, { signal });
    clearTimeout(slow);
    state.answer = answer;
    map.place(point(answer.place), place.split(",")[0]);
    map.line(point(answer.place), point(answer.location), true);
    showAnswer(section, place, answer);
    history.replaceState(null, "", `?location=${encodeURIComponent(place)}`);
    document.title = `${Math.round(answer.distance)} km: the ISS from ${place}`;
    if (answer.traceId) followTrace(answer, signal);
  } catch (error) {
    clearTimeout(slow);
    if (error.name !== "AbortError") showFailure(section, error);
  } finally {
    if (!signal.aborted) state.busy = false;
  }
}

async function start() {
  themeSwitch(document.querySelector("#theme"));
  search(document.querySelector("#search"), ask);
  fetch("land.json")
    .then((response) => response.json())
    .then(map.land);
  map.night(Date.now());
  state.about = await api.about().catch(() => ({}));
  follow();
  const asked = new URLSearchParams(location.search).get("location");
  if (asked) {
    document.querySelector("#place").value = asked;
    ask(asked);
  }
}

start();
