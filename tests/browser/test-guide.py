# SPDX-License-Identifier: Apache-2.0
"""The workshop's guide in a real browser: pages, progress, checks, and what it says when something is wrong."""

import os
import sys

SRCDIR = os.environ.get("CUPOLA_SRCDIR", os.path.join(os.path.dirname(__file__), "../.."))
sys.path[:0] = [os.path.join(SRCDIR, "tests/integration"), os.path.join(SRCDIR, "tests/browser"), os.path.join(SRCDIR, "tests/workshop")]

import cupola
from browser import Browser, Keys
from guide import Guide, fails, passes
from learner import Learner, isolate

def went_well(browser):
    errors = browser.errors()
    assert not errors, errors


def test_pages_follow_each_other_and_code_can_be_copied():
    with Guide() as guide, Browser() as browser:
        browser.go(guide, "", "guide")
        assert "A small course" in browser.text("h1")
        assert browser.run("return document.querySelector('figure.title img').naturalWidth") == 640
        browser.keys("n")
        cupola.until(lambda: browser.driver.current_url.endswith("/tour"), "the next page")
        assert "12 minutes" in browser.text(".minutes")
        copied = browser.run("return import('/js/code.js').then(m => m.typed(document.querySelector('figure.code')))")
        assert copied == "curl 'http://127.0.0.1:5003/?latitude=49.87'\nmake   # twice", copied
        browser.keys("n")
        cupola.until(lambda: browser.driver.current_url.endswith("/section-1-logging"), "the one after that")
        assert browser.texts(".file") == ["host.conf", "iss-distance-service/app.c"]
        assert "step 1.2" in browser.texts(".at")[1]
        browser.shot("guide-page")
        browser.keys("p")
        cupola.until(lambda: browser.driver.current_url.endswith("/tour"), "back again")
        browser.go(guide, "names#look-1", "guide")
        browser.keys("/")
        cupola.until(lambda: browser.run("return document.activeElement.id") == "find", "the field to find by")
        browser.keys("log rec", Keys.ENTER)
        cupola.until(lambda: browser.driver.current_url.endswith("/section-1-logging#12-create-log-records"), "what was looked for")
        browser.keys("?")
        browser.see("dialog#keys")
        browser.keys(Keys.ESCAPE)
        went_well(browser)
        browser.go(guide, "nothing-of-that-name", "guide")
        assert "There is no such page" in browser.text("h1")
        browser.see("#contents a")


def at_step(browser, guide, step="1.2"):
    browser.go(guide, "section-1-logging", "guide")
    cupola.until(lambda: browser.run("return document.documentElement.classList.contains('can-check')"), "the working copy")
    return browser.run("return [...document.querySelectorAll('.check-button')].find(b => b.closest('.under')?.previousElementSibling.dataset.step === arguments[0])", step)


def test_the_margin_follows_what_was_passed():
    with Guide() as guide, Browser() as browser:
        browser.go(guide, "section-1-logging", "guide")
        cupola.until(lambda: "1 of 3 steps passed" in browser.text("#session"), "the progress")
        state = lambda step: browser.run("return document.querySelector(`#contents li[data-step='${arguments[0]}']`).dataset.state", step)
        assert (state("tour"), state("1.1"), state("1.2")) == ("passed", "now", "open")
        assert "1.1 Set up" in browser.text("#now")
        browser.run("window.same = true")
        guide.progress(now="1.2", passed=("tour", "1.1"))
        cupola.until(lambda: state("1.1") == "passed" and state("1.2") == "now", "the marks moved")
        assert browser.run("return window.same"), "without a reload"
        browser.keys("g")
        cupola.until(lambda: browser.driver.current_url.endswith("#12-create-log-records"), "the step of now, by g")
        guide.progress(now=None, passed=("tour", "1.1", "1.2"))
        cupola.until(lambda: "All steps passed" in browser.text("#session"), "all of it")
        assert browser.run("return document.querySelector('#now').hidden")
        went_well(browser)


