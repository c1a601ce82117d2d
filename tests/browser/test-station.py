# SPDX-License-Identifier: Apache-2.0
"""What the station's page makes of telemetry: who is heard, what changed, what is wrong, and why there may be nothing."""

import atexit
import json
import os
import random
import re
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.environ.get("CUPOLA_SRCDIR", os.path.join(os.path.dirname(__file__), "../..")), "tests/integration"))

import cupola
from browser import Browser, Keys

CONFIG = """
[host]
workers = 1
runtime_dir = @DIR@/run
admin = 127.0.0.1:0
[telemetry]
endpoint = http://127.0.0.1:{otlp_http}
metrics.interval = 200ms
traces.processor = simple
logs.processor = simple
[resource]
deployment.environment.name = dev
[plugin hello]
enabled = {hello}
listen = 127.0.0.1:0
logs = none
metrics = none
traces = none
{more}
[plugin station]
process = station
listen = page=127.0.0.1:{page}, otlp=127.0.0.1:{otlp_http}
logs = none
metrics = none
traces = none
"""
TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


def start(hello="no", env=None, more=""):
    ports = {name: cupola.free_port() for name in ("otlp_http", "page")}
    host = cupola.Cupola(CONFIG.format(hello=hello, more=more, **ports), env=env)
    host.ports = ports
    return host


class Shared:
    """One station and one browser for all tests that send everything themselves; each begins with an empty store."""

    host = browser = None

    def __enter__(self):
        if not Shared.host:
            Shared.host = start().start()
            Shared.browser = Browser()
        else:
            self.browser.driver.get("about:blank")
            self.browser.errors()
            assert cupola.request(self.host.ports["page"], "/api/clear", method="POST").status == 204
        return self.host, self.browser

    def __exit__(self, kind, *_):
        if kind:
            Shared.end()

    @staticmethod
    @atexit.register  # when a single test was asked for
    def end():
        if Shared.host:
            Shared.browser.__exit__()
            Shared.host.__exit__(None, None, None)
        Shared.host = Shared.browser = None


# ---- telemetry of services that are not there ----

def value(v):
    if isinstance(v, bool):
        return {"boolValue": v}
    if isinstance(v, int):
        return {"intValue": str(v)}
    if isinstance(v, float):
        return {"doubleValue": v}
    return {"arrayValue": {"values": [value(x) for x in v]}} if isinstance(v, list) else {"stringValue": v}


def attributes(d):
    return [{"key": k, "value": value(v)} for k, v in (d or {}).items()]


def send(host, signal, items, service="shop", resource=None, scope="test"):
    outer, inner, name = {"traces": ("resourceSpans", "scopeSpans", "spans"), "logs": ("resourceLogs", "scopeLogs", "logRecords"),
                          "metrics": ("resourceMetrics", "scopeMetrics", "metrics")}[signal]
    resource = {"service.name": service, "telemetry.sdk.name": "testing", "telemetry.sdk.version": "7.1", "telemetry.sdk.language": "c", **(resource or {})}
    body = {outer: [{"resource": {"attributes": attributes(resource)}, inner: [{"scope": {"name": scope}, name: items}]}]}
    reply = cupola.request(host.ports["otlp_http"], f"/v1/{signal}", method="POST", body=json.dumps(body), headers={"Content-Type": "application/json"})
    assert reply.status == 200 and reply.text == "{}", reply.text


def log(text, severity=9, event="", at=None, trace="", span="", **more):
    return {"timeUnixNano": str(at or time.time_ns()), "severityNumber": severity, "body": {"stringValue": text}, **({"eventName": event} if event else {}),
            **({"traceId": trace} if trace else {}), **({"spanId": span} if span else {}), "attributes": attributes(more.get("attributes"))}


def span(name, trace=None, id=None, parent=None, start=0, length=1_000_000, error="", kind=1, **more):
    base = time.time_ns()
    return {"traceId": trace or f"{random.getrandbits(127) + 1:032x}", "spanId": id or f"{random.getrandbits(63) + 1:016x}", "name": name, "kind": kind, "startTimeUnixNano": str(base + start),
            "endTimeUnixNano": str(base + start + length), **({"parentSpanId": parent} if parent else {}), **({"status": {"code": 2, "message": error}} if error else {}),
            "attributes": attributes(more.get("attributes"))}


