# SPDX-License-Identifier: Apache-2.0
"""Starts the staged program and says results as TAP.

A test file defines functions named test_*, each a sentence, and ends with `cupola.main()`. Listeners
are on port 0; the ports are read from `cupola status --json`. Nothing here sleeps for a fixed time:
`until` polls a condition and fails with what it last saw.
"""

import contextlib
import http.client
import inspect
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

STAGE = os.environ.get("CUPOLA_STAGE") or os.path.abspath("stage")
SRCDIR = os.environ.get("CUPOLA_SRCDIR") or os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
BUILDDIR = os.environ.get("CUPOLA_BUILDDIR") or os.getcwd()
BIN = os.path.join(STAGE, "bin/cupola")
PLUGINS = os.path.join(STAGE, "lib/cupola/plugins")
PATIENCE = float(os.environ.get("CUPOLA_TEST_PATIENCE", "30"))  # a bound on failure, not a wait


class Skip(Exception):
    """Raised by a test that needs what this machine lacks; says what."""


def environment(extra=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_") and k not in ("http_proxy", "https_proxy")}
    env["LD_LIBRARY_PATH"] = os.path.join(STAGE, "lib")
    env.setdefault("ASAN_OPTIONS", "detect_leaks=0:abort_on_error=0")
    env.update(extra or {})
    return env


def until(condition, what="the condition", patience=None):
    """Returns the first true value of condition(), or fails."""
    end = time.monotonic() + (patience or PATIENCE)
    last = None
    while time.monotonic() < end:
        last = condition()
        if last:
            return last
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}; last: {last!r}")


def run(*args, env=None, timeout=60, input=None):
    """Runs `cupola ARGS` to its end."""
    return subprocess.run([BIN, *args], env=environment(env), timeout=timeout, text=True, capture_output=True, input=input)


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)


def request(port, path, method="GET", body=None, headers=None, timeout=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout or PATIENCE)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()


class Cupola:
    """`cupola run` with a configuration of its own, in a folder of its own."""

    def __init__(self, config, env=None, args=()):
        self.dir = tempfile.mkdtemp(prefix="cupola-test-")
        self.conf = os.path.join(self.dir, "host.conf")
        self.write(config)
        self.env = environment(env)
        self.args = list(args)
        self.output = []
        self.process = None

    def write(self, config):
        with open(self.conf, "w") as f:
            f.write(config.replace("@DIR@", self.dir))

    def start(self, expect_ready=True):
        self.process = subprocess.Popen(
            [BIN, "run", "-c", self.conf, *self.args], env=self.env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.ready = threading.Event()
        for stream in (self.process.stdout, self.process.stderr):
            threading.Thread(target=self._read, args=(stream,), daemon=True).start()
        if expect_ready:
            until(lambda: self.ready.is_set() or self.process.poll() is not None, "the line `ready`")
            if not self.ready.is_set():
                raise AssertionError(f"cupola run ended with {self.process.returncode}:\n{self.log()}")
        return self

    def _read(self, stream):
        for line in stream:
            self.output.append(line)
            if line.strip() == "ready":
                self.ready.set()

    def log(self):
        return "".join(self.output)

    def command(self, *args, timeout=60):
        return subprocess.run([BIN, args[0], "-c", self.conf, *args[1:]], env=self.env, timeout=timeout,
                              text=True, capture_output=True)

    def status(self):
        out = self.command("status", "--json")
        assert out.returncode == 0, out.stderr
        return json.loads(out.stdout)

    def plugin(self, name):
        return next(p for p in self.status()["plugins"] if p["name"] == name)

    def port(self, name, label=""):
        for listen in self.plugin(name)["listen"]:  # "127.0.0.1:5000", "page=127.0.0.1:5050"
            found, _, address = listen.rpartition("=")
            if not label or found == label:
                return int(address.rsplit(":", 1)[1])
        raise AssertionError(f"{name} does not listen by {label!r}")

    def get(self, name, path, **more):
        return request(self.port(name), path, **more)

    def stop(self, patience=None):
        """SIGTERM and wait; returns the exit status."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(patience or PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError("cupola did not stop:\n" + self.log())
        return self.process.returncode if self.process else None

    def kill(self):
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self.stop()
        finally:
            self.kill()
            if kind is not None:
                for line in self.log().splitlines()[-40:]:
                    print("#  " + line)
            shutil.rmtree(self.dir, ignore_errors=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def free_ports(n):
    """That many, all different: none is given back before all are taken."""
    with contextlib.ExitStack() as held:
        ports = []
        for _ in range(n):
            s = held.enter_context(socket.socket())
            s.bind(("127.0.0.1", 0))
            ports.append(s.getsockname()[1])
        return ports


def compile_plugin(source, out, name=None, defines=(), libraries=(), sanitize=True):
    """Builds a service from a C file or text, as a user would; with the host's sanitizers, when it has them."""
    cc = os.environ.get("CUPOLA_CC", "cc").split()
    flags = os.environ.get("CUPOLA_SAN", "").split() if sanitize else []
    if not os.path.exists(source):
        path = out + ".c"
        with open(path, "w") as f:
            f.write(source)
        source = path
    command = [*cc, "-shared", "-fPIC", "-g", "-O1", "-fno-omit-frame-pointer", *flags, *[f"-D{d}" for d in defines],
               f"-I{STAGE}/include", source, "-o", out + ".tmp", *libraries, f"-L{STAGE}/lib", "-lotel", "-ljansson"]
    subprocess.run(command, check=True)
    os.rename(out + ".tmp", out)
    return out


def main():
    """Runs every test_* function of the calling module; names given as arguments choose among them."""
    module = sys.modules["__main__"]
    tests = [(n, f) for n, f in inspect.getmembers(module, inspect.isfunction) if n.startswith("test_")]
    tests.sort(key=lambda t: t[1].__code__.co_firstlineno)
    if len(sys.argv) > 1:
        tests = [t for t in tests if t[0] in sys.argv[1:]]
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for i, (name, function) in enumerate(tests, 1):
        try:
            function()
            print(f"ok {i} - {name[5:]}", flush=True)
        except Skip as lack:
            print(f"ok {i} - {name[5:]} # SKIP {lack}", flush=True)
        except Exception:
            failed += 1
            for line in traceback.format_exc().splitlines():
                print("# " + line)
            print(f"not ok {i} - {name[5:]}", flush=True)
    sys.exit(1 if failed else 0)