def test_a_check_fills_in_live_with_misses_and_hints():
    with Guide() as guide, Browser() as browser:
        guide.progress(now="1.2", passed=("tour", "1.1"))
        guide.answer("check", passes("an INFO record for each request"), "wait", fails("a WARN record for each 400", "`http.response.status_code` is the string \"400\"; expected an <integer>"), {"step": "1.2", "passed": 1, "failed": 1, "done": True}, "exit 1")
        at_step(browser, guide).click()
        cupola.until(lambda: browser.texts(".assertions li") and "so far" in browser.text("section.check .status"), "the first line, while the second is waited for")
        browser.shot("guide-check-running")
        guide.go_on()
        cupola.until(lambda: "1 of 2 failed" in browser.text("section.check .status"), "the end")
        assert browser.text(".miss") == 'http.response.status_code is the string "400"; expected an <integer>', browser.text(".miss")
        assert browser.texts(".miss code") == ["http.response.status_code"]
        for level in (1, 2, 3):
            guide.answer("hint", {"step": "1.2", "id": "x", "say": "", "level": level, "of": 3, "text": ["Think.", "Look in `api()`.", "otel_log(...)"][level - 1]})
            browser.see(".hints .ask button").click()
            cupola.until(lambda: len(browser.all(".said p")) == level, "a hint")
        assert guide.arguments("hint")[2] == "a-WARN-record-for-each-400"
        guide.answer("solution", "otel_log(iss->host->logger, OTEL_WARN, ...);", "return 0;")
        browser.see(".hints .ask button:nth-child(2)").click()
        cupola.until(lambda: "return 0;" in "".join(browser.texts(".said pre")), "the solution")
        browser.shot("guide-check-failed")
        guide.answer("check", passes("an INFO record for each request"), passes("a WARN record for each 400"))
        browser.keys("c")
        cupola.until(lambda: "2 of 2 passed" in browser.text("section.check .status"), "the check by its key")
        browser.shot("guide-check-passed")
        went_well(browser)


def test_a_check_can_be_stopped_and_may_be_impossible():
    with Guide() as guide, Browser() as browser:
        guide.answer("check", passes("one"), "wait")
        button = at_step(browser, guide)
        button.click()
        cupola.until(lambda: button.text == "Stop" and browser.texts(".assertions li"), "the button stops it")
        button.click()
        cupola.until(lambda: "Stopped" in browser.text("section.check .status"), "the stop")
        guide.answer("check", "stderr cupola workshop check: the application does not run", "exit 2")
        cupola.until(lambda: button.click() or "does not run" in browser.text("section.check .status"), "why it could not be made")
        guide.stop()
        cupola.until(lambda: "does not answer" in browser.text("#notices"), "the guide that has gone")
        assert not [b for b in browser.all(".check-button") if b.is_displayed()], "and nothing to press"
        browser.shot("guide-lost")


def test_catching_up_asks_first_and_can_be_undone():
    with Guide() as guide, Browser() as browser:
        at_step(browser, guide)
        guide.answer("catch-up", "Files of 1.2 are in place; yours are in .workshop/backups/1.")
        guide.answer("undo", "Your files are back.")
        catch_up = lambda: browser.all(".catch-up")[1].click()
        catch_up()
        assert "backed up" in browser.text("#sure")
        browser.shot("guide-sure")
        browser.see("#sure [value=no]").click()
        cupola.until(lambda: not browser.run("return document.querySelector('#sure').open"), "the dialog closed")
        assert guide.called("catch-up") == 0
        catch_up()
        browser.see("#sure [value=yes]").click()
        cupola.until(lambda: "in place" in browser.text("section.check .status"), "what was done")
        assert guide.arguments("catch-up")[:3] == ["workshop", "catch-up", "1.2"]
        browser.see("section.check .after button").click()
        cupola.until(lambda: "Your files are back" in browser.text("section.check .status"), "the undo")
        went_well(browser)


