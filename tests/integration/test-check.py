# SPDX-License-Identifier: Apache-2.0
"""`cupola check` and POST /api/check over a running application; the examples of docs/checking.md as they stand."""

import http.server
import json
import os
import re
import signal
import stat
import subprocess
import tempfile
import threading
import time

import cupola

# As slow as the specification's defaults: what is not sent when it is asked for would not come in time.
CONFIG = """
[host]
workers = 1
runtime_dir = @DIR@/run
admin =
[telemetry]
endpoint = http://127.0.0.1:{otlp}
metrics.interval = {interval}
traces.delay = {delay}
logs.delay = {delay}
[resource]
deployment.environment.name = dev
[plugin frontend]
listen = 127.0.0.1:{frontend}
gateway_url = http://127.0.0.1:{gateway}
station_url = http://127.0.0.1:{page}
untraced = / !/api/distance
[plugin gateway]
listen = 127.0.0.1:{gateway}
geolocator_url = http://127.0.0.1:{geolocator}
iss_distance_url = http://127.0.0.1:{iss}
[plugin geolocator-service]
listen = 127.0.0.1:{geolocator}
search_url = http://127.0.0.1:{upstream}/search
[plugin iss-distance-service]
listen = 127.0.0.1:{iss}
position_url = http://127.0.0.1:{upstream}/iss-now.json
[plugin upstream]
listen = 127.0.0.1:{upstream}
[plugin station]
process = station
listen = page=127.0.0.1:{page}, otlp=127.0.0.1:{otlp}
"""
PORTS = ["otlp", "frontend", "gateway", "geolocator", "iss", "upstream", "page"]
DOCS = os.path.join(cupola.SRCDIR, "docs/checking.md")


def application(interval="60s", delay="5s"):
    ports = {name: cupola.free_port() for name in PORTS}
    host = cupola.Cupola(CONFIG.format(interval=interval, delay=delay, **ports))
    host.ports = ports
    host.station = f"http://127.0.0.1:{ports['page']}"
    return host


def spans(**more):
    return {"signal": "spans", "service": "gateway", **more}


def file_of(*expect, **more):
    return {"expect": list(expect), **more}


def check(host, file, *args, conf=True, before=None):
    """Runs `cupola check`, with the file on its standard input unless it is a path."""
    path = file if isinstance(file, str) else "-"
    return subprocess.run(
        [cupola.BIN, "check", path, *(["-c", host.conf] if conf else []), *args], env=host.env, text=True,
        input=None if isinstance(file, str) else json.dumps(file), capture_output=True, timeout=120)


def lines(run):
    return [json.loads(line) for line in run.stdout.splitlines()]


def post(host, body, query="", headers=None, method="POST"):
    return cupola.request(host.ports["page"], "/api/check" + query, method=method, headers=headers or {},
                          body=None if body is None else body if isinstance(body, str) else json.dumps(body))


def documented(language):
    with open(DOCS) as f:
        return re.findall(r"^```" + language + r"\n(.*?)^```", f.read(), re.S | re.M)


def script(folder, text):
    path = os.path.join(folder, "run-my-tests")
    with open(path, "w") as f:
        f.write("#!/bin/sh\n" + text)
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
    return path


class Receiver:
    """A server that remembers what it was asked; /hang is not answered."""

    def __enter__(self):
        asked = self.asked = []
        hanging = self.hanging = threading.Event()
        self.let_go = threading.Event()
        let_go = self.let_go

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                asked.append((self.command, self.path, dict(self.headers), body))
                if self.path == "/hang":
                    hanging.set()
                    let_go.wait(cupola.PATIENCE)
                self.send_response(int(self.path[1:4]) if self.path[1:4].isdigit() else 200)
                self.send_header("Content-Length", "5")
                self.end_headers()
                try:
                    self.wfile.write(b"hello")
                except OSError:
                    pass

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *what):
        self.let_go.set()
        self.server.shutdown()
        self.server.server_close()


