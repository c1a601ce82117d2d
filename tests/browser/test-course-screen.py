# SPDX-License-Identifier: Apache-2.0
"""What the course names "on screen", in a browser: the learner's files are brought to the end of each section, requests
are made, and the station's page has to show it. One session for all, in the order of the agenda."""

import atexit
import os
import random
import re
import subprocess
import sys

ROOT = os.environ.get("CUPOLA_SRCDIR", os.path.join(os.path.dirname(__file__), "../.."))
sys.path[:0] = [os.path.join(ROOT, "tests", folder) for folder in ("integration", "workshop", "browser")]

import cupola
from browser import Browser, Keys
from learner import Learner, isolate

ISS = "iss-distance-service"
FOUR = ["frontend", "gateway", "geolocator-service", ISS]
PLACES = ["Darmstadt", "Lima", "Oslo", "Nairobi", "Hanoi", "Quito", "Perth", "Reykjavik"]


class Course:
    """The learner, and a browser that looks over the shoulder."""

    instance = None

    def __init__(self):
        self.learner = Learner()
        self.learner.begin()
        self.browser = Browser()
        self.ports = {"page": self.learner.port(5050), "frontend": self.learner.port(5000)}

    @classmethod
    def get(cls):
        cls.instance = cls.instance or cls()
        return cls.instance

    @staticmethod
    @atexit.register
    def end():
        if Course.instance:
            Course.instance.browser.__exit__()
            Course.instance.learner.__exit__(None)
            Course.instance = None

    def look(self, address):
        self.browser.driver.get("about:blank")
        self.browser.go(self, address)

    def wait_for(self, css, part):
        """Until one of them says it; what it says."""
        return cupola.until(lambda: next((t for t in self.browser.texts(css) if part in t), None), f"{part!r} in {css}")

    def click(self, css):
        cupola.until(lambda: self.browser.run("const e = document.querySelector(arguments[0]); e?.click(); return Boolean(e)", css), css)

    def ask(self, n=1, status=200, query=None):
        """Asks the learner's service, a random place each time."""
        for _ in range(n):
            where = query if query is not None else f"latitude={random.uniform(-80, 80):.4f}&longitude={random.uniform(-179, 179):.4f}"
            reply = cupola.request(self.learner.port(5003), f"/?{where}")
            assert reply.status == status, (reply.status, reply.text)

    def ask_page(self, place=None):
        return cupola.request(self.learner.port(5000), f"/api/distance?location={place or random.choice(PLACES)}")

    def broken(self, what="iss"):
        done = self.learner.cupola("workshop", "break", what)
        assert done.returncode == 0, done.stdout + done.stderr

    def levels(self):
        return self.browser.run("return Object.fromEntries([...document.querySelectorAll('.level')].map(e => [e.dataset.level, Number(e.querySelector('b').textContent)]))")

    def log_rows(self):
        """[severity, text, trace] of each record on the page."""
        return self.browser.run("return [...document.querySelectorAll('table.logs tbody tr')].map(r => [r.cells[1].textContent.replace('⚠ ', ''), r.cells[3].textContent, r.cells[4].textContent])")

    def trace_rows(self):
        """The services of each trace on the page, and whether it is red."""
        return self.browser.run("return [...document.querySelectorAll('table.traces tbody tr')].map(r => ({ name: r.cells[1].querySelector('a').textContent, services: [...r.querySelectorAll('.service-block')].map(b => b.textContent), spans: Number(r.cells[3].textContent), failed: r.classList.contains('failed'), errors: r.cells[4].textContent }))")

    def spans(self):
        """{name: level} of the open trace."""
        return self.browser.run("return [...document.querySelectorAll('.row')].map(r => [r.querySelector('b').textContent, Number(r.getAttribute('aria-level')), r.querySelector('small')?.textContent])")

    def attributes(self):
        """{key: type} of the open span, and its values."""
        return self.browser.run("return Object.fromEntries([...document.querySelector('.span-panel .attributes').querySelectorAll('tr')].map(r => [r.querySelector('th').textContent, [r.querySelector('.type').textContent, r.querySelector('td').firstChild.parentNode.textContent]]))")