def test_a_build_that_fails_and_a_crash_are_told_on_every_page():
    with Guide() as guide, Browser() as browser:
        browser.go(guide, "tour", "guide")
        cupola.until(lambda: browser.all("#contents li[data-state]"), "the progress")
        guide.progress(build={"service": "iss-distance-service", "ok": False, "errors": [{"file": "iss-distance-service/app.c", "line": 42, "text": "expected ';' before <return>"}], "at": 1})
        cupola.until(lambda: "the old version serves on" in browser.text("#notices"), "the notice")
        assert "iss-distance-service/app.c:42" in browser.text("#notices") and "before <return>" in browser.text("#notices")
        browser.shot("guide-build")
        guide.progress(build={"service": "iss-distance-service", "ok": True, "errors": [], "at": 2})
        cupola.until(lambda: not browser.all(".notice"), "and its end")
        guide.progress(crash={"service": "iss-distance-service", "what": "segmentation fault", "signal": "SIGSEGV", "file": "iss-distance-service/app.c", "line": 57, "function": "api", "span": "calculating-iss-distance", "message": None, "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331", "hint": "A pointer was NULL.", "at": 1790000000, "text": "…"})
        cupola.until(lambda: "SIGSEGV" in browser.text("#notices"), "the crash")
        text = browser.text("#notices")
        for part in ("iss-distance-service/app.c:57", "api", "calculating-iss-distance", "A pointer was NULL.", "started again"):
            assert part in text, (part, text)
        assert browser.see(".notice dd a").get_attribute("href").endswith("/#/traces/0af7651916cd43dd8448eb211c80319c?span=b7ad6b7169203331")
        browser.shot("guide-crash")
        guide.progress(build={"service": "gateway", "ok": False, "refused": True, "errors": [{"file": "", "line": 0, "text": "uses the symbol api, which nobody has"}], "at": 1})
        cupola.until(lambda: "refused by the host" in browser.text("#notices"), "a service that was refused")
        guide.progress(build={"service": "host.conf", "ok": False, "errors": [{"file": "host.conf", "line": 19, "text": "expected a key"}]})
        cupola.until(lambda: "host.conf has a mistake; what was before stays in force" in browser.text("#notices"), "a mistake in host.conf")
        assert "host.conf:19" in browser.text("#notices")
        os.remove(os.path.join(guide.copy, "answers/progress"))
        cupola.until(lambda: "no such command" in browser.text("#notices"), "a program that does not answer")
        went_well(browser)


def test_addresses_are_those_of_this_session():
    with Guide() as guide, Browser() as browser:
        guide.progress(station="http://127.0.0.1:15050", services={"iss-distance-service": "http://127.0.0.1:15003"})
        browser.go(guide, "tour", "guide")
        cupola.until(lambda: browser.run("return document.querySelector('[data-place=station]').href") == "http://127.0.0.1:15050/", "the station's address")
        assert "http://127.0.0.1:15050/#/logs" in [a.get_attribute("href") for a in browser.all("article a")]
        assert "127.0.0.1:15003/?latitude" in browser.text("figure.code code"), browser.text("figure.code code")
        assert browser.run("return document.querySelector('[data-place=frontend]').href") == "http://127.0.0.1:5000/"
        browser.run("navigator.clipboard.writeText = t => { window.copied = t; return Promise.resolve(); }")
        browser.see("figure.code .copy").click()
        assert "127.0.0.1:15003" in cupola.until(lambda: browser.run("return window.copied"), "the copy")


def test_without_a_copy_it_is_a_book():
    with Guide(copy=False) as guide, Browser() as browser:
        browser.go(guide, "", "guide")
        cupola.until(lambda: "This is the text alone" in browser.text("#notices"), "how to start")
        assert "cupola workshop" in browser.text("#notices code")
        browser.go(guide, "section-1-logging", "guide")
        browser.see("h3")
        assert not [b for b in browser.all(".check-button") if b.is_displayed()]
        assert not browser.all("#contents li[data-state]")
        went_well(browser)


