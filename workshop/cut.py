#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cuts code into the course's text, so that what a learner reads is what the build makes.

    workshop/cut.py              rewrites what stands below the directives in workshop/*.md
    workshop/cut.py --check      changes nothing; says what is stale, and exits 1

Files of the steps come from workshop/cut-stage, which makes them from the shipped services and their marks.
A directive is a comment alone on its line; the fenced block, table or line below it is replaced:

    <!-- code: FILE step N PIECE -->       a mark, a `show`, `function()`, `struct name` or `[section]` of a
                                           file at a step, as cut-stage has it; without PIECE the whole file
    <!-- code: PATH function NAME -->      a function of a file of this repository
    <!-- code: PATH line "TEXT" -->        the line that has TEXT, with those that continue it
    <!-- diff: FILE from N to M -->        what changes between two steps
    <!-- diff: FILE from N to M stat -->   only how much
    <!-- minutes: 1.2 -->                  how long a step takes, by steps.json; `page`, `explore` likewise
    <!-- table: agenda -->                 tables that are made below, by name

Fenced blocks of C, INI, JSON or differences without a directive are refused: they could go stale.
"""

import argparse
import difflib
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(HERE)
DIRECTIVE = re.compile(r"^<!-- (code|diff|minutes|table): (.*?) -->$")
LANGUAGE = {".c": "c", ".h": "c", ".conf": "ini", ".json": "json"}
MUST_BE_CUT = {"c", "ini", "json", "diff", ""}
CONTEXT = 3


class Stale(Exception):
    pass


# ---- pieces of files ----


class Stages:
    """The files of the steps, each made once."""

    def __init__(self):
        self.files = {}

    @staticmethod
    def cut_stage(*args):
        done = subprocess.run(["sh", os.path.join(HERE, "cut-stage"), *args], text=True, capture_output=True)
        if done.returncode:
            raise Stale(done.stderr.strip())
        return done.stdout.splitlines()

    def read(self, name, step):
        if (name, step) not in self.files:
            self.files[name, step] = self.cut_stage(step, name)
        return self.files[name, step]

    def piece(self, name, step, piece):
        if piece:
            return self.cut_stage(step, name, piece)
        lines = self.read(name, step)
        return lines[1:] if "SPDX-License-Identifier" in lines[0] else lines


def tree_lines(path):
    with open(os.path.join(TREE, path)) as file:
        return file.read().splitlines()


def tree_function(path, name):
    """The function with the comment above it; a prototype is none."""
    lines, found = tree_lines(path), []
    for i, line in enumerate(lines):
        if not line.startswith(f"{name}("):
            continue
        end = next(j for j in range(i, len(lines)) if lines[j] == "{" or lines[j].endswith(";"))
        if lines[end] != "{":
            continue
        first = i
        while first and lines[first - 1].strip() and not lines[first - 1].startswith(("}", "#")):
            first -= 1
        found.append(lines[first : lines.index("}", i) + 1])
    if len(found) != 1:
        raise Stale(f"{len(found)} functions {name} in {path}; expected one")
    return found[0]


def tree_line(path, text):
    lines = tree_lines(path)
    found = [i for i, line in enumerate(lines) if text in line]
    if len(found) != 1:
        raise Stale(f'{len(found)} lines of {path} have "{text}"; expected one')
    last = found[0]
    while lines[last].endswith(("\\", ",")):
        last += 1
    return lines[found[0] : last + 1]


def code(stages, what):
    found = re.fullmatch(r'(\S+) (?:function (\w+)|line "(.+)")', what)
    if found:
        lines = tree_function(found[1], found[2]) if found[2] else tree_line(found[1], found[3])
        return LANGUAGE[os.path.splitext(found[1])[1]], lines
    found = re.fullmatch(r"(\S+) step (\S+)(?: (.+))?", what)
    if not found:
        raise Stale(f"not understood: {what}")
    return LANGUAGE[os.path.splitext(found[1])[1]], stages.piece(found[1], found[2], found[3])


# ---- differences ----


def place(lines, at):
    """Where a change is, in words: the section, function, structure or table that its first line stands in."""
    for i in range(min(at, len(lines) - 1), -1, -1):
        line = lines[i]
        if i < at and line.startswith("}"):
            return ""  # between two of them
        if line.startswith("["):
            return line
        found = re.match(r"(struct \w+)( \{|$)|(\w+)\(|(SVC_PLUGIN) =", line)
        if found:
            return found[1] or (found[3] and found[3] + "()") or found[4]
    return ""


def groups(before, after):
    return list(difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(CONTEXT))


def diff(before, after):
    out = []
    for group in groups(before, after):
        changed = next(op for op in group if op[0] != "equal")
        where = place(after, changed[3]) or place(before, changed[1])
        out.append(f"@@ {where} @@".replace("  ", " "))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                out += [f" {line}" if line else "" for line in before[i1:i2]]
            else:
                out += [f"-{line}" for line in before[i1:i2]] + [f"+{line}" for line in after[j1:j2]]
    return out


def stat(before, after):
    codes = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    added = sum(j2 - j1 for tag, _, _, j1, j2 in codes if tag in ("insert", "replace"))
    gone = sum(i2 - i1 for tag, i1, i2, _, _ in codes if tag in ("delete", "replace"))
    return f"{len(before)} lines then, {len(after)} now: {added} have come, {gone} have gone."


def difference(stages, what):
    found = re.fullmatch(r"(\S+) from (\S+) to (\S+)( stat)?", what)
    if not found:
        raise Stale(f"not understood: {what}")
    before, after = stages.read(found[1], found[2]), stages.read(found[1], found[3])
    if before == after:
        raise Stale(f"{found[1]} does not change from step {found[2]} to step {found[3]}")
    if found[4]:
        return [stat(before, after)]
    return ["```diff", *diff(before, after), "```"]


# ---- minutes and tables, from steps.json ----


def words(minutes, path90):
    return f"{minutes} minute{'' if minutes == 1 else 's'}{' ●' if path90 else ''}"


class Course:
    def __init__(self):
        with open(os.path.join(HERE, "steps.json")) as file:
            self.json = json.load(file)

    def page(self, name):
        found = [page for page in self.json["pages"] if page["page"] == name]
        if not found:
            raise Stale(f"steps.json has no page {name}")
        return found[0]

    def steps(self, page):
        return [step for step in self.json["steps"] if step["page"] == page]

    def total(self, name, only90=False):
        page = self.page(name)
        total = page["minutes"] + (0 if only90 else page.get("explore", 0))
        return total + sum(s["minutes"] for s in self.steps(name) if s["path90"] or not only90)

    def minutes(self, what, page):
        if what == "page":
            return self.page_minutes(page)
        if what == "explore":
            return [f"*{words(self.page(page)['explore'], False)}*"]
        found = [step for step in self.json["steps"] if step["step"] == what]
        if not found or found[0]["page"] != page:
            raise Stale(f"steps.json has no step {what} on page {page}")
        return [f"*{words(found[0]['minutes'], found[0]['path90'])}*"]

    def page_minutes(self, page):
        full, short = self.total(page), self.total(page, True)
        return [f"*{words(full, False)}*" if full == short else f"*{words(full, False)}; {short} on the 90-minute path ●*"]

    def agenda(self):
        out = ["| | | minutes | 90-minute path |", "| --- | --- | ---: | ---: |"]
        for page in self.json["pages"]:
            name = page["page"]
            out.append(f"| | [{page['title']}]({name}.md) | **{self.total(name)}** | **{self.total(name, True)}** |")
            for step in self.steps(name):
                short = f"{step['minutes']} ●" if step["path90"] else ""
                number = step["step"] if step["step"][0].isdigit() else "·"
                out.append(f"| {number} | [{step['title']}]({name}.md#{step['anchor']}) | {step['minutes']} | {short} |")
        full = sum(self.total(page["page"]) for page in self.json["pages"])
        short = sum(self.total(page["page"], True) for page in self.json["pages"])
        return out + [f"| | together | **{full}** | **{short}** |"]

    def clock(self):
        """When each page begins; the full path has a break before tracing."""
        out, short, full = ["| 90 minutes | full | |", "| ---: | ---: | --- |"], 0, 0
        for page in self.json["pages"]:
            name = page["page"]
            if name == "section-3-tracing":
                out.append(f"| | {full // 60}:{full % 60:02} | break, 15 minutes |")
                full += 15
            out.append(f"| {short // 60}:{short % 60:02} | {full // 60}:{full % 60:02} | [{page['title']}]({name}.md) |")
            short, full = short + self.total(name, True), full + self.total(name)
        return out + [f"| {short // 60}:{short % 60:02} | {full // 60}:{full % 60:02} | the end |"]


# ---- one page ----


def end_of_block(lines, at):
    """Behind the fenced block, table or line that begins at `at`; `at` itself when there is none."""
    if at >= len(lines) or not lines[at].strip() or lines[at].startswith("<!--"):
        return at
    if lines[at].startswith("```"):
        return lines.index("```", at + 1) + 1
    if lines[at].startswith("|"):
        while at < len(lines) and lines[at].startswith("|"):
            at += 1
        return at
    return at + 1


def made(stages, course, page, kind, what):
    if kind == "code":
        language, lines = code(stages, what)
        return [f"```{language}", *lines, "```"]
    if kind == "diff":
        return difference(stages, what)
    if kind == "minutes":
        return course.minutes(what, page)
    return {"agenda": course.agenda, "clock": course.clock}[what]()


def cut(stages, course, page, text, draft):
    lines, out, i = text.splitlines(), [], 0
    while i < len(lines):
        found = DIRECTIVE.match(lines[i])
        out.append(lines[i])
        i += 1
        if found:
            try:
                out += made(stages, course, page, found[1], found[2])
            except Stale as problem:
                if not draft:
                    raise Stale(f"{page}.md:{i}: {problem}")
                print(f"cut.py: {page}.md:{i}: {problem}", file=sys.stderr)
                continue
            i = end_of_block(lines, i)
        elif lines[i - 1].startswith("```"):
            if lines[i - 1][3:].strip() in MUST_BE_CUT:
                raise Stale(f"{page}.md:{i}: a block of code that no directive cuts")
            end = lines.index("```", i) + 1
            out += lines[i:end]
            i = end
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description="cuts code into the course's text")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when something is stale")
    parser.add_argument("--draft", action="store_true", help="go on where something cannot be cut yet")
    parser.add_argument("pages", nargs="*", help="default: all of workshop/*.md")
    args = parser.parse_args()
    pages = args.pages or sorted(name for name in os.listdir(HERE) if name.endswith(".md"))
    stages, course, wrong = Stages(), Course(), 0
    for name in pages:
        path = os.path.join(HERE, os.path.basename(name))
        with open(path) as file:
            before = file.read()
        try:
            after = cut(stages, course, os.path.basename(name)[:-3], before, args.draft)
        except Stale as problem:
            print(f"cut.py: {problem}", file=sys.stderr)
            wrong += 1
            continue
        if after == before:
            continue
        if args.check:
            changed = sum(1 for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-")
            print(f"cut.py: {name} is stale: {changed} lines; run workshop/cut.py", file=sys.stderr)
            wrong += 1
        else:
            with open(path, "w") as file:
                file.write(after)
            print(f"{name}: cut anew")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
