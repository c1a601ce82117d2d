# SPDX-License-Identifier: Apache-2.0
"""The course holds together: what a section starts from fails, what it ends with passes, and stays so."""

import filecmp
import json
import os

import course
import cupola


def names(results, which):
    return sorted(i for i, r in results.items() if r["result"] == which)


def test_each_section_fails_where_it_starts_and_passes_where_it_ends():
    with course.Copy().start() as copy:
        done = []
        for section in course.SECTIONS:
            steps = course.steps_of(section)
            for step in filter(course.checkable, steps):
                results, status, _ = copy.check(step, within="1500ms")
                with open(f"{course.CHECKS}/{step}.json") as f:
                    expected = {a["id"] for a in json.load(f)["expect"]}
                passed = expected - set(names(results, "fail"))
                assert status == 1 and not passed, f"before section {section}, check {step} passes {passed}"
            for step in steps:
                copy.go(step)
                if course.checkable(step):
                    results, status, end = copy.check(step)
                    assert status == 0, f"stage {step}: " + "; ".join(f"{i}: {results[i]['miss']}" for i in names(results, "fail"))
                    assert end["passed"] == len(results) > 0 and end["failed"] == 0
                    done.append(step)
            for step in done:
                results, status, _ = copy.check(step)
                assert status == 0, f"after section {section}, check {step} fails: " + \
                    "; ".join(f"{i}: {results[i]['miss']}" for i in names(results, "fail"))
        assert done == [s for s in course.STEPS if course.checkable(s)]


def test_the_tour_is_judged_by_the_reply():
    with course.Copy().start() as copy:
        results, status, _ = copy.check("tour")
        assert status == 1 and names(results, "fail") == ["reply-differs"], results
        copy.edit("iss-distance-service/app.c", "svc_reply_text(req, 400, problem)", 'svc_reply_text(req, 400, "Where is that?\\n")')
        copy.apply(["iss-distance-service/app.c"])
        results, status, _ = copy.check("tour")
        assert status == 0, results


def test_every_section_has_a_check_and_every_assertion_three_hints():
    for section in course.SECTIONS:
        assert any(map(course.checkable, course.steps_of(section))), section
    for name in sorted(os.listdir(course.CHECKS)):
        with open(f"{course.CHECKS}/{name}") as f:
            file = json.load(f)
        assert name == "tour.json" or name[:-5] in course.STEPS, name
        for assertion in file["expect"]:
            assert len(assertion["hints"]) == 3 and all(assertion["hints"]), f"{name}: {assertion['id']}"
            assert assertion["say"] and assertion["id"], name


def test_inputs_are_random():
    for step in filter(course.checkable, course.STEPS):
        with open(f"{course.CHECKS}/{step}.json") as f:
            file = json.load(f)
        assert "let" in file or "drive" not in file, step


def test_the_last_stage_is_the_shipped_application():
    for service in course.SERVICES:
        assert filecmp.cmp(f"{course.DATA}/stages/4.3/{service}/app.c", f"{cupola.SRCDIR}/plugins/{service}/app.c", shallow=False), service


cupola.main()
