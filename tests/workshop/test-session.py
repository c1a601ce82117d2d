#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`cupola workshop` with its host: from nothing to a running application, and what a save does."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ.get("CUPOLA_SRCDIR", "."), "tests/integration"))
sys.path.insert(0, os.path.join(os.environ.get("CUPOLA_SRCDIR", "."), "tests/workshop"))
import cupola  # noqa: E402
from working_copy import Learner  # noqa: E402

ISS = "iss-distance-service"
APP = ISS + "/app.c"
PLACE = "/?latitude=49.87&longitude=8.65"
TYPED = 'problem = "typed by a learner\\n";\n\n\tif (problem)'  # a reply of one's own to a request without a place


def started(learner, *args, ports=True, **how):
    """A session that has come up, on ports that nobody else has."""
    if not os.path.exists(learner.dir):
        learner.built_copy()
    if ports:
        learner.free_ports()
    session = learner.session(*args, **how)
    session.expect("The guide: http")
    return session


def cupola_in(learner, *args, cwd=None):
    """A command of cupola as a learner types it in the working copy."""
    return subprocess.run([cupola.BIN, *args], env=learner.env, cwd=cwd or learner.dir, text=True, capture_output=True, timeout=60)


def status(learner):
    out = cupola_in(learner, "status", "--json")
    return json.loads(out.stdout) if out.returncode == 0 else None


def port(learner, name):
    for plugin in status(learner)["plugins"]:
        if plugin["name"] == name:
            return int(plugin["listen"][0].rsplit(":", 1)[1])


def get(learner, name, path):
    return cupola.request(port(learner, name), path)


def beyond_tour(learner):
    """As after the tour: saving reloads."""
    learner.ok("catch-up", "0.1")


# ---- starting, attaching, stopping ----

def test_from_nothing_to_an_application_and_back():
    with Learner() as learner:
        session = learner.session()  # no copy yet, and whatever ports there are
        session.expect(re.escape(learner.dir) + ": made")
        session.expect(r"built 4 services in [\d.]+ s")
        guide = session.expect(r"The guide: (http://127\.0\.0\.1:\d+/)").group(1)
        session.expect(r"Now: tour  ")
        session.expect(r"edit .*/iss-distance-service/app\.c")
        progress = learner.progress()
        assert progress["guide"] + "/" == guide and progress["now"] == "tour" and progress["build"]["ok"], progress
        answer = get(learner, "frontend", "/api/distance?location=Darmstadt")
        assert answer.status == 200 and answer.json()["distance"] > 0
        assert cupola.request(int(guide.split(":")[2].strip("/")), "/").status == 200

        second = learner.session()
        second.expect("The guide: " + re.escape(guide))
        second.expect("this one looks on")
        assert second.interrupt() == 0
        assert get(learner, ISS, PLACE).status == 200  # it did not take the host along

        assert session.interrupt() == 0
        assert status(learner) is None
        assert "nothing runs here" in learner.fails("check")

        again = learner.session(cwd=learner.path("gateway"))
        again.expect("The guide: " + re.escape(guide))  # the same address as before
        assert learner.ok("stop").startswith("stopped")
        again.expect("The host was stopped")
        assert again.process.wait(30) == 0
        assert "nothing runs" in learner.ok("stop")


def test_a_session_that_is_killed_takes_its_host_along():
    with Learner() as learner:
        session = started(learner)
        pids = [p["pid"] for p in status(learner)["processes"]] + [status(learner)["pid"]]
        os.kill(session.process.pid, signal.SIGKILL)
        session.process.wait()
        cupola.until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), "the host to end")
        again = learner.session()
        again.expect("The guide: http")
        again.interrupt()


def test_a_host_that_runs_already_is_attached_to():
    with Learner() as learner:
        learner.built_copy()
        ports = learner.free_ports()
        beyond_tour(learner)
        first = learner.session()
        first.expect("The guide: http")
        second = learner.session()
        second.expect("this one looks on")
        learner.edit(APP, "const char *problem = coordinates_from_query(req, &here);", "const char *problem = coordinates_from_query(req, &here); /**/")
        first.expect(ISS + r": built and reloaded in [\d.]+ s \(generation 2\)")
        second.expect(ISS + r": built and reloaded")
        assert sum("built and reloaded in" in line for line in first.lines + second.lines) == 1  # once
        assert ports[f"{ISS}:5003"] == port(learner, ISS)
        first.interrupt()
        second.expect("The host has ended")
        assert second.process.wait(30) == 0