def point(attrs, begun, at, **more):
    return {"attributes": attributes(attrs), "startTimeUnixNano": str(begun), "timeUnixNano": str(at), **more}


def counter(name, points, unit="{request}"):
    return {"name": name, "unit": unit, "description": "what was asked", "sum": {"isMonotonic": True, "aggregationTemporality": 2, "dataPoints": points}}


def histogram(name, points, unit="s"):
    return {"name": name, "unit": unit, "description": "how long it took", "histogram": {"aggregationTemporality": 2, "dataPoints": points}}


CRASH = {"exception.type": "segmentation fault", "exception.message": "segmentation fault at app.c:87", "exception.stacktrace": "segmentation fault\n  api  app.c:87\n  iss_handle  app.c:102",
         "code.function.name": "api", "code.file.path": "iss/app.c", "code.line.number": 87, "cupola.crash.signal": "SIGSEGV", "cupola.crash.span": "calculating",
         "cupola.crash.hint": "The address is nearly 0: a pointer is NULL.", "cupola.generation": 2}


def wait_for(browser, css, part):
    """Until an element says that; the element's whole text."""
    return cupola.until(lambda: next((t for t in browser.texts(css) if part in t), None), f"{part!r} in {css}; last {browser.texts(css)}")


def click(browser, css):
    """Of what is there now: a page that is pushed to may put another element in its place."""
    cupola.until(lambda: browser.run("const e = document.querySelector(arguments[0]); e?.click(); return Boolean(e)", css), css)


def cells(browser, service):
    """What the overview's row of a service says, by the attribute of the Resource."""
    return browser.run("""const row = document.querySelector(`tr[data-service="${arguments[0]}"]`);
        return row && Object.fromEntries([...row.querySelectorAll("[data-fact]")].map(e => [e.dataset.fact, e.textContent]))""", service)


# ---- services and their Resource ----

def test_a_dark_service_is_seen_with_its_resource():
    with start(hello="yes") as host, Browser() as browser:
        browser.go(host, "#/overview")
        row = cupola.until(lambda: cells(browser, "hello"), "the service, by its lifecycle record alone")
        assert row["deployment.environment.name"].startswith("dev"), row
        assert re.fullmatch(r"[0-9a-f]{6}…[0-9a-f]{4}", row["service.instance.id"]), row
        assert re.match(r"\d", row["service.version"]), row
        browser.shot("overview-dark-service-1280-light")
        click(browser, 'tr[data-service="hello"]')
        cupola.until(lambda: browser.driver.current_url.endswith("#/services/hello"), "the service's page")
        wait_for(browser, ".resource th", "service.instance.id")
        wait_for(browser, '[data-fact="telemetry.sdk"]', "cupola-otel")
        wait_for(browser, ".sends li", "logs = none")
        wait_for(browser, ".switched-off summary", "traces, logs, metrics are switched off in host.conf")
        wait_for(browser, ".switched-off pre", "[plugin hello]\ntraces = otlp\nlogs = otlp\nmetrics = otlp")
        browser.shot("service-dark-1280-light")
        browser.go(host, "#/metrics?service=hello")
        wait_for(browser, ".empty .notice", "host.conf has metrics = none for hello")
        wait_for(browser, ".empty .notice pre", "[plugin hello]\nmetrics = otlp")
        assert not browser.errors()


def test_another_version_is_told_as_a_change():
    with Shared() as (host, browser):
        send(host, "logs", [log("loaded", event="cupola.service.loaded")], "iss", {"service.instance.id": "abc"})
        browser.go(host, "#/overview")
        row = cupola.until(lambda: cells(browser, "iss"), "the service")
        assert row["service.version"].startswith("not set") and "not set" in row["deployment.environment.name"], row
        send(host, "logs", [log("reloaded", event="cupola.service.reloaded")], "iss", {"service.instance.id": "abc", "service.version": "1.0.0", "deployment.environment.name": "dev"})
        cupola.until(lambda: cells(browser, "iss")["service.version"].startswith("1.0.0"), "the version, pushed to the open page")
        browser.go(host, "#/services/iss")
        rows = cupola.until(lambda: browser.texts(".changes tbody tr"), "what changed")
        assert rows == ["deployment.environment.namenot setdev", "service.versionnot set1.0.0"], rows
        wait_for(browser, '[data-fact="telemetry.sdk"]', "testing c 7.1")
        wait_for(browser, "td b", "reloaded")
        browser.shot("service-changed-1280-light")
        browser.go(host, "#/services/nobody")
        wait_for(browser, ".empty", "Nothing of this service is held")
        assert not browser.errors()


