#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The course's text: its code is cut from the sources, its links lead somewhere, its minutes add up, nothing of the
agenda is missing, and each term is defined where it is first used. Its commands are run by test-commands.py."""

import os
import re
import subprocess
import sys
import tempfile
import xml.dom.minidom

from pages import CHAPTERS, OTHERS, SRCDIR, WORKSHOP, Page, anchor, course, pages, read

import cupola

PAGES = {page.name: page for page in pages()}


def complain(wrong):
    assert not wrong, "\n" + "\n".join(wrong)


def test_code_in_the_text_is_what_the_sources_have():
    done = subprocess.run([sys.executable, os.path.join(WORKSHOP, "cut.py"), "--check"], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_stale_code_is_found():
    with tempfile.TemporaryDirectory() as tree:
        for name in ("workshop", "plugins", "host", "otel"):
            os.symlink(os.path.join(SRCDIR, name), os.path.join(tree, name))
        os.unlink(os.path.join(tree, "workshop"))
        os.mkdir(os.path.join(tree, "workshop"))
        for name in os.listdir(WORKSHOP):
            source = os.path.join(WORKSHOP, name)
            if name.endswith(".md") or name == "cut.py":
                with open(os.path.join(tree, "workshop", name), "w", encoding="utf-8") as out:
                    out.write(read(source).replace("otel_counter_add(iss->incoming_requests, 1);", "otel_counter_add(iss->incoming, 1);"))
            else:
                os.symlink(source, os.path.join(tree, "workshop", name))
        done = subprocess.run([sys.executable, os.path.join(tree, "workshop/cut.py"), "--check"], text=True, capture_output=True)
        assert done.returncode == 1 and "section-2-metrics.md is stale" in done.stderr, done.stderr


# ---- links ----


def links(text):
    text = re.sub(r"`[^`]*`", "", re.sub(r"```.*?```", "", text, flags=re.S))
    return re.findall(r"!?\[[^\]]*\]\(([^)\s]+)\)", text)


def test_links_anchors_and_pictures_exist():
    wrong = []
    for path in [f"workshop/{name}.md" for name in CHAPTERS + OTHERS] + ["README.md", "CONTRIBUTING.md"]:
        folder = os.path.dirname(os.path.join(SRCDIR, path))
        for link in links(read(os.path.join(SRCDIR, path))):
            if re.match(r"https?://", link):
                continue
            target, _, fragment = link.partition("#")
            there = os.path.normpath(os.path.join(folder, target)) if target else os.path.join(SRCDIR, path)
            if not os.path.exists(there):
                wrong.append(f"{path}: {link}: there is no such file")
            elif fragment and there.endswith(".md"):
                headings = [anchor(h.replace("`", "")) for h in re.findall(r"^#+ (.*)", read(there), re.M)]
                if fragment not in headings:
                    wrong.append(f"{path}: {link}: there is no such heading")
    complain(wrong)


def test_pictures_are_used_and_have_words():
    used = set()
    for page in PAGES.values():
        for words, name in re.findall(r"!\[([^\]]*)\]\(pictures/([^)]+)\)", page.text):
            used.add(name)
            assert len(words) > 15, f"{page.name}: {name} says too little to who cannot see it"
    there = {name for name in os.listdir(os.path.join(WORKSHOP, "pictures")) if name.endswith((".svg", ".png"))}
    assert used == there, f"not there: {used - there}; not used: {there - used}"


def test_figures_are_what_their_scripts_draw():
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([os.path.join(WORKSHOP, "pictures/make")], env={**os.environ, "OUT": out, "PYTHON": sys.executable, "PYTHONDONTWRITEBYTECODE": "1"}, check=True)
        drawn = os.listdir(out)
        assert len(drawn) > 10
        stale = [name for name in drawn if read(os.path.join(out, name)) != read(os.path.join(WORKSHOP, "pictures", name))]
        complain([f"{name} is stale: run workshop/pictures/make" for name in stale])
        for name in drawn:
            xml.dom.minidom.parse(os.path.join(out, name))


# ---- steps and minutes ----


def test_each_step_has_its_heading_and_minutes():
    wrong = []
    for step in course()["steps"]:
        page = PAGES[step["page"]]
        found = [line for level, text, slug, line in page.headings if slug == step["anchor"]]
        title = step["title"] if step["step"] == "tour" else f"{step['step']} {step['title']}"
        if not found:
            wrong.append(f"{step['step']}: {page.name}.md has no heading #{step['anchor']}")
            continue
        if not page.lines[found[0] - 1].endswith(title):
            wrong.append(f"{step['step']}: its heading is not \"{title}\"")
        if page.lines[found[0] + 1] != f"<!-- minutes: {step['step']} -->":
            wrong.append(f"{step['step']}: no minutes below its heading")
    for page in course()["pages"]:
        if "<!-- minutes: page -->" not in PAGES[page["page"]].text:
            wrong.append(f"{page['page']}.md does not say its minutes")
    complain(wrong)


def test_ninety_minutes_are_no_more():
    json = course()
    short = sum(part["minutes"] for part in json["pages"] + json["steps"] if part["path90"])
    full = sum(part["minutes"] + part.get("explore", 0) for part in json["pages"] + json["steps"])
    assert short <= 90, short
    assert 120 <= full <= 180, full


def test_minutes_are_about_what_reading_and_typing_take():
    """150 words a minute, ten seconds for a line that is typed, half a minute for commands, one for a look; within a factor of two."""
    wrong = []
    json = course()
    for name in CHAPTERS[1:]:
        page = PAGES[name]
        words = page.words() / 150
        added = sum(1 for block in page.blocks if block.language == "diff" for line in block.text.splitlines() if line.startswith("+"))
        added += sum(len(block.text.splitlines()) for block in page.blocks if block.kind == "code" and "by-hand" in block.note[1])
        commands = sum(1 for block in page.blocks if block.language == "sh")
        looks = len(re.findall(r"pictures/[\w-]+\.png", page.text))
        need = words + added / 6 + commands / 2 + looks
        own = next(p for p in json["pages"] if p["page"] == name)
        stated = own["minutes"] + own.get("explore", 0) + sum(s["minutes"] for s in json["steps"] if s["page"] == name)
        if not stated / 2 <= need <= stated * 2:
            wrong.append(f"{name}: says {stated} minutes, reading and typing take about {need:.0f}")
    complain(wrong)


# ---- words ----

FORBIDDEN = {
    r"!(?!\[)": "an exclamation mark",
    r"\b[Ss]imply\b|\b[Oo]bviously\b|\b[Oo]f course\b|\b[Jj]ust\b": "a word that helps nobody",
    r"\bTODO\b|\bFIXME\b|\bTBD\b": "something that is left to do",
    r"\bOops\b": "Oops",
    r"Darmstad[^t]|Darmstat|OpenTelemtry|accessable|distiguish|[Ii]nstrumentaion|occured|seperate": "a typing error",
    r"\bbehavior\b|\bcolor\b|\banalyze\b|\binitialize": "American spelling",
}


def test_words_are_plain():
    wrong = []
    for page in PAGES.values():
        for number, line in page.prose:
            line = re.sub(r"`[^`]*`|\]\([^)]*\)|<http[^>]*>|\"[^\"]*\"", "", line).replace("![", "[")
            for pattern, what in FORBIDDEN.items():
                if re.search(pattern, line):
                    wrong.append(f"{page.name}.md:{number}: {what}: {line.strip()[:90]}")
    complain(wrong)


def test_no_deprecated_name_outside_its_table():
    old = r"\bhttp\.(method|status_code|url|target|host|scheme|flavor)\b|deployment\.environment\b(?!\.name)|\bnet\.peer\.|\bpeer\.service\b"
    wrong = []
    for page in PAGES.values():
        if page.name == "names":
            continue
        for number, line in page.prose:
            if re.search(old, line) and not line.startswith("> - *"):  # typical mistakes name them
                wrong.append(f"{page.name}.md:{number}: {line.strip()[:90]}")
    complain(wrong)


def test_names_of_today_are_those_of_the_conventions():
    rows = [line.split("\t") for line in read(os.path.join(SRCDIR, "otel/semconv.tsv")).splitlines()[1:]]
    known = {row[0]: (row[2], row[3]) for row in rows}
    types = {"string": "string", "integer": "int"}
    wrong = []
    for line in PAGES["names"].text[: PAGES["names"].text.index("## In the C")].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| `"):
            continue
        for name in re.findall(r"`([\w.]+\.\w+)`", cells[0]):
            if known.get(name, ("deprecated",))[0] == "stable":
                wrong.append(f"{name} is stable, not old")
        for name in re.findall(r"`([\w.]+\.\w+)`", cells[1]):
            stability, kind = known.get(name, ("unknown", ""))
            if stability not in ("stable", "development") or stability == "development" and "not stable" not in line and cells[0] != f"`{name}`":
                wrong.append(f"{name} is {stability}")
            if cells[2] in types and not kind.startswith(types[cells[2]]):
                wrong.append(f"{name} is a {kind}, not a {cells[2]}")
    complain(wrong)


# Where each term is defined, in bold, and so the first chapter that may use it without more ado.
TERMS = {
    "Observability": "introduction", "telemetry": "introduction", "instrumenting": "introduction", "signal": "introduction",
    "logs": "introduction", "metrics": "introduction", "traces": "introduction", "API": "introduction", "SDK": "introduction",
    "OTLP": "introduction", "Collector": "introduction", "Semantic conventions": "introduction", "Context": "introduction",
    "propagation": "introduction", "backend": "introduction",
    "Resource": "section-0-resource", "attributes": "section-0-resource",
    "log record": "section-1-logging", "severity": "section-1-logging", "body": "section-1-logging",
    "metric": "section-2-metrics", "instrument": "section-2-metrics", "counter": "section-2-metrics", "histogram": "section-2-metrics",
    "gauge": "section-2-metrics", "unit": "section-2-metrics", "series": "section-2-metrics", "cardinality": "section-2-metrics",
    "buckets": "section-2-metrics", "exemplar": "section-2-metrics",
    "span": "section-3-tracing", "trace": "section-3-tracing", "parent": "section-3-tracing", "root": "section-3-tracing",
    "trace id": "section-3-tracing", "span id": "section-3-tracing", "kind": "section-3-tracing", "exporter": "section-3-tracing",
    "processor": "section-3-tracing", "provider": "section-3-tracing", "tracer": "section-3-tracing", "Current": "section-3-tracing",
    "status": "section-3-tracing",
    "traceparent": "section-4-tying-together", "Inject": "section-4-tying-together", "Extract": "section-4-tying-together",
}  # fmt: skip


def test_terms_are_defined_where_they_belong():
    wrong = [f"{term} is not defined (in bold) in {name}.md" for term, name in TERMS.items()
             if f"**{term}**" not in PAGES[name].text and f"**`{term}`**" not in PAGES[name].text]
    early = {"cardinality", "exemplar", "buckets"}
    for term in early:
        first = next(name for name in CHAPTERS[1:] if re.search(rf"\b{term}\b", PAGES[name].text))
        if first != TERMS[term]:
            wrong.append(f"{term} is used in {first}.md and defined in {TERMS[term]}.md")
    complain(wrong)


# The agenda of the course, sentence by sentence: what each page must say.
AGENDA = {
    "introduction": ["Observability", "signal", "API", "SDK", "OTLP", "Collector", "Semantic conventions", "Context"],
    "tour": ["while requests", "cupola reload iss-distance-service", "not one line", "reload marker", "Saving reloads"],
    "section-0-resource": ["`service.name`", "`service.version`", "`deployment.environment.name`", "the host", '+	       .version = "1.0.0"',
                           "+deployment.environment.name = dev", "lifecycle record", "with its version and environment"],
    "section-1-logging": ["+logs = otlp", "+logs.processor = simple", "-logs = none", "cupola workshop break iss", "One INFO for each request",
                          "WARN for the 400", "ERROR for the 502", "trace id and span id are still empty"],
    "section-2-metrics": ["+metrics = otlp", "+metrics.interval = 1s", "60 s", "incoming.requests", "iss.requests", "iss.request.duration", "`incoming.requests` moves",
                          "one line for 200 and another for 503", "shows percentiles", "cardinality", "unit"],
    "section-3-tracing": ["Resource", "exporter", "processor", "provider", "tracer", "Simple or batch", "**5 s**", "+traces = otlp", "+traces.processor = simple",
                          "As a scope", "By explicit start and end", "calculating-iss-distance", "getting-iss-coordinates", "carry trace and span ids now",
                          "otel_span_current()", "iss.position", "http.request.method", "http.response.status_code", "url.full", "one red trace", "Explore traces",
                          "make_providers", "otel_span_end"],
    "section-4-tying-together": ["one trace for each service", "catch-up 4.2", "traceparent", "Inject", "Extract", "+instrument = yes", "One trace over four services"],
    "wrap-up": ["What you have learned", "What next", "In production"],
    "names": ["http.response.status_code", "deployment.environment.name", "url.full", "error.type"],
    "platform": ["docker compose up -d", "docker compose ps", "docker compose stop", "docker compose down", "--build", " watch", "14318", "forward =", "9090", "16686", "3000"],
    "INSTRUCTOR": ["## Timings", "## Talking points", "## Demo script", "## Questions that come", "## What breaks in a room"],
}  # fmt: skip


def test_nothing_of_the_agenda_is_missing():
    complain([f"{name}.md does not say: {text}" for name, texts in AGENDA.items() for text in texts if text.lower() not in PAGES[name].text.lower()])


def test_each_section_goes_the_same_way():
    wrong = []
    for name in CHAPTERS[3:8]:
        text = PAGES[name].text
        for part in ("## Why", "## Check", "> **In production**", "> **Typical mistakes**", "**With Grafana**", "127.0.0.1:5050"):
            if part not in text:
                wrong.append(f"{name}.md has no {part}")
        if not text.index("## Why") < text.index("## Check") < text.rindex("> **In production**"):
            wrong.append(f"{name}.md: why, look, check and production are not in that order")
    for part in ("Loki", "Prometheus", "Tempo", "Jaeger"):
        if not any(part in PAGES[name].text for name in CHAPTERS[3:8]):
            wrong.append(f"{part} is never looked at")
    complain(wrong)


# ---- commands and queries ----


def test_commands_say_how_they_are_run():
    wrong = []
    for page in PAGES.values():
        for block in page.blocks:
            if block.language != "sh":
                continue
            if block.kind != "sh":
                wrong.append(f"{block.where}: no <!-- sh: --> above it")
                continue
            said = block.say()
            if "skip" in said:
                print(f"# not run: {block.where}: {said['skip']}")
            done = subprocess.run(["bash", "-n"], input=block.text, text=True, capture_output=True)
            if done.returncode:
                wrong.append(f"{block.where}: {done.stderr}")
    complain(wrong)


def test_prometheus_names_are_those_of_our_instruments():
    source = read(os.path.join(SRCDIR, "plugins/iss-distance-service/app.c"))
    names = set()
    for kind, name, unit in re.findall(r'otel_(counter|histogram)_new\(\s*host->meter,\s*"([^"]+)",\s*"([^"]+)"', source):
        base = name.replace(".", "_") + ("_seconds" if unit == "s" else "")
        names |= {base + "_total"} if kind == "counter" else {base + end for end in ("_bucket", "_count", "_sum")}
    assert len(names) == 5, names
    used = {name for block in PAGES["section-2-metrics"].blocks if block.language == "promql" for name in re.findall(r"\b\w+_(?:total|bucket|count|sum)\b", block.text)}
    assert used and used <= names, used - names


if __name__ == "__main__":
    cupola.main()