def test_every_example_of_the_documentation_passes_as_it_stands():
    first, whole_trace, metrics, no_errors = documented("json")
    around, by_http = documented("sh")
    with application() as host:
        for name, text in [("first", first), ("whole-trace", whole_trace), ("metrics", metrics), ("metrics", metrics)]:
            path = os.path.join(host.dir, name + ".json")
            with open(path, "w") as f:
                f.write(text)
            run = check(host, path)
            assert run.returncode == 0, (name, run.stdout, run.stderr)
            assert "FAIL" not in run.stdout and "0 failed" in run.stdout, run.stdout
        with open(os.path.join(host.dir, "no-errors.json"), "w") as f:
            f.write(no_errors)
        script(host.dir, f"curl -sf 'http://127.0.0.1:{host.ports['gateway']}/?location=Lima'\n")
        os.symlink(cupola.BIN, os.path.join(host.dir, "cupola"))
        for shell in [around.replace("no-errors.json", f"no-errors.json -c {host.conf}"),
                      by_http.replace("127.0.0.1:5050", f"127.0.0.1:{host.ports['page']}")]:
            run = subprocess.run(["sh", "-ec", shell], cwd=host.dir, text=True, capture_output=True, timeout=60,
                                 env={**host.env, "PATH": host.dir + ":" + os.environ["PATH"]})
            assert run.returncode == 0, (shell, run.stdout, run.stderr)
        assert '"passed":3,"failed":0' in run.stdout, run.stdout


def test_what_is_counted_is_what_the_requests_did_and_no_wait_is_needed():
    counted = {"id": "counted", "select": {"signal": "points", "service": "iss-distance-service", "metric": "incoming.requests"},
               "increase": "${n}"}
    ended = {"id": "ended", "select": {"signal": "spans", "service": "iss-distance-service", "name": "calculating-iss-distance"},
             "count": "${n}"}
    file = file_of(counted, ended, let={"n": {"integer": [1, 5]}}, within="20s",
                   drive=[{"get": "${iss-distance-service}/?latitude=1&longitude=2", "times": "${n}"}])
    with application() as host:
        for _ in range(3):
            host.get("iss-distance-service", "/?latitude=1&longitude=2")  # of somebody else, before
            run = check(host, file, "--json")
            assert run.returncode == 0, run.stdout + run.stderr
            assert lines(run)[-1]["seconds"] < 10, run.stdout  # intervals are 60 s and 5 s


def test_a_miss_is_told_and_the_exit_status_is_1():
    file = file_of({"id": "right", "select": spans(kind="SERVER"), "count": 2},
                   {"id": "name", "say": "it has a name", "select": spans(name="GE"), "hints": ["one", "two"]},
                   {"id": "type", "select": spans(kind="SERVER"), "each": {"attributes": {"http.response.status_code": "200"}}},
                   title="Misses", within="1s", drive=[{"get": "${gateway}/?location=Lima", "times": 2, "status": 200}])
    with application() as host:
        run = check(host, file, "--json", "--seed", "7")
        assert run.returncode == 1, run.stderr
        drive, right, name, kind, total = lines(run)
        assert drive == {"id": "drive[0]", "say": f"GET http://127.0.0.1:{host.ports['gateway']}/?location=Lima answers 200, 2 times",
                         "result": "pass", "miss": None, "hints": []}
        assert right == {"id": "right", "say": "right", "result": "pass", "miss": None, "hints": []}
        assert name == {"id": "name", "say": "it has a name", "result": "fail", "miss": "span `GET` found; expected `GE`",
                        "hints": ["one", "two"]}
        assert kind["miss"] == "span `GET`: `http.response.status_code` is the integer 200; expected \"200\" (2 of 2 spans)"
        assert 0 < total.pop("seconds") < 20
        assert total == {"title": "Misses", "passed": 2, "failed": 2, "seed": 7, "done": True}
        plain = check(host, file)
        assert plain.returncode == 1
        assert "\033" not in plain.stdout  # no terminal, no colours
        assert re.search(r"^  FAIL  it has a name\n        span `GET` found; expected `GE`$", plain.stdout, re.M), plain.stdout
        only = check(host, file, "--json", "--only", "right")
        assert only.returncode == 0 and [line.get("id") for line in lines(only)] == ["right", None], only.stdout
        run = check(host, file, "--only", "rihgt")
        assert run.returncode == 2 and "did you mean right?" in run.stderr, run.stderr


