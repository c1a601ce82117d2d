#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The files of the steps: made from what is shipped, as the course says, and every one of them builds."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ.get("CUPOLA_SRCDIR", "."), "tests/integration"))
import cupola  # noqa: E402

COURSE = os.path.join(cupola.STAGE, "share/cupola/workshop")
SOURCE = os.path.join(cupola.SRCDIR, "workshop")
SAN = os.environ.get("CUPOLA_SAN", "")
SERVICES = ["iss-distance-service", "gateway", "geolocator-service", "frontend"]


def read(*path):
    with open(os.path.join(*path), "rb") as file:
        return file.read()


def course():
    return json.loads(read(COURSE, "steps.json"))


def steps():
    """start, 0.1 ... 4.3: the tour's change is not kept."""
    return ["start"] + [s["step"] for s in course()["steps"] if s["step"] != "tour"]


def stage(step, name):
    return read(COURSE, "stages", step, name)


def shipped(name):
    return read(SOURCE, "copy", name) if name in ("host.conf", "by-hand/by-hand.c") else read(cupola.SRCDIR, "plugins", name)


def working_copy(step):
    """What `cupola workshop` makes, with the files of a step."""
    copy = tempfile.mkdtemp(prefix="cupola-stages-")
    shutil.copytree(os.path.join(COURSE, "copy"), copy, dirs_exist_ok=True)
    shutil.copytree(os.path.join(COURSE, "stages", step), copy, dirs_exist_ok=True)
    os.mkdir(copy + "/.workshop")
    with open(copy + "/.workshop/installed.mk", "w") as file:
        file.write(f"CUPOLA = {cupola.BIN}\nCUPOLA_PKGCONFIG = {cupola.STAGE}/lib/pkgconfig\n")
    return copy


def make(folder, *arguments, cc="cc"):
    env = cupola.environment({"MAKEFLAGS": "", "PKG_CONFIG_SYSROOT_DIR": "", "TMPDIR": os.path.dirname(folder)})
    flags = f"-O1 -g -std=gnu11 -Wall -Wextra -Werror {SAN}"
    return subprocess.run(["make", "-s", "-j2", "-C", folder, f"CC={cc}", f"CFLAGS={flags}", f"LDFLAGS={SAN}", *arguments],
                          env=env, text=True, capture_output=True, timeout=120)


def builds(folder, *arguments, cc="cc"):
    done = make(folder, *arguments, cc=cc)
    assert done.returncode == 0 and not done.stderr, (folder, cc, done.stdout, done.stderr)


# ---- what the steps are ----


def test_there_is_a_whole_set_of_files_for_each_step():
    assert sorted(os.listdir(COURSE + "/stages")) == sorted(steps())
    for step in steps():
        for name in course()["files"]:
            assert stage(step, name), (step, name)


def test_the_end_of_section_4_is_what_is_shipped_byte_for_byte():
    for name in course()["files"]:
        assert stage(steps()[-1], name) == shipped(name), name


def test_the_start_is_a_short_service_that_knows_nothing_of_telemetry():
    start = stage("start", "iss-distance-service/app.c").decode()
    assert 100 <= len(start.splitlines()) <= 135, len(start.splitlines())
    for word in ("otel", "telemetry", "tracer", "logger", "meter", ".version"):
        assert word not in start.lower(), word
    for name in SERVICES:
        for word in ("OTEL_SPAN", "otel_log", "otel_counter"):
            assert word not in stage("start", name + "/app.c").decode(), (name, word)


def test_the_host_starts_dark_and_ends_instrumented():
    start, end = stage("start", "host.conf").decode(), stage(steps()[-1], "host.conf").decode()
    assert start.count("instrument = no\n") == 4 and "instrument = yes" not in start
    for signal in ("logs", "metrics", "traces"):
        assert start.count(f"{signal} = none\n") == 4, signal
        assert end.count(f"{signal} = otlp\n") == 4, signal
    assert end.count("instrument = yes\n") == 4 and "deployment.environment.name" not in start


def test_a_step_changes_the_files_that_it_is_said_to_change_and_no_others():
    order = steps()
    for step in course()["steps"]:
        if step["step"] == "tour":
            continue
        before = order[order.index(step["step"]) - 1]
        changed = [name for name in course()["files"] if stage(before, name) != stage(step["step"], name)]
        assert sorted(changed) == sorted(step["files"]), (step["step"], changed, step["files"])


