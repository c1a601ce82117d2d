# SPDX-License-Identifier: Apache-2.0
"""The pages in a real browser: a place is typed, a distance is seen, and the way leads to its trace."""

import importlib.util
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ.get("CUPOLA_SRCDIR", os.path.join(os.path.dirname(__file__), "../..")), "tests/integration"))

import cupola

spec = importlib.util.spec_from_file_location("application", os.path.join(os.path.dirname(cupola.__file__), "test-application.py"))
application = importlib.util.module_from_spec(spec)
spec.loader.exec_module(application)

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    print("1..0 # SKIP python3-selenium is not installed")
    sys.exit(0)
if not os.path.exists("/usr/bin/chromedriver"):
    print("1..0 # SKIP chromium-driver is not installed")
    sys.exit(0)

SHOTS = os.environ.get("CUPOLA_SCREENSHOTS")


class Browser:
    def __init__(self, width=1280, height=800, dark=False):
        self.profile = tempfile.TemporaryDirectory()
        options = webdriver.ChromeOptions()
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                     "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--force-device-scale-factor=1",
                     f"--window-size={width},{height}", f"--user-data-dir={self.profile.name}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()
        self.profile.cleanup()

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def see(self, css, what=None):
        """The first visible element; waits for it."""
        def visible():
            return next((e for e in self.all(css) if e.is_displayed()), None)
        return cupola.until(visible, what or css)

    def text(self, css):
        return self.see(css).text

    def shot(self, name):
        if SHOTS:
            os.makedirs(SHOTS, exist_ok=True)
            self.driver.save_screenshot(os.path.join(SHOTS, name + ".png"))

    def errors(self):
        """What the console complains about; an aborted request of the page's own is none."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]


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
        next(r for r in browser.all(".row") if "getting-iss-coordinates" in r.text).click()
        assert "iss.position" in browser.text(".span-panel")
        assert trace_id in browser.text(".span-panel")
        browser.shot("station-trace-1280-light")
        assert not browser.errors(), browser.errors()


def test_the_page_says_when_nothing_is_traced():
    host = application.start()
    host.args = [a for n in ("frontend", "gateway", "geolocator-service", "iss-distance-service") for a in ("--set", f"plugin {n}.instrument=no")]
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


def test_the_station_lists_traces_logs_and_metrics():
    with application.start() as host, Browser() as browser:
        base = f"http://127.0.0.1:{host.ports['page']}/"
        browser.driver.get(base + "#/traces")
        for _ in range(3):
            application.distance_trace(host, 10)  # one less once geolocator-service has the place
        cupola.request(host.ports["frontend"], "/api/distance?location=Xyzzyplugh")
        cupola.until(lambda: len(browser.all("tbody tr")) >= 4, "traces pushed to the open page")
        browser.shot("station-traces-1280-light")
        browser.driver.find_element(By.TAG_NAME, "body").send_keys("j", Keys.ENTER)
        cupola.until(lambda: browser.all(".row"), "a trace opened by keyboard")
        browser.driver.get(base + "#/logs")
        cupola.until(lambda: browser.all("tbody tr"), "log records")
        browser.shot("station-logs-1280-light")
        browser.driver.get(base + "#/metrics")
        cupola.until(lambda: [e for e in browser.all(".chart h3") if e.text == "incoming.requests"] and browser.all(".chart path.series"), "a chart")
        browser.shot("station-metrics-1280-light")
        browser.driver.get(base + "#/receiver")
        assert "http/protobuf" in browser.text("main")
        browser.driver.get(base + "#/overview")
        cupola.until(lambda: len(browser.all(".tile")) >= 4, "services")
        browser.shot("station-overview-1280-light")
        assert not browser.errors(), browser.errors()


def test_the_pages_fit_a_phone_and_the_dark():
    with application.start() as host:
        for width, height, dark in ((390, 844, True), (1920, 1080, True)):
            with Browser(width, height, dark) as browser:
                ask(browser, host).send_keys(Keys.ENTER)
                browser.see("#trace-link")
                cupola.until(lambda: len(browser.all(".services li")) == 4, "four services")
                for page in (None, "#/traces", "#/logs", "#/metrics", "#/overview"):
                    if page:
                        browser.driver.get(f"http://127.0.0.1:{host.ports['page']}/{page}")
                        cupola.until(lambda: browser.all("main h1"), page)
                    wide = browser.driver.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                    assert wide <= 0, (width, page, f"{wide} pixels too wide")
                    browser.shot(f"{'app' if not page else 'station-' + page[2:]}-{width}-{'dark' if dark else 'light'}")


if __name__ == "__main__":
    cupola.main()