def test_steps_send_what_they_say_and_are_assertions():
    with application() as host, Receiver() as receiver:
        steps = [
            {"post": receiver.url + "/a", "headers": {"X-Word": "${word}"}, "body": "plain ${word}", "status": 200},
            {"put": receiver.url + "/b", "json": {"n": "${n}", "list": ["${word}"]}, "times": 2,
             "let": {"n": {"integer": [1, 1000000]}}, "answer": "hello"},
            {"get": receiver.url + "/404", "status": {"one_of": [404, 410]}, "answer": {"contains": "ell"}},
            {"delete": receiver.url + "/500", "id": "gone", "say": "it is gone", "status": {"max": 299}, "hints": ["look"]},
            {"patch": receiver.url + "/c", "answer": {"not": {"contains": "hello"}}},
            {"wait": "1ms"},
            {"get": "http://127.0.0.1:1/", "timeout": "1s"},
        ]
        file = file_of({"id": "none", "select": {"signal": "spans", "service": "nobody"}, "count": 0}, drive=steps,
                       let={"word": {"letters": 8}, "hex": {"hex": 32}})
        run = check(host, file, "--json")
        assert run.returncode == 1, run.stderr
        results = {line["id"]: line for line in lines(run)[:-1]}
        assert [results[f"drive[{i}]"]["result"] for i in (0, 1, 2)] == ["pass"] * 3, run.stdout
        assert results["gone"]["miss"] == "the answer is 500 \"hello\"; expected at most 299"
        assert results["gone"]["hints"] == ["look"] and results["gone"]["say"] == "it is gone"
        assert results["drive[4]"]["miss"] == "the answer is \"hello\"; expected something without \"hello\""
        assert "drive[5]" not in results
        assert results["drive[6]"]["miss"].startswith("no answer: "), results["drive[6]"]
        a, b1, b2 = receiver.asked[:3]
        word = a[2]["X-Word"]
        assert re.fullmatch("[a-z]{8}", word) and a[3] == "plain " + word
        first, second = json.loads(b1[3]), json.loads(b2[3])
        assert first["list"] == [word] and isinstance(first["n"], int) and first["n"] != second["n"]
        assert b1[2]["Content-Type"] == "application/json"


def test_a_seed_repeats_a_run_and_set_wins():
    with application() as host, Receiver() as receiver:
        file = file_of({"id": "none", "select": {"signal": "spans", "service": "nobody"}, "count": 0},
                       drive=[{"get": receiver.url + "/${a}/${b}/${c}/${d}/${e}", "times": 2, "let": {"e": {"hex": 16}}}],
                       let={"a": {"integer": [0, 10**9]}, "b": {"number": [-80, 80], "decimals": 4},
                            "c": {"one_of": list("abcdefgh")}, "d": {"sum": ["${a}", 1]}})
        seed = lines(check(host, file, "--json"))[-1]["seed"]
        check(host, file, "--seed", str(seed))
        paths = [path for _, path, _, _ in receiver.asked]
        assert paths[:2] == paths[2:4] and paths[0] != paths[1], paths
        a, b, c, d, e = paths[0][1:].split("/")
        assert int(d) == int(a) + 1 and -80 <= float(b) <= 80 and len(b.split(".")[-1]) <= 4 and len(e) == 16
        run = check(host, file, "--seed", str(seed), "--set", "a=5")
        assert run.returncode == 0, run.stderr
        assert receiver.asked[4][1] == f"/5/{b}/{c}/6/{e}", receiver.asked[4]


def test_a_mistake_is_told_where_it_stands_and_nothing_is_sent():
    with application() as host, Receiver() as receiver:
        path = os.path.join(host.dir, "bad.json")

        def mistakes(text):
            with open(path, "w") as f:
                f.write(text)
            run = check(host, path)
            assert run.returncode == 2 and not run.stdout, run
            return [line.replace(path, "F") for line in run.stderr.splitlines()]

        assert mistakes('{ "expect": [ }') == [
            "F:1:15: not JSON: unexpected token near '}'", "cupola check: F cannot be read"]
        assert mistakes('{"drive": [{"get": "%s/x"}],\n "expect": [{"id": "ä", "select": {"signal": "spans", "knid": 1}}]}'
                        % receiver.url) == [
            'F:2:55: expect[0].select.knid: unknown key "knid"; did you mean "kind"?',
            "cupola check: F: 1 mistake, nothing was sent"]
        told = mistakes("""{
 "let": { "a": {"integer": [3]}, "b": {"integr": 1} },
 "drive": [ { "get": "${gatway}/", "tims": 3, "status": "ok" }, { "get": "ftp://x" }, { "wait": "1s", "post": "http://x" },
            { "get": "http://x", "times": 1001 } ]
}""")
        assert told == [
            "F:2:11: let.a: expected two integers, as in [3, 9], found another list",
            'F:2:40: let.b.integr: unknown key "integr"; did you mean "integer"?',
            "F:3:15: drive[0].get: ${gatway} has no value; did you mean ${gateway}?",
            'F:3:36: drive[0].tims: unknown key "tims"; did you mean "times"?',
            "F:3:47: drive[0].status: expected a status such as 200, or a matcher, found a text",
            'F:3:65: drive[1]: the URL begins with http:// or with ${SERVICE}, found "ftp://x"',
            "F:3:87: drive[2]: expected one of get, post, put, patch, delete or wait, found several",
            "cupola check: F: 7 mistakes, nothing was sent"], told
        assert mistakes('{"drive": [{"get": "http://x", "times": 1001}]}')[0] == \
            "F:1:32: drive[0].times: expected an integer from 1 to 1000"
        assert not receiver.asked