def test_taken_ports_are_moved_and_their_holder_named():
    with Learner() as learner, socket.socket() as held:
        learner.built_copy()
        held.bind(("127.0.0.1", 0))
        held.listen()
        taken = held.getsockname()[1]
        learner.free_ports()
        kept = json.loads(learner.read(".workshop/ports.json"))
        for old in ("upstream:5004", "station:4318"):
            del kept[old]
        # What depends on a moved port by default, and what names it in the file.
        conf = learner.read("host.conf").decode().replace("127.0.0.1:4318", f"127.0.0.1:{taken}")
        learner.write("host.conf", conf)
        learner.write(".workshop/ports.json", json.dumps(kept))
        session = learner.session(env={"OTEL_TRACES_EXPORTER": "otlp"})
        session.expect("OTEL_TRACES_EXPORTER=otlp is set and wins over host.conf")
        moved = session.expect(rf"port {taken} is taken by .*\(pid {os.getpid()}\): station is on (\d+)").group(1)
        session.expect("The guide: http")
        listens = next(p for p in status(learner)["plugins"] if p["name"] == "station")["listen"]
        assert f"otlp=127.0.0.1:{moved}" in listens, listens
        assert get(learner, "frontend", "/api/distance?location=Darmstadt").status == 200
        assert learner.read("host.conf").decode() == conf  # the learner's file is the learner's
        session.interrupt()
        again = learner.session()
        again.expect(f"station is on {moved}")
        again.expect("The guide: http")
        assert ("OTEL_EXPORTER_OTLP_ENDPOINT" in learner.read(".workshop/installed.mk").decode()) == (taken == 4318)
        again.interrupt()


def test_two_that_start_at_once_are_one_that_builds_and_one_that_looks_on():
    with Learner() as learner:
        learner.built_copy()
        learner.free_ports()
        both = [learner.session(), learner.session()]
        for session in both:
            session.expect("The guide: http")
        looks_on = lambda: [s for s in both if any("this one looks on" in line for line in s.lines)]
        builds = lambda: [s for s in both if any("A save builds and reloads" in line for line in s.lines)]
        cupola.until(lambda: looks_on() and builds(), "one of each")
        assert len(looks_on()) == len(builds()) == 1
        builds()[0].interrupt()


def test_a_host_that_cannot_start_says_why():
    with Learner() as learner:
        learner.built_copy()
        learner.free_ports()
        conf = learner.read("host.conf").decode()
        learner.write("host.conf", conf.replace("logs = none", "logs = otpl", 1))
        session = learner.session()
        session.expect(r"host\.conf:\d+: .*otpl")
        session.expect(r"^cupola workshop: the host did not start: .*1 mistake in the configuration")
        assert session.process.wait(30) == 1
        learner.write("host.conf", conf)
        session = learner.session()
        session.expect("The guide: http")
        os.kill(status(learner)["pid"], signal.SIGKILL)
        session.expect(r"The host has ended; its last words are in .*/\.workshop/log")
        assert session.process.wait(30) == 1


def test_two_copies_run_side_by_side():
    with Learner() as learner, Learner() as other:
        learner.built_copy()
        other.built_copy()
        first = learner.session()  # the ports of the text, or what is free
        first.expect("The guide: http")
        strange = os.path.join(other.home, "it's mine, \u00e4 b")
        os.rename(other.dir, strange)
        other.dir = strange
        other.ok("catch-up", "2", "--dir", strange)
        second = other.session("--dir", strange)
        second.expect(r"port \d+ is taken by .*: iss-distance-service is on \d+")
        second.expect("The guide: http")
        ports = [listen for session in (learner, other) for p in status(session)["plugins"] for listen in p["listen"]]
        assert len(ports) == len(set(ports))
        # Every service of the second asks those of the second, and its telemetry is where its checks look for it.
        asked = {p["name"]: p["requests"] for p in status(learner)["plugins"]}
        assert get(other, "frontend", "/api/distance?location=Darmstadt").status == 200
        assert json.loads(other.ok("check", "1.2", "--json", "--dir", strange).splitlines()[-1])["done"]
        assert {p["name"]: p["requests"] for p in status(learner)["plugins"] if p["name"] in ISS} == {n: r for n, r in asked.items() if n in ISS}
        first.interrupt()
        second.interrupt()


# ---- saving ----

