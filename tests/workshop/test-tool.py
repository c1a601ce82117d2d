#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`cupola workshop` without a host: the working copy, what replaces files in it, and the doctor."""

import glob
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ.get("CUPOLA_SRCDIR", "."), "tests/integration"))
sys.path.insert(0, os.path.join(os.environ.get("CUPOLA_SRCDIR", "."), "tests/workshop"))
import cupola  # noqa: E402
from working_copy import COURSE, EDITABLE, Learner, course, interference, stage  # noqa: E402

STEPS = [s["step"] for s in course()["steps"]]
STAGED = ["start"] + [s for s in STEPS if os.path.isdir(os.path.join(COURSE, "stages", s))]


def before(step):
    """The stage that catch-up STEP writes."""
    found = "start"
    for name in STEPS:
        if name == step:
            return found
        if name in STAGED:
            found = name
    return found


# ---- the copy ----

def test_a_copy_is_the_start_and_what_belongs_to_it():
    with Learner() as learner:
        assert learner.ok("copy").strip().endswith(learner.dir)
        for path in EDITABLE:
            assert learner.read(path) == stage("start", path), path
        for folder, _, files in os.walk(os.path.join(COURSE, "copy")):
            for name in files:
                assert os.path.exists(learner.path(os.path.relpath(os.path.join(folder, name), os.path.join(COURSE, "copy")))), name
        made = learner.snapshot()
        learner.ok("copy")  # again: nothing happens to it
        assert learner.snapshot() == made


def test_a_folder_with_other_things_is_left_alone():
    with Learner() as learner:
        os.mkdir(learner.dir)
        with open(learner.path("thesis.txt"), "w") as file:
            file.write("years of work\n")
        assert "no working copy" in learner.fails("copy")
        assert os.listdir(learner.dir) == ["thesis.txt"]
        empty = os.path.join(learner.home, "empty")
        os.mkdir(empty)
        learner.ok("copy", "--dir", empty)
        assert os.path.exists(os.path.join(empty, "host.conf"))


def test_a_copy_that_was_interrupted_is_finished():
    with Learner() as learner:
        shim = {"LD_PRELOAD": interference(), "INTERFERE_NOSYNC": "1"}
        for n in range(1, 400, 7):
            out = learner.run("copy", env={**shim, "INTERFERE_KILL": str(n)})
            if out.returncode == 0:
                break
            assert out.returncode == -9, out
            assert "no working copy" in learner.fails("progress")  # half a copy is none
        assert n > 30
        learner.ok("copy")
        assert all(learner.read(path) == stage("start", path) for path in EDITABLE)


def test_a_newer_installation_brings_what_nobody_edits():
    with Learner() as learner:
        root = os.path.join(learner.home, "installed")
        shutil.copytree(cupola.STAGE, root, symlinks=True)
        course_dir = os.path.join(root, "share/cupola/workshop")
        env = {"LD_LIBRARY_PATH": root + "/lib"}
        copy = lambda: subprocess.run([root + "/bin/cupola", "workshop", "copy"], env={**learner.env, **env}, cwd=learner.home, check=True,
                                      stdout=subprocess.DEVNULL)
        copy()
        learner.write("gateway/Makefile", b"# mine\n" + learner.read("gateway/Makefile"))
        learner.write("host.conf", b"# mine\n")
        os.unlink(learner.path("by-hand/Makefile"))
        mine = learner.snapshot()
        for name in ("frontend/Makefile", "gateway/Makefile", "host.conf", "lib/new.h"):
            with open(os.path.join(course_dir, "copy", name), "ab") as file:
                file.write(b"# newer\n")
        copy()
        assert learner.read("frontend/Makefile").endswith(b"# newer\n")
        assert learner.read("lib/new.h") == b"# newer\n"
        assert learner.read("by-hand/Makefile")  # what was missing is there again
        changed = {k for k, v in learner.snapshot().items() if mine.get(k) != v}
        assert changed == {"frontend/Makefile", "lib/new.h", "by-hand/Makefile"}, changed