# ---- lifecycle ----

def test_reloads_and_crashes_mark_every_time_axis():
    now = time.time_ns()
    with Shared() as (host, browser):
        for i in range(8):
            send(host, "metrics", [counter("asked", [point({}, now - 60 * 10**9, now - (40 - 5 * i) * 10**9, asInt=str(i))])])
        send(host, "traces", [span("ask", start=-40 * 10**9), span("ask", start=-5 * 10**9)])
        send(host, "logs", [log("old", at=now - 300 * 10**9), log("reloaded: generation 2", event="cupola.service.reloaded", at=now - 20 * 10**9),
                            log("segmentation fault at app.c:87", 21, "cupola.service.crashed", at=now - 10 * 10**9, trace=TRACE, span=SPAN, attributes=CRASH)])
        for page, css in (("#/traces", ".timeline"), ("#/logs", ".timeline"), ("#/metrics", ".chart"), ("#/metrics/asked?service=shop", ".chart")):
            browser.go(host, page)
            cupola.until(lambda: browser.all(f'{css} .marker[data-word="reloaded"] line') and browser.all(f'{css} .marker.bad-marker[data-word="crashed"] line'), f"markers on {page}")
            words = browser.texts(f"{css} .marker text")
            assert "⚠ crashed" in words and ("reloaded" in words or page == "#/logs"), words
            browser.shot(f"markers-{re.sub(r'[^a-z]+', '-', page).strip('-')}-1280-light")
        browser.go(host, "#/traces?service=shop")
        cupola.until(lambda: len(browser.all("table.traces tbody tr")) == 2, "both traces")
        browser.run("document.querySelector('.bar label:has(+ .count) input').click()")
        cupola.until(lambda: len(browser.all("table.traces tbody tr")) == 1, "the one since the reload")
        assert "since=reload" in browser.driver.current_url
        browser.go(host, "#/overview")
        card = browser.text(".crash")
        for part in ("crashed", "shop", "segmentation fault, SIGSEGV", "iss/app.c:87 in api()", "calculating", "The address is nearly 0: a pointer is NULL."):
            assert part in card, (part, card)
        browser.shot("overview-crash-1280-light")
        browser.go(host, "#/logs?severity=error")
        cupola.until(lambda: len(browser.all("table.logs tbody tr")) == 1, "the crash's record")
        browser.keys("j", Keys.ENTER)
        assert "iss/app.c:87" in browser.text(".detail .crash")
        assert "iss_handle  app.c:102" in browser.run("return document.querySelector('.detail .stack').textContent")
        browser.shot("logs-crash-1280-light")
        send(host, "logs", [log("reloaded: generation 3", event="cupola.service.reloaded", attributes={"cupola.reason": "code"})])
        browser.go(host, "#/overview")
        wait_for(browser, "td", "generation 3")
        assert not browser.all(".crash"), "other code has followed"
        assert not browser.errors()


CRASHER = """
#include <cupola/service.h>

static int start(const struct svc_host *host, void **self, struct otel_error *err)
{
	return 0;
}

__attribute__((noinline)) static int deeper(volatile int *address)
{
	return *address + 1; /* the line that fails */
}

static int handle(void *self, struct svc_request *req)
{
	OTEL_SPAN(span, req->host->tracer, "calculating");
	return deeper((volatile int *)(long)(8 + req->len)) + 1; /* nearly NULL: NULL itself is caught by UBSan */
}

static void stop(void *self)
{
}

SVC_PLUGIN = { SVC_ABI, .name = "crasher", .version = "1", .start = start, .handle = handle, .stop = stop };
"""