def test_tour_a_reload_by_hand_loses_nothing_and_is_marked():
    course = Course.get()
    browser, learner = course.browser, course.learner
    browser.driver.get(f"http://127.0.0.1:{course.ports['frontend']}/")
    browser.see("#place").send_keys("Darmstadt", Keys.ENTER)
    distance = float(browser.text("#distance").replace("km", "").replace("\u2009", "").strip())
    assert 400 < distance < 20100, distance
    assert "Not traced yet" in browser.text("#untraced")
    browser.shot("course-tour-page")
    course.look("#/overview")
    cupola.until(lambda: all(any(name in t for t in browser.texts("tr[data-service] td:first-child")) for name in FOUR), "the four, by their lifecycle alone")
    browser.shot("course-tour-station")

    asking = subprocess.Popen(["bash", "-c", f"while :; do curl -s -o /dev/null -w '%{{http_code}}\\n' 'http://127.0.0.1:{learner.port(5003)}/?latitude=49.87&longitude=8.65'; done"],
                              stdout=subprocess.PIPE, text=True)
    try:
        path = f"{ISS}/app.c"
        text = open(os.path.join(learner.copy, path)).read()
        since = len(learner.session.said)
        learner.save(path, text.replace("return svc_reply_text(req, 400, problem);", 'return svc_reply_text(req, 400, "Where are you?\\n");'))
        learner.await_said("saved. Now", since)
        status, output = learner.run(f"cd {learner.copy}/{ISS} && make && cupola reload {ISS}")
        assert status == 0, output
        reply = cupola.request(learner.port(5003), "/?latitude=49.87")
        assert (reply.status, reply.text) == (400, "Where are you?\n"), reply.text
    finally:
        asking.terminate()
        answers = asking.communicate()[0].split()
    assert len(answers) > 3 and set(answers) <= {"200"}, set(answers)
    course.look(f"#/logs?service={ISS}")
    course.wait_for("td.main", "reloaded: generation 2")
    cupola.until(lambda: browser.all('.timeline .marker[data-word="reloaded"] line'), "the marker on the time axis")
    assert any("reloaded" in t for t in browser.texts(".timeline .marker text")), browser.texts(".timeline .marker text")
    browser.shot("course-tour-reload")


def test_section_0_the_service_shows_version_and_environment():
    course = Course.get()
    fact = lambda key: course.browser.run("return document.querySelector(`tr[data-service=\"" + ISS + "\"] [data-fact=\"${arguments[0]}\"]`)?.firstChild.textContent", key)
    course.look("#/overview")
    cupola.until(lambda: fact("service.version"), "the service")
    assert (fact("service.version"), fact("deployment.environment.name")) == ("not set", "not set")
    course.learner.type("0.1")
    cupola.until(lambda: fact("service.version") == "1.0.0", "the version, on the open page")
    course.learner.type("0.2")
    cupola.until(lambda: fact("deployment.environment.name") == "dev", "the environment, on the open page")
    course.browser.shot("course-0-overview")
    course.click(f'tr[data-service="{ISS}"]')
    course.wait_for(".resource tr", "service.version")
    course.wait_for(".changes tr", "deployment.environment.namenot setdev")
    course.wait_for(".sends li", "no spans")
    course.browser.shot("course-0-service")
    course.look(f"#/logs?service={ISS}")
    course.wait_for("td.main", "reloaded")
    course.browser.keys("j", Keys.ENTER)
    detail = course.browser.text(".detail")
    for part in ("service.version", "1.0.0", "deployment.environment.name", "dev", "service.instance.id"):
        assert part in detail, (part, detail)


def test_section_1_each_request_has_its_record_and_no_trace():
    course = Course.get()
    course.learner.type("1.2")
    course.look(f"#/logs?service={ISS}")
    course.wait_for("td.main", "reloaded")
    own = lambda severity: [r for r in course.log_rows() if r[0] == severity and "generation" not in r[1] and "host.conf" not in r[1]]
    good, bad, failed = random.randint(2, 5), random.randint(1, 3), random.randint(1, 2)
    course.ask(good)
    cupola.until(lambda: len(own("INFO")) >= good, "an INFO for each request, on the open page")
    course.ask(bad, 400, query="latitude=49.87")
    cupola.until(lambda: len(own("WARN")) == bad, "a WARN for each 400")
    course.broken()
    course.ask(failed, 502)
    course.broken("none")
    cupola.until(lambda: len(own("ERROR")) == failed, "an ERROR for each failure")
    cupola.until(lambda: (course.levels()["warn"], course.levels()["error"]) == (bad, failed), "severities at a glance")
    assert len(course.browser.all(".timeline .part.error")) >= 1 and len(course.browser.all(".timeline .part.warn")) >= 1
    for row in own("INFO") + own("WARN") + own("ERROR"):
        assert row[2] == "no trace context", row
    course.browser.shot("course-1-logs")
    course.click('.level[data-level="error"]')
    cupola.until(lambda: {r[0] for r in course.log_rows()} == {"ERROR"}, "the errors only")