def test_the_tour_reloads_by_hand_and_then_saving_reloads():
    with Learner() as learner:
        session = started(learner)
        before = get(learner, ISS, "/").text
        out = learner.run("check")
        assert out.returncode == 1 and "--  " in out.stdout and "no reload by hand" in out.stdout, out
        learner.edit(APP, "if (problem)", TYPED)
        session.expect(ISS + r": saved\. Now `make -C iss-distance-service` and `cupola reload iss-distance-service` \(Tour\)")
        assert get(learner, ISS, "/").text == before
        built = subprocess.run(["make", "-C", learner.path(ISS)], env=learner.env, text=True, capture_output=True, timeout=60)
        assert built.returncode == 0, built
        out = cupola_in(learner, "reload", ISS, cwd=learner.home)  # from any folder, as the text has it
        assert out.returncode == 0 and "generation 2" in out.stdout, out
        judged = learner.ok("check", "tour")  # at once: the session may not have seen the reload yet
        assert "passed" in judged and "not loaded yet" not in judged and learner.now() == "0.1", judged
        session.expect(ISS + r": reloaded by hand \(generation 2\)")
        session.expect("From now on, saving a file builds and reloads it")
        assert get(learner, ISS, "/").text == "typed by a learner\n"

        mark = session.mark()
        learner.edit(APP, "typed by a learner", "saved by a learner")
        session.expect(ISS + r": built and reloaded in [\d.]+ s \(generation 3\)", mark)
        assert get(learner, ISS, "/").text == "saved by a learner\n"

        mark = session.mark()
        learner.write(APP, learner.read(APP))  # saved without a change: nothing
        os.utime(learner.path(APP))
        learner.write(APP + ".new", learner.read(APP).replace(b"saved by a learner", b"renamed by an editor"))
        os.rename(learner.path(APP + ".new"), learner.path(APP))
        session.expect(ISS + r": built and reloaded in [\d.]+ s \(generation 4\)", mark)
        assert get(learner, ISS, "/").text == "renamed by an editor\n"
        assert sum("built" in line for line in session.lines[mark:]) == 1
        session.interrupt()


def test_a_compile_error_is_said_with_file_and_line():
    with Learner() as learner:
        learner.built_copy()
        beyond_tour(learner)
        session = started(learner)
        good = learner.read(APP)
        line = good.decode().splitlines().index("api(struct iss *iss, struct svc_request *req)") + 2
        learner.write(APP, good.replace(b"if (problem)", b"if (problem", 1))
        session.expect(ISS + ": does not compile; the version before goes on serving")
        found = session.expect(r"^  iss-distance-service/app\.c:(\d+): expected")
        assert line < int(found.group(1)) < line + 9, found.group()
        assert len(session.lines) - session.lines.index(next(l for l in session.lines if "does not compile" in l)) <= 5  # no wall of text
        assert get(learner, ISS, PLACE).status == 200
        build = learner.progress()["build"]
        assert build["service"] == ISS and not build["ok"] and build["errors"][0]["line"] == int(found.group(1)), build
        assert build["errors"][0]["file"] == APP
        out = learner.run("check")
        assert "does not compile, so what is checked is the version before" in out.stdout.splitlines()[0], out
        assert f"app.c:{found.group(1)}" in out.stdout.splitlines()[1]

        mark = session.mark()
        learner.write(APP, good.replace(b"if (problem)", b"if (nobody_has_this(problem))", 1))
        session.expect(r"^  iss-distance-service/app\.c:\d+: implicit declaration of function 'nobody_has_this'", mark)
        mark = session.mark()
        learner.write(APP, b"int nobody_has_this(const char *);\n" + good.replace(b"if (problem)", b"if (nobody_has_this(problem))", 1))
        session.expect(ISS + ": built, and refused by the host; the version before goes on serving", mark)
        session.expect(r"^  iss-distance-service/iss-distance-service\.so: .*nobody_has_this", mark)
        assert get(learner, ISS, PLACE).status == 200 and learner.progress()["build"]["refused"]
        assert "was refused by the host" in learner.run("check").stdout.splitlines()[0]
        mark = session.mark()
        learner.write(APP, good)
        session.expect(ISS + r": built and reloaded", mark)
        assert learner.progress()["build"]["ok"]

        mark = session.mark()
        learner.write("by-hand/by-hand.c", learner.read("by-hand/by-hand.c") + b"/* mine */\n")
        session.expect(r"by-hand: built in [\d.]+ s", mark)
        session.interrupt()