def test_a_real_crash_is_explained():
    line = next(i for i, text in enumerate(CRASHER.splitlines(), 1) if "the line that fails" in text)
    host = start(more="[plugin crasher]\npath = @DIR@/crasher.so\nprocess = learner\nlisten = 127.0.0.1:0\ninstrument = no")
    cupola.compile_plugin(CRASHER, os.path.join(host.dir, "crasher.so"))
    with host, Browser() as browser:
        browser.go(host, "#/overview")
        cupola.until(lambda: cells(browser, "crasher"), "the service")
        try:
            host.get("crasher", "/")
        except OSError:
            pass  # it took the connection with it
        card = wait_for(browser, ".crash", "crashed crasher")
        for part in ("SIGSEGV", f"crasher.so.c:{line}", "deeper()", "calculating"):
            assert part in card, (part, card)
        assert browser.text('.crash [data-crash="hint"]')
        wait_for(browser, ".headline", "crasher crashed")
        browser.shot("overview-real-crash-1280-light")
        assert not browser.errors()


# ---- logs ----

def test_logs_tell_severity_and_whether_they_belong_to_a_trace():
    with Shared() as (host, browser):
        send(host, "traces", [span("calculating", TRACE, SPAN)])
        send(host, "logs", [log("answered", attributes={"http.response.status_code": 200}), log("answered"), log("latitude missing", 13), log("no position", 17, trace=TRACE, span=SPAN)])
        browser.go(host, "#/logs?service=shop")
        cupola.until(lambda: len(browser.all("table.logs tbody tr")) == 4, "four records")
        levels = browser.run("return Object.fromEntries([...document.querySelectorAll('.level')].map(e => [e.dataset.level, e.querySelector('b').textContent]))")
        assert levels == {"error": "1", "warn": "1", "info": "2"}, levels
        assert len(browser.all(".timeline .part.error")) == 1 and len(browser.all(".timeline .part.info")) >= 1
        assert sum("no trace context" in t for t in browser.texts("table.logs tbody tr")) == 3, browser.texts("table.logs tbody tr")
        browser.shot("logs-levels-1280-light")
        click(browser, '.level[data-level="warn"]')
        cupola.until(lambda: len(browser.all("table.logs tbody tr")) == 2 and "severity=warn" in browser.driver.current_url, "WARN and above")
        browser.keys("jj", Keys.ENTER)
        detail = browser.text(".detail")
        assert "none: no trace context" in detail and "WARN (13)" in detail, detail
        browser.driver.refresh()
        assert "WARN (13)" in browser.text(".detail"), "the address keeps what is open"
        browser.keys(Keys.ESCAPE)
        cupola.until(lambda: not browser.all(".detail"), "closed")
        click(browser, 'table.logs a[href^="#/traces/"]')
        assert "calculating" in browser.text(".span-panel h2"), "a click leads to the span"
        assert "no position" in browser.text(".span-panel")
        assert not browser.errors()


# ---- metrics ----