def test_section_2_counters_move_and_a_histogram_has_buckets():
    course = Course.get()
    course.learner.type("2.3")
    course.look(f"#/metrics?service={ISS}")
    total = lambda name: course.browser.run("return document.querySelector(`[data-metric=\"${arguments[0]}\"] .totals b`)?.textContent", name) or ""
    number = lambda text: int(re.match(r"[\d\u2009]+", text)[0].replace("\u2009", "")) if re.match(r"\d", text) else 0
    course.ask(3)
    cupola.until(lambda: number(total("incoming.requests")) == 3, "three requests counted")
    course.broken()
    course.ask(2, 502)
    course.broken("none")
    course.ask(4)
    cupola.until(lambda: number(total("incoming.requests")) == 9 and number(total("iss.requests")) == 9, "the counters moved, on the open page")
    names = cupola.until(lambda: (lambda t: t if len(t) == 2 else None)(course.browser.texts('[data-metric="iss.requests"] text.name title')), "iss.requests by status")
    assert sorted(names) == ["200", "⚠ 503"], names
    cupola.until(lambda: number(total("iss.request.duration")) == 9, "nine measured")
    course.wait_for('[data-metric="iss.request.duration"] text.name', "p95")
    cupola.until(lambda: course.browser.all('[data-metric="iss.requests"] .marker line'), "the reload marker")
    course.browser.shot("course-2-metrics")
    course.click('[data-metric="iss.request.duration"] h3 a')
    course.wait_for('[data-fact="type"]', "histogram")
    course.wait_for('[data-fact="unit"]', "s seconds")
    assert len(cupola.until(lambda: course.browser.texts(".buckets tbody tr"), "the buckets")) == 11, "ten bounds make eleven buckets"
    counts = [int(t.replace("\u2009", "")) for t in course.browser.texts(".buckets tbody tr td:nth-child(3)")]
    assert sum(counts) == 9, counts
    for p in ("p50", "p95", "p99"):
        assert course.browser.text(f'[data-quantile="{p}"] b')
    assert course.browser.all(".heatmap .cell")
    course.browser.shot("course-2-histogram")


def test_section_3_by_hand_one_span_of_a_service_of_its_own():
    course = Course.get()
    course.learner.type("3.1")
    course.look("#/traces")
    course.browser.see(".empty")
    status, output = course.learner.run(f"cd {course.learner.copy}/by-hand && OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:{course.learner.port(4318)} ./by-hand")
    assert status == 0, output
    rows = cupola.until(course.trace_rows, "the span, on the open page")
    assert len(rows) == 1 and rows[0]["services"] == ["by-hand"] and rows[0]["spans"] == 1, rows
    course.browser.shot("course-3-by-hand")


def test_section_3_parent_and_child_and_records_that_know_their_span():
    course = Course.get()
    course.learner.type("3.2")
    course.look(f"#/traces?service={ISS}")
    course.ask()
    rows = cupola.until(course.trace_rows, "the trace, on the open page")
    assert rows[0]["name"] == "calculating-iss-distance" and rows[0]["services"] == [ISS] and rows[0]["spans"] == 2, rows
    course.click("table.traces tbody tr")
    cupola.until(lambda: [s[:2] for s in course.spans()] == [["calculating-iss-distance", 1], ["getting-iss-coordinates", 2]], "parent and child")
    course.browser.shot("course-3-spans")
    course.look(f"#/logs?service={ISS}")
    cupola.until(lambda: course.log_rows() and re.fullmatch(r"[0-9a-f]{6}…[0-9a-f]{4}", course.log_rows()[0][2]), "the newest record has a trace id")
    course.click('table.logs a[href^="#/traces/"]')
    course.wait_for(".span-panel h2", "-iss-")
    course.wait_for(".span-panel", "INFO")
    course.learner.type("3.3")
    course.broken()
    course.ask(1, 502)
    course.broken("none")
    course.look(f"#/logs?service={ISS}&severity=error&since=reload")
    course.click('table.logs a[href^="#/traces/"]')
    course.wait_for(".span-panel h2", "getting-iss-coordinates")  # as a scope it is current, so the record is its own
    course.wait_for(".span-panel", "ERROR")
    assert not course.browser.errors()