def test_the_copy_is_found_from_anywhere():
    with Learner() as learner:
        learner.copy()
        deep = learner.path("iss-distance-service")
        assert json.loads(learner.ok("progress", "--json"))["dir"] == learner.dir
        other = os.path.join(learner.home, "other")
        learner.ok("copy", "--dir", other)
        assert json.loads(learner.ok("progress", "--json", "--dir", other))["dir"] == other
        assert json.loads(learner.ok("progress", "--json", "--dir=other"))["dir"] == other
        assert json.loads(learner.ok("progress", "--json", cwd=os.path.join(other, "gateway")))["dir"] == other
        assert json.loads(learner.ok("progress", "--json", env={"CUPOLA_WORKSHOP": other}, cwd=deep))["dir"] == other
        shutil.rmtree(other)
        assert other in learner.fails("progress", "--dir", other)


def test_help_has_each_command_and_mistakes_are_sentences():
    with Learner() as learner:
        text = learner.ok("--help")
        for command in ("doctor", "check", "watch", "hint", "solution", "diff", "reset", "catch-up", "undo", "progress", "list", "break",
                        "memcheck", "stop"):
            assert f"cupola workshop {command} " in text, command
            assert learner.ok(command, "--help").startswith(f"Usage: cupola workshop {command}")
        assert "did you mean catch-up?" in learner.fails("catchup")
        assert "unknown option --jsn" in learner.fails("progress", "--jsn")
        assert "one argument too many" in learner.fails("list", "everything")
        assert "no working copy" in learner.fails("progress")


# ---- progress ----

def test_list_and_progress_say_where_one_is():
    with Learner() as learner:
        learner.copy()
        listed = [json.loads(line) for line in learner.ok("list", "--json").splitlines()]
        assert [s["step"] for s in listed] == STEPS
        assert all(s["minutes"] > 0 for s in listed)
        progress = learner.progress()
        assert progress["now"] == "tour" and [s["state"] for s in progress["steps"]] == ["now"] + ["open"] * (len(STEPS) - 1)
        assert progress["guide"] is None and progress["build"] is None and progress["crash"] is None
        learner.ok("catch-up", "1.2")
        progress = learner.progress()
        assert progress["now"] == "1.2"
        assert [s["step"] for s in progress["steps"] if s["caught_up"]] == STEPS[:STEPS.index("1.2")]
        learner.ok("catch-up", "2.3")
        assert "not on the 90-minute path: `cupola workshop catch-up 3.2` does it for you" in learner.ok("next")
        learner.ok("catch-up", "end")
        assert learner.progress()["now"] is None
        learner.ok("catch-up", "0.1")
        assert learner.now() == "0.1"
        plain = learner.ok("progress") + learner.ok("list")
        assert "\033" not in plain  # not a terminal


def test_a_state_that_cannot_be_read_is_kept_aside():
    with Learner() as learner:
        learner.copy()
        learner.ok("catch-up", "2")
        broken = learner.read(".workshop/state.json")[:-40]
        learner.write(".workshop/state.json", broken)
        assert learner.ok("progress")  # looking changes nothing
        assert learner.read(".workshop/state.json") == broken
        out = learner.run("catch-up", "1")
        assert out.returncode == 0 and "could not be read" in out.stderr and "check all" in out.stderr
        aside = [f for f in os.listdir(learner.path(".workshop")) if f.startswith("state.json.broken")]
        assert len(aside) == 1 and learner.read(".workshop/" + aside[0]) == broken
        assert learner.now() == "1.1"


def test_two_at_once_do_not_harm_the_state():
    with Learner() as learner:
        learner.copy()
        command = lambda *a: subprocess.Popen([cupola.BIN, "workshop", *a], env=learner.env, cwd=learner.home, stdout=subprocess.DEVNULL,
                                              stderr=subprocess.PIPE, text=True)
        running = [command("catch-up", step) for step in ("1", "2", "3", "4", "end", "1")] + [command("hint") for _ in range(4)]
        for process in running:
            _, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
        names = sorted(os.listdir(learner.path(".workshop/backups")))
        assert [n[:4] for n in names] == [f"{i:04d}" for i in range(1, 7)], names
        now = learner.now()
        stages = [s for s in STAGED if all(learner.read(p) == stage(s, p) for p in EDITABLE)]
        assert before(now) in stages if now else stages[-1] == STAGED[-1]


# ---- catch-up, reset, undo, redo ----