def test_the_code_in_hints_is_the_code_of_the_solution():
    wrong = []
    for step in steps()[1:]:
        path = f"{COURSE}/checks/{step}.json"
        if not os.path.exists(path):
            continue
        solution = " ".join(b" ".join(stage(step, name) for name in course()["files"]).decode().split())
        for assertion in json.loads(read(path))["expect"]:
            hint = assertion["hints"][2]
            if (re.search(r"\b(otel|OTEL)_\w+\(| = ", hint) or hint.endswith((";", ","))) and hint not in solution:
                wrong.append(f"{step} {assertion['id']}: {hint}")
    assert not wrong, "\n".join(wrong)


def test_propagation_by_hand_comes_with_4_2_and_goes_with_4_3():
    for name in ("gateway/app.c", "iss-distance-service/app.c"):
        for step in steps():
            assert (b"otel_extract" in stage(step, name)) == (step == "4.2"), (step, name)
    assert b"otel_inject" in stage("4.2", "gateway/app.c")


# ---- the working copy ----


def each_content(name):
    """One step for each different content of a file."""
    seen = set()
    for step in steps():
        content = stage(step, name)
        if content not in seen:
            seen.add(content)
            yield step, content


def check_builds_with(cc):
    copy = working_copy("start")
    try:
        for folder in [*SERVICES, "by-hand"]:
            builds(f"{copy}/{folder}", cc=cc)
        for name in course()["files"]:
            if not name.endswith(".c"):
                continue
            folder = os.path.dirname(name)
            for step, content in each_content(name):
                with open(f"{copy}/{name}", "wb") as file:
                    file.write(content)
                builds(f"{copy}/{folder}", "-B" if folder == "by-hand" else "app.o", "-W", "app.c", cc=cc)
    finally:
        shutil.rmtree(copy)


def test_every_step_builds_without_a_warning():
    check_builds_with("cc")


def test_every_step_builds_without_a_warning_with_clang():
    if not shutil.which("clang"):
        raise cupola.Skip("clang is not installed")
    check_builds_with("clang")


def test_the_end_builds_too_and_anew_after_a_save():
    copy = working_copy(steps()[-1])
    try:
        for folder in [*SERVICES, "by-hand"]:
            builds(f"{copy}/{folder}")
        library = f"{copy}/frontend/frontend.so"
        before = os.stat(library).st_ino
        builds(f"{copy}/frontend")
        assert os.stat(library).st_ino == before, "made again for nothing"
        os.utime(f"{copy}/frontend/app.c")
        builds(f"{copy}/frontend")
        assert os.stat(library).st_ino != before, "a save was not seen"
        assert not glob.glob(f"{copy}/*/*.new"), "a half of something is left"
        builds(f"{copy}/frontend", "clean")
        assert not os.path.exists(library)
    finally:
        shutil.rmtree(copy)


def test_a_mistake_leaves_the_library_that_was_there():
    copy = working_copy("start")
    try:
        folder = f"{copy}/iss-distance-service"
        builds(folder)
        library = read(folder, "iss-distance-service.so")
        with open(folder + "/app.c", "a") as file:
            file.write("int mistake(void) { return nowhere; }\n")
        done = make(folder)
        assert done.returncode != 0 and "app.c:" in done.stderr and "nowhere" in done.stderr, done.stderr
        assert read(folder, "iss-distance-service.so") == library
    finally:
        shutil.rmtree(copy)


