# SPDX-License-Identifier: Apache-2.0
"""Eight bad plugins: each harms no other, is back at once, and is explained in status, log and telemetry."""

import contextlib
import os
import re
import time

import cupola
from load import Load

SOURCE = os.path.join(cupola.SRCDIR, "tests/integration/bad-plugin.c")

# path, what, signal, function, mark of the line, words of the hint
CRASHES = [
    ("null", "segmentation fault", "SIGSEGV", "null_pointer", "null", "a pointer was NULL"),
    ("loop", "endless loop", "SIGABRT", "endless_loop", "loop", "never gave its loop back"),
    ("abort", "abort", "SIGABRT", "go_wrong", "abort", "abort() was called"),
    ("overflow", "stack overflow", "SIGSEGV", "stack_overflow", "overflow", "calls itself without an end"),
    ("array", "stack overflow", "SIGSEGV", "large_array", "array", "a local array is too large"),
    ("double", "double free", "SIGABRT", "double_free", "double", "freed twice"),
    ("exit", "exit", None, "go_wrong", "exit", "exit() ends the whole process"),
    ("assert", "abort", "SIGABRT", "go_wrong", "assert", "An assertion was false"),
]
HARMLESS = ["leak", "sleep"]  # they end no process

CONFIG = """
[host]
runtime_dir = @DIR@/run
admin = 127.0.0.1:0
workers = 1
stall_kill = 1s
[telemetry]
endpoint = http://127.0.0.1:@OTLP@
traces.processor = simple
[plugin station]
process = station
listen = 127.0.0.1:0, otlp=127.0.0.1:@OTLP@
[plugin steady]
path = @DIR@/steady.so
listen = 127.0.0.1:0
instrument = no
traces = none
"""


def section(name):
    return f"[plugin {name}]\npath = @DIR@/{name}.so\nprocess = {name}\nlisten = 127.0.0.1:0\ninstrument = no\n"


def start(names, extra=""):
    config = CONFIG.replace("@OTLP@", str(cupola.free_port())) + "".join(map(section, names)) + extra
    host = cupola.Cupola(config, env={"ASAN_OPTIONS": "detect_leaks=0:handle_segv=0:handle_abort=0:allocator_may_return_null=1"})
    for name in (*names, "steady"):
        cupola.compile_plugin(SOURCE, os.path.join(host.dir, name + ".so"), defines=[f'NAME="{name}"'], sanitize=False)
    return host


def line(mark):
    with open(SOURCE) as f:
        return next(i for i, l in enumerate(f, 1) if f"/* line: {mark} */" in l)


def provoke(port, path):
    with contextlib.suppress(Exception):  # an answer never comes
        cupola.request(port, path)


def is_well(port):
    with contextlib.suppress(Exception):
        return cupola.request(port, "/").text == "well\n"


def explained(host, name, key="crash"):
    return cupola.until(lambda: host.plugin(name)[key], f"the explanation of {name}")


def records(host, name):
    data = host.get("station", f"/api/telemetry/logs?service={name}").json()
    for group in data.get("resourceLogs", []):
        for scope in group["scopeLogs"]:
            for record in scope["logRecords"]:
                yield record, {a["key"]: next(iter(a["value"].values())) for a in record["attributes"]}


def check(host, name, what, signal, function, mark, hint):
    crash = explained(host, name)
    print(f"# {crash['text']}")
    assert crash["what"] == what and crash["signal"] == signal, crash
    early = {"loop": 1, "overflow": 4}.get(name, 0)  # the loop's head; the function's first line, where its frame is made
    assert crash["function"] == function and line(mark) - early <= crash["line"] <= line(mark), crash
    assert crash["file"].endswith("bad-plugin.c") and crash["span"] == "going-wrong", crash
    assert hint in crash["hint"], crash
    assert crash["frames"][0].keys() >= {"function", "file", "line", "own"}
    assert any(f["own"] and f["function"] == "bad_handle" for f in crash["frames"]) or what == "stack overflow", crash["frames"]
    assert abs(crash["at"] - time.time()) < 300 and crash["generation"] == 1
    record, said = cupola.until(lambda: next((r for r in records(host, name) if r[0].get("eventName") == "cupola.service.crashed"), None),
                                "the record")
    assert record["body"]["stringValue"] == crash["text"] and record["severityText"] in ("FATAL", ""), record
    assert said["code.function.name"] == function and said["cupola.crash.span"] == "going-wrong", said
    assert record["traceId"] == crash["trace_id"] and record["spanId"] == crash["span_id"], record
    assert f"plugin {name} crashed: {crash['text']}\n" in host.log()