def test_it_says_why_it_cannot_check():
    file = file_of({"id": "a", "select": spans()})
    with application() as host:
        for args, sentence in [(["--seed", "x"], "--seed needs a number"), (["--within", "2m"], "up to 60s"),
                               (["--staton", "x"], "did you mean --station?"), (["--set", "x"], "NAME=VALUE"),
                               (["--station", "http://127.0.0.1:1"], "does not answer"), (["other"], "one argument too many")]:
            run = check(host, file, *args)
            assert run.returncode == 2 and sentence in run.stderr and len(run.stderr.splitlines()) == 1, (args, run)
        assert check(host, "/nowhere.json").stderr == "cupola check: /nowhere.json: No such file or directory\n"
        assert "which file?" in subprocess.run([cupola.BIN, "check"], env=host.env, text=True, capture_output=True).stderr
    run = check(host, file)  # it has ended by now
    assert run.returncode == 2 and "no host is running" in run.stderr, run


def test_finally_is_sent_after_ctrl_c_too():
    with application() as host, Receiver() as receiver:
        file = file_of({"id": "a", "select": spans()}, drive=[{"get": receiver.url + "/hang"}, {"get": receiver.url + "/never"}],
                       **{"finally": [{"post": receiver.url + "/end"}, {"post": receiver.url + "/500", "status": 200}]})
        process = subprocess.Popen([cupola.BIN, "check", "-", "-c", host.conf], env=host.env, text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(json.dumps(file))
        process.stdin.close()
        assert receiver.hanging.wait(cupola.PATIENCE)
        process.send_signal(signal.SIGINT)
        assert process.wait(cupola.PATIENCE) == 2
        error = process.stderr.read()
        assert "cupola check: interrupted\n" in error and "finally: POST" in error and "the answer is 500" in error, error
        assert [path for _, path, _, _ in receiver.asked] == ["/hang", "/end", "/500"]


def test_a_command_may_be_what_is_done():
    file = file_of({"id": "seen", "select": spans(), "count": {"min": 1}}, within="3s")
    with application() as host:
        ask = script(host.dir, f"echo working; curl -s 'http://127.0.0.1:{host.ports['gateway']}/?location=Lima'; exit $1\n")
        run = check(host, file, "--json", "--", ask, "0")
        assert run.returncode == 0, run
        assert [line.get("id") for line in lines(run)] == ["command", "seen", None] and "working" in run.stderr
        run = check(host, file, "--json", "--", ask, "3")
        assert run.returncode == 1 and lines(run)[0]["miss"] == "its exit status is 3; expected 0", run
        run = check(host, file, "--json", "--", "/no/such/command")
        assert run.returncode == 1 and lines(run)[0]["miss"] == "its exit status is 127; expected 0", run


def test_a_station_elsewhere_needs_no_host():
    counted = {"id": "counted", "select": {"signal": "points", "service": "gateway", "metric": "http.server.request.duration"},
               "increase": 3}
    with application(interval="300ms", delay="50ms") as host:
        url = f"http://127.0.0.1:{host.ports['gateway']}/?location=Lima"
        file = file_of(counted, drive=[{"get": url, "times": 3}], within="10s")
        cupola.request(host.ports["gateway"], "/?location=Oslo")
        cupola.until(lambda: b"dataPoints" in cupola.request(
            host.ports["page"], "/api/telemetry/metrics?service=gateway&name=http.server.request.duration").body, "a report")
        for _ in range(2):
            cupola.request(host.ports["gateway"], "/?location=Oslo")
            run = subprocess.run([cupola.BIN, "check", "-", "-c", "/nowhere/host.conf", "--station", host.station], text=True,
                                 env={**host.env, "XDG_RUNTIME_DIR": "/nowhere"}, input=json.dumps(file), capture_output=True)
            assert run.returncode == 0, (run.stdout, run.stderr)


def test_who_may_ask_the_station_and_how():
    file = file_of({"id": "a", "select": spans()}, within="100ms")
    with application() as host:
        assert post(host, None, method="GET").status == 405
        for headers in [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}]:
            assert post(host, file, headers=headers).status == 403
        assert post(host, file, headers={"Host": "evil.example"}).status == 403
        assert post(host, file, headers={"Origin": host.station}).status == 200
        reply = post(host, "{")
        assert reply.status == 400 and reply.json()["mistakes"][0]["message"].startswith("line 1, column 1: not JSON")
        assert post(host, " " * (257 << 10)).status == 413
        reply = post(host, file_of(file["expect"][0], since=10**9))
        assert reply.status == 409 and "started anew" in reply.text
        begun = post(host, file, "?begin").json()
        assert set(begun) == {"since"} and begun["since"] >= 0
        answer = post(host, {**file, "since": begun["since"]}).json()
        assert (answer["passed"], answer["failed"]) == (0, 1) and 0.1 <= answer["seconds"] < 5
        result = answer["results"][0]
        assert set(result) == {"id", "say", "result", "miss", "hints"} and "nothing" in result["miss"]
        cupola.request(host.ports["otlp"], "/v1/traces", "POST", "{", {"Content-Type": "application/json"})
        answer = post(host, file_of({"id": "a", "select": {"signal": "spans", "service": "me"}}, within="1ms")).json()
        assert "; the station refused POST /v1/traces: not JSON: " in answer["results"][0]["miss"], answer