def test_the_program_by_hand_makes_its_span_and_says_when_nobody_takes_it():
    copy = working_copy("3.1")
    try:
        builds(copy + "/by-hand")

        def run(**env):
            return subprocess.run(["./by-hand"], cwd=copy + "/by-hand", env=cupola.environment(env), text=True, capture_output=True, timeout=30)

        shown = run(OTEL_TRACES_EXPORTER="console")
        assert shown.returncode == 0 and "span saying-hello" in shown.stdout and "greeting.count = 1" in shown.stdout, shown
        alone = run(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{cupola.free_port()}")
        assert alone.returncode == 1 and "not all was sent" in alone.stderr, alone
        wrong = run(OTEL_EXPORTER_OTLP_ENDPOINT="station")
        assert wrong.returncode == 1 and "station: expected http://HOST" in wrong.stderr, wrong
    finally:
        shutil.rmtree(copy)


def line_of(text, part):
    return text[:text.index(part)].count("\n") + 1


def test_memcheck_finds_a_span_that_is_never_ended_and_a_context_that_is_kept():
    """What the text promises of it."""
    if SAN:
        raise cupola.Skip("the host has sanitizers itself")
    for step, service, mistake, begun in (
            ("3.2", "iss-distance-service", "\t\totel_span_end(span);\n", "= otel_span_start("),
            ("4.2", "gateway", "\totel_context_unref(caller);\n", "= otel_extract(")):
        copy = working_copy(step)
        try:
            path = f"{copy}/{service}/app.c"
            right = read(path).decode()
            assert right.count(mistake) == 1
            done = make(f"{copy}/{service}", "memcheck")
            assert done.returncode == 0 and "found nothing" in done.stdout, (done.stdout, done.stderr)
            with open(path, "w") as file:
                file.write(right.replace(mistake, ""))
            done = make(f"{copy}/{service}", "memcheck")
            assert done.returncode != 0, done.stdout
            assert "leak" in done.stdout and f"app.c:{line_of(right, begun)}" in done.stdout, (done.stdout, done.stderr)
        finally:
            shutil.rmtree(copy)


def test_a_makefile_can_be_read_at_one_glance():
    for name in [*SERVICES, "by-hand", "lib"]:
        lines = [l for l in read(COURSE, "copy", name, "Makefile").decode().splitlines() if l and not l.startswith(("#", ".PHONY"))]
        assert len(lines) <= 13, (name, len(lines))


# ---- marks ----

SHIPPED = "one\ntwo\nthree\n\ntwo\nfour\nfive\nsix\n"
STEPS = "start 1 2 3"


def awk(marks, *variables, text=SHIPPED):
    folder = tempfile.mkdtemp(prefix="cupola-marks-")
    try:
        for name, content in (("m", marks), ("s", text)):
            with open(f"{folder}/{name}", "w") as file:
                file.write(content)
        settings = [f"steps={STEPS}", "marks=x.marks", "shipped=x.c", *variables]
        done = subprocess.run([os.environ.get("AWK", "awk"), *[a for v in settings for a in ("-v", v)], "-f", SOURCE + "/stage.awk",
                               f"{folder}/m", f"{folder}/s"], text=True, capture_output=True)
        return done
    finally:
        shutil.rmtree(folder)


def at(step, marks, piece=""):
    done = awk(marks, f"step={step}", f"piece={piece}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_mark_brings_lines_and_takes_back_what_was_before():
    marks = "mark a\nsince start\n|THREE\nsince 2\n|Three\nsince 3\n|three\n\nmark b\nsince 2\n|five\n|six\n"
    assert at("start", marks) == "one\ntwo\nTHREE\n\ntwo\nfour\n"
    assert at("1", marks) == at("start", marks)
    assert at("2", marks) == SHIPPED.replace("three", "Three")
    assert at("3", marks) == SHIPPED


def test_a_mark_may_go_again_and_may_stand_behind_a_line():
    marks = "mark a\nbefore |four\nsince 2\n|3.5\nsince 3\n\nmark b\nbehind |three\nsince 2\n|two\n"
    assert at("1", marks) == "one\ntwo\nthree\n\nfour\nfive\nsix\n"
    assert at("2", marks) == "one\ntwo\nthree\n\ntwo\n3.5\nfour\nfive\nsix\n"
    assert at("3", marks) == SHIPPED


def test_where_nothing_is_yet_one_empty_line_is_enough():
    done = awk("mark a\nsince 1\n|b\n", "step=start", text="a {\nb\n\nc\n\nd\n")
    assert done.stdout == "a {\nc\n\nd\n", done.stdout
    done = awk("mark a\nsince 1\n|c\n", "step=start", text="a\n\nc\n\nd\n")
    assert done.stdout == "a\n\nd\n", done.stdout


def test_pieces_are_cut_by_name_and_by_shape():
    marks = "mark a\nsince start\n|THREE\nsince 2\n|three\n\nshow b\n|two\n|three\n...\n|four\n"
    assert at("1", marks, "a") == "THREE\n"
    assert at("1", marks, "b") == "two\nTHREE\n\ntwo\nfour\n"
    assert at("3", marks, "b") == "two\nthree\n\ntwo\nfour\n"
    code = "/* A\n * b. */\nstatic int\nf(void)\n{\n\treturn 1;\n}\n\nstruct g {\n\tint h;\n};\n\n# i\n[j]\nk = 1\n\n[l]\n"
    for piece, want in (("f()", code.split("\n\n")[0]), ("struct g", "struct g {\n\tint h;\n};\n"), ("[j]", "# i\n[j]\nk = 1\n")):
        done = awk("", "step=3", f"piece={piece}", text=code)
        assert done.returncode == 0 and done.stdout.strip() == want.strip() and done.stdout, (piece, done.stdout, done.stderr)


WRONG = [
    ("mark a\nsince 1\n|seven\n", 'x.marks:2: mark "a": does not stand in x.c: no line there is: seven'),
    ("mark a\nsince 1\n|one\n|two\n|four\n", 'x.marks:2: mark "a": does not stand in x.c: line 3 there is not: four'),
    ("mark a\nsince 1\n|two\n", 'x.marks:2: mark "a": stands in x.c more than once (lines 2 and 5); quote more of it, or say `behind |LINE`'),
    ("mark a\nbefore |two\nsince 1\n|x\nsince 2\n", 'x.marks:2: mark "a": its line stands in x.c more than once (lines 2 and 5)'),
    ("mark a\nbehind |nine\nsince 1\n|two\n", 'x.marks:2: mark "a": its line does not stand in x.c: nine'),
    ("mark a\nsince 1\n|one\n...\n|zero\n", 'x.marks:2: mark "a": the lines behind its `...` do not stand in x.c after line 1'),
    ("mark a\nsince 1\n|one\n...\n", 'x.marks:2: mark "a": no line stands behind its `...`'),
    ("mark a\nsince 1\n|one\nmark b\nsince 2\n|one\n|two\n", 'x.marks:4: mark "b": shares line 1 of x.c with mark "a"'),
    ("mark a\nsince 1\n|one\n\nmark a\nsince 2\n|six\n", 'x.marks:5: the name "a" is taken by line 1'),
    ("mark a\nsince 7\n|one\n", 'x.marks:2: there is no step "7"; the steps are: start 1 2 3'),
    ("mark a\nsince 2\n|ONE\nsince 1\n|one\n", "x.marks:4: step 1 does not come behind step 2, whose lines stand above"),
    ("mark a\nsince 1\n|x\nsince 2\n", 'x.marks:4: mark "a": quotes nothing of x.c; where it was is said by `before |LINE`'),
    ("mark a\nbefore |six\nsince 1\n|one\n", 'x.marks:2: mark "a": is at its place by the lines that it quotes; `before` is for what is gone'),
    ("mark a\n", 'x.marks:1: mark "a": has no `since`'),
    ("mark\n", "x.marks:1: a mark needs a name"),
    ("|one\n", "x.marks:1: a quoted line belongs under `since STEP` or `show NAME`"),
    ("mark a\nsinse 1\n", 'x.marks:2: "sinse 1" is none of: mark NAME, show NAME, since STEP, before |LINE, behind |LINE, |LINE, ...'),
    ("show a\n|seven\n", 'x.marks:1: show "a": does not stand in x.c: no line there is: seven'),
]


def test_a_mark_that_does_not_fit_is_refused_with_a_sentence():
    for marks, sentence in WRONG:
        done = awk(marks, "step=3")
        assert done.returncode == 1 and done.stderr == sentence + "\n" and not done.stdout, (marks, done.stderr, done.stdout)
    done = awk("", "step=3", "piece=nothing")
    assert done.returncode == 1 and done.stderr == 'x.marks:1: x.c has nothing called "nothing" at step 3\n', done.stderr


def test_every_mark_of_the_course_can_be_cut():
    for name in course()["files"]:
        pieces = subprocess.run([SOURCE + "/cut-stage", "pieces", name], text=True, capture_output=True, check=True).stdout
        for line in pieces.splitlines():
            piece, *when = line.split()
            step = when[0] if when[0] in steps() else "4.3"
            done = subprocess.run([SOURCE + "/cut-stage", step, name, piece], text=True, capture_output=True)
            assert done.returncode == 0 and done.stdout, (name, piece, step, done.stderr)


if __name__ == "__main__":
    cupola.main()
