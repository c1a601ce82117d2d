# SPDX-License-Identifier: Apache-2.0
"""The pages in a real browser: a place is typed, a distance is seen, and the way leads to its trace."""

import importlib.util
import json
import os
import re
import sys
import time

SRCDIR = os.environ.get("CUPOLA_SRCDIR", os.path.join(os.path.dirname(__file__), "../.."))
sys.path[:0] = [os.path.join(SRCDIR, "tests/integration"), os.path.join(SRCDIR, "tests/browser")]

import cupola
from browser import Browser, Keys

spec = importlib.util.spec_from_file_location("application", os.path.join(os.path.dirname(cupola.__file__), "test-application.py"))
application = importlib.util.module_from_spec(spec)
spec.loader.exec_module(application)


def ask(browser, host, place="Darmstadt"):
    browser.driver.get(f"http://127.0.0.1:{host.ports['frontend']}/")
    field = browser.see("#place")
    cupola.until(lambda: browser.all(".iss-mark") and browser.all(".land"), "the map")
    field.send_keys(place)
    return field


def test_a_typed_place_gives_its_distance_and_its_trace():
    with application.start() as host, Browser() as browser:
        field = ask(browser, host, "darmst")
        cupola.until(lambda: [e for e in browser.all("#suggestions li") if "Darmstadt" in e.text], "a suggestion")
        field.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
        distance = float(browser.text("#distance").replace("km", "").replace("\u2009", "").strip())
        assert 400 < distance < 20100, distance
        assert browser.all(".geodesic"), "the line between"
        cupola.until(lambda: len(browser.all(".services li")) == 4, "four services with their times")
        assert "Simulated, elements of 25 August 2026" in browser.text("#source")
        link = browser.see("#trace-link").get_attribute("href")
        trace_id = link.rsplit("/", 1)[1]
        browser.shot("app-1280-light")
        browser.driver.get(link)
        cupola.until(lambda: len(browser.all(".row")) >= 11, "the waterfall")
        names = [e.text for e in browser.all(".row .name b")]
        assert "calculating-iss-distance" in names and "getting-iss-coordinates" in names, names
        assert browser.run("const s = document.querySelector('.scroller'); return s.scrollHeight <= s.clientHeight"), "nothing to scroll in a small trace"
        next(r for r in browser.all(".row") if "getting-iss-coordinates" in r.text).click()
        assert "iss.position" in browser.text(".span-panel")
        assert trace_id in browser.text(".span-panel")
        browser.shot("station-trace-1280-light")
        errors = browser.errors()
        assert not errors, errors


def test_the_page_says_when_nothing_is_traced():
    host = application.start()
    services = ("frontend", "gateway", "geolocator-service", "iss-distance-service")
    host.args = [a for n in services for key in ("instrument=no", "traces=none") for a in ("--set", f"plugin {n}.{key}")]
    with host, Browser() as browser:
        ask(browser, host).send_keys(Keys.ENTER)
        assert "Not traced yet" in browser.text("#untraced")
        assert not browser.all("#trace-link")


def test_a_failure_is_said_in_words_and_no_distance_is_shown():
    with application.start() as host, Browser() as browser:
        cupola.request(host.ports["upstream"], "/fail?mode=503", method="POST")
        ask(browser, host).send_keys(Keys.ENTER)
        assert "No answer" in browser.text(".failed")
        assert not browser.all("#distance")
        cupola.request(host.ports["upstream"], "/fail?mode=none", method="POST")
        ask(browser, host, "Xyzzyplugh").send_keys(Keys.ENTER)
        cupola.until(lambda: "larger place" in browser.text(".failed"), "the hint for an unknown place")