def test_section_3_attributes_have_types_and_one_trace_is_red():
    course = Course.get()
    course.learner.type("3.4")
    course.look(f"#/traces?service={ISS}&since=reload")
    course.ask(3)
    course.broken()
    course.ask(1, 502)
    course.broken("none")
    rows = cupola.until(lambda: (lambda r: r if len(r) == 4 else None)(course.trace_rows()), "what the new code did")
    assert [r["failed"] for r in rows].count(True) == 1, rows
    red = next(r for r in rows if r["failed"])
    assert "⚠" in red["errors"] and "error" in red["errors"], red
    assert len(course.browser.all(".timeline .bad-dot")) == 1
    course.browser.shot("course-3-red")
    course.click("table.traces tr.failed")
    cupola.until(lambda: len(course.browser.all(".row.failed")) >= 1, "the red span")
    course.browser.run("[...document.querySelectorAll('.row')].find(r => r.textContent.includes('getting-iss-coordinates')).click()")
    course.wait_for(".span-panel", "⚠ error")
    types = {k: v[0] for k, v in course.attributes().items()}
    assert types["http.response.status_code"] == "int" and types["http.request.method"] == "string" and types["url.full"] == "string", types
    assert "503" in course.attributes()["http.response.status_code"][1]
    course.look(f"#/traces?service={ISS}&since=reload")
    cupola.until(lambda: len(course.trace_rows()) == 4, "the traces again")
    course.click("table.traces tr:not(.failed) td a")
    cupola.until(lambda: len(course.browser.all(".row")) == 2, "a good one")
    course.browser.run("[...document.querySelectorAll('.row')].find(r => r.textContent.includes('getting-iss-coordinates')).click()")
    course.wait_for(".span-panel th", "iss.position")
    course.browser.shot("course-3-attributes")


def test_section_4_before_one_trace_for_each_service():
    course = Course.get()
    course.learner.type("4.1")
    course.look("#/traces?since=reload")
    assert course.ask_page("Darmstadt").status == 200
    rows = cupola.until(lambda: (lambda r: r if len(r) >= 4 else None)(course.trace_rows()), "their traces")
    assert sorted(r["services"][0] for r in rows) == FOUR and all(len(r["services"]) == 1 for r in rows), rows
    course.browser.shot("course-4-before")
    course.learner.type("4.2")
    course.look("#/traces?since=reload")
    assert course.ask_page("Lima").status == 200
    rows = cupola.until(lambda: (lambda r: r if len(r) >= 3 else None)(course.trace_rows()), "their traces")
    assert sorted(sorted(r["services"]) for r in rows) == [["frontend"], ["gateway", ISS], ["geolocator-service"]], rows
    course.browser.shot("course-4-by-hand")


def test_section_4_after_one_trace_over_four_services():
    course = Course.get()
    browser = course.browser
    course.learner.type("4.3")
    browser.driver.get(f"http://127.0.0.1:{course.ports['frontend']}/")
    browser.see("#place").send_keys("Darmstadt", Keys.ENTER)
    cupola.until(lambda: len(browser.all(".services li")) == 4, "four services with their times")
    link = browser.see("#trace-link").get_attribute("href")
    browser.shot("course-4-page")
    browser.driver.get(link)
    cupola.until(lambda: {s[2] for s in course.spans()} == set(FOUR), "one trace over four services, from the page on")
    spans = course.spans()
    assert [s[1] for s in spans if s[1] == 1] == [1] and spans[0][2] == "frontend", spans
    assert "getting-iss-coordinates" in [s[0] for s in spans], spans
    course.wait_for(".summary", "log records")
    browser.shot("course-4-trace")
    course.look("#/traces?since=reload")
    rows = cupola.until(course.trace_rows, "the list")
    assert sorted(rows[0]["services"]) == FOUR, rows
    course.broken()
    assert course.ask_page().status == 502
    course.broken("none")
    cupola.until(lambda: [r for r in course.trace_rows() if r["failed"] and sorted(r["services"]) == FOUR], "the failure, over all four")
    browser.shot("course-4-after")
    assert not browser.errors(), browser.errors()


def test_the_session_ends_well():
    Course.end()


if __name__ == "__main__":
    isolate()
    cupola.main()