def scribble(rng, learner):
    """Anything that a learner may do to the files."""
    path = rng.choice(EDITABLE)
    full = learner.path(path)
    what = rng.randrange(10)
    if os.path.islink(full) or not os.path.exists(full):
        what = rng.choice([0, 1, 2])
        if os.path.lexists(full):
            os.unlink(full)
    if what == 0:
        learner.write(path, rng.randbytes(rng.randrange(0, 3000)))
    elif what == 1:
        learner.write(path, stage(rng.choice(STAGED), path))
    elif what == 2:
        learner.write(path, b"no newline at the end")
    elif what == 3:
        lines = learner.read(path).splitlines(keepends=True)
        lines.insert(rng.randrange(len(lines) + 1), bytes(f"/* {rng.random()} */\n", "utf-8"))
        learner.write(path, b"".join(lines))
    elif what == 4:
        learner.write(path, learner.read(path).rstrip(b"\n"))
    elif what == 5:
        os.unlink(full)
    elif what == 6:
        os.chmod(full, rng.choice([0o600, 0o644, 0o755, 0o444, 0o640]))
    elif what == 7:
        os.unlink(full)
        os.symlink(rng.choice(["elsewhere.c", "/nowhere/at/all", "Makefile"]), full)
    elif what == 8:
        learner.write(os.path.join(os.path.dirname(path), f"notes-{rng.randrange(3)}.txt"), rng.randbytes(50))
    else:
        learner.write(path, b"")


def test_nothing_is_ever_lost():
    """Random edits and commands against a model; the seed is printed."""
    seed = int(os.environ.get("CUPOLA_SEED", random.randrange(1 << 30)))
    print(f"# seed {seed}", flush=True)
    rng = random.Random(seed)
    for _ in range(3):
        with Learner() as learner:
            learner.env.update({"LD_PRELOAD": interference(), "INTERFERE_NOSYNC": "1"})
            learner.copy()
            done, undone, count = [], [], 0
            for _ in range(25):
                for _ in range(rng.randrange(4)):
                    scribble(rng, learner)
                was, mine = learner.snapshot(), learner.snapshot(editable=True)
                command = rng.choice(["catch-up", "catch-up", "reset", "reset all", "reset file", "undo", "undo", "redo"])
                if command == "catch-up":
                    step = rng.choice(STEPS + ["0", "1", "2", "3", "4"])
                    learner.ok("catch-up", step)
                    first = step if step in STEPS else next(s for s in STEPS if s.startswith(step + "."))
                    for path in EDITABLE:
                        with open(learner.path(path), "rb") as file:
                            assert file.read() == stage(before(first), path), (seed, step, path)
                    assert learner.now() == first
                elif command.startswith("reset"):
                    now = learner.now()
                    if command == "reset":
                        chosen = next(s for s in course()["steps"] if s["step"] == now)["files"]
                    elif command == "reset all":
                        chosen = EDITABLE
                    else:
                        chosen = [rng.choice(EDITABLE)]
                    learner.ok("reset", *(chosen if command == "reset file" else ["all"] if command == "reset all" else []))
                    for path in chosen:
                        assert learner.read(path) == stage(before(now), path), (seed, now, path)
                    for path in set(EDITABLE) - set(chosen):
                        assert learner.snapshot(editable=True).get(path) == mine.get(path), (seed, path)
                elif command == "undo":
                    if not done:
                        assert "nothing to take back" in learner.fails("undo")
                        continue
                    learner.ok("undo")
                    assert learner.snapshot(editable=True) == done[-1], seed
                    undone.append((done.pop(), mine))
                    count += 1
                elif command == "redo":
                    if not undone:
                        assert "no undo" in learner.fails("redo")
                        continue
                    earlier, after = undone.pop()
                    learner.ok("redo")
                    assert learner.snapshot(editable=True) == after, seed
                    done.append(earlier)
                    count += 1
                if command.startswith(("catch-up", "reset")):
                    done.append(mine)
                    undone.clear()
                    count += 1
                # What is not the course's is as it was, and whatever was there is in a backup.
                extra = lambda s: {k: v for k, v in s.items() if k not in EDITABLE}
                assert extra(learner.snapshot()) == extra(was), seed
                last = os.path.join(learner.dir, ".workshop/backups", sorted(os.listdir(learner.path(".workshop/backups")))[-1], "files")
                for path, entry in mine.items():
                    kept = os.path.join(last, path)
                    if entry[0] == "link":
                        assert os.readlink(kept) == entry[1], (seed, path)
                    else:
                        with open(kept, "rb") as file:
                            assert file.read() == entry[1], (seed, path)
            assert len(os.listdir(learner.path(".workshop/backups"))) == count
            # A backup by its name, whichever.
            if count:
                names = sorted(os.listdir(learner.path(".workshop/backups")))
                listed = learner.ok("undo", "list")
                assert all(name in listed for name in names)
                learner.ok("undo", names[0])
            left = [f for _, _, files in os.walk(learner.dir) for f in files if ".cupola-new" in f or f.endswith(".new")]
            assert not left, left