def send_spans(host, spans, service="bench"):
    body = {"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}
    reply = cupola.request(host.ports["otlp_http"], "/v1/traces", method="POST", body=json.dumps(body), headers={"Content-Type": "application/json"})
    assert reply.status == 200 and reply.text == "{}", reply.text


def span(trace, i, parent=0, name=None, start=0, length=1000):
    base = time.time_ns() // 10**9 * 10**9
    return {"traceId": f"{trace:032x}", "spanId": f"{i:016x}", "name": name or f"step {i}", "startTimeUnixNano": str(base + start), "endTimeUnixNano": str(base + start + length),
            **({"parentSpanId": f"{parent:016x}"} if parent else {})}


def test_the_station_lists_traces_logs_and_metrics():
    with application.start() as host, Browser() as browser:
        browser.go(host, "#/traces")
        assert "No traces yet" in browser.text(".empty")
        browser.shot("station-empty-1280-light")
        for _ in range(3):
            application.distance_trace(host, 10)  # one less once geolocator-service has the place
        cupola.request(host.ports["frontend"], "/api/distance?location=Xyzzyplugh")
        cupola.until(lambda: len(browser.all("tbody tr")) >= 4, "traces pushed to the open page")
        assert any("GET /api/distance" in t for t in browser.texts("td.main")), browser.texts("td.main")

        browser.keys("jj")  # by keyboard: the focus stays with its trace while others come
        focused = browser.run("return document.activeElement.dataset.key")
        assert focused, "a row has the focus"
        application.distance_trace(host, 10)
        cupola.until(lambda: len(browser.all("tbody tr")) >= 5, "one more trace")
        assert browser.run("return document.activeElement.dataset.key") == focused
        browser.shot("station-traces-1280-light")
        browser.keys(Keys.ENTER)
        cupola.until(lambda: browser.all(".row"), "the trace opened by keyboard")
        assert focused in browser.driver.current_url
        browser.keys("j", Keys.ENTER)
        browser.see(".span-panel h2")
        assert "span=" in browser.driver.current_url
        browser.driver.refresh()  # the address keeps what was selected
        browser.see(".span-panel h2")
        browser.keys(Keys.ESCAPE)
        cupola.until(lambda: browser.run("return document.querySelector('.span-panel').hidden"), "the panel closed")
        browser.keys(Keys.ESCAPE)
        cupola.until(lambda: browser.driver.current_url.endswith("#/traces"), "back to the list")

        browser.see("tbody tr")
        browser.keys("/")
        cupola.until(lambda: browser.run("return document.activeElement.type") == "search", "the search field")
        browser.keys("nothing like it")
        cupola.until(lambda: "Nothing matches" in "".join(browser.texts(".empty")), "the empty result")
        browser.keys(Keys.ESCAPE, "?")
        browser.see("dialog#keys")
        browser.shot("station-keys-1280-light")
        browser.keys(Keys.ESCAPE)

        browser.keys("gl")
        cupola.until(lambda: browser.all("table.logs tbody tr"), "log records, by g and l")
        browser.shot("station-logs-1280-light")
        browser.keys("gm")
        cupola.until(lambda: "incoming.requests" in browser.texts(".chart h3") and browser.all(".chart path.series"), "a chart")
        cupola.until(lambda: [t for t in browser.texts(".chart .axis") if t.endswith("ms") or t.endswith("µs")], "durations in ms, though sent in seconds")
        browser.shot("station-metrics-1280-light")
        reply = cupola.request(host.ports["otlp_http"], "/v1/traces", method="POST", body="<xml>", headers={"Content-Type": "text/xml"})
        assert reply.status == 415
        browser.keys("gr")
        cupola.until(lambda: "http/protobuf" in browser.text("main") and "Content-Type: expected" in browser.text("main"), "what arrived and what was wrong")
        browser.shot("station-receiver-1280-light")
        browser.keys("go")
        cupola.until(lambda: len(browser.all("table.services-table tbody tr")) >= 4 and browser.all(".headline"), "services")
        browser.shot("station-overview-1280-light")
        browser.keys("p")
        cupola.until(lambda: "paused" in browser.text("#live"), "the pause")
        application.distance_trace(host, 10)
        cupola.until(lambda: "more has arrived" in browser.text("#notice"), "what the pause holds back is said")
        errors = browser.errors()
        assert not errors, errors
        host.stop()
        cupola.until(lambda: "does not answer" in browser.text("#notice"), "the lost connection is said")
        browser.shot("station-lost-1280-light")


def test_a_trace_of_ten_thousand_spans_is_usable():
    with application.start() as host, Browser() as browser:
        spans = [span(1, 1, name="root", length=20_000_000)]
        spans += [span(1, i, parent=max(1, i - 1) if i < 60 else i % 50 + 1, start=i * 1000, length=2000) for i in range(2, 10_001)]
        for i in range(0, len(spans), 2500):
            send_spans(host, spans[i:i + 2500])
        send_spans(host, [span(2, 1, parent=9, name="orphan"), span(3, 1, parent=2), span(3, 2, parent=1)])
        browser.go(host, f"#/traces/{1:032x}")
        cupola.until(lambda: "10\u2009000 spans" in browser.text(".summary"), "all spans")
        assert 10 < len(browser.all(".row")) < 400, len(browser.all(".row"))
        browser.run("document.querySelector('.scroller').scrollTop = 1e9")
        cupola.until(lambda: browser.run("return [...document.querySelectorAll('.row')].some(r => r.getAttribute('aria-posinset') === '10000')"), "the last row")
        browser.keys("/step 7777", Keys.ENTER)
        cupola.until(lambda: "step 7777" in browser.text(".span-panel h2"), "the span that was looked for")
        assert len(browser.all(".row")) < 400
        row = browser.run("const r = document.querySelector('.row[aria-selected=true]').getBoundingClientRect(); return [r.top, r.bottom, innerHeight]")
        assert 0 < row[0] and row[1] <= row[2], row
        browser.shot("station-large-1280-light")
        browser.go(host, f"#/traces/{2:032x}")
        cupola.until(lambda: "its parent has not arrived" in "".join(browser.texts(".row")), "the orphan says so")
        browser.go(host, f"#/traces/{3:032x}")
        cupola.until(lambda: len(browser.all(".row")) == 2, "a cycle of parents, each once")
        browser.go(host, f"#/traces/{4:032x}")
        cupola.until(lambda: "This trace is not here" in browser.text(".empty"), "a trace that is not here")
        send_spans(host, [span(4, 1)])
        cupola.until(lambda: len(browser.all(".row")) == 1, "and then it comes")
        errors = browser.errors()
        assert not errors, errors


def test_the_pages_fit_a_phone_and_the_dark():
    with application.start() as host:
        for width, height, dark in ((390, 844, True), (1920, 1080, True)):
            with Browser(width, height, dark) as browser:
                ask(browser, host).send_keys(Keys.ENTER)
                browser.see("#trace-link")
                cupola.until(lambda: len(browser.all(".services li")) == 4, "four services")
                trace = "#" + browser.see("#trace-link").get_attribute("href").split("#")[1]
                for page, there in ((None, "#distance"), ("#/traces", "tbody tr"), (trace, ".row"), ("#/logs", "tbody tr"), ("#/metrics", ".chart path.series"), ("#/overview", "tbody tr"), ("#/receiver", "tbody tr"), ("#/services/gateway", ".resource tr"),
                                    ("#/metrics/http.server.request.duration?service=gateway", ".buckets tr"), ("#/metrics/iss.requests", ".series-table tr")):
                    if page:
                        browser.go(host, page)
                        cupola.until(lambda: browser.all(there), page)
                    wide = browser.run("return Math.max(...[document.documentElement, document.querySelector('main') || document.body].map(e => e.scrollWidth - e.clientWidth))")
                    assert wide <= 0, (width, page, f"{wide} pixels too wide")
                    browser.shot(f"{'app' if not page else 'station-trace' if page == trace else 'station-' + re.sub('[^a-z.]+', '-', page[2:])}-{width}-{'dark' if dark else 'light'}")


if __name__ == "__main__":
    cupola.main()
