# SPDX-License-Identifier: Apache-2.0
"""Debian's chromium, driven by selenium, for tests of pages. Importing it skips the test where there is none."""

import os
import sys
import tempfile

import cupola

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
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # it writes on for a moment after it has been told to go
        options = webdriver.ChromeOptions()
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                     "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--force-device-scale-factor=1",
                     f"--window-size={width},{height}", f"--user-data-dir={self.profile.name}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.look(width, height, dark)

    def look(self, width, height, dark=False):
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
        script = "return [...document.querySelectorAll(arguments[0])].find(e => e.checkVisibility() && e.getClientRects().length)"
        return cupola.until(lambda: self.driver.execute_script(script, css), what or css)

    def text(self, css):
        """What the first visible element says; waits for it to say something."""
        script = "return [...document.querySelectorAll(arguments[0])].find(e => e.checkVisibility() && e.getClientRects().length)?.innerText"
        return cupola.until(lambda: self.driver.execute_script(script, css), css)

    def texts(self, css):
        """What all of them say, read at once: a page that is pushed to may replace them meanwhile."""
        return self.driver.execute_script("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", css)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def keys(self, *keys):
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def go(self, host, address, port="page"):
        self.driver.get(f"http://127.0.0.1:{host.ports[port]}/{address}")

    def shot(self, name):
        if SHOTS:
            cupola.until(lambda: self.run("return document.getAnimations().every(a => a.playState != 'running' || a.effect.getTiming().iterations == Infinity)"), "the end of motion")
            os.makedirs(SHOTS, exist_ok=True)
            self.driver.save_screenshot(os.path.join(SHOTS, name + ".png"))

    def errors(self):
        """What the console complains about; an aborted request of the page's own is none."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]