def prepared(learner):
    """Files of a learner's own, of every kind; returns what they are."""
    learner.copy()
    learner.write("host.conf", b"# mine\n" + learner.read("host.conf"))
    learner.write("iss-distance-service/app.c", b"/* mine \xff\x00 */")
    os.chmod(learner.path("iss-distance-service/app.c"), 0o600)
    os.unlink(learner.path("gateway/app.c"))
    os.unlink(learner.path("frontend/app.c"))
    os.symlink("mine.c", learner.path("frontend/app.c"))
    return learner.snapshot(editable=True)


def whole(learner, old, step):
    """Each file is as it was, or as it shall be: never half. True when all are as they were."""
    now, same = learner.snapshot(editable=True), True
    for path in EDITABLE:
        if now.get(path) != old.get(path):
            same = False
            assert path in now and now[path][1] == stage(step, path), path
    return same


def interfered(command, check):
    """Runs `command` with the Nth change of a file interfered with, for every N, each time from the same start."""
    with Learner() as learner:
        learner.env.update({"LD_PRELOAD": interference(), "INTERFERE_NOSYNC": "1"})
        old = prepared(learner)
        kept = os.path.join(learner.home, "kept")
        shutil.copytree(learner.dir, kept, symlinks=True)
        for n in range(1, 2000):
            shutil.rmtree(learner.dir)
            shutil.copytree(kept, learner.dir, symlinks=True)
            if check(learner, old, n):
                assert n > 20, n  # it was interfered with
                return
        raise AssertionError("it never came through")


def test_a_kill_at_any_moment_loses_nothing():
    def check(learner, old, n):
        out = learner.run("catch-up", "end", env={"INTERFERE_KILL": str(n)})
        if out.returncode == 0:
            return True
        assert out.returncode == -9, out
        if whole(learner, old, STAGED[-1]):
            return False
        if n % 8 == 0:
            assert "was interrupted" in learner.ok("next")
        learner.ok("undo")
        assert learner.snapshot(editable=True) == old
        if n % 8 == 0:
            learner.ok("catch-up", "end")
            assert not whole(learner, old, STAGED[-1])
        return False
    interfered("catch-up", check)


def test_a_full_disk_loses_nothing():
    def check(learner, old, n):
        out = learner.run("catch-up", "end", env={"INTERFERE_FAIL": f"{n}:28"})
        if out.returncode == 0:
            return True
        assert "No space left on device" in out.stderr and len(out.stderr.splitlines()) == 1, out.stderr
        if whole(learner, old, STAGED[-1]):
            assert "undo" not in out.stderr, out.stderr
            assert "nothing to take back" in learner.fails("undo")  # so what was not done is not taken back
        else:
            assert "`cupola workshop undo` brings your files back" in out.stderr, out.stderr
            learner.ok("undo")
            assert learner.snapshot(editable=True) == old
        return False
    interfered("catch-up", check)


def test_what_is_saved_meanwhile_is_kept():
    file = "iss-distance-service/app.c"
    refused, lost = [], []

    def check(learner, old, n):
        saved = os.path.join(learner.home, "saved")  # the same file by another name: it shows whether there was a save
        os.link(learner.path(file), saved)
        out = learner.run("catch-up", "end", env={"INTERFERE_SAVE": f"{n}:{learner.path(file)}"})
        copies = [learner.path(file)] + glob.glob(learner.path(f".workshop/backups/*/files/{file}")) + [saved]
        there = [path for path in copies if open(path, "rb").read().endswith(b"/* saved */\n")]
        os.unlink(saved)
        if saved not in there:
            return True  # it came through before the Nth call
        if out.returncode:
            assert f"{file} was saved meanwhile and is left; do it again" in out.stderr, (n, out.stderr)
            assert learner.path(file) in there, n
            refused.append(n)
        elif len(there) == 1:
            lost.append(n)
        return False
    interfered("catch-up", check)
    assert refused and len(lost) <= 1, (refused, lost)  # in its own rename(), at most