def test_what_is_saved_while_it_is_compiled_is_built_too():
    with Learner() as learner:
        learner.built_copy()
        beyond_tour(learner)
        # A compiler that is slow when told to, so that its object is newer than a source that it has not read.
        compiler, slow, compiled = (os.path.join(learner.home, "bin", name) for name in ("cc", "slow", "compiled"))
        os.makedirs(os.path.dirname(compiler))
        with open(compiler, "w") as file:
            file.write(f"#!/bin/sh\n{shutil.which('cc')} \"$@\" || exit\n"
                       f"[ -e {slow} ] || exit 0\n: > {compiled}\nwhile [ -e {slow} ]; do sleep 0.02; done\ntouch app.o\n")
        os.chmod(compiler, 0o755)
        session = started(learner, env={"PATH": f"{os.path.dirname(compiler)}:{learner.env['PATH']}"})
        good = learner.read(APP)
        open(slow, "w").close()
        learner.write(APP, good.replace(b"if (problem)", TYPED.replace("typed", "saved first").encode(), 1))
        cupola.until(lambda: os.path.exists(compiled), "the compiler to have read it")
        learner.write(APP, good.replace(b"if (problem)", TYPED.replace("typed", "saved at once after").encode(), 1))
        os.unlink(slow)
        cupola.until(lambda: get(learner, ISS, "/").text == "saved at once after by a learner\n", "what was saved last")
        session.interrupt()