def test_a_counter_moves_and_is_split_by_status():
    begun = time.time_ns() - 30 * 10**9
    counts = {200: 3, 503: 1}
    with Shared() as (host, browser):
        def count():
            send(host, "metrics", [counter("iss.requests", [point({"http.response.status_code": s}, begun, time.time_ns(), asInt=str(n)) for s, n in counts.items()])])

        count()
        browser.go(host, "#/metrics?service=shop")
        wait_for(browser, '[data-metric="iss.requests"] .totals', "4 in all")
        counts[200] += 6
        count()
        wait_for(browser, '[data-metric="iss.requests"] .totals', "10 in all")
        wait_for(browser, '[data-metric="iss.requests"] .totals', "2 series")
        names = cupola.until(lambda: browser.texts('[data-metric="iss.requests"] text.name'), "direct labels")
        assert any(n.endswith(" 200200") or n.rstrip("0123456789").endswith(" ") for n in names), names
        assert any("⚠ 503" in n for n in names), names
        browser.run("document.querySelector('[data-metric=\"iss.requests\"] h3 a').focus()")
        center = browser.run("const b = document.querySelector('[data-metric=\"iss.requests\"] svg').getBoundingClientRect(); return [b.left + 300, b.top + 60]")
        browser.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": center[0], "y": center[1]})
        said = wait_for(browser, '[data-metric="iss.requests"] .readout', "200")
        counts[200] += 2
        count()
        wait_for(browser, '[data-metric="iss.requests"] .totals', "12 in all")
        assert browser.texts('[data-metric="iss.requests"] .readout') and "200" in said, "what is under the pointer is told while the chart is drawn anew"
        assert browser.run("return document.activeElement.textContent") == "iss.requests", "and the focus stays"
        browser.shot("metrics-split-1280-light")
        click(browser, '[data-metric="iss.requests"] h3 a')
        cupola.until(lambda: browser.driver.current_url.endswith("#/metrics/iss.requests?service=shop"), "the metric's page")
        wait_for(browser, '[data-fact="type"]', "counter")
        wait_for(browser, '[data-fact="unit"]', "{request}")
        wait_for(browser, '[data-fact="total"]', "12")
        rows = cupola.until(lambda: browser.texts(".series-table tbody tr"), "the series")
        assert any("http.response.status_code=200" in r and "int" in r for r in rows), rows
        counts[503] += 5
        count()
        wait_for(browser, '[data-fact="total"]', "17")
        browser.shot("metric-counter-1280-light")
        assert not browser.errors()


def test_a_histogram_shows_buckets_percentiles_and_unit():
    begun = time.time_ns() - 20 * 10**9
    bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25]
    with Shared() as (host, browser):
        for i in range(1, 5):
            buckets = [0, 50 * i, 40 * i, 9 * i, i, 0, 0]
            send(host, "metrics", [histogram("iss.request.duration", [point({}, begun, begun + i * 4 * 10**9, count=str(100 * i), sum=1.5 * i, explicitBounds=bounds, bucketCounts=[str(b) for b in buckets])])])
        browser.go(host, "#/metrics/iss.request.duration?service=shop")
        wait_for(browser, '[data-fact="type"]', "histogram")
        wait_for(browser, '[data-fact="unit"]', "s seconds")
        assert browser.text('[data-quantile="p50"] b').replace("\u2009", " ") == "10 ms", browser.text('[data-quantile="p50"] b')
        p95, p99 = (float(browser.text(f'[data-quantile="{p}"] b').replace("\u2009", " ").split()[0]) for p in ("p95", "p99"))
        assert 25 < p95 < 50 <= p99 <= 50.1, (p95, p99)  # 90 are under 25 ms, 99 under 50 ms
        assert len(browser.all(".buckets tbody tr")) == 7
        assert browser.texts(".buckets tbody tr td:first-child")[0].replace("\u2009", " ") == "≤ 5 ms" and browser.texts(".buckets tbody tr td:first-child")[-1].replace("\u2009", " ") == "> 250 ms"
        assert [t.replace("\u2009", "") for t in browser.texts(".buckets tbody tr td:nth-child(3)")] == ["0", "200", "160", "36", "4", "0", "0"]
        assert len(browser.all(".heatmap .cell")) == 16, "four buckets at four times"
        exemplar = {"timeUnixNano": str(begun + 14 * 10**9), "asDouble": 0.031, "traceId": TRACE, "spanId": SPAN}
        send(host, "metrics", [histogram("iss.request.duration", [point({}, begun, begun + 20 * 10**9, count="500", sum=7.5, explicitBounds=bounds, bucketCounts=["0", "250", "200", "45", "5", "0", "0"],
                                                                        exemplars=[exemplar])])])
        cupola.until(lambda: len(browser.all(".exemplar circle")) == 1, "the measurement that knows its trace")
        browser.shot("metric-histogram-1280-light")
        browser.run("document.querySelector('.exemplar').dispatchEvent(new MouseEvent('click', { bubbles: true }))")
        cupola.until(lambda: f"#/traces/{TRACE}?span={SPAN}" in browser.driver.current_url, "its trace")
        assert not browser.errors()