def test_what_crashes_is_back_at_once_explained_and_harms_no_other():
    sanitized = os.environ.get("CUPOLA_SAN")  # then malloc() and free() are theirs, and so is a double free
    crashes = [c for c in CRASHES if not sanitized or c[0] != "double"]
    names = [c[0] for c in crashes]
    with start(names) as host:
        ports = {name: host.port(name) for name in names}
        pids = {p["name"]: p["pid"] for p in host.status()["plugins"]}
        with Load(host.port("steady"), connections=4) as steady:
            for name in names:
                began = time.monotonic()
                provoke(ports[name], "/" + name)
                cupola.until(lambda: is_well(ports[name]), f"{name} to be back")
                took = time.monotonic() - began - (1 if name == "loop" else 0)  # stall_kill
                print(f"# {name}: back after {took * 1e3:.0f} ms")
                assert took < 2 or sanitized, took
        assert not steady.failed and steady.reset == 0 and steady.served > 100
        now = {p["name"]: p["pid"] for p in host.status()["plugins"]}
        assert [n for n in now if now[n] == pids[n]] == [n for n in now if n not in names]
        for crash in crashes:
            check(host, *crash)
        assert explained(host, "exit")["message"] == "exit status 3"
        if not sanitized:
            assert "double free detected" in explained(host, "double")["message"]
        assert "always == 0" in explained(host, "assert")["message"]
        words = host.command("status").stdout
        assert re.search(r"^null, crashed at \S+, generation 1: segmentation fault at \S+bad-plugin.c:\d+ \(null_pointer\), address 0x0, in span going-wrong", words, re.M), words
        assert "    called by bad_handle at " in words and "a pointer was NULL" in words


def test_a_crash_of_a_thread_that_a_service_made_is_its_own():
    with start(["thread"]) as host:
        port = host.port("thread")
        provoke(port, "/thread")
        crash = explained(host, "thread")
        assert crash["what"] == "segmentation fault" and crash["function"] == "own_thread" and crash["line"] == line("thread"), crash
        assert crash["generation"] == 1 and crash["span"] is None
        cupola.until(lambda: is_well(port), "it to be back")
        assert host.plugin("thread")["crashes"] == 1


def test_what_blocks_is_a_warning_with_its_line_and_told_once():
    with start(HARMLESS) as host:
        port, pid = host.port("sleep"), host.plugin("sleep")["pid"]
        for _ in range(3):
            assert cupola.request(port, "/sleep").text == "well\n"
        warning = explained(host, "sleep", "warning")
        print(f"# {warning['text']}")
        assert warning["what"] == "blocked" and warning["signal"] is None, warning
        assert (warning["function"], warning["line"], warning["span"]) == ("blocking_sleep", line("sleep"), "going-wrong"), warning
        assert "svc_sleep()" in warning["hint"] and "svc_offload()" in warning["hint"]
        plugin = host.plugin("sleep")
        assert plugin["crash"] is None and plugin["pid"] == pid and plugin["crashes"] == 0
        stalls = [r for r, _ in records(host, "sleep") if r.get("eventName") == "cupola.service.stalled"]
        assert len(stalls) == 1 and stalls[0]["body"]["stringValue"] == warning["text"], stalls
        cupola.until(lambda: host.plugin("sleep")["stalls"] >= 2, "the others to be counted")


def test_a_leak_is_seen_as_growth():
    with start(HARMLESS) as host:
        port = host.port("leak")
        for _ in range(600):
            assert cupola.request(port, "/leak").status == 200
        process = next(p for p in host.status()["processes"] if p["name"] == "leak")
        assert process["rss"] - process["rss_ready"] > 32 << 20, process
        assert re.search(r"^process leak has \d+ MiB, \d+ more than when it was ready$", host.command("status").stdout, re.M)
        assert host.plugin("leak")["crash"] is None


def test_a_crash_is_forgotten_when_other_code_is_loaded():
    with start(["null"]) as host:
        port = host.port("null")
        provoke(port, "/null")
        assert explained(host, "null")["generation"] == 1
        cupola.until(lambda: is_well(port), "it to be back")
        cupola.compile_plugin(SOURCE, os.path.join(host.dir, "null.so"), defines=['NAME="null"', "FIXED"], sanitize=False)
        assert host.command("reload", "null").returncode == 0
        plugin = host.plugin("null")
        assert plugin["crash"] is None and plugin["last_crash"] is None and plugin["generation"] == 2, plugin
        assert "crashed at" not in host.command("status").stdout


def test_a_reload_does_not_wait_for_the_back_off():
    with start(["null"]) as host:
        port = host.port("null")
        for _ in range(2):  # soon after each other, so that the process is left alone for a while
            cupola.until(lambda: is_well(port), "it to be back")
            provoke(port, "/null")
        out = host.command("reload", "null")
        assert out.returncode == 0, out.stderr
        assert is_well(port)


def test_a_process_that_was_killed_is_explained_and_not_held_against_its_plugin():
    with start(["null"]) as host:
        port = host.port("null")
        os.kill(host.plugin("null")["pid"], 9)
        crash = explained(host, "null")
        assert crash["what"] == "killed" and crash["signal"] == "SIGKILL" and crash["frames"] == [], crash
        cupola.until(lambda: is_well(port), "it to be back")
        assert host.plugin("null")["crashes"] == 0


if __name__ == "__main__":
    cupola.main()