def test_a_service_of_ones_own_is_loaded_into_the_host_of_the_workshop():
    with Learner() as learner:
        session = started(learner)
        out = cupola_in(learner, "new", "weather", cwd=learner.home)
        assert out.returncode == 0, out
        own = os.path.join(learner.home, "weather/host.conf")
        with open(own) as file:
            text = file.read()
        with open(own, "w") as file:
            file.write(re.sub("listen = .*", "listen = 127.0.0.1:0", text))
        path = os.path.join(os.path.dirname(os.path.dirname(cupola.BIN)), "lib/pkgconfig")
        dev = subprocess.Popen([cupola.BIN, "dev", "weather"], env={**learner.env, "PKG_CONFIG_PATH": path}, cwd=learner.home, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            said = dev.stdout.readline()
            assert re.match(r"weather: generation 1 at http://127\.0\.0\.1:\d+", said), said
            assert "weather" in cupola_in(learner, "status").stdout
        finally:
            dev.send_signal(signal.SIGINT)
            dev.wait(20)
        assert "weather" not in cupola_in(learner, "status").stdout and get(learner, ISS, PLACE).status == 200
        session.interrupt()


def test_a_service_that_cannot_start_is_told_at_the_start():
    with Learner() as learner:
        learner.built_copy()
        beyond_tour(learner)
        learner.free_ports()
        good = learner.read(APP)
        learner.write(APP, good.replace(b"\tstruct iss *iss = calloc", b"\t(void)host;\n\treturn svc_error_set(err, -EINVAL, \"not today\");\n\tstruct iss *iss = calloc", 1))
        assert learner.read(APP) != good
        session = learner.session()
        session.expect(ISS + " does not serve: save a mended one")
        session.expect("not today")
        mark = session.mark()
        learner.write(APP, good)
        session.expect(ISS + r": built and reloaded", mark)
        assert get(learner, ISS, PLACE).status == 200
        session.interrupt()


def test_host_conf_is_taken_up_or_its_mistake_told():
    with Learner() as learner:
        learner.built_copy()
        beyond_tour(learner)
        session = started(learner)
        conf = learner.read("host.conf").decode()
        learner.write("host.conf", conf.replace("[resource]", "[resource]\ndeployment.environment.name = dev", 1))
        session.expect(r"host\.conf: in force after [\d.]+ s")
        mark = session.mark()
        learner.write("host.conf", conf.replace("logs = none", "logs = otpl", 1))
        session.expect(r"host\.conf: has a mistake; what was before stays in force", mark)
        session.expect(r"^  host\.conf:\d+: .*otpl", mark)
        assert get(learner, ISS, PLACE).status == 200
        assert re.search(r"^host\.conf has a mistake.*\n  host\.conf:\d+: .*otpl", learner.run("check", "0.1").stdout, re.M)
        assert "0.1 comes before and is not solved yet; `cupola workshop catch-up 1.2`" in learner.run("check", "1.2").stdout
        shown = json.loads(learner.ok("progress", "--json"))["build"]
        assert (shown["service"], shown["ok"]) == ("host.conf", False) and shown["errors"][0]["line"] > 0, shown
        mark = session.mark()
        learner.write("host.conf", conf)
        session.expect(r"host\.conf: in force after [\d.]+ s", mark)
        assert "mistake" not in learner.run("check", "0.1").stdout
        assert not any("by hand" in line for line in session.lines)
        session.interrupt()


def test_a_crash_is_explained_and_shown_until_it_is_mended():
    with Learner() as learner:
        learner.built_copy()
        beyond_tour(learner)
        session = started(learner)
        good = learner.read(APP)
        learner.write(APP, good.replace(b"if (problem)", b"if (svc_query(req, \"crash\"))\n\t\t*(volatile int *)NULL = 1;\n\tif (problem)", 1))
        session.expect(ISS + r": built and reloaded")
        line = learner.read(APP).decode().splitlines().index("\t\t*(volatile int *)NULL = 1;") + 1
        assert get(learner, ISS, PLACE).status == 200
        try:
            get(learner, ISS, "/?crash=1")
        except OSError:
            pass
        except Exception as error:  # the connection is gone
            assert "closed" in str(error).lower() or "Remote" in type(error).__name__, error
        session.expect(ISS + r": segmentation fault \(SIGSEGV\)")
        session.expect(rf"iss-distance-service/app\.c:{line}  api\(\)")
        session.expect("It was started again at once")
        crash = learner.progress()["crash"]
        assert crash["service"] == ISS and crash["line"] == line and crash["file"] == APP and crash["hint"], crash
        assert get(learner, "gateway", "/?location=Darmstadt").status in (200, 502)
        cupola.until(lambda: get(learner, ISS, PLACE).status == 200, "the service to be back")
        mark = session.mark()
        learner.write(APP, good)
        session.expect(ISS + r": built and reloaded", mark)
        assert learner.progress()["crash"] is None
        assert not any("by hand" in line for line in session.lines), session.text()
        session.interrupt()


def test_what_a_service_prints_is_shown_and_blocks_nobody():
    with Learner() as learner:
        learner.built_copy()
        beyond_tour(learner)
        many = 'for (int i = 0; i < 2000; i++)\n\t\tprintf("printed by a learner, with some words more to find it by: %d\\n", i);\n\tif (problem)'
        learner.write(APP, learner.read(APP).replace(b"if (problem)", many.encode(), 1).replace(b"#include", b"#include <stdio.h>\n#include", 1))
        session = started(learner)
        for _ in range(3):  # more than a pipe holds
            assert get(learner, ISS, PLACE).status == 200
            session.expect("printed by a learner, .*: 1999")
            session.lines.clear()
        assert status(learner)["plugins"][0]["restarts"] == 0, status(learner)
        session.interrupt()


def test_saves_are_seen_without_notification_too():
    with Learner() as learner:
        learner.built_copy()
        beyond_tour(learner)
        session = started(learner, "--poll")
        learner.edit(APP, "if (problem)", TYPED)
        session.expect(ISS + r": built and reloaded")
        assert get(learner, ISS, "/").text == "typed by a learner\n"
        session.interrupt()


def test_a_folder_that_was_replaced_is_still_watched():
    with Learner() as learner:
        learner.built_copy()
        beyond_tour(learner)
        session = started(learner)
        os.rename(learner.path(ISS), learner.path("aside"))
        shutil.copytree(learner.path("aside"), learner.path(ISS))
        shutil.rmtree(learner.path("aside"))
        mark = session.mark()
        learner.edit(APP, "if (problem)", TYPED)
        session.expect(ISS + r": built and reloaded", mark)
        assert get(learner, ISS, "/").text == "typed by a learner\n"
        session.interrupt()


# ---- while it runs ----

def test_a_host_of_the_learners_own_is_attached_to_and_left():
    with Learner() as learner:
        session = started(learner)  # builds everything, and finds free ports
        ports = json.loads(learner.read(".workshop/ports.json"))
        session.interrupt()
        learner.ok("catch-up", "0.1")
        conf = learner.read("host.conf").decode()
        for key, to in ports.items():
            conf = conf.replace(f"127.0.0.1:{key.split(':')[1]}", f"127.0.0.1:{to}")
        learner.write("host.conf", conf)
        host = subprocess.Popen([cupola.BIN, "run", "-c", learner.path("host.conf")], env=learner.env, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True)
        try:
            assert host.stdout.readline() == "ready\n"
            learner.edit(APP, "if (problem)", TYPED)  # saved while nobody watched
            session = learner.session()
            session.expect("Ctrl-C leaves the host running")
            session.expect(ISS + r": built and reloaded")
            assert get(learner, ISS, "/").text == "typed by a learner\n"
            second = learner.session()
            second.expect("this one looks on")
            assert session.interrupt() == 0
            assert get(learner, ISS, "/").status == 400  # the host goes on
            second.expect("this one builds now")
            learner.edit(APP, "typed by a learner", "built by the other")
            second.expect(ISS + r": built and reloaded")
            assert get(learner, ISS, "/").text == "built by the other\n"
            assert second.interrupt() == 0
        finally:
            host.terminate()
            host.wait(30)


def test_watch_takes_keys_on_a_terminal():
    with Learner() as learner:
        learner.built_copy()
        learner.free_ports()
        ours, theirs = os.openpty()
        process = subprocess.Popen([cupola.BIN, "workshop", "watch"], env={**learner.env, "TERM": "xterm"}, cwd=learner.home, stdin=theirs,
                                   stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        os.set_blocking(ours, False)
        seen = []

        def shows(text):
            try:
                seen.append(os.read(ours, 65536).decode("utf-8", "replace"))
            except (BlockingIOError, OSError):
                pass
            return text in "".join(seen)

        def press(key, text):
            seen.clear()
            os.write(ours, key)
            cupola.until(lambda: shows(text), f"{text!r} after {key!r}; seen: {''.join(seen)!r}")

        try:
            cupola.until(lambda: shows("`cupola workshop hint` helps"), "the first check", 60)
            assert "\033[" in "".join(seen)  # colours
            press(b"?", "c check  h hint  n next step")
            press(b"h", "1 of 3")
            press(b"n", "Now:")
            press(b"l", "done, in")
            press(b"d", "+++ solution/") if learner.now() != "tour" else press(b"d", "no solution to compare with")
            press(b"s", "after the third hint")
            press(b"c", "failed in")
            os.write(ours, b"q")
            assert process.wait(30) == 0
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            os.close(ours)


def test_catch_up_is_built_and_checked_at_once():
    with Learner() as learner:
        session = started(learner, "watch")  # it checks after each reload
        learner.ok("catch-up", "2")
        session.expect(ISS + r": built and reloaded")
        session.expect(r"host\.conf: in force")
        lines = [json.loads(line) for line in learner.ok("check", "1.2", "--json").splitlines()]
        assert lines[-1]["done"] and lines[-1]["step"] == "1.2" and all(l["result"] == "pass" for l in lines[:-1]), lines
        steps = {s["step"]: s for s in learner.progress()["steps"]}
        assert steps["1.2"]["passed_at"] and steps["1.1"]["passed_at"] and not steps["1.2"]["caught_up"]
        assert learner.progress()["now"] == "2.1"

        out = learner.run("check", "--json")
        lines = [json.loads(line) for line in out.stdout.splitlines()]
        failed = [l for l in lines[:-1] if l["result"] == "fail"]
        assert out.returncode == 1 and failed and all(l["miss"] for l in failed), lines
        assert json.loads(learner.ok("hint", "--json"))["id"] == failed[0]["id"]
        session.expect(r"^2\.2  |passed, \d+ failed")  # the watching session's own check

        mark = session.mark()
        learner.ok("undo")
        session.expect(ISS + r": built and reloaded|host\.conf: ", mark)
        session.interrupt()


def test_faults_are_planted_and_mended():
    with Learner() as learner:
        session = started(learner)
        assert "fails now" in learner.ok("break", "iss")
        assert get(learner, ISS, PLACE).status == 502
        assert get(learner, "geolocator-service", "/?location=Darmstadt").status == 200
        learner.ok("break", "none")
        assert get(learner, ISS, PLACE).status == 200
        learner.ok("break", "places")
        assert get(learner, "geolocator-service", "/?location=Lima").status == 502
        assert get(learner, ISS, PLACE).status == 200
        learner.ok("break", "none")
        assert "expected iss, places or none, found moon" in learner.fails("break", "moon")
        assert "is no service" in learner.fails("memcheck", "moon")
        if not os.environ.get("CUPOLA_SAN"):  # what has its own sanitizers is not preloaded with others
            assert "found nothing" in learner.ok("memcheck")
            learner.edit(APP, "if (problem)", "*(volatile char *)malloc(3) = 0;\n\tif (problem)")
            out = learner.run("memcheck", ISS)
            assert out.returncode == 1 and "leak" in out.stdout + out.stderr and "make:" not in out.stderr, out
        session.interrupt()


if __name__ == "__main__":
    cupola.main()
