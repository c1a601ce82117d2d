#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes the screenshots of the course: at each step what the text names "on screen", in the pages as they are.

    workshop/pictures/make --shots [NAME ...]

It follows the course as tests/workshop/test-commands.py does, in a home folder and a network of its own, with
the installation in $CUPOLA_STAGE (default: _install, where ./bootstrap build puts it). Needs chromium-driver and
python3-selenium. The pictures are written beside this file, or into $OUT.
"""

import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.join(HERE, "../..")
os.environ.setdefault("CUPOLA_STAGE", os.path.join(TREE, "_install"))
sys.path[:0] = [os.path.join(TREE, "tests", folder) for folder in ("workshop", "browser", "integration")]

import browser as tests_browser
import cupola
from learner import Learner, isolate

OUT = os.environ.get("OUT", HERE)
SECONDS = 4 if os.environ.get("QUICK") else 16  # of metrics
PLACES = ["Darmstadt", "Lima", "Nairobi", "Oslo", "Perth", "Quito"]


class Shots:
    def __init__(self, learner, browser, wanted):
        self.learner, self.browser, self.wanted = learner, browser, wanted

    def ask(self, query="/?latitude=49.87&longitude=8.65", port=5003, method="GET"):
        return cupola.request(self.learner.port(port), query, method=method)

    def ask_place(self, place="Darmstadt"):
        return self.ask(f"/api/distance?location={place}", 5000)

    def fail(self, mode):
        self.ask(f"/fail?mode={mode}", 5004, "POST")

    def spans(self, **filters):
        query = "&".join(f"{key}={value}" for key, value in filters.items())
        body = self.ask(f"/api/telemetry/spans?{query}", 5050).json()
        return [span for r in body.get("resourceSpans", []) for scope in r["scopeSpans"] for span in scope["spans"]]

    def trace_of(self, name, count):
        """The newest trace that has a span of that name, once it has `count` spans."""

        def look():
            found = sorted(self.spans(name=name, since="60s"), key=lambda span: int(span["startTimeUnixNano"]))
            spans = self.spans(trace_id=found[-1]["traceId"]) if found else []
            return found and len(spans) >= count and found[-1]["traceId"]

        return cupola.until(look, f"a trace with {name} and {count} spans")

    def open(self, address, port=5050, height=640):
        self.browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 1280, "height": height, "deviceScaleFactor": 1, "mobile": False})
        self.browser.driver.get(f"http://127.0.0.1:{self.learner.port(port)}/{address}")

    def sees(self, *texts):
        cupola.until(lambda: all(text in self.browser.run("return document.body.innerText") for text in texts), f"{texts} on the page")

    def take(self, name):
        still = "return document.getAnimations().every(a => a.playState != 'running' || a.effect.getTiming().iterations == Infinity)"
        cupola.until(lambda: self.browser.run(still), "the end of motion")
        if not self.wanted or name in self.wanted:
            self.browser.driver.save_screenshot(os.path.join(OUT, name + ".png"))
            print(f"# {name}.png", flush=True)


def row(shots, text, css=".row, tbody tr, .log"):
    """Clicks the row that has the text."""
    find = "return [...document.querySelectorAll(arguments[0])].find(e => e.textContent.includes(arguments[1]) && e.getClientRects().length)"
    cupola.until(lambda: shots.browser.run(find, css, text), f"a row with {text}").click()


def tour(s):
    s.open("", 5000, 720)
    field = s.browser.see("#place")
    cupola.until(lambda: s.browser.all(".iss-mark") and s.browser.all(".land"), "the map")
    field.send_keys("Darmstadt")
    field.send_keys(tests_browser.Keys.ENTER)
    s.sees("Not traced yet")
    s.take("tour-page")
    s.open("#/overview")
    s.sees("iss-distance-service")
    s.take("tour-station")


def by_hand_reload(s):
    """What the tour asks for, so that saving reloads."""
    name = "iss-distance-service/app.c"
    with open(f"{s.learner.copy}/{name}") as file:
        text = file.read()
    s.learner.save(name, text.replace("req, 400, problem)", 'req, 400, "Where are you?\\n")'))
    assert s.learner.run("cd ~/cupola-workshop && make -C iss-distance-service && cupola reload iss-distance-service")[0] == 0
    s.learner.await_said("From now on")
    s.open("#/logs?service=iss-distance-service", height=480)
    s.sees("follows generation 1")
    s.take("tour-reload")
    s.learner.type("start")


def section_0(s):
    s.learner.type("0.2")
    s.open("#/overview")
    s.sees("iss-distance-service", "1.0.0", "dev")
    s.take("section-0-station")


def section_1(s):
    s.learner.type("1.2")
    for _ in range(3):
        s.ask()
    s.ask("/?latitude=49.87")
    s.fail("503")
    s.ask()
    s.fail("none")
    s.ask()
    s.open("#/logs?service=iss-distance-service")
    s.sees("calculated the distance", "bad latitude", "no position of the ISS")
    s.take("section-1-logs")


def section_2(s):
    s.learner.type("2.3")
    s.open("#/metrics?service=iss-distance-service", height=720)
    begin, reloaded = time.monotonic(), False
    while time.monotonic() < begin + SECONDS:  # a graph needs a while to be one
        if not reloaded and time.monotonic() > begin + SECONDS / 2:
            reloaded = s.learner.cupola("reload", "iss-distance-service").returncode == 0
        for _ in range(3):
            s.ask()
        s.fail("503")
        s.ask()
        s.fail("none")
        time.sleep(0.1)
    s.sees("incoming.requests", "iss.requests", "iss.request.duration")
    s.take("section-2-metrics")


def guide(s):
    """A check from the page that fails, with what came nearest: a status that is a string."""
    name = "iss-distance-service/app.c"
    with open(f"{s.learner.copy}/{name}") as file:
        text = file.read()
    since = len(s.learner.session.said)
    right, wrong = "OTEL_INT(OTEL_HTTP_RESPONSE_STATUS_CODE, rsp->status)", 'OTEL_STR(OTEL_HTTP_RESPONSE_STATUS_CODE, rsp->status == 200 ? "200" : "503")'
    assert right in text
    s.learner.save(name, text.replace(right, wrong))
    s.learner.await_said("iss-distance-service: built and reloaded", since)
    s.open("section-2-metrics#22-count", 5051, 760)
    button = "return [...document.querySelectorAll('.check-button')].find(b => b.closest('.under')?.previousElementSibling.dataset.step === '2.2' && b.getClientRects().length)"
    cupola.until(lambda: s.browser.run(button), "the check's button").click()
    cupola.until(lambda: s.browser.run(button.replace("b.getClientRects().length", "b.textContent === 'Check again'")), "the end of the check")
    s.browser.run("document.querySelector('[data-step=\"2.2\"]').scrollIntoView(); scrollBy(0, -70)")
    s.take("guide")


def section_3(s):
    s.learner.type("3.1")
    assert s.learner.run("cd ~/cupola-workshop/by-hand && make && OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 ./by-hand")[0] == 0
    trace = cupola.until(lambda: s.spans(service="by-hand"), "the span made by hand")[0]["traceId"]
    s.open(f"#/traces/{trace}", height=520)
    row(s, "by-hand", ".row")
    s.take("section-3-by-hand")
    s.learner.type("3.3")
    s.ask()
    s.open(f"#/traces/{s.trace_of('getting-iss-coordinates', 2)}")
    row(s, "calculating-iss-distance", ".row")
    s.sees("Log records")
    s.take("section-3-spans")
    s.learner.type("3.4")
    for _ in range(8):
        s.ask()
    s.fail("503")
    s.ask()
    s.fail("none")
    s.open(f"#/traces/{s.trace_of('getting-iss-coordinates', 2)}")
    row(s, "getting-iss-coordinates", ".row")
    s.sees("no position of the ISS", "url.full")
    s.take("section-3-error")
    for _ in range(6):
        s.ask()
    s.open("#/traces?service=iss-distance-service")
    s.sees("calculating-iss-distance")
    s.take("section-3-traces")


def section_4(s):
    s.learner.type("4.1")
    s.ask_place("Lima")
    cupola.until(lambda: s.spans(name="asking-gateway", since="30s"), "spans of the frontend")
    s.open("#/traces")
    s.sees("asking-gateway", "answering-question", "finding-place", "calculating-iss-distance")
    s.take("section-4-before")
    s.learner.type("4.2")
    s.ask_place("Nairobi")
    s.open(f"#/traces/{s.trace_of('asking-iss-distance-service', 5)}")
    row(s, "calculating-iss-distance", ".row")
    s.take("section-4-by-hand")
    s.learner.type("4.3")
    s.open("", 5000, 720)
    field = s.browser.see("#place")
    cupola.until(lambda: s.browser.all(".iss-mark") and s.browser.all(".land"), "the map")
    field.send_keys("Darmstadt")
    field.send_keys(tests_browser.Keys.ENTER)
    cupola.until(lambda: len(s.browser.all(".services li")) == 4, "four services with their times")
    s.take("section-4-page")
    s.open("#/traces/" + s.browser.see("#trace-link").get_attribute("href").rsplit("/", 1)[1])
    row(s, "calculating-iss-distance", ".row")
    s.take("section-4-after")


def main():
    isolate()
    with Learner() as learner, tests_browser.Browser(1280, 640) as browser:
        learner.begin()
        shots = Shots(learner, browser, sys.argv[1:])
        try:
            for part in (tour, by_hand_reload, section_0, section_1, section_2, guide, section_3, section_4):
                part(shots)
        except AssertionError:
            browser.driver.save_screenshot(os.path.join(OUT, "failed.png"))
            print("\n".join(browser.errors()))
            raise


if __name__ == "__main__":
    main()
