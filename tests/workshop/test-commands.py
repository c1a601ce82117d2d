#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The course, followed to the letter: every command in the text is run, in order, in a fresh home folder, and
every step is typed where the text says so. What cannot be run here says why."""

import re

from pages import CHAPTERS, OTHERS, Page, course

import cupola
from learner import Learner, isolate

# "put words of your own in the place of `problem`"
TOUR = ("return svc_reply_text(req, 400, problem);", 'return svc_reply_text(req, 400, "Where are you?\\n");')


def edit(learner, step):
    if step == "tour":
        name = "iss-distance-service/app.c"
        with open(f"{learner.copy}/{name}") as file:
            text = file.read()
        assert text.count(TOUR[0]) == 1, "the tour's line is not in app.c"
        since = len(learner.session.said)
        learner.save(name, text.replace(*TOUR))
        learner.await_said("saved. Now", since)
    else:
        assert learner.type(step), f"step {step} changes nothing"


def follow(learner, block):
    said = block.say()
    if "skip" in said:
        print(f"# not run: {block.where}: {said['skip']}")
        return
    if said.get("background"):
        if re.fullmatch(r"cupola workshop\n", block.text):
            # the second time the text says so it runs already: somebody who comes back attaches
            if not learner.running:
                learner.begin()
                return
        process = learner.start(block.text)
        if "until" in said:
            cupola.until(lambda: any(said["until"] in line for line in process.said), f"{block.where}: {said['until']}", 60)
        return
    since = len(learner.session.said) if learner.running else 0
    status, output = learner.run(block.text)
    assert status == said.get("status", 0), f"{block.where}: exit status {status}\n{output}"
    for text in said["expect"]:
        assert text in output, f"{block.where}: no \"{text}\" in\n{output}"
    if "cupola reload" in block.text:
        learner.await_said("reloaded by hand", since)  # a person takes longer than the second in which it is seen


def follow_page(learner, name):
    for block in Page(name).blocks:
        if block.kind == "edit":
            edit(learner, block.text)
        elif block.kind == "stop":
            said = learner.stop_last()
            assert not block.text or not said, f"{block.where}: it said {said}"
        elif block.language == "sh":
            follow(learner, block)


def test_the_course_can_be_followed_to_the_letter():
    with Learner() as learner:
        for name in CHAPTERS:
            follow_page(learner, name)
            print(f"# {name}: followed")


def test_the_90_minute_path_can_be_followed():
    """What it leaves out is done by catch-up, as the text says at each such step; checks pass all the same."""
    steps = course()["steps"]
    with Learner() as learner:
        learner.begin()
        edit(learner, "tour")
        status, output = learner.run("cd ~/cupola-workshop/iss-distance-service && make && cupola reload iss-distance-service")
        assert status == 0, output
        learner.await_said("From now on")
        for step, following in zip(steps[1:], [*steps[2:], None]):
            if step["path90"]:
                learner.type(step["step"])
            else:
                command = f"cupola workshop catch-up {following['step']}"
                text = Page(step["page"]).text
                assert command in text or following["section"] != step["section"] and f"cupola workshop catch-up {following['section']}" in text, step
                since = len(learner.session.said)
                status, output = learner.run(command)
                assert status == 0, output
                for name in {name.split("/")[0] for name in step["files"]} - {"host.conf"}:
                    learner.await_said(f"{name}: built", since)
            if step["step"] == "3.1":
                status, output = learner.run("cd ~/cupola-workshop/by-hand && make && ./by-hand")
                assert status == 0, output
            if not following or following["section"] != step["section"]:
                status, output = learner.run(f"cupola workshop check {step['section']}")
                assert status == 0, output


def test_commands_that_are_named_exist():
    named = set()
    for name in CHAPTERS + OTHERS:
        for text in re.findall(r"`(cupola [^`]*)`", Page(name).text):
            named |= set(re.findall(r"^cupola (workshop [a-z][a-z-]*|[a-z][a-z-]*)", text))
    named.discard("workshop")
    assert {"workshop check", "workshop hint", "workshop undo", "reload", "check"} <= named, named
    for command in sorted(named):
        done = cupola.run(*command.split(), "--help")
        assert done.returncode == 0 and len(done.stdout) > 40, f"cupola {command}: {done.stderr}"


def test_the_demo_of_the_instructor_works():
    with Learner() as learner:
        learner.begin()
        follow_page(learner, "INSTRUCTOR")


if __name__ == "__main__":
    isolate()
    cupola.main()