def test_with_the_real_workshop_a_step_is_checked_and_caught_up_with():
    with Learner() as learner, Browser() as browser:
        learner.begin()
        guide = f"http://127.0.0.1:{learner.moved[5051]}"
        button = lambda step, css: browser.run("return document.querySelector(`#text [data-step='${arguments[0]}'] + .under ${arguments[1]}`)", step, css)
        panel = lambda step: browser.run("return document.querySelector(`#text [data-step='${arguments[0]}']`).nextElementSibling.nextElementSibling.innerText", step)
        browser.driver.get(guide + "/section-0-resource")
        cupola.until(lambda: "you are here" in "".join(browser.texts("#contents li[data-step=tour] .state")), "the first step")
        assert browser.see("[data-place=station]").get_attribute("href") == f"http://127.0.0.1:{learner.moved[5050]}/"
        button("0.1", ".check-button").click()
        cupola.until(lambda: "service.version" in panel("0.1") and "failed" in panel("0.1"), "what 0.1 has not")
        button("0.2", ".catch-up").click()
        browser.see("#sure [value=yes]").click()
        cupola.until(lambda: "Undo" in panel("0.2"), "the solution of 0.1 in place")
        with open(os.path.join(learner.copy, "iss-distance-service/app.c")) as f:
            assert '.version = "1.0.0"' in f.read()
        cupola.until(lambda: "caught up" in "".join(browser.texts("#contents li[data-step='0.1'] .state")), "and the margin says so")
        button("0.1", ".check-button").click()
        cupola.until(lambda: "1 of 1 passed" in panel("0.1"), "now it is there", 60)
        cupola.until(lambda: "passed" in "".join(browser.texts("#contents li[data-step='0.1'] .state")), "passed")
        app = os.path.join(learner.copy, "iss-distance-service/app.c")
        with open(app) as f:
            text = f.read()
        with open(app, "w") as f:
            f.write(text.replace("return", "retrun", 1))
        cupola.until(lambda: "does not compile" in browser.text("#notices") and "iss-distance-service/app.c:" in browser.text("#notices"), "the compiler's words", 60)
        browser.shot("guide-real-build")
        with open(app, "w") as f:
            f.write(text)
        cupola.until(lambda: not browser.all(".notice"), "and their end", 60)
        went_well(browser)


def test_the_pages_of_the_course_fit_every_width_and_have_all_they_show():
    text = [0, 0]
    with Guide(text=None) as guide, Browser() as browser:
        browser.go(guide, "", "guide")
        pages = browser.run("return [...document.querySelectorAll('.chapters > li > a')].map(a => a.getAttribute('href'))")
        assert len(pages) >= 12 and pages[0] == "/", pages
        for page in pages:
            browser.look(1280, 900)
            browser.driver.get(f"http://127.0.0.1:{guide.ports['guide']}{page}")
            browser.see("h1")
            for width, height, dark in ((1280, 900, False), (1920, 1080, True), (640, 450, False), (390, 844, True)):
                browser.look(width, height, dark)
                wide = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert wide <= 0, (width, page, f"{wide} pixels too wide")
                if width == 1280:
                    cupola.until(lambda: browser.run(CONTENTS_HERE), "the open page in sight in the contents")
                    lost = browser.run("return [...document.querySelectorAll('#text a[href^=\"#\"]')].map(a => decodeURI(a.hash.slice(1))).filter(id => !document.getElementById(id))")
                    assert not lost, (page, lost)
                    for i, n in enumerate(browser.run(LETTERS)):
                        text[i] += n
                browser.shot(f"guide-{page[1:] or 'front'}-{width}-{'dark' if dark else 'light'}")
        went_well(browser)
    assert 50 < text[0] / text[1] < 72, f"{text[0]} letters on {text[1]} lines"


CONTENTS_HERE = """
const top = document.querySelector('#contents [aria-current]').getBoundingClientRect().top;
return document.querySelector('#session').innerText && top > 0 && top < innerHeight - 40;
"""

# Letters and lines of the paragraphs that fill three lines or more; the last is half a line.
LETTERS = """
let letters = 0, lines = 0;
for (const p of document.querySelectorAll('article > p:not(.minutes)')) {
  const n = Math.round(p.getBoundingClientRect().height / parseFloat(getComputedStyle(p).lineHeight));
  if (n < 3) continue;
  letters += p.innerText.length;
  lines += n - 0.5;
}
return [letters, lines];
"""


if __name__ == "__main__":
    isolate()
    cupola.main()