def test_too_many_series_are_told_with_the_attribute_that_makes_them():
    begun = time.time_ns() - 30 * 10**9
    with Shared() as (host, browser):
        send(host, "metrics", [counter("few", [point({}, begun, time.time_ns(), asInt="1")]), counter("places", [point({"method": "GET", "latitude": i / 7}, begun, time.time_ns(), asInt="1") for i in range(300)])])
        browser.go(host, "#/metrics?service=shop")
        told = wait_for(browser, '[data-metric="places"] .notice', "300 series")
        assert "latitude has 300 different values" in told, told
        assert not browser.all('[data-metric="few"] .notice')
        browser.shot("metrics-cardinality-1280-light")
        browser.go(host, "#/metrics/places?service=shop")
        wait_for(browser, '[data-fact="series"]', "⚠ 300")
        assert not browser.errors()


# ---- traces ----

def test_a_red_trace_and_a_trace_over_four_services_are_seen_at_once():
    four = ["frontend", "gateway", "geolocator-service", "iss-distance-service"]
    with Shared() as (host, browser):
        for s in four:
            send(host, "traces", [span(f"alone in {s}")], s)
        parent = None
        for i, s in enumerate(four):
            id = f"{i + 1:016x}"
            more = {"attributes": {"http.response.status_code": 503, "iss.position": "48.1,11.5", "exact": 0.5, "ok": False, "list": ["a"]}}
            send(host, "traces", [span("asking", TRACE, id, parent, error="no position" if i == 3 else "", **(more if i == 3 else {}))], s)
            parent = id
        browser.go(host, "#/traces")
        cupola.until(lambda: len(browser.all("table.traces tbody tr")) == 5, "five traces")
        blocks = browser.run("return [...document.querySelectorAll('table.traces tbody tr')].map(r => [...r.querySelectorAll('.service-block')].map(b => b.textContent))")
        assert sorted(map(len, blocks)) == [1, 1, 1, 1, 4] and four in blocks, blocks
        red = browser.texts("table.traces tr.failed")
        assert len(red) == 1 and "⚠ 1 error" in red[0], red
        assert len(browser.all(".timeline .bad-dot")) == 1
        browser.shot("traces-red-1280-light")
        click(browser, "table.traces tr.failed")
        cupola.until(lambda: len(browser.all(".row")) == 4, "parents and children")
        assert [r.get_attribute("aria-level") for r in browser.all(".row")] == ["1", "2", "3", "4"]
        click(browser, ".row.failed")
        panel = browser.text(".span-panel")
        types = browser.run("return Object.fromEntries([...document.querySelector('.span-panel .attributes').querySelectorAll('tr')].map(r => [r.querySelector('th').textContent, r.querySelector('.type').textContent]))")
        assert types == {"http.response.status_code": "int", "iss.position": "string", "exact": "double", "ok": "bool", "list": "string[]"}, types
        assert "⚠ error: no position" in panel
        browser.shot("trace-red-1280-light")
        assert not browser.errors()


# ---- freshness ----

def test_what_is_sent_is_on_the_open_page_within_a_second():
    with Shared() as (host, browser):
        browser.go(host, "#/traces")
        browser.see(".empty")
        late = []
        for i in range(20):
            name = f"fresh {i}"
            send(host, "traces", [span(name)])
            began = time.monotonic()
            cupola.until(lambda: any(name in t for t in browser.texts("td.main")), name)
            late.append(time.monotonic() - began)
        late.sort()
        print(f"# on the page after {late[10] * 1e3:.0f} ms in the middle, {late[-1] * 1e3:.0f} ms at most")
        assert late[10] < 1, late
        browser.keys("p")
        cupola.until(lambda: "paused" in browser.text("#live"), "paused")
        send(host, "traces", [span("held back")])
        cupola.until(lambda: "more has arrived" in browser.text("#notice"), "told while paused")
        assert not any("held back" in t for t in browser.texts("td.main"))
        browser.keys("p")
        wait_for(browser, "td.main", "held back")


# ---- why there is nothing ----