def test_a_folder_that_cannot_be_written_to_is_said():
    with Learner() as learner:
        old = prepared(learner)
        message = learner.fails("catch-up", "end", env={"LD_PRELOAD": interference(), "INTERFERE_FAIL": "1:30"})
        assert "Read-only file system" in message and "nothing has changed" in message
        assert learner.snapshot(editable=True) == old
        if os.geteuid():
            os.chmod(learner.path("gateway"), 0o555)
            message = learner.fails("catch-up", "end")
            os.chmod(learner.path("gateway"), 0o755)
            assert "gateway/app.c: Permission denied; nothing has changed" in message, message
            assert learner.snapshot(editable=True) == old
        os.mkdir(learner.path("gateway/app.c"))
        assert "gateway/app.c" in learner.fails("catch-up", "end")
        os.rmdir(learner.path("gateway/app.c"))
        assert learner.snapshot(editable=True) == old


# ---- hints, solutions, diffs ----

def test_hints_come_in_three_levels_and_then_the_solution():
    with Learner() as learner:
        learner.copy()
        learner.ok("catch-up", "1.2")
        assert "after the third hint" in learner.fails("solution")
        with open(os.path.join(COURSE, "checks/1.2.json")) as file:
            first = next(e for e in json.load(file)["expect"] if e.get("hints"))
        seen = [json.loads(learner.ok("hint", "--json")) for _ in range(2)]
        assert "after the third hint" in learner.fails("solution")
        seen.append(json.loads(learner.ok("hint", "--json")))
        seen.append(json.loads(learner.ok("hint", "1.2", "--json")))  # no more: the last again
        assert [s["text"] for s in seen] == first["hints"] + first["hints"][-1:]
        assert [s["level"] for s in seen] == [1, 2, 3, 3] and seen[0]["of"] == 3
        solution = learner.ok("solution")
        assert "+" in solution and "otel_log" in solution and "catch-up 2.1" in solution
        assert learner.ok("hint", "tour") and "no assertion" in learner.fails("hint", "nonsense")
        assert "otel_log" in learner.ok("diff")
        assert "otel_log" in learner.ok("diff", "iss-distance-service/app.c")
        assert learner.ok("diff", "gateway/app.c").strip() == "Your file is that of the solution."
        assert learner.ok("diff", "gateway").strip() == "Your file is that of the solution."
        assert "there is no step gatway" in learner.fails("diff", "gatway/app.c")
        assert "no solution to compare with" in learner.ok("diff", "tour")
        learner.write("iss-distance-service/app.c", stage("1.2", "iss-distance-service/app.c"))
        assert "those of the solution" in learner.ok("diff")
        assert learner.ok("solution", "0.1")  # behind us


def patched(text, diff):
    """Applies a diff of one file, as a person would read it."""
    lines, out, at = text.splitlines(keepends=True), [], 0
    body = [line for line in diff.splitlines(keepends=True) if not line.startswith(("--- ", "+++ "))]
    for i, line in enumerate(body):
        if line.startswith("@@"):
            start, length = (line.split()[1][1:] + ",1").split(",")[:2]
            start = int(start) - (1 if int(length) else 0)
            out += lines[at:start]
            at = start
        elif line.startswith("\\"):
            out[-1] = out[-1].rstrip("\n") if out else ""
        elif line.startswith(" "):
            assert lines[at].rstrip("\n") == line[1:].rstrip("\n"), (i, lines[at], line)
            out.append(lines[at])
            at += 1
        elif line.startswith("-"):
            assert lines[at].rstrip("\n") == line[1:].rstrip("\n"), (i, lines[at], line)
            at += 1
        elif line.startswith("+"):
            out.append(line[1:])
    return "".join(out + lines[at:])


def test_a_diff_leads_from_one_file_to_the_other():
    rng = random.Random(int(os.environ.get("CUPOLA_SEED", 7)))
    with Learner() as learner:
        learner.copy()
        learner.ok("catch-up", "end")
        solution = stage(STAGED[-1], "gateway/app.c").decode()
        for _ in range(12):
            lines = solution.splitlines(keepends=True)
            for _ in range(rng.randrange(1, 30)):
                what, where = rng.randrange(3), rng.randrange(len(lines) + 1)
                if what == 0:
                    lines.insert(where, f"\tint n{rng.randrange(100)};\n")
                elif lines:
                    del lines[min(where, len(lines) - 1)]
            mine = "".join(lines)
            learner.write("gateway/app.c", mine)
            diff = learner.ok("diff", STEPS[-1])
            if mine != solution:
                assert patched(mine, diff) == solution, (mine, diff)


