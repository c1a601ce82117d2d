# SPDX-License-Identifier: Apache-2.0
"""The pages of the course, taken apart: headings, blocks, links, and what the comments above blocks say.

What can be said about a block of commands, in a comment alone on the line above it:

    <!-- sh: -->                                run in a fresh shell, must succeed
    <!-- sh: expect "A" expect "B" -->          and its output has A and B
    <!-- sh: status 22 -->                      and it exits with that
    <!-- sh: background -->                     goes on while the next ones run; `until "A"` waits for A in its output
    <!-- sh: not here: why -->                  is not run by the test, which says why

and between blocks, where the learner has typed a step: <!-- edit: 1.2 -->; where the last command in the background
is ended by Ctrl-C: <!-- stop: -->, or <!-- stop: it has said nothing -->.
"""

import json
import os
import re
import sys

SRCDIR = os.environ.get("CUPOLA_SRCDIR") or os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
WORKSHOP = os.path.join(SRCDIR, "workshop")
CHAPTERS = ["README", "introduction", "tour", "section-0-resource", "section-1-logging", "section-2-metrics", "section-3-tracing",
            "section-4-tying-together", "wrap-up"]
OTHERS = ["names", "platform", "INSTRUCTOR"]
COMMENT = re.compile(r"^<!-- (\w+): ?(.*?) ?-->$")


class Block:
    """A fenced block, or a comment that stands for something (edit)."""

    def __init__(self, page, line, language, text, note):
        self.page, self.line, self.language, self.text, self.note = page, line, language, text, note

    @property
    def where(self):
        return f"{self.page}.md:{self.line}"

    @property
    def kind(self):
        return self.note[0] if self.note else None

    def say(self):
        """What the comment says of a block of commands, as a dictionary; an error when it is not understood."""
        rest, out = self.note[1].strip(), {"expect": []}
        if rest.startswith("not here: "):
            return {"skip": rest[10:]}
        while rest:
            found = re.match(r'(expect|until) "([^"]*)"\s*|(status) (\d+)\s*|(background)\s*', rest)
            if not found:
                raise AssertionError(f"{self.where}: not understood in the comment: {rest}")
            if found[1] == "expect":
                out["expect"].append(found[2])
            elif found[1] == "until":
                out["until"] = found[2]
            elif found[3]:
                out["status"] = int(found[4])
            else:
                out["background"] = True
            rest = rest[found.end() :]
        return out


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def anchor(text):
    """The anchor that a forge gives a heading."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


class Page:
    def __init__(self, name):
        self.name = name
        self.text = read(os.path.join(WORKSHOP, name + ".md"))
        self.lines = self.text.splitlines()
        self.headings, self.blocks, self.prose = [], [], []
        self.take_apart()

    def take_apart(self):
        i, note, seen = 0, None, {}
        while i < len(self.lines):
            line = self.lines[i]
            comment = COMMENT.match(line)
            if comment:
                note = (comment[1], comment[2])
                if comment[1] in ("edit", "stop"):
                    self.blocks.append(Block(self.name, i + 1, None, comment[2], note))
            elif line.startswith("```"):
                end = self.lines.index("```", i + 1)
                self.blocks.append(Block(self.name, i + 1, line[3:], "\n".join(self.lines[i + 1 : end]) + "\n", note))
                i, note = end, None
            else:
                heading = re.match(r"(#+) (.*)", line)
                if heading:
                    slug = anchor(heading[2].replace("`", ""))
                    count = seen.get(slug, 0)
                    seen[slug] = count + 1
                    self.headings.append((len(heading[1]), heading[2], f"{slug}-{count}" if count else slug, i + 1))
                if line.strip():
                    note = None
                self.prose.append((i + 1, line))
            i += 1

    def words(self, first=0, last=None):
        """How many words stand between two lines, code left out."""
        lines = [text for number, text in self.prose if number >= first and (last is None or number < last)]
        return len(re.findall(r"\w+", re.sub(r"\]\([^)]*\)", "]", " ".join(lines))))


def pages():
    return [Page(name) for name in CHAPTERS + OTHERS]


def course():
    with open(os.path.join(WORKSHOP, "steps.json"), encoding="utf-8") as file:
        return json.load(file)


sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), folder) for folder in ("../integration", "../browser")]