def test_only_so_many_checks_run_at_once_and_a_client_that_leaves_frees_its_place():
    file = json.dumps(file_of({"id": "a", "select": spans(name="never")}, within="60s"))
    head = f"POST /api/check HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(file)}\r\n\r\n"
    quick = file_of({"id": "a", "select": spans(name="never")}, within="1ms")
    with application() as host:
        import socket

        running = []
        for _ in range(8):
            s = socket.create_connection(("127.0.0.1", host.ports["page"]))
            s.sendall((head + file).encode())
            assert s.recv(12) == b"HTTP/1.1 200"  # the answer has begun
            running.append(s)
        reply = post(host, quick)
        assert reply.status == 503 and reply.headers["Retry-After"], reply.status
        running.pop().close()
        cupola.until(lambda: post(host, quick).status == 200, "a free place")
        for s in running:
            s.close()


def test_a_terminal_has_colours_unless_it_is_told_not_to():
    import pty

    file = file_of({"id": "a", "select": {"signal": "spans", "service": "nobody"}, "count": 0})

    def shown(**env):
        primary, secondary = pty.openpty()
        run = subprocess.run([cupola.BIN, "check", "-", "-c", host.conf], env={**host.env, **env}, text=True,
                             input=json.dumps(file), stdout=secondary)
        os.close(secondary)
        assert run.returncode == 0
        text = b""
        try:
            while more := os.read(primary, 4096):  # in pieces, and an error at its end
                text += more
        except OSError:
            pass
        os.close(primary)
        return text.decode()

    with application() as host:
        assert "\033[32mpass\033[0m  a" in shown(NO_COLOR="")
        assert "\033" not in shown(NO_COLOR="1")


def test_telemetry_that_comes_late_is_waited_for():
    file = file_of({"id": "late", "select": {"signal": "spans", "service": "me", "name": "late"}, "count": 1}, within="30s")
    span = {"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "me"}}]},
                               "scopeSpans": [{"spans": [{"traceId": "01" * 16, "spanId": "02" * 8, "name": "late",
                                                          "startTimeUnixNano": "1", "endTimeUnixNano": "2"}]}]}]}
    with application() as host:
        done = {}
        thread = threading.Thread(target=lambda: done.update(post(host, file).json()))
        began = time.monotonic()
        thread.start()
        cupola.request(host.ports["otlp"], "/v1/traces", "POST", json.dumps(span), {"Content-Type": "application/json"})
        thread.join(cupola.PATIENCE)
        assert done["passed"] == 1 and time.monotonic() - began < 20, done


if __name__ == "__main__":
    cupola.main()