# ---- the doctor ----

def without(learner, *programs):
    """A PATH with everything of this machine but these."""
    folder = os.path.join(learner.home, "path")
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    for source in reversed(os.environ["PATH"].split(":")):
        for name in os.listdir(source) if os.path.isdir(source) else []:
            path = os.path.join(folder, name)
            if name in programs:
                continue
            if os.path.lexists(path):
                os.unlink(path)
            os.symlink(os.path.join(source, name), path)
    return folder


def program(learner, name, text):
    folder = tempfile.mkdtemp(dir=learner.home)
    with open(os.path.join(folder, name), "w") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(os.path.join(folder, name), 0o755)
    return folder + ":" + learner.env["PATH"]


def findings(learner, env=None, args=(), **how):
    out = learner.run("doctor", "--json", *args, env=env, **how)
    found = {f["id"]: f for f in map(json.loads, out.stdout.splitlines())}
    assert (out.returncode != 0) == any(f["result"] == "bad" for f in found.values()), (out.returncode, found)
    return found


def test_the_doctor_finds_nothing_where_nothing_is_wrong():
    with Learner() as learner:
        found = findings(learner)
        assert len(found) >= 12
        worth = {i: f for i, f in found.items() if f["result"] != "ok" and i not in ("ports", "editor", "curl", "proxy", "memory")}
        assert not worth, worth
        assert os.listdir(learner.home) == []  # it leaves nothing behind
        text = learner.ok("doctor")
        assert "are fine" in text