def test_a_variable_that_sends_elsewhere_is_on_the_page():
    with start(hello="yes", env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}) as host, Browser() as browser:
        browser.go(host, "#/overview")
        told = wait_for(browser, ".notice", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9")
        assert "wins over host.conf" in told and "env -u OTEL_EXPORTER_OTLP_ENDPOINT" in told, told
        browser.shot("overview-elsewhere-1280-light")
        for page in ("traces", "logs", "metrics"):
            browser.go(host, f"#/{page}")
            wait_for(browser, ".empty .notice", "OTEL_EXPORTER_OTLP_ENDPOINT")
    with start(hello="yes", env={"OTEL_TRACES_EXPORTER": "none"}) as host, Browser() as browser:
        browser.go(host, "#/traces")
        wait_for(browser, ".empty .notice", "OTEL_TRACES_EXPORTER=none")
        browser.go(host, "#/metrics?service=hello")
        browser.see(".empty")
        assert not browser.all('[data-variable="OTEL_TRACES_EXPORTER"]')
    host = start(hello="yes")
    host.env.update(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{host.ports['otlp_http']}", OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    with host, Browser() as browser:  # a variable that leads here is no reason
        browser.go(host, "#/overview")
        cupola.until(lambda: cells(browser, "hello"), "the service, by gRPC")
        cupola.until(lambda: not browser.all(".notice"), "no complaint")


def test_the_receiver_says_what_was_wrong_in_words():
    with Shared() as (host, browser):
        browser.go(host, "#/receiver")
        post = lambda path, body, type="application/json": cupola.request(host.ports["otlp_http"], path, method="POST", body=body, headers={"Content-Type": type}).status
        assert post("/", "{}") == 404
        wait_for(browser, "main tr", "refused: the path is missing")
        assert [post("/v1/logs", "{}") for _ in range(3)] == [200] * 3
        row = wait_for(browser, "main tr", "taken, but an empty batch")
        assert "3POST /v1/logs" in row, row
        assert post("/v1/traces", "{}", "application/x-protobuf") == 400
        wait_for(browser, "main tr", "the body is JSON, and Content-Type says it is protobuf")
        wait_for(browser, "main pre", f"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:{host.ports['otlp_http']}")
        with socket.create_connection(("127.0.0.1", host.ports["otlp_http"])) as tls:  # the beginning of a ClientHello
            tls.sendall(bytes.fromhex("16030100c8010000c40303"))
            assert b"this is TLS, and the listener speaks plain HTTP" in tls.recv(4096)
        row = wait_for(browser, "main tr", "https:// where http:// is meant")
        assert "TLS to station" in row, row
        browser.shot("receiver-mistakes-1280-light")
        assert not browser.errors()


# ---- addresses ----

def test_the_addresses_of_the_documentation_are_good():
    text = open(os.path.join(cupola.SRCDIR, "docs/station.md"), encoding="utf-8").read()
    addresses = re.findall(r"^\| `(#/[^`]*)` \|", text, re.M)
    assert len(addresses) >= 15, addresses
    begun = time.time_ns() - 10**9
    with Shared() as (host, browser):
        send(host, "logs", [log("loaded", event="cupola.service.loaded"), log("bad", 13, trace=TRACE, span=SPAN)])
        send(host, "traces", [span("calculating", TRACE, SPAN, error="no")])
        send(host, "metrics", [counter("asked/all", [point({}, begun, time.time_ns(), asInt="1")])])
        for address in addresses:
            address = address.replace("NAME", "shop").replace("TRACE_ID", TRACE).replace("SPAN_ID", SPAN).replace("METRIC", "asked%2Fall")
            browser.driver.get("about:blank")
            browser.go(host, address)
            cupola.until(lambda: browser.all("main h1") and not browser.all(".skeleton"), address)
            assert not browser.all(".problem") and not browser.all("main .empty"), (address, browser.texts("main"))
            assert browser.driver.current_url.endswith(address), (address, browser.driver.current_url)
            elsewhere = browser.run("return performance.getEntriesByType('resource').map(e => e.name).filter(n => new URL(n).origin !== location.origin)")
            assert not elsewhere, f"{address} asks others: {elsewhere}"
        browser.go(host, "#/metrics/asked%2Fall?service=shop")
        wait_for(browser, "h1", "asked/all")
        assert not browser.errors()


def test_the_station_ends_well():
    Shared.end()


if __name__ == "__main__":
    cupola.main()