def test_the_doctor_finds_what_is_missing():
    with Learner() as learner:
        shim = {"LD_PRELOAD": interference()}
        meminfo = os.path.join(learner.home, "meminfo")
        with open(meminfo, "w") as file:
            file.write("MemTotal: 200000 kB\nMemAvailable:   51200 kB\n")
        held = __import__("socket").socket()
        held.setsockopt(1, 2, 1)
        bare = without(learner, "addr2line", "curl", "cupola", "code", "codium", "nvim", "vim", "vi", "nano", "emacs", "micro", "hx", "kate",
                       "gedit", "gnome-text-editor", "mousepad", "geany", "subl", "clion", "make")
        cases = [
            ("compiler", {"CC": "/nowhere/cc"}, "bad", "does not build", "gcc"),
            ("make", {"PATH": bare}, "bad", "expected GNU Make", "make"),
            ("make", {"PATH": program(learner, "make", "echo 'bmake 2020'\n")}, "bad", "bmake 2020", "make"),
            ("pkg-config", {"PATH": program(learner, "pkg-config", "exit 127\n")}, "bad", "does not run", "pkg-config"),
            ("headers", {"PATH": program(learner, "pkg-config", "case $* in *cupola*) echo 'No package cupola' >&2; exit 1;; esac; echo 1\n")},
             "bad", "does not build against this installation", "make install"),
            ("jansson", {"PATH": program(learner, "pkg-config", "case $* in *jansson*) echo -include/no/jansson.h; exit;; esac; exit 0\n")},
             "bad", "without it", "libjansson-dev"),
            ("sanitizers", {"CC": program(learner, "nosan", "case $* in *-fsanitize*) exit 1;; esac; exec cc \"$@\"\n").split(":")[0] + "/nosan"},
             "note", "cannot build", "libasan"),
            ("addr2line", {"PATH": bare}, "note", "without file and line", "binutils"),
            ("curl", {"PATH": bare}, "note", "the text asks", "curl"),
            ("editor", {"PATH": bare, "EDITOR": ""}, "note", "none of those", "editor" if not os.path.exists("/usr/bin/apt-get") else "nano"),
            ("path", {"PATH": bare}, "note", "does not find", "export PATH="),
            ("noexec", {**shim, "INTERFERE_STATVFS": "noexec"}, "bad", "mounted", "--dir"),
            ("disk", {**shim, "INTERFERE_STATVFS": "full"}, "bad", "expected 100 MiB", "room"),
            ("memory", {**shim, "INTERFERE_MEMINFO": meminfo}, "note", "found 50", "close"),
            ("clock", {**shim, "INTERFERE_TIME": "-4000000000"}, "note", "from the past", "timedatectl"),
            ("mtime", {**shim, "INTERFERE_TIME": "-3600"}, "note", "in the future", "clocks"),
            ("notify", {**shim, "INTERFERE_INOTIFY": "24"}, "note", "does not tell of a save", "sysctl"),
            ("notify", {**shim, "INTERFERE_INOTIFY": "38"}, "note", "does not tell of a save", "--poll"),
            ("loopback", {**shim, "INTERFERE_SOCKET": "97"}, "bad", "does not answer", "ip link"),
            ("otel", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://elsewhere:4318"}, "note", "wins over host.conf", "unset OTEL_EXPORTER"),
            ("proxy", {"http_proxy": "http://proxy:3128", "no_proxy": "", "NO_PROXY": ""}, "note", "proxy:3128", "no_proxy=127.0.0.1"),
        ]
        for name, env, result, say, fix in cases:
            found = findings(learner, env)[name]
            assert found["result"] == result, (name, found)
            assert say in found["say"], (name, found)
            assert fix in found["fix"], (name, found)
        held.close()


def test_the_doctor_looks_at_folders_files_and_ports():
    with Learner() as learner:
        blocked = os.path.join(learner.home, "file")
        open(blocked, "w").close()
        found = findings(learner, args=("--dir", os.path.join(blocked, "below")))["folder"]
        assert found["result"] == "bad" and "cannot be written to" in found["say"], found
        found = json.loads(next(line for line in subprocess.run(
            ["sh", "-c", f"ulimit -n 60; exec {cupola.BIN} workshop doctor --json"], env=learner.env, text=True, capture_output=True,
            cwd=learner.home).stdout.splitlines() if '"files"' in line))
        assert found["result"] == "note" and "found 60" in found["say"] and "ulimit" in found["fix"], found

        learner.copy()
        os.unlink(learner.path("gateway/app.c"))
        found = findings(learner)["copy"]
        assert found["result"] == "note" and "gateway/app.c is missing" in found["say"] and found["fix"] == "cupola workshop reset gateway/app.c"
        learner.ok("reset", "gateway/app.c")
        assert findings(learner)["copy"]["result"] == "ok"
        learner.write(".workshop/state.json", "{")
        assert "cannot be read" in findings(learner)["copy"]["say"]

        import socket
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            held.listen()
            port = held.getsockname()[1]
            learner.edit("host.conf", "127.0.0.1:5003", f"127.0.0.1:{port}")
            found = findings(learner)["ports"]
            assert found["result"] == "note" and f"{port} (iss-distance-service) is taken by " in found["say"], found
            assert f"(pid {os.getpid()})" in found["say"], found
            assert "takes free ones" in found["fix"]


def test_the_doctor_notices_an_installation_that_is_not_whole():
    with Learner() as learner:
        root = os.path.join(learner.home, "moved")
        shutil.copytree(cupola.STAGE, root, symlinks=True)
        env = {"LD_LIBRARY_PATH": root + "/lib", "PATH": root + "/bin:" + learner.env["PATH"]}
        command = [root + "/bin/cupola", "workshop", "doctor", "--json"]
        look = lambda: {f["id"]: f for f in map(json.loads, subprocess.run(command, env={**learner.env, **env}, text=True, capture_output=True,
                                                                           cwd=learner.home).stdout.splitlines())}
        found = look()
        assert all(f["result"] != "bad" for f in found.values()), found  # it works where it was moved to
        shutil.rmtree(root + "/share/cupola/workshop/stages/start")
        found = look()["installation"]
        assert found["result"] == "bad" and "stages/start" in found["say"] and "make install" in found["fix"], found
        os.unlink(root + "/share/cupola/workshop/steps.json")
        out = subprocess.run(command, env={**learner.env, **env}, text=True, capture_output=True, cwd=learner.home)
        assert out.returncode != 0 and "steps.json" in out.stderr and "make install" in out.stderr


def test_what_the_session_cannot_do_without_is_said_with_its_remedy():
    with Learner() as learner:
        message = learner.run("copy") and learner.run(env={"CC": "/nowhere/cc"})
        assert message.returncode != 0 and "does not build" in message.stderr, message
        assert len(message.stderr.splitlines()) == 1


if __name__ == "__main__":
    cupola.main()
